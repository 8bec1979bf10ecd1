"""Files that may be packed, archives that strangers made, long traces: bytes on disk as lines and records."""

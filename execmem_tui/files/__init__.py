"""Files that may be packed, archives that strangers made, long traces.

Bytes on disk as lines and records.
"""

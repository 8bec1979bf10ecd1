"""Whose is an area? Told from sections, symbols, text bases and callers."""

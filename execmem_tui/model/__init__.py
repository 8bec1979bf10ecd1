"""The words everything else speaks: ranges, layouts, areas, events, snapshots.

Immutable, without I/O.
"""

"""Half-open intervals [start, end) of addresses."""

from collections.abc import Iterable
from typing import TypeAlias

from execmem_tui.model.units import Address

Interval: TypeAlias = tuple[Address, Address]
"""First address, first address behind."""


def union(pairs: Iterable[Interval]) -> list[Interval]:
    """Return what any of the intervals covers, ascending; those that touch are one."""
    merged: list[Interval] = []
    for start, end in sorted(pairs):
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = merged[-1][0], end
        elif end > start:
            merged.append((start, end))
    return merged


def without(pair: Interval, other: Interval) -> list[Interval]:
    """Return what of the first interval lies outside of the second.

    At most two pieces, ascending.
    """
    start, end = pair
    pieces = [(start, min(end, other[0])), (max(start, other[1]), end)]
    return [(low, high) for low, high in pieces if low < high]

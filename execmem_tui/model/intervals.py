"""Half-open intervals [start, end) of addresses."""

from bisect import bisect_right
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


def apart(pairs: Iterable[Interval], others: Iterable[Interval] = ()) -> tuple[Interval, ...]:
    """Return the intervals, in their order, that overlap no lower one that stays, and no other.

    Args:
        pairs: what is given.
        others: intervals that do not overlap each other.
    """
    given, taken = tuple(pairs), sorted(others)
    kept: set[int] = set()
    reached = 0
    for place in sorted(range(len(given)), key=given.__getitem__):
        start, end = given[place]
        at = bisect_right(taken, (start, end))
        below = taken[at - 1][1] if at else 0
        above = taken[at][0] if at < len(taken) else end
        if start < end <= above and start >= max(reached, below):
            kept.add(place)
            reached = end
    return given if len(kept) == len(given) else tuple(given[place] for place in sorted(kept))

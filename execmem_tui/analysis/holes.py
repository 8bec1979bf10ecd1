"""Free runs of address space: holes, the largest one, and the meters of each type."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate

from attrs import frozen

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.ranges import ExecmemRange, ExecmemType
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes


@frozen(kw_only=True)
class Meter:
    """One type's share of address space, in bytes; guards count as used."""

    used: Bytes
    """Live areas of the type, wherever they lie."""
    lazy: Bytes
    """Freed and not yet purged, of any owner, inside the type's windows."""
    free: Bytes
    """Free inside the type's windows; where they overlap, once."""
    largest_hole: Bytes
    """The longest free run inside one window: the largest padded request that would fit without a
    purge."""


class HoleIndex:
    """All holes of one snapshot, ascending; made once per snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        starts: list[Address] = []
        ends: list[Address] = []
        at = 0
        image = snapshot.layout.image
        for start, end in _taken(snapshot.areas, image):
            if start > at:
                starts.append(at)
                ends.append(start)
            at = max(at, end)
        starts.append(at)
        ends.append(1 << snapshot.layout.word_bits)
        self._starts = starts
        self._ends = ends
        self._total = [0, *accumulate(end - start for start, end in zip(starts, ends, strict=True))]

    def within(self, start: Address, end: Address) -> Iterator[tuple[Address, Address]]:
        """Yield the holes of [start, end), clipped to it."""
        first = bisect_right(self._ends, start)
        for index in range(first, bisect_left(self._starts, end)):
            yield max(self._starts[index], start), min(self._ends[index], end)

    def free_below(self, address: Address) -> Bytes:
        """Return how many bytes below `address` are free."""
        index = bisect_right(self._starts, address)
        if index == 0:
            return 0
        return (
            self._total[index - 1] + min(address, self._ends[index - 1]) - self._starts[index - 1]
        )

    def free(self, start: Address, end: Address) -> Bytes:
        """Return the free bytes of [start, end)."""
        return self.free_below(end) - self.free_below(start) if end > start else 0

    def largest(self, start: Address, end: Address) -> Bytes:
        """Return the longest hole of [start, end) in bytes."""
        return max((last - first for first, last in self.within(start, end)), default=0)

    def at(self, address: Address) -> tuple[Address, Address] | None:
        """Return the hole that covers `address`, or None."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self._ends[index]:
            return self._starts[index], self._ends[index]
        return None


def _taken(
    areas: tuple[Area, ...], image: tuple[Address, Address] | None
) -> list[tuple[Address, Address]]:
    taken = [(area.start, area.end) for area in areas]
    if image is not None:
        taken.append(image)
        taken.sort()
    return taken


def windows(entry: ExecmemRange) -> tuple[tuple[Address, Address], ...]:
    """Return the windows of a range: preferred, and fallback where there is one.

    None where it is unknown.
    """
    found = [(entry.start, entry.end)] if entry.end > entry.start else []
    if entry.has_fallback:
        found.append((entry.fallback_start, entry.fallback_end))
    return tuple(found)


def _union(pairs: tuple[tuple[Address, Address], ...]) -> list[tuple[Address, Address]]:
    merged: list[tuple[Address, Address]] = []
    for start, end in sorted(pairs):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def meters(snapshot: Snapshot, index: HoleIndex | None = None) -> dict[ExecmemType, Meter]:
    """Return the meter of every type."""
    holes = HoleIndex(snapshot) if index is None else index
    used = dict.fromkeys(ExecmemType, 0)
    lazy: list[Area] = []
    for area in snapshot.areas:
        if area.state is AreaState.LIVE:
            if area.type is not None:
                used[area.type] += area.footprint
        elif area.state is AreaState.LAZY:
            lazy.append(area)
    found = {}
    for kind in ExecmemType:
        pairs = windows(snapshot.layout.range_of(kind))
        found[kind] = Meter(
            used=used[kind],
            lazy=sum(
                area.footprint
                for area in lazy
                if any(start <= area.start < end for start, end in pairs)
            ),
            free=sum(holes.free(start, end) for start, end in _union(pairs)),
            largest_hole=max((holes.largest(start, end) for start, end in pairs), default=0),
        )
    return found

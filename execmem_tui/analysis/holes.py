"""Free runs of address space: holes, the largest one, and the meters of each type."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from heapq import nlargest
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.blocks import Block
from execmem_tui.model.intervals import Interval
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes

if TYPE_CHECKING:
    from execmem_tui.model.meters import Meter


class _Gaps:
    """What lies free between the areas of one block, ascending."""

    __slots__ = ("ends", "largest", "starts", "totals")

    def __init__(self, areas: Iterable[Area], at: Address) -> None:
        """Look at `areas`, all below `at` being taken."""
        self.starts: list[Address] = []
        self.ends: list[Address] = []
        for area in areas:
            if area.start > at:
                self.starts.append(at)
                self.ends.append(area.start)
            at = max(at, area.end)
        sizes = [end - start for start, end in zip(self.starts, self.ends, strict=True)]
        self.totals = [0, *accumulate(sizes)]
        self.largest = max(sizes, default=0)


def _gaps(block: Block) -> _Gaps:
    return _Gaps(block.areas, block.start)


@frozen
class _Fitting:
    """Counts how many pieces of `size` bytes fit into the gaps of a block."""

    size: Bytes

    def __call__(self, block: Block) -> int:
        gaps = block.find(_gaps)
        if gaps.largest < self.size:
            return 0
        pairs = zip(gaps.starts, gaps.ends, strict=True)
        return sum((end - start) // self.size for start, end in pairs)


class HoleIndex:
    """All holes of one snapshot, ascending; made once per snapshot, from what each block knows.

    The address space is cut into zones: zone n begins where the first n blocks end, with the gap
    before block n, and goes on with the gaps inside it. The kernel image is not free, but is looked
    at only when asked.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.word = "not seen" if snapshot.hidden else "free"
        """What a run without areas is: where addresses are hidden, something may be there."""
        self._image = snapshot.layout.image
        self._blocks = snapshot.areas.blocks
        self._limit = 1 << snapshot.layout.word_bits
        self._floors: list[Address] = []
        self._firsts: list[Address] = [*snapshot.areas.firsts, self._limit]
        self._inner: list[_Gaps] = []
        at = 0
        for block in self._blocks:
            self._floors.append(at)
            if at <= block.starts[0]:
                self._inner.append(block.find(_gaps))
            else:
                self._inner.append(_Gaps(block.areas, at))  # of a capture: areas that overlap
            at = max(at, block.end)
        self._floors.append(at)
        self._inner.append(_Gaps((), 0))
        leads = [
            max(0, first - floor) for first, floor in zip(self._firsts, self._floors, strict=True)
        ]
        self._largest = [
            max(lead, gaps.largest) for lead, gaps in zip(leads, self._inner, strict=True)
        ]
        sizes = (lead + gaps.totals[-1] for lead, gaps in zip(leads, self._inner, strict=True))
        self._totals = [0, *accumulate(sizes)]
        counts = (
            (lead > 0) + len(gaps.starts) for lead, gaps in zip(leads, self._inner, strict=True)
        )
        self._counts = [0, *accumulate(counts)]

    def _beside_image(self, start: Address, end: Address) -> Iterator[tuple[Address, Address]]:
        """Yield the parts of [start, end) that the kernel image leaves."""
        low, high = self._image or (end, end)
        if start < min(low, end):
            yield start, min(low, end)
        if max(start, high) < end:
            yield max(start, high), end

    def _zone(self, address: Address) -> int:
        return bisect_right(self._floors, address) - 1

    def _in_zone(
        self, zone: int, start: Address, end: Address
    ) -> Iterator[tuple[Address, Address]]:
        """Yield the gaps of a zone that touch [start, end), not clipped."""
        floor, first, gaps = self._floors[zone], self._firsts[zone], self._inner[zone]
        if max(floor, start) < min(first, end):
            yield floor, first
        for index in range(bisect_right(gaps.ends, start), bisect_left(gaps.starts, end)):
            yield gaps.starts[index], gaps.ends[index]

    def _gaps_within(self, start: Address, end: Address) -> Iterator[tuple[Address, Address]]:
        for zone in range(self._zone(start), self._zone(end - 1) + 1):
            for low, high in self._in_zone(zone, start, end):
                yield max(low, start), min(high, end)

    def within(self, start: Address, end: Address) -> Iterator[tuple[Address, Address]]:
        """Yield the holes of [start, end), clipped to it."""
        for low, high in self._beside_image(start, min(end, self._limit)):
            yield from self._gaps_within(low, high)

    def _gaps_below(self, address: Address) -> Bytes:
        zone = self._zone(address)
        floor, gaps = self._floors[zone], self._inner[zone]
        lead = max(0, min(address, self._firsts[zone]) - floor)
        index = bisect_right(gaps.starts, address)
        inner = (
            gaps.totals[index - 1] + min(address, gaps.ends[index - 1]) - gaps.starts[index - 1]
            if index
            else 0
        )
        return self._totals[zone] + lead + inner

    def free(self, start: Address, end: Address) -> Bytes:
        """Return the free bytes of [start, end)."""
        return sum(
            self._gaps_below(high) - self._gaps_below(low)
            for low, high in self._beside_image(start, min(end, self._limit))
        )

    def _zones_inside(self, start: Address, end: Address) -> tuple[int, int]:
        """Return (first, stop) of the zones that lie in [start, end) whole."""
        return bisect_left(self._floors, start), bisect_right(self._floors, end) - 1

    def _at_edges(
        self, start: Address, end: Address, first: int, stop: int
    ) -> Iterator[tuple[Address, Address]]:
        """Yield the gaps of [start, end) outside the zones [first, stop), clipped."""
        if first >= stop:
            yield from self._gaps_within(start, end)
            return
        if start < self._floors[first]:
            yield from self._gaps_within(start, self._floors[first])
        if self._floors[stop] < end:
            yield from self._gaps_within(self._floors[stop], end)

    def largest(self, start: Address, end: Address) -> Bytes:
        """Return the longest hole of [start, end) in bytes."""
        found = 0
        for low, high in self._beside_image(start, min(end, self._limit)):
            first, stop = self._zones_inside(low, high)
            edges = self._at_edges(low, high, first, stop)
            found = max(
                found,
                max((after - before for before, after in edges), default=0),
                max(self._largest[first:stop], default=0),
            )
        return found

    def count(self, start: Address, end: Address) -> int:
        """Return how many holes [start, end) has."""
        found = 0
        for low, high in self._beside_image(start, min(end, self._limit)):
            first, stop = self._zones_inside(low, high)
            found += sum(1 for _ in self._at_edges(low, high, first, stop))
            found += self._counts[stop] - self._counts[first] if first < stop else 0
        return found

    def longest(self, start: Address, end: Address, most: int) -> list[tuple[Address, Address]]:
        """Return the `most` longest holes of [start, end), ascending by address."""
        found: list[tuple[Address, Address]] = []
        for low, high in self._beside_image(start, min(end, self._limit)):
            first, stop = self._zones_inside(low, high)
            found += self._at_edges(low, high, first, stop)
            # a hole among the longest lies in a zone whose longest is among the longest
            for zone in nlargest(most, range(first, stop), key=self._largest.__getitem__):
                found += self._in_zone(zone, low, high)
        return sorted(nlargest(most, found, key=lambda hole: hole[1] - hole[0]))

    def fits(self, start: Address, end: Address, size: Bytes) -> int:
        """Return how many requests of `size` padded bytes the holes of [start, end) would hold."""
        found = 0
        count = _Fitting(size)
        for low, high in self._beside_image(start, min(end, self._limit)):
            first, stop = self._zones_inside(low, high)
            edges = self._at_edges(low, high, first, stop)
            found += sum((after - before) // size for before, after in edges)
            for zone in range(first, stop):
                if self._largest[zone] >= size:
                    found += self._fits_in_zone(zone, count)
        return found

    def _fits_in_zone(self, zone: int, count: _Fitting) -> int:
        lead = self._firsts[zone] - self._floors[zone]
        if lead >= 0:
            return lead // count.size + self._blocks[zone].find(count)
        gaps = self._inner[zone]
        pairs = zip(gaps.starts, gaps.ends, strict=True)
        return sum((end - start) // count.size for start, end in pairs)

    def at(self, address: Address) -> tuple[Address, Address] | None:
        """Return the hole that covers `address`, or None."""
        for start, end in self._in_zone(self._zone(address), address, address + 1):
            for before, after in self._beside_image(start, end):
                if before <= address < after:
                    return before, after
        return None


class Tally(NamedTuple):
    """What the areas of one type come to, wherever they lie. Guards count."""

    areas: int = 0
    used: Bytes = 0
    spilled: int = 0
    """Of the areas, those in the fallback window."""


_TYPES: Final = tuple(ExecmemType)


def _live(block: Block) -> tuple[int, ...]:
    """Return (areas, bytes, spilled areas) of every type, one after the other."""
    found = [0] * (3 * len(_TYPES))
    for area in block.areas:
        if area.type is not None and area.state is AreaState.LIVE:
            found[3 * area.type] += 1
            found[3 * area.type + 1] += area.footprint
            found[3 * area.type + 2] += area.window is Window.FALLBACK
    return tuple(found)


def tallies(snapshot: Snapshot) -> dict[ExecmemType, Tally]:
    """Return what the live areas of every type come to."""
    blocks = snapshot.areas.blocks
    sums = [sum(column) for column in zip(*(block.find(_live) for block in blocks), strict=True)]
    return {kind: Tally(*sums[3 * kind : 3 * kind + 3]) for kind in ExecmemType}


@frozen
class _Lazy:
    """Sums the lazy areas of a block that start in one of the windows."""

    pairs: tuple[tuple[Address, Address], ...]

    def __call__(self, block: Block) -> Bytes:
        return sum(
            area.footprint
            for area in block.areas
            if area.state is AreaState.LAZY
            and any(start <= area.start < end for start, end in self.pairs)
        )


def meters(snapshot: Snapshot, index: HoleIndex | None = None) -> "dict[ExecmemType, Meter]":
    """Return the meter of every type."""
    blocks = snapshot.areas.blocks

    def lazy(windows: tuple[Interval, ...]) -> Bytes:
        within = _Lazy(windows)
        return sum(block.find(within) for block in blocks)

    holes = HoleIndex(snapshot) if index is None else index
    used = {kind: tally.used for kind, tally in tallies(snapshot).items()}
    from execmem_tui.model.meters import meters_of

    return meters_of(snapshot.layout, holes, used, lazy)

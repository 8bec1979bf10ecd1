"""What each cell of a map shows: kind, occupancy in eighths, fallback, reach of free space.

Everything is looked up in per-kind running totals that are made once per snapshot, so a row costs
the same however many areas it covers.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, groupby
from operator import attrgetter
from typing import Final

from attrs import frozen

from execmem_tui.model.areas import Area, AreaKind, Part, PartState
from execmem_tui.model.ranges import Window
from execmem_tui.model.reach import Verdict
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes
from execmem_tui.view.kinds import FREE, GUARD
from execmem_tui.view.panes import Lane

_KIND = attrgetter("kind")
_SIZE = attrgetter("size")
_END = attrgetter("end")
_LABEL_CELLS: Final = 4


class Coverage:
    """Running totals over disjoint intervals, ascending."""

    __slots__ = ("ends", "starts", "totals")

    def __init__(self, intervals: list[tuple[Address, Address]]) -> None:
        self.starts = [start for start, _ in intervals]
        self.ends = [end for _, end in intervals]
        self.totals = [0, *accumulate(end - start for start, end in intervals)]

    def below(self, address: Address) -> Bytes:
        """Return the covered bytes below `address`."""
        index = bisect_right(self.starts, address)
        if index == 0:
            return 0
        index -= 1
        end = self.ends[index]
        return self.totals[index] + (address if address < end else end) - self.starts[index]  # noqa: FURB136 - hot

    def touches(self, start: Address, end: Address) -> bool:
        """Whether any interval touches [start, end)."""
        return bisect_left(self.starts, end) > bisect_right(self.ends, start)


@frozen
class Cell:
    """One cell.

    `eighths` is 0 for free space and at least 1 for anything allocated, used or not.
    """

    kind: str
    eighths: int
    fallback: bool
    reach: Verdict | None
    """Reach of calls from the origin, for free space only; None outside every window or where
    unknown."""


@frozen
class Run:
    """Equal neighbours of a row: `width` cells, or a name written into the first of them."""

    cell: Cell
    width: int
    text: str = ""


def _gaps(area: Area) -> Iterator[tuple[Address, Address]]:
    """Yield what no used part of `area` covers, its guard left out; dirty slots are not in use."""
    at = area.start
    for part in area.parts or ():
        if part.state is PartState.USED:
            if part.start > at:
                yield at, part.start
            at = part.end
    if area.start + area.size > at:
        yield at, area.start + area.size


def _parts_within(area: Area, start: Address, end: Address) -> Iterator[Part]:
    """Yield the parts of `area` that touch [start, end)."""
    parts = area.parts or ()
    for index in range(bisect_right(parts, start, key=_END), len(parts)):
        if parts[index].start >= end:
            break
        yield parts[index]


def _disjoint(pairs: list[tuple[Address, Address]]) -> list[tuple[Address, Address]]:
    merged: list[tuple[Address, Address]] = []
    for start, end in pairs:
        if merged and start < merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = merged[-1][0], end
        elif end > start:
            merged.append((start, end))
    return merged


@frozen
class ReachWindow:
    """The addresses that calls from an origin reach directly, and those a PLT entry reaches.

    Half-open.
    """

    direct: tuple[Address, Address] | None
    plt: tuple[Address, Address] | None

    def verdict(self, address: Address) -> Verdict | None:
        """Return how a call reaches `address`."""
        if self.direct is None:
            return None
        if self.direct[0] <= address < self.direct[1]:
            return Verdict.DIRECT
        if self.plt is not None and self.plt[0] <= address < self.plt[1]:
            return Verdict.PLT
        return Verdict.UNREACHABLE


class CellIndex:
    """All that rows of one snapshot are drawn from."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.page_size = snapshot.layout.page_size
        self._coarse = self._by_kind(guards=True)
        self._fine: dict[str, Coverage] | None = None
        self._divided = sorted(
            (area for area in snapshot.areas if area.parts is not None), key=_SIZE
        )
        self._idle: dict[int, Coverage] = {}
        fallback = [
            (area.start, area.end) for area in snapshot.areas if area.window is Window.FALLBACK
        ]
        self._fallback = Coverage(_disjoint(fallback))

    def _by_kind(self, *, guards: bool) -> dict[str, Coverage]:
        found: dict[str, list[tuple[Address, Address]]] = {}
        for kind, areas in groupby(sorted(self.snapshot.areas, key=_KIND), key=_KIND):
            pieces = [
                (area.start, area.end if guards else area.start + area.size) for area in areas
            ]
            found[kind.value] = pieces
        image = self.snapshot.layout.image
        if image is not None and AreaKind.KERNEL.value not in found:
            found[AreaKind.KERNEL.value] = [image]
        if not guards:
            found[GUARD] = [
                (area.end - area.guard, area.end) for area in self.snapshot.areas if area.guard
            ]
        return {kind: Coverage(_disjoint(sorted(pieces))) for kind, pieces in found.items()}

    def _idle_for(self, cell: Bytes) -> Coverage | None:
        """Return what is unused inside the divided areas that are at least a cell big.

        Those that a cell can look into.
        """
        first = bisect_left(self._divided, cell, key=_SIZE)
        if first == len(self._divided):
            return None
        if first not in self._idle:
            gaps = [gap for area in self._divided[first:] for gap in _gaps(area)]
            self._idle[first] = Coverage(sorted(gaps))
        return self._idle[first]

    def cells(
        self,
        start: Address,
        cell: Bytes,
        columns: int,
        reach: ReachWindow | None = None,
        favour: tuple[str, ...] = (),
    ) -> list[Cell]:
        """Return the cells of the row that begins at `start`.

        A cell shows the kind that takes most of it; kinds in `favour` win wherever they occur, so
        that a pane's own rare areas are not buried under others. What an area's consumer leaves
        unused inside it counts for the kind but not for the height.
        """
        if cell <= self.page_size and self._fine is None:
            self._fine = self._by_kind(guards=False)
        coverage = self._fine if cell <= self.page_size and self._fine is not None else self._coarse
        end = start + cell * columns
        edges = range(start, end + 1, cell)
        kinds: list[str] = [FREE] * columns
        best = [0] * columns
        total = [0] * columns
        for kind, covered in coverage.items():
            if not covered.touches(start, end):
                continue
            before = covered.below(start)
            for column in range(columns):
                after = covered.below(edges[column + 1])
                inside = after - before
                if inside:
                    total[column] += inside
                    weight = inside + cell if kind in favour else inside
                    if weight > best[column]:
                        best[column] = weight
                        kinds[column] = kind
                    before = after
        idle = self._idle_for(cell)
        if idle is not None and idle.touches(start, end):
            for column in range(columns):
                total[column] -= idle.below(edges[column + 1]) - idle.below(edges[column])
        spilled = self._fallback.touches(start, end)
        return [
            self._cell(kinds[column], min(total[column], cell), edges[column], cell, spilled, reach)
            for column in range(columns)
        ]

    def _cell(
        self,
        kind: str,
        used: Bytes,
        start: Address,
        cell: Bytes,
        spilled: bool,
        reach: ReachWindow | None,
    ) -> Cell:
        if kind == FREE:
            return Cell(
                FREE, 0, fallback=False, reach=None if reach is None else reach.verdict(start)
            )
        eighths = 8 if used == cell else max(1, used * 8 // cell)
        return Cell(
            kind,
            eighths,
            fallback=spilled and self._fallback.touches(start, start + cell),
            reach=None,
        )

    def runs(
        self,
        start: Address,
        cell: Bytes,
        columns: int,
        reach: ReachWindow | None = None,
        favour: tuple[str, ...] = (),
    ) -> list[Run]:
        """Return the row as runs, with the names of areas, and of the parts inside them, that are wide enough."""
        cells = self.cells(start, cell, columns, reach, favour)
        names: dict[int, tuple[int, str]] = {}
        if cell <= self.page_size * 16:
            for area in self.snapshot.between(start, start + cell * columns):
                pieces: list[Area | Part] = [
                    *_parts_within(area, start, start + cell * columns),
                    area,
                ]
                for piece in pieces:
                    first, last = self._columns(piece, start, cell, columns)
                    if last - first >= _LABEL_CELLS and first not in names:
                        names[first] = (last - first, piece.name)
        runs: list[Run] = []
        column = 0
        while column < columns:
            here = cells[column]
            stop = column + 1
            while stop < columns and stop not in names and cells[stop] == here:
                stop += 1
            text = ""
            if column in names and here.eighths == 8:
                width, name = names[column]
                text = name[: min(width, stop - column) - (stop in names)]  # two names never touch
            runs.append(Run(here, stop - column, text))
            column = stop
        return runs

    @staticmethod
    def _columns(area: Area | Part, start: Address, cell: Bytes, columns: int) -> tuple[int, int]:
        first = max(0, -(-(area.start - start) // cell))
        last = min(columns, (area.start + area.size - start) // cell)
        return first, last


def lane_cells(
    index: CellIndex, lane: Lane, width: int, favour: tuple[str, ...] = ()
) -> list[Cell]:
    """Return the cells of a lane.

    At most `width`, of equal size up to a byte, over the part that it shows.
    """
    span = lane.shown_end - lane.shown_start
    width = max(1, min(width, span))
    edges = [lane.shown_start + span * column // width for column in range(width + 1)]
    return [
        index.cells(edges[column], edges[column + 1] - edges[column], 1, None, favour)[0]
        for column in range(width)
    ]

"""What each cell of a map shows: kind, occupancy in eighths, fallback, edges, reach of free space.

A row costs what is in the row. Where it holds few areas they are walked; where it holds many, each
block of areas answers for the cells it lies in from running totals that it keeps.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import Final

from attrs import frozen

from execmem_tui.model.areas import KERNEL_OWNER, Area, Part, PartState
from execmem_tui.model.blocks import Block
from execmem_tui.model.layouts import Layout
from execmem_tui.model.reach import Verdict
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes
from execmem_tui.view.kinds import FORBIDDEN, FREE, GUARD
from execmem_tui.view.labels import Ink, Label, Named, labels
from execmem_tui.view.paint import DIMMED, IMAGE, KINDS, LensName, Paint, Piece

_END = attrgetter("end")
_BEGIN = attrgetter("start")
_WALK: Final = 64
"""Areas of a block that are walked without asking whether its running totals would be cheaper."""

_DENSE: Final = 8
"""Areas in a cell from which on edges and names would say nothing: totals do."""


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


@frozen
class Cell:
    """One cell.

    `eighths` is 0 for free space and at least 1 for anything allocated, used or not.
    """

    kind: str
    """Name of a look: a kind, or a word of the lens."""
    eighths: int
    fallback: bool = False
    reach: Verdict | None = None
    """Reach of calls from the origin, for free space only; None outside every window or where
    unknown."""
    edge: bool = False
    """An area, or a named piece of one, begins here."""
    dim: bool = False
    """The filter leaves it out."""


@frozen
class Run:
    """Equal neighbours of a row: `width` cells, or a text written into them."""

    cell: Cell
    width: int
    text: str = ""
    ink: Ink = Ink.NONE


@frozen
class ReachWindow:
    """What free addresses are good for.

    The addresses that calls from an origin reach directly, those a PLT entry reaches, and those
    where the allocator may look at all. Half-open.
    """

    direct: tuple[Address, Address] | None
    plt: tuple[Address, Address] | None
    allowed: tuple[tuple[Address, Address], ...] | None = None
    """The windows of the types that are looked at; None says nothing about them."""

    def verdict(self, address: Address) -> Verdict | None:
        """Return how a call reaches `address`."""
        if self.direct is None:
            return None
        if self.direct[0] <= address < self.direct[1]:
            return Verdict.DIRECT
        if self.plt is not None and self.plt[0] <= address < self.plt[1]:
            return Verdict.PLT
        return Verdict.UNREACHABLE

    def forbidden(self, address: Address) -> bool:
        """Whether no window takes `address` in."""
        return self.allowed is not None and not any(
            start <= address < end for start, end in self.allowed
        )

    @property
    def borders(self) -> tuple[Address, ...]:
        """Every address where something changes, ascending."""
        pairs = [*(self.allowed or ()), *(pair for pair in (self.direct, self.plt) if pair)]
        return tuple(sorted({edge for pair in pairs for edge in pair}))


@frozen
class _Covered:
    """Makes the running totals of one block, by look."""

    paint: Paint
    fine: bool
    """Guards are looks of their own."""

    def __call__(self, block: Block) -> tuple[dict[str, Coverage], Coverage]:
        """Return the totals of every look, and those of what spilled."""
        found: dict[str, list[tuple[Address, Address]]] = {}
        spilled: list[tuple[Address, Address]] = []
        for piece in block.find(self.paint):
            stop = piece.stop if self.fine else piece.end
            found.setdefault(piece.look, []).append((piece.start, stop))
            if self.fine and piece.end > piece.stop:
                found.setdefault(GUARD, []).append((piece.stop, piece.end))
            if piece.spilled:
                spilled.append((piece.start, piece.end))
        looks = {look: Coverage(_disjoint(pairs)) for look, pairs in found.items()}
        return looks, Coverage(_disjoint(spilled))


def _disjoint(pairs: list[tuple[Address, Address]]) -> list[tuple[Address, Address]]:
    merged: list[tuple[Address, Address]] = []
    for start, end in pairs:
        if merged and start < merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = merged[-1][0], end
        elif end > start:
            merged.append((start, end))
    return merged


def _has_image(block: Block) -> bool:
    return any(area.owner == KERNEL_OWNER for area in block.areas)


def _parts_within(area: Area, start: Address, end: Address) -> Iterator[Part]:
    """Yield the parts of `area` that touch [start, end)."""
    parts = area.parts or ()
    for index in range(bisect_right(parts, start, key=_END), len(parts)):
        if parts[index].start >= end:
            break
        yield parts[index]


def _gaps(area: Area, start: Address, end: Address) -> Iterator[tuple[Address, Address]]:
    """Yield what no used part of `area` covers in [start, end), its guard left out; dirty slots are not in use."""
    at, stop = max(area.start, start), min(area.start + area.size, end)
    for part in _parts_within(area, at, stop):
        if part.state is PartState.USED:
            if part.start > at:
                yield at, part.start
            at = part.end
    if stop > at:
        yield at, stop


class _Row:
    """Adds up what lies in the cells of one row."""

    def __init__(self, start: Address, cell: Bytes, columns: int) -> None:
        self.start, self.cell, self.columns = start, cell, columns
        self.end = start + cell * columns
        self.used: dict[str, list[int]] = {}
        self.idle = [0] * columns
        self.spilled = bytearray(columns)
        self.edges = bytearray(columns)
        self.reached: dict[str, Address] = {}
        """How far each look came: what overlaps counts once."""

    def add(self, look: str, low: Address, high: Address) -> None:
        """Count [low, high) for a look, as far as it lies in the row."""
        low, high = max(low, self.start, self.reached.get(look, 0)), min(high, self.end)
        if low < high:
            counts = self.used.setdefault(look, [0] * self.columns)
            self._spread(counts, low, high)
            self.reached[look] = high

    def _spread(self, counts: list[int], low: Address, high: Address) -> None:
        cell = self.cell
        first, inside = divmod(low - self.start, cell)
        last = (high - 1 - self.start) // cell
        if first == last:
            counts[first] += high - low
            return
        counts[first] += cell - inside
        for column in range(first + 1, last):
            counts[column] += cell
        counts[last] += high - self.start - last * cell

    def add_piece(self, piece: Piece, fine: bool) -> None:
        """Count one area."""
        self.add(piece.look, piece.start, piece.stop if fine else piece.end)
        if fine and piece.end > piece.stop:
            self.add(GUARD, piece.stop, piece.end)
        if piece.spilled:
            first = max(0, (piece.start - self.start) // self.cell)
            last = min(self.columns - 1, (piece.end - 1 - self.start) // self.cell)
            self.spilled[first : last + 1] = b"\1" * (last + 1 - first)
        area = piece.area
        if area.parts is not None and area.size >= self.cell:
            for low, high in _gaps(area, self.start, self.end):
                self._spread(self.idle, low, high)

    def add_block(self, block: Block, covered: _Covered) -> None:
        """Count a whole block from its running totals."""
        looks, spilled = block.find(covered)
        first = max(0, (block.start - self.start) // self.cell)
        last = min(self.columns - 1, (block.end - 1 - self.start) // self.cell)
        edges = range(self.start + first * self.cell, self.end + 1, self.cell)
        for look, coverage in looks.items():
            counts = self.used.setdefault(look, [0] * self.columns)
            before = coverage.below(edges[0])
            for number in range(last + 1 - first):
                after = coverage.below(edges[number + 1])
                counts[first + number] += after - before
                before = after
        if spilled.starts:
            before = spilled.below(edges[0])
            for number in range(last + 1 - first):
                after = spilled.below(edges[number + 1])
                if after > before:
                    self.spilled[first + number] = 1
                before = after

    def begin(self, address: Address) -> None:
        """Mark the cell where an area, or a named piece, begins."""
        if self.start <= address < self.end:
            self.edges[(address - self.start) // self.cell] = 1


class CellIndex:
    """All that rows of one snapshot are drawn from. Making one costs nothing."""

    def __init__(self, snapshot: Snapshot, paint: Paint = KINDS) -> None:
        self.snapshot = snapshot
        self.paint = paint
        self.page_size = snapshot.layout.page_size
        self._areas = snapshot.areas
        # another lens has colours for something else, and the lanes still tell
        self._tells_spills = paint.lens.name is LensName.KIND
        image = snapshot.layout.image
        blocks = self._areas.blocks
        drawn = image is not None and any(block.find(_has_image) for block in blocks)
        self._image = None if drawn else image

    def seen(self, start: Address, end: Address) -> tuple[Block, ...]:
        """Return the blocks that a row of [start, end) is drawn from: equal blocks, equal row."""
        return self._areas.blocks_between(start, end)

    def _row(self, start: Address, cell: Bytes, columns: int) -> tuple[_Row, list[Piece]]:
        """Return the sums of a row, and its areas, as far as they were looked at one by one."""
        row = _Row(start, cell, columns)
        fine = cell <= self.page_size
        covered = _Covered(self.paint, fine)
        walked: list[Piece] = []
        reached = 0
        for block in self._areas.blocks_between(start, row.end):
            starts = block.starts
            first, stop = bisect_left(starts, start), bisect_left(starts, row.end)
            if first and block.areas[first - 1].end > start:
                first -= 1
            cells = (min(block.end, row.end) - max(block.start, start)) // cell + 1
            if stop - first > max(_WALK, _DENSE * cells) and reached <= block.start:
                row.add_block(block, covered)
            else:
                pieces = block.find(self.paint)[first:stop]
                for piece in pieces:
                    row.add_piece(piece, fine)
                    row.begin(piece.start)
                walked += pieces
            reached = max(reached, block.end)
        if self._image is not None:
            row.add(IMAGE, *self._image)
        return row, walked

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
        row, _ = self._row(start, cell, columns)
        return self._cells(row, reach, favour)

    def _cells(self, row: _Row, reach: ReachWindow | None, favour: tuple[str, ...]) -> list[Cell]:
        columns, cell = row.columns, row.cell
        looks: list[str] = [FREE] * columns
        best = [0] * columns
        total = [0] * columns
        # by name, so that a tie is decided alike whether areas were walked or added up
        for look, counts in sorted(row.used.items()):
            extra = cell if look in favour else 0
            for column, count in enumerate(counts):
                if count:
                    total[column] += count
                    if count + extra > best[column]:
                        best[column] = count + extra
                        looks[column] = look
        found = []
        for column in range(columns):
            look = looks[column]
            if look == FREE:
                found.append(_free(row.start + column * cell, reach))
                continue
            used = min(total[column] - row.idle[column], cell)
            name = look.removeprefix(DIMMED)
            found.append(
                Cell(
                    name,
                    8 if used == cell else max(1, used * 8 // cell),
                    fallback=bool(row.spilled[column]) and self._tells_spills,
                    edge=bool(row.edges[column]) and name != IMAGE,
                    dim=name is not look,
                )
            )
        return found

    def runs(
        self,
        start: Address,
        cell: Bytes,
        columns: int,
        reach: ReachWindow | None = None,
        favour: tuple[str, ...] = (),
    ) -> list[Run]:
        """Return the row as runs, with edges and with the names of what is wide enough."""
        row, walked = self._row(start, cell, columns)
        named = sorted(self._named(row, walked), key=_BEGIN)
        for each in named:
            row.begin(each.start)
        cells = self._cells(row, reach, favour)
        texts = {label.column: label for label in labels(named, cells_full(cells))}
        return runs_of(cells, texts)

    def _named(self, row: _Row, walked: list[Piece]) -> Iterator[Named]:
        """Yield what may carry a name in this row, in columns that it fills."""
        cell = row.cell
        guards = cell > self.page_size
        for piece in walked:
            area = piece.area
            if piece.area.owner == KERNEL_OWNER:
                continue  # its sections are named below, however many areas stand for it
            inside = [
                (part.start, part.end, part.name)
                for part in _parts_within(area, row.start, row.end)
            ] or _symbols(area, row.start, row.end)
            if inside and area.size >= 4 * cell:
                for low, high, name in inside:
                    if not _named_above(row, low, name):
                        yield Named(low, *_columns(row, low, high), owner=name)
                continue
            name = area.owner or area.name
            if _named_above(row, piece.start, name):
                continue
            yield Named(
                piece.start,
                *_columns(row, piece.start, piece.end if guards else piece.stop),
                owner=name,
                region=area.region or "",
            )
        for low, high, name in sections(self.snapshot.layout):
            if row.start <= low < row.end:
                yield Named(low, *_columns(row, low, high), owner=f"kernel {name}")


def _named_above(row: _Row, start: Address, name: str) -> bool:
    """Whether the row before had room for a name: it stands once."""
    return row.start - start > (len(name) + 1) * row.cell


def _symbols(area: Area, start: Address, end: Address) -> list[tuple[Address, Address, str]]:
    """Return (start, end, name) of what a capture names inside a pack or a page: each ends where the next begins."""
    if area.region is not None or not area.inside:
        return []  # of a module they are its symbols, far too many
    inside = area.inside
    first = max(bisect_right(inside, start, key=lambda each: each[0]) - 1, 0)
    stop = bisect_left(inside, end, key=lambda each: each[0])
    limit = area.start + area.size
    return [
        (inside[at][0], inside[at + 1][0] if at + 1 < len(inside) else limit, inside[at][1])
        for at in range(first, stop)
    ]


_SECTIONS: Final = (
    ("_text", "text"),
    ("_stext", "text"),
    ("__start_rodata", "rodata"),
    ("__init_begin", "init"),
    ("_sdata", "data"),
    ("__bss_start", "bss"),
)
"""Symbols of the linker scripts (arch/*/kernel/vmlinux.lds.S) and what begins there."""


def sections(layout: Layout) -> list[tuple[Address, Address, str]]:
    """Return (start, end, name) of the sections of the kernel image, ascending, as far as symbols tell."""
    image = layout.image
    if image is None:
        return []
    starts = {
        layout.symbols[symbol]: name for symbol, name in _SECTIONS if symbol in layout.symbols
    }
    end = layout.symbols.get("_etext")
    if end is not None and end < image[1]:
        starts.setdefault(end, "rodata, data")
    edges = sorted(at for at in starts if image[0] <= at < image[1])
    found: list[tuple[Address, Address, str]] = []
    for start, stop in pairwise([*edges, image[1]]):
        if found and found[-1][2] == starts[start]:
            found[-1] = found[-1][0], stop, starts[start]
        else:
            found.append((start, stop, starts[start]))
    return found


def _columns(row: _Row, low: Address, high: Address) -> tuple[int, int]:
    """Return [first, stop) of the columns that a text for [low, high) may take.

    From behind the cell of its edge to the last that it fills whole.
    """
    first = 0 if low < row.start else (low - row.start) // row.cell + 1
    return first, max(first, min(row.columns, (high - row.start) // row.cell))


def cells_full(cells: list[Cell]) -> list[bool]:
    """Return which cells a text may be written into: those without a height to show."""
    return [cell.eighths == 8 for cell in cells]


def runs_of(cells: list[Cell], texts: dict[int, Label] | None = None) -> list[Run]:
    """Return cells as runs of equal ones, and the texts written into them, by column."""
    texts = texts or {}
    runs: list[Run] = []
    column = 0
    while column < len(cells):
        label = texts.get(column)
        if label is not None:
            # a text keeps the colours of the cells under it
            stop = column + len(label.text)
            while column < stop:
                end = column + 1
                while end < stop and _alike(cells[end], cells[column]):
                    end += 1
                text = label.text[column - label.column : end - label.column]
                runs.append(Run(cells[column], end - column, text, label.ink))
                column = end
            continue
        end = column + 1
        while end < len(cells) and end not in texts and cells[end] == cells[column]:
            end += 1
        runs.append(Run(cells[column], end - column))
        column = end
    return runs


def _alike(one: Cell, other: Cell) -> bool:
    return (one.kind, one.fallback, one.dim) == (other.kind, other.fallback, other.dim)


def _free(address: Address, reach: ReachWindow | None) -> Cell:
    if reach is None:
        return _FREE
    if reach.forbidden(address):
        return _FORBIDDEN
    return _FREE_BY_REACH[reach.verdict(address)]


_FREE: Final = Cell(FREE, 0)
_FORBIDDEN: Final = Cell(FORBIDDEN, 0)
_FREE_BY_REACH: Final = {found: Cell(FREE, 0, reach=found) for found in (None, *Verdict)}

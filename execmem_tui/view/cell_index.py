"""The cells of any row of one snapshot.

A row costs what is in the row. Where it holds few areas they are walked; where it holds many, each
block of areas answers for the cells it lies in from running totals that it keeps. Cells under which
nothing changed since the last snapshot are those of the last time.
"""

from bisect import bisect_left
from functools import cached_property
from itertools import pairwise
from operator import attrgetter
from typing import Final

from execmem_tui.model.areas import KERNEL_OWNER
from execmem_tui.model.blocks import Block
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes
from execmem_tui.view.cell_cache import CellCache
from execmem_tui.view.cells import Cell, ReachWindow, Run, cells_full, free_cell, runs_of
from execmem_tui.view.kinds import GONE
from execmem_tui.view.labels import labels
from execmem_tui.view.named import named
from execmem_tui.view.occupancy import Covered, RowSums
from execmem_tui.view.paint import DIMMED, IMAGE, KINDS, GhostLens, LensName, Paint, Piece

_BEGIN = attrgetter("start")
_WALK: Final = 64
"""Areas of a block that are walked without asking whether its running totals would be cheaper."""

_DENSE: Final = 8
"""Areas in a cell from which on edges and names would say nothing: totals do."""

_MANY: Final = 32
"""Blocks of a row from which on parts of it are kept, of about so many each: an event changes
one."""


class CellIndex:
    """All that rows of one snapshot are drawn from. Making one costs nothing."""

    def __init__(
        self, snapshot: Snapshot, paint: Paint = KINDS, kept: CellCache | None = None
    ) -> None:
        self.snapshot = snapshot
        self._kept = CellCache() if kept is None else kept
        self.paint = paint
        self.page_size = snapshot.layout.page_size
        self._areas = snapshot.areas
        # another lens has colours for something else, and the lanes still tell
        self._tells_spills = paint.lens.name is LensName.KIND
        self._has_ghosts = isinstance(paint.lens, GhostLens)
        image = snapshot.layout.image
        blocks = self._areas.blocks
        drawn = image is not None and any(block.find(_has_image) for block in blocks)
        self._image = None if drawn else image

    def seen(self, start: Address, end: Address) -> tuple[object, ...]:
        """Return what a row of [start, end) is drawn from: equal blocks and ghosts, equal row.

        Of the blocks their tokens, which keep nothing alive.
        """
        tokens = [block.token for block in self._areas.blocks_between(start, end)]
        return (*tokens, *self.paint.ghosts(start, end)) if self._has_ghosts else tuple(tokens)

    @cached_property
    def _apart(self) -> bool:
        """Whether no area reaches into the next one. Of a capture, they may."""
        reached = 0
        for block in self._areas.blocks:
            if block.start < reached or block.find(_overlaps):
                return False
            reached = block.end
        return True

    def _row(
        self, start: Address, cell: Bytes, columns: int, part: tuple[int, int] | None = None
    ) -> tuple[RowSums, list[Piece]]:
        """Return the sums of a row, and its areas, as far as they were looked at one by one.

        Of a part of its columns they are what those of the whole row are there: which blocks are
        walked is decided by the whole row.
        """
        begin, end = start, start + cell * columns
        first_column, stop_column = (0, columns) if part is None else part
        row = RowSums(start + first_column * cell, cell, stop_column - first_column)
        fine = cell <= self.page_size
        covered = Covered(self.paint, fine)
        walked: list[Piece] = []
        reached = 0
        for block in self._areas.blocks_between(row.start, row.end):
            first, stop = _between(block, begin, end)
            row.apart = row.apart and reached <= block.start and not block.find(_overlaps)
            cells = (min(block.end, end) - max(block.start, begin)) // cell + 1
            if stop - first > max(_WALK, _DENSE * cells) and reached <= block.start:
                row.add_block(block, covered)
            else:
                if part is not None:
                    first, stop = _between(block, row.start, row.end)
                pieces = self.paint.pieces(block)[first:stop]
                row.add_pieces(pieces, fine)
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
        if self._has_ghosts:
            row, _ = self._row(start, cell, columns)
            return self._with_ghosts(self._cells(row, reach, favour), row)

        def find(first: int, stop: int) -> list[Cell]:
            row, _ = self._row(start, cell, columns, (first, stop))
            return self._cells(row, reach, favour)

        blocks = self._areas.blocks_between(start, start + cell * columns)
        place = (start, cell, columns, reach, favour, self.paint.token, self._image)
        kept = self._kept.row(place)
        if len(blocks) < _MANY or not self._apart:
            return [*kept.part(0, columns, blocks, find)]
        # a power of two: a block more or less does not divide the row anew
        step = 1 << max(columns * _MANY // len(blocks), 1).bit_length() - 1
        found: list[Cell] = []
        for first in range(0, columns, step):
            stop = min(first + step, columns)
            blocks = self._areas.blocks_between(start + first * cell, start + stop * cell)
            found += kept.part(first, stop, blocks, find)
        return found

    def _with_ghosts(self, cells: list[Cell], row: RowSums) -> list[Cell]:
        from execmem_tui.view.ghost_rows import overlaid  # few lenses have any

        return overlaid(cells, row, self.paint.ghosts(row.start, row.end))

    def _cells(
        self, row: RowSums, reach: ReachWindow | None, favour: tuple[str, ...]
    ) -> list[Cell]:
        cell, columns = row.cell, row.columns
        if not row.used:
            return [free_cell(row.start + column * cell, reach) for column in range(columns)]
        # by name, so that a tie is decided alike whether areas were walked or added up
        used = sorted(row.used.items())
        looks = [_parted(look) for look, _ in used]
        favoured = any(look in favour for look, _ in used)
        extra = [cell if look in favour else 0 for look, _ in used]
        spilled = row.spilled if self._tells_spills else bytes(columns)
        counted = zip(*(counts for _, counts in used), strict=True)
        found = []
        for column, (counts, idle, edge, spill) in enumerate(
            zip(counted, row.idle, row.edges, spilled, strict=True)
        ):
            weights = counts if not favoured else _favoured(counts, extra)
            most = max(weights)
            if not most:
                found.append(free_cell(row.start + column * cell, reach))
                continue
            name, dim = looks[weights.index(most)]
            taken = sum(counts) - idle
            eighths = 8 if taken >= cell else max(1, taken * 8 // cell)
            found.append(Cell(name, eighths, spill == 1, None, edge == 1 and name != IMAGE, dim))
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
        found = sorted(named(row, walked, self.snapshot.layout), key=_BEGIN)
        for each in found:
            row.begin(each.start)
        cells = self._cells(row, reach, favour)
        ghosts = self.paint.ghosts(start, row.end) if self._has_ghosts else ()
        if not ghosts:
            alone = labels(found, cells_full(cells))
            return runs_of(cells, {label.column: label for label in alone})
        from execmem_tui.view.ghost_rows import named_ghosts

        cells = self._with_ghosts(cells, row)
        full = cells_full(cells)
        # a name of what is gone stands in its own cells only, and no other name does
        gone = [yes and cell.kind == GONE for yes, cell in zip(full, cells, strict=True)]
        there = [yes and cell.kind != GONE for yes, cell in zip(full, cells, strict=True)]
        texts = (*labels(found, there), *labels([*named_ghosts(row, ghosts)], gone))
        return runs_of(cells, {label.column: label for label in texts})


def _between(block: Block, start: Address, end: Address) -> tuple[int, int]:
    """Return (first, stop) of the areas of a block that touch [start, end)."""
    first = bisect_left(block.starts, start)
    if first and block.areas[first - 1].end > start:
        first -= 1
    return first, bisect_left(block.starts, end)


def _overlaps(block: Block) -> bool:
    return any(one.end > other.start for one, other in pairwise(block.areas))


def _parted(look: str) -> tuple[str, bool]:
    """Return a look's own name, and whether a filter leaves it out."""
    return look.removeprefix(DIMMED), look.startswith(DIMMED)


def _favoured(counts: tuple[int, ...], extra: list[int]) -> tuple[int, ...]:
    """Return counts with something extra for what is there at all."""
    return tuple(each and each + more for each, more in zip(counts, extra, strict=True))


def _has_image(block: Block) -> bool:
    return any(area.owner == KERNEL_OWNER for area in block.areas)

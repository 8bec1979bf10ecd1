"""The cells of any row of one snapshot.

A row costs what is in the row. Where it holds few areas they are walked; where it holds many, each
block of areas answers for the cells it lies in from running totals that it keeps.
"""

from bisect import bisect_left
from operator import attrgetter
from typing import Final

from execmem_tui.model.areas import KERNEL_OWNER
from execmem_tui.model.blocks import Block
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes
from execmem_tui.view.cells import Cell, ReachWindow, Run, cells_full, free_cell, runs_of
from execmem_tui.view.ghosts import haunted, named_ghosts
from execmem_tui.view.kinds import FREE, GONE
from execmem_tui.view.labels import labels
from execmem_tui.view.named import named
from execmem_tui.view.occupancy import Covered, RowSums
from execmem_tui.view.paint import DIMMED, IMAGE, KINDS, Haunted, LensName, Paint, Piece

_BEGIN = attrgetter("start")
_WALK: Final = 64
"""Areas of a block that are walked without asking whether its running totals would be cheaper."""

_DENSE: Final = 8
"""Areas in a cell from which on edges and names would say nothing: totals do."""


class CellIndex:
    """All that rows of one snapshot are drawn from. Making one costs nothing."""

    def __init__(self, snapshot: Snapshot, paint: Paint = KINDS) -> None:
        self.snapshot = snapshot
        self.paint = paint
        self.page_size = snapshot.layout.page_size
        self._areas = snapshot.areas
        # another lens has colours for something else, and the lanes still tell
        self._tells_spills = paint.lens.name is LensName.KIND
        self._haunted = isinstance(paint.lens, Haunted)
        image = snapshot.layout.image
        blocks = self._areas.blocks
        drawn = image is not None and any(block.find(_has_image) for block in blocks)
        self._image = None if drawn else image

    def seen(self, start: Address, end: Address) -> tuple[object, ...]:
        """Return what a row of [start, end) is drawn from: equal blocks and ghosts, equal row."""
        blocks = self._areas.blocks_between(start, end)
        return (*blocks, *self.paint.ghosts(start, end)) if self._haunted else blocks

    def _row(self, start: Address, cell: Bytes, columns: int) -> tuple[RowSums, list[Piece]]:
        """Return the sums of a row, and its areas, as far as they were looked at one by one."""
        row = RowSums(start, cell, columns)
        fine = cell <= self.page_size
        covered = Covered(self.paint, fine)
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
        row, _ = self._row(start, cell, columns)
        cells = self._cells(row, reach, favour)
        return haunted(cells, row, self.paint.ghosts(start, row.end)) if self._haunted else cells

    def _cells(
        self, row: RowSums, reach: ReachWindow | None, favour: tuple[str, ...]
    ) -> list[Cell]:
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
                found.append(free_cell(row.start + column * cell, reach))
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
        ghosts = self.paint.ghosts(start, row.end) if self._haunted else ()
        found = sorted(named(row, walked, self.snapshot.layout), key=_BEGIN)
        for each in found:
            row.begin(each.start)
        cells = haunted(self._cells(row, reach, favour), row, ghosts)
        full = cells_full(cells)
        if not ghosts:
            return runs_of(cells, {label.column: label for label in labels(found, full)})
        # a name of what is gone stands in its own cells only, and no other name does
        gone = [yes and cell.kind == GONE for yes, cell in zip(full, cells, strict=True)]
        there = [yes and cell.kind != GONE for yes, cell in zip(full, cells, strict=True)]
        texts = (*labels(found, there), *labels([*named_ghosts(row, ghosts)], gone))
        return runs_of(cells, {label.column: label for label in texts})


def _has_image(block: Block) -> bool:
    return any(area.owner == KERNEL_OWNER for area in block.areas)

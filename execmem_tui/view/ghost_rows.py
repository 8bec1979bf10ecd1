"""What the map shows of areas that are not there.

Cells and names in a row, and stretches of the axis.
"""

from collections.abc import Iterator, Sequence

from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address
from execmem_tui.view.axis import AddressSpace, Kind, Stretch
from execmem_tui.view.cells import Cell
from execmem_tui.view.ghost import Ghost
from execmem_tui.view.kinds import FORBIDDEN, FREE, UNSEEN
from execmem_tui.view.labels import Named
from execmem_tui.view.named import columns_of, named_above
from execmem_tui.view.occupancy import RowSums
from execmem_tui.view.paint import Paint


def overlaid(cells: list[Cell], row: RowSums, ghosts: Sequence[Ghost]) -> list[Cell]:
    """Return the cells of a row with ghosts in those that are free.

    What is there hides what was.
    """
    if not ghosts:
        return cells
    found = list(cells)
    taken = [0] * row.columns
    for ghost in ghosts:
        low, high = max(ghost.start, row.start), min(ghost.end, row.end)
        for column in range((low - row.start) // row.cell, -(-(high - row.start) // row.cell)):
            if cells[column].kind not in (FREE, FORBIDDEN, UNSEEN):
                continue
            begin = row.start + column * row.cell
            taken[column] += min(high, begin + row.cell) - max(low, begin)
            eighths = max(1, taken[column] * 8 // row.cell)
            edge = found[column].edge or begin <= ghost.start < begin + row.cell
            found[column] = Cell(ghost.look, eighths, reach=cells[column].reach, edge=edge)
    return found


def named_ghosts(row: RowSums, ghosts: Sequence[Ghost]) -> Iterator[Named]:
    """Yield what of the ghosts may carry a name in this row."""
    for ghost in ghosts:
        name = ghost.area.owner or ghost.area.name
        if not named_above(row, ghost.start, name):
            first, stop = columns_of(row, ghost.start, ghost.end)
            yield Named(ghost.start, first, stop, owner=name, region=ghost.area.region or "")


@frozen(eq=False)
class GhostSpace:
    """A space on which ghosts are things: free space is not folded over them."""

    space: AddressSpace
    paint: Paint

    def stretch_at(self, address: Address) -> Stretch:
        """Return what covers `address`; of free space, the ghost there or what lies between two."""
        found = self.space.stretch_at(address)
        if found.kind is not Kind.FREE:
            return found
        start, end = found.start, found.end
        for ghost in self.paint.ghosts(start, end):
            if ghost.start <= address < ghost.end:
                low, high = max(start, ghost.start), min(end, ghost.end)
                return Stretch(low, high, Kind.AREA)
            if ghost.end <= address:
                start = max(start, ghost.end)
            else:
                end = min(end, ghost.start)
                break
        return found._replace(start=start, end=end)

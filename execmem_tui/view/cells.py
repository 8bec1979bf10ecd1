"""What a cell of a map shows: kind, occupancy in eighths, fallback, edges, reach of free space."""

from typing import Final, NamedTuple

from execmem_tui.model.reach import Verdict
from execmem_tui.model.units import Address
from execmem_tui.view.kinds import FORBIDDEN, FREE, UNSEEN
from execmem_tui.view.labels import Label, TextStyle


class Cell(NamedTuple):
    """One cell. A tuple: thousands are made, compared and looked up for a screen.

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


class Run(NamedTuple):
    """Equal neighbours of a row: `width` cells, or a text written into them."""

    cell: Cell
    width: int
    text: str = ""
    style: TextStyle = TextStyle.NONE


class ReachWindow(NamedTuple):
    """What free addresses are good for.

    The addresses that calls from an origin reach directly, those a PLT entry reaches, and those
    where the allocator may look at all. Half-open.
    """

    direct: tuple[Address, Address] | None
    plt: tuple[Address, Address] | None
    allowed: tuple[tuple[Address, Address], ...] | None = None
    """The windows of the types that are looked at; None says nothing about them."""
    unseen: bool = False
    """Areas lie where nobody tells: what is empty is not known to be free."""

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


def free_cell(address: Address, reach: ReachWindow | None) -> Cell:
    """Return the cell of free space at `address`."""
    if reach is None:
        return _FREE
    if reach.forbidden(address):
        return _FORBIDDEN
    if reach.unseen:
        return _UNSEEN
    return _FREE_BY_REACH[reach.verdict(address)]


_FREE: Final = Cell(FREE, 0)
_FORBIDDEN: Final = Cell(FORBIDDEN, 0)
_UNSEEN: Final = Cell(UNSEEN, 0)
_FREE_BY_REACH: Final = {found: Cell(FREE, 0, reach=found) for found in (None, *Verdict)}


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
                runs.append(Run(cells[column], end - column, text, label.style))
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

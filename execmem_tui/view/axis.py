"""The folded address axis: rows of a round number of bytes, and folds where a row says nothing new.

A run of free rows is one line, and so is the rest of a long area. Nothing is laid out beforehand:
a line is found from one address by looking at the space there, so an axis costs what is in sight
and needs no mending when the space changes.

Pure and immutable.
"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple, Protocol

import attrs
from attrs import evolve, field

from execmem_tui.model.units import Address, Bytes

_TWOS: Final = (32, 64, 128, 256)
_THREES: Final = (48, 96, 192)
_WORTH: Final = 0.15
"""Share of the width that a row of 3 x 2^k cells must win: gutter addresses are less round then."""

SMALLEST_CELL: Final = 1
"""Bytes: a kprobe slot of 8 or 15 bytes is then wide enough for a name."""

_BETWEEN: Final = (6, 5)
"""Eighths of a power of two that a cell may have as well, the rounder first."""
_BLANK: Final = 4
"""One row of so many may stay blank before a rounder cell is given up: who reads addresses adds
rows in the head."""

_KEEP: Final = 3
_KNOWN: Final = 4096
"""Lines that an axis remembers."""

_PAGES: Final = 64
"""Pages of them."""

LARGEST_CELL: Final = 1 << 59
"""Bytes: the narrowest row then holds every address, so that even a map of one row shows all of any
range."""


def row_width(columns: int) -> int:
    """Return how many cells a row has in `columns` terminal columns, at least 32."""
    two = max((width for width in _TWOS if width <= columns), default=_TWOS[0])
    three = max((width for width in _THREES if width <= columns), default=0)
    return three if three - two > columns * _WORTH else two


class Kind(StrEnum):
    """What lies in a stretch of the space."""

    FREE = "free"
    AREA = "area"
    IMAGE = "image"
    """The kernel image, which folds whole: nobody looks for a module in it."""
    MIXED = "mixed"
    """Several things that overlap, as a capture may say: never folded."""


class Stretch(NamedTuple):
    """The longest [start, end) around an address that is all one thing."""

    start: Address
    end: Address
    kind: Kind


class AddressSpace(Protocol):
    """What an axis is laid over."""

    def stretch_at(self, address: Address) -> Stretch:
        """Return the stretch that covers `address`."""


class Line(NamedTuple):
    """One line of the map: a row, or a fold. Half-open [start, end), never empty.

    Of a row, column 0 is at `base`, a whole number of rows from the axis' anchor; it begins later
    and ends sooner where the span or a fold cuts it.
    """

    start: Address
    end: Address
    base: Address
    fold: Kind | None = None
    """What is folded away; None for a row."""


@attrs.frozen(kw_only=True)  # `space` is compared by a function
class Axis:
    """The lines of [start, end) at one zoom.

    Each address of the span lies in exactly one of them.
    """

    space: AddressSpace = field(eq=id, repr=False)
    start: Address
    end: Address
    columns: int
    """Cells in a row."""
    cell: Bytes = SMALLEST_CELL
    anchor: Address = 0
    """Where a row begins, and so every other: 0, or the round start of a window."""
    cuts: tuple[Address, ...] = ()
    """Where a fold of free space must end although the space goes on, borders of windows and of
    reach, or may end inside a row, edges of the image."""
    folded: bool = True
    """False draws to scale: every row is there."""
    opened: tuple[Address, Address] | None = None
    """A fold that the user entered: its rows are there."""
    least: int = 2
    """Rows that a fold must replace."""
    keep: int = _KEEP
    """Full rows of a long area that are drawn before it folds."""
    air: int = 0
    """Full rows of free space that are drawn behind something before it folds."""
    _inner: tuple[Address, ...] = field(init=False, eq=False, repr=False)
    """The span's edges, and the cuts between them."""
    _known: dict[Address, Line] = field(init=False, eq=False, repr=False, factory=dict)
    """Lines that were found before, by an address in them:
    a move of the cursor asks for all in sight."""

    _pages: dict[tuple[Address, int], tuple[Line, ...]] = field(
        init=False, eq=False, repr=False, factory=dict
    )
    """Likewise lines that follow each other, by the first and their number."""

    def __attrs_post_init__(self) -> None:
        inner = (cut for cut in self.cuts if self.start < cut < self.end)
        object.__setattr__(self, "_inner", (self.start, *inner, self.end))

    def tight(self) -> "Axis":
        """Return the axis that folds all it can: at another zoom there is less room, or more."""
        return evolve(self, keep=_KEEP, air=0)

    @property
    def row_bytes(self) -> Bytes:
        """Bytes in a row."""
        return self.cell * self.columns

    def _floor(self, address: Address) -> Address:
        """Return where the row of `address` begins."""
        return (address - self.anchor) // self.row_bytes * self.row_bytes + self.anchor

    def _ceiling(self, address: Address) -> Address:
        """Return where the next row begins, or `address` where one does."""
        return self._floor(address + self.row_bytes - 1)

    def clipped(self, address: Address) -> Address:
        """Return the nearest address of the span."""
        return min(max(address, self.start), self.end - 1)

    def line_at(self, address: Address) -> Line:
        """Return the line that `address` lies in, clipped to the span."""
        address = self.clipped(address)
        found = self._known.get(address)
        if found is None:
            found = self._found_at(address)
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[address] = self._known[found.start] = found
        return found

    def _found_at(self, address: Address) -> Line:
        fold = self._fold_at(address)
        if fold is not None:
            return fold
        row = self.row_bytes
        base = self._floor(address)
        start, end = max(base, self.start), min(base + row, self.end)
        # folds of free space may begin and end inside a row, but only at a cut
        for cut in self._inner[1:-1]:
            if start < cut <= address:
                before = self._fold_at(cut - 1)
                if before is not None and before.end == cut:
                    start = cut
            elif address < cut < end and self._fold_at(cut) is not None:
                end = cut
                break
        return Line(start, end, base)

    def after(self, line: Line) -> Line | None:
        """Return the next line, or None at the end of the span."""
        return self.line_at(line.end) if line.end < self.end else None

    def before(self, line: Line) -> Line | None:
        """Return the line before, or None at the start of the span."""
        return self.line_at(line.start - 1) if line.start > self.start else None

    def lines(self, address: Address) -> Iterator[Line]:
        """Yield the line at `address` and all that follow."""
        line: Line | None = self.line_at(address)
        while line is not None:
            yield line
            line = self.after(line)

    def page(self, address: Address, rows: int) -> tuple[Line, ...]:
        """Return the line at `address` and those that follow, `rows` at most."""
        found = self._pages.get((address, rows))
        if found is None:
            found = tuple(islice(self.lines(address), rows))
            if len(self._pages) >= _PAGES:
                self._pages.clear()
            self._pages[address, rows] = found
        return found

    def stepped(self, line: Line, count: int) -> Line:
        """Return the line `count` below `line` (above, if negative), or the last on the way."""
        for _ in range(abs(count)):
            near = self.after(line) if count > 0 else self.before(line)
            if near is None:
                break
            line = near
        return line

    def back(self, address: Address, lines: int) -> Address:
        """Return the start of the line `lines` above the one at `address`, or of the first."""
        return self.stepped(self.line_at(address), -lines).start

    def fits(self, start: Address, end: Address, rows: int) -> bool:
        """Whether [start, end) takes at most `rows` lines."""
        return any(line.end >= end for line in islice(self.lines(start), rows))

    def unfolded(self, start: Address, end: Address, rows: int) -> bool:
        """Whether [start, end) takes at most `rows` lines, none of them a fold."""
        for line in islice(self.lines(start), rows):
            if line.fold is not None:
                return False
            if line.end >= end:
                return True
        return False

    def fitting(
        self,
        start: Address,
        end: Address,
        rows: int,
        finest: Bytes = SMALLEST_CELL,
        *,
        unit: Bytes = LARGEST_CELL,
    ) -> "Axis":
        """Return the axis with the smallest cell that shows [start, end) in `rows` lines.

        The cell is not below `finest`, and a power of two; or six or five eighths of one where a
        quarter of the rows would stay blank, and that is whole halves of `unit` bytes, two or more:
        powers alone may leave half of the rows blank.
        """
        if self.anchor and not evolve(self, cell=LARGEST_CELL).fits(start, end, rows):
            # a row that begins inside what is to be seen can never hold all of it
            return evolve(self, anchor=0).fitting(start, end, rows, finest, unit=unit)
        cell = finest
        while cell < LARGEST_CELL and cell * self.columns < end - start:
            cell *= 2
        # from coarse to fine: the coarse ones have few lines, and the last that fits is the answer
        while cell < LARGEST_CELL and not evolve(self, cell=cell).fits(start, end, rows):
            cell *= 2
        while cell // 2 >= finest and evolve(self, cell=cell // 2).fits(start, end, rows):
            cell //= 2
        best = evolve(self, cell=cell)
        for between in (cell // 8 * eighths for eighths in _BETWEEN):
            if not best.fits(start, end, rows - rows // _BLANK):
                break
            whole = between >= max(finest, unit) and 2 * between % unit == 0
            if whole and (finer := evolve(self, cell=between)).fits(start, end, rows):
                best = finer
        return best

    def _fold_at(self, address: Address) -> Line | None:
        """Return the fold that hides `address`, or None."""
        if not self.folded:
            return None
        found = self.space.stretch_at(address)
        if found.kind is Kind.MIXED:
            return None
        low, high = found.start, found.end
        row = self.row_bytes
        start, end = self._ceiling(low), self._floor(high)
        if found.kind is Kind.FREE:
            start += self.air * row
        # whole rows where the stretch meets what is used, up to the very address at an edge
        for edge in (self.start, self.end) if found.kind is Kind.AREA else self._inner:
            if low <= edge <= address:
                start = edge
            elif address < edge <= high:
                end = edge
                break
        if found.kind is Kind.AREA:
            start = self._ceiling(start) + self.keep * row
        if not start <= address < end or end - start < self.least * row:
            return None
        if self.opened is not None and start < self.opened[1] and self.opened[0] < end:
            return None
        return Line(start, end, start, found.kind)

"""What a tour points at on the map: lit, ringed, lettered, or still to come; the rest is dimmed."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from execmem_tui.model.intervals import Interval, union
from execmem_tui.model.units import Address, Bytes
from execmem_tui.view.axis import Line

LETTERS: Final = "ABCD"
"""Of the places offered at a guess, ascending by address."""
CIRCLED: Final = dict(zip(LETTERS, "ⓐⓑⓒⓓ", strict=True))
"""As they are drawn where there is more than black and white."""


class Emphasis(StrEnum):
    """How some columns of a line stand out."""

    UNLIT = "unlit"
    GHOST = "ghost"
    RING = "ring"
    CAME = "came"
    WENT = "went"


class Highlight(NamedTuple):
    """Where a tour points."""

    lit: tuple[Interval, ...] = ()
    """Ascending. Nothing: all of it is lit."""
    ghost: tuple[Interval, ...] = ()
    """Where a goal will be seen."""
    ring: Interval | None = None
    """Where the listener pointed."""
    letters: tuple[Interval, ...] = ()
    """Places one can point at, ascending; the first is A."""

    def columns(self, line: Line, cell: Bytes, columns: int) -> Iterator[tuple[int, int, Emphasis]]:
        """Yield (first, stop, how) of the columns of a line that do not look as always.

        A fold is lit as a whole, or not at all.

        Args:
            line: of the axis.
            cell: bytes of a column.
            columns: of a line.
        """
        if self.lit:
            at = 0
            for first, stop in columns_of((*self.lit, *self._ring), line, cell, columns):
                if at < first:
                    yield at, first, Emphasis.UNLIT
                at = max(at, stop)
            if at < columns:
                yield at, columns, Emphasis.UNLIT
        for first, stop in columns_of(self.ghost, line, cell, columns):
            yield first, stop, Emphasis.GHOST
        for first, stop in columns_of(self._ring, line, cell, columns):
            yield first, stop, Emphasis.RING

    def signs(self, line: Line, cell: Bytes, columns: int) -> Iterator[tuple[int, str]]:
        """Yield (column, letter) of the places that begin in a line; no two in one column.

        Args:
            line: of the axis.
            cell: bytes of a column.
            columns: of a line.
        """
        free = 0
        for letter, (start, _) in zip(LETTERS, self.letters, strict=False):
            if line.start <= start < line.end:
                column = 0 if line.fold is not None else (start - line.base) // cell
                column = min(max(column, free), columns - 1)
                free = column + 1
                yield column, letter

    @property
    def _ring(self) -> tuple[Interval, ...]:
        return () if self.ring is None else (self.ring,)


NO_HIGHLIGHT = Highlight()
"""Nobody points at anything."""


def columns_of(
    spans: Iterable[tuple[Address, Address]], line: Line, cell: Bytes, columns: int
) -> Iterator[tuple[int, int]]:
    """Yield (first, stop) of the columns of a line that the intervals touch, ascending."""
    for start, end in union(spans):
        low, high = max(start, line.start), min(end, line.end)
        if low >= high:
            continue
        if line.fold is not None:
            yield 0, columns
            return
        yield (low - line.base) // cell, min(columns, (high - 1 - line.base) // cell + 1)

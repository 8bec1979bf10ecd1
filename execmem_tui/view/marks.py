"""The column of marks: the whole folded axis in one column, whatever part of it the map shows.

Where the map shows all of it, a mark stands beside the line that it is about.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from execmem_tui.model.units import Address
from execmem_tui.view.axis import Kind, Line
from execmem_tui.view.lane import LaneShape, lane_shape
from execmem_tui.view.shown import Shown


class Mark(StrEnum):
    """What a line of the column says, the most important last."""

    NONE = " "
    FOLD = "┊"
    USED = "│"
    SEEN = "┃"
    """The map shows this part."""
    SPILL = "▲"
    HIT = "●"
    """What a filter asks for."""
    SECOND = "◇"
    """What reach is counted from too."""
    ORIGIN = "◆"
    """What reach is counted from, where somebody chose it."""
    CURSOR = "◀"


_SEARCHED: Final = 20_000
"""Areas that are looked at one by one for what a filter asks for: every step does it again."""

_KEPT: Final = 32
"""Backdrops of one step: there are as many zooms."""

_LOOKS: Final = 8
"""Parts of a row that are looked at one by one for what spilled."""

_RANK = {mark: rank for rank, mark in enumerate(Mark)}


class LineShape(NamedTuple):
    """The lines of a map that shows all there is."""

    lines: Sequence[Line]

    def column_of(self, address: Address) -> int | None:
        """Return the number of the line that shows `address`, None outside of them."""
        at = bisect_right(self.lines, address, key=_start) - 1
        return at if at >= 0 and address < self.lines[at].end else None


def _start(line: Line) -> Address:
    return line.start


def _fold(line: Line) -> Kind | None:
    return line.fold


class Backdrop(NamedTuple):
    """What the column shows by itself, whatever the map does: used, folded, spilled."""

    span: tuple[Address, Address]
    shape: LaneShape | LineShape
    marks: tuple[Mark, ...]


def backdrop_of(shown: Shown, number: int, height: int, lines: Sequence[Line] = ()) -> Backdrop:
    """Return `height` marks for the span of a pane, from its lowest address down.

    Args:
        shown: the models of the step.
        number: of the pane.
        height: of the column.
        lines: of the map, where they are all that its axis has: each has a mark of its own.
    """
    start, end = shown.span(number)
    found = [Mark.NONE] * height
    shape: LaneShape | LineShape
    if lines:
        shape = LineShape(lines)
        _put_lines(found, shown, lines)
    else:
        image = shown.snapshot.layout.image
        shape = lane_shape(start, end, max(height, 1), shown.holes, image, words=False)
        _put_lane(found, shown, shape)
    wanted, areas = shown.paint.filter, shown.snapshot.areas
    if wanted is not None and len(areas) <= _SEARCHED:
        for area in filter(wanted, areas):
            _put(found, shape.column_of(area.start), Mark.HIT)
    return Backdrop((start, end), shape, tuple(found))


class Backdrops:
    """Remembers backdrops of one step: back at a zoom, the map has the same one again."""

    def __init__(self) -> None:
        self._of: tuple[Shown, int, int] | None = None
        self._found: dict[Sequence[Line], Backdrop] = {}

    def find(self, shown: Shown, number: int, height: int, lines: tuple[Line, ...]) -> Backdrop:
        """Return the backdrop for these. See `backdrop_of`."""
        if self._of != (shown, number, height) or len(self._found) >= _KEPT:
            self._of, self._found = (shown, number, height), {}
        found = self._found.get(lines)
        if found is None:
            found = self._found[lines] = backdrop_of(shown, number, height, lines)
        return found


def _put_lines(found: list[Mark], shown: Shown, lines: Sequence[Line]) -> None:
    """Mark what is used, folded and spilled, line by line; rows in one go are looked at in one."""
    at = 0
    for fold, group in groupby(lines, key=_fold):
        rows = list(group)
        if fold is not None:
            for number in range(at, at + len(rows)):
                _put(found, number, Mark.FOLD)
        else:
            _put_rows(found, at, shown, rows)
        at += len(rows)


def _put_rows(found: list[Mark], at: int, shown: Shown, rows: Sequence[Line]) -> None:
    """Mark rows that follow each other, the first of them line `at`."""
    low, high = rows[0].base, rows[-1].end
    size = rows[1].base - low if len(rows) > 1 else high - low
    part = -(-size // _LOOKS)
    cells = shown.kinds.cells(low, part, -(-(high - low) // part))
    for number, row in enumerate(rows):
        first, stop = (row.start - low) // part, -(-(row.end - low) // part)
        inside = cells[first:stop]
        if any(cell.fallback for cell in inside):
            _put(found, at + number, Mark.SPILL)
        elif any(cell.eighths for cell in inside):
            _put(found, at + number, Mark.USED)


def _put_lane(found: list[Mark], shown: Shown, shape: LaneShape) -> None:
    """Mark what is used, folded and spilled, to the scale of the column."""
    at = 0
    for piece in shape.pieces:
        if piece.fold is not None:
            _put(found, at, Mark.FOLD)
        else:
            cells = shown.kinds.cells(piece.start, shape.cell, piece.columns)
            for column, cell in enumerate(cells, at):
                if cell.eighths:
                    _put(found, column, Mark.SPILL if cell.fallback else Mark.USED)
        at += piece.columns


def marks(
    backdrop: Backdrop,
    seen: tuple[Address, Address],
    cursor: Address,
    pins: Iterable[tuple[Address, Mark]] = (),
) -> list[Mark]:
    """Return the column with what the map shows of it, what is pinned there, and the cursor."""
    (start, end), shape = backdrop.span, backdrop.shape
    found = list(backdrop.marks)
    # where the map shows all, a bar from top to bottom would say nothing and hide the rest
    if not (seen[0] <= start and end <= seen[1]):
        first, last = shape.column_of(max(seen[0], start)), shape.column_of(min(seen[1], end) - 1)
        if first is not None and last is not None and last - first + 1 < len(found):
            for line in range(first, last + 1):
                _put(found, line, Mark.SEEN)
    for address, mark in pins:
        _put(found, shape.column_of(address), mark)
    _put(found, shape.column_of(cursor), Mark.CURSOR)
    return found


def _put(found: list[Mark], line: int | None, mark: Mark) -> None:
    if line is not None and line < len(found) and _RANK[mark] > _RANK[found[line]]:
        found[line] = mark

"""The column of marks: the whole folded axis in one column, whatever part of it the map shows."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from execmem_tui.model.units import Address
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

_RANK = {mark: rank for rank, mark in enumerate(Mark)}


class Backdrop(NamedTuple):
    """What the column shows by itself, whatever the map does: used, folded, spilled."""

    span: tuple[Address, Address]
    shape: LaneShape
    marks: tuple[Mark, ...]


def backdrop_of(shown: Shown, number: int, height: int) -> Backdrop:
    """Return `height` marks for the span of a pane, from its lowest address down."""
    start, end = shown.span(number)
    image = shown.snapshot.layout.image
    shape = lane_shape(start, end, max(height, 1), shown.holes, image, words=False)
    found = [Mark.NONE] * height
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
    wanted, areas = shown.paint.filter, shown.snapshot.areas
    if wanted is not None and len(areas) <= _SEARCHED:
        for area in filter(wanted, areas):
            _put(found, shape.column_of(area.start), Mark.HIT)
    return Backdrop((start, end), shape, tuple(found))


def marks(
    backdrop: Backdrop,
    seen: tuple[Address, Address],
    cursor: Address,
    pins: Iterable[tuple[Address, Mark]] = (),
) -> list[Mark]:
    """Return the column with what the map shows of it, what is pinned there, and the cursor."""
    (start, end), shape = backdrop.span, backdrop.shape
    found = list(backdrop.marks)
    first, last = shape.column_of(max(seen[0], start)), shape.column_of(min(seen[1], end) - 1)
    # where the map shows all, a bar from top to bottom would say nothing and hide the rest
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

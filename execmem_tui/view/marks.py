"""The column of marks: the whole folded axis in one column, whatever part of it the map shows."""

from collections.abc import Iterable
from enum import StrEnum

from execmem_tui.model.records import frozen
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
    HIT = "●"
    """Something that was searched for."""
    SPILL = "▲"
    CURSOR = "◀"


_RANK = {mark: rank for rank, mark in enumerate(Mark)}


@frozen
class Ground:
    """What the column shows by itself, whatever the map does: used, folded, spilled."""

    span: tuple[Address, Address]
    shape: LaneShape
    marks: tuple[Mark, ...]


def ground_marks(shown: Shown, number: int, height: int) -> Ground:
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
    return Ground((start, end), shape, tuple(found))


def marks(
    ground: Ground,
    seen: tuple[Address, Address],
    cursor: Address,
    hits: Iterable[Address] = (),
) -> list[Mark]:
    """Return the column with what the map shows of it, what was searched for, and the cursor."""
    (start, end), shape = ground.span, ground.shape
    found = list(ground.marks)
    first, last = shape.column_of(max(seen[0], start)), shape.column_of(min(seen[1], end) - 1)
    # where the map shows all, a bar from top to bottom would say nothing and hide the rest
    if first is not None and last is not None and last - first + 1 < len(found):
        for line in range(first, last + 1):
            _put(found, line, Mark.SEEN)
    for address in hits:
        _put(found, shape.column_of(address), Mark.HIT)
    _put(found, shape.column_of(cursor), Mark.CURSOR)
    return found


def _put(found: list[Mark], line: int | None, mark: Mark) -> None:
    if line is not None and line < len(found) and _RANK[mark] > _RANK[found[line]]:
        found[line] = mark

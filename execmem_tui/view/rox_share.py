"""How much of a block of a ROX cache is used, written on the map into what is free of it.

Its borders are not drawn: a line of the map has room for the sides of a box and none for its top
and bottom, and areas' edges lie where they would.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from execmem_tui.model.units import Address
from execmem_tui.view.axis import Line
from execmem_tui.view.reach import RoxBlock
from execmem_tui.view.words import percent


class Stroke(NamedTuple):
    """A text over some columns of a line."""

    column: int
    text: str


def shares(blocks: Sequence[RoxBlock], line: Line, cell: int, columns: int) -> Iterator[Stroke]:
    """Yield ``33 % used`` for each block whose largest free piece begins in a line.

    Over the name of that piece, where it has one; of a piece too short for it nothing.

    Args:
        blocks: of the cache, ascending.
        line: of the axis; a fold has none.
        cell: bytes of a column.
        columns: of a line.
    """
    if line.fold is not None:
        return
    for block in blocks:
        if block.start >= line.end:
            return
        low, size = block.free
        if not line.start <= low < line.end:
            continue
        first, stop = _columns(low, min(low + size, line.end), line, cell)
        share = percent(block.used, block.size)
        for text in (f" ROX cache, {share} used", f" {share} used", f" {share}"):
            if len(text) + 1 <= min(stop, columns) - first:
                yield Stroke(first, text)
                break


def _columns(low: Address, high: Address, line: Line, cell: int) -> tuple[int, int]:
    """Return the columns [first, stop) that [low, high) fills."""
    return -(-(low - line.base) // cell), (high - line.base) // cell

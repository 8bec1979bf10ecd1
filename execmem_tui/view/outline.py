"""Outlines of the blocks of a ROX cache on the map: where each begins and ends, how full it is."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from execmem_tui.model.units import Address, Bytes
from execmem_tui.view.axis import Line
from execmem_tui.view.reach import RoxBlock

_LEAST: Final = 6
"""Columns of a block from which on its borders do not hide what lies in it."""


class Stroke(NamedTuple):
    """A text over some columns of a line."""

    column: int
    text: str


BEGINS: Final = "▏"
ENDS: Final = "▕"
LETTERS: Final = {BEGINS: "[", ENDS: "]"}
"""Their signs where cells show letters: a thin line would be one of the areas' edges."""


def strokes(blocks: Sequence[RoxBlock], line: Line, cell: Bytes, columns: int) -> Iterator[Stroke]:
    """Yield what is drawn over a line, ascending by column.

    Args:
        blocks: of the cache, ascending.
        line: of the axis; a fold has no outlines.
        cell: bytes of a column.
        columns: of a line.
    """
    if line.fold is not None:
        return
    for block in blocks:
        end = block.start + block.size
        if end <= line.start or block.size < _LEAST * cell:
            continue
        if block.start >= line.end:
            return
        if block.start >= line.start:
            yield Stroke((block.start - line.base) // cell, BEGINS)
        yield from _share(block, line, cell)
        if end <= line.end:
            yield Stroke(min((end - 1 - line.base) // cell, columns - 1), ENDS)


def _share(block: RoxBlock, line: Line, cell: Bytes) -> Iterator[Stroke]:
    """Yield ``33 % used`` in the first line of what is free of a block, where it has room."""
    low, size = block.free
    if not line.start <= low < line.end:
        return
    first, stop = _columns(low, min(low + size, line.end), line, cell)
    share = f"{block.used * 100 // block.size} %"
    for text in (f" ROX cache, {share} used", f" {share} used", f" {share}"):
        if len(text) + 1 <= stop - first:
            yield Stroke(first, text)  # over the name of the free piece, where that has one
            return


def _columns(low: Address, high: Address, line: Line, cell: Bytes) -> tuple[int, int]:
    """Return the columns [first, stop) that [low, high) fills."""
    return -(-(low - line.base) // cell), (high - line.base) // cell

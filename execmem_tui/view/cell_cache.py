"""Cells that were found once, for as long as the same blocks of areas lie under them."""

from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import Final

from execmem_tui.model.blocks import Block
from execmem_tui.view.cells import Cell

_MOST: Final = 192
"""Rows kept: two times what lanes, the axis of reach and the marks of one screen ask for."""

Blocks = tuple[Block, ...]
_token_of = attrgetter("token")


class CachedRow:
    """The parts of one row, each with the tokens of the blocks that it was found from."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[tuple[int, int], tuple[list[object], list[Cell]]] = {}

    def part(
        self, first: int, stop: int, blocks: Blocks, find: Callable[[int, int], list[Cell]]
    ) -> list[Cell]:
        """Return the cells of columns [first, stop), which the caller does not change.

        Args:
            first: the first column.
            stop: the column after the last.
            blocks: all that lies there; of two snapshots they are compared by identity.
            find: finds the cells, where other blocks lie there than the last time.
        """
        known, tokens = self._parts.get((first, stop)), [*map(_token_of, blocks)]
        if known is None or known[0] != tokens:
            known = self._parts[first, stop] = tokens, find(first, stop)
        return known[1]


class CellCache:
    """Rows by their place, carried from step to step; those not asked for the longest time go."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[Hashable, CachedRow] = {}

    def row(self, place: Hashable) -> CachedRow:
        """Return the row of a place: its addresses, and all that its cells depend on but areas."""
        row = self._rows.pop(place, None)
        if row is None:
            row = CachedRow()
            if len(self._rows) >= _MOST:
                del self._rows[next(iter(self._rows))]
        self._rows[place] = row
        return row

"""A lane: one window in one line, its long holes and the kernel image folded into words."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.ranges import Window
from execmem_tui.model.units import Address, Bytes, format_size
from execmem_tui.view.axis import Kind
from execmem_tui.view.cell_index import CellIndex
from execmem_tui.view.cells import Cell
from execmem_tui.view.kinds import FALLBACK, FREE, LOOKS, letter

_FOLDS: Final = 6
"""Holes that a lane may fold: more words than that leave no room for cells."""
_GHOST: Final = "·"


class Piece(NamedTuple):
    """A part of a lane: `columns` cells of [start, end), or the words that stand for it."""

    start: Address
    end: Address
    columns: int
    fold: Kind | None = None
    text: str = ""


class LaneShape(NamedTuple):
    """How a window lies in a line: the pieces from left to right, and the bytes of a cell."""

    pieces: tuple[Piece, ...]
    cell: Bytes

    @property
    def columns(self) -> int:
        """Columns that it takes."""
        return sum(piece.columns for piece in self.pieces)

    def address_at(self, column: int) -> Address:
        """Return the first address of a column; of words, where they begin."""
        at = 0
        for piece in self.pieces:
            if column < at + piece.columns:
                inside = 0 if piece.fold is not None else max(0, column - at) * self.cell
                return piece.start + inside
            at += piece.columns
        return self.pieces[-1].end - 1

    def column_of(self, address: Address) -> int | None:
        """Return the column that shows `address`, None outside the window.

        Of words, their middle.
        """
        at = 0
        for piece in self.pieces:
            if piece.start <= address < piece.end:
                if piece.fold is not None:
                    return at + piece.columns // 2
                return at + (address - piece.start) // self.cell
            at += piece.columns
        return None


def lane_shape(
    start: Address,
    end: Address,
    width: int,
    holes: HoleIndex,
    image: tuple[Address, Address] | None,
    *,
    words: bool = True,
) -> LaneShape:
    """Return how [start, end) lies best in `width` columns.

    Folding a hole costs the columns of its words and wins those of its cells: so many of the
    longest are folded as make the cells smallest. Without `words` a fold is one column.
    """
    folds = [
        Piece(
            low,
            high,
            0,
            Kind.FREE,
            f"⋯ {format_size(high - low)} {holes.word} ⋯" if words else "⋯",
        )
        for low, high in sorted(
            holes.longest(start, end, _FOLDS), key=lambda hole: hole[0] - hole[1]
        )
    ]
    if image is not None and max(start, image[0]) < min(end, image[1]):
        low, high = max(start, image[0]), min(end, image[1])
        text = f"░ kernel {format_size(high - low)} ░" if words else "░"
        folds.append(Piece(low, high, 0, Kind.IMAGE, text))
        folds.sort(key=lambda piece: piece.start - piece.end)
    shapes = [_shape(start, end, width, folds[:number]) for number in range(len(folds) + 1)]
    return min((shape for shape in shapes if shape is not None), key=lambda shape: shape.cell)


def _shape(start: Address, end: Address, width: int, folds: list[Piece]) -> LaneShape | None:
    """Return the shape with exactly these folds, or None where the words leave no room."""
    room = width - sum(len(fold.text) for fold in folds)
    gaps = list(_between(start, end, sorted(folds, key=lambda piece: piece.start)))
    drawn = [piece for piece in gaps if piece.fold is None]
    if room < max(1, len(drawn)) and (folds or room < 1):
        return None
    cell = max(1, -(-sum(piece.end - piece.start for piece in drawn) // room))
    # each piece rounds up to whole cells; at most as many steps as there are pieces are needed
    while sum(-(-(piece.end - piece.start) // cell) for piece in drawn) > room:
        cell += max(1, cell // max(1, room))
    pieces = tuple(
        piece._replace(columns=len(piece.text) or -(-(piece.end - piece.start) // cell))
        for piece in gaps
    )
    return LaneShape(pieces, cell)


def _between(start: Address, end: Address, folds: list[Piece]) -> Iterator[Piece]:
    at = start
    for fold in folds:
        if fold.start > at:
            yield Piece(at, fold.start, 0)
        yield fold
        at = fold.end
    if at < end:
        yield Piece(at, end, 0)


def lane_cells(
    index: CellIndex, shape: LaneShape, window: Window, favour: tuple[str, ...] = ()
) -> list[tuple[Piece, list[Cell]]]:
    """Return each piece with its cells (none for words).

    Of a fallback window only what used the fallback is in colour: the rest lies there because the
    windows overlap, and is dimmed.
    """
    drawn = []
    for piece in shape.pieces:
        cells: list[Cell] = []
        if piece.fold is None:
            cells = index.cells(piece.start, shape.cell, piece.columns, None, favour)
        if window is Window.FALLBACK:
            cells = [cell._replace(dim=cell.kind != FREE and not cell.fallback) for cell in cells]
        drawn.append((piece, cells))
    return drawn


def lane_text(
    index: CellIndex, shape: LaneShape, window: Window, favour: tuple[str, ...] = ()
) -> str:
    """Return a lane as letters.

    What used the fallback shows ``X``, what only lies in its window ``·``.
    """
    return "".join(
        piece.text
        or "".join(
            LOOKS[FALLBACK].letter
            if cell.fallback
            else _GHOST
            if cell.dim
            else letter(cell.kind, cell.eighths)
            for cell in cells
        )
        for piece, cells in lane_cells(index, shape, window, favour)
    )

"""How much of each cell of a row is taken, by look.

Areas one by one, or whole blocks from running totals.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from operator import attrgetter

from execmem_tui.model.areas import Area, Part, PartState
from execmem_tui.model.blocks import Block
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes
from execmem_tui.view.kinds import GUARD
from execmem_tui.view.paint import Paint, Piece

_END = attrgetter("end")


class Coverage:
    """Running totals over disjoint intervals, ascending."""

    __slots__ = ("ends", "starts", "totals")

    def __init__(self, intervals: list[tuple[Address, Address]]) -> None:
        self.starts = [start for start, _ in intervals]
        self.ends = [end for _, end in intervals]
        self.totals = [0, *accumulate(end - start for start, end in intervals)]

    def below(self, address: Address) -> Bytes:
        """Return the covered bytes below `address`."""
        index = bisect_right(self.starts, address)
        if index == 0:
            return 0
        index -= 1
        end = self.ends[index]
        within = address if address < end else end  # noqa: FURB136 - hot
        return self.totals[index] + within - self.starts[index]


@frozen
class Covered:
    """Makes the running totals of one block, by look."""

    paint: Paint
    fine: bool
    """Guards are looks of their own."""

    def totals(self, block: Block) -> tuple[dict[str, Coverage], Coverage]:
        """Return the totals of every look, and those of what spilled; the block remembers them."""
        return block.listed((self.paint.token, self.fine), self)

    def __call__(self, block: Block) -> tuple[dict[str, Coverage], Coverage]:
        """Return the totals of every look, and those of what spilled."""
        found: dict[str, list[tuple[Address, Address]]] = {}
        spilled: list[tuple[Address, Address]] = []
        for piece in self.paint.pieces(block):
            stop = piece.stop if self.fine else piece.end
            found.setdefault(piece.look, []).append((piece.start, stop))
            if self.fine and piece.end > piece.stop:
                found.setdefault(GUARD, []).append((piece.stop, piece.end))
            if piece.spilled:
                spilled.append((piece.start, piece.end))
        looks = {look: Coverage(_disjoint(pairs)) for look, pairs in found.items()}
        return looks, Coverage(_disjoint(spilled))


def _disjoint(pairs: list[tuple[Address, Address]]) -> list[tuple[Address, Address]]:
    merged: list[tuple[Address, Address]] = []
    for start, end in pairs:
        if merged and start < merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = merged[-1][0], end
        elif end > start:
            merged.append((start, end))
    return merged


def parts_within(area: Area, start: Address, end: Address) -> Iterator[Part]:
    """Yield the parts of `area` that touch [start, end)."""
    parts = area.parts or ()
    for index in range(bisect_right(parts, start, key=_END), len(parts)):
        if parts[index].start >= end:
            break
        yield parts[index]


def _gaps(area: Area, start: Address, end: Address) -> Iterator[tuple[Address, Address]]:
    """Yield what no used part of `area` covers in [start, end), its guard left out.

    Dirty slots are not in use.
    """
    at, stop = max(area.start, start), min(area.start + area.size, end)
    for part in parts_within(area, at, stop):
        if part.state is PartState.USED:
            if part.start > at:
                yield at, part.start
            at = part.end
    if stop > at:
        yield at, stop


class RowSums:
    """Adds up what lies in the cells of one row."""

    def __init__(self, start: Address, cell: Bytes, columns: int) -> None:
        self.start, self.cell, self.columns = start, cell, columns
        self.end = start + cell * columns
        self.used: dict[str, list[int]] = {}
        self.idle = [0] * columns
        self.spilled = bytearray(columns)
        self.edges = bytearray(columns)
        self.apart = True
        """No area reaches into another one."""
        self.reached: dict[str, Address] = {}
        """How far each look came: what overlaps counts once."""

    def add(self, look: str, low: Address, high: Address) -> None:
        """Count [low, high) for a look, as far as it lies in the row."""
        low, high = max(low, self.start, self.reached.get(look, 0)), min(high, self.end)
        if low < high:
            counts = self.used.setdefault(look, [0] * self.columns)
            self._spread(counts, low, high)
            self.reached[look] = high

    def _spread(self, counts: list[int], low: Address, high: Address) -> None:
        cell = self.cell
        first, inside = divmod(low - self.start, cell)
        last = (high - 1 - self.start) // cell
        if first == last:
            counts[first] += high - low
            return
        counts[first] += cell - inside
        for column in range(first + 1, last):
            counts[column] += cell
        counts[last] += high - self.start - last * cell

    def add_pieces(self, pieces: Iterable[Piece], fine: bool) -> None:
        """Count areas, each of which ends above the row's start, and mark where they begin.

        The hottest loop of a screen that is seen for the first time: most areas are whole ones.
        """
        start, end, cell = self.start, self.end, self.cell
        used, reached, edges, spilled = self.used, self.reached, self.edges, self.spilled
        for piece in pieces:
            low, high, look = piece.start, piece.end, piece.look
            if fine or low < start or high > end or piece.parted or reached.get(look, 0) > low:
                self._add_piece(piece, fine)
                continue
            first, last = (low - start) // cell, (high - 1 - start) // cell
            edges[first] = 1
            counts = used.get(look)
            if counts is None:
                counts = used[look] = [0] * self.columns
            if first == last:
                counts[first] += high - low
            elif low < high:
                self._spread(counts, low, high)
            if piece.spilled:
                spilled[first] = 1
                if first < last:
                    spilled[first : last + 1] = b"\1" * (last + 1 - first)
            reached[look] = high

    def _add_piece(self, piece: Piece, fine: bool) -> None:
        """Count an area, whatever of it lies in the row, and what its consumer leaves unused."""
        self.begin(piece.start)
        self.add(piece.look, piece.start, piece.stop if fine else piece.end)
        if fine and piece.end > piece.stop:
            self.add(GUARD, piece.stop, piece.end)
        if piece.spilled:
            first = max(0, (piece.start - self.start) // self.cell)
            last = min(self.columns - 1, (piece.end - 1 - self.start) // self.cell)
            self.spilled[first : last + 1] = b"\1" * (last + 1 - first)
        area = piece.area
        if area.parts is not None and area.size >= self.cell:
            for low, high in _gaps(area, self.start, self.end):
                self._spread(self.idle, low, high)

    def add_block(self, block: Block, covered: Covered) -> None:
        """Count a whole block from its running totals."""
        looks, spilled = covered.totals(block)
        first = max(0, (block.start - self.start) // self.cell)
        last = min(self.columns - 1, (block.end - 1 - self.start) // self.cell)
        edges = range(self.start + first * self.cell, self.end + 1, self.cell)
        for look, coverage in looks.items():
            counts = self.used.setdefault(look, [0] * self.columns)
            before = coverage.below(edges[0])
            for number in range(last + 1 - first):
                after = coverage.below(edges[number + 1])
                counts[first + number] += after - before
                before = after
        if spilled.starts:
            before = spilled.below(edges[0])
            for number in range(last + 1 - first):
                after = spilled.below(edges[number + 1])
                if after > before:
                    self.spilled[first + number] = 1
                before = after

    def begin(self, address: Address) -> None:
        """Mark the cell where an area, or a named piece, begins."""
        if self.start <= address < self.end:
            self.edges[(address - self.start) // self.cell] = 1

"""Areas in blocks that successive snapshots share.

An event touches a block or two of some hundred areas; all others go on to the next snapshot as they
are, with everything that was found out about them. So what follows from a snapshot costs what an
event changed, however one came from one step to another.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any, Final, TypeVar, cast, overload

from execmem_tui.model.areas import Area
from execmem_tui.model.units import Address

_T = TypeVar("_T")
_START = attrgetter("start")
_MOST: Final = 512
"""Areas in a block: an event recomputes so many, a frame adds up (all areas) / (so many) blocks."""

_REMEMBERED: Final = 32
"""Findings kept of one block: several kinds and origins."""

_LISTED: Final = 12
"""Lists kept of one block: pieces for a map, for one beside it and for the lanes, each with totals
with guards and without, and some to spare. A list takes several times what its areas do."""


class Block:
    """Some neighbouring areas, ascending by start, at least one. Never changes.

    Equal only to itself.
    """

    __slots__ = ("_found", "_listed", "areas", "end", "starts", "token")

    def __init__(self, areas: tuple[Area, ...]) -> None:
        self.areas = areas
        self.starts = [area.start for area in areas]
        self.end = max(area.end for area in areas)
        """First address after all of them. Of a capture, areas may overlap."""
        self.token = object()
        """Stands for the block where it is only compared: in a cache the block would live on, with
        all that was ever found of it, after the last step that has it was left."""
        self._found: dict[Callable[[Block], Any], Any] = {}
        self._listed: dict[Hashable, Any] = {}

    @property
    def start(self) -> Address:
        """Where the first area starts."""
        return self.starts[0]

    def find(self, what: Callable[["Block"], _T]) -> _T:
        """Return ``what(self)``, which is computed once; `what` is hashable and pure."""
        found = self._found
        if what not in found:
            if len(found) >= _REMEMBERED:
                found.clear()
            found[what] = what(self)
        return cast("_T", found[what])

    def listed(self, token: Hashable, what: Callable[["Block"], _T]) -> _T:
        """Return ``what(self)``, which has an entry for each area: the newest few are kept.

        Args:
            token: stands for `what`, which the block would keep alive with all that it knows: a
                lens knows two snapshots, and these their blocks. Of equal tokens one answer holds.
            what: pure.
        """
        listed = self._listed
        if token not in listed:
            made = what(self)  # may itself ask for a list
            if len(listed) >= _LISTED:
                del listed[next(iter(listed))]
            listed[token] = made
        return cast("_T", listed[token])


class Areas(Sequence[Area]):
    """All areas of one snapshot, ascending by start, as a sequence of blocks. Immutable."""

    __slots__ = ("_before", "blocks", "firsts")

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = tuple(blocks)
        self.firsts = [block.starts[0] for block in self.blocks]
        """Start of each block."""
        self._before = [0, *accumulate(len(block.starts) for block in self.blocks)]

    def __len__(self) -> int:
        return self._before[-1]

    def __iter__(self) -> Iterator[Area]:
        return chain.from_iterable(block.areas for block in self.blocks)

    @overload
    def __getitem__(self, index: int) -> Area: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Area, ...]: ...

    def __getitem__(self, index: int | slice) -> Area | tuple[Area, ...]:
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        number = bisect_right(self._before, at) - 1
        return self.blocks[number].areas[at - self._before[number]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Areas | tuple):
            return NotImplemented
        return tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as long as a list, and nobody asks for it

    def __repr__(self) -> str:
        return f"<{len(self)} areas>"

    def first_from(self, address: Address) -> int:
        """Return the index of the first area at or above `address` (the length if none)."""
        number = max(bisect_left(self.firsts, address) - 1, 0)
        if not self.blocks:
            return 0
        return self._before[number] + bisect_left(self.blocks[number].starts, address)

    def between(self, start: Address, end: Address) -> Iterator[Area]:
        """Yield the areas that touch [start, end), ascending; see `blocks_between`."""
        for block in self.blocks_between(start, end):
            starts = block.starts
            first = bisect_left(starts, start)
            if first and block.areas[first - 1].end > start:
                first -= 1
            for index in range(first, bisect_left(starts, end)):
                yield block.areas[index]

    def blocks_between(self, start: Address, end: Address) -> tuple[Block, ...]:
        """Return the blocks with an area that starts in [start, end), and the one before them.

        Areas that reach into [start, end) from farther below, as a capture may have them, are not
        looked for.
        """
        first = max(bisect_left(self.firsts, start) - 1, 0)
        return self.blocks[first : bisect_left(self.firsts, end)]


class MutableAreas:
    """A sorted collection of areas that changes, and gives out `Areas` that do not."""

    def __init__(self, areas: Iterable[Area] = ()) -> None:
        self._put(as_areas(areas))

    def _put(self, whole: Areas) -> None:
        self._areas: Areas | None = whole
        self._blocks: list[Block | list[Area]] = list(whole.blocks)
        self._firsts = list(whole.firsts)

    def areas(self) -> Areas:
        """Return what is there now; blocks that did not change are those of the last time."""
        if self._areas is None:
            blocks = [
                Block(tuple(block)) if isinstance(block, list) else block for block in self._blocks
            ]
            self._blocks = list(blocks)
            self._areas = Areas(blocks)
        return self._areas

    def add(self, area: Area) -> None:
        """Put `area` in its place, behind those of the same start."""
        if not self._blocks:
            self._blocks, self._firsts = [[]], [area.start]
        number = max(bisect_right(self._firsts, area.start) - 1, 0)
        block = self._opened(number)
        insort(block, area, key=_START)
        self._settle(number, block)

    def remove(self, area: Area) -> None:
        """Take out one area that is equal to `area`.

        Raises:
            ValueError: there is none.
        """
        number = max(bisect_left(self._firsts, area.start) - 1, 0)
        while number < len(self._blocks) and self._firsts[number] <= area.start:
            # areas of the same start may lie in more than one block
            block = self._blocks[number]
            areas = block if isinstance(block, list) else block.areas
            at = bisect_left(areas, area.start, key=_START)
            while at < len(areas) and areas[at].start == area.start:
                if areas[at] == area:
                    opened = self._opened(number)
                    del opened[at]
                    self._settle(number, opened)
                    return
                at += 1
            number += 1
        raise ValueError(f"no such area: {area}")

    def replace(self, removed: Sequence[Area], added: Sequence[Area]) -> None:
        """Take out areas that are equal to those of `removed`, one for each; then add `added`.

        As `remove` and `add` of each do, in one pass where that costs less.

        Raises:
            ValueError: one is not there.
        """
        if self._blocks and len(removed) + len(added) < max(16, len(self._blocks) // 8) * _MOST:
            for area in removed:
                self.remove(area)
            for area in added:
                self.add(area)
            return
        gone: dict[Address, list[Area]] = {}
        for area in removed:
            gone.setdefault(area.start, []).append(area)
        kept: list[Area] = []
        for area in self.areas():
            here = gone.get(area.start)
            if here and area in here:
                here.remove(area)
            else:
                kept.append(area)
        left = next((here[0] for here in gone.values() if here), None)
        if left is not None:
            raise ValueError(f"no such area: {left}")
        whole = sorted(chain(kept, added), key=_START)
        # cut as `add` of one after the other cuts: the last block takes up to twice as many
        last = max(0, (len(whole) - 1) // _MOST - 1) * _MOST
        blocks = [whole[at : at + _MOST] for at in range(0, last, _MOST)]
        blocks += [whole[last:]] if whole else []
        self._put(Areas(Block(tuple(block)) for block in blocks))

    def _opened(self, number: int) -> list[Area]:
        self._areas = None
        block = self._blocks[number]
        if isinstance(block, list):
            return block
        opened = list(block.areas)
        self._blocks[number] = opened
        return opened

    def _settle(self, number: int, block: list[Area]) -> None:
        """Split a block that grew too large, join one that became too small."""
        if len(block) > 2 * _MOST:
            half = block[_MOST:]
            del block[_MOST:]
            self._blocks.insert(number + 1, half)
            self._firsts.insert(number + 1, half[0].start)
        elif len(block) < _MOST // 4 and number + 1 < len(self._blocks):
            block += self._opened(number + 1)
            del self._blocks[number + 1], self._firsts[number + 1]
            if len(block) > 2 * _MOST:
                self._settle(number, block)
        elif not block:
            del self._blocks[number], self._firsts[number]
            return
        self._firsts[number] = block[0].start


def as_areas(areas: Iterable[Area]) -> Areas:
    """Return the sequence of `areas`: the same one if it is one already."""
    return areas if isinstance(areas, Areas) else _cut(areas)


def _cut(areas: Iterable[Area]) -> Areas:
    whole = sorted(areas, key=_START)
    return Areas(Block(tuple(whole[at : at + _MOST])) for at in range(0, len(whole), _MOST))

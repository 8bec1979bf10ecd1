"""Very many holes as a sorted list, for as long as nobody asks for the tree's shape.

The kernel's tree decides an answer only where an aligned request finds its lowest fit in a hole
smaller than the padded size (mm/vmalloc.c: find_vmap_lowest_match). All other answers are the
lowest fit, which a list in some blocks finds and changes at a third of the tree's price, for Python
moves what is in a list by itself. What happens is noted, so that `shaped` can make the tree that
the kernel has, with the history in its shape. No scenario of the library comes to that.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import Final, Self

from execmem_tui.mm.free_space import HIGHEST, FreeSpace, padded
from execmem_tui.mm.rbtree import FreeTree

_LOAD: Final = 128
"""Holes of a block; one that has twice as many is cut in two."""
_FULL: Final = 2 * _LOAD
_ALONE: Final = 1 << 30
"""A hole of so many bytes, a gap between windows, has a block for itself: its size says nothing of
those beside it."""
_NOTED: Final = 1 << 19
"""How many addresses are noted before the tree takes them over, so that memory stays level."""

_NOWHERE: Final = HIGHEST + 1
"""Above every hole."""

Place = tuple[int, int]
"""A hole: its block and its index there; for no longer than until the next change."""

UNSURE: Final[tuple[int, Place]] = (-1, (-1, -1))
"""What `FlatSpace.search` says where only the tree's shape knows."""


class FlatSpace:
    """What `FreeSpace` is, without a shape."""

    __slots__ = (
        "base",
        "firsts",
        "noted",
        "page_size",
        "passed",
        "sizes",
        "starts",
        "tops",
    )

    def __init__(self, space: FreeSpace) -> None:
        """Take the holes of `space`, which must not change any more."""
        self.page_size = space.page_size
        self.base = space
        """What was free before the first noted operation; clones share it."""
        self.noted: list[int] = []
        """Two addresses for each: ascending of what was given back, descending of what was
        taken."""
        self.passed = 0
        """Holes that searches looked at in vain, since somebody who counts them put 0 here."""
        self.starts: list[list[int]] = []
        """Of the holes of each block, ascending."""
        self.sizes: list[list[int]] = []
        self.firsts: list[int] = []
        """Start of the first hole of each block."""
        self.tops: list[int] = []
        """At least the size of the largest hole of each block."""
        for start, end in space:
            self._insert(len(self.firsts) - 1, _FULL, start, end - start)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield free [start, end) ascending."""
        starts, sizes = chain.from_iterable(self.starts), chain.from_iterable(self.sizes)
        return ((start, start + size) for start, size in zip(starts, sizes, strict=True))

    @property
    def count(self) -> int:
        """How many holes there are."""
        return sum(map(len, self.starts))

    @property
    def tree(self) -> FreeTree:
        """The kernel's tree, made for this look."""
        return self.shaped().tree

    def clone(self) -> Self:
        """Return an equal free space that shares nothing that changes."""
        copy = self.__class__.__new__(self.__class__)
        copy.page_size = self.page_size
        copy.passed = 0
        copy.base = self.base
        copy.noted = self.noted[:]
        copy.starts = [starts[:] for starts in self.starts]
        copy.sizes = [sizes[:] for sizes in self.sizes]
        copy.firsts = self.firsts[:]
        copy.tops = self.tops[:]
        return copy

    def shaped(self) -> FreeSpace:
        """Return the same free space as the tree that the kernel has after all that happened."""
        space = self.base.clone()
        addresses = iter(self.noted)
        for first, second in zip(addresses, addresses, strict=True):
            if first < second:
                space.give_back(first, second)
            else:
                space.take(second, first)
        return space

    def padded(self, size: int, align: int, vstart: int, vend: int) -> int:
        """As `FreeSpace.padded`."""
        return padded(self.page_size, size, align, vstart, vend)

    def search(  # noqa: C901 - as there
        self, size: int, align: int, vstart: int, need: int, *, least: int = 0
    ) -> tuple[int, Place] | None:
        """Return the address that find_vmap_lowest_match() chooses and the hole that it is in.

        None where there is none, `UNSURE` where that is not certain.

        Args:
            size: bytes, guard included.
            align: power of two.
            vstart: lowest address.
            need: the padded size.
            least: only holes of so many bytes count.
        """
        if least < size:  # noqa: PLR1730 - a hot line, a call costs
            least = size
        index = 0
        block = bisect_right(self.firsts, vstart)
        if block:
            block -= 1
            starts = self.starts[block]
            index = bisect_right(starts, vstart)  # of the first hole that lies behind it wholly
            room = self.sizes[block][index - 1]
            end = starts[index - 1] + room
            if room >= least and vstart + size <= end:
                at = (vstart + align - 1) & -align
                if at + size <= end:
                    return UNSURE if room < need else (at, (block, index - 1))
            if index == len(starts):
                block += 1
                index = 0
        # every start but LOWEST is of whole pages
        aligned = align == 1 or align <= self.page_size <= vstart
        tops, blocks = self.tops, self.sizes
        for number in range(block, len(tops)):
            if tops[number] >= least:
                sizes = blocks[number]
                for room in sizes[index:] if index else sizes:
                    if room >= least:
                        start = self.starts[number][index]
                        at = start if aligned else (start + align - 1) & -align
                        if aligned or at + size <= start + room:
                            return UNSURE if room < need else (at, (number, index))
                    index += 1
                tops[number] = max(sizes)
                self.passed += len(sizes)
            index = 0
        return None

    def is_certain(
        self,
        size: int,
        align: int,
        vstart: int,
        need: int,
        found: Place | None = None,  # noqa: ARG002 - as there
    ) -> bool:
        """As `FreeSpace.is_certain`."""
        return self.search(size, align, vstart, need) is not UNSURE

    def lowest_fit(self, size: int, align: int, vstart: int, at_least: int = 0) -> int | None:
        """As `FreeSpace.lowest_fit`."""
        found = self.search(size, align, vstart, 0, least=at_least)
        return None if found is None else found[0]

    def clip(self, hole: Place, start: int, size: int) -> None:
        """Carve [start, start + size) out of a hole."""
        block, index = hole
        starts, sizes = self.starts[block], self.sizes[block]
        low, before = starts[index], sizes[index]
        end = start + size
        noted = self.noted
        noted.append(end)
        noted.append(start)
        if low < start:
            sizes[index] = start - low
            if low + before != end:
                self._insert(block, index + 1, end, low + before - end)
        elif size < before:
            starts[index] = end
            sizes[index] = before - size
            if index == 0:
                self.firsts[block] = end
        else:
            self._remove(block, index)
        if len(noted) > _NOTED:
            self._take_over()

    def take(self, start: int, end: int) -> bool:
        """Carve exactly [start, end) if it is wholly free; return whether it was."""
        block = bisect_right(self.firsts, start) - 1
        if block < 0:
            return False
        starts = self.starts[block]
        index = bisect_right(starts, start) - 1
        if starts[index] + self.sizes[block][index] < end:
            return False
        self.clip((block, index), start, end - start)
        return True

    def give_back(self, start: int, end: int) -> None:
        """Return [start, end) to free space.

        Raises:
            AssertionError: it overlaps free space; the kernel warns and drops the area.
        """
        self.noted.append(start)
        self.noted.append(end)
        firsts = self.firsts
        block = bisect_right(firsts, start) - 1
        if block < 0:
            after = firsts[0] if firsts else _NOWHERE
            assert end <= after, f"{start:x}-{end:x} overlaps free space"
            self._give_back_at_edge(block, (0, start, end, after))
            return
        starts, sizes = self.starts[block], self.sizes[block]
        index = bisect_right(starts, start)
        low = starts[index - 1]
        before = low + sizes[index - 1]
        next_block, next_index, after = block, index, _NOWHERE
        if index < len(starts):
            after = starts[index]
        elif block + 1 < len(firsts):
            next_block, next_index, after = block + 1, 0, firsts[block + 1]
        assert before <= start < end <= after, f"{start:x}-{end:x} overlaps free space"
        if before == start:
            if after == end:
                end += self.sizes[next_block][next_index]
                self._remove(next_block, next_index)
            sizes[index - 1] = size = end - low
        elif index == len(starts) or (after != end and len(starts) >= _FULL):
            self._give_back_at_edge(block, (index, start, end, after))
            return
        elif after == end:
            sizes[index] = size = sizes[index] + (end - start)
            starts[index] = start
        else:
            size = end - start
            starts.insert(index, start)
            sizes.insert(index, size)
        if size > self.tops[block]:  # noqa: PLR1730 - a hot line, a call costs
            self.tops[block] = size

    def _give_back_at_edge(self, block: int, place: tuple[int, int, int, int]) -> None:
        """Return what lies behind all holes of a block, or has no room in it.

        Args:
            block: -1 for what lies before all blocks.
            place: the index there, start, end, and where the next hole begins; the hole before it
                ends before it.
        """
        index, start, end, after = place
        if after != end:
            self._insert(block, index, start, end - start)
            return
        block += 1
        sizes = self.sizes[block]
        sizes[0] = size = sizes[0] + (end - start)
        self.starts[block][0] = self.firsts[block] = start
        if size > self.tops[block]:  # noqa: PLR1730 - a hot line, a call costs
            self.tops[block] = size

    def _remove(self, block: int, index: int) -> None:
        starts = self.starts[block]
        if len(starts) == 1:
            for each in (self.starts, self.sizes, self.firsts, self.tops):
                del each[block]
            return
        del starts[index], self.sizes[block][index]
        if index == 0:
            self.firsts[block] = starts[0]

    def _insert(self, block: int, index: int, start: int, size: int) -> None:
        """Put a hole into a block.

        One of its own or the next one where a gap ends the block.
        """
        blocks = self.sizes
        if block < 0 or (
            index >= len(blocks[block]) and (size >= _ALONE or blocks[block][-1] >= _ALONE)
        ):
            block, index = block + 1, 0
            if size >= _ALONE or block == len(blocks) or blocks[block][0] >= _ALONE:
                self._insert_block(block, [start], [size])
                return
        starts, sizes = self.starts[block], blocks[block]
        starts.insert(index, start)
        sizes.insert(index, size)
        if size > self.tops[block]:  # noqa: PLR1730 - a hot line, a call costs
            self.tops[block] = size
        if index == 0:
            self.firsts[block] = start
        if len(starts) > _FULL:
            self._insert_block(block + 1, starts[_LOAD:], sizes[_LOAD:])
            del starts[_LOAD:], sizes[_LOAD:]
            self.tops[block] = max(sizes)

    def _insert_block(self, block: int, starts: list[int], sizes: list[int]) -> None:
        self.starts.insert(block, starts)
        self.sizes.insert(block, sizes)
        self.firsts.insert(block, starts[0])
        self.tops.insert(block, max(sizes))

    def _take_over(self) -> None:
        """Have the tree do what was noted, and note anew."""
        self.base = self.shaped()
        self.noted = []

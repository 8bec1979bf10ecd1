"""The global free space: search, carve, give back (mm/vmalloc.c, identical in 6.12 and 7.1)."""

from collections.abc import Iterable, Iterator
from typing import Self

from execmem_tui.mm.rbtree import FreeArea, FreeTree, Link, grow, predecessor, refresh

LOWEST = 1
HIGHEST = (1 << 64) - 1
"""Free space is everything in [1, ULONG_MAX): not only the vmalloc window
(vmap_init_free_space)."""


def padded(page_size: int, size: int, align: int, vstart: int, vend: int) -> int:
    """Return the length that the pruning of the search uses (see `FreeSpace.padded`)."""
    return size + align - 1 if align > page_size and vend - vstart != size else size


class FreeSpace:
    """What is neither busy nor lazy nor pooled."""

    __slots__ = ("page_size", "passed", "tree")

    def __init__(
        self, page_size: int, taken: Iterable[tuple[int, int]] = (), highest: int = HIGHEST
    ) -> None:
        """Start from what `taken` intervals leave of [1, highest).

        They are (start, end), ascending; it is built ascending, as at boot.
        """
        self.page_size = page_size
        self.passed = 0
        """Holes that were looked at in vain, since somebody who counts them put 0 here."""
        self.tree = FreeTree()
        at = LOWEST
        for start, end in sorted(taken):
            if start > at:
                self._append(at, start)
            at = max(at, end)
        if at < highest:
            self._append(at, highest)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield free [start, end) ascending."""
        return ((node.start, node.end) for node in self.tree)

    @property
    def count(self) -> int:
        """How many areas are free."""
        return self.tree.count

    def shaped(self) -> "FreeSpace":
        """Return this, which has the kernel's tree; see `FlatSpace.shaped`."""
        return self

    def clone(self) -> Self:
        """Return an equal free space with the same tree shape."""
        copy = self.__class__.__new__(self.__class__)
        copy.page_size = self.page_size
        copy.passed = 0
        copy.tree = self.tree.clone()
        return copy

    def _append(self, start: int, end: int) -> None:
        parent = self.tree.root
        while parent is not None and parent.right is not None:
            parent = parent.right
        self.tree.insert(start, end, parent)

    def padded(self, size: int, align: int, vstart: int, vend: int) -> int:
        """Return the length that the pruning of the search uses.

        `adjust_search_size` of alloc_vmap_area.
        """
        return padded(self.page_size, size, align, vstart, vend)

    def is_certain(
        self, size: int, align: int, vstart: int, need: int, found: FreeArea | None = None
    ) -> bool:
        """Whether the answer of `search` follows without the tree's shape.

        The lowest area that fits is what it finds, unless that one is smaller than the padded size:
        then the tree decides (L = C of `lowest_fit`).

        `found` is the area that it found, where that is known; all else as for `search`.
        """
        if found is not None and found.size < need:
            return False
        lowest = self.search(size, align, vstart, size)
        return lowest is None or lowest[1].size >= need

    def search(  # noqa: C901, PLR0912 - the kernel's loop, with the usual request looked at first
        self, size: int, align: int, vstart: int, need: int
    ) -> tuple[int, FreeArea] | None:
        """Return the address that find_vmap_lowest_match() chooses and the area it is in, or None.

        With `align` at most a page this is the lowest area that fits. Above that, an area smaller
        than `need` (the padded size) is taken only where the tree's shape makes the search pass it:
        the result depends on history.
        """
        node = self.tree.root
        if node is None:
            return None
        mask = -align
        # every start but LOWEST is of whole pages
        aligned = align == 1 or align <= self.page_size <= vstart
        low = vstart + size
        while True:
            left = node.left
            while left is not None and left.top >= need and vstart < node.start:
                node = left
                left = node.left
            while True:
                start = node.start
                if start >= vstart:
                    if aligned:
                        if node.size >= size:
                            return start, node
                    else:
                        at = (start + align - 1) & mask
                        if at + size <= node.end:
                            return at, node
                elif node.end >= low:
                    at = (vstart + align - 1) & mask
                    if at + size <= node.end:
                        return at, node
                right = node.right
                if right is not None and right.top >= need:
                    node = right
                    break
                # back to the nearest node that was left to the left: what is above a right child
                # was looked at
                parent = node.parent
                while parent is not None and parent.left is not node:
                    node, parent = parent, parent.parent
                if parent is None:
                    return None
                node = parent

    def lowest_fit(self, size: int, align: int, vstart: int, at_least: int = 0) -> int | None:
        """Return the lowest address that fits, whatever the tree looks like.

        Args:
            size: bytes, guard included.
            align: power of two.
            vstart: lowest address.
            at_least: only areas of this many bytes count. 0 gives the bound L of an aligned search,
                the padded size the bound C: what the kernel answers lies between them.
        """
        mask = -align
        least = max(size, at_least)
        node = self.tree.root
        if node is None or node.top < least:
            return None
        above: list[FreeArea] = []
        while True:
            left = node.left
            while left is not None and left.top >= least and vstart < node.start:
                above.append(node)
                node = left
                left = node.left
            while True:
                at = (max(node.start, vstart) + align - 1) & mask
                if at + size <= node.end and node.size >= least:
                    return at
                right = node.right
                if right is not None and right.top >= least:
                    node = right
                    break
                if not above:
                    return None
                node = above.pop()

    def lowest_from(self, size: int, low: int) -> Link:
        """Return the lowest area that begins at or above `low` and has `size` bytes, or None."""
        node = self.tree.root
        if node is None or node.top < size:
            return None
        above: list[FreeArea] = []
        while True:
            left = node.left
            while left is not None and left.top >= size and low < node.start:
                above.append(node)
                node = left
                left = node.left
            while True:
                if node.start >= low and node.size >= size:
                    return node
                right = node.right
                if right is not None and right.top >= size:
                    node = right
                    break
                if not above:
                    return None
                node = above.pop()

    def area_at_or_below(self, address: int) -> Link:
        """Return the last area at or below `address` (pvm_find_va_enclose_addr), or None."""
        node, found = self.tree.root, None
        while node is not None:
            if node.start <= address:
                found = node
                if node.end >= address:
                    break
                node = node.right
            else:
                node = node.left
        return found

    def clip(self, area: FreeArea, start: int, size: int) -> None:
        """Carve [start, start + size) out of `area` (va_clip).

        In the middle, the existing node keeps the right remainder.
        """
        before = area.size
        if area.start == start:
            if before == size:
                self.tree.erase(area)
                return
            area.start = start + size
            area.size = before - size
        else:
            end, left = start + size, area.start
            if area.end == end:
                area.end = start
                area.size = before - size
            else:
                area.start = end
                area.size = area.end - end
                refresh(area)
                self._insert_below(left, start, area)
                return
        if area.top == before:  # else an area below it is larger, then as now
            refresh(area)

    def _insert_below(self, start: int, end: int, near: FreeArea) -> None:
        """Insert [start, end), which lies directly below `near` in address order."""
        if near.left is None:
            self.tree.insert(start, end, near)
            return
        before = predecessor(near)
        self.tree.insert(start, end, before)

    def give_back(self, start: int, end: int) -> None:
        """Return [start, end) to free space (merge_or_add_vmap_area_augment).

        Raises:
            AssertionError: it overlaps free space; the kernel warns and drops the area.
        """
        node = self.tree.root
        before: Link = None
        after: Link = None
        while node is not None:
            if node.start >= end:
                after = node
                node = node.left
            else:
                before = node
                node = node.right
        if before is not None:
            assert before.end <= start, (
                f"{start:x}-{end:x} overlaps free {before.start:x}-{before.end:x}"
            )
            if before.end == start:
                if after is not None and after.start == end:
                    end = after.end
                    self.tree.erase(after)
                before.end = end
                before.size = size = end - before.start
                grow(before, size)
                return
        if after is not None:
            if after.start == end:
                after.start = start
                after.size = size = after.end - start
                grow(after, size)
                return
            if after.left is None:  # then the search ended there, else at `before`
                before = after
        self.tree.insert(start, end, before)

    def take(self, start: int, end: int) -> bool:
        """Carve exactly [start, end) if it is wholly free; return whether it was."""
        area = self.area_at_or_below(start)
        if area is None or area.end < end:
            return False
        self.clip(area, start, end - start)
        return True

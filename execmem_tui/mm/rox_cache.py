"""The cache of read-only executable blocks.

mm/execmem.c, 7.1: x86-64 with STRICT_MODULE_RWX and PSE.

Free and busy pieces are disjoint and shared by all cached types. Pieces of one block join when they
touch; blocks never do, for a guard page lies between them. Two hazards of the 7.1 code are flagged
in the journal and not imitated:

* ``cleaner-inner-block``: a free piece that is a PMD-aligned part of a bigger block; the cleaner
  would vfree() it by its inner address and take the whole block with it. Here the piece stays in
  the cache.
* ``last-interval``: nothing qualifies but the last free piece is big enough; the kernel's loop
  would hand out the address behind it. Here that counts as a miss.
"""

from bisect import bisect_right
from typing import Final, Self

from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.journal import Hazard, Journal

_EVERYTHING: Final = ((0, 1 << 64),)


class RoxCache:
    """The free and busy pieces, as [start, end) keyed by start.

    The kernel keeps both in maple trees and walks the free ones from the lowest
    (__execmem_cache_alloc). The same answer is found here through the size of the largest piece in
    each part of a tree: the walk over 100,000 pieces would take a third of a millisecond.
    """

    def __init__(self) -> None:
        self.pieces = FreeSpace(1, _EVERYTHING)
        self.busy: dict[int, int] = {}
        """start -> end."""
        self.pending: set[int] = set()
        """Busy starts whose free failed and is retried."""
        self.retry_queued = False
        self.clean_queued = False

    def clone(self) -> Self:
        """Return an equal cache that shares nothing."""
        copy = self.__class__()
        copy.pieces = self.pieces.clone()
        copy.busy = dict(self.busy)
        copy.pending = set(self.pending)
        copy.retry_queued = self.retry_queued
        copy.clean_queued = self.clean_queued
        return copy

    def free(self) -> list[tuple[int, int]]:
        """Return the free pieces ascending."""
        return list(self.pieces)

    def free_end(self, start: int) -> int | None:
        """Return the end of the free piece that starts at `start`, None where none does."""
        piece = self.pieces.area_at_or_below(start)
        return piece.end if piece is not None and piece.start == start else None

    def add(self, start: int, end: int) -> None:
        """Add a free piece and join it with the ones that touch it (execmem_cache_add)."""
        self.pieces.give_back(start, end)

    def remove(self, start: int) -> None:
        """Drop a free piece."""
        end = self.free_end(start)
        assert end is not None, f"no free piece at {start:x}"
        self.pieces.take(start, end)

    def alloc(
        self, size: int, windows: tuple[tuple[int, int], ...], journal: Journal | None
    ) -> int | None:
        """Take the low end of the lowest free piece that is long enough and starts in a window.

        None on a miss.

        A piece counts as inside only if its start plus `size` lies strictly below the window's end
        (within_range).
        """
        found = None
        for low, high in windows:
            piece = self.pieces.lowest_from(size, low)
            inside = piece is not None and piece.start + size < high
            if piece is not None and inside and (found is None or piece.start < found.start):
                found = piece
        if found is not None:
            start = found.start
            self.pieces.clip(found, start, size)
            self.busy[start] = start + size
            return start
        last = self.pieces.tree.last()
        if last is not None and last.end - last.start >= size and journal is not None:
            journal.append(
                Hazard(
                    "last-interval",
                    f"no free piece of the ROX cache qualifies for {size} bytes, but the last one"
                    " is big enough: 7.1 would return the address behind it",
                )
            )
        return None

    def busy_at(self, address: int) -> int | None:
        """Return the start of the busy piece that covers `address`, or None."""
        if address in self.busy:
            return address
        starts = sorted(self.busy)
        index = bisect_right(starts, address) - 1
        if index >= 0 and address < self.busy[starts[index]]:
            return starts[index]
        return None

    def whole_blocks(self, pmd_size: int) -> list[tuple[int, int]]:
        """Return the free pieces that the cleaner considers: start and length are PMD multiples."""
        return [
            (start, end)
            for start, end in self.free()
            if start % pmd_size == 0 and (end - start) % pmd_size == 0
        ]

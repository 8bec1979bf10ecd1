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

from bisect import bisect_left, bisect_right, insort

from execmem_tui.mm.journal import Hazard, Journal


class RoxCache:
    """The free and busy pieces, as [start, end) keyed by start."""

    def __init__(self) -> None:
        self.free_starts: list[int] = []
        self.free_ends: dict[int, int] = {}
        self.busy: dict[int, int] = {}
        """start -> end."""
        self.pending: set[int] = set()
        """Busy starts whose free failed and is retried."""
        self.retry_queued = False
        self.clean_queued = False

    def clone(self) -> "RoxCache":
        """Return an equal cache that shares nothing."""
        copy = RoxCache()
        copy.free_starts = list(self.free_starts)
        copy.free_ends = dict(self.free_ends)
        copy.busy = dict(self.busy)
        copy.pending = set(self.pending)
        copy.retry_queued = self.retry_queued
        copy.clean_queued = self.clean_queued
        return copy

    def free(self) -> list[tuple[int, int]]:
        """Return the free pieces ascending."""
        return [(start, self.free_ends[start]) for start in self.free_starts]

    def add(self, start: int, end: int) -> None:
        """Add a free piece and join it with the ones that touch it (execmem_cache_add)."""
        index = bisect_left(self.free_starts, start)
        if index and self.free_ends[self.free_starts[index - 1]] == start:
            index -= 1
            start = self.free_starts.pop(index)
        if index < len(self.free_starts) and self.free_starts[index] == end:
            self.free_starts.pop(index)
            end = self.free_ends.pop(end)
        insort(self.free_starts, start)
        self.free_ends[start] = end

    def remove(self, start: int) -> None:
        """Drop a free piece."""
        self.free_starts.remove(start)
        del self.free_ends[start]

    def alloc(
        self, size: int, windows: tuple[tuple[int, int], ...], journal: Journal | None
    ) -> int | None:
        """Take the low end of the lowest free piece that is long enough and starts in a window.

        None on a miss.

        A piece counts as inside only if its start plus `size` lies strictly below the window's end
        (within_range).
        """
        length = 0
        for start in self.free_starts:
            length = self.free_ends[start] - start
            if length >= size and any(
                low <= start and start + size < high for low, high in windows
            ):
                self._carve(start, size)
                return start
        if length >= size and journal is not None:
            journal.append(
                Hazard(
                    "last-interval",
                    f"no free piece of the ROX cache qualifies for {size} bytes, but the last one"
                    " is big enough: 7.1 would return the address behind it",
                )
            )
        return None

    def _carve(self, start: int, size: int) -> None:
        end = self.free_ends.pop(start)
        index = bisect_left(self.free_starts, start)
        if start + size == end:
            self.free_starts.pop(index)
        else:
            self.free_starts[index] = start + size
            self.free_ends[start + size] = end
        self.busy[start] = start + size

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

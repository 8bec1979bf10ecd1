"""Bookkeeping nodes of vmalloc: lazy sets and size pools.

mm/vmalloc.c: struct vmap_node, since 6.9.
"""

from collections import deque
from collections.abc import Collection, Iterator
from typing import Final, Self

from execmem_tui.mm.flat_space import FlatSpace
from execmem_tui.mm.free_space import FreeSpace

MAX_NODES: Final = 128
MAX_POOL_PAGES: Final = 256
"""MAX_VA_SIZE_PAGES: areas of 1 to 256 pages, guard included, have a pool."""

NO_OWNER: Final = -1

VM_IOREMAP: Final = 0x1
VM_NO_GUARD: Final = 0x40
VM_FLUSH_RESET_PERMS: Final = 0x100
VM_ALLOW_HUGE_VMAP: Final = 0x400


class VmapArea:
    """An allocated piece of address space, guard included.

    Never changed after it was made, so copies may share it.
    """

    __slots__ = ("end", "flags", "guard", "owner", "pages", "start")

    def __init__(
        self, start: int, end: int, pages: int, owner: int, flags: int = 0, guard: int = 0
    ) -> None:
        self.start = start
        self.end = end
        self.pages = pages
        """All of it, the guard too."""
        self.owner = owner
        """Node whose pool it may go to, or NO_OWNER."""
        self.flags = flags
        self.guard = guard
        """Bytes of guard at its end."""


class VmapNode:
    """One node: its lazy areas and 256 pools. Pools are keyed by pages and last-in first-out.

    The head is at the left.
    """

    __slots__ = ("due", "lazy", "pools")

    def __init__(self) -> None:
        self.lazy: dict[int, VmapArea] = {}
        """By start, the first freed first."""
        self.pools: dict[int, deque[tuple[int, int]]] = {}
        """By pages; only pools that hold something are kept, for every purge looks at all of
        them."""
        self.due: set[int] = set()
        """Pages of the pools where a decay may find something: none where nothing was parked since
        one found nothing."""

    def clone(self) -> Self:
        """Return an equal node; areas are shared, containers are not."""
        copy = self.__class__()
        copy.lazy = dict(self.lazy)
        copy.due = set(self.due)
        copy.pools = {pages: deque(pool) for pages, pool in self.pools.items()}
        return copy

    def turn(self, pages: int, align: int) -> None:
        """Put a misaligned head of a pool at its tail, as a request that passes it over does.

        Only the head is ever looked at (node_pool_del_va), so the next request meets another.
        """
        pool = self.pools.get(pages)
        if pool and pool[0][0] & (align - 1):
            pool.rotate(-1)

    def pop(self, pages: int) -> tuple[int, int]:
        """Take the head of a pool that holds something."""
        pool = self.pools[pages]
        area = pool.popleft()
        if not pool:
            del self.pools[pages]
        return area

    def remove(self, start: int, end: int, pages: int) -> bool:
        """Take a given area out of its pool; return whether it was there."""
        pool = self.pools.get(pages)
        if pool is None or (start, end) not in pool:
            return False
        pool.remove((start, end))
        if not pool:
            del self.pools[pages]
        return True

    def park(self, pages: int, start: int, end: int) -> None:
        """Put a purged area at the head of its pool (node_pool_add_va)."""
        pool = self.pools.get(pages)
        if pool is None:
            pool = self.pools[pages] = deque()
        pool.appendleft((start, end))
        self.due.add(pages)

    def pooled(self) -> Iterator[tuple[int, int]]:
        """Yield every pooled (start, end), by size, head first."""
        for pages in sorted(self.pools):
            yield from self.pools[pages]

    def decay(self, *, full: bool, empties_short: bool) -> list[tuple[int, int]]:
        """Take areas out of the pools and return them (decay_va_pool_node).

        Args:
            full: everything, else the first quarter (rounded down) from the head of each pool.
            empties_short: 6.12's quirk: a pool of 1 to 3 areas has a quarter of 0 and loses
                everything.
        """
        out: list[tuple[int, int]] = []
        pools = self.pools
        for pages in list(pools if full else self.due):
            pool = pools.get(pages)
            length = 0 if pool is None else len(pool)
            count = length if full else length >> 2
            if count == 0 and empties_short:
                count = length
            if count == 0 or pool is None:
                self.due.discard(pages)
            elif count == length:
                out += pool
                del pools[pages]
            else:
                out += [pool.popleft() for _ in range(count)]
        return out

    def shrink(self, but: Collection[int]) -> list[tuple[int, int]]:
        """Take all areas out of the pools and return them, but those that start at `but`."""
        out: list[tuple[int, int]] = []
        for pages, pool in list(self.pools.items()):
            kept = deque(area for area in pool if area[0] in but)
            out += (area for area in pool if area[0] not in but)
            if kept:
                self.pools[pages] = kept
            else:
                del self.pools[pages]
        return out


def give_back_decayed(space: FlatSpace | FreeSpace, decayed: list[tuple[int, int]]) -> None:
    """Join the decayed areas of one node among themselves, then give them back ascending."""
    if not decayed:
        return
    decayed.sort()
    start, end = decayed[0]
    for next_start, next_end in decayed[1:]:
        if next_start != end:
            space.give_back(start, end)
            start = next_start
        end = next_end
    space.give_back(start, end)

"""vmalloc address space: allocation, lazy free and purge (mm/vmalloc.c, 6.12 and 7.1)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, Self

from execmem_tui.mm.flat_space import UNSURE, FlatSpace
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.journal import (
    AllocVmapArea,
    FreeVmapAreaNoflush,
    Journal,
    PurgeVmapAreaLazy,
)
from execmem_tui.mm.vmap_node import (
    MAX_NODES,
    MAX_POOL_PAGES,
    NO_OWNER,
    VmapArea,
    VmapNode,
    give_back_decayed,
)
from execmem_tui.model.rules import PurgeOrder, Rules

LAZY_UNIT: Final = 32 << 20
"""lazy_max_pages(): 32 MiB per bit of the online CPU count."""

ZONE_PAGES: Final = 16
"""VMAP zone: addresses are spread over nodes by 16 pages."""


_MANY: Final = 256
"""Holes from which on a list is faster than the tree."""

_REQUESTS: Final = 1 << 12
"""How many different requests are remembered, so that memory does not grow with a trace."""


class Purge(StrEnum):
    """Why lazy areas are given back."""

    DRAIN = "drain"
    """The worker queued when too much is lazy."""
    ALIASES = "aliases"
    """vm_unmap_aliases(), before permissions change."""
    RECLAIM = "reclaim"
    """An allocation found no room; pools are emptied too."""
    SHRINK = "shrink"
    """The vmap-node shrinker: pools only, no lazy area."""


_DRAIN, _RECLAIM, _SHRINK = Purge.DRAIN, Purge.RECLAIM, Purge.SHRINK
"""By names of their own: to look a member up in its class takes as long as ten comparisons."""


class VmapRequest:
    """What all requests for the same share. Bytes, unless a name says pages."""

    __slots__ = ("align", "need", "owned", "pages", "size", "vend", "vstart")

    def __init__(
        self, size: int, align: int, vstart: int, vend: int, need: int, pages: int, *, owned: bool
    ) -> None:
        self.size = size
        """With the guard."""
        self.align = align
        self.vstart = vstart
        self.vend = vend
        self.need = need
        """The length that the pruning of the search uses."""
        self.pages = pages
        self.owned = owned
        """It asks for exactly the vmalloc window of a kernel with several nodes: the area belongs
        to a node, whose pools may serve it (node_alloc, alloc_vmap_area)."""


Hole = Any
"""A free area as the search of the free space tells it, to be given to its `clip`."""

Answer = tuple[int | None, Hole | None]
"""What a request would get now: the address, None where there is no room, and the free area that it
lies in, None where it is the head of a pool."""


class Vmalloc:
    """One kernel's vmalloc. Bytes everywhere except where a name says pages.

    A simulator calls `alloc_vmap_area`, `release` and `purge`, and everything follows from the
    kernel's rules. A replay is told what the kernel did: it asks `answer`, compares, and then
    `settle`s the answer or `claim`s the address that the kernel had; it runs `decay` and
    `give_back`, the two halves of a purge, for the areas that a traced purge took. Both go through
    the same rules, so a replay proves the simulator.

    Args:
        rules: of the kernel.
        page_size: bytes.
        vmalloc_start: the window that pools serve.
        vmalloc_end: as the kernel's macro has it, even where that is odd (x86).
        possible_cpus: decides the number of nodes on 64-bit.
        online_cpus: decides how much may be lazy.
        nr_cpus_config: CONFIG_NR_CPUS, for the size of vm_map_ram blocks.
        early_areas: (start, end) of areas that exist before vmalloc_init().
        word_bits: 32-bit kernels have one node (vmap_init_nodes is under CONFIG_64BIT).
        journal: takes a record of everything that happens, or None.
    """

    space_type = FreeSpace
    node_type = VmapNode

    __slots__ = (
        "ascending",
        "before_purge",
        "busy",
        "cpu",
        "drain_queued",
        "journal",
        "lazy_max",
        "may_flatten",
        "newest_first",
        "nodes",
        "notifier_frees",
        "nr_cpus_config",
        "nr_lazy",
        "online_cpus",
        "page_size",
        "possible_cpus",
        "requests",
        "rules",
        "skip_idle_purges",
        "space",
        "vmalloc_end",
        "vmalloc_start",
        "word_bits",
        "zone",
    )

    def __init__(
        self,
        *,
        rules: Rules,
        page_size: int,
        vmalloc_start: int,
        vmalloc_end: int,
        possible_cpus: int = 1,
        online_cpus: int | None = None,
        nr_cpus_config: int = 8192,
        early_areas: Iterable[tuple[int, int]] = (),
        word_bits: int = 64,
        journal: Journal | None = None,
    ) -> None:
        self.rules = rules
        self.page_size = page_size
        self.word_bits = word_bits
        self.vmalloc_start = vmalloc_start
        self.vmalloc_end = vmalloc_end
        self.possible_cpus = possible_cpus
        self.online_cpus = possible_cpus if online_cpus is None else online_cpus
        self.nr_cpus_config = nr_cpus_config
        self.ascending = rules.purge_order is not PurgeOrder.DESCENDING
        """A purge gives back in the order of its list."""
        self.newest_first = rules.purge_order is PurgeOrder.NEWEST_FIRST
        """That list has what was freed last at its head; later kernels sort it."""
        self.journal = journal
        self.cpu = 0
        self.notifier_frees = 0
        """How many more times the notifier chain will report that it freed something."""
        early = [
            VmapArea(start, end, (end - start) // page_size, NO_OWNER) for start, end in early_areas
        ]
        self.space: FlatSpace | FreeSpace = self.space_type(
            page_size, [(area.start, area.end) for area in early], (1 << word_bits) - 1
        )
        self.may_flatten = self.space_type is FreeSpace
        """Of a simulator whose free space is still the tree, and no space of its own kind."""
        self.busy: dict[int, VmapArea] = {area.start: area for area in early}
        several = rules.vmap_nodes and word_bits == 64
        count = min(max(possible_cpus, 1), MAX_NODES) if several else 1
        self.nodes = [self.node_type() for _ in range(count)]
        self.zone = ZONE_PAGES * page_size if count > 1 else 1
        """Bytes that one node looks after before the next does (vmap_zone_size)."""
        self.requests: dict[tuple[int, int, int, int], VmapRequest] = {}
        """By (size, align, vstart, vend)."""
        self.lazy_max = self.online_cpus.bit_length() * (LAZY_UNIT // page_size)
        """How many pages may be lazy before the drain worker is queued (lazy_max_pages)."""
        self.nr_lazy = 0
        """Pages in all lazy sets, guards included."""
        self.drain_queued = False
        self.before_purge: Callable[[bool], None] | None = None
        """Called with force=True (reclaim) or False (aliases): map-ram releases its blocks."""
        self.skip_idle_purges = False
        """Leave out purges that would find nothing lazy and no pool, and their records: for runs
        that only count."""

    def clone(self, journal: Journal | None = None) -> Self:
        """Return an equal allocator with the same tree shape; `before_purge` is not copied."""
        # one line a field: a field that is forgotten here is missed at once, not shared in silence
        copy = self.__class__.__new__(self.__class__)
        copy.rules = self.rules
        copy.page_size = self.page_size
        copy.word_bits = self.word_bits
        copy.vmalloc_start = self.vmalloc_start
        copy.vmalloc_end = self.vmalloc_end
        copy.possible_cpus = self.possible_cpus
        copy.online_cpus = self.online_cpus
        copy.nr_cpus_config = self.nr_cpus_config
        copy.ascending = self.ascending
        copy.newest_first = self.newest_first
        copy.journal = journal
        copy.cpu = self.cpu
        copy.notifier_frees = self.notifier_frees
        copy.space = self.space.clone()
        copy.may_flatten = self.may_flatten
        copy.busy = dict(self.busy)
        copy.nodes = [node.clone() for node in self.nodes]
        copy.zone = self.zone
        copy.requests = dict(self.requests)
        copy.lazy_max = self.lazy_max
        copy.nr_lazy = self.nr_lazy
        copy.drain_queued = self.drain_queued
        copy.before_purge = None
        copy.skip_idle_purges = self.skip_idle_purges
        return copy

    def home(self, address: int) -> int:
        """Return the node that files an area which starts at `address` (addr_to_node_id)."""
        return address // self.zone % len(self.nodes)

    def request(self, size: int, align: int, vstart: int, vend: int) -> VmapRequest:
        """Return what all requests for the same share; arguments as for `alloc_vmap_area`."""
        key = (size, align, vstart, vend)
        known = self.requests.get(key)
        if known is None:
            if len(self.requests) >= _REQUESTS:
                self.requests.clear()
            known = self.requests[key] = VmapRequest(
                *key,
                need=size + align - 1
                if self.rules.padded_search
                else self.space.padded(size, align, vstart, vend),
                pages=size // self.page_size,
                owned=(
                    len(self.nodes) > 1
                    and vstart == self.vmalloc_start
                    and vend == self.vmalloc_end
                ),
            )
        return known

    def owner(self, request: VmapRequest, cpu: int) -> int:
        """Return the node that an area of this request belongs to, or NO_OWNER."""
        return cpu % len(self.nodes) if request.owned else NO_OWNER

    def answer(self, request: VmapRequest, owner: int) -> Answer:
        """Return what the request would get now, without a purge. Nothing changes."""
        if owner != NO_OWNER:
            pool = self.nodes[owner].pools.get(request.pages)
            if pool and not pool[0][0] & (request.align - 1):
                return pool[0][0], None
        found = self.space.search(request.size, request.align, request.vstart, request.need)
        if found is UNSURE:
            # for good: what asks so once does so again
            self.space = self.space.shaped()
            found = self.space.search(request.size, request.align, request.vstart, request.need)
        # the search knows no upper end: what it finds may lie above the window
        if found is None or found[0] + request.size > request.vend:
            return None, None
        return found

    def settle(
        self,
        request: VmapRequest,
        owner: int,
        start: int,
        hole: Hole | None,
        flags: int = 0,
        guard: int = 0,
    ) -> VmapArea:
        """Take what `answer` found and file the area busy."""
        size, pages = request.size, request.pages
        if hole is None:
            self.nodes[owner].pop(pages)
        else:
            if owner != NO_OWNER:
                self.nodes[owner].turn(pages, request.align)
            self.space.clip(hole, start, size)
        area = self.busy[start] = VmapArea(start, start + size, pages, owner, flags, guard)
        return area

    def claim(self, request: VmapRequest, owner: int, start: int) -> list[VmapArea]:
        """Take the address that the kernel had, wherever the model has it.

        Return the busy and lazy areas that cannot be there any more, for their frees or purges were
        not seen.
        """
        end = start + request.size
        stale: list[VmapArea] = []
        if owner != NO_OWNER:
            node = self.nodes[owner]
            pool = node.pools.get(request.pages)
            if pool and pool[0] == (start, end):
                node.pop(request.pages)
                self.busy[start] = VmapArea(start, end, request.pages, owner)
                return stale
            node.turn(request.pages, request.align)
        if not self.space.take(start, end) and not self.take_pooled(start, end):
            stale = self.vacate(start, end)
            taken = self.space.take(start, end)
            assert taken, f"{start:x}-{end:x} is in no part of the model"
        self.busy[start] = VmapArea(start, end, request.pages, owner)
        return stale

    def occupy(self, start: int, end: int, guard: int = 0) -> VmapArea | None:
        """File [start, end) busy without a request, or return None where not all of it is free."""
        if not self.space.take(start, end):
            return None
        pages = (end - start) // self.page_size
        area = self.busy[start] = VmapArea(start, end, pages, NO_OWNER, guard=guard)
        return area

    def take_pooled(self, start: int, end: int) -> bool:
        """Take an area out of whichever pool has it, or return False.

        It never touches the tree, whose shape must not change for it.
        """
        pages = (end - start) // self.page_size
        return any(node.remove(start, end, pages) for node in self.nodes)

    def vacate(self, start: int, end: int) -> list[VmapArea]:
        """Give back whatever overlaps [start, end); return the areas that were busy or lazy."""
        gone: list[VmapArea] = []
        for node in self.nodes:
            for low, high in [pair for pair in node.pooled() if pair[0] < end and start < pair[1]]:
                node.remove(low, high, (high - low) // self.page_size)
                self.space.give_back(low, high)
            for area in _overlapping(node.lazy, start, end):
                del node.lazy[area.start]
                self.nr_lazy -= area.pages
                self.space.give_back(area.start, area.end)
                gone.append(area)
        for area in _overlapping(self.busy, start, end):
            del self.busy[area.start]
            self.space.give_back(area.start, area.end)
            gone.append(area)
        return gone

    def alloc_vmap_area(
        self,
        size: int,
        align: int,
        vstart: int,
        vend: int,
        *,
        flags: int = 0,
        guard: int = 0,
        blocking: bool = True,
    ) -> VmapArea | None:
        """Find and take address space (alloc_vmap_area); None where the kernel returns an error.

        Args:
            size: bytes with the guard, a multiple of the page size.
            align: power of two; 1 means a page.
            vstart: lowest address.
            vend: exclusive end.
            flags: vm_struct flags to remember with the area.
            guard: how many bytes of `size` are guard.
            blocking: False skips purge and notifier where the kernel can (GFP_ATOMIC, since 6.19).
        """
        request = self.requests.get((size, align, vstart, vend))
        if request is None:
            if size <= 0 or size % self.page_size or align & (align - 1) or align < 1:
                return None
            request = self.request(size, align, vstart, vend)
        owner = self.cpu % len(self.nodes) if request.owned else NO_OWNER
        purged = False
        while True:
            start, hole = self.answer(request, owner)
            if self.journal is not None:
                self.journal.append(
                    AllocVmapArea(
                        start or 0,
                        size,
                        align,
                        vstart,
                        vend,
                        failed=start is None,
                        pooled=start is not None and hole is None,
                    )
                )
            if start is not None:
                return self.settle(request, owner, start, hole, flags, guard)
            if not blocking and self.rules.nonblocking_vmalloc:
                # the head that was passed over went to the tail all the same
                if owner != NO_OWNER:
                    self.nodes[owner].turn(request.pages, align)
                return None
            if not purged:
                # pools are empty after this, so that the next round asks the tree alone, as the
                # kernel does: its retry starts behind node_alloc()
                self.purge(_RECLAIM)
                purged = True
            elif self.notifier_frees > 0:
                self.notifier_frees -= 1
                purged = False
            else:
                return None

    def release(self, area: VmapArea) -> None:
        """Make a busy area lazy (free_vmap_area_noflush): not reusable until a purge."""
        start, owner, nodes = area.start, area.owner, self.nodes
        del self.busy[start]
        if owner == NO_OWNER:
            owner = 0 if len(nodes) == 1 else self.home(start)
        nodes[owner].lazy[start] = area
        self.nr_lazy += area.pages
        if self.journal is not None:
            self.journal.append(FreeVmapAreaNoflush(start, area.end, self.nr_lazy))
        if not self.drain_queued and self.nr_lazy > self.lazy_max:
            self.drain_queued = True

    def purge(self, kind: Purge) -> int:
        """Give lazy areas back; return how many there were (__purge_vmap_area_lazy).

        `aliases` and `drain` decay a quarter of the pools and park owned areas in them; `reclaim`
        empties the pools; `shrink` only empties the pools.
        """
        full = kind is _RECLAIM
        if kind is _SHRINK:
            if self.skip_idle_purges and self._idle():
                return 0
            self._record_purge(kind, (), (), self.shrink())
            return 0
        # released blocks are lazy before the purge looks (_vm_unmap_aliases,
        # reclaim_and_purge_vmap_areas)
        if self.before_purge is not None and kind is not _DRAIN:
            self.before_purge(full)
        if not self.nr_lazy and self.skip_idle_purges and not full and self._idle():
            return 0
        given_back: list[VmapArea]
        pooled: Sequence[VmapArea] = ()
        decayed: Sequence[tuple[int, int]] = ()
        if len(self.nodes) == 1:
            given_back = self._give_back_all(self.nodes[0])
        else:
            decayed = self.decay(full=full)
            given_back, pooled = self.give_back(full=full)
        if self.may_flatten and isinstance(self.space, FreeSpace) and self.space.tree.count > _MANY:
            self.may_flatten = False
            self.space = FlatSpace(self.space)
        if self.journal is not None:
            self._record_purge(kind, given_back, pooled, decayed)
        return len(given_back) + len(pooled)

    def _idle(self) -> bool:
        """Whether nothing is lazy and nothing is pooled."""
        if self.nr_lazy:
            return False
        for node in self.nodes:  # noqa: SIM110 - any() takes four times as long
            if node.pools:
                return False
        return True

    def decay(self, *, full: bool) -> list[tuple[int, int]]:
        """Empty the pools, or take a quarter of each: what a purge does first (decay_va_pool_node).

        Return the areas that went back to free space.
        """
        out: list[tuple[int, int]] = []
        for node in self.nodes:
            if full or node.due:
                decayed = node.decay(full=full, empties_short=self.rules.decay_empties_short)
                if decayed:
                    give_back_decayed(self.space, decayed)
                    out += decayed
        return out

    def shrink(self, but: Collection[int] = ()) -> list[tuple[int, int]]:
        """Empty the pools (vmap_node_shrink_scan), but for areas that start at `but`.

        The kernel spares none; a replay does that learns of it only later.

        Return the areas that went back to free space.
        """
        out: list[tuple[int, int]] = []
        for node in self.nodes:
            decayed = node.shrink(but)
            give_back_decayed(self.space, decayed)
            out += decayed
        return out

    def give_back(
        self, chosen: Collection[int] | None = None, *, full: bool
    ) -> tuple[list[VmapArea], list[VmapArea]]:
        """Pool or free what is lazy: what a purge does second (purge_vmap_node).

        Args:
            chosen: starts of the areas that it takes; None for all.
            full: nothing is pooled.

        Return the areas that are free now and those that are pooled now.
        """
        if chosen is None and len(self.nodes) == 1:
            return self._give_back_all(self.nodes[0]), []
        given_back: list[VmapArea] = []
        pooled: list[VmapArea] = []
        detached: list[list[VmapArea]] = []
        for node in self.nodes:
            if node.lazy:
                if chosen is None and len(node.lazy) == 1:
                    detached.append([node.lazy.popitem()[1]])
                elif areas := self._detach(node, chosen):
                    detached.append(areas)
        if len(detached) > 1:
            # the first nodes go to helpers, which are only waited for at the end
            helpers = min(max(self.nr_lazy // self.lazy_max, 1), len(detached)) - 1
            detached = detached[helpers:] + detached[:helpers]
        for areas in detached:
            self._purge_node(areas, given_back, pooled, full=full)
        return given_back, pooled

    def _detach(self, node: VmapNode, chosen: Collection[int] | None) -> list[VmapArea]:
        """Take what is lazy out of a node, or the chosen ones of it.

        In the order of the kernel's list.
        """
        if chosen is None:
            areas = list(node.lazy.values())
            node.lazy.clear()
        elif len(chosen) == 1:  # a replay asks for one after the other
            area = node.lazy.pop(next(iter(chosen)), None)
            return [] if area is None else [area]
        else:
            areas = [area for area in node.lazy.values() if area.start in chosen]
            for area in areas:
                del node.lazy[area.start]
        if len(areas) > 1:
            if self.newest_first:
                areas.reverse()
            else:
                areas.sort(key=area_start)
        return areas

    def _give_back_all(self, node: VmapNode) -> list[VmapArea]:
        """Give back all that is lazy in the only node there is, which pools nothing; return it."""
        self.nr_lazy = 0
        give_back = self.space.give_back
        if len(node.lazy) == 1:
            _, area = node.lazy.popitem()
            give_back(area.start, area.end)
            return [area]
        areas = self._detach(node, None)
        for area in areas if self.ascending else reversed(areas):
            give_back(area.start, area.end)
        return areas

    def _purge_node(
        self,
        areas: list[VmapArea],
        given_back: list[VmapArea],
        pooled: list[VmapArea],
        *,
        full: bool,
    ) -> None:
        """Pool what is owned, then give the rest back, descending.

        purge_vmap_node, reclaim_list_global. Descending because the list is walked ascending and
        each area put at its head; before 6.9 (72210662c5a2, "mm: vmalloc: offload
        free_vmap_area_lock lock") there was one sorted list, in 5.10 one that was not sorted.
        """
        local: list[VmapArea] = []
        for area in areas:
            pages, owner = area.pages, area.owner
            self.nr_lazy -= pages
            if owner != NO_OWNER and not full and pages <= MAX_POOL_PAGES:
                self.nodes[owner].park(pages, area.start, area.end)
                pooled.append(area)
            else:
                local.append(area)
        if local:
            give_back = self.space.give_back
            for area in local if self.ascending else reversed(local):
                give_back(area.start, area.end)
            given_back += local

    def _record_purge(
        self,
        kind: Purge,
        given_back: Sequence[VmapArea],
        pooled: Sequence[VmapArea],
        decayed: Sequence[tuple[int, int]],
    ) -> None:
        if self.journal is None:
            return
        self.journal.append(
            PurgeVmapAreaLazy(
                kind.value,
                _intervals(given_back),
                _intervals(pooled),
                tuple(sorted(decayed)) if decayed else (),
            )
        )

    def run_drain(self) -> bool:
        """Run the drain worker if it is queued; return whether it was."""
        if not self.drain_queued:
            return False
        self.drain_queued = False
        self.purge(Purge.DRAIN)
        return True

    def enclosing(self, address: int) -> VmapArea | None:
        """Return the busy area that covers `address` (find_vmap_area).

        The start is found at once, others by a walk.
        """
        area = self.busy.get(address)
        if area is not None:
            return area
        return next((area for area in self.busy.values() if area.start <= address < area.end), None)

    def lazy(self) -> Iterator[VmapArea]:
        """Yield every lazy area, node by node."""
        for node in self.nodes:
            yield from node.lazy.values()

    def pooled(self) -> Iterator[tuple[int, int]]:
        """Yield every pooled (start, end), node by node."""
        for node in self.nodes:
            yield from node.pooled()


def _overlapping(areas: dict[int, VmapArea], start: int, end: int) -> list[VmapArea]:
    return [area for area in areas.values() if area.start < end and start < area.end]


def _intervals(areas: Sequence[VmapArea]) -> tuple[tuple[int, int], ...]:
    """Return (start, end) ascending."""
    return tuple(sorted([(area.start, area.end) for area in areas])) if areas else ()


def area_start(area: VmapArea) -> int:
    """Return the key to sort areas by address."""
    return area.start

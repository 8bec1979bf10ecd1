"""vmalloc address space: allocation, lazy free and purge (mm/vmalloc.c, 6.12 and 7.1)."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

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

LAZY_UNIT: Final = 32 << 20
"""lazy_max_pages(): 32 MiB per bit of the online CPU count."""

ZONE_PAGES: Final = 16
"""VMAP zone: addresses are spread over nodes by 16 pages."""


class Form(StrEnum):
    """Which kernel's rules apply where the two differ."""

    V6_12 = "6.12"
    V7_1 = "7.1"


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


class Vmalloc:
    """One kernel's vmalloc. Bytes everywhere except where a name says pages.

    Args:
        form: whose rules apply.
        page_size: bytes.
        vmalloc_start: the window that pools serve.
        vmalloc_end: as the kernel's macro has it, even where that is odd (x86).
        possible_cpus: decides the number of nodes on 64-bit.
        online_cpus: decides how much may be lazy.
        nr_cpus_config: CONFIG_NR_CPUS, for the size of vm_map_ram blocks.
        early_areas: (start, end) of areas that exist before vmalloc_init().
        word_bits: 32-bit kernels have one node.
        journal: takes a record of everything that happens, or None.
    """

    def __init__(
        self,
        *,
        form: Form,
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
        self.form = form
        self.page_size = page_size
        self.word_bits = word_bits
        self.vmalloc_start = vmalloc_start
        self.vmalloc_end = vmalloc_end
        self.possible_cpus = possible_cpus
        self.online_cpus = possible_cpus if online_cpus is None else online_cpus
        self.nr_cpus_config = nr_cpus_config
        self.journal = journal
        self.cpu = 0
        self.notifier_frees = 0
        """How many more times the notifier chain will report that it freed something."""
        early = [VmapArea(start, end, NO_OWNER, 0, 0) for start, end in early_areas]
        self.space = FreeSpace(
            page_size, [(area.start, area.end) for area in early], (1 << word_bits) - 1
        )
        self.busy: dict[int, VmapArea] = {area.start: area for area in early}
        count = min(max(possible_cpus, 1), MAX_NODES) if word_bits == 64 else 1
        self.nodes = [VmapNode() for _ in range(count)]
        self._zone = ZONE_PAGES * page_size if count > 1 else 1
        self.nr_lazy = 0
        """Pages in all lazy sets, guards included."""
        self.drain_queued = False
        self.before_purge: Callable[[bool], None] | None = None
        """Called with force=True (reclaim) or False (aliases): map-ram releases its blocks."""
        self.skip_idle_purges = False
        """Leave out purges that would find nothing lazy and no pool, and their records: for runs
        that only count."""

    def clone(self, journal: Journal | None = None) -> "Vmalloc":
        """Return an equal allocator with the same tree shape; `before_purge` is not copied."""
        copy = Vmalloc.__new__(Vmalloc)
        copy.__dict__.update(self.__dict__)
        copy.journal = journal
        copy.space = self.space.clone()
        copy.busy = dict(self.busy)
        copy.nodes = [node.clone() for node in self.nodes]
        copy.before_purge = None
        return copy

    def lazy_max(self) -> int:
        """Return how many pages may be lazy before the drain worker is queued (lazy_max_pages)."""
        return self.online_cpus.bit_length() * (LAZY_UNIT // self.page_size)

    def home(self, address: int) -> int:
        """Return the node that files an area which starts at `address` (addr_to_node_id)."""
        return address // self._zone % len(self.nodes)

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
            blocking: False skips purge and notifier (7.1, GFP_ATOMIC).
        """
        page_size = self.page_size
        if size <= 0 or size % page_size or align & (align - 1) or align < 1:
            return None
        owner, pooled = NO_OWNER, None
        if len(self.nodes) > 1 and vstart == self.vmalloc_start and vend == self.vmalloc_end:
            owner = self.cpu % len(self.nodes)
            if size <= MAX_POOL_PAGES * page_size:
                pooled = self.nodes[owner].take(size // page_size, align)
        if pooled is not None:
            start = pooled[0]
            if self.journal is not None:
                self.journal.append(
                    AllocVmapArea(start, size, align, vstart, vend, failed=False, pooled=True)
                )
        else:
            found = self._find(size, align, vstart, vend, blocking=blocking)
            if found is None:
                return None
            start = found
        area = VmapArea(start, start + size, owner, flags, guard)
        self.busy[start] = area
        return area

    def _find(self, size: int, align: int, vstart: int, vend: int, *, blocking: bool) -> int | None:
        """Search, and after a failure purge and search again.

        The notifier may grant another round.
        """
        purged = False
        need = self.space.padded(size, align, vstart, vend)
        while True:
            found = self.space.search(size, align, vstart, need)
            failed = found is None or found[1] + size > vend
            if self.journal is not None:
                at = 0 if found is None else found[1]
                self.journal.append(
                    AllocVmapArea(at, size, align, vstart, vend, failed=failed, pooled=False)
                )
            if found is not None and not failed:
                self.space.clip(found[0], found[1], size)
                return found[1]
            if not blocking:
                return None
            if not purged:
                self.purge(Purge.RECLAIM)
                purged = True
            elif self.notifier_frees > 0:
                self.notifier_frees -= 1
                purged = False
            else:
                return None

    def release(self, area: VmapArea) -> None:
        """Make a busy area lazy (free_vmap_area_noflush): not reusable until a purge."""
        del self.busy[area.start]
        node = area.owner if area.owner != NO_OWNER else self.home(area.start)
        self.nodes[node].lazy[area.start] = area
        self.nr_lazy += (area.end - area.start) // self.page_size
        if self.journal is not None:
            self.journal.append(FreeVmapAreaNoflush(area.start, area.end, self.nr_lazy))
        if not self.drain_queued and self.nr_lazy > self.lazy_max():
            self.drain_queued = True

    def purge(self, kind: Purge) -> int:
        """Give lazy areas back; return how many there were (__purge_vmap_area_lazy).

        `aliases` and `drain` decay a quarter of the pools and park owned areas in them; `reclaim`
        empties the pools; `shrink` only empties the pools.
        """
        if self.skip_idle_purges and kind is not Purge.RECLAIM and self._idle():
            return 0
        if kind is Purge.SHRINK:
            decayed = [piece for node in self.nodes for piece in self._decay(node, full=True)]
            self._record_purge(kind, [], [], decayed)
            return 0
        full = kind is Purge.RECLAIM
        if self.before_purge is not None and kind is not Purge.DRAIN:
            self.before_purge(full)
        decayed = []
        detached: list[list[VmapArea]] = []
        for node in self.nodes:
            decayed += self._decay(node, full=full)
            if node.lazy:
                detached.append(sorted(node.lazy.values(), key=area_start))
                node.lazy = {}
        helpers = min(max(self.nr_lazy // self.lazy_max(), 1), len(detached)) - 1 if detached else 0
        given_back: list[VmapArea] = []
        pooled: list[VmapArea] = []
        for areas in detached[helpers:] + detached[:helpers]:
            self._purge_node(areas, given_back, pooled, full=full)
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

    def _decay(self, node: VmapNode, *, full: bool) -> list[tuple[int, int]]:
        decayed = node.decay(full=full, empties_short=self.form is Form.V6_12)
        give_back_decayed(self.space, decayed)
        return decayed

    def _purge_node(
        self,
        areas: list[VmapArea],
        given_back: list[VmapArea],
        pooled: list[VmapArea],
        *,
        full: bool,
    ) -> None:
        """Pool what is owned, then give the rest back descending (purge_vmap_node, reclaim_list_global)."""
        local: list[VmapArea] = []
        for area in areas:
            pages = (area.end - area.start) // self.page_size
            self.nr_lazy -= pages
            if area.owner != NO_OWNER and not full and pages <= MAX_POOL_PAGES:
                self.nodes[area.owner].park(pages, area.start, area.end)
                pooled.append(area)
            else:
                local.append(area)
        for area in reversed(local):
            self.space.give_back(area.start, area.end)
        given_back += local

    def _record_purge(
        self,
        kind: Purge,
        given_back: list[VmapArea],
        pooled: list[VmapArea],
        decayed: list[tuple[int, int]],
    ) -> None:
        if self.journal is None:
            return
        self.journal.append(
            PurgeVmapAreaLazy(
                kind.value,
                tuple(sorted((area.start, area.end) for area in given_back)),
                tuple(sorted((area.start, area.end) for area in pooled)),
                tuple(sorted(decayed)),
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


def area_start(area: VmapArea) -> int:
    """Return the key to sort areas by address."""
    return area.start

"""execmem_alloc() and its family over vmalloc (mm/execmem.c)."""

from collections.abc import Mapping
from typing import NamedTuple

from execmem_tui.mm.journal import Hazard, Journal, RoxAlloc, RoxClean, RoxFree, RoxPopulate
from execmem_tui.mm.map_ram import MapRam
from execmem_tui.mm.rox_cache import RoxCache
from execmem_tui.mm.vm_area import VmAreas
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import VM_ALLOW_HUGE_VMAP, VM_FLUSH_RESET_PERMS, VmapArea
from execmem_tui.model.rules import Writable

_ALIASES = Purge.ALIASES
"""By a name of its own: to look a member up in its class takes as long as ten comparisons."""
MODULE_DATA = 4
"""EXECMEM_MODULE_DATA, the type of execmem_vmap()."""


class TypeRange(NamedTuple):
    """What the allocator needs of a `struct execmem_range`; ends exclusive, bytes."""

    start: int
    end: int
    fallback_start: int
    fallback_end: int
    alignment: int
    rox_cache: bool

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """The preferred range, and the fallback range where there is one."""
        if self.fallback_start:
            return (self.start, self.end), (self.fallback_start, self.fallback_end)
        return ((self.start, self.end),)


class Execmem:
    """One kernel's execmem.

    Args:
        vmalloc: the allocator beneath.
        ranges: per type number 0 to 4.
        rox_compiled: CONFIG_ARCH_HAS_EXECMEM_ROX; execmem_alloc_rw() then calls set_memory for
            every type. None: some range has the ROX cache.
    """

    def __init__(
        self, vmalloc: Vmalloc, ranges: Mapping[int, TypeRange], *, rox_compiled: bool | None = None
    ) -> None:
        self.vmalloc = vmalloc
        self.areas = VmAreas(vmalloc)
        self.map_ram = MapRam(vmalloc)
        self.ranges = dict(ranges)
        if rox_compiled is None:
            rox_compiled = any(entry.rox_cache for entry in self.ranges.values())
        self.rox_compiled = rox_compiled
        """Whether the ROX cache is compiled in."""
        self.cache = RoxCache()
        self.set_memory_purges = False
        self.set_memory_fails = False
        self.set_memory_calls = 0
        """How often permissions were changed: each call flushes the TLB of every CPU."""

    @property
    def block_size(self) -> int:
        """Bytes that a block of the ROX cache is a multiple of."""
        return self.vmalloc.rules.rox_block or self.areas.pmd_size

    def clone(self, journal: Journal | None = None) -> "Execmem":
        """Return an equal machine that shares nothing that changes."""
        copy = Execmem(self.vmalloc.clone(journal), self.ranges, rox_compiled=self.rox_compiled)
        copy.areas = self.areas.clone(copy.vmalloc)
        copy.map_ram = self.map_ram.clone(copy.vmalloc)
        copy.cache = self.cache.clone()
        copy.set_memory_purges = self.set_memory_purges
        copy.set_memory_fails = self.set_memory_fails
        copy.set_memory_calls = self.set_memory_calls
        return copy

    def set_memory(self) -> bool:
        """One set_memory_*() call: purges aliases first where the architecture does.

        False if it fails.
        """
        self.set_memory_calls += 1
        if self.set_memory_purges:
            self.vmalloc.purge(_ALIASES)
        return not self.set_memory_fails

    def alloc(self, kind: int, size: int) -> int | None:
        """execmem_alloc(): the address, or None after both windows failed."""
        entry = self.ranges[kind]
        if entry.rox_cache:
            page_size = self.vmalloc.page_size
            return self._cache_alloc(entry, (size + page_size - 1) & -page_size)
        area = self._from_vmalloc(entry, size, entry.alignment, VM_FLUSH_RESET_PERMS)
        return None if area is None else area.start

    def alloc_rw(self, kind: int, size: int) -> int | None:
        """execmem_alloc_rw(): allocate, then make writable.

        Older kernels have only execmem_alloc().
        """
        start = self.alloc(kind, size)
        if start is None or not self.rox_compiled:
            return start
        writable = self.vmalloc.rules.alloc_rw
        if writable is not Writable.EVERY and not (
            writable is Writable.CACHED and self.ranges[kind].rox_cache
        ):
            return start
        if self.force_rw():
            return start
        self.free(start)
        return None

    def vmap(self, size: int) -> VmapArea | None:
        """execmem_vmap() (7.1): address space in the MODULE_DATA windows, nothing mapped."""
        entry = self.ranges[MODULE_DATA]
        shift = self.vmalloc.page_size.bit_length() - 1
        for start, end in entry.windows:
            area = self.areas.get_vm_area(size, entry.alignment, shift, 0, start, end)
            if area is not None:
                return area
        return None

    def free(self, address: int) -> None:
        """execmem_free(): a cached piece goes back to the cache, anything else through vfree().

        Raises:
            KeyError: nothing busy is there.
        """
        cache, area = self.cache, self.vmalloc.busy.get(address)
        # where an area begins, no piece of a block goes on: the usual free needs no walk
        if area is None or address in cache.busy:
            start = cache.busy_at(address)
            if start is not None:
                self._cache_free(start)
                return
            area = self.vmalloc.enclosing(address)
        if area is None:
            raise KeyError(address)
        self.areas.vfree(area)

    def force_rw(self) -> bool:
        """set_memory_nx() and set_memory_rw() (execmem_force_rw); False if one fails."""
        return self.set_memory() and self.set_memory()

    def run_deferred(self) -> int:
        """Run everything queued once: cleanups, drain, retry of pending frees, cache cleaner.

        Return the items run.
        """
        items = self.areas.run_cleanup()
        items += self.vmalloc.run_drain()
        if self.cache.retry_queued:
            self.cache.retry_queued = False
            self._retry_pending()
            items += 1
        if self.cache.clean_queued:
            self.cache.clean_queued = False
            self._clean()
            items += 1
        return items

    def _from_vmalloc(self, entry: TypeRange, size: int, align: int, flags: int) -> VmapArea | None:
        """The preferred window, then once the fallback (execmem_vmalloc, __execmem_alloc)."""
        area = self.areas.vmalloc_range(size, align, entry.start, entry.end, flags)
        if area is None and entry.fallback_start:
            return self.areas.vmalloc_range(
                size, align, entry.fallback_start, entry.fallback_end, flags
            )
        return area

    def _cache_alloc(self, entry: TypeRange, size: int) -> int | None:
        if size == 0:
            return None
        start = self._from_cache(entry, size)
        if start is None and self._populate(entry, size):
            start = self._from_cache(entry, size)
        return start

    def _from_cache(self, entry: TypeRange, size: int) -> int | None:
        journal = self.vmalloc.journal
        start = self.cache.alloc(size, entry.windows, journal)
        if start is not None and journal is not None:
            journal.append(RoxAlloc(start, size))
        return start

    def _populate(self, entry: TypeRange, size: int) -> bool:
        """Take a block from vmalloc.

        Rounded up to a PMD, else of the exact size where the kernel tries that
        (execmem_cache_populate).
        """
        block, rules = self.block_size, self.vmalloc.rules
        rounded = (size + block - 1) & -block
        # a block that is no PMD gets no alignment from its huge mapping
        aligned = rules.rox_always_aligned or block != self.areas.pmd_size
        align = max(entry.alignment, block) if aligned else entry.alignment
        flags = VM_ALLOW_HUGE_VMAP | (VM_FLUSH_RESET_PERMS if rules.rox_blocks_flush else 0)
        area = self._from_vmalloc(entry, rounded, align, flags)
        if area is None and rules.rox_exact_retry:
            rounded = size
            area = self._from_vmalloc(entry, rounded, align, flags)
        if area is None:
            return False
        if not self.set_memory():
            self.areas.vfree(area)
            return False
        self.cache.add(area.start, area.start + rounded)
        if self.vmalloc.journal is not None:
            self.vmalloc.journal.append(RoxPopulate(area.start, rounded))
        return True

    def _cache_free(self, start: int) -> None:
        if self._return_to_cache(start):
            self.cache.clean_queued = True
            return
        self.cache.pending.add(start)
        self.cache.retry_queued = True
        if self.vmalloc.journal is not None:
            self.vmalloc.journal.append(
                RoxFree(start, self.cache.busy[start] - start, pending=True)
            )

    def _return_to_cache(self, start: int) -> bool:
        """Make writable, poison, make ROX again, add to the free pieces (__execmem_cache_free).

        False if it failed. Kernels that poke the trap bytes in change no permission.
        """
        if self.vmalloc.rules.rox_free_purges:
            if not self.force_rw():
                return False
            self.set_memory()
        end = self.cache.busy.pop(start)
        self.cache.add(start, end)
        if self.vmalloc.journal is not None:
            self.vmalloc.journal.append(RoxFree(start, end - start, pending=False))
        return True

    def _retry_pending(self) -> None:
        if not self.cache.pending:
            return
        for start in sorted(self.cache.pending):
            if self._return_to_cache(start):
                self.cache.pending.discard(start)
        if self.cache.pending:
            self.cache.retry_queued = True
        else:
            self.cache.clean_queued = True

    def _clean(self) -> None:
        """Drop whole free blocks.

        They turn lazy and need somebody else's purge (execmem_cache_clean).
        """
        journal = self.vmalloc.journal
        for start, end in self.cache.whole_blocks(self.block_size):
            area = self.vmalloc.busy.get(start)
            if area is None or area.end - area.guard != end:
                if journal is not None and not self.vmalloc.rules.rox_cleans_whole_areas:
                    journal.append(
                        Hazard(
                            "cleaner-inner-block",
                            f"{start:x}-{end:x} is a part of a bigger ROX block: this kernel would"
                            " free all of it",
                        )
                    )
                continue
            self.cache.remove(start)
            if journal is not None:
                journal.append(RoxClean(start, end - start))
            self.areas.vfree(area)

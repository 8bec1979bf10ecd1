"""vm_map_ram(): small mappings cut from per-CPU blocks of the vmalloc window.

mm/vmalloc.c: struct vmap_block.
"""

from execmem_tui.mm.vmalloc import Vmalloc
from execmem_tui.mm.vmap_node import VmapArea

GIB = 1 << 30
MIB = 1 << 20


class VmapBlock:
    """One block: a bump allocator in powers of two; space inside it is never reused."""

    __slots__ = ("area", "dirty", "free")

    def __init__(self, area: VmapArea, free: int) -> None:
        self.area = area
        self.free = free
        """Pages never handed out."""
        self.dirty = 0
        """Pages handed out and unmapped again."""


class MapRam:
    """The blocks of all CPUs, in creation order per CPU."""

    def __init__(self, vmalloc: Vmalloc) -> None:
        self.vmalloc = vmalloc
        bits_per_long = vmalloc.word_bits
        self.max_alloc = bits_per_long
        """VMAP_MAX_ALLOC, pages: more than this gets an area of its own."""
        space = 128 * GIB if bits_per_long == 64 else 128 * MIB
        cpus = 1 << (vmalloc.nr_cpus_config - 1).bit_length()
        self.bits = min(1024, max(bits_per_long * 2, space // vmalloc.page_size // cpus // 16))
        """Pages in a block (VMAP_BBMAP_BITS)."""
        self.queues: dict[int, list[VmapBlock]] = {}
        self.by_start: dict[int, VmapBlock] = {}

    def clone(self, vmalloc: Vmalloc) -> "MapRam":
        """Return an equal layer over `vmalloc`, a clone of this one's."""
        copy = MapRam(vmalloc)
        twins: dict[int, VmapBlock] = {}
        for start, block in self.by_start.items():
            twin = VmapBlock(block.area, block.free)
            twin.dirty = block.dirty
            twins[start] = twin
        copy.by_start = twins
        if twins:
            vmalloc.before_purge = copy.purge_fragmented
        copy.queues = {
            cpu: [twins[block.area.start] for block in queue] for cpu, queue in self.queues.items()
        }
        return copy

    @property
    def block_size(self) -> int:
        """Bytes in a block."""
        return self.bits * self.vmalloc.page_size

    def map(self, pages: int) -> int | None:
        """Map `pages` pages; return the address or None."""
        vmalloc = self.vmalloc
        if pages > self.max_alloc:
            area = vmalloc.alloc_vmap_area(
                pages * vmalloc.page_size,
                vmalloc.page_size,
                vmalloc.vmalloc_start,
                vmalloc.vmalloc_end,
            )
            return None if area is None else area.start
        size = 1 << (pages - 1).bit_length()
        queue = self.queues.setdefault(vmalloc.cpu, [])
        for block in queue:
            if block.free >= size:
                start = block.area.start + (self.bits - block.free) * vmalloc.page_size
                block.free -= size
                if block.free == 0:
                    queue.remove(block)
                return start
        area = vmalloc.alloc_vmap_area(
            self.block_size, self.block_size, vmalloc.vmalloc_start, vmalloc.vmalloc_end
        )
        if area is None:
            return None
        block = VmapBlock(area, self.bits - size)
        self.by_start[area.start] = block
        vmalloc.before_purge = self.purge_fragmented  # most machines never have a block
        # the search may have purged, and a purge drops blocks: the queue is looked up again
        self.queues.setdefault(vmalloc.cpu, []).append(block)
        return area.start

    def unmap(self, address: int, pages: int) -> None:
        """Unmap what `map(pages)` returned."""
        vmalloc = self.vmalloc
        if pages > self.max_alloc:
            vmalloc.release(vmalloc.busy[address])
            return
        block = self.by_start[address & -self.block_size]
        block.dirty += 1 << (pages - 1).bit_length()
        if block.dirty == self.bits:
            self._drop(block)

    def purge_fragmented(self, force: bool) -> None:
        """Release blocks without live mappings (purge_fragmented_block).

        All (`force`), or those nearly used up.
        """
        victims = [
            block
            for cpu in sorted(self.queues)
            for block in self.queues[cpu]
            if block.free + block.dirty == self.bits
            and block.dirty != self.bits
            and (force or block.free < self.bits // 4)
        ]
        for block in victims:
            self._drop(block)

    def _drop(self, block: VmapBlock) -> None:
        del self.by_start[block.area.start]
        for queue in self.queues.values():
            if block in queue:
                queue.remove(block)
        self.vmalloc.release(block.area)

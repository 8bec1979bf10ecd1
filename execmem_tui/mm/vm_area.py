"""The layers above bare address space.

Guard pages, huge mappings, vmalloc and vfree (mm/vmalloc.c).
"""

from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import (
    VM_ALLOW_HUGE_VMAP,
    VM_FLUSH_RESET_PERMS,
    VM_IOREMAP,
    VM_NO_GUARD,
    VmapArea,
)

_ALIASES = Purge.ALIASES
IOREMAP_MAX_ORDER = 30
"""x86-64, arm64 with 4 KiB pages and riscv: PUD_SHIFT; elsewhere PAGE_SHIFT + 7."""


class VmAreas:
    """`__get_vm_area_node`, `__vmalloc_node_range`, `vfree` over one `Vmalloc`.

    With the deferred cleanup.
    """

    def __init__(self, vmalloc: Vmalloc) -> None:
        self.vmalloc = vmalloc
        self.pmd_size = vmalloc.page_size * vmalloc.page_size // 8
        self.pmd_mappings_supported = True
        self.online_nodes = 1
        """NUMA nodes: up to 6.12 a size must be of a PMD for each of them to be mapped huge."""
        self.huge_page_alloc_fails = False
        self.page_alloc_fails = False
        self.total_ram_pages: int | None = None
        """Requests for more fail without touching address space; None for no limit."""
        self.cleanup: list[VmapArea] = []
        """Areas whose pages failed, still busy until the work item runs (cleanup_vm_area)."""

    def clone(self, vmalloc: Vmalloc) -> "VmAreas":
        """Return an equal layer over `vmalloc`, a clone of this one's."""
        copy = VmAreas(vmalloc)
        copy.pmd_mappings_supported = self.pmd_mappings_supported
        copy.online_nodes = self.online_nodes
        copy.huge_page_alloc_fails = self.huge_page_alloc_fails
        copy.page_alloc_fails = self.page_alloc_fails
        copy.total_ram_pages = self.total_ram_pages
        copy.cleanup = list(self.cleanup)
        return copy

    def get_vm_area(
        self, size: int, align: int, shift: int, flags: int, start: int, end: int
    ) -> VmapArea | None:
        """Reserve address space with a guard page unless VM_NO_GUARD (`__get_vm_area_node`)."""
        unit = 1 << shift
        size = (size + unit - 1) & -unit
        if size == 0:
            return None
        page_size = self.vmalloc.page_size
        if flags & VM_IOREMAP:
            order = min(max((size - 1).bit_length(), page_size.bit_length() - 1), IOREMAP_MAX_ORDER)
            align = 1 << order
        guard = 0 if flags & VM_NO_GUARD else page_size
        return self.vmalloc.alloc_vmap_area(
            size + guard, align, start, end, flags=flags, guard=guard
        )

    def vmalloc_range(
        self, size: int, align: int, start: int, end: int, flags: int
    ) -> VmapArea | None:
        """Reserve address space and populate it (`__vmalloc_node_range`).

        Huge where that is allowed, with one smaller retry.
        """
        page_size = self.vmalloc.page_size
        pages = (size + page_size - 1) // page_size
        if size == 0 or (self.total_ram_pages is not None and pages > self.total_ram_pages):
            return None
        page_shift = shift = page_size.bit_length() - 1
        wanted_align = align
        if flags & VM_ALLOW_HUGE_VMAP:
            per_node = self.vmalloc.rules.huge_size_per_node
            wanted = size // self.online_nodes if per_node else size
            if self.pmd_mappings_supported and wanted >= self.pmd_size:
                shift = self.pmd_size.bit_length() - 1
            align = max(align, 1 << shift)
        while True:
            area = self.get_vm_area(size, align, shift, flags, start, end)
            if area is not None:
                if not (
                    self.page_alloc_fails or (self.huge_page_alloc_fails and shift > page_shift)
                ):
                    return area
                self._undo(area)
            if shift == page_shift:
                return None
            shift, align = page_shift, wanted_align

    def _undo(self, area: VmapArea) -> None:
        """Give back an area whose pages failed: at once, or through a work item."""
        if self.vmalloc.rules.deferred_cleanup:
            self.cleanup.append(area)
        else:
            self.vfree(area)

    def vfree(self, area: VmapArea) -> None:
        """Free a whole area.

        VM_FLUSH_RESET_PERMS purges aliases before it returns (vm_reset_perms).
        """
        self.vmalloc.release(area)
        if area.flags & VM_FLUSH_RESET_PERMS:
            self.vmalloc.purge(_ALIASES)

    def run_cleanup(self) -> int:
        """Run the queued cleanups, newest first; return how many there were."""
        if not self.cleanup:
            return 0
        areas, self.cleanup = self.cleanup, []
        for area in reversed(areas):
            self.vfree(area)
        return len(areas)

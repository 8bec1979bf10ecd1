"""Percpu chunks: congruent areas placed from the top of the vmalloc window.

mm/vmalloc.c: pcpu_get_vm_areas.
"""

from collections.abc import Sequence

from execmem_tui.mm.journal import PercpuAreas
from execmem_tui.mm.rbtree import Link, predecessor
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import VmapArea


def pcpu_get_vm_areas(
    vmalloc: Vmalloc, align: int, offsets: Sequence[int], sizes: Sequence[int]
) -> list[VmapArea] | None:
    """Place one area per group at a common base plus its offset, as high as possible.

    None on failure.

    Args:
        vmalloc: the allocator.
        align: power of two, at least a page, bytes.
        offsets: of each group from the base, bytes.
        sizes: of each group, bytes.
    """
    base = _base(vmalloc, align, offsets, sizes)
    if base is None:
        vmalloc.purge(Purge.RECLAIM)
        base = _base(vmalloc, align, offsets, sizes)
        if base is None:
            return None
    areas = []
    for offset, size in zip(offsets, sizes, strict=True):
        start = base + offset
        area = vmalloc.occupy(start, start + size)
        assert area is not None, f"{start:x} was found free"
        areas.append(area)
    if vmalloc.journal is not None:
        vmalloc.journal.append(PercpuAreas(tuple((area.start, area.end) for area in areas)))
    return areas


def _base(vmalloc: Vmalloc, align: int, offsets: Sequence[int], sizes: Sequence[int]) -> int | None:
    """Find the highest base.

    The walk goes round the groups until one full round needed no lowering.
    """
    groups = len(offsets)
    lowest = (vmalloc.vmalloc_start + align - 1) & -align
    highest = vmalloc.vmalloc_end & -align
    space = vmalloc.space = vmalloc.space.shaped()
    vmalloc.may_flatten = False

    def room_end(node: Link) -> tuple[Link, int]:
        """Walk down to an area with room under its aligned end (pvm_determine_end_from_reverse)."""
        while node is not None:
            end = min(node.end & -align, highest)
            if node.start < end:
                return node, end
            node = predecessor(node)
        return None, 0

    group = last = max(range(groups), key=lambda index: (offsets[index], -index))
    start, end = offsets[group], offsets[group] + sizes[group]
    node, room = room_end(space.area_at_or_below(highest))
    base = room - end
    while True:
        if base < lowest or node is None:
            return None
        space.passed += 1
        if base + end > node.end:
            node, room = room_end(node)
            base = room - end
            last = group
            continue
        if base + start < node.start:
            node, room = room_end(predecessor(node))
            base = room - end
            last = group
            continue
        group = (group - 1) % groups
        if group == last:
            return base
        start, end = offsets[group], offsets[group] + sizes[group]
        node = space.area_at_or_below(base + end)

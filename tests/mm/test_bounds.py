"""Where a rule of the allocator begins and ends: each test says why the line is there."""

from typing import Any

from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.journal import PercpuAreas
from execmem_tui.mm.percpu import pcpu_get_vm_areas
from execmem_tui.mm.vm_area import IOREMAP_MAX_ORDER, VmAreas
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import MAX_POOL_PAGES, VM_IOREMAP
from execmem_tui.model.rules import rules_of

PAGE = 4096
START = 0xFFFF_8000_8000_0000
END = 0xFFFF_FDFF_BF80_0000


def make(
    model: type[Vmalloc] = Vmalloc, start: int = START, end: int = END, **more: Any
) -> Vmalloc:
    return model(
        rules=rules_of("7.1.8"), page_size=PAGE, vmalloc_start=start, vmalloc_end=end, **more
    )


def test_an_io_mapping_is_aligned_to_its_size_but_to_a_pud_at_most() -> None:
    """ioremap() can map a PUD at once, and nothing larger exists to be mapped
    (IOREMAP_MAX_ORDER)."""
    small = VmAreas(make()).get_vm_area(5 * PAGE, 1, 12, VM_IOREMAP, START + PAGE, END)
    assert small is not None
    assert small.start == START + 8 * PAGE
    assert 1 << IOREMAP_MAX_ORDER == 1 << 30
    fresh = VmAreas(make())
    area = fresh.get_vm_area(4 << 30, 1, 12, VM_IOREMAP, START + PAGE, END)
    assert area is not None
    assert area.start == START + (1 << 30)  # the next PUD, not the next 2 or 4 GiB


def test_a_percpu_chunk_that_finds_no_room_empties_the_pools() -> None:
    """pcpu_get_vm_areas() calls reclaim_and_purge_vmap_areas():
    a partial purge would leave it parked."""
    window = (START, START + 16 * PAGE)
    journal: list[Any] = []
    vmalloc = make(start=window[0], end=window[1], possible_cpus=2, journal=journal)
    area = vmalloc.alloc_vmap_area(16 * PAGE, 1, *window)
    assert area is not None
    vmalloc.release(area)
    vmalloc.purge(Purge.ALIASES)
    assert list(vmalloc.pooled()) == [window]  # all of the window is in a pool
    placed = pcpu_get_vm_areas(vmalloc, PAGE, [0], [4 * PAGE])
    assert placed is not None
    assert [(each.start, each.end) for each in placed] == [(window[1] - 4 * PAGE, window[1])]
    assert list(vmalloc.pooled()) == []
    assert isinstance(journal[-1], PercpuAreas)


class _Heard(FreeSpace):
    """Tells what is given back, in order."""

    __slots__ = ()
    order: list[int] = []  # noqa: RUF012 - one test reads it

    def give_back(self, start: int, end: int) -> None:
        self.order.append(start)
        super().give_back(start, end)


class _HeardVmalloc(Vmalloc):
    __slots__ = ()
    space_type = _Heard


def given_back(pages: int) -> list[int]:
    """Return the nodes in whose turn areas are given back, of
    four that have `pages` lazy pages each."""
    vmalloc = make(_HeardVmalloc, possible_cpus=4)
    outside = (START - (1 << 40), START)  # modules: no owner, filed by address
    areas = []
    for node in range(4):
        size = pages * PAGE
        stride = (-(-pages // 64) * 64 + 16) * PAGE  # the next zone belongs to the next node
        area = vmalloc.alloc_vmap_area(size, 1, outside[0] + node * stride, outside[1])
        assert area is not None
        areas.append(area)
    nodes = {area.start: vmalloc.home(area.start) for area in areas}
    for area in areas:
        vmalloc.release(area)
    _Heard.order.clear()
    vmalloc.purge(Purge.DRAIN)
    return [nodes[start] for start in _Heard.order]


def test_helpers_take_the_first_nodes_and_end_last() -> None:
    """Beyond lazy_max() pages, work items purge the first nodes; here they come after the rest."""
    few = given_back(4)
    assert few == sorted(few)
    limit = make(possible_cpus=4).lazy_max
    many = given_back(limit)  # 4 times the limit: 3 helpers
    assert sorted(many) == sorted(few)
    assert many != sorted(many)
    assert many == [*sorted(many)[3:], *sorted(many)[:3]]


def test_the_largest_area_that_a_pool_takes_has_256_pages() -> None:
    """MAX_VA_SIZE_PAGES: a larger one goes back to free space even if a node owns it."""
    vmalloc = make(possible_cpus=2)
    for pages in (MAX_POOL_PAGES, MAX_POOL_PAGES + 1):
        area = vmalloc.alloc_vmap_area(pages * PAGE, 1, START, END)
        assert area is not None
        vmalloc.release(area)
    vmalloc.purge(Purge.ALIASES)
    assert [end - start for start, end in vmalloc.pooled()] == [MAX_POOL_PAGES * PAGE]


def test_a_clone_shares_nothing_that_changes() -> None:
    vmalloc = make(possible_cpus=2)
    area = vmalloc.alloc_vmap_area(4 * PAGE, 1, START, END)
    assert area is not None
    vmalloc.release(area)
    copy = vmalloc.clone()
    names = [name for name in Vmalloc.__slots__ if not isinstance(getattr(copy, name), int | None)]
    for name in names:
        same = getattr(copy, name) is getattr(vmalloc, name)
        assert same == (name == "rules"), name
    assert copy.nodes[0] is not vmalloc.nodes[0]
    assert copy.nodes[0].lazy is not vmalloc.nodes[0].lazy

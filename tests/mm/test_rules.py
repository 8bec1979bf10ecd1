"""Single rules of vmalloc and execmem, each in its smallest case."""

from typing import Any, ClassVar

import pytest

from execmem_tui.mm.execmem import Execmem, TypeRange
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.journal import AllocVmapArea, Hazard, PurgeVmapAreaLazy, Record
from execmem_tui.mm.map_ram import MapRam
from execmem_tui.mm.percpu import pcpu_get_vm_areas
from execmem_tui.mm.vm_area import VmAreas
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import VM_ALLOW_HUGE_VMAP, VM_FLUSH_RESET_PERMS
from execmem_tui.model.rules import MODELS, rules_of

PAGE = 4096
MIB = 1 << 20
START = 0xFFFF_8000_8000_0000
END = 0xFFFF_FDFF_BF80_0000


def make(kernel: str = "7.1.8", **options: Any) -> Vmalloc:
    return Vmalloc(
        rules=rules_of(kernel), page_size=PAGE, vmalloc_start=START, vmalloc_end=END, **options
    )


def modules(
    vmalloc: Vmalloc, start: int, end: int, fallback: tuple[int, int] = (0, 0), *, rox: bool = False
) -> Execmem:
    return Execmem(vmalloc, {0: TypeRange(start, end, *fallback, 1, rox)})


@pytest.mark.parametrize("kernel", MODELS)
def test_a_full_preferred_range_costs_a_reclaim_and_then_the_fallback_serves(kernel: str) -> None:
    journal: list[Any] = []
    vmalloc = make(kernel, journal=journal)
    execmem = modules(vmalloc, START, START + 4 * PAGE, (START - 64 * PAGE, START + 4 * PAGE))
    assert execmem.alloc(0, 3 * PAGE) == START
    journal.clear()
    assert execmem.alloc(0, PAGE) == START - 64 * PAGE
    kinds = [(type(record), getattr(record, "failed", None)) for record in journal]
    assert kinds == [
        (AllocVmapArea, True),
        (PurgeVmapAreaLazy, None),
        (AllocVmapArea, True),
        (AllocVmapArea, False),
    ]
    assert journal[1].kind == "reclaim"


def test_the_guard_page_must_fit_below_the_end() -> None:
    execmem = modules(make(), START, START + 4 * PAGE)
    assert execmem.alloc(0, 4 * PAGE) is None
    assert execmem.alloc(0, 3 * PAGE) == START


def test_space_freed_with_flush_reset_perms_is_reusable_at_once() -> None:
    execmem = modules(make(), START, START + 64 * PAGE)
    first = execmem.alloc(0, PAGE)
    assert first == START
    execmem.free(first)
    assert execmem.alloc(0, PAGE) == first


def test_plain_lazy_space_is_not_reused_before_a_purge() -> None:
    vmalloc = make()
    area = vmalloc.alloc_vmap_area(2 * PAGE, 1, START, START + 64 * PAGE)
    assert area is not None
    vmalloc.release(area)
    second = vmalloc.alloc_vmap_area(2 * PAGE, 1, START, START + 64 * PAGE)
    assert second is not None
    assert second.start == START + 2 * PAGE
    vmalloc.purge(Purge.ALIASES)
    third = vmalloc.alloc_vmap_area(2 * PAGE, 1, START, START + 64 * PAGE)
    assert third is not None
    assert third.start == START


@pytest.mark.parametrize(("kernel", "left"), [("6.12.107", 0), ("7.1.8", 3)])
def test_short_pools_decay_differently(kernel: str, left: int) -> None:
    vmalloc = make(kernel, possible_cpus=2)
    areas = [vmalloc.alloc_vmap_area(PAGE, 1, START, END) for _ in range(3)]
    for area in areas:
        assert area is not None
        vmalloc.release(area)
    vmalloc.purge(Purge.ALIASES)
    assert len(list(vmalloc.pooled())) == 3
    vmalloc.purge(Purge.ALIASES)
    assert len(list(vmalloc.pooled())) == left


def test_a_pool_serves_only_its_own_cpu_size_and_window() -> None:
    vmalloc = make(possible_cpus=2)
    area = vmalloc.alloc_vmap_area(2 * PAGE, 1, START, END)
    assert area is not None
    vmalloc.release(area)
    vmalloc.purge(Purge.DRAIN)
    vmalloc.cpu = 1
    other_cpu = vmalloc.alloc_vmap_area(2 * PAGE, 1, START, END)
    vmalloc.cpu = 0
    other_window = vmalloc.alloc_vmap_area(2 * PAGE, 1, START, END - PAGE)
    same = vmalloc.alloc_vmap_area(2 * PAGE, 1, START, END)
    assert other_cpu is not None
    assert other_window is not None
    assert same is not None
    assert same.start == START
    assert START not in (other_cpu.start, other_window.start)


def test_lazy_limit_follows_online_cpus() -> None:
    assert make(possible_cpus=1).lazy_max == 8192
    assert make(possible_cpus=3).lazy_max == 16384
    assert make(possible_cpus=8, online_cpus=4).lazy_max == 24576


def test_consecutive_rox_blocks_lie_four_mib_apart() -> None:
    execmem = modules(make(), START, START + 64 * MIB, rox=True)
    assert execmem.alloc(0, 2 * MIB) == START
    assert execmem.alloc(0, 2 * MIB) == START + 4 * MIB


def test_an_emptied_rox_block_comes_back_only_after_somebody_elses_purge() -> None:
    execmem = modules(make(), START, START + 64 * MIB, rox=True)
    first = execmem.alloc(0, PAGE)
    assert first == START
    execmem.free(first)
    execmem.run_deferred()
    assert execmem.alloc(0, PAGE) == START + 4 * MIB


def test_the_cleaner_does_not_take_a_block_that_is_partly_in_use() -> None:
    journal: list[Any] = []
    execmem = modules(make(journal=journal), START, START + 64 * MIB, rox=True)
    big = execmem.alloc(0, 3 * MIB)
    assert big is not None
    execmem.free(big)
    assert execmem.alloc(0, 2 * MIB) == big
    execmem.run_deferred()
    assert [record.rule for record in journal if isinstance(record, Hazard)] == [
        "cleaner-inner-block"
    ]
    assert execmem.cache.free() == [(big + 2 * MIB, big + 4 * MIB)]
    assert execmem.alloc(0, 2 * MIB) == big + 2 * MIB


def test_the_interval_behind_the_last_one_is_never_handed_out() -> None:
    journal: list[Any] = []
    vmalloc = make(journal=journal)
    low, high = (
        TypeRange(START, START + 8 * MIB, 0, 0, 1, True),
        TypeRange(END - 8 * MIB, END, 0, 0, 1, True),
    )
    execmem = Execmem(vmalloc, {0: low, 1: high})
    assert execmem.alloc(0, PAGE) == START
    assert execmem.alloc(1, PAGE) == END - 8 * MIB
    assert [record.rule for record in journal if isinstance(record, Hazard)] == ["last-interval"]


def test_failed_permission_changes_are_retried() -> None:
    execmem = modules(make(), START, START + 64 * MIB, rox=True)
    start = execmem.alloc(0, PAGE)
    assert start is not None
    execmem.set_memory_fails = True
    execmem.free(start)
    assert execmem.cache.pending == {start}
    execmem.run_deferred()
    assert execmem.cache.pending == {start}
    execmem.set_memory_fails = False
    execmem.run_deferred()
    assert not execmem.cache.busy


@pytest.mark.parametrize(("kernel", "second"), [("6.12.107", START), ("7.1.8", START + 4 * MIB)])
def test_pages_that_fail_give_space_back_at_once_or_later(kernel: str, second: int) -> None:
    execmem = modules(make(kernel), START, START + 64 * MIB)
    execmem.areas.huge_page_alloc_fails = True
    flags = VM_ALLOW_HUGE_VMAP | VM_FLUSH_RESET_PERMS
    area = execmem.areas.vmalloc_range(2 * MIB, 2 * MIB, START, START + 64 * MIB, flags)
    assert area is not None
    assert area.start == second


def test_percpu_chunks_are_placed_from_the_top() -> None:
    vmalloc = make()
    areas = pcpu_get_vm_areas(vmalloc, 2 * MIB, [0, 4 * MIB], [2 * MIB, 2 * MIB])
    assert areas is not None
    assert [area.start for area in areas] == [
        (END & -(2 * MIB)) - 6 * MIB,
        (END & -(2 * MIB)) - 2 * MIB,
    ]
    assert pcpu_get_vm_areas(vmalloc, PAGE, [0], [END - START + PAGE]) is None


def test_map_ram_blocks_follow_the_configured_cpus() -> None:
    assert MapRam(make(nr_cpus_config=64)).block_size == 4 * MIB
    assert MapRam(make(nr_cpus_config=8192)).block_size == MIB


def test_map_ram_space_inside_a_block_is_not_reused() -> None:
    ram = MapRam(make())
    first = ram.map(3)
    assert first is not None
    ram.unmap(first, 3)
    assert ram.map(3) == first + 4 * PAGE


@pytest.mark.parametrize(("size", "align"), [(0, 1), (PAGE + 1, 1), (PAGE, 3), (-PAGE, 1)])
def test_senseless_requests_are_refused(size: int, align: int) -> None:
    assert make().alloc_vmap_area(size, align, START, END) is None


class _Watched(FreeSpace):
    """Tells in which order it was given what."""

    __slots__ = ()
    given: ClassVar[list[int]] = []

    def give_back(self, start: int, end: int) -> None:
        self.given.append((start - START) // PAGE)
        super().give_back(start, end)


class _WatchedVmalloc(Vmalloc):
    __slots__ = ()
    space_type = _Watched


@pytest.mark.parametrize(
    ("kernel", "order"), [("5.10.262", [0, 2]), ("6.1.187", [0, 2]), ("6.12.107", [2, 0])]
)
def test_a_purge_gives_back_in_the_order_of_its_time(kernel: str, order: list[int]) -> None:
    vmalloc = _WatchedVmalloc(
        rules=rules_of(kernel), page_size=PAGE, vmalloc_start=START, vmalloc_end=END
    )
    areas = [vmalloc.alloc_vmap_area(PAGE, 1, START, END) for _ in range(4)]
    for area in (areas[2], areas[0]):
        assert area is not None
        vmalloc.release(area)
    _Watched.given.clear()
    vmalloc.purge(Purge.DRAIN)
    assert _Watched.given == order


def test_the_purge_list_of_5_10_is_not_sorted() -> None:
    """What was freed last is given back first, wherever it lies."""
    for kernel, order in (("5.10.262", [2, 0]), ("6.1.187", [0, 2])):
        vmalloc = make(kernel)
        areas = [vmalloc.alloc_vmap_area(PAGE, 1, START, END) for _ in range(4)]
        for area in (areas[0], areas[2]):
            assert area is not None
            vmalloc.release(area)
        found, _ = vmalloc.give_back(full=True)
        assert [(area.start - START) // PAGE for area in found] == order


def test_5_10_looks_for_a_page_more_than_an_exact_hole_has() -> None:
    for kernel, need in (("5.10.262", 3 * PAGE - 1), ("6.1.187", 2 * PAGE)):
        assert make(kernel).request(2 * PAGE, PAGE, START, END).need == need
        assert make(kernel).request(2 * PAGE, 1, START, END).need == 2 * PAGE


@pytest.mark.parametrize(
    ("kernel", "nodes", "aligned"),
    [("6.12.107", 1, True), ("6.12.107", 2, False), ("7.1.8", 2, True)],
)
def test_up_to_6_12_a_huge_mapping_needs_a_pmd_for_each_node(
    kernel: str, nodes: int, aligned: bool
) -> None:
    areas = VmAreas(make(kernel))
    areas.online_nodes = nodes
    first = areas.vmalloc_range(PAGE, 1, START, END, 0)
    assert first is not None
    area = areas.vmalloc_range(3 * MIB, 1, START, END, VM_ALLOW_HUGE_VMAP)
    assert area is not None
    assert (area.start % (2 * MIB) == 0) is aligned


@pytest.mark.parametrize(("kernel", "attempts"), [("6.18.15", 2), ("6.19.11", 1)])
def test_a_request_that_may_not_block_is_not_tried_again_since_6_19(
    kernel: str, attempts: int
) -> None:
    journal: list[Record] = []
    vmalloc = make(kernel, journal=journal)
    assert vmalloc.alloc_vmap_area(3 * PAGE, 1, START, START + 2 * PAGE, blocking=False) is None
    assert sum(isinstance(each, AllocVmapArea) for each in journal) == attempts

"""The module loader of the simulated kernel.

Sequences as in traces, failures, duplicates, nothing left behind.
"""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.analysis.loads import COMPANION, LoaderRules, spelled
from execmem_tui.arch import resolve
from execmem_tui.consumers.catalogue import open_catalogue
from execmem_tui.consumers.ledger import Ledger
from execmem_tui.consumers.load_sequence import HOTPATCH
from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.modules import COPY, RELOCATE, LoadOutcome, Modules
from execmem_tui.consumers.observers import Observer
from execmem_tui.mm.journal import AllocVmapArea, PurgeVmapAreaLazy, Record, RoxPopulate
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Freed, PermissionsChanged
from execmem_tui.model.ranges import ExecmemType, Window


class Listener(Observer):
    """Hears everything the allocator writes into its journal."""

    def __init__(self) -> None:
        self.heard: list[Record] = []

    def append(self, record: Record, /) -> None:
        self.heard.append(record)


def modules(
    arch: str = "x86",
    kernel: str = "7.1",
    *others: Observer,
    duplicates_wait: bool = True,
    batch: int = 1,
) -> Modules:
    layout = resolve(arch, kernel)
    catalogue = open_catalogue(arch, kernel)
    machine = Machine(layout, observers=(Ledger(layout), *others))
    return Modules(machine, catalogue, duplicates_wait=duplicates_wait, batch=batch)


def live(found: Modules) -> list[Area]:
    return [
        area
        for area in found.machine.areas()
        if area.state is AreaState.LIVE and area.region is not None
    ]


def letters(heard: list[Record], window: tuple[int, int], *, separate: bool) -> str:
    text = ""
    for record in heard:
        match record:
            case AllocVmapArea(failed=False):
                outside = separate and (record.vstart, record.vend) == window
                text += "" if outside or record.align > 1 << 20 else "A"
            case RoxPopulate():
                text += "B"
            case PurgeVmapAreaLazy():
                text += "p"
    return text.replace("pB", "")


CASES = [
    ("x86", "7.1", "ext4"),
    ("x86", "7.1", "crc16"),
    ("x86", "6.12", "ext4"),
    ("arm64", "7.1", "ext4"),
    ("arm64", "6.12", "amdgpu"),
    ("arm", "6.12", "xfs"),
    ("riscv", "7.1", "btrfs"),
    ("s390", "6.12", "ext4"),
    ("loongarch", "7.1", "xfs"),
    ("powerpc", "7.1", "amdgpu"),
]


@pytest.mark.parametrize(("arch", "kernel", "name"), CASES)
def test_a_load_makes_the_steps_that_traces_show(arch: str, kernel: str, name: str) -> None:
    listener = Listener()
    found = modules(arch, kernel, listener)
    layout = found.machine.layout
    window = layout.vmalloc_start, layout.vmalloc_end
    text = layout.range_of(ExecmemType.MODULE_TEXT)
    separate = (text.start, text.end) != window
    rules = LoaderRules(
        page_size=layout.page_size,
        word_bits=layout.word_bits,
        window=window,
        separate=separate,
        purges=layout.set_memory_purges,
        cached=text.rox_cached,
        text_calls=layout.capability.rox_calls,
    )
    assert found.catalogue is not None
    module = found.catalogue[name]
    listener.heard.clear()
    assert found.load(name, with_deps=False) is LoadOutcome.LOADED
    labels, sizes = rules.requests(module)
    asked = [
        each.size
        for each in listener.heard
        if isinstance(each, AllocVmapArea) and each.align <= 1 << 20
    ]
    assert asked == sizes
    expected = spelled(rules.steps(module))
    after_init = "p" * rules.after_init(module)
    assert bool(after_init) == (layout.set_memory_purges and "MOD_RO_AFTER_INIT" in module.sizes)
    if not separate:
        expected += "A" * labels.count(COMPANION)
    steps = letters(listener.heard, window, separate=separate)
    assert steps == expected + after_init
    regions = sorted(str(area.region) for area in live(found))
    assert regions == sorted([*module.sizes, *([HOTPATCH] if module.ftrace_tramp else [])])
    assert {area.owner for area in live(found)} == {name}


def test_dependencies_are_loaded_first_and_once() -> None:
    found = modules()
    assert found.load("ext4") is LoadOutcome.LOADED
    assert list(found.loaded) == ["jbd2", "mbcache", "crc16", "ext4"]
    assert found.load("ext4") is LoadOutcome.EXISTS
    assert len(found.loaded) == 4


def test_init_memory_waits_and_goes_newest_first() -> None:
    found = modules("arm64", batch=8)
    for name in ("crc16", "mbcache"):
        found.load(name)
    found.machine.take_events()
    assert found.run_init_frees() == 2
    freed = [event.area.name for event in found.machine.take_events() if isinstance(event, Freed)]
    assert freed == ["mbcache.init_text", "mbcache.init_data", "crc16.init_text", "crc16.init_data"]
    assert found.run_init_frees() == 0


def test_init_memory_goes_before_the_next_load() -> None:
    found = modules("arm64")
    found.load("crc16")
    assert "crc16.init_text" in {area.name for area in live(found)}
    found.load("mbcache")
    assert "crc16.init_text" not in {area.name for area in live(found)}


def test_unload_frees_data_last() -> None:
    found = modules("arm64")
    found.load("ext4")
    found.run_init_frees()
    found.machine.take_events()
    found.unload("ext4")
    freed = [event.area.region for event in found.machine.take_events() if isinstance(event, Freed)]
    assert freed == ["MOD_TEXT", "MOD_RODATA", "MOD_RO_AFTER_INIT", "MOD_DATA"]


def test_a_module_in_use_stays() -> None:
    found = modules()
    found.load("ext4")
    with pytest.raises(UsageError, match="in use by ext4"):
        found.unload("jbd2")
    found.unload("ext4")
    found.unload("jbd2")
    with pytest.raises(UsageError, match="not loaded"):
        found.unload("jbd2")


@pytest.mark.parametrize("arch", ["x86", "arm64", "s390", "powerpc"])
@pytest.mark.parametrize(
    "fail_at", ["MOD_TEXT", "MOD_RODATA", "MOD_INIT_DATA", COPY, RELOCATE, HOTPATCH, "init"]
)
def test_a_failed_load_leaves_nothing(arch: str, fail_at: str) -> None:
    found = modules(arch)
    if fail_at == "init":
        assert found.load("crc16", init_fails=True, attempts=2) is LoadOutcome.INIT_FAILED
    else:
        loaded = found.load("crc16", fail_at=fail_at)
        assert (
            loaded is LoadOutcome.LOADED if fail_at == HOTPATCH and arch != "s390" else bool(loaded)
        )
        if loaded is LoadOutcome.LOADED:
            found.run_init_frees()
            found.unload("crc16")
    assert live(found) == []
    assert not found.loaded


def test_failing_to_allocate_frees_from_last_to_first() -> None:
    found = modules("arm64")
    found.load("ext4", with_deps=False, fail_at="MOD_INIT_TEXT")
    events = found.machine.take_events()
    allocated = [event.area.region for event in events if isinstance(event, Allocated)]
    assert allocated == ["MOD_TEXT", "MOD_DATA", "MOD_RODATA", "MOD_RO_AFTER_INIT"]
    assert [event.area.region for event in events if isinstance(event, Freed)] == allocated[::-1]


def test_a_failing_init_frees_everything_and_a_retry_does_it_twice() -> None:
    found = modules("arm64", "6.12")
    found.load("crc16", init_fails=True, attempts=2)
    freed = [event.area.region for event in found.machine.take_events() if isinstance(event, Freed)]
    once = ["MOD_TEXT", "MOD_RODATA", "MOD_INIT_TEXT", "MOD_INIT_DATA", "MOD_DATA"]
    assert [region for region in freed if region in once] == freed
    assert freed == freed[: len(freed) // 2] * 2
    assert freed[-1] == "MOD_DATA"


@pytest.mark.parametrize(("kernel", "left"), [("6.12", True), ("7.1", False)])
def test_only_the_older_kernel_leaks_after_the_last_allocation(kernel: str, left: bool) -> None:
    found = modules("arm64", kernel)
    assert found.load("crc16", fail_at=COPY) is LoadOutcome.BAD_FILE
    assert bool(live(found)) == bool(found.leaked) == left


def run_side_by_side(found: Modules, name: str, tasks: int) -> tuple[list[LoadOutcome], int]:
    """Return the outcomes, and the most areas of the module that lived at once."""
    steps = [found.load_steps(name, cpu=cpu) for cpu in range(tasks)]
    outcomes: list[LoadOutcome] = []
    most = 0
    while steps:
        for each in list(steps):
            try:
                next(each)
            except StopIteration as stop:
                outcomes.append(stop.value)
                steps.remove(each)
            most = max(most, sum(area.owner == name for area in live(found)))
    return outcomes, most


@pytest.mark.parametrize(("wait", "copies"), [(True, 1), (False, 4)])
def test_duplicates_wait_or_take_memory_first(wait: bool, copies: int) -> None:
    found = modules("arm64", duplicates_wait=wait)
    outcomes, most = run_side_by_side(found, "crc16", 4)
    assert sorted(outcomes) == [LoadOutcome.LOADED, *[LoadOutcome.EXISTS] * 3]
    assert found.catalogue is not None
    assert most == copies * len(found.catalogue["crc16"].sizes)
    found.run_init_frees()
    found.unload("crc16")
    assert live(found) == []


def test_a_clone_is_on_its_own() -> None:
    found = modules("arm64")
    found.load("ext4")
    before = sorted(area.name for area in live(found))
    copy = found.clone(found.machine.clone())
    copy.run_init_frees()
    copy.unload("ext4")
    assert sorted(area.name for area in live(found)) == before
    found.run_init_frees()
    found.unload("ext4")
    assert sorted(area.start for area in live(found)) == sorted(area.start for area in live(copy))


def test_big_areas_bring_a_page_array() -> None:
    found = modules("arm64")
    assert found.load_sized("big", {"MOD_TEXT": 4 << 20, "MOD_DATA": 4096}) is LoadOutcome.LOADED
    arrays = [area for area in found.machine.areas() if area.owner == "page array of big"]
    assert [area.size for area in arrays] == [8192]
    found.unload("big")
    assert not [
        area
        for area in found.machine.areas()
        if area.owner == "page array of big" and area.state is AreaState.LIVE
    ]


def test_plt_entries_are_reserved_and_far_modules_may_need_them() -> None:
    found = modules("arm64")
    found.load("ext4")
    assert found.catalogue is not None
    names = found.catalogue.closure("ext4")
    found.run_init_frees()
    assert found.plt_reserved == sum(found.catalogue[name].plt_core for name in names)
    assert found.plt_needed == 0
    machine = found.machine
    while True:
        start = machine.exec_alloc(ExecmemType.MODULE_TEXT, 2 << 20, owner="filler")
        area = None if start is None else machine.area_at(start)
        if area is None or area.window is Window.FALLBACK:
            break
    while (
        machine.execmem.areas.get_vm_area(4096, 1, 12, 0, *machine.execmem.ranges[0].windows[0])
        is not None
    ):
        pass
    found.load("xfs")
    assert found.is_far(found.loaded["xfs"])
    assert found.plt_needed == found.catalogue["xfs"].plt_core


def test_permissions_are_told() -> None:
    found = modules("x86")
    found.load("crc16")
    changes = [
        event.permissions
        for event in found.machine.take_events()
        if isinstance(event, PermissionsChanged)
    ]
    assert changes == ["ro", "nx", "nx", "nx", "rox"]


def test_what_makes_no_sense_is_refused() -> None:
    found = modules()
    with pytest.raises(UsageError, match="no module"):
        found.load("nonesuch")
    with pytest.raises(UsageError, match="cannot fail at"):
        found.load_steps("ext4", fail_at="MOD_BSS")
    with pytest.raises(UsageError, match="no such region"):
        found.load_sized("x", {"text": 1})
    with pytest.raises(UsageError, match="no module catalogue"):
        Modules(Machine(resolve("mips")), None).load("ext4")


NAMES = ["crc16", "jbd2", "mbcache", "ext4", "xfs", "btrfs", "loop", "nbd"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=24),
    st.sampled_from(["x86", "arm64", "arm"]),
)
def test_nothing_overlaps_and_all_comes_back(steps: list[tuple[str, bool]], arch: str) -> None:
    found = modules(arch, batch=3)
    for name, load in steps:
        if load:
            found.load(name)
        elif name in found.loaded:
            try:
                found.unload(name)
            except UsageError:
                continue
        areas = sorted(found.machine.areas(), key=lambda area: area.start)
        assert all(one.end <= other.start for one, other in pairwise(areas))
    for name in reversed(list(found.loaded)):
        found.unload(name)
    assert live(found) == []

"""The simulator as a source: exact addresses, fallback, undo, and a map that stays exact."""

import itertools
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.arch import architectures, resolve
from execmem_tui.model.areas import AreaState, PartState
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Failed, Purged
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.sources.base import Commanded
from execmem_tui.sources.simulation import Simulation, open_simulation

MIB = 1 << 20


def arm64() -> Simulation:
    return open_simulation("arm64", "7.1", "va48-4k", "off")


def starts(simulation: Simulation, kind: ExecmemType) -> list[int]:
    return [area.start for area in simulation.history.snapshot().areas if area.type is kind]


def test_the_first_module_lies_at_the_bottom_of_the_direct_window() -> None:
    simulation = arm64()
    simulation.allocate(ExecmemType.MODULE_TEXT, 64 << 10)
    assert starts(simulation, ExecmemType.MODULE_TEXT) == [0xFFFF80007B000000]


def test_a_full_direct_window_makes_the_next_module_a_fallback() -> None:
    simulation = arm64()
    simulation.allocate(ExecmemType.MODULE_TEXT, 80 * MIB - 4096)
    simulation.allocate(ExecmemType.MODULE_TEXT, 64 << 10)
    snapshot = simulation.history.snapshot()
    area = snapshot.areas[0]
    assert area.start == 0xFFFF800003000000
    assert area.window is Window.FALLBACK
    assert snapshot.counters.fallbacks == 1
    events = simulation.history.events()
    assert [event.fallback for event in events if isinstance(event, Allocated)] == [False, True]
    assert [event.kind for event in events if isinstance(event, Purged)] == ["reclaim"]
    spilled = next(event for event in events if isinstance(event, Allocated) and event.fallback)
    assert "68K" in spilled.reason


def test_a_request_that_fits_nowhere_fails_and_says_why() -> None:
    simulation = arm64()
    simulation.allocate(ExecmemType.MODULE_TEXT, 3 << 30)
    snapshot = simulation.history.snapshot()
    assert snapshot.counters.failures == 1
    event = next(
        event
        for event in simulation.history.events()
        if isinstance(event, Failed) and not event.attempt
    )
    assert "ffff80007b000000" in event.reason
    assert "ffff800003000000" in event.reason


def test_arm64_has_no_ftrace_trampolines() -> None:
    simulation = arm64()
    assert "call ops" in simulation.why_not_allocate(ExecmemType.FTRACE)
    with pytest.raises(UsageError):
        simulation.allocate(ExecmemType.FTRACE)


def test_rox_blocks_are_shared_by_three_types() -> None:
    simulation = open_simulation("x86", "7.1", None, "off")
    for kind in (ExecmemType.MODULE_TEXT, ExecmemType.KPROBES, ExecmemType.FTRACE):
        simulation.allocate(kind)
    simulation.allocate(ExecmemType.BPF)
    areas = simulation.history.snapshot().areas
    assert [area.start for area in areas[:3]] == [
        0xFFFFFFFFC0000000,
        0xFFFFFFFFC0010000,
        0xFFFFFFFFC0011000,
    ]
    assert areas[3].state is AreaState.CACHE_FREE
    assert areas[3].end == 0xFFFFFFFFC0201000
    assert areas[4].start == 0xFFFFFFFFC0201000


def test_6_12_has_no_rox_cache() -> None:
    simulation = open_simulation("x86", "6.12", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT)
    assert [area.state for area in simulation.history.snapshot().areas] == [AreaState.LIVE]


def test_arm_spills_into_vmalloc() -> None:
    simulation = open_simulation("armhf", "6.12", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, 1 * MIB, count=14)
    assert simulation.history.snapshot().counters.fallbacks == 1
    assert starts(simulation, ExecmemType.MODULE_TEXT)[-1] == 0xF0800000


@pytest.mark.parametrize("size", [0, -1, 1 << 62])
def test_senseless_sizes_are_refused(size: int) -> None:
    with pytest.raises(UsageError):
        arm64().allocate(ExecmemType.BPF, size)


def test_only_live_execmem_can_be_freed() -> None:
    simulation = arm64()
    with pytest.raises(UsageError):
        simulation.free(0xFFFF800080000000)
    with pytest.raises(UsageError):
        simulation.free(0x1234)


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["alloc", "free", "undo", "redo", "step", "purge"]),
        st.sampled_from([kind for kind in ExecmemType if kind is not ExecmemType.FTRACE]),
        st.integers(1, 40),
    ),
    max_size=30,
)


@pytest.mark.parametrize("arch", architectures())
def test_what_is_there_before_the_kernel_is_asked_is_what_it_boots_with(arch: str) -> None:
    simulation = Simulation(resolve(arch, "7.1"))
    before = simulation.history.snapshot().areas
    booted = simulation.ask(lambda kernel: tuple(kernel.machine.areas()))
    assert before == tuple(sorted(booted, key=lambda area: area.start))


@pytest.mark.parametrize("command", [["map"], ["whatis", "ffff80007b000000"]])
def test_what_commands_no_kernel_imports_neither_allocator_nor_documents(
    command: list[str],
) -> None:
    """Allocator and consumers were a third of the time of ``map``."""
    script = (
        f"import sys; from execmem_tui.cli.main import main; main({command!r});"
        "print(*{'execmem_tui.mm', 'execmem_tui.consumers.kernel',"
        " 'execmem_tui.analysis.documents'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert result.stdout.decode().splitlines()[-1] == ""


@pytest.mark.parametrize("arch", ["x86", "arm64"])
def test_a_part_is_removed_by_its_key_whatever_the_map_calls_it(arch: str) -> None:
    """Names on the map are cut at 60 characters and say more than the consumer's own name."""
    simulation = Simulation(resolve(arch, "7.1"))
    long = "p" * 80
    simulation.do(lambda kernel: kernel.bpf.load(long, 1024))
    simulation.do(lambda kernel: kernel.bpf.load("classic", 1024, cbpf=True))
    simulation.do(lambda kernel: kernel.kprobes.register(long, count=2))
    parts = [part for area in simulation.history.snapshot().areas for part in area.parts or ()]
    assert len(parts) >= 4
    probes = [part for part in parts if part.key == long and "prog" not in part.name]
    assert len({part.name for part in probes}) == 2, "two slots of one probe"
    for part in (*probes[:1], *(part for part in parts if "prog" in part.name)):
        simulation.free(part.start)
    left = [part for area in simulation.history.snapshot().areas for part in area.parts or ()]
    assert all(part.state is PartState.DIRTY for part in left)


def test_a_part_that_nobody_can_remove_by_hand_says_so() -> None:
    simulation = Simulation(resolve("x86", "7.1"))
    simulation.do(lambda kernel: kernel.bpf.attach("vfs_read"))
    (part,) = (
        part
        for area in simulation.history.snapshot().areas
        for part in area.parts or ()
        if "trampoline" in part.name
    )
    assert part.key == ""
    with pytest.raises(UsageError, match="bpf_trampoline_vfs_read cannot be removed by hand"):
        simulation.free(part.start)


def perform(simulation: Simulation, what: str, kind: ExecmemType, number: int) -> None:
    history = simulation.history
    if what == "alloc":
        simulation.allocate(kind, number * 300_000)
    elif what == "purge":
        simulation.purge()
    elif what == "undo":
        history.undo()
    elif what == "redo":
        history.redo()
    elif what == "step":
        history.seek(history.step - number % 3)
    else:
        live = [
            area
            for area in history.snapshot().areas
            if area.type is not None and area.state is AreaState.LIVE
        ]
        if live:
            simulation.free(live[number % len(live)].start)


@settings(max_examples=40, deadline=None)
@given(
    COMMANDS, st.sampled_from([("arm64", "7.1"), ("x86", "7.1"), ("x86", "6.12"), ("arm", "7.1")])
)
def test_the_map_is_the_allocators_own_state(
    commands: list[tuple[str, ExecmemType, int]], which: tuple[str, str]
) -> None:
    simulation = open_simulation(*which, None, "off")
    assert isinstance(simulation, Commanded)
    for what, kind, number in commands:
        perform(simulation, what, kind, number)
    simulation.allocate(ExecmemType.BPF, 4096)
    machine = simulation._kernel.machine
    vmalloc, cache = machine.execmem.vmalloc, machine.execmem.cache
    areas = simulation.history.snapshot().areas
    shown: dict[AreaState, list[tuple[int, int]]] = {state: [] for state in AreaState}
    for area in areas:
        shown[area.state].append((area.start, area.end))
    assert shown[AreaState.LAZY] == sorted((area.start, area.end) for area in vmalloc.lazy())
    assert shown[AreaState.POOLED] == sorted(vmalloc.pooled())
    guard = machine.layout.page_size
    free = [
        (area.start, area.start + area.size) for area in areas if area.state is AreaState.CACHE_FREE
    ]
    assert free == cache.free()
    blocks = {
        block.start
        for start in (*cache.busy, *(start for start, _ in cache.free()))
        if (block := vmalloc.enclosing(start)) is not None
    }
    plain = {area.start: area.end for area in vmalloc.busy.values() if area.start not in blocks}
    assert_live(dict(shown[AreaState.LIVE]), plain, cache.busy, guard)
    for before, after in itertools.pairwise(areas):
        assert before.end <= after.start


def assert_live(
    live: dict[int, int], plain: dict[int, int], cached: dict[int, int], guard: int
) -> None:
    """What is shown as live: vmalloc's areas but for cache blocks, and the cache's busy pieces."""
    pieces = {start: end for start, end in live.items() if start not in plain}
    assert {start: end for start, end in live.items() if start in plain} == plain
    assert set(pieces) == set(cached)
    assert all(pieces[start] - cached[start] in (0, guard) for start in pieces)

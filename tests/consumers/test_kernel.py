"""The kernel as a whole.

Undo covers consumers, events carry parts once a command, big packs stay cheap.
"""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.arch import resolve
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Noted
from execmem_tui.sources.simulation import Simulation

COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "probe",
                "entry",
                "unprobe",
                "trace",
                "untrace",
                "load",
                "unload",
                "attach",
                "detach",
                "undo",
            ]
        ),
        st.integers(0, 5),
    ),
    max_size=25,
)


def perform(kernel: Kernel, what: str, number: int) -> None:
    match what:
        case "probe":
            kernel.kprobes.register(f"p{number}", count=20 * number + 1)
        case "entry":
            kernel.kprobes.register(f"e{number}", entry=True)
        case "unprobe":
            kernel.kprobes.unregister(f"p{number}")
        case "trace":
            kernel.ftrace.register(f"f{number}")
        case "untrace":
            kernel.ftrace.unregister(f"f{number}")
        case "load":
            kernel.bpf.load(f"b{number}", 400_000 * number + 100)
        case "unload":
            kernel.bpf.unload(f"b{number}")
        case "attach":
            kernel.bpf.attach(f"t{number}")
        case _:
            kernel.bpf.detach(f"t{number}")


@settings(max_examples=40, deadline=None)
@given(
    COMMANDS, st.sampled_from([("x86", "7.1"), ("x86", "6.12"), ("arm64", "7.1"), ("s390", "7.1")])
)
def test_undo_brings_consumers_back(
    commands: list[tuple[str, int]], which: tuple[str, str]
) -> None:
    """Whatever was undone, the state is that of a fresh kernel given only the commands that
    remain."""
    simulation = Simulation(resolve(*which))
    kept: list[tuple[str, int]] = []
    for what, number in commands:
        if what == "undo":
            if simulation.history.undo():
                kept.pop()
            continue
        try:
            simulation.do(partial(perform, what=what, number=number))
        except UsageError:
            continue
        kept.append((what, number))
    fresh = Kernel(resolve(*which))
    for what, number in kept:
        perform(fresh, what, number)
        fresh.take_events()
    expected = sorted(fresh.machine.areas(), key=lambda area: area.start)
    assert list(simulation.history.snapshot().areas) == expected
    for area in expected:
        check_parts(area)


def check_parts(area: Area) -> None:
    at = area.start
    for part in area.parts or ():
        assert area.state is AreaState.LIVE
        assert at <= part.start < part.end <= area.start + area.size
        assert area.part_at(part.start) == area.part_at(part.end - 1) == part
        at = part.end
    if area.parts is not None:
        assert area.part_at(at) is None
        assert area.part_at(area.start - 1) is None


def test_two_thousand_programs_are_one_change_of_the_pack() -> None:
    simulation = Simulation(resolve("x86", "7.1"))

    def command(kernel: Kernel) -> None:
        for number in range(2000):
            kernel.bpf.load(f"p{number}", 500)

    assert simulation.do(command) == 3
    (event,) = [event for event in simulation.history.events() if isinstance(event, Noted)]
    assert event.text == "bpf prog pack: 2000 programs, 18,000 of 32,768 chunks used"
    assert len(event.added[0].parts or ()) == 2000


def test_a_used_page_cannot_be_freed_by_hand() -> None:
    simulation = Simulation(resolve("x86", "7.1"))
    simulation.do(lambda kernel: kernel.ftrace.register("f1"))
    start = simulation.history.snapshot().areas[0].start
    with pytest.raises(UsageError, match="in use"):
        simulation.free(start + 4000)
    simulation.history.undo()
    simulation.history.redo()
    assert simulation.history.snapshot().areas[0].start == start


def test_a_freed_page_forgets_its_parts() -> None:
    kernel = Kernel(resolve("x86", "6.12"))
    kernel.ftrace.register("f1")
    kernel.take_events()
    kernel.ftrace.unregister("f1")
    assert all(area.parts is None for area in kernel.machine.areas())


@pytest.mark.parametrize(("arch", "chunks"), [("x86", 25), ("arm64", 34), ("riscv", None)])
def test_boot_leaves_what_captures_show(arch: str, chunks: int | None) -> None:
    kernel = Kernel(resolve(arch, "7.1"))
    kernel.boot()
    expected = [] if chunks is None else [[(0, chunks - 1)]]
    assert list(kernel.bpf.packs.used_chunks().values()) == expected

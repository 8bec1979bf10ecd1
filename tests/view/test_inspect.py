"""The inspector: what is used inside an area, and the part under the cursor."""

import pytest
from attrs import evolve

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.arch import resolve
from execmem_tui.formats.vmallocinfo import WHY, Pointers
from execmem_tui.model.hidden import Hidden
from execmem_tui.sources.simulation import Simulation
from execmem_tui.sources.trace_steps import LOST_EVENTS
from execmem_tui.view.inspect import inspect_lines
from execmem_tui.view.plain import plain_map
from execmem_tui.view.shown import Shown


def test_slots_used_and_the_probe_under_the_cursor() -> None:
    simulation = Simulation(resolve("x86", "6.12"))
    simulation.do(lambda kernel: kernel.kprobes.register("kept", count=3))
    simulation.do(lambda kernel: kernel.kprobes.register("gone", count=2))
    simulation.do(lambda kernel: kernel.kprobes.unregister("gone"))
    snapshot = simulation.history.snapshot()
    insn, optinsn = (area for area in snapshot.areas if area.parts is not None)
    holes = HoleIndex(snapshot)
    lines = inspect_lines(snapshot, holes, insn.start + 16, None)
    assert "3 of 273 slots used" in lines
    assert "here kept 2" in lines
    assert "15 B" in lines
    assert "unused here" in inspect_lines(snapshot, holes, insn.start + 45, None)
    lines = inspect_lines(snapshot, holes, optinsn.start + 4 * 124, None)
    assert "3 of 33 slots used, 2 dirty" in lines
    assert "124 B, dirty: waits for collection" in lines
    assert "unused here" not in inspect_lines(snapshot, holes, insn.start + insn.size, None)


@pytest.mark.fault(1)
@pytest.mark.parametrize(
    ("arch", "address", "first"),
    [
        ("arm64", 0xFFFF80007B000000, "free in the near window: 80M"),
        ("arm64", 0xFFFF800003000000, "free in the far window: 2G"),
        ("arm64", 0xFFFF800100000000, "free in vmalloc space: 126T"),
        ("x86", 0xFFFFFFFFC0000000, "free in the module area: 1008M"),
    ],
)
def test_free_space_is_clipped_to_the_window_the_cursor_is_in(
    arch: str, address: int, first: str
) -> None:
    snapshot = Simulation(resolve(arch)).history.snapshot()
    lines = inspect_lines(snapshot, HoleIndex(snapshot), address, None)
    assert first in lines
    assert not any("16777" in line for line in lines)


def test_free_space_outside_every_window_is_only_free() -> None:
    snapshot = Simulation(resolve("arm64")).history.snapshot()
    lines = inspect_lines(snapshot, HoleIndex(snapshot), 0x1000, None)
    assert "free" in lines


def test_where_addresses_are_hidden_nothing_is_called_free_and_no_request_fits() -> None:
    snapshot = evolve(
        Simulation(resolve("x86", "7.1")).history.snapshot(), hidden=Hidden(complete=False)
    )
    lines = inspect_lines(snapshot, HoleIndex(snapshot), 0xFFFFFFFFC0000000, None)
    assert lines[1] == "not seen in the module area: 1008M"
    assert lines[3] == "used or free: addresses are hidden"
    assert not any("request" in line for line in lines)
    assert inspect_lines(snapshot, HoleIndex(snapshot), 0x1000, None)[1] == "not seen"
    shown = Shown(snapshot)
    reach = shown.reach(None)
    assert reach is not None
    assert shown.window(1, None).unseen
    assert reach.window.unseen
    text = plain_map(snapshot, "x")
    assert text[-1].endswith("? not seen: used or free")
    assert "?" * 8 in "".join(text), "the axis of reach"


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        (LOST_EVENTS, "events were lost before"),
        (Hidden(complete=False, why=WHY[Pointers.HASHED]), "addresses are hashed"),
    ],
)
def test_what_hides_areas_is_said(hidden: Hidden, told: str) -> None:
    snapshot = evolve(Simulation(resolve("x86", "7.1")).history.snapshot(), hidden=hidden)
    lines = inspect_lines(snapshot, HoleIndex(snapshot), 0xFFFFFFFFC0000000, None)
    assert lines[3] == f"used or free: {told}"

"""The inspector: what is used inside an area, and the part under the cursor."""

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.arch import resolve
from execmem_tui.sources.simulation import Simulation
from execmem_tui.view.inspect import inspect_lines


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

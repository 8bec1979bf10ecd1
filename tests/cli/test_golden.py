"""The plain map as golden text: a simulated arm64 with its fallback in use, and a capture."""

from pathlib import Path

import pytest

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.base import Source
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.view.plain import plain_map

DATA = Path(__file__).parents[1] / "data"


def spilled() -> Source:
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, count=40)
    simulation.allocate(ExecmemType.MODULE_DATA, 77 << 20)
    simulation.allocate(ExecmemType.MODULE_TEXT, 2 << 20, count=2)
    simulation.allocate(ExecmemType.BPF, count=2)
    simulation.allocate(ExecmemType.KPROBES, count=3)
    return simulation


def capture() -> Source:
    return open_path(str(DATA / "captures" / "arm64-7.2.13-nokaslr"), phase="1-modules")


@pytest.mark.parametrize("make", [spilled, capture], ids=["spilled", "capture"])
def test_the_plain_map_is_as_it_was(make: object, request: pytest.FixtureRequest) -> None:
    assert callable(make)
    source = make()
    lines = plain_map(source.history.snapshot(), source.title, width=100)
    golden = DATA / "golden" / f"map-{request.node.callspec.id}.txt"
    assert "\n".join(line.rstrip() for line in lines) + "\n" == golden.read_text(encoding="utf-8")
    assert all(line.isprintable() for line in lines)

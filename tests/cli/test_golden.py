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


def test_panes_of_one_window_have_one_map() -> None:
    simulation = open_simulation("x86", "6.12", "x86_64-4level", "off")
    simulation.allocate(ExecmemType.KPROBES)
    simulation.allocate(ExecmemType.BPF)
    lines = plain_map(simulation.history.snapshot(), simulation.title, width=100)
    assert [line for line in lines if " a cell, " in line] == [
        "KPROBES, BPF: 256B a cell, 16K a row"
    ]


def test_only_what_was_counted_is_told() -> None:
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    snapshot = simulation.history.snapshot
    assert not plain_map(snapshot(), "", width=100)[1].startswith("allocations")
    simulation.allocate(ExecmemType.BPF)
    assert plain_map(snapshot(), "", width=100)[1].startswith("allocations 1  frees 0")


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_legend_keeps_to_the_width_and_its_entries_whole(width: int) -> None:
    """A terminal of 120 columns broke it at "Q poo"."""
    source = spilled()
    lines = plain_map(source.history.snapshot(), source.title, width=width)
    first = next(at for at, line in enumerate(lines) if line.startswith("K kernel  "))
    told = lines[first : first + 1 + (width < 140) + (width < 80)]
    assert all(len(line) <= width for line in told)
    assert "  ".join(told).endswith("Q pooled  O other vmalloc  . free")

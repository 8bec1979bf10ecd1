"""A preview equals what then happens; a what-if goes on from any map."""

import pytest
from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.commands.by_hand import load_module
from execmem_tui.commands.preview import preview
from execmem_tui.consumers.catalogue import open_catalogue
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.modules import Modules
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.sources.what_if import what_if, why_not_what_if
from execmem_tui.view.sentence import said

MIB = 1 << 20
TEXT = ExecmemType.MODULE_TEXT


def test_a_preview_is_what_loading_then_does_for_every_module() -> None:
    """Region by region, on an arm64 whose near window has 1M left: many spill, many do not."""
    full = Kernel(resolve("arm64"), cpus=2)
    full.machine.request(TEXT, 79 * MIB)
    full.loader = Modules(full.machine, open_catalogue("amd64cloud", "7.1"))
    full.take_events()
    catalogue = full.modules.catalogue
    assert catalogue is not None
    spilled = stayed = 0
    for name in catalogue:
        expected = preview(full, load_module(name))
        kernel = full.clone()
        load_module(name)(kernel)
        loaded = [event for event in kernel.take_events() if isinstance(event, Allocated)]
        places = {(event.area.start, event.area.name, event.area.size) for event in loaded}
        foretold = (*expected.areas, *expected.passing)
        assert {(area.start, area.name, area.size) for area in foretold} == places
        assert all(kernel.machine.area_at(area.start) == area for area in expected.areas)
        assert expected.allocations == len(loaded)
        assert expected.fallbacks == sum(event.fallback for event in loaded)
        spilled += bool(expected.fallbacks)
        stayed += not expected.fallbacks
    assert spilled > 20
    assert stayed > 300


def test_a_preview_changes_nothing_and_says_what_would_be() -> None:
    booted = open_booted("arm64")
    before = booted.history.snapshot()
    found = booted.preview_load("btrfs")
    assert booted.history.snapshot() is before
    assert found.text == "21 allocations, 2.1M stay"
    assert len(found.areas) == 13
    assert len(found.passing) == 8
    with pytest.raises(UsageError, match="loaded already"):
        booted.preview_load("drm")
    with pytest.raises(UsageError, match="no module"):
        booted.preview_load("nosuch")


@pytest.mark.parametrize(
    ("arch", "name"), [("arm64", "nouveau"), ("riscv", "xfs"), ("arm", "zram")]
)
def test_a_preview_foretells_the_size_that_the_sentence_then_says(arch: str, name: str) -> None:
    booted = open_booted(arch)
    foretold = booted.preview_load(name).text.rpartition(", ")[2].removesuffix(" stay")
    booted.load(name)
    assert f"areas, {foretold}, and " in said(booted.history).text


def test_a_preview_of_sizes_counts_fallbacks_and_tells_failures() -> None:
    simulation = open_simulation("arm64", "7.1", None, "off")
    assert simulation.preview_allocate(TEXT, 30 * MIB, 4).text == "4 allocations, 2 in the fallback"
    assert simulation.preview_allocate(TEXT, 1, 1).text == "1 allocation"
    assert simulation.preview_allocate(TEXT, 3 << 30).text.startswith("would fail: no hole of 3G")
    with pytest.raises(UsageError, match="0 requests"):
        simulation.preview_allocate(TEXT, 1, 0)


def test_a_preview_looks_from_where_the_cursor_is() -> None:
    simulation = open_simulation("arm64", "7.1", None, "off")
    simulation.allocate(TEXT, 79 * MIB)
    late = simulation.preview_allocate(TEXT, 30 * MIB)
    assert late.fallbacks == 1
    simulation.history.seek(0)
    early = simulation.preview_allocate(TEXT, 30 * MIB)
    assert early.fallbacks == 0
    simulation.history.seek(1)  # inside the first command: it is done by then
    assert simulation.preview_allocate(TEXT, 30 * MIB).areas == late.areas
    simulation.history.seek(0)
    simulation.allocate(TEXT, 30 * MIB)
    assert simulation.history.snapshot().area_at(early.areas[0].start) is not None


def test_a_what_if_has_the_same_map_and_the_same_next_address() -> None:
    booted = open_booted("arm64")
    snapshot = booted.history.snapshot()
    branch = what_if(snapshot, booted.title)
    assert branch.history.snapshot().areas == snapshot.areas
    assert branch.title.startswith(f"what if, from step {snapshot.step:,} of simulated arm64")
    assert branch.preview_allocate(TEXT, MIB).areas[0].start == (
        booted.preview_allocate(TEXT, MIB).areas[0].start
    )


def test_a_what_if_knows_lazy_and_pooled_space() -> None:
    layout = evolve(resolve("arm64"), early_areas=())
    entry = layout.range_of(TEXT)
    lazy = Area(start=entry.start, size=MIB, state=AreaState.LAZY, owner="gone")
    pooled = Area(start=entry.start + MIB, size=MIB, state=AreaState.POOLED, owner="kept")
    snapshot = Snapshot(layout=layout, step=0, steps=0, areas=(lazy, pooled), counters=Counters())
    branch = what_if(snapshot, "two")
    places = [area.start for area in branch.preview_allocate(TEXT, MIB - 4096).areas]
    assert places == [entry.start + 2 * MIB]  # neither is usable without a purge
    branch.purge("reclaim")  # which empties the pools
    places = [area.start for area in branch.preview_allocate(TEXT, MIB - 4096).areas]
    assert places == [entry.start]
    branch.history.undo()
    states = {area.state for area in branch.history.snapshot().areas}
    assert {AreaState.LAZY, AreaState.POOLED} <= states


def test_a_what_if_is_refused_where_it_would_guess() -> None:
    assert "ROX block" in why_not_what_if(resolve("x86", "7.1"))
    assert why_not_what_if(resolve("x86", "6.12")) == ""
    assert "hidden" in why_not_what_if(resolve("arm64"), Hidden(complete=False))
    layout = resolve("arm64")
    start = layout.range_of(TEXT).start
    twice = (Area(start=start, size=8192), Area(start=start + 4096, size=8192))
    snapshot = Snapshot(layout=layout, step=0, steps=0, areas=twice, counters=Counters())
    with pytest.raises(UsageError, match="two areas at once"):
        what_if(snapshot, "twice")

"""The booted first screen: equal to the profile, there on every
architecture, filled until it spills."""

import pytest

from execmem_tui.arch import architecture, architectures
from execmem_tui.commands.fill import why_not_fill
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Failed
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.rules import JitMemory
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.sources.simulation import Simulation

EVERY = [
    (name, "7.1" if "7.1.8" in variant.kernels else "6.12", variant.name)
    for name in architectures()
    for variant in architecture(name).variants
    if variant.name == architecture(name).default_variant or variant.name.startswith("ppc32")
]


def spills(simulation: Simulation, since: int) -> list[Allocated]:
    events = simulation.history.events(since, simulation.history.steps)
    return [event for event in events if isinstance(event, Allocated) and event.fallback]


def failures(simulation: Simulation, since: int) -> list[Failed]:
    events = simulation.history.events(since, simulation.history.steps)
    return [event for event in events if isinstance(event, Failed) and not event.attempt]


@pytest.mark.parametrize(
    ("arch", "kernel", "profile"),
    [
        ("arm64", "7.1", "laptop-arm64"),
        ("arm64", "6.12", "laptop-arm64-6.12"),
        ("x86", "7.1", "laptop-amd64"),
        ("x86", "6.12", "laptop-amd64-6.12"),
    ],
)
def test_a_booted_machine_is_the_profile_at_its_end(arch: str, kernel: str, profile: str) -> None:
    booted = open_booted(arch, kernel)
    played = play_scenario(profile)
    assert booted.history.at_end
    assert booted.history.snapshot().areas == played.history.snapshot().areas
    assert booted.history.snapshot().counters == played.history.snapshot().counters
    loaded = booted.loaded_modules
    assert booted.title == f"simulated {arch} laptop after boot · {loaded} modules"
    assert f"loaded == {loaded}" in set(played.scenario.expectations())


@pytest.mark.parametrize(("arch", "kernel", "variant"), EVERY)
def test_every_architecture_boots_with_modules_and_whatever_it_has(
    arch: str, kernel: str, variant: str
) -> None:
    booted = open_booted(arch, kernel, variant)
    snapshot = booted.history.snapshot()
    live: dict[ExecmemType, list[Area]] = {kind: [] for kind in ExecmemType}
    for area in snapshot.areas:
        if area.type is not None:
            live[area.type].append(area)
    assert booted.loaded_modules >= 40
    assert not snapshot.counters.failures
    assert not snapshot.counters.fallbacks
    capability = snapshot.layout.capability
    assert bool(live[ExecmemType.BPF]) == (capability.bpf_alloc is not JitMemory.NONE)
    if arch not in ("x86", "arm64"):  # whose profiles have no probes
        wants = capability.have_kprobes and snapshot.layout.range_of(ExecmemType.KPROBES).used
        assert bool(live[ExecmemType.KPROBES]) == wants


def test_the_title_says_whose_sizes_are_made_up() -> None:
    assert "made up" in open_booted("sparc").title
    assert "sizes of arm64" in open_booted("sparc").title
    assert "made up" not in open_booted("riscv").title
    assert "laptop after boot" not in open_booted("riscv").title


def test_a_small_window_is_at_most_half_full_after_boot() -> None:
    snapshot = open_booted("arm").history.snapshot()
    entry = snapshot.layout.range_of(ExecmemType.MODULE_TEXT)
    used = sum(area.footprint for area in snapshot.between(entry.start, entry.end))
    assert 0.4 < used / (entry.end - entry.start) < 0.6


def test_cpus_are_those_asked_for() -> None:
    with pytest.raises(UsageError, match="0 CPUs"):
        open_booted("arm64", cpus=0)


@pytest.mark.parametrize(("arch", "kernel", "variant"), EVERY)
def test_filling_spills_where_there_is_a_fallback_and_one_undo_takes_it_back(
    arch: str, kernel: str, variant: str
) -> None:
    booted = open_booted(arch, kernel, variant)
    before, since = booted.history.snapshot(), booted.history.steps
    reason = booted.why_not_fill()
    if reason:
        with pytest.raises(UsageError, match="nothing fills that"):
            booted.fill()
        assert booted.history.steps == since
        return
    booted.fill()
    if before.layout.range_of(ExecmemType.MODULE_TEXT).has_fallback:
        assert spills(booted, since)
        assert not failures(booted, since)
    else:
        assert len(failures(booted, since)) == 1
    filled = booted.history.snapshot()
    assert booted.history.undo()
    assert booted.history.snapshot().areas == before.areas
    booted.fill()
    assert booted.history.snapshot().areas == filled.areas


def test_filling_stops_with_the_first_module_that_spills() -> None:
    booted = open_booted("arm64")
    since = booted.history.steps
    booted.fill()
    assert len({event.area.owner for event in spills(booted, since)}) == 1
    assert "fill up until it spills" in booted.history.events(since, since + 1)[0].text


def test_without_a_catalogue_plain_requests_fill() -> None:
    booted = open_booted("x86")  # all of Debian's modules do not fill its window
    since = booted.history.steps
    booted.fill()
    events = booted.history.events(since, booted.history.steps)
    owners = {event.area.owner for event in events if isinstance(event, Allocated)}
    assert {"amdgpu", "module 1"} <= owners


def test_only_windows_without_end_are_not_filled() -> None:
    layouts = {name: open_booted(name).history.layout for name in ("powerpc", "arm64")}
    assert "512T" in why_not_fill(layouts["powerpc"])
    assert why_not_fill(layouts["arm64"]) == ""

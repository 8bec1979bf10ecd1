"""What a source is compared with: settings, moments, other sources."""

from pathlib import Path

import pytest

from execmem_tui.analysis.superpose import Difference, Superposition
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.against import against
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.sources.simulation import open_simulation

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
RUN = str(CAPTURES / "amd64-7.2.13-kaslr")


def test_the_same_workload_in_another_era() -> None:
    """What was done by hand is done there too, and what was taken back is not."""
    booted = open_booted("arm64")
    booted.load("btrfs")
    booted.load("xfs")
    booted.history.undo()
    other = against("kernel=6.12", booted)
    assert other.snapshot.layout.kernel == "6.12.107"
    owners = {area.owner for area in other.snapshot.areas}
    assert "btrfs" in owners
    assert "xfs" not in owners
    assert other.title.startswith("simulated arm64 laptop after boot")
    assert booted.history.step < booted.history.steps, "the source stays where it is"


def test_an_empty_machine_is_compared_with_an_empty_machine() -> None:
    empty = open_simulation("arm64", "7.1", None, "off")
    empty.allocate(ExecmemType.MODULE_TEXT, 1 << 20)
    other = against("kernel=6.12, kaslr=7", empty).snapshot
    assert other.layout.kaslr == "seed-7"
    assert [area.size for area in other.areas if area.type is not None] == [1 << 20]


def test_a_knob_is_said_and_another_architecture_has_its_own_variant() -> None:
    booted = open_booted("x86")
    assert any(entry.rox_cached for entry in booted.history.layout.types.values())
    other = against("rox_cache=off,cpus=2", booted)
    assert not any(entry.rox_cached for entry in other.snapshot.layout.types.values())
    assert other.title.endswith(" · rox_cache=off · cpus=2")
    assert against("arch=arm64", booted).snapshot.layout.arch == "arm64"


def test_what_cannot_be_done_there_is_counted() -> None:
    booted = open_booted("arm64")
    booted.load("btrfs")
    booted.insert(ExecmemType.KPROBES)
    address = next(area.start for area in booted.history.snapshot().areas if area.owner == "btrfs")
    booted.free(address)
    other = against("arch=sparc", booted)
    assert "cannot be repeated there" in other.title


def test_a_scenario_under_other_knobs() -> None:
    play = play_scenario("all-modules-arm64")
    other = against("kernel=6.12", play)
    assert other.snapshot.layout.kernel == "6.12.107"
    assert len(other.snapshot.areas) > 1000


def test_moments_of_a_source() -> None:
    run = open_path(RUN)
    here = run.history.step
    phase = against("phase=1-modules", run)
    assert phase.snapshot.step == 2
    assert against("step=2", run).snapshot is not None
    assert against("step=2", run).snapshot.areas == phase.snapshot.areas
    assert run.history.step == here
    trace = open_path(str(CAPTURES.parent / "traces" / "arm64-7.2.13-nokaslr" / "trace.txt.xz"))
    events = trace.history.events(0, trace.history.steps)
    middle = events[len(events) // 2].time
    assert middle is not None
    at = against(f"time={middle}", trace).snapshot
    assert at.event is not None
    assert at.event.time == middle


def test_another_source_and_a_phase_of_one() -> None:
    run = open_path(RUN, phase="1-modules")
    other = against(f"{RUN}:4a-bpf-200", run)
    found = Superposition(run.history.snapshot(), other.snapshot)
    assert found.sums[Difference.SAME].areas > 400
    assert against(RUN, run).title == "amd64-7.2.13-kaslr"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "with what?"),
        ("kernel=6.12", "a recording is what it is"),
        ("step=999", "no step 999"),
        ("step=many", "is no number"),
        ("time=1", "no event here has a time"),
        ("phase=nowhere", "no phase or mark begins with"),
        ("step=1,phase=0", "one moment at a time"),
    ],
)
def test_what_means_nothing_to_a_recording_is_said(line: str, said: str) -> None:
    with pytest.raises(ExecmemTuiError, match=said):
        against(line, open_path(RUN))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("arch=vax", "vax"),
        ("fill=50", "fill is a knob of scenarios"),
        ("rox_cache", "No such file"),
        ("rox_cache=perhaps", "on or off"),
    ],
)
def test_what_means_nothing_to_a_simulation_is_said(line: str, said: str) -> None:
    with pytest.raises((ExecmemTuiError, OSError), match=said):
        against(line, open_booted("arm64"))

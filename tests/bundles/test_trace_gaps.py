"""Where events of a trace are missing: what follows is not certain, and what came before is."""

from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Final

import pytest

from execmem_tui.analysis.places import Place, place_of
from execmem_tui.analysis.trace_verify import TraceVerdict, verify_trace
from execmem_tui.bundles.trace_gaps import find_gaps, ring_buffers
from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.files.packed import read_lines
from execmem_tui.history import History
from execmem_tui.model.areas import AreaState
from execmem_tui.model.errors import InputError
from execmem_tui.sources.opening import open_path

TRACES: Final = Path(__file__).parents[1] / "data" / "traces"
LINES: Final = (
    "# tracer: nop",
    "  a b-1 [000] ..... 1.000000: module_load: x",
    "  c-2   [001] ..... 1.000001: module_load: y",
    "##### CPU 2 buffer started ####",
    "  c-2   [002] ..... 1.000002: module_load: z",
    "  a b-1 [000] ..... 1.000003: module_load: x",
    "CPU:1 [LOST 5 EVENTS]",
    "  c-2   [001] ..... 1.000004: module_load: y",
    "CPU:0 [LOST EVENTS]",
)


def _losses(*lines: str) -> list[tuple[int, int]]:
    return [(loss.after, loss.told) for loss in find_gaps(enumerate(lines, 1), {}).losses]


def test_events_were_lost_somewhere_behind_the_last_one_of_their_cpu() -> None:
    assert find_gaps(enumerate(LINES, 1), {}).begun == 4
    assert _losses(*LINES) == [(3, 7), (6, 9)]
    assert _losses(*LINES[:6]) == []
    assert _losses("CPU:3 [LOST 1 EVENTS]", *LINES)[0] == (0, 1)


def test_perf_tells_of_a_loss_on_a_line_that_looks_like_an_event() -> None:
    """It was taken for one, and what followed for certain."""
    events = ("  a 1 [000] 1.0: x: y", "  b 2 [001] 1.1: x: y", "  a 1 [000] 1.2: x: y")
    lost = "  a 1 [001] 1.3: PERF_RECORD_LOST lost 7"
    assert _losses(*events, lost) == [(2, 4)]
    assert _losses(*events, lost, lost) == [(2, 4), (4, 5)]
    assert _losses("  a 1 [002] 0.9: PERF_RECORD_LOST lost 7", *events) == [(0, 1)]
    # of which CPU is not said: of that which was not heard for longest
    assert _losses(*events, "PERF_RECORD_LOST lost 7") == [(2, 4)]
    assert _losses("PERF_RECORD_LOST_SAMPLES lost 7", *events) == [(0, 1)]


def test_a_buffer_that_overwrote_nothing_only_begins_late() -> None:
    assert find_gaps(enumerate(LINES, 1), {2: 0}).begun == 0
    assert find_gaps(enumerate(LINES, 1), {1: 0}).begun == 4


def test_counters_are_of_their_cpus(tmp_path: Path) -> None:
    def counted(*cpus: int, named: bool) -> str:
        heads = (f"# cpu{cpu}\n" if named else "" for cpu in cpus)
        return "".join(
            f"{head}entries: 5\noverrun: {cpu * 10}\ncommit overrun: 1\ndropped events: 2\n"
            for head, cpu in zip(heads, cpus, strict=True)
        )

    file = tmp_path / "trace_stats_final"
    assert ring_buffers(tmp_path).lost == 0
    file.write_text(counted(0, 10, 2, named=True))
    assert ring_buffers(tmp_path).overrun == {0: 0, 10: 100, 2: 20}
    assert ring_buffers(tmp_path).lost == 9
    # as a shell lists them: cpu0, cpu1, cpu10, cpu2 …
    file.write_text(counted(0, 1, 10, *range(2, 10), named=False))
    assert ring_buffers(tmp_path).overrun == {cpu: cpu * 10 for cpu in range(11)}


def _run(tmp_path: Path, lines: list[str], name: str = "armhf-6.12.107") -> Path:
    run = tmp_path / "run"
    copytree(TRACES / name, run, ignore=ignore_patterns("trace*"))
    (run / "trace.txt").write_text("\n".join(lines))
    return run


def _lines(name: str = "armhf-6.12.107") -> list[str]:
    return [text for _, text in read_lines(TRACES / name / "trace.txt.xz")]


def _found(verdict: TraceVerdict) -> tuple[int, int]:
    return verdict.found.certain, verdict.found.certain_exact


def test_nothing_is_certain_behind_lost_events_and_all_is_before(tmp_path: Path) -> None:
    lines = _lines()
    at = next(n for n, text in enumerate(lines) if "snapshot 5-churn2 end" in text)
    frees = [n for n, text in enumerate(lines) if n > at and "free_vmap_area" in text]
    cut = [*lines[: frees[0]], "CPU:0 [LOST 1 EVENTS]", *lines[frees[0] + 1 :]]
    verdict = verify_trace(_run(tmp_path, cut))
    certain, exact = _found(verdict)
    assert certain == exact
    assert 1000 < certain < verdict.found.checked.total() - 500
    assert verdict.found.checked["in doubt: events lost"] > 500
    assert verdict.unexplained == []
    assert verdict.wrong_loads == []


def test_what_was_lost_before_the_first_snapshot_makes_nothing_certain_up_to_it(
    tmp_path: Path,
) -> None:
    """An area whose allocation was lost looks as if it were there from the start."""
    lines = _lines()
    lost = next(n for n, text in enumerate(lines) if n > 20 and "alloc_vmap_area" in text)
    cut = [*lines[:lost], "CPU:0 [LOST 1 EVENTS]", *lines[lost + 1 :]]
    verdict = verify_trace(_run(tmp_path, cut))
    (doubt,) = verdict.run.doubts
    assert (doubt.line, None if doubt.ends is None else doubt.ends.name) == (0, "0-boot")
    certain, exact = _found(verdict)
    assert certain == exact == 2912
    assert verdict.unexplained == []
    # the same with nothing that could tell anew
    run = _run(tmp_path / "bare", [text for text in cut if "snapshot 0-boot" not in text])
    verdict = verify_trace(run)
    assert _found(verdict) == (0, 0)
    assert verdict.found.checked.total() > 3000


KASLR: Final = "amd64-7.2.13-kaslr"
TOLD: Final = "2e-kprobes-removed"
"""The only snapshot behind boot in the compact traces."""


def _with_a_loss(name: str, start: int, text: str) -> list[str]:
    """Return a trace without the lines from one up to a text."""
    lines = _lines(name)
    end = next(n for n, line in enumerate(lines) if text in line)
    assert end - start > 500
    return [*lines[:start], f"CPU:0 [LOST {end - start} EVENTS]", *lines[end:]]


def _ends(run: Path) -> list[str | None]:
    doubts = read_trace_run(run).doubts
    return [None if doubt.ends is None else doubt.ends.name for doubt in doubts]


@pytest.mark.parametrize("named", [True, False], ids=["run", "without meta.toml"])
def test_a_snapshot_behind_a_loss_tells_all_again(tmp_path: Path, *, named: bool) -> None:
    cut = _with_a_loss(KASLR, 2500, "snapshot 1-modules begin")
    run = _run(tmp_path, cut, KASLR)
    if not named:
        (run / "meta.toml").unlink()
    verdict = verify_trace(run)
    (doubt,) = verdict.run.doubts
    assert doubt.ends is not None
    assert doubt.ends.name == TOLD
    assert verdict.unexplained == []
    assert verdict.wrong_loads == []
    certain, exact = _found(verdict)
    behind = sum("alloc_vmap" in text for text in cut[doubt.ends.line :])
    assert certain == exact > behind // 2 > 500


def test_a_map_shows_that_events_are_missing_and_when_all_is_known_again(tmp_path: Path) -> None:
    cut = _with_a_loss(KASLR, 2500, "snapshot 1-modules begin")
    history = open_path(str(_run(tmp_path, cut, KASLR) / "trace.txt")).history
    whole = open_path(str(TRACES / KASLR / "trace.txt.xz")).history
    step, last = _step(history, "events are missing"), _step(history, "all is known again")
    hole = history.layout.vmalloc_end - 1
    places = [place_of(history.seek(at), hole) for at in (step - 1, step, last - 1, last)]
    assert places == [Place.HOLE, Place.UNKNOWN, Place.UNKNOWN, Place.HOLE]
    for text in ("5-churn2 end", "6a-removed end", "6b-final end"):
        assert _shown(history, text) == _shown(whole, text)
    assert _shown(history, "2d-kprobes-refilled end") != _shown(whole, "2d-kprobes-refilled end")


def _step(history: History, text: str) -> int:
    events = history.events(0, history.steps)
    return next(n for n, event in enumerate(events, 1) if text in event.text)


def _shown(history: History, text: str) -> set[tuple[int, int, AreaState]]:
    areas = history.seek(_step(history, text)).areas
    return {(area.start, area.end, area.state) for area in areas}


def test_of_pools_a_snapshot_tells_nothing(tmp_path: Path) -> None:
    name = "arm64-7.2.13-nokaslr"
    cut = _with_a_loss(name, 2500, f"snapshot {TOLD} begin")
    verdict = verify_trace(_run(tmp_path, cut, name))
    assert [doubt.ends and doubt.ends.name for doubt in verdict.run.doubts] == [TOLD]
    assert verdict.unexplained == []
    certain, exact = _found(verdict)
    assert certain == exact > 500
    assert verdict.found.unclaimed.total() > 500


@pytest.mark.parametrize("mark", ["begin", "end"])
def test_a_snapshot_within_a_loss_tells_nothing(tmp_path: Path, mark: str) -> None:
    """An event from when it was taken may be among the lost ones."""
    lines = _lines(KASLR)
    inside = next(n for n, text in enumerate(lines) if f"snapshot {TOLD} {mark}" in text)
    cut = [*lines[: inside + 1], "CPU:0 [LOST 1 EVENTS]", *lines[inside + 1 :]]
    assert _ends(_run(tmp_path, cut, KASLR)) == [None]


def test_losses_up_to_a_snapshot_are_one_doubt_and_later_ones_another(tmp_path: Path) -> None:
    cut: list[str] = []
    for text in _lines(KASLR):
        if "hash" in text or "phase 4" in text or "phase 5" in text or "phase 6" in text:
            cut.append("CPU:0 [LOST 1 EVENTS]")
        cut.append(text)
    run = read_trace_run(_run(tmp_path, cut, KASLR))
    boot, first, second = run.doubts
    assert boot.ends is not None
    assert boot.ends.name == "0-boot"
    assert second.ends is None
    assert first.ends is not None
    assert first.line < first.ends.line < second.line
    assert [first.holds(line) for line in (first.line, first.line + 1)] == [False, True]
    assert [first.holds(first.ends.line + more) for more in (0, 1)] == [True, False]
    assert second.holds(1 << 40)


def test_where_the_counters_alone_tell_of_a_loss_a_miss_is_not_a_fault(tmp_path: Path) -> None:
    lines = _lines()
    middle = next(
        n for n, text in enumerate(lines) if n > len(lines) // 2 and "free_vmap_area" in text
    )
    run = _run(tmp_path, [*lines[:middle], *lines[middle + 4 :]])
    assert verify_trace(run).unexplained != []
    (run / "trace_stats_final").write_text("overrun: 0\ncommit overrun: 0\ndropped events: 4\n")
    verdict = verify_trace(run)
    assert verdict.unexplained == []
    assert verdict.wrong_loads == []
    assert "events were lost, and it is not known where" in verdict.document()["causes"]
    # as they may have been lost anywhere, no answer is certain
    assert verdict.found.checked.total() > 1000
    assert _found(verdict) == (0, 0)
    history = open_path(str(run / "trace.txt")).history
    first = history.seek(history.first_step + 1)
    assert place_of(first, first.layout.vmalloc_end - 1) is Place.UNKNOWN


def test_a_replay_begins_where_no_cpu_lacks_events(tmp_path: Path) -> None:
    """CPU 1 overwrote what it had before a snapshot; CPU 0 kept everything."""
    lines = _lines("arm64-7.2.13-nokaslr")
    started = next(n for n, text in enumerate(lines) if "snapshot 2e-kprobes-removed" in text)
    left = [text for n, text in enumerate(lines) if n > started or "[001]" not in text]
    assert len(lines) - len(left) > 1000
    place = next(n for n, text in enumerate(left) if text == lines[started + 1])
    left.insert(place, "##### CPU 1 buffer started ####")
    run = _run(tmp_path, left, "arm64-7.2.13-nokaslr")
    verdict = verify_trace(run)
    assert verdict.run.begins.name == "2e-kprobes-removed"
    assert verdict.run.marks["2e-kprobes-removed"]["begin"] > place
    assert verdict.unexplained == []
    certain, exact = _found(verdict)
    assert certain == exact > 500
    # the counters of the ring buffers say that it overwrote nothing: then it had nothing before
    (run / "trace_stats_final").write_text("overrun: 0\noverrun: 0\n")
    assert read_trace_run(run).begins.from_boot


def test_a_snapshot_before_which_events_were_overwritten_is_no_beginning(tmp_path: Path) -> None:
    lines = _lines()
    middle = len(lines) // 2
    run = _run(tmp_path, [*lines[:middle], "##### CPU 1 buffer started ####", *lines[middle:]])
    with pytest.raises(InputError, match="events after the snapshot 0-boot were overwritten"):
        read_trace_run(run, "0-boot")
    verdict = verify_trace(run)
    assert not verdict.run.begins.name
    assert verdict.found.checked.total() == 0

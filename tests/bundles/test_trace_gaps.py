"""Where events of a trace are missing: what follows is not certain, and what came before is."""

from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Final

import pytest

from execmem_tui.analysis.trace_verify import TraceVerdict, verify_trace
from execmem_tui.bundles.trace_gaps import Gaps, find_gaps, ring_buffers
from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.files.packed import read_lines
from execmem_tui.model.errors import InputError

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


def test_events_were_lost_somewhere_behind_the_last_one_of_their_cpu() -> None:
    assert find_gaps(enumerate(LINES, 1), {}) == Gaps(begun=4, doubt=3)
    assert find_gaps(enumerate(LINES[:6], 1), {}).doubt is None
    assert find_gaps(enumerate(("CPU:3 [LOST 1 EVENTS]", *LINES), 1), {}).doubt == 0
    perf = ("  a-1 [000] 1.0: x: y", "PERF_RECORD_LOST lost 7")
    assert find_gaps(enumerate(perf, 1), {}).doubt == 2


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


def test_what_was_lost_before_the_first_snapshot_makes_nothing_certain(tmp_path: Path) -> None:
    """An area whose allocation was lost looks as if it were there from the start."""
    lines = _lines()
    lost = next(n for n, text in enumerate(lines) if n > 20 and "alloc_vmap_area" in text)
    cut = [*lines[:lost], "CPU:0 [LOST 1 EVENTS]", *lines[lost + 1 :]]
    verdict = verify_trace(_run(tmp_path, cut))
    assert _found(verdict) == (0, 0)
    assert verdict.found.checked.total() > 3000


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

"""Real traces replayed: the bar of exactness, class by class, and that wrong rules are told."""

from collections import Counter
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import IO

import pytest

from execmem_tui.analysis import wrong_rules
from execmem_tui.analysis.trace_verify import TraceVerdict, replay_run, verify_trace
from execmem_tui.analysis.wrong_rules import self_test
from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.cli.main import main
from execmem_tui.files import packed, regular
from execmem_tui.files.packed import read_lines
from execmem_tui.model.errors import InputError
from execmem_tui.replay.model import make_replay
from tests.benchmarks.long_trace import write_run

TRACES = Path(__file__).parent.parent / "data" / "traces"


@pytest.mark.parametrize(
    ("run", "checked"),
    [("amd64-7.2.13-kaslr", 3906), ("armhf-6.12.107", 3362), ("i386-6.1", 2505)],
)
def test_one_cpu_is_exact(run: str, checked: int) -> None:
    verdict = verify_trace(TRACES / run)
    assert verdict.found.checked.total() == verdict.found.exact.total() == checked
    assert verdict.run.begins.name == ("0-boot" if run == "i386-6.1" else "boot")


@pytest.fixture(scope="module")
def two_cpus() -> TraceVerdict:
    return verify_trace(TRACES / "arm64-7.2.13-nokaslr")


def test_two_cpus_miss_only_what_the_shrinker_did(two_cpus: TraceVerdict) -> None:
    assert [miss.cause for miss in two_cpus.found.misses] == ["pools emptied by the shrinker"]
    assert two_cpus.found.certain == two_cpus.found.certain_exact
    assert two_cpus.unexplained == []


def test_the_document_counts_classes_and_windows(two_cpus: TraceVerdict) -> None:
    document = two_cpus.document()
    assert document["classes"]["module window"] == {"checked": 2660, "exact": 2660}
    assert (
        sum(entry["checked"] for entry in document["windows"].values())
        == document["checked"]
        == 5701
    )
    assert document["first_difference"]["expected"] == "0xffff800082f40000"


def test_from_a_snapshot_pools_are_unknown_and_modules_exact() -> None:
    verdict = verify_trace(TRACES / "arm64-7.2.13-nokaslr", "2e-kprobes-removed")
    assert verdict.found.unclaimed == {"pools unknown": 2727}
    assert dict(verdict.found.checked) == {"module window": 2040}
    assert verdict.found.exact == verdict.found.checked


def test_from_a_snapshot_with_one_node_all_is_claimed() -> None:
    verdict = verify_trace(TRACES / "amd64-7.2.13-kaslr", "2e-kprobes-removed")
    assert verdict.found.exact == verdict.found.checked
    assert verdict.found.checked["vmalloc page tree"] == 1730


def test_a_snapshot_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no snapshot nowhere"):
        verify_trace(TRACES / "i386-6.1", "nowhere")


def test_wrong_rules_are_told() -> None:
    rules = {rule.name: rule for rule in self_test(TRACES / "amd64-7.2.13-kaslr")}
    wrong = {name: rule.wrong for name, rule in rules.items() if rule.wrong and ":" not in name}
    told = {"padded areas only": 41, "ascending give-back": 74, "a split keeps the left part": 54}
    assert {name: wrong[name] for name in told} == told
    # those that are wrong wherever one looks are given up once they are told
    assert wrong.keys() - told.keys() == {"first fit alone", "no guard page"}
    assert all(100 <= wrong[name] < 200 for name in wrong.keys() - told.keys())
    assert "module window" in rules["no guard page"].classes


@pytest.mark.parametrize(
    ("checked", "missed", "said"),
    [(10, 5, "right rules miss 5 of 10"), (11, 5, ""), (0, 0, "nothing in it is checked")],
)
def test_no_wrong_rule_is_told_where_the_right_ones_miss_half(
    monkeypatch: pytest.MonkeyPatch, checked: int, missed: int, said: str
) -> None:
    """Nine replays of a trace that is all misses took a quarter of a minute."""

    class Found:
        def __init__(self) -> None:
            self.checked = Counter({"module window": checked})
            self.misses = [Missed()] * missed

    class Missed:
        kind = "module window"

    monkeypatch.setattr(wrong_rules, "replay_run", lambda *_, **__: Found())
    if said:
        with pytest.raises(InputError, match=said):
            self_test(TRACES / "armhf-6.12.107")
    else:
        assert len(self_test(TRACES / "armhf-6.12.107")) > 5


def test_the_first_difference_shows_both_states_around_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [text for _, text in read_lines(TRACES / "armhf-6.12.107" / "trace.txt.xz")]
    at = next(n for n, text in enumerate(lines) if "vstart=0xbf000000" in text)
    before, _, rest = lines[at].partition("va_start: ")
    address, _, rest = rest.partition(" ")
    lines[at] = f"{before}va_start: {int(address) + 4096} {rest}"
    (tmp_path / "trace.txt").write_text("\n".join(lines[: at + 1]))
    (tmp_path / "meta.toml").write_text((TRACES / "armhf-6.12.107" / "meta.toml").read_text())
    verdict = verify_trace(tmp_path)
    (miss,) = verdict.certain_wrong
    assert (miss.line, miss.kind, miss.robust) == (at + 1, "module window", True)
    assert main(["verify", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    first = verdict.document()["first_difference"]
    for name in ("expected", "predicted"):
        near, at = first[f"around_{name}"], int(first[name], 16)
        starts = [int(place["start"], 16) for place in near]
        assert starts == sorted(starts)
        assert 3 <= len(near) <= 7
        # both lie in the same free area: the address was moved up by a page
        assert [
            place["state"]
            for place in near
            if int(place["start"], 16) <= at < int(place["end"], 16)
        ] == ["free"]
        assert f"AROUND THE {name.upper()}" in shown
        assert all(f"{place['start']}" in shown for place in near)


def test_a_trace_of_which_nothing_is_known_claims_nothing(tmp_path: Path) -> None:
    lines = [text for _, text in read_lines(TRACES / "armhf-6.12.107" / "trace.txt.xz")]
    late = [text for text in lines if "alloc_vmap_area" in text][500:600]
    (tmp_path / "trace.txt").write_text("\n".join(late))
    verdict = verify_trace(tmp_path / "trace.txt")
    assert verdict.found.checked.total() == 0
    assert verdict.found.unclaimed == {"state before the trace unknown": 100}


def test_lost_events_are_stated_and_explain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [text for _, text in read_lines(TRACES / "armhf-6.12.107" / "trace.txt.xz")]
    frees = [n for n, text in enumerate(lines) if "vmap_area" in text]
    cut = [*lines[: frees[3000]], "CPU:0 [LOST 400 EVENTS]", *lines[frees[3400] : frees[3800]]]
    run = tmp_path / "run"
    copytree(TRACES / "armhf-6.12.107", run, ignore=ignore_patterns("trace*"))
    (run / "trace.txt").write_text("\n".join(cut))
    verdict = verify_trace(run)
    assert verdict.document()["lost_events"] == 400
    assert {miss.cause for miss in verdict.found.misses} == {"events were lost before it"}
    assert main(["verify", str(run)]) == 0
    assert "lost 400 events" in capsys.readouterr().err


def test_a_trace_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[str] = Counter()
    open_file = regular.open_file

    def counted(path: Path) -> IO[bytes]:
        opened[path.name] += 1
        return open_file(path)

    monkeypatch.setattr(packed, "open_file", counted)
    verify_trace(TRACES / "amd64-7.2.13-kaslr")
    assert opened["trace.txt.xz"] == 2


def test_a_marker_that_looks_like_an_allocation_is_none(tmp_path: Path) -> None:
    lines = [text for _, text in read_lines(TRACES / "armhf-6.12.107" / "trace.txt.xz")]
    at = next(n for n, text in enumerate(lines) if "vmap_area" in text)
    head, _, event = lines[at].partition(": alloc_vmap_area: ")
    fake = event.replace("vend=0x", "vend=0xff")
    lines[at:at] = [
        f"{head}: tracing_mark_write: alloc_vmap_area: {text}" for text in (event, fake)
    ]
    run = tmp_path / "run"
    copytree(TRACES / "armhf-6.12.107", run, ignore=ignore_patterns("trace*"))
    (run / "trace.txt").write_text("\n".join(lines))
    verdict = verify_trace(run)
    assert verdict.run.windows == verify_trace(TRACES / "armhf-6.12.107").run.windows
    assert verdict.found.exact.total() == verdict.found.checked.total() == 3362


def test_a_long_trace_is_exact_and_forgets_what_is_over(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_run(run, "arm64-7.2.13-nokaslr", 30_000)
    found = read_trace_run(run)
    replay = make_replay(found)
    replay_run(found, replay)
    assert replay.results.misses == []
    assert replay.results.checked["vmalloc page pool"] > 500
    lazy = {area.start for area in replay.vmalloc.lazy()}
    assert set(replay._freed_at) <= lazy
    ahead = replay._ahead
    assert not any((ahead.events, ahead.purges, ahead.allocations, ahead.frees, ahead.short))
    assert replay.moved is None  # nobody looks, so nothing is kept

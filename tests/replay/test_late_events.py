"""Events come later than what they tell, and those of other CPUs get in between."""

from collections import Counter
from pathlib import Path
from random import Random
from shutil import copytree, ignore_patterns
from typing import Final

import pytest

from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.files.packed import read_lines
from execmem_tui.mm.vmalloc import Vmalloc
from execmem_tui.model.areas import AreaState
from execmem_tui.model.errors import InputError
from execmem_tui.model.intervals import Interval
from execmem_tui.model.rules import rules_of
from execmem_tui.replay import trials
from execmem_tui.replay.model import Replay
from execmem_tui.replay.results import Cause
from execmem_tui.sources.opening import open_path
from tests.changed_traces import late_frees, swapped
from tests.replay.test_bounds import END, PAGE, START, alloc, events

TRACES: Final = Path(__file__).parents[1] / "data" / "traces"
NOTHING: Final = "purge_vmap_area_lazy: start=0xffffffffffffffff end=0x0 num_purged=0"


def free(start: int) -> str:
    return f"free_vmap_area_noflush: va_start=0x{start:x} nr_lazy=2 nr_lazy_max=8192"


def purge(start: int, end: int, count: int) -> str:
    return f"purge_vmap_area_lazy: start=0x{start:x} end=0x{end:x} num_purged={count}"


def replayed(lines: list[str], *, unseen_lazy: bool = False) -> Replay:
    replay = Replay(
        rules=rules_of("6.12.107"),
        page_size=PAGE,
        window=(START, END),
        cpus=1,
        unseen_lazy=unseen_lazy,
    )
    replay.run(events(lines))
    return replay


def causes(replay: Replay) -> list[Cause | None]:
    return [miss.cause for miss in replay.results.misses]


def test_an_allocation_may_be_told_after_one_that_came_later() -> None:
    first, second = START, START + 2 * PAGE
    replay = replayed([f"a-1|{alloc(second, 3 * PAGE)}", f"b-2|{alloc(first, 2 * PAGE)}"])
    assert causes(replay) == [Cause.OVERTAKEN]
    assert replay.results.exact.total() == 1
    assert sorted(replay.vmalloc.busy) == [first, second]


def test_an_address_that_no_machine_has_is_bad_input_ahead_of_a_miss_too() -> None:
    """What explains a miss looks at what follows: it met the address before its own check did."""
    low, high = 0xF080_0000, 0xFF80_0000
    replay = Replay(
        rules=rules_of("6.12.107"), page_size=PAGE, window=(low, high), cpus=1, word_bits=32
    )
    lines = [
        f"a-1|{alloc(low + 2 * PAGE, 3 * PAGE, 0, low, high)}",
        f"b-2|{alloc(low, 2 * PAGE, 0, low, high)}",
        f"c-3|{alloc(1 << 32, PAGE, 0, low, high)}",
    ]
    with pytest.raises(InputError, match="trace:3: an area at 100000000, on a machine of 32 bits"):
        replay.run(events(lines))


TOLD: Final = "module_get: x call_site=y refcnt=1"


def test_an_allocation_of_the_very_place_may_be_told_much_later() -> None:
    """But not behind something else that its task tells."""
    first, second = START, START + 2 * PAGE
    lines = [f"a-1|{alloc(second, 3 * PAGE)}", *[f"a-1|{TOLD}"] * 12]
    late = f"b-2|{alloc(first, 2 * PAGE)}"
    assert causes(replayed([*lines, late])) == [Cause.OVERTAKEN]
    assert causes(replayed([*lines, f"b-2|{TOLD}", late])) == [None]


@pytest.mark.parametrize(("later", "cause"), [(0, Cause.OVERTAKEN), (0.001, None)])
def test_what_has_one_time_stands_in_the_order_of_the_cpus(
    later: float, cause: Cause | None
) -> None:
    """A lagging clock prints the newest time of all (trace_clock_global): no line comes first."""
    lines = [
        f"a-1|{alloc(START + 2 * PAGE, 3 * PAGE)}",
        f"b-2|{TOLD}",
        f"b-2|{alloc(START, 2 * PAGE)}",
    ]
    at = [1.0, 1.0 + later, 1.0 + later]
    found = [
        (kind, number, place, f"{seconds:.6f}", start, more)
        for (kind, number, place, _, start, more), seconds in zip(events(lines), at, strict=True)
    ]
    replay = replayed([])
    replay.run(found)
    assert causes(replay) == [cause]


def test_the_same_task_overtakes_itself_never() -> None:
    lines = [f"a-1|{alloc(START + 2 * PAGE, 3 * PAGE)}", f"a-1|{alloc(START, 2 * PAGE)}"]
    assert causes(replayed(lines)) == [None]


def test_an_allocation_may_be_told_after_the_purge_that_it_came_before() -> None:
    lines = [
        f"a-1|{alloc(START, 2 * PAGE)}",
        f"a-1|{alloc(START + 2 * PAGE, 2 * PAGE)}",
        f"a-1|{free(START)}",
        f"a-1|{purge(START, START + 2 * PAGE, 1)}",
        f"b-2|{alloc(START + 4 * PAGE, 2 * PAGE)}",
        f"b-2|{alloc(START, 2 * PAGE)}",
    ]
    replay = replayed(lines)
    assert causes(replay) == [Cause.BEFORE_PURGE]
    assert list(replay.vmalloc.busy) == [START + 2 * PAGE, START + 4 * PAGE, START]


def test_what_was_tried_in_vain_leaves_the_last_purge_what_it_was() -> None:
    """Trying the purge that comes next made it the last one, and nothing came before that."""
    lines = [
        f"a-1|{alloc(START, 2 * PAGE)}",
        f"a-1|{alloc(START + 2 * PAGE, 2 * PAGE)}",
        f"a-1|{free(START)}",
        f"a-1|{purge(START, START + 2 * PAGE, 1)}",
        f"b-2|{alloc(START + 4 * PAGE, 2 * PAGE)}",
        f"c-3|{free(START + 2 * PAGE)}",
        f"b-2|{purge(START + 2 * PAGE, START + 4 * PAGE, 1)}",
        f"b-2|{alloc(START, 4 * PAGE)}",
    ]
    assert causes(replayed(lines)) == [Cause.BEFORE_PURGE]


def test_what_nobody_saw_freed_is_passed_over_up_to_the_first_purge() -> None:
    """Probes on 6.1 were made after the snapshot: stacks of the tasks that made them were lazy."""
    seen = START + 5 * PAGE
    lines = [
        f"a-1|{alloc(seen, 2 * PAGE)}",
        f"b-2|{alloc(seen + 2 * PAGE, PAGE)}",
        f"b-2|{purge(START, seen, 1)}",
        f"b-2|{alloc(START, 2 * PAGE)}",
    ]
    replay = replayed(lines, unseen_lazy=True)
    assert causes(replay) == [Cause.UNSEEN]
    assert replay.results.exact.total() == 2
    # with events from before the snapshot on, it is a fault of the model
    assert causes(replayed(lines))[0] is None
    # and behind a purge nothing is lazy that nobody saw
    late = [lines[2], *lines[:2]]
    assert causes(replayed(late, unseen_lazy=True))[0] is None


def test_nothing_unseen_explains_an_address_below_the_predicted_one() -> None:
    lines = [f"a-1|{alloc(START, 2 * PAGE)}", f"b-2|{alloc(START, PAGE)}"]
    assert causes(replayed(lines, unseen_lazy=True)) == [None]


LATE: Final = [
    f"a-1|{alloc(START, 2 * PAGE)}",
    f"a-1|{alloc(START + 2 * PAGE, 2 * PAGE)}",
    # the area at START was freed, by c-3, before this purge
    f"a-1|{purge(START, START + 2 * PAGE, 1)}",
]


def test_a_free_that_is_told_behind_its_purge_leaves_nothing_lazy() -> None:
    replay = replayed([*LATE, f"c-3|{free(START)}", f"a-1|{NOTHING}"])
    assert list(replay.vmalloc.lazy()) == []
    replay = replayed([*LATE, f"c-3|{free(START)}", f"b-2|{alloc(START, 2 * PAGE)}"])
    assert causes(replay) == [Cause.LATE_FREE]  # no purge settled it yet
    assert list(replay.vmalloc.lazy()) == []


def test_what_a_purge_counts_comes_before_what_waits_for_it() -> None:
    """One free is told behind its purge, another area is freed: the next purge counts one of
    them."""
    other = START + 2 * PAGE
    lines = [*LATE, f"c-3|{free(START)}", f"a-1|{free(other)}"]
    lines += [f"a-1|{purge(other, other + 2 * PAGE, 1)}"]
    replay = replayed(lines)
    assert list(replay.vmalloc.lazy()) == []
    assert causes(replayed([*lines, f"b-2|{alloc(START, 4 * PAGE)}"])) == []


def test_a_free_may_be_told_when_its_area_is_somebody_elses() -> None:
    replay = replayed([*LATE, f"b-2|{alloc(START, 2 * PAGE)}", f"c-3|{free(START)}"])
    assert causes(replay) == [Cause.LATE_FREE]
    assert sorted(replay.vmalloc.busy) == [START, START + 2 * PAGE]
    assert replay.results.unknown_frees == 0


def test_free_and_purge_may_both_be_told_late() -> None:
    lines = [*LATE[:2], f"b-2|{alloc(START, 2 * PAGE)}", f"c-3|{free(START)}", LATE[2]]
    replay = replayed(lines)
    assert causes(replay) == [Cause.LATE_FREE]
    assert sorted(replay.vmalloc.busy) == [START, START + 2 * PAGE]
    assert list(replay.vmalloc.lazy()) == []


def test_the_map_keeps_an_area_whose_place_is_freed_late(tmp_path: Path) -> None:
    lines = [*LATE, f"b-2|{alloc(START, 2 * PAGE)}", f"c-3|{free(START)}"]
    text = [
        f"  {task} [000] .....  {1 + n / 1000:.6f}: {rest}"
        for n, (task, rest) in enumerate(line.split("|") for line in lines)
    ]
    (tmp_path / "trace.txt").write_text("# tracer: nop\n#\n" + "\n".join(text))
    history = open_path(str(tmp_path / "trace.txt")).history
    area = history.snapshot().area_at(START)
    assert area is not None
    assert area.state is AreaState.LIVE
    *_, last = history.events(0, history.steps)
    assert last.text == f"free of {START:x}: a purge gave it back before"


def test_allocations_that_change_places_explain_each_other(tmp_path: Path) -> None:
    run, lines = _run(tmp_path, "amd64-7.2.13-kaslr")
    told, done = swapped(lines, Random(1), 1, lambda *names: set(names) == {"alloc_vmap_area"})
    assert done == 3
    (run / "trace.txt").write_text("\n".join(told))
    verdict = verify_trace(run)
    assert verdict.unexplained == []
    assert verdict.document()["causes"] == {Cause.OVERTAKEN: 3}


@pytest.mark.parametrize("name", ["arm64-7.2.13-nokaslr", "amd64-7.2.13-kaslr"])
def test_neighbours_that_change_places_change_nothing_that_lasts(tmp_path: Path, name: str) -> None:
    run, lines = _run(tmp_path, name)
    (run / "trace.txt").write_text("\n".join(lines))
    there = _areas(run)
    for told, done in (
        swapped(lines, Random(1), 0.5),
        late_frees(lines, Random(1), 0.3, 1),
        late_frees(lines, Random(1), 0.3, 4),
    ):
        assert done > 40
        (run / "trace.txt").write_text("\n".join(told))
        assert _areas(run) == there


@pytest.mark.parametrize(("by", "at_most"), [(1, 0), (2, 2), (4, 12)])
def test_frees_that_are_told_late_are_found_out(tmp_path: Path, by: int, at_most: int) -> None:
    """Before they were, one of them could make a hundred predictions differ."""
    run, lines = _run(tmp_path, "arm64-7.2.13-nokaslr")
    told, done = late_frees(lines, Random(1), 0.3, by)
    assert done > 100
    (run / "trace.txt").write_text("\n".join(told))
    assert len(verify_trace(run).unexplained) <= at_most


def _run(tmp_path: Path, name: str) -> tuple[Path, list[str]]:
    source, run = TRACES / name, tmp_path / "run"
    copytree(source, run, ignore=ignore_patterns("trace*", "kernel_state*"))
    return run, [text for _, text in read_lines(source / "trace.txt.xz")]


def _areas(run: Path) -> Counter[tuple[Interval, AreaState]]:
    areas = open_path(str(run / "trace.txt")).history.snapshot().areas
    return Counter(((area.start, area.end), area.state) for area in areas)


def test_causes_are_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace of another kernel misses everywhere, and each look copies the model."""
    monkeypatch.setattr(trials, "_IN_VAIN", 2)
    asked = Counter[str]()
    clone = Vmalloc.clone

    def counted(self: Vmalloc) -> Vmalloc:
        asked["clone"] += 1
        return clone(self)

    monkeypatch.setattr(Vmalloc, "clone", counted)
    lines = [f"a-1|{alloc(START + (9 - n) * 8 * PAGE, 2 * PAGE)}" for n in range(9)]
    few = replayed(lines[:2])
    looked, before = asked["clone"], len(few.results.misses)
    assert before == 2
    assert causes(replayed(lines)) == [None] * 9
    assert asked["clone"] == 2 * looked

"""Purges that a kprobe tells as they begin (6.1): other CPUs go on before they give back."""

from collections.abc import Iterable
from typing import Final

import pytest

from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import EVERYTHING, Purge, event_of
from execmem_tui.mm.vmap_node import VmapArea
from execmem_tui.model.rules import rules_of
from execmem_tui.replay import state
from execmem_tui.replay.model import Replay
from execmem_tui.replay.results import Cause
from execmem_tui.replay.unseen import Unseen
from tests.replay.test_bounds import END, PAGE, START, alloc
from tests.replay.test_late_events import free

SIZE: Final = 2 * PAGE
PLACES: Final = [START + number * SIZE for number in range(5)]
HIGH: Final = START + 5 * SIZE
"""Behind all that is allocated."""
TOLD: Final = "module_put: x call_site=y refcnt=1"
BEGINS: Final = "purge begins"
EITHER: Final = "vmalloc page, one of two beside a purge"
BUSY: Final = [f"a-1|{alloc(place, SIZE)}" for place in PLACES]
BEGUN: Final = [*BUSY, f"a-1|{free(PLACES[1])}", f"c-3|{BEGINS}"]


def replay_of(lines: list[str], wait: float = 0) -> Replay:
    """Replay lines that are a millisecond apart, the last one `wait` seconds more."""
    events = []
    for number, line in enumerate(lines, 1):
        task, _, rest = line.partition("|")
        time = 1 + number / 1000 + wait * (number == len(lines))
        if rest == BEGINS:
            events.append(event_of(Purge(number, time, task, 0, 0, 0, EVERYTHING)))
            continue
        text = f"  {task} [000] .....  {time:.6f}: {rest}"
        events += map(event_of, parse_trace("t", [(number, text)]))
    replay = Replay(rules=rules_of("6.1.0"), page_size=PAGE, window=(START, END), cpus=1)
    replay.run(events)
    return replay


def causes(replay: Replay) -> list[Cause | None]:
    return [miss.cause for miss in replay.results.misses]


def uncertain(replay: Replay) -> int:
    results = replay.results
    assert results.certain == results.certain_exact
    return results.checked.total() - results.certain


def lazy(replay: Replay) -> list[int]:
    return [area.start for area in replay.vmalloc.lazy()]


@pytest.mark.parametrize("at", [HIGH, PLACES[1]])
def test_there_are_two_answers_and_either_is_right(at: int) -> None:
    replay = replay_of([*BEGUN, f"b-2|{alloc(at, SIZE)}"])
    assert causes(replay) == []
    assert uncertain(replay) == 1
    assert replay.results.checked[EITHER] == 1
    assert lazy(replay) == [PLACES[1]] * (at == HIGH)
    # the map shows the next one as this one was
    assert (replay._ends_soon > 0) == (at == PLACES[1])


def test_a_third_answer_is_a_miss() -> None:
    replay = replay_of([*BEGUN, f"b-2|{alloc(HIGH + SIZE, SIZE)}"])
    assert causes(replay) == [None]
    assert replay.results.checked == {"vmalloc page tree": 1 + len(PLACES)}
    assert replay._ends_soon == 1


def test_a_part_of_it_may_answer_what_neither_none_nor_all_of_it_does() -> None:
    """An aligned request takes another hole of a tree of another shape."""
    sizes = [pages * PAGE for pages in (3, 4, 3, 3, 2, 5, 4)]
    places = [START + sum(sizes[:number]) for number in range(len(sizes))]
    lines = [f"a-1|{alloc(*each)}" for each in zip(places, sizes, strict=True)]
    lines += [*(f"a-1|{free(places[number])}" for number in (5, 3)), f"c-3|{BEGINS}", f"c-3|{TOLD}"]
    lines += [*(f"a-1|{free(places[number])}" for number in (1, 4, 2)), f"c-3|{BEGINS}"]
    found = {}
    for at in (8, 16, 24):
        asked = alloc(START + at * PAGE, 4 * PAGE).replace("align=1", "align=32768")
        found[at] = causes(replay_of([*lines, f"b-2|{asked}"]))
    assert found == {8: [], 16: [Cause.PART], 24: []}


def test_what_it_cannot_change_is_certain() -> None:
    assert uncertain(replay_of([*BEGUN, f"b-2|{alloc(HIGH, 2 * SIZE)}"])) == 0


@pytest.mark.parametrize("over", [f"c-3|{TOLD}", f"d-4|{BEGINS}"], ids=["task", "purge"])
def test_it_is_over_once_its_task_goes_on_or_the_next_begins(over: str) -> None:
    """Purges take turns (vmap_purge_lock)."""
    replay = replay_of(
        [*BEGUN, over, f"d-4|{TOLD}", f"b-2|{TOLD}", f"b-2|{alloc(PLACES[1], SIZE)}"]
    )
    assert causes(replay) == []
    assert uncertain(replay) == 0


def test_it_does_not_last_for_ever() -> None:
    """Nothing else may be told of its task: the map shows at last that it is over."""
    lines = [*BEGUN, f"b-2|{TOLD}"]
    assert lazy(replay_of(lines)) == [PLACES[1]]
    assert lazy(replay_of(lines, wait=0.6)) == []


def test_what_is_freed_after_it_began_is_not_of_it() -> None:
    replay = replay_of([*BEGUN, f"a-1|{free(PLACES[3])}", f"c-3|{TOLD}"])
    assert lazy(replay) == [PLACES[3]]


def test_it_gives_back_one_after_the_other() -> None:
    """From the lowest on, and may be scheduled away in between."""
    lines = [*BUSY, *(f"a-1|{free(PLACES[number])}" for number in (3, 1)), f"c-3|{BEGINS}"]
    lines += [f"b-2|{alloc(at, SIZE)}" for at in (PLACES[1], HIGH)]
    replay = replay_of(lines)
    assert (causes(replay), uncertain(replay)) == ([], 2)
    assert lazy(replay) == [PLACES[3]]


def test_neighbours_are_given_back_in_one_go() -> None:
    """They are one area in the list of what is lazy."""
    lines = [*BUSY, *(f"a-1|{free(PLACES[number])}" for number in (1, 2, 4)), f"c-3|{BEGINS}"]
    lines += [f"b-2|{alloc(at, SIZE)}" for at in PLACES[1:3]]
    replay = replay_of(lines)
    assert causes(replay) == []
    assert lazy(replay) == [PLACES[4]]


def test_what_was_allocated_since_is_not_of_it_any_more() -> None:
    lines = [*BUSY, *(f"a-1|{free(PLACES[number])}" for number in (1, 3)), f"c-3|{BEGINS}"]
    # the kernel had given it back, the model had not
    lines += [f"b-2|{alloc(PLACES[3], SIZE)}", f"b-2|{free(PLACES[3])}", f"c-3|{TOLD}"]
    replay = replay_of(lines)
    assert lazy(replay) == [PLACES[3]]


@pytest.mark.parametrize("begun", [True, False])
def test_it_may_take_what_was_freed_behind_its_line(begun: bool) -> None:
    """The kprobe sees the call, the list is taken a moment later."""
    lines = [*BUSY, *[f"a-1|{free(PLACES[1])}"] * begun, f"c-3|{BEGINS}"]
    lines += [f"a-1|{free(PLACES[number])}" for number in (2, 4)]
    places = [PLACES[1], PLACES[2], HIGH] if begun else [PLACES[2], HIGH]
    lines += [f"b-2|{alloc(at, SIZE)}" for at in places]
    replay = replay_of(lines)
    assert causes(replay) == [Cause.LATE_FREE]
    assert lazy(replay) == [PLACES[4]]


def test_it_does_not_take_what_was_freed_once_its_task_went_on() -> None:
    lines = [*BUSY, f"c-3|{BEGINS}", f"c-3|{TOLD}", f"a-1|{free(PLACES[2])}"]
    assert causes(replay_of([*lines, f"b-2|{alloc(PLACES[2], SIZE)}"])) == [None]


@pytest.mark.parametrize("late", [True, False])
def test_a_request_may_be_told_behind_several_purges(late: bool) -> None:
    lines = [f"b-2|{TOLD}"] * late
    for number in (1, 3):
        lines += [f"a-1|{free(PLACES[number])}", f"c-3|{BEGINS}", f"c-3|{TOLD}"]
    lines += [f"b-2|{TOLD}"] * (not late)
    replay = replay_of([*BUSY, *lines, f"b-2|{alloc(HIGH, SIZE)}"])
    assert causes(replay) == [Cause.BEFORE_PURGE if late else None]


@pytest.mark.parametrize("late", [True, False])
def test_it_may_miss_what_was_told_to_be_freed_before_it(late: bool) -> None:
    """The kprobe sees the call of the free, the area is lazy a moment later."""
    lines = [*BUSY, f"a-1|{free(PLACES[1])}", *[f"a-1|{TOLD}"] * (not late)]
    lines += [f"c-3|{BEGINS}", f"c-3|{TOLD}", f"a-1|{TOLD}"]
    lines += [f"b-2|{TOLD}", f"b-2|{alloc(HIGH, SIZE)}"]
    replay = replay_of(lines)
    assert causes(replay) == [Cause.MISSED if late else None]
    assert lazy(replay) == [PLACES[1]] * late
    # the next purge takes it
    lines += [f"c-3|{BEGINS}", f"c-3|{TOLD}"]
    assert lazy(replay_of(lines)) == []


@pytest.mark.parametrize(("freed", "unsure"), [(2, 1), (1, 0)])
def test_the_shape_that_it_leaves_is_not_certain(freed: int, unsure: int) -> None:
    """An aligned request passes over a hole that would do, or takes it, as the tree has it."""
    at = START + 12 * PAGE  # the third place is aligned, the second is not
    aligned = alloc(at, SIZE).replace("align=1", "align=16384")
    lines = [*BUSY, f"a-1|{free(PLACES[freed])}", f"c-3|{BEGINS}", f"b-2|{aligned}"]
    replay = replay_of(lines)
    assert causes(replay) == []
    assert uncertain(replay) == unsure


def test_what_lies_below_an_answer_is_given_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's trace may have any number of areas there: one step for all, one for the place
    itself."""
    steps: list[list[int]] = []
    give = Unseen._give_back_some

    def counted(self: Unseen, areas: Iterable[VmapArea], line: int) -> None:
        areas = list(areas)
        steps.append([area.start for area in areas])
        give(self, areas, line)

    monkeypatch.setattr(Unseen, "_give_back_some", counted)
    places = [START + number * SIZE for number in range(40)]
    busy = [f"a-1|{alloc(place, SIZE)}" for place in places]
    large = f"a-1|{alloc(places[-1] + SIZE, 2 * SIZE)}"
    freed = [f"a-1|{free(place)}" for place in (*places[::2], places[-1] + SIZE)]
    high = f"a-1|{alloc(places[-1] + 3 * SIZE, SIZE)}"
    above = f"a-1|{free(places[-1] + 3 * SIZE)}"
    asked = f"b-2|{alloc(places[-1] + SIZE, 2 * SIZE)}"
    replay = replay_of([*busy, large, high, *freed, above, f"c-3|{BEGINS}", asked])
    assert causes(replay) == []
    assert steps[:1] == [places[::2]]


@pytest.mark.parametrize("spare", [0, 1000])
def test_no_more_is_tried_than_there_is_time_for(
    monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    monkeypatch.setattr(state, "_TRIED", spare)
    monkeypatch.setattr(state, "_TRIED_A_LINE", 0)
    replay = replay_of([*BEGUN, f"b-2|{alloc(PLACES[1], SIZE)}"])
    assert causes(replay) == []
    # without time the purge is taken as over, before it is asked whether that matters
    assert (replay.results.checked[EITHER] > 0) == (replay._tried > 0) == (spare > 0)


def test_a_long_trace_has_more_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_TRIED", 0)
    replay = replay_of(BEGUN)
    replay._tried = 5 * state._TRIED_A_LINE
    assert not replay._is_looked_for(5)
    assert replay._is_looked_for(6)

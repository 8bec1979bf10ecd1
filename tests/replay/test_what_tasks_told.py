"""What may have come before a purge that was told before it, from what each task told since."""

import pytest

from execmem_tui.formats.trace_event import Alloc, Event, Free, Header, Purge, event_of
from execmem_tui.mm.vmalloc import Vmalloc
from execmem_tui.mm.vmap_node import VmapArea
from execmem_tui.model.intervals import Interval
from execmem_tui.model.rules import rules_of
from execmem_tui.replay.concurrent import Concurrent, came_before, may_last
from execmem_tui.replay.request_classes import RequestClass, Unknown, classify
from execmem_tui.replay.results import ReplayResults
from tests.replay.test_bounds import END, PAGE, START

AT = START + 64 * PAGE


def free(line: int, task: str, start: int = START, time: float = 1) -> Event:
    return event_of(Free(line, time, task, 0, start, 1))


def purge(line: int, task: str = "p", *, count: int = 1, pages: int = 8, time: float = 1) -> Event:
    return event_of(Purge(line, time, task, 0, START, START + pages * PAGE, count))


def heard(*events: Event) -> Concurrent:
    found = Concurrent()
    found.told.extend(events)
    return found


@pytest.mark.parametrize(
    ("told", "late"),
    [
        pytest.param([purge(5)], True, id="nothing told since"),
        pytest.param([purge(5), free(6, "b")], True, id="another told something"),
        pytest.param([purge(5), free(6, "a")], False, id="it told something since"),
        pytest.param([free(4, "a"), purge(5)], True, id="before it, it did"),
        pytest.param([free(6, "b")], False, id="the purge is not known any more"),
        pytest.param([purge(5, time=0.4)], False, id="it was over long ago"),
    ],
)
def test_what_is_told_behind_a_purge_may_be_from_before_it(told: list[Event], late: bool) -> None:
    event = free(9, "a")
    assert heard(*told, event).late(event, 5) is late


@pytest.mark.parametrize(
    ("line", "task", "silent"),
    [(9, "a", 3), (3, "a", 1), (9, "b", 2), (9, "c", 1), (2, "b", 1)],
)
def test_since_when_a_task_is_silent(line: int, task: str, silent: int) -> None:
    """What was told before the first line that is known nobody can say."""
    told = heard(free(1, "a"), free(2, "b"), free(3, "a"))
    assert told.silent_since(line, task) == silent


@pytest.mark.parametrize(
    ("line", "before"),
    [(7, 2), (8, 3), (9, 8), (2, 2), (1, 0), (5, 0)],
    ids=["its own", "another's", "the newest", "the first", "forgotten", "no event"],
)
def test_an_event_came_after_what_its_task_told_before(line: int, before: int) -> None:
    told = heard(free(2, "a"), free(3, "b"), free(7, "a"), free(8, "b"), free(9, "b"))
    assert told.told_before(line) == before
    assert Concurrent().told_before(line) == 0


@pytest.mark.parametrize(
    ("events", "lazy", "follows", "decayed"),
    [
        pytest.param([], 2, True, True, id="it counts less than was lazy"),
        pytest.param([], 1, True, False, id="it counts all that was lazy"),
        pytest.param([], 0, False, False, id="it counts more"),
        pytest.param([free(6, "b")], 2, True, False, id="some was freed later"),
        pytest.param([free(6, "b")], 1, False, False, id="what it counts was freed later"),
        pytest.param([free(6, "b", START + 8 * PAGE)], 1, True, False, id="outside its span"),
        pytest.param([free(6, "b", START + 7 * PAGE)], 1, False, False, id="at its end"),
        pytest.param([free(6, "b", START - PAGE)], 1, True, False, id="below its span"),
        pytest.param([free(5, "b")], 1, True, False, id="at the very line"),
        pytest.param([purge(6)], 1, True, False, id="a purge is no free"),
    ],
)
def test_an_answer_tells_of_a_purge_by_what_was_lazy(
    events: list[Event], lazy: int, follows: bool, decayed: bool
) -> None:
    told = heard(free(4, "b"), *events)
    assert told.may_follow(5, purge(9), lazy) is follows
    assert told.foresees_decay(purge(9), 5, lazy) is decayed


def test_an_answer_teaches_only_where_nothing_speaks_against_it() -> None:
    told = Concurrent()
    assert told.has_decayed(purge(9), 5, 2)
    assert not told.expects_decay, "it was known without that answer"
    assert not told.has_decayed(purge(9), 5, 0), "what it counts was not lazy yet"
    assert not told.has_decayed(purge(9, count=0), 5, 0), "one that counts nothing is one moment"
    assert not told.expects_decay
    assert told.has_decayed(purge(9), 5, 1)
    assert told.expects_decay
    assert told.foresees_decay(purge(12), 5, 1)


@pytest.mark.parametrize(
    ("begin", "end", "may"),
    [
        (free(1, "a", time=1), purge(2, time=1.499), True),
        (free(1, "a", time=1), purge(2, time=1.5), False),
        (event_of(Header(1, 1, 1, 1)), purge(2, time=9), True),
        (free(1, "a", time=1), event_of(Header(2, 1, 1, 1)), True),
    ],
    ids=["499 ms", "half a second", "begin unknown", "end unknown"],
)
def test_no_purge_lasts_half_a_second(begin: Event, end: Event, may: bool) -> None:
    assert may_last(begin, end) is may


def asking(*, owned: bool) -> RequestClass:
    """Who asks for two pages, of all of the vmalloc window or of a part that no pool serves."""
    vmalloc = Vmalloc(
        rules=rules_of("7.1.8"),
        page_size=PAGE,
        vmalloc_start=START,
        vmalloc_end=END,
        possible_cpus=2,
    )
    asked = (2 * PAGE, 1, START if owned else START + PAGE, END, False)
    return classify(asked, vmalloc, ReplayResults(), Unknown.NOTHING, "", doubted=False)


def area(page: int, pages: int = 2) -> VmapArea:
    return VmapArea(AT + page * PAGE, AT + (page + pages) * PAGE, pages, 0)


def interval(page: int, pages: int = 2) -> Interval:
    return AT + page * PAGE, AT + (page + pages) * PAGE


Gave = tuple[list[Interval], list[VmapArea], list[VmapArea]]


@pytest.mark.parametrize(
    ("gave", "pooled", "hole"),
    [
        pytest.param(([], [], []), False, False, id="nothing"),
        pytest.param(([interval(9)], [], []), True, True, id="a pool of the size had more"),
        pytest.param(([interval(9, 3)], [], []), False, False, id="a pool of another size"),
        pytest.param(([interval(1, 3)], [], []), False, True, id="it lay where the hole is"),
        pytest.param(([interval(2, 3)], [], []), False, False, id="it lay right behind"),
        pytest.param(([interval(-3, 3)], [], []), False, False, id="it lay right before"),
        pytest.param(([interval(-3, 4)], [], []), False, True, id="it reached into the hole"),
        pytest.param(([], [area(1)], []), False, True, id="freed where the hole is"),
        pytest.param(([], [area(-1)], []), False, True, id="freed into the hole"),
        pytest.param(([], [area(2)], []), False, False, id="freed right behind"),
        pytest.param(([], [area(-2)], []), False, False, id="freed right before"),
        pytest.param(([], [], [area(9), area(0)]), True, False, id="it was put into the pool"),
        pytest.param(([], [], [area(1)]), False, False, id="another was"),
    ],
)
def test_what_a_purge_gave_an_answer_owes_to_it(gave: Gave, pooled: bool, hole: bool) -> None:
    """Of a request that pools serve, answered by a pool or by a hole."""
    request = asking(owned=True)
    assert came_before((request, AT, True), gave) is pooled
    assert came_before((request, AT, False), gave) is hole


def test_pools_of_a_size_are_nothing_to_whom_no_pool_serves() -> None:
    request = asking(owned=False)
    assert not came_before((request, AT, False), ([interval(9)], [], []))
    assert came_before((request, AT, False), ([interval(0)], [], []))


def test_what_is_answered_beside_a_purge() -> None:
    """Since the purge before it, or since its task told something; and no longer than one lasts."""
    request = asking(owned=True)

    def answered(line: int, time: float = 1) -> tuple[Event, RequestClass, int, int, bool, object]:
        event = event_of(Alloc(line, time, "a", 0, AT, PAGE, 1, START, END, failed=False))
        return event, request, 0, AT, True, request.pool

    def beside(*told: Event, times: tuple[float, ...] = (1, 1, 1)) -> list[int]:
        found = heard(*told)
        for number, time in enumerate(times, 1):
            found.answered.append(answered(10 * number, time))  # type: ignore[arg-type]
        return [each[0][1] for each in found.beside(purge(40))]

    assert beside() == [30, 20, 10]
    assert beside(purge(15, "q")) == [30, 20]
    assert beside(free(15, "p")) == [30, 20]
    assert beside(free(15, "q")) == [30, 20, 10]
    assert beside(free(20, "p")) == [30], "at the very line it was over"
    assert beside(free(15, "p"), purge(40)) == [30, 20], "the purge itself is none before it"
    assert beside(times=(0.6, 0.4, 1)) == [30]

"""What purges of several CPUs leave untold: which areas one took, and in what order."""

from typing import Final

import pytest

from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import event_of
from execmem_tui.model.rules import rules_of
from execmem_tui.replay import trials, unseen
from execmem_tui.replay.model import Replay
from execmem_tui.replay.results import Cause
from tests.replay.test_bounds import END, PAGE, START, alloc, events
from tests.replay.test_late_events import free, purge

FIRST: Final = START
SECOND: Final = START + 2 * PAGE
THIRD: Final = START + 4 * PAGE
LOW: Final = START - (1 << 30)
"""Purges of aliases span the direct map, too: their edges tell nothing."""
TWO_LAZY: Final = [
    f"a-1|{alloc(FIRST, 2 * PAGE)}",
    f"a-1|{alloc(SECOND, 2 * PAGE)}",
    f"a-1|{alloc(THIRD, 2 * PAGE)}",
    f"b-2|{free(FIRST)}",
    f"c-3|{free(SECOND)}",
]
ONE_OF_TWO: Final = f"a-1|{purge(LOW, END, 1)}"


def replay_of(lines: list[str], kernel: str = "6.1.0", cpus: int = 1) -> Replay:
    replay = Replay(rules=rules_of(kernel), page_size=PAGE, window=(START, END), cpus=cpus)
    replay.run(events(lines))
    return replay


def lazy(replay: Replay) -> list[int]:
    return [area.start for area in replay.vmalloc.lazy()]


def causes(replay: Replay) -> list[Cause | None]:
    return [miss.cause for miss in replay.results.misses]


@pytest.mark.parametrize(
    ("following", "left"),
    [
        ([], SECOND),  # the oldest, where nothing tells
        ([f"a-1|{purge(FIRST, SECOND, 1)}"], FIRST),  # the next one's span is the first
        ([f"a-1|{purge(SECOND, THIRD, 1)}"], SECOND),
        # what is allocated again was free by then
        ([f"a-1|{alloc(SECOND, 2 * PAGE)}"], FIRST),
        ([f"a-1|{alloc(SECOND, 2 * PAGE)}", f"a-1|{purge(FIRST, THIRD, 1)}"], FIRST),
    ],
    ids=["nothing", "next is first", "next is second", "again", "again, next spans both"],
)
def test_which_of_two_a_purge_took(following: list[str], left: int) -> None:
    replay = Replay(
        rules=rules_of("6.1.0"), page_size=PAGE, window=(START, END), cpus=1, watched=True
    )
    for event in replay.follow(events([*TWO_LAZY, ONE_OF_TWO, *following])):
        if event[1] == len(TWO_LAZY) + 1:
            assert lazy(replay) == [left]
    assert all(cause is not None for cause in causes(replay))


def test_an_edge_of_its_span_is_among_what_a_purge_took() -> None:
    assert lazy(replay_of([*TWO_LAZY, f"a-1|{purge(LOW, THIRD, 1)}"])) == [FIRST]
    assert lazy(replay_of([*TWO_LAZY, f"a-1|{purge(FIRST, END, 1)}"])) == [SECOND]


def test_what_a_node_had_before_something_that_was_taken_was_taken() -> None:
    """The second is allocated again, so it was; the first was queued before it."""
    lines = [*TWO_LAZY[:3], f"b-2|{free(FIRST)}", f"b-2|{free(SECOND)}", f"b-2|{free(THIRD)}"]
    counted, again = f"a-1|{purge(LOW, END, 2)}", f"a-1|{alloc(SECOND, 2 * PAGE)}"
    assert lazy(replay_of([*lines, counted, again])) == [THIRD]
    replay = replay_of([*lines[:3], lines[3].replace("b-2", "c-3"), *lines[4:], counted, again])
    assert causes(replay) == [Cause.ORDER]  # another task may have queued it later


def _lazy_behind(lines: list[str], number: int) -> list[int]:
    """Return what is lazy once so many lines are replayed."""
    replay = Replay(
        rules=rules_of("6.1.0"), page_size=PAGE, window=(START, END), cpus=1, watched=True
    )
    told = replay.follow(events(lines))
    next(event for event in told if event[1] == number)
    return lazy(replay)


def test_what_is_allocated_again_may_be_of_the_next_purge() -> None:
    """It was freed behind what that one takes as its edge, by the same task."""
    lines = [*TWO_LAZY[:3], f"c-3|{free(THIRD)}", f"b-2|{free(FIRST)}", f"b-2|{free(SECOND)}"]
    following = [f"a-1|{alloc(SECOND, 2 * PAGE)}", f"d-4|{purge(FIRST, THIRD, 2)}"]
    assert _lazy_behind([*lines, ONE_OF_TWO, *following], 7) == [FIRST, SECOND]
    following[1] = f"d-4|{purge(LOW, END, 2)}"
    assert _lazy_behind([*lines, ONE_OF_TWO, *following], 7) == [FIRST, SECOND]


def test_a_purge_takes_what_was_told_before_the_last_one() -> None:
    lines = [*TWO_LAZY, f"a-1|{purge(1 << 63, 1 << 63, 0)}", f"b-2|{free(THIRD)}"]
    again = f"a-1|{alloc(THIRD, 2 * PAGE)}"
    assert _lazy_behind([*lines, f"a-1|{purge(LOW, END, 2)}", again], 8) == [THIRD]


def test_what_was_told_before_the_last_purge_is_gone_with_the_next() -> None:
    """They take turns, and each takes all that is lazy when it begins."""
    other = f"c-3|{free(THIRD)}", f"c-3|{purge(THIRD, THIRD + 2 * PAGE, 1)}"
    assert lazy(replay_of([*TWO_LAZY, ONE_OF_TWO])) == [SECOND]
    assert lazy(replay_of([*TWO_LAZY, ONE_OF_TWO, *other])) == []


def test_what_is_freed_where_a_purge_took_something_before_is_another_area() -> None:
    """The purge counted an area whose free was told later; what lay there next is freed for
    itself."""
    lines = [
        *TWO_LAZY[:3],
        f"a-1|{purge(FIRST, SECOND, 1)}",
        f"a-1|{alloc(FIRST, 2 * PAGE)}",
        f"a-1|{free(FIRST)}",
        f"b-2|{free(THIRD)}",
        f"b-2|{purge(THIRD, THIRD + 2 * PAGE, 1)}",
    ]
    assert FIRST in lazy(replay_of(lines))


SIZE: Final = 5 * PAGE
PLACES: Final = [START + number * SIZE for number in range(4)]


def parked(places: list[int]) -> list[str]:
    """Return the lines that allocate areas and park them in the pool of the CPU's node."""
    return [
        line
        for place in places
        for line in (f"a-1|{free(place)}", f"a-1|{purge(place, place + SIZE, 1)}")
    ]


ALLOCATED: Final = [f"a-1|{alloc(place, SIZE)}" for place in PLACES]
ALIGNED: Final = (
    f"b-2|alloc_vmap_area: va_start: {START + 20 * PAGE} size={SIZE} align=16384"
    f" vstart=0x{START:x} vend=0x{END:x} failed=0"
)


def test_an_aligned_request_of_another_cpu_may_have_turned_a_pool() -> None:
    """Task stacks ask for 16K: where a head cannot serve them it goes to the tail."""
    # the third is the head, and after a decay in full the tree would give the first
    lines = [*ALLOCATED, *parked(PLACES[:3])]
    taken = f"a-1|{alloc(PLACES[1], SIZE)}"
    assert causes(replay_of([*lines, taken], "7.1.8", 2)) == [None]  # nobody turned anything
    turned = replay_of([*lines[:4], ALIGNED, *lines[4:], taken], "7.1.8", 2)
    assert causes(turned) == [Cause.TURNED]
    # it stays turned: the first is the next, then the third
    more = [f"a-1|{alloc(place, SIZE)}" for place in (PLACES[0], PLACES[2])]
    again = replay_of([*lines[:4], ALIGNED, *lines[4:], taken, *more], "7.1.8", 2)
    assert causes(again) == [Cause.TURNED]


def test_a_purge_under_way_leaves_no_pool() -> None:
    """A decay takes the pool off its node; the tree answers meanwhile."""
    lines = [*ALLOCATED[:3], ALLOCATED[3].replace("a-1", "a-1 [001]"), *parked(PLACES)]
    tree = f"b-2|{alloc(PLACES[3] + SIZE, SIZE)}"
    coming = f"c-3|{purge((1 << 64) - 1, 0, 0)}"
    lines += [TOLD]  # it was asked behind all that is told
    assert causes(_on_cpus([*lines, tree])) == [None]
    assert causes(_on_cpus([*lines, tree, coming])) == [Cause.DETACHED]


def test_the_pool_of_the_cpu_that_was_left_may_have_been_detached() -> None:
    """Then the area belongs to that CPU's node."""
    lines = [*ALLOCATED[:2], ALLOCATED[2].replace("a-1", "a-1 [001]"), ALLOCATED[3]]
    lines += [*parked(PLACES[:3]), TOLD]
    lines += [f"b-2|{alloc(HIGH, SIZE)}", f"c-3|{purge((1 << 64) - 1, 0, 0)}"]
    lines += [f"b-2|{free(HIGH)}", f"b-2|{purge(HIGH, HIGH + SIZE, 1)}"]
    mine = [f"b-2|{alloc(place, SIZE)}" for place in (HIGH, PLACES[1])]
    assert causes(_on_cpus([*lines, *mine])) == [Cause.DETACHED]
    other = [f"b-2|{alloc(PLACES[1], SIZE)}", f"b-2 [001]|{alloc(HIGH, SIZE)}"]
    assert causes(_on_cpus([*lines, *other])) == [Cause.DETACHED]


def test_a_purge_told_before_may_have_been_under_way() -> None:
    """What it decays is free only when it puts the pool's rest back."""
    lines = [*ALLOCATED, *parked(PLACES)]
    lines += [f"c-3|{purge((1 << 64) - 1, 0, 0)}"]  # it decays the fourth
    tree = f"b-2|{alloc(PLACES[3] + SIZE, SIZE)}"
    assert causes(_on_cpus([*lines, tree])) == [Cause.DETACHED]
    asked = "b-2|module_get: x call_site=y refcnt=1"
    assert causes(_on_cpus([*lines, asked, tree])) == [None]
    assert causes(_on_cpus([lines[0], asked, *lines[1:], tree])) == [Cause.DETACHED]


OTHERS: Final = (PLACES[3] + SIZE, PLACES[3] + SIZE + 7 * PAGE)
"""Areas of another size."""


def _pooled(replay: Replay) -> list[int]:
    return [start for node in replay.vmalloc.nodes for start, _ in node.pooled()]


def _emptied(between: list[str], behind: tuple[str, ...] = ()) -> Replay:
    """Pool one of the others, what should answer, and the other one; then it does not answer."""
    size = 7 * PAGE
    first, last = ([f"a-1|{free(at)}", f"a-1|{purge(at, at + size, 1)}"] for at in OTHERS)
    lines = [*ALLOCATED, *(f"a-1|{alloc(at, size)}" for at in OTHERS)]
    lines += [*first, *parked(PLACES[:3]), *last, *between]
    # the third is the head of the pool
    return replay_of([*lines, f"b-2|{alloc(PLACES[0], SIZE)}", *behind], "7.1.8", 2)


def test_the_shrinker_came_before_what_may_still_be_pooled() -> None:
    """It is not told: the first request that a pool should have answered tells of it."""
    replay = _emptied([])
    assert causes(replay) == [Cause.SHRINKER]
    assert _pooled(replay) == [OTHERS[1]]


def test_nothing_is_certain_for_a_while_behind_what_tells_of_the_shrinker() -> None:
    """It came some time before, and purges decayed other areas since."""
    behind = [f"b-2|{alloc(PLACES[1], 7 * PAGE)}"]
    assert _emptied([], tuple(behind)).results.certain == _emptied([]).results.certain
    later = _emptied([], tuple([TOLD] * 100 + behind))
    assert later.results.certain == _emptied([]).results.certain + 1


def test_a_pool_that_answered_was_not_emptied_before() -> None:
    replay = _emptied([f"b-2|{alloc(PLACES[2], SIZE)}"])
    assert causes(replay) == [Cause.SHRINKER]
    assert _pooled(replay) == []


@pytest.mark.parametrize(
    ("following", "pooled"), [(OTHERS[1], []), (PLACES[1], [])], ids=["spared", "emptied"]
)
def test_what_follows_says_what_the_shrinker_spared(following: int, pooled: list[int]) -> None:
    """Both make the first answer right; the next one is a pool's head, or the lowest hole."""
    replay = _emptied([], (f"b-2|{alloc(following, 7 * PAGE)}",))
    assert causes(replay) == [Cause.SHRINKER]
    assert _pooled(replay) == pooled


def test_what_follows_is_not_asked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of two reasons is taken; a trace full of misses would be followed for hours."""
    monkeypatch.setattr(trials, "_SCOUTS", 0)
    replay = _emptied([], (f"b-2|{alloc(PLACES[1], 7 * PAGE)}",))
    assert causes(replay) == [Cause.SHRINKER, Cause.SHRINKER]


TOLD: Final = "b-2|module_get: x call_site=y refcnt=1"


@pytest.mark.parametrize(("between", "left"), [([], []), ([TOLD], [SECOND])])
def test_what_a_task_freed_behind_what_it_told_is_of_no_purge_before(
    between: list[str], left: list[int]
) -> None:
    """A purge counted an area more than was told: not one that its task had yet to free."""
    lines = [
        *TWO_LAZY[:3],
        f"a-1|{free(FIRST)}",
        f"c-3|{purge(FIRST, END, 2)}",
        *between,
        f"b-2|{free(SECOND)}",
        f"b-2|{free(THIRD)}",
        f"c-3|{purge(THIRD, THIRD + 2 * PAGE, 1)}",
    ]
    assert lazy(replay_of(lines, "7.1.8")) == left


@pytest.mark.parametrize(("between", "cause"), [([], Cause.LATE_FREE), ([TOLD], None)])
def test_what_a_task_is_yet_to_free_is_of_no_purge_before(
    between: list[str], cause: Cause | None
) -> None:
    lines = [
        *TWO_LAZY[:3],
        f"c-3|{purge(SECOND, THIRD, 1)}",
        *between,
        f"a-1|{alloc(SECOND, 2 * PAGE)}",
        f"b-2|{free(SECOND)}",
    ]
    assert causes(replay_of(lines, "7.1.8")) == [cause]


def _on_cpus(lines: list[str], strange: int = 0) -> Replay:
    """Replay lines of which some name their CPU."""
    text = []
    for number, line in enumerate(lines):
        task, _, rest = line.partition("|")
        task = task if "[" in task else f"{task} [000]"
        text.append(f"  {task} .....  {1 + number / 1000:.6f}: {rest}")
    replay = Replay(rules=rules_of("7.1.8"), page_size=PAGE, window=(START, END), cpus=2)
    replay._strange_up_to = strange
    replay.run(event_of(line) for line in parse_trace("t", enumerate(text, 1)))
    return replay


HIGH: Final = PLACES[3] + SIZE
"""Behind all that is allocated."""


@pytest.mark.parametrize("cpu", ["000", "001"])
def test_what_follows_says_whose_an_area_of_another_cpu_is(cpu: str) -> None:
    """Either it was asked for there, or it was always of this one: a task is told late with a CPU
    that it had at last."""
    # of no node, and free again: it is lower than what the tree would give otherwise
    lines = [f"a-1|{alloc(PLACES[0], SIZE, high=END - PAGE)}", *ALLOCATED[1:]]
    lines[2] = lines[2].replace("a-1", "a-1 [001]")
    lines += parked(PLACES[:1]) + parked(PLACES[2:3])
    lines += [f"b-2|{alloc(PLACES[2], SIZE)}", *parked(PLACES[2:3])]
    lines += [f"b-2|{TOLD[4:]}"] * 2
    replay = _on_cpus([*lines, f"b-2 [{cpu}]|{alloc(PLACES[2], SIZE)}"])
    assert causes(replay) == [Cause.OTHER_POOL]


def test_a_pool_may_have_been_shorter_for_a_purge() -> None:
    """A quarter of four is one, of three is none: one was taken before, and told later."""
    lines = [*ALLOCATED, *(f"a-1|{free(place)}" for place in PLACES)]
    lines += [f"a-1|{purge(PLACES[0], HIGH, 4)}", f"c-3|{purge((1 << 64) - 1, 0, 0)}"]
    # the fourth is decayed, and the kernel has it in the pool
    lines += [f"b-2|{alloc(PLACES[2], SIZE)}", f"d-4|{TOLD[4:]}", f"d-4|{alloc(PLACES[3], SIZE)}"]
    assert causes(_on_cpus(lines)) == [Cause.SHORTER]
    asked = [f"b-2|{TOLD[4:]}"]
    lines = [*lines[:-3], *asked, *lines[-3:]]
    assert causes(_on_cpus(lines)) == [None]


def test_a_pool_may_have_been_shorter_where_another_area_was_of_another_node() -> None:
    lines = [*ALLOCATED, *(f"a-1|{free(place)}" for place in PLACES)]
    lines += [f"a-1|{purge(PLACES[0], HIGH, 4)}", f"a-1|{purge((1 << 64) - 1, 0, 0)}"]
    late = [*lines, f"b-2|{TOLD[4:]}", f"b-2|{alloc(PLACES[3], SIZE)}"]
    assert causes(_on_cpus(late)) == [None]
    replay = _on_cpus(late, strange=len(late))  # a miss has told of such an area
    assert causes(replay) == [Cause.SHORTER]


@pytest.mark.parametrize(("most", "cause"), [(1, Cause.PART), (0, None)])
def test_a_purge_under_way_may_have_given_back_a_part(
    monkeypatch: pytest.MonkeyPatch, most: int, cause: Cause | None
) -> None:
    """The first of two was in the pool, the second was not yet its head."""
    monkeypatch.setattr(unseen, "_PARTLY", most)
    lines = [*ALLOCATED, *(f"a-1|{free(place)}" for place in PLACES[:2])]
    lines += [f"b-2|{alloc(PLACES[0], SIZE)}", f"b-2|{free(PLACES[0])}"]
    lines += [f"c-3|{purge(PLACES[0], PLACES[2], 2)}"]
    replay = _on_cpus(lines)
    assert causes(replay) == [cause]
    if cause is not None:
        assert lazy(replay) == [PLACES[0]]
        assert _pooled(replay) == [PLACES[1]]


def test_nothing_is_certain_for_a_while_behind_what_another_cpu_should_have_had() -> None:
    """The state is another than the model's: an area is of another node, or was not parked."""
    lines = [ALLOCATED[0].replace("a-1", "a-1 [001]"), *ALLOCATED[1:], *parked(PLACES[:1])]
    taken = [f"b-2|{alloc(place, SIZE)}" for place in (PLACES[0], HIGH)]
    behind = _on_cpus([*lines, *taken])
    assert causes(behind) == [Cause.OTHER_POOL]
    assert behind.results.certain == len(ALLOCATED) + 1  # the miss itself is a certain one
    later = _on_cpus([*lines, taken[0], *[f"b-2|{TOLD[4:]}"] * 100, taken[1]])
    assert later.results.certain == len(ALLOCATED) + 2


def test_what_came_first_may_be_of_another_cpu() -> None:
    """Its CPU's pool should have answered; that of the other one was empty."""
    lines = [*ALLOCATED, *parked(PLACES[:1])]
    lines += [f"a-1|{alloc(HIGH + SIZE, 7 * PAGE)}", f"b-2|{alloc(HIGH, SIZE)}"]
    assert causes(_on_cpus(lines)) == [Cause.OVERTAKEN, Cause.OTHER_POOL]


def test_what_came_first_may_be_from_before_the_last_purge() -> None:
    """The pools of both CPUs would answer; one was filled by that purge."""
    lines = [ALLOCATED[0].replace("a-1", "a-1 [001]"), *ALLOCATED[1:]]
    lines += [*parked(PLACES[:2]), f"a-1|{alloc(HIGH + SIZE, 7 * PAGE)}"]
    late = f"b-2|{alloc(HIGH, SIZE)}"
    assert causes(_on_cpus([*lines, late])) == [Cause.OVERTAKEN, Cause.BEFORE_PURGE]
    lines.insert(-1, TOLD)
    assert causes(_on_cpus([*lines, late]))[0] is None


def test_a_place_that_a_purge_may_have_left_explains_a_miss() -> None:
    lines = [*TWO_LAZY, ONE_OF_TWO, f"a-1|{alloc(START + 6 * PAGE, 2 * PAGE)}"]
    assert causes(replay_of(lines)) == [Cause.ORDER]
    sure = [*TWO_LAZY[:4], ONE_OF_TWO, f"a-1|{alloc(START + 6 * PAGE, 2 * PAGE)}"]
    assert causes(replay_of(sure)) != [Cause.ORDER]

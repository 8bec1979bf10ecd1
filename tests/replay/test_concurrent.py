"""An answer is certain where every order of concurrent events gives the same."""

from typing import Final

import pytest

from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import event_of
from execmem_tui.model.rules import rules_of
from execmem_tui.replay.model import Replay
from execmem_tui.replay.results import Cause
from tests.replay.test_bounds import END, PAGE, START, alloc
from tests.replay.test_late_events import NOTHING, free, purge
from tests.replay.test_several_cpus import PLACES, SIZE, parked

LAZY: Final = START + 4 * SIZE
"""An area of another size, which the purge counts."""
LAZY_SIZE: Final = 7 * PAGE
OTHER: Final = LAZY + LAZY_SIZE
BEGUN: Final = [
    *(f"a-1|{alloc(place, SIZE)}" for place in PLACES),
    f"a-1|{alloc(LAZY, LAZY_SIZE)}",
    f"a-1|{alloc(OTHER, LAZY_SIZE)}",
    *parked(PLACES),
    f"d-4|{free(LAZY)}",
    "b-2|module_get: x call_site=y refcnt=1",
]
"""A pool holds four, so that a purge takes its head, the last; and something is lazy."""
ANSWERED: Final = f"b-2|{alloc(PLACES[3], SIZE)}"
DECAYED: Final = f"b-2|{alloc(PLACES[2], SIZE)}"
PURGED: Final = f"c-3|{purge(LAZY, LAZY + LAZY_SIZE, 1)}"
WIDER: Final = f"c-3|{purge(LAZY, OTHER + LAZY_SIZE, 2)}"
TOLD: Final = "c-3|module_put: x call_site=y refcnt=1"


def replay_of(lines: list[str], *, wait: float = 0, cpus: int = 2, kernel: str = "7.1.8") -> Replay:
    """Replay lines that are a millisecond apart, the last one `wait` seconds more."""
    text = []
    for number, line in enumerate(lines):
        task, _, rest = line.partition("|")
        time = 1 + number / 1000 + wait * (number == len(lines) - 1)
        text.append(f"  {task} [000] .....  {time:.6f}: {rest}")
    replay = Replay(rules=rules_of(kernel), page_size=PAGE, window=(START, END), cpus=cpus)
    replay.run([event_of(line) for line in parse_trace("t", enumerate(text, 1))])
    return replay


def uncertain(replay: Replay) -> int:
    results = replay.results
    assert results.certain == results.certain_exact
    return results.checked.total() - results.certain


@pytest.mark.parametrize(
    ("behind", "wait", "count"),
    [
        ([PURGED], 0, 1),
        ([PURGED], 0.6, 0),  # no purge takes so long
        ([TOLD, PURGED], 0, 0),  # its task told something, so it was in no purge
        ([PURGED.replace("c-3", "b-2")], 0, 0),  # what was answered is its own
        ([f"d-4|{NOTHING}", PURGED], 0, 1),  # the other purge decays as well
        ([f"e-5|{free(OTHER)}", WIDER], 0, 0),  # it counts what was freed later
        ([TOLD, f"c-3|{NOTHING}", PURGED], 0, 0),  # purges take turns
    ],
    ids=["under way", "long ago", "told between", "own", "two", "freed later", "in turn"],
)
def test_a_pool_is_certain_unless_a_purge_under_way_may_have_decayed_it(
    behind: list[str], wait: float, count: int
) -> None:
    replay = replay_of([*BEGUN, ANSWERED, *behind], wait=wait)
    assert replay.results.misses == []
    assert uncertain(replay) == count


@pytest.mark.parametrize(("freed", "count"), [(START, 1), (START + 6 * PAGE, 0)])
def test_a_hole_is_certain_unless_a_purge_under_way_may_have_made_a_lower_one(
    freed: int, count: int
) -> None:
    lines = [f"a-1|{alloc(START + 2 * PAGE * number, 2 * PAGE)}" for number in range(4)]
    hole = START + 4 * PAGE
    lines += [f"a-1|{free(hole)}", f"a-1|{purge(hole, hole + 2 * PAGE, 1)}", f"b-2|{NOTHING}"]
    taken, coming = f"b-2|{alloc(hole, PAGE)}", f"c-3|{purge(freed, freed + 2 * PAGE, 1)}"
    replay = replay_of([*lines, f"a-1|{free(freed)}", taken, coming], cpus=1)
    assert replay.results.misses == []
    assert uncertain(replay) == count
    assert uncertain(replay_of([*lines, taken, f"a-1|{free(freed)}", coming], cpus=1)) == 0


def test_what_a_purge_gave_is_not_certain_for_one_who_may_have_asked_before_it() -> None:
    lines = [f"a-1|{alloc(START, 2 * PAGE)}", f"a-1|{free(START)}"]
    lines.append(f"c-3|{purge(START, START + 2 * PAGE, 1)}")
    taken = f"b-2|{alloc(START, 2 * PAGE)}"
    assert uncertain(replay_of([*lines, taken], cpus=1)) == 1
    assert uncertain(replay_of([*lines, f"b-2|{NOTHING}", taken], cpus=1)) == 0
    assert uncertain(replay_of([*lines, taken.replace("b-2", "c-3")], cpus=1)) == 0
    assert uncertain(replay_of([*lines, taken], cpus=1, wait=0.6)) == 0


def test_what_another_is_told_to_have_is_not_certain() -> None:
    lines = [
        f"a-1|{alloc(START + 2 * PAGE, 3 * PAGE)}",
        f"b-2|{alloc(START, 2 * PAGE)}",
    ]
    (miss,) = replay_of(lines, cpus=1).results.misses
    assert miss.cause is Cause.OVERTAKEN
    assert not miss.certain


def test_a_purge_under_way_is_expected_to_have_decayed_once_one_had() -> None:
    replay = replay_of([*BEGUN, DECAYED, PURGED])
    (miss,) = replay.results.misses
    assert miss.cause is Cause.DECAY_AHEAD
    assert not miss.certain
    assert replay._concurrent.expects_decay
    # it is learned the other way round, too
    replay = replay_of([*BEGUN, ANSWERED, PURGED])
    assert replay.results.misses == []
    assert not replay._concurrent.expects_decay


FREED: Final = f"d-4|{free(OTHER)}"
ONE: Final = f"c-3|{purge(START - (1 << 30), END, 1)}"
"""It spans two that were told to be lazy."""


def test_a_purge_that_counts_less_than_was_lazy_had_decayed_the_pools() -> None:
    """It came to the nodes before the rest was freed, and decays them first."""
    replay = replay_of([*BEGUN, FREED, DECAYED, ONE])
    assert replay.results.misses == []
    assert uncertain(replay) == 1
    assert not replay._concurrent.expects_decay  # of others this tells nothing
    late = replay_of([*BEGUN, FREED, ANSWERED, ONE])
    (miss,) = late.results.misses
    assert miss.cause is Cause.DECAY_LATE
    assert late.results.checked.total() - late.results.exact.total() == 1


def test_where_a_decay_empties_a_pool_a_hole_answers() -> None:
    """6.12 empties pools of one to three areas with each purge."""
    lines = [
        *BEGUN[:6],
        *(f"a-1|{free(place)}" for place in PLACES[:3]),
        f"a-1|{purge(START, PLACES[3], 3)}",
        f"d-4|{free(LAZY)}",
        BEGUN[-1],
        FREED,
        f"b-2|{alloc(START, SIZE)}",
        ONE,
    ]
    replay = replay_of(lines, kernel="6.12.107")
    assert replay.results.misses == []
    assert uncertain(replay) == 1

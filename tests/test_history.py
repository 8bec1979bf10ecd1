"""A history gives the same snapshot however one arrives at a step."""

from sys import getrefcount
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Noted
from execmem_tui.model.hidden import Hidden, HiddenArea
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Window

pytestmark = pytest.mark.usefixtures("small_blocks")
PAGE = 4096


def make_layout() -> Layout:
    whole = ExecmemRange(start=0, end=1 << 32)
    return Layout(
        id="test",
        kernel="7.1.8",
        arch="test",
        variant="test",
        kaslr="off",
        word_bits=64,
        page_size=PAGE,
        pmd_size=512 * PAGE,
        vmalloc_start=0,
        vmalloc_end=1 << 32,
        modules_vaddr=None,
        modules_end=None,
        symbols={},
        macros={},
        types=dict.fromkeys(ExecmemType, whole),
    )


def make_area(page: int, *, fallback: bool = False) -> Area:
    return Area(
        start=page * PAGE,
        size=PAGE,
        type=ExecmemType.BPF,
        owner=f"p{page}",
        window=Window.FALLBACK if fallback else Window.PREFERRED,
    )


def allocated(area: Area) -> Allocated:
    return Allocated(area=area, requested=PAGE, added=(area,))


@st.composite
def event_lists(draw: st.DrawFn) -> list[Event]:
    present: set[int] = set()
    events: list[Event] = []
    for page in draw(st.lists(st.integers(0, 30), max_size=60)):
        area = make_area(page, fallback=page % 7 == 0)
        if page in present:
            present.remove(page)
            events.append(Freed(area=area, removed=(area,)))
        else:
            present.add(page)
            events.append(allocated(area))
        if page == 13:
            events.append(Failed(type=ExecmemType.BPF, requested=PAGE, owner=None, reason="full"))
    return events


def naive(events: list[Event], step: int) -> set[Area]:
    areas: set[Area] = set()
    for event in events[:step]:
        areas -= set(event.removed)
        areas |= set(event.added)
    return areas


@given(
    event_lists(),
    st.lists(st.integers(0, 80), max_size=12),
    st.integers(1, 7),
    st.sampled_from([2, 9, 10_000]),
)
def test_every_way_to_a_step_gives_the_same_areas(
    events: list[Event], steps: list[int], group: int, spacing: int
) -> None:
    history = History(make_layout(), spacing=spacing)
    for first in range(0, len(events), group):
        history.append(events[first : first + group])
    assert history.at_end
    for step in [*steps, len(events)]:
        snapshot = history.seek(step)
        reached = min(step, len(events))
        assert snapshot.step == history.step == reached
        assert set(snapshot.areas) == naive(events, reached)
        assert [area.start for area in snapshot.areas] == sorted(
            area.start for area in snapshot.areas
        )
        so_far = events[:reached]
        assert snapshot.counters.allocations == sum(
            isinstance(event, Allocated) for event in so_far
        )
        assert snapshot.counters.fallbacks == sum(
            isinstance(event, Allocated) and event.fallback for event in so_far
        )
        assert snapshot.counters.failures == sum(isinstance(event, Failed) for event in so_far)


@given(event_lists(), st.integers(1, 7))
def test_undo_and_redo_go_by_groups_without_limit(events: list[Event], group: int) -> None:
    history = History(make_layout())
    ends = [0]
    for first in range(0, len(events), group):
        history.append(events[first : first + group])
        ends.append(history.steps)
    for end in reversed(ends[:-1]):
        assert history.undo()
        assert history.step == end
    assert not history.undo()
    for end in ends[1:]:
        assert history.redo()
        assert history.step == end
    assert not history.redo()


@given(event_lists(), st.lists(st.integers(0, 80), max_size=6))
def test_events_may_come_while_the_cursor_is_anywhere(
    events: list[Event], steps: list[int]
) -> None:
    history = History(make_layout(), spacing=4)
    for number, event in enumerate(events, 1):
        assert history.extend([event], follow=number % 3 > 0) == 1
        assert history.steps == number
    assert history.extend([]) == 0
    for step in steps:
        reached = min(step, len(events))
        assert set(history.seek(step).areas) == naive(events, reached)
    history.seek(0)
    undone = [history.step for _ in events if history.redo()]
    assert undone == list(range(1, len(events) + 1))  # each is a group of its own


class Counted(list[Event]):
    """Events that count how often one is looked at."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        Counted.looks += len(found) if isinstance(index, slice) else 1
        return found


def test_a_jump_applies_no_more_than_half_the_way_between_two_checkpoints() -> None:
    history = History(make_layout(), spacing=100)
    history._events = Counted()
    for number in range(1000):
        area = make_area(number % 50)
        even = number // 50 % 2 == 0
        history.extend([allocated(area) if even else Freed(area=area, removed=(area,))])
    for target in (40, 960, 333, 1000, 0):
        Counted.looks = 0
        snapshot = history.seek(target)
        assert snapshot.step == target
        # one more: the snapshot tells the event that led to its step
        assert Counted.looks <= 50 + 1
    assert history.truncate() == 0
    history.extend([allocated(make_area(7))])
    assert len(history.seek(1).areas) == 1  # no checkpoint of what was forgotten is left


def test_a_checkpoint_keeps_no_block() -> None:
    """It would keep all that was ever found of it: lists of pieces, by lens and filter."""
    history = History(make_layout(), [make_area(0)], spacing=100)
    seen = list(history.snapshot().areas.blocks)
    for step in (100, 200, 100, 0):
        if step > history.steps:
            numbers = range(history.steps + 1, step + 1)
            history.extend([allocated(make_area(number)) for number in numbers])
        assert len(history.seek(step).areas) == step + 1
        assert {*map(getrefcount, seen)} == {2}, "the list above and the call, no checkpoint"
        seen = list(history.snapshot().areas.blocks)
    assert [each.step for each in history._checkpoints] == [0, 100, 200]


def test_new_events_after_an_undo_forget_what_was_undone() -> None:
    history = History(make_layout())
    history.append([allocated(make_area(1)), allocated(make_area(2))])
    history.append([allocated(make_area(3))])
    history.seek(1)
    assert history.truncate() == 2
    history.append([allocated(make_area(4))])
    assert [area.owner for area in history.snapshot().areas] == ["p1", "p2", "p4"]
    assert history.steps == 3
    history.seek(0)
    assert history.truncate() == 0
    assert history.steps == 0


def test_a_limited_history_keeps_the_newest_events() -> None:
    history = History(make_layout(), limit=16)
    for page in range(100):
        history.append([allocated(make_area(page))])
    assert history.steps == 100
    assert history.first_step >= 82
    assert len(history.snapshot().areas) == 100
    assert len(history.seek(0).areas) == history.first_step
    assert history.seek(100).counters.allocations == 100
    while history.undo():
        pass
    assert history.step == history.first_step


def test_find_looks_both_ways_from_the_cursor() -> None:
    history = History(make_layout())
    history.append([allocated(make_area(page, fallback=page in (2, 5))) for page in range(8)])

    def fallback(event: Event) -> bool:
        return isinstance(event, Allocated) and event.fallback

    assert history.find(fallback) is None
    assert history.find(fallback, forward=False) == 6
    history.seek(6)
    assert history.find(fallback, forward=False) == 3
    history.seek(0)
    assert history.find(fallback) == 3


def test_snapshots_find_areas_by_address() -> None:
    guarded = Area(start=2 * PAGE, size=PAGE, guard=PAGE)
    history = History(make_layout(), [guarded, make_area(9)])
    snapshot = history.snapshot()
    assert snapshot.area_at(3 * PAGE) == guarded
    assert snapshot.area_at(4 * PAGE) is None
    assert snapshot.area_at(0) is None
    assert list(snapshot.between(3 * PAGE, 9 * PAGE)) == [guarded]
    assert list(snapshot.between(3 * PAGE, 9 * PAGE + 1)) == [guarded, make_area(9)]


def test_a_group_is_what_one_append_added() -> None:
    history = History(make_layout())
    first, second = [allocated(make_area(1))], [allocated(make_area(page)) for page in (2, 3, 4)]
    history.append(first)
    history.append(second)
    assert list(history.group()) == second
    history.seek(1)
    assert list(history.group()) == first
    history.seek(3)
    assert list(history.group()) == second[1:2]
    history.seek(0)
    assert list(history.group()) == []


def test_peeking_moves_nothing() -> None:
    history = History(make_layout())
    history.append([allocated(make_area(page)) for page in range(9)])
    here = history.seek(5)
    assert [area.start for area in history.peek(2).areas] == [0, PAGE]
    assert history.snapshot() is here
    assert history.peek(5) is here
    assert history.peek(99).step == 9
    assert history.step == 5


def test_a_history_with_a_limit_keeps_few_lists_of_hidden_areas() -> None:
    """Two thousand looks at a busy kernel must not keep two thousand lists of its areas."""
    history = History(make_layout(), limit=100_000)
    for count in range(1, 2001):
        history.append([Noted(message="x", hidden=Hidden((HiddenArea(count, "x"),)))])
    kept = sum(isinstance(each, Noted) and each.hidden is not None for each in history.events())
    assert kept < 150
    assert history.snapshot().hidden.size == 2000
    assert history.seek(1950).hidden.size == 1950
    for step in (1, 500, 1500):
        assert 0 < history.seek(step).hidden.size <= step, "hidden is never told as free"

"""Records of areas: going on step by step leaves what beginning anew leaves."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.analysis.area_record import AreaRecord
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event, Freed
from execmem_tui.model.units import Address
from tests.layouts import make_area, make_layout


def born() -> AreaRecord[int]:
    return AreaRecord(lambda _area, step, event: None if event is None else step)


def events(pages: list[int], there: set[int], lazy: set[int] | None = None) -> list[Event]:
    """Each page is allocated where it is free, else freed:
    it lies there, lazy, until it is taken again."""
    found: list[Event] = []
    lazy = set() if lazy is None else lazy
    for page in pages:
        area = make_area(2 * page)
        gone = evolve(area, state=AreaState.LAZY)
        if page in there:
            there.discard(page)
            lazy.add(page)
            found.append(Freed(area=area, removed=(area,), added=(gone,)))
        else:
            removed: tuple[Area, ...] = (gone,) if page in lazy else ()
            there.add(page)
            lazy.discard(page)
            found.append(Allocated(area=area, requested=1, removed=removed, added=(area,)))
    return found


PAGES = st.lists(st.integers(0, 5), max_size=30)


@given(PAGES, PAGES, st.lists(st.integers(0, 30), max_size=12))
def test_a_record_that_goes_on_is_one_that_begins_anew(
    first: list[int], other: list[int], steps: list[int]
) -> None:
    """Also where, after an undo, other events lead to the same step."""
    history = History(make_layout(), [make_area(0)])
    history.extend(events(first, {0}))
    record = born()
    for number, step in enumerate(steps):
        if number == len(steps) // 2:
            history.seek(min(step, history.steps))
            history.truncate()
            there, lazy = (
                {
                    (area.start - make_area(0).start) // 8192
                    for area in history.snapshot().areas
                    if area.state is state
                }
                for state in (AreaState.LIVE, AreaState.LAZY)
            )
            history.extend(events(other, there, lazy))
        at = min(step, history.steps)
        assert dict(record.at(history, at)) == dict(born().at(history, at))


def test_what_it_gave_does_not_change_and_what_was_there_before_has_no_value() -> None:
    history = History(make_layout(), [make_area(0)])
    history.extend(events([1, 2, 1, 0], {0}))
    record = born()
    one = record.at(history, 2)
    starts: list[Address] = [make_area(2).start, make_area(4).start]
    assert dict(one) == dict(zip(starts, (1, 2), strict=True))
    assert dict(record.at(history, 3)) == {starts[1]: 2}
    assert dict(one) == dict(zip(starts, (1, 2), strict=True))
    assert dict(record.at(history, 1)) == {starts[0]: 1}


def test_after_an_undo_other_events_lead_to_the_same_step() -> None:
    history = History(make_layout())
    history.append(events([1], set()))
    record = born()
    assert dict(record.at(history, 1)) == {make_area(2).start: 1}
    history.undo()
    history.truncate()
    history.append(events([3], set()))
    assert history.steps == 1
    assert dict(record.at(history, 1)) == {make_area(6).start: 1}

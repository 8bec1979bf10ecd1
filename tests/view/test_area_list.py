"""The list of areas: in its order at every step, however one came there."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event, Freed
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.view.area_list import Listing, Order, area_line, listed
from execmem_tui.view.filter import parse_filter
from tests.layouts import PAGE, make_area, make_layout

pytestmark = pytest.mark.usefixtures("small_blocks")
ORDERS = (Order.ADDRESS, Order.SIZE, Order.OWNER, Order.TOTAL)


@st.composite
def histories(draw: st.DrawFn) -> History:
    present: dict[int, Area] = {}
    events: list[Event] = []
    for page in draw(st.lists(st.integers(0, 40), min_size=10, max_size=60)):
        if page in present:
            area = present.pop(page)
            events.append(Freed(area=area, removed=(area,)))
        else:
            area = make_area(4 * page, 1 + page % 3, kind=ExecmemType(page % 5))
            present[page] = area
            events.append(Allocated(area=area, requested=PAGE, added=(area,)))
    history = History(make_layout())
    history.append(events)
    return history


@given(
    histories(),
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(ORDERS), st.sampled_from(["", "bpf", ">4K"])),
        min_size=2,
        max_size=9,
    ),
)
def test_a_list_that_follows_is_the_list_made_anew(
    history: History, steps: list[tuple[int, Order, str]]
) -> None:
    listing = Listing()
    order, wanted = Order.SIZE, parse_filter("")
    for number, (step, other, text) in enumerate(steps):
        if number % 3 == 2:
            order, wanted = other, parse_filter(text)
        snapshot = history.seek(min(step, history.steps))
        fresh = listed(snapshot, order, wanted)
        found = listing.of(snapshot, order, wanted)
        assert list(found) == list(fresh)
        shown = list(found)
        history.seek(0)
        listing.of(history.snapshot(), order, wanted)
        assert list(found) == shown, "what is shown stays as it is"


def test_an_event_sorts_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    areas = [make_area(2 * page) for page in range(100)]
    history, listing = History(make_layout(), areas), Listing()
    listing.of(history.snapshot(), Order.SIZE)
    monkeypatch.delattr("execmem_tui.view.area_list.listed")
    history.append([Freed(area=areas[50], removed=(areas[50],))])
    found = listing.of(history.snapshot(), Order.SIZE)
    assert list(found) == [*areas[:50], *areas[51:]]


def test_a_mark_stands_apart_from_the_name() -> None:
    area = make_area(4, 2, kind=ExecmemType.MODULE_TEXT)
    live = area_line(area, 64, 60)
    lazy = area_line(evolve(area, state=AreaState.LAZY, type=None), 64, 60)
    assert live.index(area.name) == lazy.index(" z ") + 3

"""Who lay at an address when."""

from itertools import pairwise

import pytest
from attrs import evolve

from execmem_tui.analysis.tenants import next_tenant, tenant_at, tenant_text, tenants
from execmem_tui.history import History
from execmem_tui.model.areas import AreaState
from execmem_tui.model.events import Allocated, Freed, Noted, Purged
from tests.layouts import PAGE, make_area, make_layout
from tests.recorded import exhausted

ONE = make_area(4, 2)
TWO = evolve(make_area(3, 4), owner="two")
LAZY = evolve(ONE, state=AreaState.LAZY)
AT = ONE.start


def told() -> History:
    """ONE comes and goes, TWO comes with a new name."""
    history = History(make_layout())
    named = evolve(TWO, detail="named")
    history.append(
        [
            Allocated(time=1.0, area=ONE, requested=PAGE, added=(ONE,)),
            Noted(time=2.0, message="elsewhere", added=(make_area(90),)),
            Freed(time=3.0, area=ONE, removed=(ONE,), added=(LAZY,)),
            Purged(time=4.0, kind="drain", purged=1, removed=(LAZY,)),
            Allocated(time=5.0, area=TWO, requested=PAGE, added=(TWO,)),
            Noted(time=6.0, message="relabel", removed=(TWO,), added=(named,)),
        ]
    )
    return history


def test_two_lives_of_one_address() -> None:
    lives = tenants(told(), AT)
    assert [(each.area.owner, each.begins, each.ends) for each in lives] == [
        ("area4", 1, 3),
        ("two", 5, None),
    ]
    assert lives[1].area.detail == "named"
    assert [each.text for each in lives] == ["area4 8K, 1.0 to 3.0 s", "two 16K, from 5.0 s on"]


def test_the_words_for_now_before_and_after() -> None:
    lives = tenants(told(), AT)
    assert tenant_text(lives, 2) == "tenant 1 of 2: area4 8K, 1.0 to 3.0 s"
    assert tenant_text(lives, 3) == "nobody now, 1 of 2 before: area4 8K, 1.0 to 3.0 s"
    assert tenant_text(lives, 0) == "nobody yet, 2 to come: area4 8K, 1.0 to 3.0 s"
    assert tenant_text(lives, 6).startswith("tenant 2 of 2: two")
    assert tenant_text((), 6) == "nobody ever lay here"
    assert tenant_at(lives, 4) is None


def test_the_next_and_the_previous_tenant() -> None:
    lives = tenants(told(), AT)
    assert next_tenant(lives, 0, forward=True) is lives[0]
    assert next_tenant(lives, 1, forward=True) is lives[1]
    assert next_tenant(lives, 5, forward=True) is None
    assert next_tenant(lives, 5, forward=False) is lives[0]
    assert next_tenant(lives, 4, forward=False) is lives[0]
    assert next_tenant(lives, 2, forward=False) is None


def test_who_is_there_from_the_beginning_has_no_first_step() -> None:
    history = History(make_layout(), [ONE])
    assert tenants(history, AT)[0].text == "area4 8K, all the time"
    history.append([Freed(area=ONE, removed=(ONE,))])
    assert tenants(history, AT)[0].text == "area4 8K, the beginning to step 1"
    history.append([Allocated(area=TWO, requested=PAGE, added=(TWO,))])
    assert tenants(history, AT)[1].text == "two 16K, from step 2 on"


def test_the_guard_belongs_to_the_tenant_what_lies_beside_does_not() -> None:
    history = told()
    assert tenants(history, ONE.end - 1)
    assert not [each for each in tenants(history, ONE.end) if each.area.owner == "area4"]
    assert tenants(history, 0) == ()


@pytest.mark.parametrize("step", [1000, 30_000, 50_000])
def test_the_tenant_of_a_real_trace_is_what_its_snapshot_has(step: int) -> None:
    history = exhausted()
    snapshot = history.peek(step)
    area = next(area for area in snapshot.areas if area.region == "MOD_TEXT")
    lives = tenants(history, area.start)
    index = tenant_at(lives, step)
    assert index is not None
    assert lives[index].area.start == area.start
    for one, two in pairwise(lives):
        assert one.ends is not None
        assert two.begins is not None
        assert one.ends <= two.begins

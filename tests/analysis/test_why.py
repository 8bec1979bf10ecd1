"""Why here, where next, who is in the way:
against the simulator, brute force and a real exhausted window."""

from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.analysis.in_the_way import fewer_in_the_way, in_the_way
from execmem_tui.analysis.room import Shortage
from execmem_tui.analysis.why import Passed, Why, ask, placed_at, why
from execmem_tui.arch import resolve
from execmem_tui.commands.by_hand import Again
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event, Failed, Purged
from execmem_tui.model.ranges import EXECMEM_ROX_CACHE, ExecmemType, Provenance, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.sources.what_if import what_if
from tests.layouts import PAGE, make_area, make_layout
from tests.recorded import exhausted

KIB, MIB = 1 << 10, 1 << 20
TEXT = ExecmemType.MODULE_TEXT
BASE = 0x1000_0000


@pytest.fixture(scope="module")
def trace() -> History:
    return exhausted()


def snap(*areas: Area, pages: int = 32) -> Snapshot:
    return Snapshot(
        layout=make_layout(pages=pages),
        step=0,
        steps=0,
        areas=tuple(sorted(areas, key=lambda area: area.start)),
        counters=Counters(),
    )


@pytest.mark.parametrize("step", [4680, 4681])
def test_the_spill_of_sctp_on_the_exhausted_arm64(trace: History, step: int) -> None:
    found = why(trace, step)
    assert found is not None
    assert found.shortage is Shortage.EXHAUSTED
    assert found.room.free == found.room.largest == 180 * KIB
    assert found.room.short_by(found.need) == 100 * KIB
    assert found.in_the_way is not None
    assert found.in_the_way.owners == ("bnxt_en",)
    assert found.in_the_way.cost == 144 * KIB
    assert found.in_the_way.leaves == 324 * KIB
    assert [each.window for each in found.tries] == [
        Window.PREFERRED,
        Window.PREFERRED,
        Window.FALLBACK,
    ]
    assert [each.after_purge for each in found.tries] == [False, True, True]
    assert found.agrees
    assert found.purged is not None
    assert found.time == pytest.approx(55.9488, abs=0.0002)


def test_a_fragmented_window_names_the_few_that_pin_it(trace: History) -> None:
    found = ask(trace.peek(35_500), TEXT, 20 * MIB)
    assert found.shortage is Shortage.FRAGMENTED
    assert found.room.free > 20 * MIB > found.room.largest
    assert found.in_the_way is not None
    assert len(found.in_the_way.areas) == 11
    assert found.in_the_way.cost == 200 * KIB
    assert found.in_the_way.leaves / MIB == pytest.approx(20.93, abs=0.01)


@pytest.mark.parametrize(("step", "size"), [(4680, 276 * KIB), (35_500, 20 * MIB)])
def test_what_is_named_makes_room_in_the_simulator(trace: History, step: int, size: int) -> None:
    snapshot = trace.peek(step)
    found = ask(snapshot, TEXT, size)
    assert found.in_the_way is not None
    simulation = what_if(snapshot, "a trace")
    assert set(snapshot.areas) <= set(simulation.history.snapshot().areas)
    again = Again(kind=TEXT, size=size, owner="again")
    simulation.make_room((), again)
    assert _window_of(simulation, "again") in (Window.FALLBACK, None)
    simulation.history.undo()
    simulation.make_room(found.in_the_way.areas, again)
    assert _window_of(simulation, "again") is Window.PREFERRED
    assert simulation.history.undo()
    assert simulation.history.step == 0


def _window_of(simulation: Simulation, owner: str) -> Window | None:
    areas = simulation.history.snapshot().areas
    return next((area.window for area in areas if area.owner == owner), None)


def test_every_placement_of_the_trace_is_where_it_is_said_to_go(trace: History) -> None:
    checked = 0
    events = trace.events(0, trace.steps)
    for index in range(0, trace.steps, 331):
        event = events[index]
        if isinstance(event, Allocated) and event.area.type is not None:
            found = why(trace, index + 1)
            assert found is not None
            assert found.agrees, event.text
            checked += 1
    assert checked > 20


def test_only_placements_and_failures_have_a_reason(trace: History) -> None:
    steps = {type(event).__name__: step for step, event in enumerate(trace.events(0, 300), 1)}
    assert why(trace, steps["Noted"]) is None
    assert why(trace, steps["Freed"]) is None
    blank = next(
        step
        for step, event in enumerate(trace.events(0, 300), 1)
        if not isinstance(event, Failed | Allocated)
    )
    assert why(trace, blank) is None


def test_where_an_area_was_placed_is_found_again(trace: History) -> None:
    trace.seek(5000)
    area = next(area for area in trace.snapshot().areas if area.name == "sctp.text")
    assert placed_at(trace, area) == 4681
    assert placed_at(trace, evolve(area, start=area.start + 1)) is None
    trace.seek(4680)
    assert placed_at(trace, area) is None
    trace.seek(trace.steps)


def test_holes_are_passed_in_order_each_with_its_reason() -> None:
    areas = [
        make_area(2, 3, guard=False),
        evolve(make_area(5, 2, guard=False), state=AreaState.LAZY),
        evolve(make_area(7, 1, guard=False), state=AreaState.POOLED),
        make_area(8, 2, guard=False),
    ]
    found = ask(snap(*areas), TEXT, 3 * PAGE)
    looks = found.tries[0].looks
    assert [(look.start - BASE) // PAGE for look in looks] == [0, 5, 7, 10]
    assert [look.passed for look in looks] == [
        Passed.TOO_SMALL,
        Passed.LAZY,
        Passed.POOLED,
        Passed.TAKEN,
    ]
    assert looks[0].short_by == 2 * PAGE
    assert found.found == BASE + 10 * PAGE
    assert found.shortage is Shortage.NONE
    assert found.in_the_way is None


def test_what_is_lazy_counts_only_after_the_purge() -> None:
    lazy = evolve(make_area(0, 8, guard=False), state=AreaState.LAZY)
    found = ask(snap(lazy, make_area(8, 24, guard=False)), TEXT, 7 * PAGE)
    assert [each.found for each in found.tries] == [None, BASE]
    assert [each.after_purge for each in found.tries] == [False, True]
    full = ask(snap(make_area(0, 32, guard=False)), TEXT, PAGE)
    assert [each.found for each in full.tries] == [None, None]  # it purges whatever there is


def test_alignment_passes_a_hole_that_is_large_enough() -> None:
    found = ask(aligned(make_area(0, 1, guard=False), make_area(7, 1, guard=False)), TEXT, 3 * PAGE)
    first = found.tries[0].looks[0]
    assert first.passed is Passed.MISALIGNED
    assert first.short_by == (8 + 4 - 7) * PAGE
    assert found.found == BASE + 8 * PAGE


def test_a_hole_just_as_large_may_be_misaligned() -> None:
    looks = ask(aligned(make_area(0, 1, guard=False), make_area(5, 3, guard=False)), TEXT, 3 * PAGE)
    first = looks.tries[0].looks[0]
    assert (first.start, first.end) == (BASE + PAGE, BASE + 5 * PAGE)
    assert first.passed is Passed.MISALIGNED
    assert first.short_by == 7 * PAGE, "the next place that is aligned is its end and more"


def test_what_is_in_the_way_makes_room_where_the_request_may_begin() -> None:
    """Page 8 is the only place that is aligned: what lies there is in the way, dear as it is."""
    dear = make_area(8, 3, guard=False)
    cheap = make_area(4, 1, guard=False)
    end = make_area(16, 16, kind=None, guard=False)
    found = ask(aligned(make_area(0, 1, kind=None, guard=False), cheap, dear, end), TEXT, 6 * PAGE)
    assert found.in_the_way is not None
    assert found.in_the_way.areas == (dear,)


def test_a_request_begins_at_a_whole_page_behind_an_image_that_ends_within_one() -> None:
    snapshot = snap()
    symbols = {"_text": BASE, "_end": BASE + PAGE + 16}
    snapshot = evolve(snapshot, layout=evolve(snapshot.layout, symbols=symbols))
    assert ask(snapshot, TEXT, PAGE).found == BASE + 2 * PAGE


def test_what_is_given_back_above_the_taken_hole_is_not_looked_at() -> None:
    lazy = evolve(make_area(20, 2, guard=False), state=AreaState.LAZY)
    found = ask(snap(make_area(0, 2, guard=False), lazy), TEXT, PAGE)
    assert [look.passed for look in found.tries[0].looks] == [Passed.TAKEN]


def aligned(*areas: Area) -> Snapshot:
    """Areas in a window of 32 pages where a request begins at each eighth page only."""
    snapshot = snap(*areas)
    layout = snapshot.layout
    entry = evolve(layout.range_of(TEXT), alignment=8 * PAGE)
    return evolve(snapshot, layout=evolve(layout, types={**layout.types, TEXT: entry}))


def told(*events: Event) -> Why:
    """Why the last of some events is: a window of 32 pages, in which page 0 to 9 are lazy."""
    lazy = evolve(make_area(0, 10, guard=False), state=AreaState.LAZY)
    history = History(make_layout(pages=32), [lazy])
    history.append(events)
    found = why(history, history.steps)
    assert found is not None
    return found


def attempt(pages: int, *, failed: bool = False) -> Failed:
    size = pages * PAGE
    return Failed(type=TEXT, requested=size, owner=None, reason="", attempt=not failed)


def purge(*removed: Area) -> Purged:
    return Purged(kind="purge", purged=len(removed), removed=removed)


def placed(page: int, pages: int) -> Allocated:
    area = make_area(page, pages, kind=TEXT)
    return Allocated(area=area, requested=area.size, added=(area,))


GIVEN_BACK = purge(evolve(make_area(0, 10, guard=False), state=AreaState.LAZY))


@pytest.mark.parametrize(
    ("before", "begins", "purged"),
    [
        pytest.param([attempt(3)], 0, None, id="an attempt"),
        pytest.param([attempt(3), GIVEN_BACK], 0, GIVEN_BACK, id="a purge in between"),
        pytest.param([attempt(3), GIVEN_BACK, attempt(3)], 0, GIVEN_BACK, id="two attempts"),
        pytest.param([attempt(3), GIVEN_BACK, purge()], 0, GIVEN_BACK, id="the first purge counts"),
        pytest.param([placed(20, 1), attempt(3), attempt(3)], 1, None, id="not what was before"),
        pytest.param([attempt(3, failed=True)], 1, None, id="one that failed was another"),
        pytest.param([attempt(4), attempt(3)], 1, None, id="one of another size was another"),
        pytest.param([GIVEN_BACK], 1, None, id="a purge that no attempt waited for"),
        pytest.param([], 0, None, id="none"),
    ],
)
def test_a_request_began_with_its_first_attempt(
    before: list[Event], begins: int, purged: Purged | None
) -> None:
    found = told(*before, placed(12, 3))
    assert (found.before.step, found.purged) == (begins, purged)


def test_what_asked_for_no_execmem_or_has_no_window_has_no_reason() -> None:
    areas = [make_area(1, kind=None), make_area(3, kind=TEXT)]
    layout = make_layout()
    unknown = evolve(layout.range_of(TEXT), start=0, end=0, provenance=Provenance.UNKNOWN)
    history = History(evolve(layout, types={**layout.types, TEXT: unknown}))
    history.append(Allocated(area=area, requested=PAGE, added=(area,)) for area in areas)
    assert why(history, 1) is None
    assert why(history, 2) is None


@pytest.mark.parametrize(
    ("pieces", "looks", "found"),
    [
        pytest.param([(2, 3)], [3], 2, id="taken"),
        pytest.param([(2, 2), (8, 3), (20, 9)], [2, 3], 8, id="the lowest that is long enough"),
        pytest.param([(-2, 8), (8, 3)], [3], 8, id="one that begins below is none of the window's"),
        pytest.param([(28, 4)], [4], 28, id="it ends below the window's end"),
        # mm/execmem.c: within_range wants it strictly below
        pytest.param([(29, 3)], [3], None, id="it would end with the window"),
    ],
)
def test_which_piece_of_a_rox_block_answers(
    pieces: list[tuple[int, int]], looks: list[int], found: int | None
) -> None:
    areas = [
        evolve(make_area(at, pages, guard=False), state=AreaState.CACHE_FREE)
        for at, pages in pieces
    ]
    searched = ask(rox(snap(*areas)), TEXT, 3 * PAGE).tries[0]
    assert searched.cache
    assert [(look.end - look.start) // PAGE for look in searched.looks] == looks
    assert searched.found == (None if found is None else BASE + found * PAGE)


def test_a_rox_block_is_taken_with_its_guard_page() -> None:
    """A huge page fills the 512 pages below, but has no room for its guard page there."""
    snapshot = rox(snap(make_area(512, 512, guard=False), pages=2048))
    assert ask(snapshot, TEXT, PAGE).found == BASE + 1024 * PAGE


def rox(snapshot: Snapshot) -> Snapshot:
    layout = snapshot.layout
    entry = evolve(layout.range_of(TEXT), flags=(EXECMEM_ROX_CACHE,))
    return evolve(snapshot, layout=evolve(layout, types={**layout.types, TEXT: entry}))


@st.composite
def crowds(draw: st.DrawFn) -> list[Area]:
    areas, page = [], 0
    while page < 30:
        page += draw(st.integers(0, 3))
        pages = draw(st.integers(1, 3))
        if page + pages > 32:
            break
        kind = draw(st.sampled_from([ExecmemType.BPF, ExecmemType.MODULE_TEXT, None]))
        area = make_area(page, pages, kind=kind, guard=False)
        state = draw(st.sampled_from([AreaState.LIVE, AreaState.LIVE, AreaState.CACHE_FREE]))
        areas.append(evolve(area, state=state))
        page += pages
    return areas


@given(crowds(), st.integers(1, 20), st.sampled_from([1, 4]))
@settings(max_examples=300, deadline=None)
def test_the_cheapest_run_is_what_trying_all_runs_finds(
    areas: list[Area], need: int, align: int
) -> None:
    end = BASE + 32 * PAGE
    found = in_the_way(snap(*areas), BASE, end, need * PAGE, align * PAGE)
    best: tuple[int, int, int] | None = None
    for first in range(len(areas)):
        for last in range(first, len(areas)):
            run = areas[first : last + 1]
            if any(area.type is None or area.state is not AreaState.LIVE for area in run):
                continue
            low = areas[first - 1].end if first else BASE
            high = areas[last + 1].start if last + 1 < len(areas) else end
            if -(-low // (align * PAGE)) * align * PAGE + need * PAGE <= high:
                rank = (sum(area.footprint for area in run), len(run), run[0].start)
                best = rank if best is None else min(best, rank)
    if best is None:
        assert found is None
    else:
        assert found is not None
        assert (found.cost, len(found.areas), found.areas[0].start) == best
        assert found.leaves >= need * PAGE
        assert all(one.end <= two.start for one, two in pairwise(found.areas))


@given(crowds(), st.integers(1, 20))
@settings(max_examples=300, deadline=None)
def test_few_go_rather_than_many_that_cost_hardly_less(areas: list[Area], need: int) -> None:
    areas = [evolve(area, owner=f"owner {number // 2}") for number, area in enumerate(areas)]
    window = BASE, BASE + 32 * PAGE
    cheapest = in_the_way(snap(*areas), *window, need * PAGE)
    if cheapest is None:
        return
    found = fewer_in_the_way(snap(*areas), window, need * PAGE, 1, (), cheapest)
    if found != cheapest:
        assert cheapest.cost <= found.cost <= cheapest.cost * 9 // 8
        assert len(found.owners) * 2 <= len(cheapest.owners)
        assert found.leaves >= need * PAGE


def test_one_large_module_is_named_where_many_small_ones_cost_hardly_less() -> None:
    """After `B` on x86, 81 modules were to go for a request of 8M; one of 8M does."""
    small = [make_area(page, 1, guard=False) for page in range(15)]
    large = make_area(16, 16, guard=False)
    found = ask(snap(*small, large), TEXT, 15 * PAGE)
    assert found.cheapest is not None
    assert len(found.cheapest.owners) == 15
    assert found.cheapest.cost == 15 * PAGE
    assert found.in_the_way is not None
    assert found.in_the_way.areas == (large,)
    dear = ask(snap(*small[:13], large), TEXT, 13 * PAGE)
    assert dear.in_the_way == dear.cheapest
    assert dear.cheapest is not None
    assert len(dear.cheapest.owners) == 11, "an eighth more is hardly more, a quarter is not"


def test_who_is_needed_is_not_in_the_way() -> None:
    cheap, dear = make_area(4, 1, guard=False), make_area(20, 2, guard=False)
    areas = (cheap, dear, make_area(12, 1, kind=None, guard=False))
    found = in_the_way(snap(*areas), BASE, BASE + 32 * PAGE, 12 * PAGE)
    assert found is not None
    assert found.owners == (cheap.owner,)
    found = in_the_way(snap(*areas), BASE, BASE + 32 * PAGE, 12 * PAGE, needed=("area4",))
    assert found is not None
    assert found.owners == (dear.owner,)


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=40), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_the_simulator_goes_where_it_is_said_to_go(
    steps: list[tuple[int, bool]], request: int
) -> None:
    simulation = open_simulation("arm64", "7.1", None, "off")
    live: list[int] = []
    for pages, frees in steps:
        if frees and live:
            simulation.free(live.pop(pages % len(live)))
        else:
            simulation.allocate(TEXT, pages * MIB // 4)
            event = _placement(simulation)
            if event is not None:
                live.append(event.area.start)
    expected = ask(simulation.history.snapshot(), TEXT, request * MIB)
    simulation.allocate(TEXT, request * MIB)
    actual = _placement(simulation)
    assert (None if actual is None else actual.area.start) == expected.found


def _placement(simulation: Simulation) -> Allocated | None:
    events = simulation.history.group()
    return next((event for event in events if isinstance(event, Allocated)), None)


def test_a_module_that_spilled_fits_once_those_in_its_way_are_gone() -> None:
    booted = open_booted("arm64")
    booted.fill()
    history = booted.history
    group = history.group()
    index = next(
        i for i, event in enumerate(group) if isinstance(event, Allocated) and event.fallback
    )
    found = why(history, history.step - len(group) + index + 1, booted.needed_by("ath12k"))
    assert found is not None
    assert found.actual is not None
    assert found.in_the_way is not None
    assert not set(found.in_the_way.owners) & set(booted.needed_by("ath12k"))
    assert booted.users_of("sunrpc")[:2] == ("lockd", "nfs")
    assert len(booted.users_of("sunrpc")) == 6
    assert booted.users_of("nosuch") == booted.users_of("ath12k") == ()
    before = history.snapshot().areas
    booted.make_room(
        found.in_the_way.areas,
        Again(kind=TEXT, size=found.requested, owner="ath12k", module="ath12k"),
    )
    text = next(area for area in history.snapshot().areas if area.name == "ath12k.text")
    assert text.window is Window.PREFERRED
    assert history.undo()
    assert history.snapshot().areas == before


def test_a_failure_is_explained_by_both_windows() -> None:
    simulation = open_simulation("arm64", "7.1", None, "off")
    simulation.allocate(TEXT, 3 << 30)
    step = next(
        step
        for step, event in enumerate(simulation.history.events(), 1)
        if isinstance(event, Failed) and not event.attempt
    )
    found = why(simulation.history, step)
    assert found is not None
    assert found.found is None
    windows = [Window.PREFERRED, Window.PREFERRED, Window.FALLBACK]
    assert [each.window for each in found.tries] == windows
    assert resolve("arm64").range_of(TEXT).fallback_start == found.tries[2].start


def test_where_there_is_a_rox_cache_its_pieces_come_first() -> None:
    booted = open_booted("x86")
    history = booted.history
    checked = 0
    for step, event in enumerate(history.events(0, history.steps), 1):
        if isinstance(event, Allocated) and event.area.type is not None and step % 41 == 0:
            found = why(history, step)
            assert found is not None
            assert found.agrees, event.text
            checked += 1
    assert checked > 20


@pytest.mark.parametrize("size", [4 * KIB, 64 * KIB, MIB, 3 * MIB, 8 * MIB])
@pytest.mark.parametrize("full", [False, True])
def test_what_a_rox_cache_answers_is_what_the_simulator_does(size: int, full: bool) -> None:
    booted = open_booted("x86")
    if full:
        booted.fill()
    expected = booted.preview_allocate(TEXT, size)
    found = ask(booted.history.snapshot(), TEXT, size)
    assert found.found == next((area.start for area in expected.areas), None)
    assert found.tries[0].cache

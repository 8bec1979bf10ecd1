"""The lenses *permission* and *age*: told from events, unknown where nothing tells."""

from collections import Counter

import pytest
from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import KERNEL_OWNER, Area, AreaState
from execmem_tui.model.events import Allocated, Event, Noted, PermissionsChanged
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import Recording, SourceKind
from execmem_tui.sources.booted import open_booted
from execmem_tui.view.filter import parse_filter
from execmem_tui.view.kinds import LENS_LOOKS
from execmem_tui.view.lens_tables import LensTables, why_unknown
from execmem_tui.view.paint import LensName
from execmem_tui.view.painter import Painter, Wanted
from execmem_tui.view.plain import legend_entries, plain_map
from tests.layouts import PAGE

ARM64 = resolve("arm64")
NEAR = ARM64.range_of(ExecmemType.MODULE_TEXT).start


def area(page: int, kind: ExecmemType | None = ExecmemType.MODULE_TEXT) -> Area:
    return Area(start=NEAR + page * PAGE, size=PAGE, guard=PAGE, type=kind, owner=f"m{page}")


def placed(each: Area, time: float | None = None) -> Allocated:
    return Allocated(area=each, requested=PAGE, added=(each,), time=time)


def recorded(*events: Event, kind: SourceKind = SourceKind.REPLAY) -> Recording:
    history = History(ARM64, [area(0)])
    history.extend(events)
    return Recording(kind, "a trace", history)


def test_permissions_of_a_laptop_are_those_that_its_loader_left() -> None:
    """Text runs and is read-only, data is writable, constants are neither; nothing is both."""
    booted = open_booted("arm64")
    lens = LensTables().permission(booted, booted.history.steps)
    looks: dict[str, Counter[str]] = {}
    for each in booted.history.snapshot().areas:
        looks.setdefault(each.region or each.kind, Counter())[lens(each)] += 1
    assert looks["MOD_TEXT"].keys() == {"permission-rx"}
    assert looks["MOD_RODATA"].keys() == {"permission-ro"}
    assert looks["MOD_DATA"].keys() == {"permission-rw"}
    assert looks["bpf"].keys() == {"permission-rx"}
    assert looks["kernel"].keys() == {"kernel"}
    assert why_unknown(LensName.PERMISSION, booted) == ""


def test_code_may_be_written_until_the_loader_takes_that_away() -> None:
    """arm allocates module text with PAGE_KERNEL_EXEC; a step later it is read-only."""
    booted = open_booted("arm")
    history, tables = booted.history, LensTables()
    step = next(
        number
        for number, event in enumerate(history.events(0, history.steps), 1)
        if isinstance(event, Allocated) and event.area.region == "MOD_TEXT"
    )
    text = history.events(step - 1, step)[0].added[0]
    before = tables.permission(booted, step)(text)
    after = tables.permission(booted, history.steps)(text)
    assert (before, after) == ("permission-rwx", "permission-rx")


def test_what_nothing_tells_is_unknown() -> None:
    trace = recorded(placed(area(4)))
    lens = LensTables().permission(trace, 1)
    assert lens(area(4)) == "permission-unknown"
    assert why_unknown(LensName.PERMISSION, trace) == "nothing here tells of permissions"
    change = PermissionsChanged(start=area(6).start, size=PAGE, permissions="rox")
    told = recorded(placed(area(6)), change)
    lens = LensTables().permission(told, 2)
    assert lens(area(6)) == "permission-rx"
    assert lens(area(0)) == "permission-unknown"  # there before the first event
    assert why_unknown(LensName.PERMISSION, told) == ""


def test_without_strict_module_rwx_all_is_as_it_was_allocated() -> None:
    """loongarch's loader changes nothing, and PAGE_KERNEL may be run there."""
    booted = open_booted("loongarch")
    assert not booted.history.layout.capability.strict_module_rwx
    snapshot = booted.history.snapshot()
    text = next(each for each in snapshot.areas if each.region == "MOD_TEXT")
    assert LensTables().permission(booted, snapshot.step)(text) == "permission-rwx"
    painted = Painter().paint(snapshot, booted, Wanted(filter="rwx"))
    assert painted.filter is not None
    assert painted.filter(text)


def test_what_is_not_live_or_not_execmem_keeps_its_kind() -> None:
    trace = recorded(placed(area(4)))
    permission, age = LensTables().permission(trace, 1), LensTables().age(trace, 1)
    image = evolve(area(8, None), owner=KERNEL_OWNER)
    for each in (evolve(area(4), state=AreaState.LAZY), image):
        assert permission(each) == age(each) == each.kind
    assert permission(area(8, None)) == "other"
    assert age(area(8, None)) == "age-before"


@pytest.mark.parametrize(
    ("ago", "word"),
    [(0, "10"), (9, "10"), (10, "100"), (99, "100"), (100, "1000"), (999, "1000"), (1000, "older")],
)
def test_age_in_events(ago: int, word: str) -> None:
    others = [placed(area(10 + number)) for number in range(ago)]
    trace = recorded(placed(area(4)), *others)
    assert LensTables().age(trace, 1 + ago)(area(4)) == f"age-{word}"


@pytest.mark.parametrize(
    ("ago", "word"),
    [(0.5, "1s"), (1.0, "10s"), (9.9, "10s"), (10.0, "100s"), (99.0, "100s"), (100.0, "older")],
)
def test_age_in_seconds_where_events_have_times(ago: float, word: str) -> None:
    trace = recorded(placed(area(4), 50.0), placed(area(6), 50.0 + ago))
    assert LensTables().age(trace, 2)(area(4)) == f"age-{word}"


def test_before_the_first_event_and_without_any() -> None:
    trace = recorded(placed(area(4)))
    assert LensTables().age(trace, 1)(area(0)) == "age-before"
    listed = Noted(message="0-boot", added=(area(4),))
    for capture in (recorded(kind=SourceKind.CAPTURE), recorded(listed, kind=SourceKind.CAPTURE)):
        assert LensTables().age(capture, capture.history.steps)(area(0)) == "age-unknown"
        assert LensTables().age(capture, capture.history.steps)(area(4)) == "age-unknown"
        assert why_unknown(LensName.AGE, capture) == "no events here: ages are not known"
    later = recorded(listed, Noted(message="1-modules", added=(area(6),)))
    assert LensTables().age(later, 2)(area(4)) == "age-before"
    assert LensTables().age(later, 2)(area(6)) == "age-10"
    assert why_unknown(LensName.AGE, trace) == ""
    assert why_unknown(LensName.KIND, capture) == ""


def test_a_lens_is_the_same_while_its_words_are() -> None:
    """What blocks of areas remember of it is then still true."""
    trace = recorded(placed(area(4)), placed(area(6)))
    tables = LensTables()
    first = tables.permission(trace, 1)
    assert tables.permission(trace, 2) is first
    aged = tables.age(trace, 1)
    assert tables.age(trace, 2) is not aged
    assert tables.age(trace, 2) is tables.age(trace, 2)


@pytest.mark.parametrize("lens", [LensName.PERMISSION, LensName.AGE, LensName.REACH])
def test_the_plain_map_has_a_legend_for_what_a_lens_shows(lens: LensName) -> None:
    booted = open_booted("arm64")
    snapshot: Snapshot = booted.history.snapshot()
    paint = Painter().paint(snapshot, booted, Wanted(lens=lens))
    legend = legend_entries(paint.lens, snapshot.areas)
    if lens is LensName.REACH:  # without an origin there is nothing to tell
        assert legend == legend_entries()
        return
    told = {paint.lens(each) for each in snapshot.areas} & LENS_LOOKS.keys()
    assert told
    assert not any("unknown" in entry for entry in legend)
    for name in told:
        assert f"{LENS_LOOKS[name].letter} {LENS_LOOKS[name].label}" in legend
    lines = plain_map(snapshot, "x", paint=paint)
    assert "  ".join(legend) in "  ".join(lines)
    assert lines != plain_map(snapshot, "x")


def test_rwx_asks_for_nothing_where_nothing_tells() -> None:
    trace = recorded(placed(area(4)))
    painted = Painter().paint(trace.history.snapshot(), trace, Wanted(filter="rwx"))
    assert painted.filter == parse_filter("rwx")

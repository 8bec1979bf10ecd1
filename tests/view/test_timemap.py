"""Address x time: exact at the steps it names, however it is cut, and however the history grows."""

from collections import Counter
from math import isnan
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Noted, Purged
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.sources.booted import open_booted
from execmem_tui.view.timemap import MarkKind, Scale, TimeMap, marks, name_at
from execmem_tui.view.timerecord import SAMPLES, Stretch, TimeRecord, key_of, kind_of
from tests.recorded import exhausted

MIB = 1 << 20
TYPES = (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)
ARM64 = resolve("arm64")
NEAR = ARM64.range_of(ExecmemType.MODULE_TEXT)


@pytest.fixture(scope="module")
def trace() -> History:
    return exhausted()


@pytest.fixture(scope="module")
def record(trace: History) -> TimeRecord:
    return TimeRecord(trace, TYPES)


def check_column(history: History, shown: TimeMap, column: int) -> None:
    """Compare a column with the snapshot of its step, half row by half row."""
    snapshot = history.peek(shown.steps[column])
    for half, cells in zip(shown.halves, shown.cells, strict=True):
        sums: Counter[int] = Counter()
        for area in snapshot.between(half.start, half.end):
            low, high = max(area.start, half.start), min(area.end, half.end)
            if not _in_image(area):
                sums[key_of(area)] += high - low
        cell = cells[column]
        if not sums:
            assert cell.kind is None
            assert cell.eighths == 0
            continue
        used, most = sum(sums.values()), max(sums.values())
        assert cell.kind is not None
        assert max(1, used * 8 // (half.end - half.start)) == cell.eighths
        assert (cell.kind, cell.fallback) in {
            kind_of(key) for key, size in sums.items() if size == most
        }


def _in_image(area: Area) -> bool:
    image = ARM64.image
    return image is not None and image[0] <= area.start < image[1]


@pytest.mark.parametrize(("lines", "columns"), [(30, 96), (6, 120), (3, 40), (1, 7)])
def test_random_columns_are_the_snapshots_of_their_steps(
    trace: History, record: TimeRecord, lines: int, columns: int
) -> None:
    shown = TimeMap(record, lines, columns)
    assert len(shown.lines) <= lines
    assert len(shown.steps) == columns
    assert shown.steps == sorted(shown.steps)
    assert shown.steps[-1] == trace.steps
    random = Random(lines)
    for column in {0, columns - 1, *(random.randrange(columns) for _ in range(4))}:
        check_column(trace, shown, column)


def test_the_exhausted_trace_shows_both_spills_and_the_removal_between(record: TimeRecord) -> None:
    shown = TimeMap(record, 30, 96)
    fallback = [
        [cell.fallback for cell in cells]
        for half, cells in zip(shown.halves, shown.cells, strict=True)
        if half.end <= NEAR.fallback_start + 512 * MIB
    ]
    filled = [sum(column) for column in zip(*fallback, strict=True)]
    assert filled[0] == 0
    assert max(filled) > len(fallback) * 0.8
    folds = [line for line in shown.lines if line.fold]
    assert [line.text for line in folds] == ["1.8G never used"]
    first, last = shown.column_of(4681), shown.column_of(30_565)
    again = shown.column_of(44_585)
    spills = shown.spills
    assert not any(spills[:first])
    assert all(spills[first : last + 1])
    assert not any(spills[last + 1 : shown.column_of(43_757)])
    assert sum(spills[again:]) == 1698
    assert sum(spills) == len(record.spilled)
    near = [
        [cell.eighths for cell in cells]
        for half, cells in zip(shown.halves, shown.cells, strict=True)
        if half.start >= 0xFFFF80007AF00000
    ]
    used = [sum(column) for column in zip(*near, strict=True)]
    assert min(used[last + 4 : again - 4]) < 0.75 * used[first]


def test_marks_stand_only_where_something_changes(record: TimeRecord) -> None:
    found = [(mark.step, mark.kind) for mark in marks(record)]
    assert found == [
        (4681, MarkKind.SPILL_BEGINS),
        (30_565, MarkKind.SPILL_ENDS),
        (43_757, MarkKind.SPILL_BEGINS),
        (43_878, MarkKind.SPILL_ENDS),
        (44_585, MarkKind.SPILL_BEGINS),
        (57_026, MarkKind.SPILL_ENDS),
    ]
    assert marks(record)[0].text == "the first of 3,380 spills"
    assert name_at(record, 4681) == "lab: insmod sctp begin"
    assert name_at(record, 10) == ""


def test_seconds_divide_time_and_not_events(record: TimeRecord) -> None:
    shown = TimeMap(record, 6, 50, Scale.SECONDS)
    events = TimeMap(record, 6, 50)
    assert len(shown.steps) == len(events.steps) == 50
    assert shown.steps[-1] == events.steps[-1]
    assert shown.steps != events.steps
    times = {step: time for step, time, _ in record.samples()}
    first = next(time for time in times.values() if not isnan(time))
    last = times[shown.steps[-1]]
    for column in (10, 25, 40):
        until = first + (last - first) * (column + 1) / 50
        assert times[shown.steps[column]] <= until


def area(start: int, size: int, **more: object) -> Area:
    return Area(start=start, size=size, **more)  # type: ignore[arg-type]


def test_a_new_area_is_followed_where_rows_are_and_read_anew_elsewhere() -> None:
    history = History(ARM64)
    one = area(NEAR.start, 4 * MIB, type=ExecmemType.MODULE_TEXT)
    history.append([Allocated(area=one, requested=1, added=(one,))])
    record = TimeRecord(history, TYPES)
    assert not record.follow()
    two = area(NEAR.start + 4 * MIB, 32 * MIB, type=ExecmemType.MODULE_TEXT)
    history.append([Allocated(area=two, requested=1, added=(two,))])
    assert record.follow()
    far = area(NEAR.fallback_start, MIB, type=ExecmemType.MODULE_TEXT, window=Window.FALLBACK)
    history.append([Allocated(area=far, requested=1, added=(far,))])
    assert record.follow()
    assert len(record.stretches) == 2
    assert list(record.spilled) == [3]
    shown = TimeMap(record, 9, 30)
    for column in range(30):
        check_column(history, shown, column)


def test_what_was_taken_back_is_noticed_even_if_as_much_came() -> None:
    history = History(ARM64)
    one, two = (area(NEAR.start + at * MIB, MIB, owner=str(at)) for at in (0, 8))
    history.append([Allocated(area=one, requested=1, added=(one,))])
    record = TimeRecord(history, TYPES)
    history.seek(0)
    history.truncate()
    history.append([Allocated(area=two, requested=1, added=(two,))])
    assert record.follow()
    assert record.stretches[0].start == two.start
    history.append([Noted(message="x")])
    history.seek(0)
    history.truncate()
    assert record.follow()
    assert record.step == 0
    assert not TimeMap(record, 3, 3).lines


def test_a_limited_history_that_drops_events_is_read_anew() -> None:
    history = History(ARM64, limit=8)
    record = TimeRecord(history, TYPES)
    for at in range(40):
        one = area(NEAR.start + at * MIB, MIB)
        history.append([Allocated(area=one, requested=1, added=(one,))])
        record.follow()
    assert record.first_step == history.first_step > 0
    shown = TimeMap(record, 8, 8)
    for column in range(8):
        check_column(history, shown, column)


@st.composite
def histories(draw: st.DrawFn) -> list[list[Event]]:
    """Batches of allocations and frees on 24 places, near and far."""
    places = [NEAR.start + at * 3 * MIB for at in range(20)]
    places += [NEAR.fallback_start + at * MIB for at in range(4)]
    live: dict[int, Area] = {}
    batches: list[list[Event]] = []
    for _ in range(draw(st.integers(1, 6))):
        batch: list[Event] = []
        for at in draw(st.lists(st.integers(0, 23), max_size=60)):
            start = places[at]
            if start in live:
                gone = live.pop(start)
                batch.append(Freed(area=gone, removed=(gone,)))
            else:
                window = Window.FALLBACK if at >= 20 else Window.PREFERRED
                kind = TYPES[at % 2]
                one = area(start, MIB // (1 + at % 3), type=kind, window=window, guard=4096)
                live[start] = one
                batch.append(Allocated(area=one, requested=1, added=(one,)))
        batches.append(batch)
    return batches


@given(histories(), st.integers(1, 12), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_following_gives_what_reading_at_once_gives(
    batches: list[list[Event]], lines: int, columns: int
) -> None:
    history = History(ARM64)
    record = TimeRecord(history, TYPES)
    for batch in batches:
        history.append(batch)
        record.follow()
    fresh = TimeRecord(history, TYPES)
    shown, expected = TimeMap(record, lines, columns), TimeMap(fresh, lines, columns)
    assert list(record.spilled) == list(fresh.spilled)
    for column in range(columns):
        check_column(history, shown, column)
        check_column(history, expected, column)


def test_samples_are_thinned_and_stay_exact() -> None:
    history = History(ARM64)
    one = area(NEAR.start, MIB)
    history.append([Allocated(area=one, requested=1, added=(one,))])
    record = TimeRecord(history, TYPES)
    random = Random(3)
    there: Area | None = one
    for _ in range(40):
        batch: list[Event] = []
        for _ in range(random.randrange(200)):
            if there is None:
                there = area(NEAR.start, MIB // random.randrange(1, 9))
                batch.append(Allocated(area=there, requested=1, added=(there,)))
            else:
                batch.append(Freed(area=there, removed=(there,)))
                there = None
        history.append(batch)
        record.follow()
    assert history.steps > 2 * SAMPLES
    assert len(record.steps) <= 2 * SAMPLES
    shown = TimeMap(record, 2, 64)
    for column in range(64):
        check_column(history, shown, column)


def test_addresses_and_lines_find_each_other(record: TimeRecord) -> None:
    shown = TimeMap(record, 12, 20)
    for number, line in enumerate(shown.lines):
        start = shown.address_at(number)
        assert start == line.start
        assert shown.line_of(start) == number
        lower = shown.address_at(number, lower=True)
        assert lower is not None
        assert (lower > line.start) == (not line.fold)
    assert shown.address_at(len(shown.lines)) is None
    assert shown.address_at(-1) is None
    assert shown.line_of(0) is None
    assert shown.column_of(0) == 0
    assert shown.column_of(10**9) == 19


def test_failures_purges_and_names_are_marked() -> None:
    history = History(ARM64)
    lazy = area(NEAR.start, 4 * MIB, state=AreaState.LAZY)
    small = area(NEAR.start + 8 * MIB, MIB, state=AreaState.LAZY)
    failed = Failed(type=None, requested=1, owner=None, reason="")
    history.append(
        [
            Noted(message="begin", added=(lazy, small), mark=True),
            failed,
            failed,
            Failed(type=None, requested=1, owner=None, reason="", attempt=True),
            Purged(kind="drain", purged=1, removed=(small,)),
            Purged(kind="reclaim", purged=1, removed=(lazy,)),
        ]
    )
    record = TimeRecord(history, (ExecmemType.MODULE_TEXT,))
    assert list(record.failed) == [2, 3]
    texts = [(mark.step, mark.text) for mark in marks(record)]
    assert (1, "begin") in texts
    assert (2, "a request fails, the first of 2") in texts
    assert all(step != 5 for step, _ in texts)


def test_a_booted_machine_fills_its_strip() -> None:
    booted = open_booted("arm64")
    record = TimeRecord(booted.history, TYPES)
    shown = TimeMap(record, 3, 100)
    assert [cell.eighths for cell in shown.cells[0]][-1] == 8
    assert len(shown.lines) == 3
    booted.fill()
    assert record.follow()
    assert TimeMap(record, 5, 100).spills[-1] >= 1


def cut(lines: int, *stretches: tuple[int, int, int]) -> list[tuple[int, int, bool]]:
    """Where so many lines begin and end, MiB, and whether each is a fold."""
    record = TimeRecord(History(ARM64), TYPES)
    first, found = 0, []
    for low, high, rows in stretches:
        found.append(Stretch(low * MIB, high * MIB, first, rows, -(-(high - low) * MIB // rows)))
        first += rows
    record.stretches = tuple(found)
    shown = TimeMap(record, lines, 1)
    return [(line.start // MIB, line.end // MIB, line.fold) for line in shown.lines]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(1, [(100, 340, False)], id="the larger one"),
        pytest.param(2, [(0, 80, False), (100, 340, False)], id="in the order of addresses"),
        pytest.param(
            4,
            [(0, 80, False), (100, 180, False), (180, 260, False), (260, 340, False)],
            id="too few for a fold",
        ),
        pytest.param(
            5,
            [
                (0, 80, False),
                (80, 100, True),
                (100, 180, False),
                (180, 260, False),
                (260, 340, False),
            ],
            id="a fold between them",
        ),
        pytest.param(
            6,
            [
                (0, 80, False),
                (80, 100, True),
                *((low, low + 60, False) for low in range(100, 340, 60)),
            ],
            id="what is left over is the larger one's",
        ),
    ],
)
def test_lines_are_shared_out_by_size(lines: int, expected: list[tuple[int, int, bool]]) -> None:
    assert cut(lines, (0, 80, 80), (100, 340, 240)) == expected


def test_no_line_has_less_than_two_rows() -> None:
    assert cut(9, (0, 8, 4)) == [(0, 4, False), (4, 8, False)]
    assert cut(9, (0, 8, 2)) == [(0, 8, False)]
    assert cut(9) == []


def test_where_there_is_no_room_one_column_is_made() -> None:
    history = History(ARM64)
    history.append([Noted(message="x")])
    shown = TimeMap(TimeRecord(history, TYPES), 0, 0)
    assert (shown.columns, shown.steps) == (1, [1])


def test_without_times_seconds_are_events() -> None:
    history = History(ARM64)
    history.append(Noted(message=str(number)) for number in range(10))
    record = TimeRecord(history, TYPES)
    assert (
        TimeMap(record, 3, 5, Scale.SECONDS).steps
        == TimeMap(record, 3, 5).steps
        == [2, 4, 6, 8, 10]
    )

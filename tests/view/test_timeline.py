"""The words and bars beside address x time."""

import pytest

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Allocated, Noted
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters
from execmem_tui.view.timeline import (
    cell_words,
    count_bars,
    fill_bars,
    gutter,
    mark_columns,
    mark_words,
    scale_line,
    span_words,
    step_time,
    strip_height,
    where,
)
from execmem_tui.view.timemap import Mark, MarkKind, Scale, TimeLine, TimeMap, marks
from execmem_tui.view.timerecord import TimeRecord
from tests.recorded import exhausted

MIB = 1 << 20
TEXT = ExecmemType.MODULE_TEXT
TYPES = (TEXT, ExecmemType.MODULE_DATA)
ARM64 = resolve("arm64")


@pytest.fixture(scope="module")
def record() -> TimeRecord:
    return TimeRecord(exhausted(), TYPES)


def test_the_strip_grows_with_the_terminal() -> None:
    assert [strip_height(rows, 2) for rows in (24, 35, 36, 40, 45, 50, 80)] == [1, 1, 4, 5, 5, 6, 8]
    assert [strip_height(80, steps) for steps in (0, 1, 2)] == [1, 1, 8]


def test_bars_are_relative_and_any_at_all_shows() -> None:
    assert count_bars((0, 1, 50, 100)) == " ▁▄█"
    assert count_bars((0, 0)) == "  "
    assert count_bars(()) == ""


def test_the_bars_of_use_rise_and_fall_with_the_trace(record: TimeRecord) -> None:
    bars = fill_bars(TimeMap(record, 6, 100))
    assert len(bars) == 100
    assert bars[0] < bars[20] < bars[45]
    assert bars[70] < bars[45]
    empty = TimeRecord(History(ARM64), TYPES)
    assert fill_bars(TimeMap(empty, 3, 5)) == "     "


def test_marks_fall_on_their_columns_the_more_telling_first(record: TimeRecord) -> None:
    shown = TimeMap(record, 6, 100)
    found = mark_columns(shown, marks(record))
    assert found[shown.column_of(4681)].kind is MarkKind.SPILL_BEGINS
    same = [Mark(9, MarkKind.NAME, "n"), Mark(9, MarkKind.FAILURE, "f")]
    assert mark_columns(shown, same)[shown.column_of(9)].text == "f"


def test_where_one_is(record: TimeRecord) -> None:
    words = where(record, 4681, Counters(fallbacks=1), 1)
    assert words == "step 4,681 of 57,065 · 55.949 s · lab: insmod sctp begin · △ 1 spilled so far"
    words = where(record, 0, Counters(failures=2), 0)
    assert words == "step 0 of 57,065 · nothing spilled · ✗ 2 failed"
    captured = where(record, 0, Counters(), 2310)
    assert captured.endswith(" · ▲ 2,310 spilled"), "the title of a capture said so, the line not"


def test_the_time_of_a_step_is_that_of_the_last_event_that_has_one() -> None:
    history = History(ARM64)
    history.append([Noted(message="a", time=2.5), Noted(message="b"), Noted(message="c")])
    assert [step_time(history, step) for step in range(4)] == [None, 2.5, 2.5, 2.5]


def test_the_gutter_says_the_address_or_the_window() -> None:
    entry = ARM64.range_of(TEXT)
    near = TimeLine(entry.start, entry.start + MIB, ())
    assert gutter(ARM64, TEXT, near, 7) == "⋯      "
    half = TimeMap(_one(entry.start), 1, 3).lines[0]
    assert gutter(ARM64, TEXT, half, 7) == "near   "
    assert gutter(ARM64, TEXT, half, 17) == f"{entry.start:x} "
    far = TimeMap(_one(entry.fallback_start, Window.FALLBACK), 1, 3).lines[0]
    assert gutter(ARM64, TEXT, far, 7) == "far    "


def test_the_gutter_names_a_window_once_and_counts_from_its_start() -> None:
    entry = ARM64.range_of(TEXT)
    first, second = (
        TimeMap(_one(entry.start + offset), 1, 3).lines[0] for offset in (0, 18 * MIB + MIB // 2)
    )
    assert gutter(ARM64, TEXT, first, 7) == "near   "
    assert gutter(ARM64, TEXT, second, 7) == "near   "
    assert gutter(ARM64, TEXT, second, 7, first) == "+18.5M "
    far = TimeMap(_one(entry.fallback_start, Window.FALLBACK), 1, 3).lines[0]
    assert gutter(ARM64, TEXT, first, 7, far) == "near   "
    deep = TimeMap(_one(entry.fallback_start + 1002 * MIB + MIB // 2, Window.FALLBACK), 1, 3)
    assert gutter(ARM64, TEXT, deep.lines[0], 7, far) == "+1002M "


def _one(start: int, window: Window = Window.PREFERRED) -> TimeRecord:
    history = History(ARM64)
    area = Area(start=start, size=MIB, type=TEXT, window=window)
    history.append([Allocated(area=area, requested=1, added=(area,), time=1.5)])
    return TimeRecord(history, TYPES)


def test_the_scale_is_of_round_steps_or_seconds(record: TimeRecord) -> None:
    shown = TimeMap(record, 6, 100)
    line = scale_line(shown, record, 100)
    assert line.split() == ["10,000", "20,000", "30,000", "40,000", "50,000"]
    # each begins where so much is shown first
    for label in line.split():
        column, step = line.index(label), int(label.replace(",", ""))
        assert shown.steps[column - 1] < step <= shown.steps[column]
    timed = TimeMap(record, 6, 100, Scale.SECONDS)
    assert scale_line(timed, record, 100).split() == ["200", "s", "400", "s", "600", "s"]
    assert scale_line(timed, record, 180).split()[::2][:3] == ["100", "200", "300"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ([2.0, 3.0, 4.0], "2.0 s 2.5 s 3.0 s 3.5 s"),
        ([0.11, 0.12, 0.13], "0.110 s 0.115 s 0.120 s 0.125 s"),
        ([7.0, 7.0, 7.0], "7.000000 s"),
        # as garbled lines may tell: time does not go back
        ([9.0, 5.0, 3.0], "9.000000 s"),
        ([1e300, 2e300, 3e300], ""),
        ([None, 1.0, 3.0], "1.0 s 1.5 s 2.0 s 2.5 s"),
        ([None, None, None], "0 1 2"),
    ],
)
def test_the_scale_of_few_events(seconds: list[float | None], words: str) -> None:
    history = History(ARM64)
    start = ARM64.range_of(TEXT).start
    for number, time in enumerate(seconds):
        area = Area(start=start + number * MIB, size=MIB, type=TEXT, window=Window.PREFERRED)
        history.append([Allocated(area=area, requested=1, added=(area,), time=time)])
    record = TimeRecord(history, TYPES)
    shown = TimeMap(record, 6, 90, Scale.SECONDS)
    found = scale_line(shown, record, 90)
    assert len(found) == 90
    assert " ".join(found.split()) == words


def test_a_cell_in_words(record: TimeRecord) -> None:
    start = ARM64.range_of(TEXT).fallback_start
    one = _one(start, Window.FALLBACK)
    shown = TimeMap(one, 1, 2)
    assert cell_words(ARM64, shown, 0, 1, one) == (
        "1.500 s: ffff800003000000 + 512K: 100 % in use, mostly module, fallback",
        "1.500 s: 512K, 100 % in use, mostly module, fallback",
    )
    assert cell_words(ARM64, shown, 0, 0, one)[1].endswith("nobody")
    assert "s: " in cell_words(ARM64, TimeMap(record, 6, 100), 0, 50, record)[0]


def test_how_much_time_a_column_is(record: TimeRecord) -> None:
    assert span_words(TimeMap(record, 6, 100), record) == "57,065 events, 571 a column"
    seconds = span_words(TimeMap(record, 6, 100, Scale.SECONDS), record)
    assert seconds.startswith("57,065 events in ")
    assert seconds.endswith(" s a column")
    start = ARM64.range_of(TEXT).fallback_start
    one = _one(start, Window.FALLBACK)
    assert span_words(TimeMap(one, 1, 2), one) == "1 event"


@pytest.mark.parametrize(
    ("room", "told"),
    [
        (40, ["0-boot: 76 areas", "2a-kprobes-defined: 431 areas", "2b-kprobes-enabled: 431…"]),
        (16, ["0-boot: 76…", "2a-kprobes-de…", "2b-kprobes-en…"]),
        (8, ["0-boot", "2a-kp…", "2b-kp…"]),
        (6, ["0-bo", "2a", "2b"]),
        (3, []),
    ],
)
def test_phases_keep_the_beginning_of_their_names(room: int, told: list[str]) -> None:
    """A capture of 18 phases had a line of ticks that said nothing."""
    texts = ("0-boot: 76 areas", "2a-kprobes-defined: 431 areas", "2b-kprobes-enabled: 431 areas")
    named = {at * room: Mark(at, MarkKind.NAME, text) for at, text in enumerate(texts)}
    words = mark_words(named, [0] * 3 * room, 3 * room - 1, 3 * room)
    assert [word.rstrip() for word in words.values()][:2] == told[:2]
    alike = {0: Mark(1, MarkKind.NAME, "lab: begin"), room: Mark(2, MarkKind.NAME, "lab: end")}
    assert not {"la", "lab"} & {*mark_words(alike, [0] * 2 * room, 2 * room, 2 * room).values()}


def test_a_beginning_that_several_phases_have_tells_nothing() -> None:
    """A window was filled in two dozen phases: a line of ``1-a`` told none from the others."""
    names = ("0-boot", "1-all-00", "1-all-01", "2-removed")
    named = {
        6 * number: Mark(number, MarkKind.NAME, f"{name}: 9 areas")
        for number, name in enumerate(names)
    }
    words = mark_words(named, [0] * 24, 24, 24)
    assert set(words) == {1, 19}
    assert names[0].startswith(words[1])
    assert names[3].startswith(words[19])


def test_marks_say_what_they_are_where_their_line_is_free() -> None:
    """A tick alone explained nothing."""
    named = {
        0: Mark(1, MarkKind.NAME, "boot: modules"),
        30: Mark(9, MarkKind.NAME, "boot: programs of services"),
        60: Mark(20, MarkKind.SPILL_BEGINS, "the first of 4 spills"),
        90: Mark(29, MarkKind.NAME, "here"),
        94: Mark(30, MarkKind.NAME, "there"),
    }
    spills = [0] * 100
    spills[62] = 3
    assert mark_words(named, spills, 45, 100) == {1: "boot: modules"}
    assert mark_words(named, [0] * 100, 99, 100) == {
        1: "boot: modules",
        31: "boot: programs of services",
        61: "the first of 4 spills",
    }
    assert mark_words(named, [0] * 100, 30, 100)[1] == "boot: modules"
    assert 31 not in mark_words(named, [0] * 100, 30, 100)

"""Keys of time: round the ends with a word, marks that are a scenario's steps, the peak."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Noted
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.scenarios.steps import Expect
from execmem_tui.sources.base import Recording, SourceKind
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.tui.timeline import TimeActions
from execmem_tui.view.shown import Shown
from execmem_tui.view.timerecord import peak
from tests.recorded import exhausted

MIB = 1 << 20
ARM64 = resolve("arm64")
NEAR = ARM64.range_of(ExecmemType.MODULE_TEXT)


class FakeApp:
    """A history, and what was said and looked at."""

    def __init__(self, history: History) -> None:
        self.source = Recording(SourceKind.REPLAY, "told", history)
        self.shown = Shown(history.snapshot())
        self.pane = 1
        self.playing = False
        self.follows = False
        self.said: list[str] = []
        self.looked: list[int] = []

    def show_step(self) -> None:
        self.shown = Shown(self.source.history.snapshot())

    def say(self, text: str, title: str = "", severity: str = "information") -> None:
        del title, severity
        self.said.append(text)

    def look_at(self, address: int, *, pane: int | None = None) -> None:
        del pane
        self.looked.append(address)


def area(at: int, *, fallback: bool = False, size: int = MIB) -> Area:
    start = (NEAR.fallback_start if fallback else NEAR.start) + at * MIB
    window = Window.FALLBACK if fallback else Window.PREFERRED
    return Area(start=start, size=size, type=ExecmemType.MODULE_TEXT, window=window)


def allocated(at: int, *, fallback: bool = False) -> Event:
    one = area(at, fallback=fallback)
    return Allocated(area=one, requested=MIB, added=(one,))


def told(*events: Event, step: int = 0) -> tuple[FakeApp, TimeActions]:
    history = History(ARM64)
    history.append(events)
    history.seek(step)
    app = FakeApp(history)
    return app, TimeActions(cast(AppProtocol, app))


def steps(app: FakeApp, do: Callable[[], Any], times: int) -> list[int]:
    found = []
    for _ in range(times):
        do()
        found.append(app.source.history.step)
    return found


@pytest.mark.fault(9)
def test_fallbacks_go_round_both_ends_with_a_word() -> None:
    events = [allocated(0), allocated(0, fallback=True), allocated(1), allocated(1, fallback=True)]
    app, time = told(*events)
    assert steps(app, time.action_next_fallback, 3) == [2, 4, 2]
    assert app.said == ["past the last fallback: round again"]
    assert app.looked[0] == NEAR.fallback_start
    assert steps(app, time.action_previous_fallback, 2) == [4, 2]
    assert app.said[-1] == "past the first fallback: round again"


def test_from_the_end_the_next_fallback_is_the_first() -> None:
    app, time = told(allocated(0, fallback=True), allocated(0), step=2)
    assert steps(app, time.action_next_fallback, 2) == [1, 1]
    assert app.said[-1] == "the only fallback"


def test_where_there_is_none_that_is_said_once_and_nothing_moves() -> None:
    app, time = told(allocated(0), allocated(1), step=1)
    time.action_next_fallback()
    time.action_previous_failure()
    assert app.said == ["no fallback in all 2 events", "no failure in all 2 events"]
    assert app.source.history.step == 1


def test_attempts_that_failed_are_failures_to_look_at() -> None:
    failed = Failed(type=None, requested=1, owner=None, reason="", attempt=True)
    app, time = told(allocated(0), failed)
    assert steps(app, time.action_next_failure, 1) == [2]


def test_marks_end_at_the_ends_before_they_go_round() -> None:
    mark = Noted(message="here", mark=True)
    app, time = told(allocated(0), mark, allocated(1), mark, allocated(2))
    assert steps(app, time.action_last_step, 4) == [2, 4, 5, 2]
    assert steps(app, time.action_first_step, 3) == [0, 4, 2]
    assert app.said == [
        "past the last mark: round again",
        "past the first mark: round again",
    ]
    app, time = told(allocated(0), step=1)
    time.action_last_step()
    assert app.said == ["nothing is marked here"]


@pytest.mark.fault(8)
def test_the_marks_of_a_scenario_are_its_steps_and_not_its_modules() -> None:
    play = play_scenario("laptop-arm64")
    play.history.seek(0)
    app = FakeApp(play.history)
    time = TimeActions(cast(AppProtocol, app))
    # what only checks is no moment to stop at
    marks = [step for step in play.scenario.steps if not isinstance(step, Expect)]
    reached = steps(app, time.action_last_step, len(marks) + 1)
    assert len(set(reached)) == len(marks) + 1
    assert play.history.steps in reached


def test_the_first_and_the_last_step() -> None:
    app, time = told(allocated(0), allocated(1), step=1)
    assert steps(app, time.action_last, 1) == [2]
    assert steps(app, time.action_first, 1) == [0]


def test_the_peak_is_the_first_moment_of_most_use() -> None:
    one = area(0)
    freed = Freed(area=one, removed=(one,))
    app, time = told(allocated(0), allocated(1), freed, allocated(4), allocated(2, fallback=True))
    time.action_peak()
    assert app.source.history.step == 5
    assert app.said == ["the peak: 3M in use"]
    app, time = told(Noted(message="nothing"))
    time.action_peak()
    assert app.said == ["nothing was ever in use here"]


def test_the_peak_of_the_exhausted_trace_is_what_a_snapshot_of_it_says() -> None:
    history = exhausted()
    found = peak(history, (ExecmemType.MODULE_TEXT,))
    assert found is not None
    step, size = found
    entry = history.layout.range_of(ExecmemType.MODULE_TEXT)
    image = history.layout.image
    assert image is not None

    def used(at: int) -> int:
        areas = history.peek(at).between(entry.fallback_start, entry.fallback_end)
        return sum(
            each.footprint
            for each in areas
            if each.state.value == "live" and not image[0] <= each.start < image[1]
        )

    assert used(step) == size
    assert all(used(at) <= size for at in range(1000, history.steps, 9000))


@pytest.mark.parametrize("speed", [1, 2])
def test_playing_stops_at_the_end(speed: int) -> None:
    app, time = told(allocated(0), allocated(1), allocated(2))
    app.playing = True
    if speed > 1:
        time.action_faster()
    while app.playing:
        time.tick()
    assert app.source.history.at_end


def test_the_map_follows_the_events_when_told_to() -> None:
    app, actions = told(allocated(0), allocated(1))
    actions.seek(1)
    assert app.looked == []
    actions.action_follow()
    actions.seek(2)
    assert app.looked == [NEAR.start + MIB]
    actions.action_follow()
    actions.seek(1)
    assert app.looked == [NEAR.start + MIB]
    assert app.said == ["the map follows the events", "the map stays where it is"]


def test_a_step_past_either_end_says_so() -> None:
    """Nothing happened, and nobody said why."""
    app, actions = told(allocated(0), allocated(1))
    actions.action_first()
    assert not app.said
    actions.action_step_back()
    assert app.said.pop() == "nothing lies before this: ] steps on"
    actions.action_step_on()
    actions.action_step_on()
    assert not app.said
    assert app.source.history.at_end
    actions.action_step_on()
    assert app.said.pop().startswith("that is the last event")
    assert app.source.history.at_end


def test_of_one_event_nobody_says_all() -> None:
    app, actions = told(allocated(0))
    actions.action_next_failure()
    assert app.said == ["no failure in what there is"]

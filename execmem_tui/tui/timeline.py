"""Time: step, play and its speed, marks, fallbacks and failures."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Event, Failed, Noted
from execmem_tui.sources.base import Followed
from execmem_tui.tui.shown import is_fallback
from execmem_tui.tui.stage import Stage

PLAY_INTERVAL: Final = 0.2
"""Seconds between two ticks of the player."""
_FASTEST: Final = 4096
"""Events per tick."""
_SHORTEST: Final = 0.125
_LONGEST: Final = 64.0
"""Seconds between two reads of the running kernel."""


class TimeActions:
    """Keys that move the history's cursor."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._speed = 1

    def seek(self, step: int) -> None:
        """Go to a step."""
        self._stage.source.history.seek(step)
        self._stage.show_step()

    def tick(self) -> None:
        """Play on; stop at the end."""
        history = self._stage.source.history
        self.seek(history.step + self._speed)
        if history.at_end:
            self._stage.playing = False

    def action_step_back(self) -> None:
        """One event back."""
        self.seek(self._stage.source.history.step - 1)

    def action_step_on(self) -> None:
        """One event forward."""
        self.seek(self._stage.source.history.step + 1)

    def action_first_step(self) -> None:
        """Back to the previous mark, or the beginning."""
        step = self._stage.source.history.find(_is_mark, forward=False)
        self.seek(0 if step is None else step)

    def action_last_step(self) -> None:
        """On to the next mark, or the end."""
        history = self._stage.source.history
        step = history.find(_is_mark)
        self.seek(history.steps if step is None else step)

    def action_play(self) -> None:
        """Play, or pause; a running kernel is followed, or not."""
        if isinstance(self._stage.source, Followed):
            self._stage.following = not self._stage.following
            return
        history = self._stage.source.history
        if not self._stage.playing and history.at_end:
            self.seek(0)
        self._stage.playing = not self._stage.playing

    def action_faster(self) -> None:
        """Play twice as fast, or read a running kernel twice as often."""
        self._change_speed(2)

    def action_slower(self) -> None:
        """Play half as fast, or read a running kernel half as often."""
        self._change_speed(0.5)

    def _change_speed(self, factor: float) -> None:
        if isinstance(self._stage.source, Followed):
            interval = min(max(self._stage.interval / factor, _SHORTEST), _LONGEST)
            self._stage.interval = interval
            self._stage.say(f"read every {interval:g} s")
        else:
            self._speed = min(max(int(self._speed * factor), 1), _FASTEST)
            self._stage.say(f"{round(self._speed / PLAY_INTERVAL)} events a second")

    def goto_time(self, wanted: float) -> None:
        """Go to the last event up to a time, in seconds of the trace's clock.

        Raises:
            UsageError: nothing here has a time.
        """
        history = self._stage.source.history
        times: list[float] = []
        timed = False
        for event in history.events(0, history.steps):
            timed = timed or event.time is not None
            times.append(event.time if event.time is not None else times[-1] if times else 0.0)
        if not timed:
            raise UsageError("nothing here has a time", hint="@12.5 is for traces")
        self.seek(history.first_step + bisect_right(times, wanted))

    def _jump(self, wanted: Callable[[Event], bool], what: str, *, forward: bool) -> None:
        step = self._stage.source.history.find(wanted, forward=forward)
        if step is None:
            self._stage.say(f"no {what} in that direction")
            return
        self.seek(step)
        event = self._stage.shown.snapshot.event
        if isinstance(event, Allocated):
            start = event.area.start
            self._stage.look_at(start, pane=self._stage.shown.pane_of(start, self._stage.pane))

    def action_next_fallback(self) -> None:
        """The next event that used a fallback range."""
        self._jump(is_fallback, "fallback", forward=True)

    def action_previous_fallback(self) -> None:
        """The previous event that used a fallback range."""
        self._jump(is_fallback, "fallback", forward=False)

    def action_next_failure(self) -> None:
        """The next attempt that found no room."""
        self._jump(_is_failure, "failure", forward=True)

    def action_previous_failure(self) -> None:
        """The previous attempt that found no room."""
        self._jump(_is_failure, "failure", forward=False)

    def action_log(self) -> None:
        """The whole event log; choosing an event goes to its step."""
        from execmem_tui.tui.screens.sheets import EventLog

        history = self._stage.source.history
        events = history.events(0, history.steps)
        self._stage.ask(EventLog(events, history.first_step + 1, history.step, self.seek))


def _is_failure(event: Event) -> bool:
    return isinstance(event, Failed)


def _is_mark(event: Event) -> bool:
    return isinstance(event, Noted) and event.mark

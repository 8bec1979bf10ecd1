"""Time: undo, redo, step, play and its speed, marks, fallbacks and failures."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from textual.timer import Timer

from execmem_tui.model.events import Allocated, Event, Failed, Noted
from execmem_tui.model.text import printable
from execmem_tui.tui.base import AppPart
from execmem_tui.tui.state import is_fallback

_PLAY_INTERVAL: Final = 0.2
_FASTEST: Final = 4096
"""Events per tick."""


class Timeline(AppPart):
    """Actions on the history's cursor."""

    _player: Timer | None = None
    _speed = 1

    @property
    def playing(self) -> bool:
        """Whether events are being played."""
        return self._player is not None

    def _seek(self, step: int) -> None:
        self.source.history.seek(step)
        self.show_snapshot()

    def action_undo(self) -> None:
        """Take back the last command."""
        if self.source.history.undo():
            self.show_snapshot()
        else:
            self.notify("nothing to take back", markup=False, timeout=2)

    def action_redo(self) -> None:
        """Do it again."""
        if self.source.history.redo():
            self.show_snapshot()
        else:
            self.notify("nothing to do again", markup=False, timeout=2)

    def action_step_back(self) -> None:
        """One event back."""
        self._seek(self.source.history.step - 1)

    def action_step_on(self) -> None:
        """One event forward."""
        self._seek(self.source.history.step + 1)

    def action_first_step(self) -> None:
        """Back to the previous mark, or the beginning."""
        step = self.source.history.find(_is_mark, forward=False)
        self._seek(0 if step is None else step)

    def action_last_step(self) -> None:
        """On to the next mark, or the end."""
        step = self.source.history.find(_is_mark)
        self._seek(self.source.history.steps if step is None else step)

    def action_play(self) -> None:
        """Play, or pause; a running kernel is followed, or not."""
        if self.toggle_following():
            return
        if self._player is not None:
            self._pause()
            return
        if self.source.history.at_end:
            self.source.history.seek(0)
        self._player = self.set_interval(_PLAY_INTERVAL, self._tick)
        self.show_snapshot()

    def _pause(self) -> None:
        if self._player is not None:
            self._player.stop()
            self._player = None
        self.show_frame()

    def _tick(self) -> None:
        self._seek(self.source.history.step + self._speed)
        if self.source.history.at_end:
            self._pause()

    def action_faster(self) -> None:
        """Play twice as fast, or read a running kernel twice as often."""
        if not self.change_interval(0.5):
            self._speed = min(self._speed * 2, _FASTEST)
            self.notify(f"{self._speed * 5} events a second", markup=False, timeout=2)

    def action_slower(self) -> None:
        """Play half as fast, or read a running kernel half as often."""
        if not self.change_interval(2.0):
            self._speed = max(self._speed // 2, 1)
            self.notify(f"{self._speed * 5} events a second", markup=False, timeout=2)

    def action_goto_time(self) -> None:
        """Go to a time of the trace, in seconds of its clock."""
        from execmem_tui.tui.screens.dialogs import AskLine

        def go(line: str | None) -> None:
            if line is None:
                return
            try:
                wanted = float(line)
            except ValueError:
                self.notify(
                    f"no number of seconds: {printable(line, 40)}", severity="error", markup=False
                )
                return
            history = self.source.history
            events = history.events(0, history.steps)
            times: list[float] = []
            for event in events:
                times.append(event.time if event.time is not None else times[-1] if times else 0.0)
            self._seek(history.first_step + bisect_right(times, wanted))

        self.push_screen(AskLine("Go to time (seconds)"), go)

    def _jump(self, wanted: Callable[[Event], bool], what: str, *, forward: bool) -> None:
        step = self.source.history.find(wanted, forward=forward)
        if step is None:
            self.notify(f"no {what} in that direction", markup=False, timeout=2)
            return
        self._seek(step)
        event = self.shown.snapshot.event
        if isinstance(event, Allocated):
            for model in self.shown.panes:
                if event.area.type in model.types and model.number != self.pane_number:
                    self.pane_number = model.number
                    self.show_snapshot(anew=True)
            if self.map.viewport is not None:
                self.map.viewport = self.map.viewport.goto(event.area.start)

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

        history = self.source.history
        events = list(enumerate(history.events(0, history.steps), history.first_step + 1))

        def go(step: int | None) -> None:
            if step is not None:
                self._seek(step)

        self.push_screen(EventLog(events), go)


def _is_failure(event: Event) -> bool:
    return isinstance(event, Failed)


def _is_mark(event: Event) -> bool:
    return isinstance(event, Noted) and event.mark

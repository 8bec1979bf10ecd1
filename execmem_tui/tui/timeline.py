"""Time: step, play and its speed, marks, fallbacks and failures."""

from collections.abc import Callable
from typing import Final

from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Noted
from execmem_tui.model.units import format_size
from execmem_tui.sources.base import Captioned, Followed
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.tui.moving import PLAY_INTERVAL
from execmem_tui.view.events import is_fallback
from execmem_tui.view.panes import PANES
from execmem_tui.view.timerecord import peak

_FASTEST: Final = 4096
"""Events per tick."""
_SHORTEST: Final = 0.125
_LONGEST: Final = 64.0
"""Seconds between two reads of the running kernel."""


class TimeActions:
    """Keys that move the history's cursor."""

    def __init__(self, app: AppProtocol) -> None:
        self._app = app
        self._speed = 1

    def seek(self, step: int) -> None:
        """Go to a step."""
        self._app.source.history.seek(step)
        self._app.show_step()
        event = self._app.shown.snapshot.event
        if self._app.follows and isinstance(event, Allocated | Freed):
            start = event.area.start
            self._app.look_at(start, pane=self._app.shown.pane_of(start, self._app.pane))

    def tick(self) -> None:
        """Play on; stop at the end."""
        history = self._app.source.history
        self.seek(history.step + self._speed)
        if history.at_end:
            self._app.playing = False

    def action_step_back(self) -> None:
        """One event back."""
        history = self._app.source.history
        if history.step <= history.first_step:
            self._app.say("nothing lies before this: ] steps on")
            return
        self.seek(history.step - 1)

    def action_step_on(self) -> None:
        """One event forward."""
        history = self._app.source.history
        if history.at_end:
            self._app.say("that is the last event: [ steps back, ctrl+home goes to the first")
            return
        self.seek(history.step + 1)

    def action_first_step(self) -> None:
        """Back to the previous mark, or the beginning."""
        self._mark(forward=False)

    def action_last_step(self) -> None:
        """On to the next mark, or the end."""
        self._mark(forward=True)

    def turn(self, *, forward: bool) -> None:
        """Go on or back by a sentence of the story; by a mark where it has one sentence only."""
        source = self._app.source
        turns = source.turns if isinstance(source, Captioned) else ()
        if len(turns) < 2:
            self._mark(forward=forward)
            return
        step = source.history.step
        ahead = [at for at in turns if (at > step if forward else at < step)]
        if ahead:
            self.seek(ahead[0] if forward else ahead[-1])
        else:
            self._app.say(f"that is the {'last' if forward else 'first'} sentence")

    def action_play(self) -> None:
        """Play, or pause; a running kernel is followed, or not."""
        if isinstance(self._app.source, Followed):
            self._app.following = not self._app.following
            return
        history = self._app.source.history
        if not self._app.playing and history.at_end:
            self.seek(0)
        self._app.playing = not self._app.playing

    def action_follow(self) -> None:
        """Let the map go where each event is, or let it stay."""
        self._app.follows = not self._app.follows
        self._app.say(
            "the map follows the events" if self._app.follows else "the map stays where it is"
        )

    def action_faster(self) -> None:
        """Play twice as fast, or read a running kernel twice as often."""
        self._change_speed(2)

    def action_slower(self) -> None:
        """Play half as fast, or read a running kernel half as often."""
        self._change_speed(0.5)

    def _change_speed(self, factor: float) -> None:
        if isinstance(self._app.source, Followed):
            interval = min(max(self._app.interval / factor, _SHORTEST), _LONGEST)
            self._app.interval = interval
            self._app.say(f"read every {interval:g} s")
        else:
            self._speed = min(max(int(self._speed * factor), 1), _FASTEST)
            self._app.say(f"{round(self._speed / PLAY_INTERVAL)} events a second")

    def goto_time(self, wanted: float) -> None:
        """Go to the last event up to a time, in seconds of the trace's clock.

        Raises:
            UsageError: nothing here has a time.
        """
        step = self._app.source.history.step_at(wanted)
        if step is None:
            raise UsageError("nothing here has a time", hint="@12.5 is for traces")
        self.seek(step)

    def goto_step(self, step: int) -> None:
        """Go to a step by its number.

        Raises:
            UsageError: there is none, or it is no longer kept.
        """
        history = self._app.source.history
        first, last = history.first_step, history.steps
        if not first <= step <= last:
            raise UsageError(f"there is no step {step:,}", hint=f"{first:,} to {last:,}")
        self.seek(step)

    def _mark(self, *, forward: bool) -> None:
        """Go to the nearest mark.

        Without one on the way, to the end, which comes before going round.
        """
        history = self._app.source.history
        step = history.find(_is_mark, forward=forward)
        end = history.steps if forward else history.first_step
        if step is None and history.step != end:
            step = end
        elif step is None:
            step = self._around(_is_mark, "mark", forward=forward)
        if step is None:
            self._app.say("nothing is marked here")
        else:
            self.seek(step)

    def _around(self, wanted: Callable[[Event], bool], what: str, *, forward: bool) -> int | None:
        """Return the nearest step with a wanted event.

        Beyond an end of the history too, with a word then.
        """
        history = self._app.source.history
        step = history.find(wanted, forward=forward)
        if step is not None:
            return step
        events = history.events(history.first_step, history.steps)
        order = range(len(events)) if forward else range(len(events) - 1, -1, -1)
        index = next((at for at in order if wanted(events[at])), None)
        if index is None:
            return None
        found = history.first_step + index + 1
        if found == history.step:
            self._app.say(f"the only {what}")
        else:
            self._app.say(f"past the {'last' if forward else 'first'} {what}: round again")
        return found

    def action_first(self) -> None:
        """Before the first event."""
        self.seek(self._app.source.history.first_step)

    def action_last(self) -> None:
        """After the last event."""
        self.seek(self._app.source.history.steps)

    def action_peak(self) -> None:
        """The moment when most was in use in the windows of the focused pane."""
        found = peak(self._app.source.history, PANES[self._app.pane - 1][1])
        if found is None:
            self._app.say("nothing was ever in use here")
        else:
            self.seek(found[0])
            self._app.say(f"the peak: {format_size(found[1])} in use")

    def _jump(self, wanted: Callable[[Event], bool], what: str, *, forward: bool) -> None:
        step = self._around(wanted, what, forward=forward)
        if step is None:
            steps = self._app.source.history.steps
            of = f"all {steps:,} events" if steps > 1 else "what there is"
            self._app.say(f"no {what} in {of}")
            return
        self.seek(step)
        event = self._app.shown.snapshot.event
        if isinstance(event, Allocated):
            start = event.area.start
            self._app.look_at(start, pane=self._app.shown.pane_of(start, self._app.pane))

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


def _is_failure(event: Event) -> bool:
    return isinstance(event, Failed)


def _is_mark(event: Event) -> bool:
    return isinstance(event, Noted) and event.mark

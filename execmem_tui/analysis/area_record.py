"""What the events of a history leave behind of each area.

Kept as the cursor goes on, made anew when it goes back.
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Event
from execmem_tui.model.units import Address

_Value = TypeVar("_Value")


class AreaRecord(Generic[_Value]):
    """A value for each live area, by its start.

    Args:
        begin: called with an area that appears, the step at which it does and the event that made
            it (None: it was there before the first); returns its value, or None for none.
        change: called with each event and what is held; may change values.
    """

    def __init__(
        self,
        begin: Callable[[Area, int, Event | None], _Value | None],
        change: Callable[[Event, dict[Address, _Value]], None] | None = None,
    ) -> None:
        self._begin = begin
        self._change = change
        self._history: History | None = None
        self._step = 0
        self._last: Event | None = None
        self._held: dict[Address, _Value] = {}

    def at(self, history: History, step: int) -> Mapping[Address, _Value]:
        """Return the values at `step`: a mapping that does not change any more."""
        if not self._goes_on(history, step):
            self._step = history.first_step
            self._held = {}
            for area in history.peek(self._step).areas:
                self._appear(area, self._step, None)
        elif step != self._step:
            self._held = dict(self._held)
        events = history.events(self._step, step)
        for number, event in enumerate(events, self._step + 1):
            self._apply(event, number)
        self._history, self._step = history, step
        self._last = events[-1] if events else self._last
        return self._held

    def _goes_on(self, history: History, step: int) -> bool:
        """Whether `step` lies ahead of what is held: after an undo, other events may lead there."""
        if history is not self._history or step < self._step or self._step < history.first_step:
            return False
        led = history.events(self._step - 1, self._step)
        return self._step == history.first_step or (bool(led) and led[-1] is self._last)

    def _apply(self, event: Event, step: int) -> None:
        if self._change is not None:
            self._change(event, self._held)
        if not event.removed and not event.added:
            return
        for start in {area.start for area in event.removed} - {area.start for area in event.added}:
            self._held.pop(start, None)
        for area in event.added:
            if area.state is AreaState.LIVE:
                self._appear(area, step, event)
            else:
                self._held.pop(area.start, None)

    def _appear(self, area: Area, step: int, event: Event | None) -> None:
        if area.state is AreaState.LIVE and area.start not in self._held:
            value = self._begin(area, step, event)
            if value is not None:
                self._held[area.start] = value

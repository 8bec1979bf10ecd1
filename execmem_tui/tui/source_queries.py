"""What keys and widgets ask of a source."""

from execmem_tui.model.events import Allocated, Event
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.base import Commanded, Source
from execmem_tui.view.panes import PANES
from execmem_tui.view.shown import Shown

__all__ = ["Shown", "commanded", "is_fallback", "pane_type", "recent"]


def recent(source: Source, most: int) -> list[tuple[int, Event]]:
    """Return (step, event) of the newest events up to the cursor, newest first."""
    step = source.history.step
    events = source.history.events(max(0, step - most), step)
    first = step - len(events)
    return [(first + number, event) for number, event in enumerate(events, 1)][::-1]


def is_fallback(event: Event) -> bool:
    """Whether an event used a fallback range."""
    return isinstance(event, Allocated) and event.fallback


def commanded(source: Source) -> Commanded | None:
    """Return the source as one that takes commands, or None."""
    return source if isinstance(source, Commanded) else None


def pane_type(number: int) -> ExecmemType:
    """Return the type that `a` allocates in a pane."""
    return PANES[number - 1][1][0]

"""Events as lines: which are listed, in which words, how much each stands out."""

from typing import Final

from execmem_tui.model.events import (
    Allocated,
    Event,
    Failed,
    Freed,
    HazardFound,
    PermissionsChanged,
)
from execmem_tui.model.units import format_size
from execmem_tui.sources.base import Source
from execmem_tui.view.words import Tone

EVENTS_SHOWN: Final = 12
"""Lines of the newest events, where they have to share a panel with much else."""
_ABOVE: Final = 54
"""Rows of a terminal that are taken by other things than events, in a column of the panel."""
_LOOKED_AT: Final = 8
"""Times as many events are looked at for those that are listed."""


def events_in(rows: int) -> int:
    """Return how many events the panel lists in a terminal of so many rows."""
    return max(EVENTS_SHOWN, rows - _ABOVE)


def newest(source: Source, most: int = EVENTS_SHOWN) -> list[tuple[int, Event]]:
    """Return (step, event) of the newest events up to the cursor, newest first.

    Without changed permissions: a load makes a dozen of them.
    """
    history = source.history
    events = history.events(max(0, history.step - _LOOKED_AT * most), history.step)
    first = history.step - len(events) + 1
    told = [
        (step, event)
        for step, event in enumerate(events, first)
        if not isinstance(event, PermissionsChanged)
    ]
    return told[: -most - 1 : -1]


def is_fallback(event: Event) -> bool:
    """Whether an event used a fallback range."""
    return isinstance(event, Allocated) and event.fallback


def event_mark(event: Event) -> str:
    """Return the mark of an event: meaning without colour."""
    if is_fallback(event):
        return "▲"
    if isinstance(event, Failed):
        return "·" if event.attempt else "✗"
    return "!" if isinstance(event, HazardFound) else " "


def event_brief(event: Event) -> str:
    """Return an event short enough for the side panel.

    ``+address size type``, ``-address name``.
    """
    if isinstance(event, Allocated):
        area = event.area
        kind = "vmalloc" if area.type is None else area.type.name.removeprefix("MODULE_")
        return f"+{area.start:x} {format_size(event.requested)} {kind}"
    if isinstance(event, Freed):
        return f"-{event.area.start:x} {event.area.name}"
    return f" {event.text}"


def event_tone(event: Event) -> Tone:
    """Return how an event is written: what spilled or failed stands out."""
    if is_fallback(event) or isinstance(event, HazardFound):
        return Tone.ALARM
    if isinstance(event, Failed):
        return Tone.MUTED if event.attempt else Tone.ALARM
    return Tone.MUTED if isinstance(event, PermissionsChanged) else Tone.PLAIN

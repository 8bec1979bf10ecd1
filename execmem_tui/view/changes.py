"""What a step changed, for a moment: what came stands out, what went leaves its outline."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from execmem_tui.model.events import Allocated, Event, Freed
from execmem_tui.model.intervals import Interval
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Bytes
from execmem_tui.view.axis import Line
from execmem_tui.view.highlight import Emphasis, columns_of

_MOST: Final = 64
"""Areas; where more changed at once, most of the map would flash."""
_EVENTS: Final = 1024
"""Events that are looked at."""


class Changes(NamedTuple):
    """Where something came and went."""

    came: tuple[Interval, ...] = ()
    went: tuple[Interval, ...] = ()

    def columns(self, line: Line, cell: Bytes, columns: int) -> Iterator[tuple[int, int, Emphasis]]:
        """Yield (first, stop, how) of the columns of a row that changed.

        A fold says nothing of it.
        """
        if line.fold is not None:
            return
        for spans, emphasis in ((self.came, Emphasis.CAME), (self.went, Emphasis.WENT)):
            for first, stop in columns_of(spans, line, cell, columns):
                yield first, stop, emphasis

    def touches(self, line: Line) -> bool:
        """Whether any of it lies in a line."""
        return any(start < line.end and line.start < end for start, end in (*self.came, *self.went))


NO_CHANGES: Final = Changes()


def changes_of(events: Sequence[Event], snapshot: Snapshot) -> Changes:
    """Return what events changed that led to a snapshot, without what came and went again."""
    if len(events) > _EVENTS:
        return NO_CHANGES
    came = [
        (event.area.start, event.area.start + event.area.size)
        for event in events
        if isinstance(event, Allocated) and snapshot.area_at(event.area.start) is not None
    ]
    went = [
        (event.area.start, event.area.start + event.area.size)
        for event in events
        if isinstance(event, Freed) and snapshot.area_at(event.area.start) is None
    ]
    if len(came) + len(went) > _MOST:
        return NO_CHANGES
    return Changes(tuple(came), tuple(went))

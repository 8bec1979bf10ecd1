"""What a replay knows of events that it has not come to: they took effect before they were told.

The kernel prints an event after it let go of the lock: alloc_vmap_area() after the search,
free_vmap_area_noflush() after the area is lazy, __purge_vmap_area_lazy() after the last area was
given back (mm/vmalloc.c). Another CPU gets in between and is told first.
"""

from collections import deque
from collections.abc import Iterator
from enum import Enum
from itertools import islice
from typing import Final, Self

from attrs import evolve, field

from execmem_tui.formats.trace_event import ALLOC, EVERYTHING, FREE, PURGE, Event, seconds_of
from execmem_tui.mm.vmap_node import VmapArea
from execmem_tui.model.records import define, frozen
from execmem_tui.replay.results import Cause, ClassCount

_LINES: Final = 400
"""How far to look for the purge that already took effect."""
_OVERTAKEN: Final = 8
"""How far to look for an allocation or a free that was overtaken."""
_REMEMBERED: Final = 8
"""Purges that gave back more than was told to be lazy."""


class Done(Enum):
    """How much of a purge took effect before its event."""

    DECAY = "decay"
    ALL = "all"


@frozen
class ShortPurge:
    """A purge that gave back `missing` areas more in [start, end) than were told to be lazy."""

    line: int
    start: int
    end: int
    missing: int
    taken: set[int] = field(factory=set, eq=False)
    """Starts of areas that were allocated since: what is freed there is another area."""

    def may_be(self, area: VmapArea) -> bool:
        """Whether it may have given this one back."""
        inside = self.start <= area.start and area.end <= self.end
        return inside and area.start not in self.taken


@frozen
class TakenAhead:
    """An allocation that took effect before others that are told before it."""

    count: ClassCount
    predicted: int | None = None
    """Where the model had it, if that differs."""
    cause: Cause | None = None
    """Why that differs; None where it was predicted exactly."""


@define
class Ahead:
    """Events that were looked at, and what of them is done."""

    events: deque[Event] = field(factory=deque)
    """They come next."""
    purges: dict[int, Done] = field(factory=dict)
    """By line."""
    allocations: dict[int, TakenAhead] = field(factory=dict)
    """By line."""
    frees: set[int] = field(factory=set)
    """Lines."""
    parts: dict[int, tuple[int, int]] = field(factory=dict)
    """By line of a purge: how many areas it had given back, and when: a line before."""
    short: deque[ShortPurge] = field(factory=lambda: deque(maxlen=_REMEMBERED))

    def copy(self) -> Self:
        """Return an equal one; the events are shared."""
        return evolve(
            self,
            purges=dict(self.purges),
            allocations=dict(self.allocations),
            parts=dict(self.parts),
            frees=set(self.frees),
            short=self.short.copy(),
        )

    def restore(self, before: "Ahead") -> None:
        """Take back what was done since `before` was copied, in place: loops hold these."""
        self.purges = before.purges
        self.parts = before.parts
        self.short = before.short
        self.allocations.clear()
        self.allocations.update(before.allocations)
        self.frees.clear()
        self.frees.update(before.frees)

    def look(self, source: Iterator[Event]) -> None:
        """Read ahead so far as anything is looked for."""
        missing = _LINES - len(self.events)
        if missing > 0:
            self.events.extend(islice(source, missing))

    def next_purges(self) -> list[Event]:
        """Return the next two purges of which something is still to be done.

        None of a kprobe, which tells of them as they begin.
        """
        purges = (
            event
            for event in self.events
            if event[0] == PURGE
            and self.purges.get(event[1]) is not Done.ALL
            and event[5][2] != EVERYTHING
        )
        return list(islice(purges, 2))

    def under_way(self, event: Event) -> Event | None:
        """Return the purge that may have begun before an event and is told after it.

        None where its task tells something in between, and was not in it then.
        """
        told: set[str] = set()
        for after in self.events:
            task = after[2][0]
            if after[0] == PURGE:
                done = self.purges.get(after[1]) is Done.ALL or after[5][2] == EVERYTHING
                return None if done or task == event[2][0] or task in told else after
            told.add(task)
        return None

    def is_given(self, event: Event, start: int | None, size: int) -> bool:
        """Whether another task is soon told to have been given what an event should have been."""
        return start is not None and any(
            other[4] < start + size and start < other[4] + other[5][0]
            for other in self.next_allocations(event[2][0], seconds_of(event))
        )

    def up_to_purge(self, line: int) -> tuple[tuple[int, int, int], set[int]]:
        """Return what the first purge behind a line tells, and what is allocated before it.

        Start, end and count, as of a purge of everything where none is in sight; starts of areas.
        """
        allocated: set[int] = set()
        for event in self.events:
            if event[0] == PURGE and event[1] > line:
                return event[5], allocated
            if event[0] == ALLOC and event[1] > line and not event[5][4]:
                allocated.add(event[4])
        return (0, 0, EVERYTHING), allocated

    def next_allocations(
        self, task: str, seconds: float | None, far: int = _OVERTAKEN
    ) -> Iterator[Event]:
        """Yield what other tasks were given and are told of soon, before all else of theirs.

        All else but what has the very time of the request. A CPU whose clock lags behind prints the
        newest time of all (kernel/trace/trace_clock.c: trace_clock_global), and what has one time
        stands in the order of the CPUs, not in that in which it came.

        Args:
            task: whose request it is.
            seconds: when it was told.
            far: how many events to look at.
        """
        told = {task}
        for event in islice(self.events, far):
            kind, number, (other, _), _, _, asked = event
            if other in told:
                continue
            if seconds is None or seconds_of(event) != seconds:
                told.add(other)
            if kind == ALLOC and not asked[4] and number not in self.allocations:
                yield event

    def next_frees(self, task: str, line: int) -> list[Event]:
        """Return what other tasks freed before line `line`, and are told of soon."""
        return [
            event
            for event in islice(self.events, _OVERTAKEN)
            if event[0] == FREE
            and event[2][0] != task
            and event[1] < line
            and event[1] not in self.frees
        ]

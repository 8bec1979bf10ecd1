"""History: events in, immutable snapshots out. Step, undo, redo and jump are all here."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

from attrs import evolve

from execmem_tui.model.areas import Area
from execmem_tui.model.blocks import Areas, Block, MutableAreas
from execmem_tui.model.events import Event, Noted
from execmem_tui.model.hidden import NOTHING_HIDDEN, Hidden
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.model.units import Address

_STEP = attrgetter("step")
SPACING: Final = 10_000
"""Events between two checkpoints: so many are applied in some hundredths of a second."""
_FEW: Final = 64
"""Events that are applied one by one: netting them costs more than it saves."""

_HIDDEN: Final = 64
"""Lists of hidden areas that a limited history keeps whole; of what is older, each `_EACH`th."""
_EACH: Final = 16


class _Checkpoint(NamedTuple):
    """All areas of one step, so that a far jump needs no walk through what lies between."""

    step: int
    parts: tuple[tuple[Area, ...], ...]
    """The areas of each block. The blocks themselves would keep all that was ever found of them,
    a multiple of the areas, in each checkpoint that one came by."""
    counters: Counters


class History:
    """The events of one source and a cursor among them.

    Memory is the events, the areas of one step, and a checkpoint (the areas again) every so many
    events; every event carries its own inverse. With `limit`, only the newest `limit` events are
    kept and the state before them is the oldest step that can be reached.

    Args:
        layout: of the machine.
        areas: before the first event.
        limit: events that are kept; None for all.
        spacing: events between two checkpoints.
    """

    def __init__(
        self,
        layout: Layout,
        areas: Iterable[Area] = (),
        *,
        limit: int | None = None,
        spacing: int = SPACING,
    ) -> None:
        self.layout = layout
        self._mutable = MutableAreas(areas)
        self._counters = Counters()
        self._events: list[Event] = []
        self._dropped = 0
        self._cursor = 0
        # an array: a trace has as many groups as events
        self._boundaries = array("q", [0])
        self._checkpoints = [self._checkpoint()]
        self._limit = limit
        self._spacing = spacing
        self._snapshot: Snapshot | None = None
        self._hidden: list[tuple[int, Hidden]] = []

    def __repr__(self) -> str:
        return f"<History {self.layout.id} step {self.step}/{self.steps}>"

    @property
    def step(self) -> int:
        """The step of the cursor; 0 is before the first event ever."""
        return self._dropped + self._cursor

    @property
    def steps(self) -> int:
        """All events so far, dropped ones included."""
        return self._dropped + len(self._events)

    @property
    def first_step(self) -> int:
        """The oldest step that can still be reached."""
        return self._dropped

    @property
    def at_end(self) -> bool:
        """Whether the cursor is at the newest event."""
        return self._cursor == len(self._events)

    def events(self, start: int = 0, stop: int | None = None) -> Sequence[Event]:
        """Return the events that lead from step `start` to step `stop` (default: the cursor)."""
        stop = self.step if stop is None else stop
        return self._events[max(0, start - self._dropped) : max(0, stop - self._dropped)]

    def group(self) -> Sequence[Event]:
        """Return the events of the group that ends at the cursor.

        The one event that led to it where it is within a group.
        """
        index = bisect_left(self._boundaries, self.step)
        ends = index < len(self._boundaries) and self._boundaries[index] == self.step
        start = self._boundaries[index - 1] if ends and index else self.step - 1
        return self.events(max(start, self._dropped))

    def peek(self, step: int) -> Snapshot:
        """Return the snapshot at `step`, clipped to what can be reached; the cursor stays."""
        cursor, snapshot = self._cursor, self.snapshot()
        if step == snapshot.step:
            return snapshot
        found = self.seek(step)
        # what was here is known: there is no way back to be counted
        self._mutable, self._counters = MutableAreas(snapshot.areas), snapshot.counters
        self._cursor, self._snapshot = cursor, snapshot
        return found

    def step_at(self, seconds: float) -> int | None:
        """Return the step after the last event up to a time of the source's clock, in seconds.

        None where no event has a time.
        """
        times: list[float] = []
        timed = False
        for event in self._events:
            timed = timed or event.time is not None
            times.append(event.time if event.time is not None else times[-1] if times else 0.0)
        return self._dropped + bisect_right(times, seconds) if timed else None

    def append(self, events: Iterable[Event], *, follow: bool = True) -> int:
        """Add events at the end as one undoable group.

        The cursor follows if it was at the end and `follow` is true.

        Returns:
            How many events were added. Nothing is dropped that the cursor has not passed.
        """
        was_at_end = self.at_end
        before = len(self._events)
        self._events.extend(events)
        added = len(self._events) - before
        if added:
            self._note_hidden(before)
            self._boundaries.append(self.steps)
            self._snapshot = None
            if was_at_end and follow:
                self._move(len(self._events))
            self._trim()
            self._thin_hidden()
        return added

    def extend(self, events: Iterable[Event], *, follow: bool = True) -> int:
        """Add events at the end, each an undoable group of its own: the lines of a trace.

        The cursor follows if it was at the end and `follow` is true.

        Returns:
            How many events were added.
        """
        was_at_end = self.at_end
        before = self.steps
        self._events.extend(events)
        if self.steps == before:
            return 0
        self._note_hidden(before - self._dropped)
        self._boundaries.extend(range(before + 1, self.steps + 1))
        self._snapshot = None
        if was_at_end and follow:
            self._move(len(self._events))
        self._trim()
        return self.steps - before

    def truncate(self) -> int:
        """Drop every group that the cursor has not entered; return the step.

        The cursor moves to the end of its group.
        """
        index = bisect_left(self._boundaries, self.step)
        boundary = self._boundaries[index]
        self._move(boundary - self._dropped)
        del self._events[self._cursor :]
        del self._boundaries[index + 1 :]
        while self._checkpoints[-1].step > self.steps:
            self._checkpoints.pop()
        while self._hidden and self._hidden[-1][0] > self.steps:
            self._hidden.pop()
        self._snapshot = None
        return self.step

    def seek(self, step: int) -> Snapshot:
        """Move the cursor to `step`, or as near as can be reached; return the snapshot there."""
        self._move(min(max(step - self._dropped, 0), len(self._events)))
        return self.snapshot()

    def undo(self) -> bool:
        """Go back one group; False if there is none."""
        index = bisect_left(self._boundaries, self.step) - 1
        if index < 0 or self._boundaries[index] < self._dropped:
            return False
        self.seek(self._boundaries[index])
        return True

    def redo(self) -> bool:
        """Go forward one group; False if there is none."""
        index = bisect_right(self._boundaries, self.step)
        if index >= len(self._boundaries):
            return False
        self.seek(self._boundaries[index])
        return True

    def find(self, wanted: Callable[[Event], bool], *, forward: bool = True) -> int | None:
        """Return the nearest step after (or before) the cursor whose event is `wanted`, or None."""
        if forward:
            candidates: Iterable[int] = range(self._cursor, len(self._events))
        else:
            candidates = range(self._cursor - 2, -1, -1)
        for index in candidates:
            if wanted(self._events[index]):
                return self._dropped + index + 1
        return None

    def snapshot(self) -> Snapshot:
        """Return the snapshot at the cursor; the same object until something changes."""
        if self._snapshot is None:
            self._snapshot = Snapshot(
                layout=self.layout,
                step=self.step,
                steps=self.steps,
                areas=self._mutable.areas(),
                counters=self._counters,
                event=self._events[self._cursor - 1] if self._cursor else None,
                hidden=self._hidden_at(self.step),
            )
        return self._snapshot

    def _note_hidden(self, first: int) -> None:
        """Look at the events from number `first` on for what they say is not seen."""
        self._hidden += [
            (self._dropped + number, event.hidden)
            for number, event in enumerate(self._events[first:], first + 1)
            if type(event) is Noted and event.hidden is not None
        ]

    def _hidden_at(self, step: int) -> Hidden:
        index = bisect_right(self._hidden, step, key=itemgetter(0))
        return self._hidden[index - 1][1] if index else NOTHING_HIDDEN

    def _move(self, cursor: int) -> None:
        if cursor == self._cursor:
            return
        if abs(cursor - self._cursor) > _FEW:
            self._start_near(cursor)
            while self._cursor + self._spacing < cursor:
                self._move_in_bulk(self._cursor + self._spacing)
                self._keep_checkpoint()
            self._move_in_bulk(cursor)
        while self._cursor < cursor:
            event = self._events[self._cursor]
            self._mutable.replace(event.removed, event.added)
            self._counters = self._counters.counted((event,))
            self._cursor += 1
        while self._cursor > cursor:
            self._cursor -= 1
            event = self._events[self._cursor]
            self._mutable.replace(event.added, event.removed)
            self._counters = self._counters.counted((event,), -1)
        self._keep_checkpoint()
        self._snapshot = None

    def _start_near(self, cursor: int) -> None:
        """Go to the checkpoint nearest to `cursor`, if that is nearer than where the cursor is."""
        step = self._dropped + cursor
        after = bisect_left(self._checkpoints, step, key=_STEP)
        near = min(
            self._checkpoints[max(0, after - 1) : after + 1],
            key=lambda checkpoint: abs(checkpoint.step - step),
        )
        if abs(near.step - step) < abs(cursor - self._cursor):
            self._mutable = MutableAreas(Areas(map(Block, near.parts)))
            self._counters = near.counters
            self._cursor = near.step - self._dropped

    def _keep_checkpoint(self) -> None:
        """Keep the state here, where the newest checkpoint lies far enough behind."""
        if self.step - self._checkpoints[-1].step >= self._spacing:
            self._checkpoints.append(self._checkpoint())

    def _checkpoint(self) -> _Checkpoint:
        parts = tuple(block.areas for block in self._mutable.areas().blocks)
        return _Checkpoint(self.step, parts, self._counters)

    def _move_in_bulk(self, cursor: int) -> None:
        """Find what many events change together, and change that.

        Most of what came is gone again.
        """
        forward = cursor > self._cursor
        events = (
            self._events[self._cursor : cursor]
            if forward
            else self._events[cursor : self._cursor][::-1]
        )
        came: dict[Address, list[Area]] = {}
        went: list[Area] = []
        for event in events:
            removed, added = (
                (event.removed, event.added) if forward else (event.added, event.removed)
            )
            for area in removed:
                here = came.get(area.start)
                if here and area in here:
                    here.remove(area)
                else:
                    went.append(area)
            for area in added:
                came.setdefault(area.start, []).append(area)
        self._counters = self._counters.counted(events, 1 if forward else -1)
        self._mutable.replace(went, [area for areas in came.values() for area in areas])
        self._cursor = cursor

    def _thin_hidden(self) -> None:
        """Keep few of the lists of hidden areas, the fewer the older.

        Each has an entry for each area. What is thinned is told by the one before it; the oldest
        stays, so that nothing hidden is ever told as free.
        """
        if self._limit is None or len(self._hidden) < 2 * _HIDDEN:
            return
        old, recent = self._hidden[:_HIDDEN], self._hidden[_HIDDEN:]
        for step, _ in (each for number, each in enumerate(old) if number % _EACH):
            at = step - self._dropped - 1
            event = self._events[at] if at >= 0 else None
            if isinstance(event, Noted):
                self._events[at] = evolve(event, hidden=None)
        self._hidden = old[::_EACH] + recent

    def _trim(self) -> None:
        if self._limit is None or len(self._events) <= self._limit + self._limit // 8:
            return
        drop = min(len(self._events) - self._limit, self._cursor)
        del self._events[:drop]
        self._dropped += drop
        self._cursor -= drop
        keep = bisect_left(self._boundaries, self._dropped)
        del self._boundaries[:keep]
        if not self._boundaries or self._boundaries[0] != self._dropped:
            self._boundaries.insert(0, self._dropped)
        first = bisect_left(self._checkpoints, self._dropped, key=_STEP)
        if first == len(self._checkpoints):
            # one is always there, to begin from
            self._checkpoints = [self._checkpoint()]
        else:
            del self._checkpoints[:first]

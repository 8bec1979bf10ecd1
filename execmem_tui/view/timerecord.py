"""Address x time, recorded.

One pass over the events of a history, and no more than what comes after. The address space that was
ever in use is cut into fine rows. At some hundreds of samples the record keeps which rows changed
and what they hold; `view.timemap` shows that in any number of rows and columns.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaKind, AreaState
from execmem_tui.model.events import Allocated, Event, Failed, Noted, Purged
from execmem_tui.model.intervals import union
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.units import MIB, Address, Bytes, align_up

FINE_ROWS: Final = 160
"""Rows of a record: two for each line of an 80-line terminal."""

SAMPLES: Final = 1024
"""Samples beyond which every second one is dropped."""

_APART: Final = 8
"""A gap is left out if it is longer than this part of all that was ever in use."""

_NEAR: Final[Bytes] = 2 * MIB
"""Gaps up to this are never left out."""

_PAGE: Final = 1 << 12
"""Rows are multiples of the smallest page: addresses in the margin end in zeros."""

_GROWTH: Final = 16
"""A stretch is a multiple of this part of its size: while it grows, little is read anew."""

_TOLD: Final = frozenset({Allocated, Failed, Purged, Noted})
"""Events that may leave a mark."""

Held = tuple[tuple[int, Bytes], ...]
"""What a row holds: (key, bytes) of everything that is there."""

_KINDS: Final = tuple(AreaKind)
_LIVE: Final = tuple(
    _KINDS.index(Area(start=0, size=0, type=kind).kind) for kind in sorted(ExecmemType)
)
_LAZY, _POOLED, _CACHE_FREE = (
    _KINDS.index(Area(start=0, size=0, state=state).kind)
    for state in (AreaState.LAZY, AreaState.POOLED, AreaState.CACHE_FREE)
)
_OTHER: Final = _KINDS.index(AreaKind.OTHER)
_FALLBACK: Final = len(_KINDS)


def kind_of(key: int) -> tuple[AreaKind, bool]:
    """Return the kind that a key stands for, and whether in the fallback window."""
    return _KINDS[key % _FALLBACK], key >= _FALLBACK


def key_of(area: Area) -> int:
    """Return the key of an area: its kind, and whether it lies in the fallback window."""
    state, kind = area.state, area.type
    if state is not AreaState.LIVE:  # as a key of a dict, an enum's member takes four times as long
        if state is AreaState.LAZY:
            return _LAZY
        return _POOLED if state is AreaState.POOLED else _CACHE_FREE
    if kind is None:
        return _OTHER
    key = _LIVE[kind]
    return key + _FALLBACK if area.window is Window.FALLBACK else key


class Stretch(NamedTuple):
    """Address space that was in use at some time, cut into fine rows of equal size."""

    start: Address
    end: Address
    first: int
    """Number of its first fine row."""
    rows: int
    size: Bytes
    """Of a row; the last may reach beyond the end."""


class TimeRecord:
    """What each fine row held at each sample, up to the newest event of a history.

    Args:
        history: whose events are recorded; its cursor does not matter.
        types: whose windows are looked at.
    """

    def __init__(self, history: History, types: Iterable[ExecmemType]) -> None:
        self.history = history
        pairs = {pair for kind in types for pair in history.layout.range_of(kind).windows}
        self.windows = tuple(_without(history.layout.image, union(pairs)))
        """Where areas are looked at: the kernel image, which never changes, is left out."""
        self.version = 0
        """Another one whenever anything changed."""
        self._read_anew()

    def _read_anew(self) -> None:
        history = self.history
        self.first_step = self.step = history.first_step
        areas = history.peek(history.first_step).areas
        events = history.events(history.first_step, history.steps)
        self.stretches = tuple(_stretches(self.windows, _touched(self.windows, areas, events)))
        rows = sum(each.rows for each in self.stretches)
        self._totals: list[dict[int, Bytes]] = [{} for _ in range(rows)]
        self._dirty: set[int] = set()
        self._every = max(1, -(-len(events) // SAMPLES))
        self._time = float("nan")
        self._last: Event | None = None
        self.spilled = array("q")
        """Steps whose event used the fallback window."""
        self.failed = array("q")
        """Steps whose event was a failure; attempts are left out."""
        self.purges: list[tuple[int, Bytes]] = []
        """(step, bytes given back in these windows) of each purge that gave any."""
        self.names: list[tuple[int, str]] = []
        """(step, message) of each mark."""
        for area in areas:
            self._count(area, 1)
        self.steps = [self.step]
        """The step of each sample, ascending."""
        self.times = array("d", [self._time])
        """Seconds of the newest event with a time at each sample; NaN before the first."""
        self._changes: list[dict[int, Held]] = [self._changed()]
        self._take(events)

    def _changed(self) -> dict[int, Held]:
        """Return what the rows hold that changed since the last sample."""
        found = {row: tuple(self._totals[row].items()) for row in self._dirty}
        self._dirty.clear()
        return found

    def samples(self) -> Iterator[tuple[int, float, dict[int, Held]]]:
        """Yield (step, seconds, rows that changed since the one before) of each sample.

        The last is at the newest event.
        """
        yield from zip(self.steps, self.times, self._changes, strict=True)
        if self.step > self.steps[-1]:
            tip = {row: tuple(self._totals[row].items()) for row in self._dirty}
            yield self.step, self._time, tip

    def follow(self) -> bool:
        """Take what the history has more by now; return whether anything changed.

        All is read anew where events were taken back or dropped, or something lies where nothing
        lay before.
        """
        history = self.history
        known = history.events(self.step - 1, self.step)
        same = history.first_step == self.first_step and (
            self.step == self.first_step or (len(known) == 1 and known[0] is self._last)
        )
        events = history.events(self.step, history.steps)
        if same and not events:
            return False
        fresh = _touched(self.windows, (), events) if same else []
        if same and all(self._covers(start, end) for start, end in fresh):
            self._take(events)
        else:
            self._read_anew()
        return True

    def _covers(self, start: Address, end: Address) -> bool:
        return any(each.start <= start and end <= each.end for each in self.stretches)

    def _take(self, events: Sequence[Event]) -> None:
        self.version += 1
        step, every = self.step, self._every
        due = self.steps[-1] + every
        for event in events:
            step += 1
            for area in event.removed:
                self._count(area, -1)
            for area in event.added:
                self._count(area, 1)
            time = event.time
            if time is not None and not time <= self._time:  # NaN at first; CPUs differ a little
                self._time = time
            if event.__class__ in _TOLD:
                self._tell(event, step)
            if step == due:
                self.steps.append(step)
                self.times.append(self._time)
                self._changes.append(self._changed())
                due += every
        self.step = step
        if events:
            self._last = events[-1]
        if len(self.steps) > 2 * SAMPLES:
            self._thin()

    def _tell(self, event: Event, step: int) -> None:
        """Remember what is marked."""
        if isinstance(event, Allocated):
            if event.area.window is Window.FALLBACK:
                self.spilled.append(step)
        elif isinstance(event, Failed):
            if not event.attempt:
                self.failed.append(step)
        elif isinstance(event, Purged):
            back = self._inside(event.removed) - self._inside(event.added)
            if back > 0:
                self.purges.append((step, back))
        elif isinstance(event, Noted) and event.mark:
            self.names.append((step, event.message))

    def _inside(self, areas: Iterable[Area]) -> Bytes:
        """Return what areas take of the windows."""
        found = 0
        for area in areas:
            start = area.start
            for low, high in self.windows:
                if low <= start < high:
                    found += area.size + area.guard
                    break
        return found

    def _count(self, area: Area, sign: int) -> None:
        """Add an area to the rows that it lies in, or take it away."""
        start = area.start
        for base, limit, first, _, size in self.stretches:  # noqa: B007 - of the one that has it
            if base <= start < limit:
                break
        else:
            return
        end = min(start + area.size + area.guard, limit)
        key, row = key_of(area), first + (start - base) // size
        stop = base + (row - first + 1) * size
        while start < end:
            stop = min(stop, end)
            totals = self._totals[row]
            left = totals.get(key, 0) + sign * (stop - start)
            if left:
                totals[key] = left
            else:
                totals.pop(key, None)
            self._dirty.add(row)
            row, start, stop = row + 1, stop, stop + size

    def _thin(self) -> None:
        """Drop every second sample; what it changed belongs to the next."""
        self._every *= 2
        count = len(self.steps)
        kept = [0, *range(2, count, 2)]
        changes = [self._changes[0]]
        changes += [{**self._changes[at - 1], **self._changes[at]} for at in kept[1:]]
        if not count % 2:
            # the last one was dropped: its rows are reported with the next
            self._dirty.update(self._changes[-1])
        self._changes = changes
        self.steps = [self.steps[at] for at in kept]
        self.times = array("d", [self.times[at] for at in kept])


def peak(history: History, types: Iterable[ExecmemType]) -> tuple[int, Bytes] | None:
    """Return the step after which most was in use in the windows of `types`, and how much.

    None for nothing ever.
    """
    pairs = {pair for kind in types for pair in history.layout.range_of(kind).windows}
    spans = tuple(_without(history.layout.image, union(pairs)))

    def inside(areas: Iterable[Area]) -> Bytes:
        return sum(
            area.size + area.guard
            for area in areas
            for low, high in spans
            if low <= area.start < high and area.state is AreaState.LIVE
        )

    first = history.first_step
    now = inside(history.peek(first).areas)
    best = (now, -first)
    for step, event in enumerate(history.events(first, history.steps), first + 1):
        if event.removed or event.added:
            now += inside(event.added) - inside(event.removed)
            best = max(best, (now, -step))
    return (-best[1], best[0]) if best[0] else None


def _without(
    image: tuple[Address, Address] | None, spans: Iterable[tuple[Address, Address]]
) -> Iterator[tuple[Address, Address]]:
    for low, high in spans:
        if image is None or image[1] <= low or image[0] >= high:
            yield low, high
            continue
        if low < image[0]:
            yield low, image[0]
        if image[1] < high:
            yield image[1], high


def _touched(
    spans: Sequence[tuple[Address, Address]], areas: Iterable[Area], events: Iterable[Event]
) -> list[tuple[Address, Address]]:
    """Return what any area ever covered of the spans.

    Clipped, joined where it touches, ascending.
    """
    ends: dict[Address, Address] = {}
    for area in areas:
        ends[area.start] = max(area.end, ends.get(area.start, 0))
    for event in events:
        for area in event.added:
            start, end = area.start, area.start + area.size + area.guard
            if ends.get(start, 0) < end:
                ends[start] = end
    clipped = [
        (start, min(end, high))
        for start, end in ends.items()
        for low, high in spans
        if low <= start < high
    ]
    return union(clipped)


def _stretches(
    spans: Sequence[tuple[Address, Address]], touched: list[tuple[Address, Address]]
) -> Iterator[Stretch]:
    """Join what lies near, leave out what lies far between, and cut the rest into rows."""
    whole = sum(end - start for start, end in touched)
    apart = max(_NEAR, whole // _APART)
    joined: list[tuple[Address, Address]] = []
    for start, end in touched:
        if joined and start - joined[-1][1] <= apart:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    grown = []
    for start, end in joined:
        unit = max(_PAGE, (1 << (end - start).bit_length()) // _GROWTH)
        limit = next((high for low, high in spans if low <= end - 1 < high), end)
        grown.append((start, min(start + align_up(end - start, unit), limit)))
    laid = union(grown)
    total = sum(end - start for start, end in laid)
    first = 0
    for start, end in laid:
        rows = max(2, FINE_ROWS * (end - start) // total)
        size = align_up(-(-(end - start) // rows), _PAGE)
        rows = max(2, -(-(end - start) // size))
        yield Stretch(start, end, first, rows, size)
        first += rows

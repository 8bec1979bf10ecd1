"""Which hole will the kernel take: the places one could point at, and what pointing there shows.

The answer is the simulator's own. The wrong answers are what people believe of allocators: best
fit, the largest hole, the one nearest the kernel, the one behind the last area, the one just freed.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event
from execmem_tui.model.intervals import Interval
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes
from execmem_tui.tours.tour import Belief

SENTENCES: Final = {
    Belief.RIGHT: "Right: the lowest hole that is large enough.",
    Belief.BEHIND_LAST: "The kernel does not go on behind the last area: it searches from the "
    "window's start each time.",
    Belief.BEST_FIT: "The smallest hole that fits would be best fit. The kernel takes the lowest "
    "that fits, however large it is.",
    Belief.LARGEST: "The largest hole has no attraction: the lowest that fits is taken.",
    Belief.NEAREST: "Nothing pulls an area towards the kernel. The window says how far it may be; "
    "inside it the lowest hole wins.",
    Belief.FREED: "What was freed is lazy: nobody can have it before a purge.",
    Belief.CACHE: "That piece belongs to the ROX cache, which serves only code: it is read-only "
    "and executable for good.",
    Belief.TAKEN: "Somebody has that place.",
    Belief.TOO_SMALL: "That hole is too small for the request and its guard page.",
    Belief.OUTSIDE: "The request names a window, and that place lies outside it.",
    Belief.OTHER: "That hole would do, but a lower one fits too.",
}
"""What is said where a tour does not say it better."""

_KINDS: Final = (
    Belief.FREED,
    Belief.CACHE,
    Belief.BEHIND_LAST,
    Belief.BEST_FIT,
    Belief.LARGEST,
    Belief.NEAREST,
    Belief.TOO_SMALL,
)
"""The misconceptions that are places, the most telling first."""

_MOST: Final = 4
"""Places that are offered: a hall can vote on so many."""


@frozen
class Choice:
    """A place one can point at."""

    start: Address
    end: Address
    belief: Belief
    """The first of what it shows."""


class Question:
    """Where will the next request go?

    Args:
        snapshot: before the request.
        events: those that led to it, for what was allocated last.
        answer: the area that the request will get, from the simulator.
    """

    def __init__(self, snapshot: Snapshot, events: Sequence[Event], answer: Area) -> None:
        assert answer.type is not None
        self.answer = answer
        self._snapshot = snapshot
        entry = snapshot.layout.range_of(answer.type)
        self._windows = entry.windows
        self._usable = (None, AreaState.CACHE_FREE) if entry.rox_cached else (None,)
        self._need: Bytes = answer.footprint
        self._places = sorted(set(self._all_places()))
        self._last = next(
            (
                event.area.end
                for event in reversed(events)
                if isinstance(event, Allocated) and self._in_windows(event.area.start)
            ),
            None,
        )
        self.right = self.place(answer.start) or (answer.start, answer.end)
        self._beliefs = {
            kind: place for kind in _KINDS for place in [self._believed(kind)] if place
        }

    def _in_windows(self, address: Address) -> bool:
        return any(start <= address < end for start, end in self._windows)

    def _all_places(self) -> Iterator[Interval]:
        holes = HoleIndex(self._snapshot)
        for window in self._windows:
            yield from holes.within(*window)
            for area in self._snapshot.between(*window):
                if area.state is not AreaState.LIVE:
                    yield area.start, area.end

    def _state(self, place: Interval) -> AreaState | None:
        area = self._snapshot.area_at(place[0])
        return None if area is None else area.state

    @property
    def _pieces(self) -> list[Interval]:
        return [p for p in self._places if self._state(p) is AreaState.CACHE_FREE]

    @property
    def _fitting(self) -> list[Interval]:
        """Holes that hold the request, and free pieces of the cache that it may be cut from."""
        return [
            place
            for place in self._places
            if place[1] - place[0] >= self._need and self._state(place) in self._usable
        ]

    def place(self, address: Address) -> Interval | None:
        """Return the hole, or the piece nobody uses, that covers an address of the windows."""
        found = [place for place in self._places if place[0] <= address < place[1]]
        # windows overlap: the preferred one cuts a hole in two that the fallback sees whole
        return min(found, key=lambda place: place[1] - place[0], default=None)

    def _believed(self, kind: Belief) -> Interval | None:  # noqa: PLR0911 - one for each belief
        if kind is Belief.FREED:
            return next((p for p in self._places if self._state(p) is AreaState.LAZY), None)
        if kind is Belief.CACHE:
            return next((p for p in self._pieces if AreaState.CACHE_FREE not in self._usable), None)
        if kind is Belief.BEHIND_LAST:
            usable = (p for p in self._places if self._state(p) in self._usable)
            return next((p for p in usable if p[0] == self._last), None)
        if kind is Belief.BEST_FIT:
            return min(self._fitting, key=_length, default=None)
        if kind is Belief.LARGEST:
            return max(self._fitting, key=_length, default=None)
        if kind is Belief.TOO_SMALL:
            usable = (p for p in self._places if self._state(p) in self._usable)
            small = (p for p in usable if _length(p) < self._need)
            return max(small, key=_length, default=None)
        image = self._snapshot.layout.image
        if image is None:
            return None
        low, high = image
        return min(self._fitting, key=lambda p: max(low - p[1], p[0] - high, 0), default=None)

    def belief(self, address: Address) -> Belief:
        """Return what pointing at an address shows."""
        place = self.place(address)
        if self.answer.start <= address < self.answer.end or place == self.right:
            return Belief.RIGHT
        if place is None:
            return Belief.TAKEN if self._in_windows(address) else Belief.OUTSIDE
        state = self._state(place)
        if state not in self._usable:
            return Belief.CACHE if state is AreaState.CACHE_FREE else Belief.FREED
        for kind in _KINDS:
            if self._beliefs.get(kind) == place:
                return kind
        return Belief.OTHER if place in self._fitting else Belief.TOO_SMALL

    def choices(self) -> list[Choice]:
        """Return the right place and up to three wrong ones, ascending by address."""
        found = {self.right: Belief.RIGHT}
        for kind, place in self._beliefs.items():
            if len(found) < _MOST:
                found.setdefault(place, kind)
        return [Choice(*place, belief) for place, belief in sorted(found.items())]


def _length(place: Interval) -> Bytes:
    return place[1] - place[0]

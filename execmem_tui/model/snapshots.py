"""A snapshot: everything a screen or a report may know about one step, immutable."""

from collections import Counter as KindCounter
from collections.abc import Iterable, Iterator

from attrs import field, frozen

from execmem_tui.model.areas import Area
from execmem_tui.model.blocks import Areas, as_areas
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Purged
from execmem_tui.model.hidden import NOTHING_HIDDEN, Hidden
from execmem_tui.model.layouts import Layout
from execmem_tui.model.units import Address


@frozen(kw_only=True)
class Counters:
    """What happened up to a step."""

    allocations: int = 0
    frees: int = 0
    failures: int = 0
    fallbacks: int = 0
    purges: int = 0

    def counted(self, events: Iterable[Event], sign: int = 1) -> "Counters":
        """Return the counters with `events` added, or taken back with `sign` -1."""
        events = tuple(events)
        kinds = KindCounter(map(type, events))
        fallbacks = failures = 0
        if kinds[Allocated]:
            fallbacks = sum(event.fallback for event in events if type(event) is Allocated)
        if kinds[Failed]:
            failures = sum(not event.attempt for event in events if type(event) is Failed)
        return Counters(
            allocations=self.allocations + sign * kinds[Allocated],
            frees=self.frees + sign * kinds[Freed],
            failures=self.failures + sign * failures,
            fallbacks=self.fallbacks + sign * fallbacks,
            purges=self.purges + sign * kinds[Purged],
        )


@frozen(kw_only=True, eq=False, repr=False)
class Snapshot:
    """One step of a history.

    `areas` are ascending by start and do not overlap in what a simulator says; a capture may.
    """

    layout: Layout
    step: int
    """0 is the state before the first event."""
    steps: int
    """Events known so far; step == steps is the newest."""
    areas: Areas = field(converter=as_areas)
    counters: Counters
    event: Event | None = None
    """The event that led to this step."""
    hidden: Hidden = NOTHING_HIDDEN
    """Areas that are there and whose place is not known: where there are any, no hole is known."""

    def __repr__(self) -> str:
        areas = f"{len(self.areas)} area{'' if len(self.areas) == 1 else 's'}"
        return f"<Snapshot {self.layout.id} step {self.step}/{self.steps}: {areas}>"

    def index_at(self, address: Address) -> int:
        """Return the index of the first area that ends after `address` (len(areas) if none)."""
        index = self.areas.first_from(address + 1)
        if index and self.areas[index - 1].end > address:
            return index - 1
        return index

    def area_at(self, address: Address) -> Area | None:
        """Return the area that covers `address` (guard included), or None."""
        index = self.areas.first_from(address + 1)
        if index and self.areas[index - 1].end > address:
            return self.areas[index - 1]
        return None

    def between(self, start: Address, end: Address) -> Iterator[Area]:
        """Yield the areas that touch [start, end), ascending."""
        return self.areas.between(start, end)

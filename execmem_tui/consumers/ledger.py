"""The map of a simulated kernel, kept exact by the allocator's journal.

Records in, events with whole areas out.
"""

from collections.abc import Iterable, Iterator
from typing import Self

from attrs import evolve

from execmem_tui.consumers.observers import Observer, Request
from execmem_tui.mm.journal import (
    AllocVmapArea,
    FreeVmapAreaNoflush,
    Hazard,
    PercpuAreas,
    PurgeVmapAreaLazy,
    Record,
    RoxAlloc,
    RoxClean,
    RoxFree,
    RoxPopulate,
)
from execmem_tui.mm.vmalloc import Purge
from execmem_tui.model.areas import ROX_OWNER, Area, AreaState, Part
from execmem_tui.model.events import (
    Allocated,
    CacheChanged,
    Event,
    Failed,
    Freed,
    HazardFound,
    Noted,
    PermissionsChanged,
    Purged,
)
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import define
from execmem_tui.model.units import Address, Bytes, format_size


@define
class _Turn:
    """One batch of records being booked."""

    request: Request | None
    quiet: bool
    failed: list[AllocVmapArea]
    last: AllocVmapArea | None = None


class Ledger(Observer):
    """Every area by its start (live, lazy, pooled and cache-free), and the events that led there.

    Args:
        layout: of the machine.
    """

    idle_purges = False

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.by_start: dict[Address, Area] = {area.start: area for area in layout.early_areas}
        self.free_ends: dict[Address, Address] = {}
        """Of cache-free pieces that are not the last of their block: end -> start."""
        self.records: list[Record] = []
        """Of the call that is under way."""
        self.events: list[Event] = []

    def clone(self) -> Self:
        """Return an equal ledger."""
        copy = self.__class__(self.layout)
        copy.by_start = dict(self.by_start)
        copy.free_ends = dict(self.free_ends)
        copy.records = list(self.records)
        copy.events = list(self.events)
        return copy

    def areas(self) -> Iterator[Area]:
        """Yield everything on the map now, in no order."""
        return iter(self.by_start.values())

    def area_at(self, start: Address) -> Area | None:
        """Return the area that starts at `start`, or None."""
        return self.by_start.get(start)

    def take_events(self) -> list[Event]:
        """Return the events since the last call, and forget them."""
        events, self.events = self.events, []
        return events

    def append(self, record: Record, /) -> None:
        """Keep a record until its call is over: only then its owner is known."""
        self.records.append(record)

    def ended(self, request: Request | None, *, quiet: bool = True) -> None:
        """Turn the records of a call into events.

        A purge that moved nothing is left out unless it was asked for.
        """
        records = self.records
        if records or (request is not None and request.result is None):
            self.records = []
            self.events += self.book(records, request, quiet=quiet)

    def occupied(self, area: Area) -> None:
        """Put another user's area on the map."""
        self.by_start[area.start] = area
        self.events.append(Allocated(added=(area,), area=area, requested=area.size))

    def adopted(self, area: Area) -> None:
        """Put an area on the map that nothing led to."""
        self.by_start[area.start] = area

    def permissions_changed(self, start: Address, size: Bytes, permissions: str) -> None:
        """Tell of set_memory_*()."""
        self.events.append(PermissionsChanged(start=start, size=size, permissions=permissions))

    def relabelled(
        self, start: Address, owner: str | None, region: str | None, detail: str | None
    ) -> None:
        """Give an area another owner, region or detail."""
        area = self.by_start[start]
        self._relabel(
            area,
            evolve(
                area,
                owner=area.owner if owner is None else owner,
                region=area.region if region is None else region,
                detail=area.detail if detail is None else detail,
            ),
        )

    def divided(self, start: Address, parts: tuple[Part, ...], detail: str) -> None:
        """Tell what is used inside the area at `start`: kprobe slots, BPF programs."""
        area = self.by_start[start]
        self._relabel(area, evolve(area, parts=parts, detail=detail))

    def _relabel(self, area: Area, changed: Area) -> None:
        if changed != area:
            self.by_start[area.start] = changed
            message = f"{changed.name}: {changed.detail}"
            self.events.append(Noted(message=message, removed=(area,), added=(changed,)))

    def noted(self, message: str, *, mark: bool) -> None:
        """Add a remark to the stream."""
        self.events.append(Noted(message=message, mark=mark))

    def book(
        self, records: Iterable[Record], request: Request | None, *, quiet: bool
    ) -> list[Event]:
        """Apply `records` in order and return their events.

        `request` is the call that caused them, if it allocates.
        """
        turn = _Turn(request, quiet, [])
        events: list[Event] = []
        for record in records:
            events.extend(self._book_one(record, turn))
        if request is not None and request.result is None:
            events.append(
                Failed(
                    type=request.kind,
                    requested=request.size,
                    owner=request.owner,
                    reason=self._why_failed(turn),
                )
            )
        return events

    def _book_one(self, record: Record, turn: _Turn) -> list[Event]:
        match record:
            case AllocVmapArea():
                events = self._attempt(record, turn)
            case FreeVmapAreaNoflush():
                events = self._lazy(record)
            case PurgeVmapAreaLazy():
                events = self._purged(record, turn)
            case RoxPopulate():
                events = [CacheChanged(populated=True, start=record.start, size=record.size)]
            case RoxAlloc():
                events = self._carved(record, turn)
            case RoxFree():
                events = self._returned(record)
            case RoxClean():
                events = [CacheChanged(populated=False, start=record.start, size=record.size)]
            case Hazard():
                events = [HazardFound(rule=record.rule, message=record.message)]
            case PercpuAreas():
                added = tuple(
                    Area(start=start, size=end - start, owner="percpu chunk")
                    for start, end in record.areas
                )
                events = [self._change(Noted(message="percpu chunk", added=added))]
        return events

    def _change(self, event: Event) -> Event:
        """Apply an event's own difference to the map."""
        for area in event.removed:
            del self.by_start[area.start]
            if area.state is AreaState.CACHE_FREE:
                self.free_ends.pop(area.end, None)
        for area in event.added:
            self.by_start[area.start] = area
            if area.state is AreaState.CACHE_FREE and not area.guard:
                self.free_ends[area.end] = area.start
        return event

    def _attempt(self, record: AllocVmapArea, turn: _Turn) -> list[Event]:
        request = turn.request
        if record.failed:
            turn.failed.append(record)
            return [_failed(record, request)]
        turn.last = record
        if request is None:
            return []
        gone = self.by_start.get(record.start)
        removed = () if gone is None else (gone,)
        page = self.layout.page_size
        area = Area(
            start=record.start,
            size=record.size - page,
            guard=page,
            type=request.kind,
            owner=request.owner,
            region=request.region,
            window=self._window(request.kind, record.start),
            detail=request.detail,
        )
        if request.kind is not None and self.layout.range_of(request.kind).rox_cached:
            block = evolve(
                area, type=None, owner=ROX_OWNER, region=None, state=AreaState.CACHE_FREE
            )
            event: Event = Noted(
                message="address space for a ROX block",
                removed=removed,
                added=(block,),
            )
        elif record.start == request.result:
            reason = self._why_fallback(turn) if area.window is Window.FALLBACK else ""
            event = Allocated(
                removed=removed,
                added=(area,),
                area=area,
                requested=request.size,
                reason=reason,
            )
        else:
            held = evolve(area, detail="pages could not be had")
            event = Noted(
                message="address space without pages",
                removed=removed,
                added=(held,),
            )
        return [self._change(event)]

    def _window(self, kind: ExecmemType | None, start: Address) -> Window | None:
        return None if kind is None else self.layout.range_of(kind).window_of(start)

    def _why_fallback(self, turn: _Turn) -> str:
        if not turn.failed:
            return "the preferred range could not be used"
        first = turn.failed[0]
        return (
            f"no hole of {format_size(first.size)} in {first.vstart:x}-{first.vend:x}, also after a"
            " purge"
        )

    def _why_failed(self, turn: _Turn) -> str:
        windows = list(dict.fromkeys((record.vstart, record.vend) for record in turn.failed))
        if not windows:
            return "no pages, or a size that cannot be"
        size = format_size(turn.failed[-1].size)
        return f"no hole of {size} in " + " nor in ".join(
            f"{start:x}-{end:x}" for start, end in windows
        )

    def _lazy(self, record: FreeVmapAreaNoflush) -> list[Event]:
        area = self.by_start.get(record.start)
        if area is None:
            return []
        whole = area if area.parts is None else evolve(area, parts=None)
        lazy = whole.changed(state=AreaState.LAZY)
        if area.state is AreaState.CACHE_FREE:
            return [
                self._change(Noted(message="ROX block is lazy", removed=(area,), added=(lazy,)))
            ]
        return [self._change(Freed(removed=(area,), added=(lazy,), area=area))]

    def _purged(self, record: PurgeVmapAreaLazy, turn: _Turn) -> list[Event]:
        removed, added = [], []
        for start, _ in (*record.given_back, *record.decayed):
            area = self.by_start.get(start)
            if area is not None:
                removed.append(area)
        for start, _ in record.pooled:
            area = self.by_start.get(start)
            if area is not None:
                removed.append(area)
                added.append(area.changed(state=AreaState.POOLED))
        if not removed and turn.quiet and record.kind != Purge.RECLAIM:
            return []
        removed.sort(key=_start)
        count = len(record.given_back) + len(record.pooled)
        return [
            self._change(
                Purged(
                    removed=tuple(removed),
                    added=tuple(added),
                    kind=record.kind,
                    purged=count,
                )
            )
        ]

    def _carved(self, record: RoxAlloc, turn: _Turn) -> list[Event]:
        request = turn.request
        assert request is not None
        free = self.by_start[record.start]
        whole = record.size == free.size
        piece = Area(
            start=record.start,
            size=record.size,
            guard=free.guard if whole else 0,
            type=request.kind,
            owner=request.owner,
            region=request.region,
            window=self._window(request.kind, record.start),
            detail=request.detail,
        )
        rest = (
            ()
            if whole
            else (evolve(free, start=record.start + record.size, size=free.size - record.size),)
        )
        return [
            self._change(
                Allocated(
                    removed=(free,),
                    added=(piece, *rest),
                    area=piece,
                    requested=request.size,
                )
            )
        ]

    def _returned(self, record: RoxFree) -> list[Event]:
        piece = self.by_start[record.start]
        if record.pending:
            waiting = evolve(piece, detail="free is pending: set_memory failed")
            return [
                self._change(
                    Noted(
                        message="ROX free is pending",
                        removed=(piece,),
                        added=(waiting,),
                    )
                )
            ]
        removed = [piece]
        free = Area(
            start=piece.start,
            size=piece.size,
            guard=piece.guard,
            owner=ROX_OWNER,
            state=AreaState.CACHE_FREE,
        )
        after = None if piece.guard else self.by_start.get(piece.end)
        if after is not None and after.state is AreaState.CACHE_FREE:
            removed.append(after)
            free = evolve(free, size=free.size + after.size, guard=after.guard)
        before = self._free_before(piece.start)
        if before is not None:
            removed.insert(0, before)
            free = evolve(free, start=before.start, size=before.size + free.size)
        return [self._change(Freed(removed=tuple(removed), added=(free,), area=piece))]

    def _free_before(self, start: Address) -> Area | None:
        before = self.free_ends.get(start)
        return None if before is None else self.by_start[before]


def _start(area: Area) -> Address:
    return area.start


def _failed(record: AllocVmapArea, request: Request | None) -> Failed:
    """Return the event of an attempt that found no room in a window."""
    return Failed(
        type=None if request is None else request.kind,
        requested=0 if request is None else request.size,
        owner=None if request is None else request.owner,
        reason=f"no room for {format_size(record.size)} in {record.vstart:x}-{record.vend:x}",
        attempt=True,
    )

"""Why an area lies where it lies, where a request would go, and who is in its way.

Answered from a snapshot alone, so that it holds for the simulator, a trace and a capture alike: the
order is the kernel's (mm/vmalloc.c: alloc_vmap_area, 6.12 and 7.1; mm/execmem.c: execmem_vmalloc):
the lowest hole of the preferred window, after a purge once more, then the same in the fallback
window. What the kernel really did is compared with it where it is known.
"""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from operator import attrgetter

from attrs import evolve, field

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.in_the_way import InTheWay, fewer_in_the_way, in_the_way
from execmem_tui.analysis.room import Room, Shortage, room_in
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Failed, Purged
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes, align_up

_START = attrgetter("start")
_GIVEN_BACK = (AreaState.LAZY, AreaState.POOLED)


class Passed(StrEnum):
    """Why a piece of address space was not taken."""

    TAKEN = "taken"
    """It was: the lowest hole that fits."""
    TOO_SMALL = "too small"
    MISALIGNED = "too small once aligned"
    LAZY = "freed, waits for a purge"
    POOLED = "kept for requests of its size"


@frozen(kw_only=True)
class Look:
    """One piece that was looked at."""

    start: Address
    end: Address
    passed: Passed
    short_by: Bytes = 0
    """What it lacks, bytes."""


@frozen(kw_only=True)
class Try:
    """One search of one window."""

    window: Window
    start: Address
    end: Address
    after_purge: bool
    looks: tuple[Look, ...]
    """Ascending, as a search for the lowest match passes them; the last is the taken one."""
    found: Address | None
    cache: bool = False
    """It was a search of the free pieces of ROX blocks (mm/execmem.c: __execmem_cache_alloc)."""


@frozen(kw_only=True)
class Why:
    """The whole answer."""

    type: ExecmemType
    requested: Bytes
    need: Bytes
    """The padded request: whole pages and the guard page."""
    tries: tuple[Try, ...]
    room: Room
    """Of the preferred window, as its last search met it."""
    shortage: Shortage
    """Of the preferred window, purged."""
    in_the_way: InTheWay | None
    """In the preferred window, what to let go; None where the request fits there,
    or nothing that could go would help."""
    cheapest: InTheWay | None
    """What costs the fewest bytes: more owners than `in_the_way` has, where it is another."""
    before: Snapshot = field(repr=False, eq=False)
    """The state before the request."""
    actual: Area | None = None
    """What the kernel gave, where it is known."""
    owner: str | None = None
    time: float | None = None
    purged: Purged | None = None
    """The purge that the request waited for, where one is known."""

    @property
    def found(self) -> Address | None:
        """Where it goes; None: it fails."""
        return self.tries[-1].found

    @property
    def preferred(self) -> Try:
        """The last search of the preferred window."""
        return next(each for each in reversed(self.tries) if each.window is Window.PREFERRED)

    @property
    def agrees(self) -> bool:
        """Whether the kernel did what this says, as far as it is known."""
        return self.actual is None or self.actual.start == self.found


def ask(
    snapshot: Snapshot,
    kind: ExecmemType,
    requested: Bytes,
    needed: Collection[str] = (),
) -> Why:
    """Say where a request would go now, and why.

    Args:
        snapshot: the state before the request.
        kind: who asks.
        requested: bytes, as asked.
        needed: owners that the asker cannot do without: they are in nobody's way.
    """
    layout, page = snapshot.layout, snapshot.layout.page_size
    entry = layout.range_of(kind)
    need = align_up(max(requested, 1), page) + page
    purged = evolve(snapshot, areas=tuple(_not_given_back(snapshot.areas)))
    tries = tuple(_tries(snapshot, purged, entry, need))
    near = next(each for each in reversed(tries) if each.window is Window.PREFERRED)
    fits = near.found is not None
    align, window = entry.alignment, (entry.start, entry.end)
    room = room_in(layout, HoleIndex(purged if near.after_purge else snapshot), *window)
    cheapest = None if fits else in_the_way(purged, *window, need, align, needed)
    return Why(
        type=kind,
        requested=requested,
        need=need,
        tries=tries,
        before=snapshot,
        room=room,
        shortage=Shortage.NONE if fits else room.shortage(need),
        cheapest=cheapest,
        in_the_way=None
        if cheapest is None
        else fewer_in_the_way(purged, window, need, align, needed, cheapest),
    )


def _tries(snapshot: Snapshot, purged: Snapshot, entry: ExecmemRange, need: Bytes) -> Iterator[Try]:
    """Yield the searches of a request in their order, up to the one that finds something."""
    page, pmd = snapshot.layout.page_size, snapshot.layout.pmd_size
    size, align = need - page, max(entry.alignment, page)
    wanted = [(need, align)]
    if entry.rox_cached:
        cached = _search_cache(snapshot, entry, size)
        yield cached
        if cached.found is not None:
            return
        # a miss takes whole huge pages for the cache, huge-aligned where that can be had
        # (execmem_cache_populate; __vmalloc_node_range falls back on small pages), else just enough
        whole = align_up(size, pmd) + page
        wanted = [(whole, max(align, pmd)), (whole, align), (need, align)]
    windows = [(Window.PREFERRED, entry.start, entry.end)]
    if entry.has_fallback:
        windows.append((Window.FALLBACK, entry.fallback_start, entry.fallback_end))
    states = [snapshot, purged]
    for padded, aligned in wanted:
        for window, start, end in windows:
            # before it tries another window or size, a request purges and tries once more
            for state in states:
                after = state is purged
                found = _search(state, window, start, end, padded, aligned, after_purge=after)
                yield found
                if found.found is not None:
                    return
            states = [purged]


def _search_cache(snapshot: Snapshot, entry: ExecmemRange, size: Bytes) -> Try:
    """Look for the lowest free piece of a ROX block, long enough and starting in the window."""
    looks: list[Look] = []
    found: Address | None = None
    for area in snapshot.between(entry.start, entry.end):
        if area.state is not AreaState.CACHE_FREE or area.start < entry.start:
            continue
        fits = area.size >= size and area.start + size < entry.end
        looks.append(
            Look(
                start=area.start,
                end=area.start + area.size,
                passed=Passed.TAKEN if fits else Passed.TOO_SMALL,
                short_by=max(0, size - area.size),
            )
        )
        if fits:
            found = area.start
            break
    return Try(
        window=Window.PREFERRED,
        start=entry.start,
        end=entry.end,
        after_purge=False,
        looks=tuple(looks),
        found=found,
        cache=True,
    )


def _not_given_back(areas: Sequence[Area]) -> Iterator[Area]:
    return (area for area in areas if area.state not in _GIVEN_BACK)


def _search(
    snapshot: Snapshot,
    window: Window,
    start: Address,
    end: Address,
    need: Bytes,
    align: Bytes,
    *,
    after_purge: bool,
) -> Try:
    looks: list[Look] = []
    found: Address | None = None
    for low, high in HoleIndex(snapshot).within(start, end):
        at = align_up(low, align)
        if at + need <= high:
            found = at
            looks.append(Look(start=low, end=high, passed=Passed.TAKEN))
            break
        small = high - low < need
        looks.append(
            Look(
                start=low,
                end=high,
                passed=Passed.TOO_SMALL if small else Passed.MISALIGNED,
                short_by=need - (high - low) if small else at + need - high,
            )
        )
    last = end if found is None else found
    looks += [
        Look(
            start=area.start,
            end=area.end,
            passed=Passed.LAZY if area.state is AreaState.LAZY else Passed.POOLED,
        )
        for area in snapshot.between(start, last)
        if area.state in _GIVEN_BACK
    ]
    looks.sort(key=_START)
    return Try(
        window=window,
        start=start,
        end=end,
        after_purge=after_purge,
        looks=tuple(looks),
        found=found,
    )


def why(history: History, step: int, needed: Collection[str] = ()) -> Why | None:
    """Explain the allocation, failure or failed attempt that led to `step`.

    None where the event is something else, or of no execmem type.

    Args:
        history: whose cursor stays.
        step: right after the event.
        needed: owners that the asker cannot do without; it never stands in its own way.
    """
    event = history.peek(step).event
    if isinstance(event, Allocated):
        kind, requested, owner = event.area.type, event.requested, event.area.name
        needed = {*needed, event.area.owner or owner}
    elif isinstance(event, Failed):
        kind, requested, owner = event.type, event.requested, event.owner or ""
    else:
        return None
    if kind is None or history.layout.range_of(kind).end <= history.layout.range_of(kind).start:
        return None
    first, purged = _beginning(history, step, requested)
    return evolve(
        ask(history.peek(first), kind, requested, needed),
        actual=event.area if isinstance(event, Allocated) else None,
        owner=owner,
        time=event.time,
        purged=purged,
    )


def _beginning(history: History, step: int, requested: Bytes) -> tuple[int, Purged | None]:
    """Return the step before the first attempt of the request that led to `step`, and its purge.

    An attempt that fails is followed by a purge, a second attempt and the other window
    (alloc_vmap_area: retry): all of these are one request.
    """
    events = history.events(history.first_step, step)
    page = history.layout.page_size
    wanted = align_up(requested, page)
    begin = at = len(events) - 1
    while at > 0:
        event = events[at - 1]
        if isinstance(event, Failed) and event.attempt:
            if align_up(event.requested, page) != wanted:
                break
            begin = at - 1
        elif not isinstance(event, Purged):
            break
        at -= 1
    purged = next((event for event in events[begin:] if isinstance(event, Purged)), None)
    return history.first_step + begin, purged


def placed_at(history: History, area: Area) -> int | None:
    """Return the newest step up to the cursor that allocated what lies at an area's start.

    None where there is none.
    """
    events = history.events(history.first_step)
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if isinstance(event, Allocated) and any(each.start == area.start for each in event.added):
            return history.first_step + index + 1
    return None

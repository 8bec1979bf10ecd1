"""The one sentence under the title.

What is, or what just happened, for people who do not know the words yet. Screen, captions, plain
map and exports all take it from here. `sentence()` speaks about one step, `story()` about what one
command or one reading did.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.reach import area_verdict, call_reach
from execmem_tui.analysis.room import Room, Shortage, room_in
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState, asked_for
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
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Window
from execmem_tui.model.reach import ReachKind, Verdict
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import GIB, MIB, Address, Bytes, align_up, format_size
from execmem_tui.view.words import cut_at_word

_ENDLESS: Final[Bytes] = 64 * GIB
"""Windows beyond this hardly fill: what is left of them says nothing."""

_NEARLY: Final = 0.99
"""So much of the free space in one hole is almost all of it."""

_PERMISSIONS: Final = {
    "ro": "becomes read-only",
    "rw": "becomes writable",
    "nx": "becomes data: not executable",
    "x": "becomes executable",
    "rox": "becomes code: read-only and executable",
}
_PURGES: Final = {
    # with each change of permissions, and when somebody asks for a purge
    "aliases": "vm_unmap_aliases",
    "drain": "The worker that empties what was freed",
    "reclaim": "A request that found no room",
    "shrink": "The shrinker",
    "unknown": "A purge",
}


class Sentence(NamedTuple):
    """What is said: in full, and in fewer columns."""

    text: str
    short: str
    brief: str = ""
    """What came of it, where not even `short` fits; "": nothing shorter."""
    alarm: bool = False
    """Something spilled, failed or is dangerous."""

    def fit(self, width: int) -> str:
        """Return as much as `width` columns hold, whole words, ``…`` at a cut."""
        for text in (self.text, self.short, self.brief):
            if text and len(text) <= width:
                return text
        return cut_at_word(self.short, width)


OPENING: Final = Sentence(
    "Nothing is read yet: what there is will be drawn as soon as there is some.",
    "Nothing is read yet.",
)


def sentence(
    snapshot: Snapshot, event: Event | None = None, holes: HoleIndex | None = None
) -> Sentence:
    """Return the sentence of one step.

    Args:
        snapshot: the state right after `event`.
        event: what just happened; None: how things stand.
        holes: of `snapshot`, where they are at hand.
    """
    index = HoleIndex(snapshot) if holes is None else holes
    match event:
        case None:
            return _state(snapshot, index)
        case Allocated():
            return _allocated(snapshot, index, event)
        case Failed():
            return _failed(snapshot, index, event)
        case Noted():
            return _noted(event)
        case _:
            return _other(snapshot, index, event)


def said(history: History) -> Sentence:
    """Return the sentence of what led to the cursor.

    A command, a reading, or one step among them.
    """
    events = history.group()
    index = telling(events)
    if not events:
        return sentence(history.snapshot())
    if index is None:
        return story(history.snapshot(), events)
    found = events[index]
    if isinstance(found, Freed):
        return _freed(found, events[index + 1 :])
    then = history.peek(history.step - len(events) + index + 1)
    if isinstance(found, Allocated):
        return _allocated(then, HoleIndex(then), found, past=_went_on(events[index + 1 :]))
    return sentence(then, found)


def _went_on(later: Sequence[Event]) -> bool:
    """Whether what was left then is not what is left now."""
    return any(isinstance(event, Allocated | Freed) for event in later)


def telling(events: Sequence[Event]) -> int | None:
    """Return the index of the event that a group is about, or None where no single one is.

    A failure, else the first that used a fallback range, else a hazard, else the only allocation or
    free.
    """
    for wanted in (_is_failure, _is_fallback, _is_hazard):
        found = next((index for index, event in enumerate(events) if wanted(event)), None)
        if found is not None:
            return found
    changes = [
        index
        for index, event in enumerate(events)
        if isinstance(event, Allocated | Freed) or (isinstance(event, Noted) and event.reset)
    ]
    if len(changes) == 1:
        return changes[0]
    return len(events) - 1 if events and not changes else None


def story(snapshot: Snapshot, events: Sequence[Event], holes: HoleIndex | None = None) -> Sentence:
    """Return the sentence of a group of events that no single one tells.

    A module and what it needs.

    Args:
        snapshot: the state after the group.
        events: of the group.
        holes: of `snapshot`, where they are at hand.
    """
    index = HoleIndex(snapshot) if holes is None else holes
    kept = asked_for([event.area for event in events if isinstance(event, Allocated)])
    gave_back = asked_for([event.area for event in events if isinstance(event, Freed)])
    freed = {area.start: area for area in gave_back}
    stayed = [area for area in kept if area.start not in freed or freed[area.start] != area]
    state = _state(snapshot, index)
    if not stayed:
        gone = sum(area.size for area in freed.values())
        text = (
            f"{_owners(list(freed.values()))}: {_count(len(freed), 'area')}, {format_size(gone)},"
            " freed"
        )
        return Sentence(f"{text}. {state.short}", text)
    size = sum(area.size for area in stayed)
    passing = sum(area.size for area in freed.values())
    text = f"{_owners(stayed)}: {_count(len(stayed), 'area')}, {format_size(size)}"
    if passing and any(area in freed.values() for area in kept):
        starting = all((area.region or "").startswith("MOD_INIT") for area in freed.values())
        why = " for its start" if starting else ""
        text += f", and {format_size(passing)}{why} that came and went"
    return Sentence(f"{text}. {state.short}", text)


def _state(snapshot: Snapshot, holes: HoleIndex) -> Sentence:
    layout = snapshot.layout
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    if entry.end <= entry.start:
        live = [area for area in snapshot.areas if area.type is not None]
        if snapshot.hidden and not live:
            return _unseen(snapshot.hidden)
        text = (
            f"{_count(len(live), 'area')} of executable memory,"
            f" {format_size(sum(area.size for area in live))}; where modules may lie is not known"
        )
        return Sentence(f"{text}.", text)
    room = room_in(layout, holes, entry.start, entry.end)
    size = format_size(room.size)
    taken = _taken(room)
    if not snapshot.hidden.complete and not room.taken:
        text = f"how much of {size} is taken is not known"
        return Sentence(f"{_must(layout, entry)}: {text}.", f"H{text[1:]}.")
    if snapshot.hidden:
        text = f"at least {taken} of {size} are taken; what is left is not known"
        return Sentence(f"{_must(layout, entry)}: {text}.", f"A{text[1:]}.")
    if room.size > _ENDLESS:
        return Sentence(
            f"Module code may lie anywhere in {size}: {taken} are taken, the rest is free.",
            f"{taken} of {size} for modules are taken.",
        )
    near = "near the kernel" if entry.has_fallback else "for modules"
    begins = f"{taken[0].upper()}{taken[1:]} of {size} {near} are taken"
    left = _left(room, size)
    largest = f"{format_size(room.largest)} are free in one piece"
    return Sentence(
        f"{_must(layout, entry)}: {taken} of {size} are taken, {left}.",
        f"{begins}, {left}.",
        f"{begins}; {largest}." if room.holes else "",
    )


def _unseen(hidden: Hidden) -> Sentence:
    """Say that areas are there, not none: only their places are hidden."""
    if not hidden.count:
        text = "No area is shown"
        return Sentence(f"{text}: where executable memory lies is not known.", f"{text}.")
    count, size = hidden.of_type(ExecmemType)
    unknown = "where they lie is not known"
    of = " of executable memory"
    if not count:
        count, size, of = hidden.count, hidden.size, ""
        unknown = "whether they are executable memory is not known"
    known = f"{_count(count, 'area')}{of}, {format_size(size)}, without their addresses"
    text = known if hidden.complete else f"At least {known}"
    return Sentence(f"{text}: {unknown}.", f"{text}.")


def _taken(room: Room) -> str:
    """``18.6M``; ``nearly all`` where that rounds to the size of the window and is not."""
    taken = format_size(room.taken)
    return "nearly all" if room.free and taken == format_size(room.size) else taken


def _must(layout: Layout, entry: ExecmemRange) -> str:
    """Say in a few words why modules lie where they lie."""
    if entry.has_fallback:
        return "Module code must lie near the kernel"
    reach, text = call_reach(layout), layout.text
    if reach is None or text is None or reach.kind is not ReachKind.RELATIVE:
        return "Modules have a window of their own"
    ends = (entry.start, entry.end - 1)
    if all(reach.reaches(text, end) for end in ends):
        if layout.word_bits == 64:
            distance = format_size(round(reach.high / MIB) * MIB)
            return f"Module code must lie within {distance} of the kernel"
        return "Modules have a window of their own"
    if layout.plt is None:
        return "Modules have a window of their own"
    word = layout.plt.word.removesuffix(" entry")
    return f"Modules lie far from the kernel and call it through {_article(word)} {word}"


def _left(room: Room, size: str = "") -> str:
    """``61.4M are left in one piece``, ``20.9M are left in 11 pieces, the largest 2M``.

    ``the rest is left`` where something is taken and what is left rounds to the window's `size`.
    """
    free = format_size(room.free)
    left = "the rest is left" if room.taken and free == size else f"{free} are left"
    if room.holes == 0:
        return "nothing is left"
    if room.holes == 1:
        return f"{left} in one piece"
    if room.largest >= room.free * _NEARLY:
        return f"{left}, almost all in one piece"
    return f"{left} in {room.holes:,} pieces, the largest {format_size(room.largest)}"


def _allocated(
    snapshot: Snapshot, holes: HoleIndex, event: Allocated, *, past: bool = False
) -> Sentence:
    layout, area = snapshot.layout, event.area
    what = f"{area.name} {format_size(event.requested)}"
    if area.type is None:
        text = f"{what}: other memory of the kernel, at {area.start:x}"
        return Sentence(text, text)
    entry = layout.range_of(area.type)
    if event.fallback:
        why = lacking(layout, holes, area.type, event.requested, past=past)
        far = f"placed far away{_calls(layout, area)}"
        short = f"{what}: {why}: placed far away"
        room = room_in(layout, holes, entry.start, entry.end)
        pieces = room.shortage(_padded(layout, event.requested)) is Shortage.FRAGMENTED
        because = "the near window is fragmented" if pieces else "no room near the kernel"
        brief = f"{what}: placed far away, {because}"
        return Sentence(f"{what}: {why}: {far}", short, brief, alarm=True)
    if entry.end <= entry.start or area.window is None:
        text = f"{what}: placed at {area.start:x}"
        return Sentence(text, text)
    room = room_in(layout, holes, entry.start, entry.end)
    if entry.rox_cached:
        where = "a piece of a ROX block"
    elif entry.has_fallback:
        where = "placed near the kernel"
    else:
        where = "placed in the lowest hole that takes it"
    left = "" if room.size > _ENDLESS else f"; {_left(room)}"
    return Sentence(f"{what}: {where}{left}", f"{what}: {where}")


def lacking(
    layout: Layout, holes: HoleIndex, kind: ExecmemType, requested: Bytes, *, past: bool = False
) -> str:
    """Say what the preferred window lacks for a request.

    ``the near window has 180K left in one hole, 100K short``.

    Args:
        layout: where everything may live.
        holes: right after the request was made; a placement elsewhere changes nothing here.
        kind: whose window.
        requested: bytes, as asked.
        past: others took or gave back room since: ``the near window had``.
    """
    entry = layout.range_of(kind)
    name = "the near window" if entry.has_fallback else "its window"
    need = _padded(layout, requested)
    room = room_in(layout, holes, entry.start, entry.end)
    shortage = room.shortage(need)
    if shortage is Shortage.NONE:
        if entry.alignment > layout.page_size:
            return f"no hole of {name} takes it aligned to {format_size(entry.alignment)}"
        return f"{name} was not asked, or took it back"
    short = f"{format_size(room.short_by(need))} short"
    has = "had" if past else "has"
    if room.holes == 0:
        return f"{name} {has} nothing left"
    if room.holes == 1:
        return f"{name} {has} {format_size(room.free)} left in one hole, {short}"
    pieces = f"in {room.holes:,} holes, the largest {format_size(room.largest)}"
    if shortage is Shortage.FRAGMENTED:
        return f"{name} {has} {format_size(room.free)} left, but {pieces}, {short}: fragmented"
    return f"{name} {has} {format_size(room.free)} left {pieces}, {short}"


def _padded(layout: Layout, requested: Bytes) -> Bytes:
    """Return what a search looks for: whole pages and the guard page."""
    return align_up(requested, layout.page_size) + layout.page_size


def _calls(layout: Layout, area: Area) -> str:
    """Say what the distance costs; data makes no calls."""
    if area.type is not ExecmemType.MODULE_TEXT or layout.plt is None:
        return ""
    verdict = area_verdict(layout, area)
    word = layout.plt.word.removesuffix(" entry")
    return {
        Verdict.PLT: f", every call through {_article(word)} {word}",
        Verdict.DIRECT: ", still in reach of a direct call",
        Verdict.UNREACHABLE: ", out of reach of the kernel",
        None: "",
    }[verdict]


def _failed(snapshot: Snapshot, holes: HoleIndex, event: Failed) -> Sentence:
    what = f"{event.owner or 'a request'} {format_size(event.requested)}"
    if event.type is None:
        text = f"{what}: {'no room yet' if event.attempt else 'FAILED'}: {event.reason}"
        return Sentence(text, text, alarm=not event.attempt)
    entry = snapshot.layout.range_of(event.type)
    known = entry.end > entry.start
    why = lacking(snapshot.layout, holes, event.type, event.requested) if known else event.reason
    if event.attempt:
        then = "purge, then the far window" if entry.has_fallback else "purge and look again"
        return Sentence(f"{what}: {why}: {then}", f"{what}: {why}")
    also = ""
    if entry.has_fallback:
        room = room_in(snapshot.layout, holes, entry.fallback_start, entry.fallback_end)
        also = f"; the far window has {format_size(room.largest)} in one piece"
    second = "" if entry.has_fallback else ", and there is no second window"
    return Sentence(f"{what} FAILED: {why}{also}{second}", f"{what} FAILED: {why}", alarm=True)


def _noted(event: Noted) -> Sentence:
    if not event.reset:
        return Sentence(event.message, event.message)
    came, went = len(event.added), len(event.removed)
    if not came and not went:
        text = f"{event.message}: nothing changed"
    else:
        text = f"{event.message}: {_count(came, 'area')} came, {went:,} went"
    return Sentence(text, text)


def _other(snapshot: Snapshot, holes: HoleIndex, event: Event) -> Sentence:
    match event:
        case Freed():
            return _freed(event)
        case Purged():
            return _purged(snapshot, holes, event)
        case PermissionsChanged():
            area = snapshot.area_at(event.start)
            name = "memory" if area is None else area.name
            did = _PERMISSIONS.get(event.permissions, f"becomes {event.permissions}")
            text = f"{name} {format_size(event.size)}: {did} (set_memory_{event.permissions})"
            return Sentence(text, f"{name}: {did}")
        case CacheChanged():
            did = "took" if event.populated else "gave back"
            short = f"The ROX cache {did} a block of {format_size(event.size)}"
            more = ", to be shared by modules, probes and tracers" if event.populated else ""
            return Sentence(short + more, short)
        case HazardFound():
            text = f"Hazard {event.rule}: {event.message}"
            return Sentence(text, f"Hazard {event.rule}", alarm=True)
    return Sentence(event.text, event.text)


def _freed(event: Freed, later: Sequence[Event] = ()) -> Sentence:
    """Say what a free did; `later` of the same command may have purged what it left lazy."""
    text = f"{event.area.name} {format_size(event.area.size)}: freed, {_afterwards(event, later)}"
    return Sentence(text, text)


def _afterwards(event: Freed, later: Sequence[Event]) -> str:
    states = {area.state for area in event.added}
    if AreaState.CACHE_FREE in states:
        return "back in its ROX block"
    if AreaState.LAZY not in states:
        return "usable at once"
    start, end = event.area.start, event.area.end
    for purge in later:
        if isinstance(purge, Purged) and _covered(purge.removed, start, end):
            pooled = [area for area in purge.added if area.state is AreaState.POOLED]
            if _covered(pooled, start, end):
                return "purged at once and kept for requests of its size"
            return "and purged at once: usable again"
    return "not usable again before a purge"


def _covered(areas: Sequence[Area], start: Address, end: Address) -> bool:
    """Whether one of them holds all of it: neighbours that are lazy may have become one area."""
    return any(area.start <= start and end <= area.end for area in areas)


def _purged(snapshot: Snapshot, holes: HoleIndex, event: Purged) -> Sentence:
    parked = sum(area.state is AreaState.POOLED for area in event.added)
    back = sum(area.footprint for area in event.removed) - sum(
        area.footprint for area in event.added
    )
    who = _PURGES.get(event.kind, "A purge")
    if not event.purged and not back:
        text = f"{who} finds nothing to purge: no freed area waited"
        return Sentence(text, text)
    text = f"{who} purges {_count(event.purged, 'freed area')}: {format_size(back)} usable again"
    if parked:
        text += f", {parked:,} kept for requests of their size"
    entry = snapshot.layout.range_of(ExecmemType.MODULE_TEXT)
    if entry.end > entry.start and any(_inside(area.start, entry) for area in event.removed):
        room = room_in(snapshot.layout, holes, entry.start, entry.end)
        return Sentence(f"{text}; {_left(room)}", text)
    return Sentence(text, text)


def _inside(address: Address, entry: ExecmemRange) -> bool:
    return entry.start <= address < entry.end


def _owners(areas: Sequence[Area]) -> str:
    """Name the owners: ``nvme and 2 it needs``; the one asked for comes last in a load."""
    names = list(dict.fromkeys(area.owner or area.name for area in areas))
    if len(names) == 1:
        return names[0]
    more = len(names) - 1
    return f"{names[-1]} and {more:,} {'other' if more == 1 else 'others'}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


def _is_failure(event: Event) -> bool:
    return isinstance(event, Failed) and not event.attempt


def _is_fallback(event: Event) -> bool:
    return isinstance(event, Allocated) and event.area.window is Window.FALLBACK


def _is_hazard(event: Event) -> bool:
    return isinstance(event, HazardFound)

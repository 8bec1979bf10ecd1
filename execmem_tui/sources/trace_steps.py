"""What a line of a trace does to the map.

For a trace that is whole, and for one that still grows.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Final

from attrs import evolve

from execmem_tui.consumers.load_sequence import TEXTS
from execmem_tui.formats.trace_event import (
    ALLOC,
    DOUBTED,
    EVERYTHING,
    FREE,
    HEADER,
    LOST,
    PURGE,
    PURGE_BEGINS,
    RESUMED,
    TOLD_LATE,
    seconds_of,
)
from execmem_tui.formats.trace_event import Event as TraceEvent
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import UNSAID, Allocated, Event, Failed, Freed, Noted, Purged
from execmem_tui.model.hidden import NOTHING_HIDDEN, Hidden
from execmem_tui.model.intervals import Interval
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, format_size
from execmem_tui.replay.held_areas import HeldAreas
from execmem_tui.replay.known import CACHED, FOREVER, Known, cut_for, moment_of, nobodys
from execmem_tui.replay.state import Besides

_START, _END = attrgetter("start"), attrgetter("end")
_REQUESTS: Final = 1 << 12
"""How many different requests are remembered."""
_PERCPU: Final = "pcpu_get_vm_areas"
_UNKNOWN: Final = "execmem of an unknown consumer, text or data"
_UNCACHED: Final = "execmem of an unknown consumer: data, or a small block of the ROX cache"
_PARKED: Final = "unless memory pressure emptied the pool: no event tells"
"""vmap_node_shrink_scan() decays all pools in full and has no trace event (mm/vmalloc.c)."""
_LIVE, _LAZY, _POOLED = AreaState.LIVE, AreaState.LAZY, AreaState.POOLED
"""By names of their own: to look a member up in its class takes as long as ten comparisons."""
LOST_NOTE: Final = "what is drawn may be gone, and what is not drawn is unknown"
"""Said where events may be missing."""
LOST_EVENTS: Final = Hidden(complete=False, why="events were lost before")


@frozen
class _Request:
    """What all requests that ask for the same have in common, for the map. Bytes."""

    size: int
    guard: int
    window: Window | None
    type: ExecmemType | None
    """Where its window can be asked for by one kind of consumer only."""
    failed: bool
    detail: str


class TraceEvents:
    """Turns lines of a trace into events of the map.

    Args:
        layout: whose ranges tell the window of an area.
        known: what snapshots say of owners.
        lives: {line of an allocation: line of its free} for what lived at a snapshot; {} for a
            trace that still grows.
        is_told: the kernel's version is, and with it whether there is a ROX cache.
    """

    def __init__(
        self,
        layout: Layout,
        known: Known | None = None,
        lives: dict[int, int] | None = None,
        *,
        is_told: bool = True,
    ) -> None:
        self.layout = layout
        self._caches_text = layout.range_of(ExecmemType.MODULE_TEXT).rox_cached
        self._cached = is_told and self._caches_text
        self._known = Known() if known is None else known
        self._lives = {} if lives is None else lives
        self._held = HeldAreas()
        self._texts: dict[str, set[tuple[Address, Address]]] = defaultdict(set)
        """Starts of a vmap area and of the text of a module in it, by module."""
        self._phase = 0
        """The next snapshot that the trace comes to."""
        self._waiting: dict[Address, None] = {}
        """Starts of what is lazy, the first freed first."""
        self._loading: dict[str, list[Address]] = defaultdict(list)
        self._failed: dict[str, str] = {}
        self._requests: dict[tuple[int, int, int, int, bool], _Request] = {}

    def begin(self, busy: Iterable[Interval], lazy: Iterable[Interval]) -> list[Area]:
        """Take the areas that exist before the first line and return them."""
        for start, areas in self.plain(busy, lazy).items():
            self._held.put(tuple(areas))
            if areas[0].state is _LAZY:
                self._waiting[start] = None
        return list(self._held)

    def plain(
        self, busy: Iterable[Interval], lazy: Iterable[Interval]
    ) -> dict[Address, list[Area]]:
        """Return areas of which no more is known, by their start."""
        areas = {start: list(self._pieces(start, end - start, 0)) for start, end in busy}
        for start, end in lazy:
            areas[start] = [Area(start=start, size=end - start, state=_LAZY)]
        return areas

    def areas(self) -> list[Area]:
        """Return what the lines so far left on the map, ascending."""
        return list(self._held)

    def sync(self, inside: dict[Address, list[Area]]) -> None:
        """Take the state of a snapshot: areas by the start of the vmap area that they lie in."""
        self._held.replace((start, tuple(areas)) for start, areas in inside.items())
        self._texts.clear()
        for areas in inside.values():
            self._note_texts(areas)
        lazy = (at for at, areas in inside.items() if areas[0].state is _LAZY)
        self._waiting = dict.fromkeys(lazy)

    def resume(self, inside: dict[Address, list[Area]], name: str) -> Noted:
        """Take the state of a snapshot as `sync` does, and return what that does to the map.

        Args:
            inside: areas by the start of the vmap area that they lie in.
            name: of the snapshot.
        """
        before = Counter(self._held)
        self.sync(inside)
        now = Counter(self._held)
        return Noted(
            message=f"all is known again: snapshot {printable(name, 60)}",
            mark=True,
            reset=True,
            hidden=NOTHING_HIDDEN,
            removed=_ascending((before - now).elements()),
            added=_ascending((now - before).elements()),
        )

    def take(  # noqa: PLR0911 - a kind of line after the other, as often as there are lines
        self, line: TraceEvent, moved: Besides | None = None
    ) -> Event | None:
        """Return what a line does to the map, None if that is nothing and nothing is to be said.

        Args:
            line: of the trace.
            moved: what it did besides, as a replay knows; None where no replay follows: then pools
                are unknown, and a purge gives back what waited longest.
        """
        kind = line[0]
        if kind == PURGE:
            if moved is None:
                return self._seen_purge(line)
            if moved[0] or moved[1]:
                return self._purge(line, moved)
            return Purged(time=seconds_of(line), kind=UNSAID, purged=0)
        if kind == ALLOC:
            return self._alloc(line, moved)
        if kind == FREE:
            return self._free(line)
        if kind == LOST:
            text = f"{line[4]} events were lost here: what follows may be wrong"
            return Noted(message=text, mark=True)
        return None if kind == HEADER else self._other(line)

    def _moved(self, moved: Besides) -> tuple[list[Area], list[Area], int]:
        """Apply what a replay knows.

        Return the pieces that went and came, and how many were lazy.
        """
        removed: list[Area] = []
        added: list[Area] = []
        lazy = 0
        freed, pooled, _ = moved
        for start, _ in freed:
            pieces = self._held.pop(start)
            removed += pieces
            lazy += bool(pieces) and pieces[0].state is _LAZY
            self._waiting.pop(start, None)
        for start, _ in pooled:
            pieces = self._held.get(start)
            if pieces:
                parked = tuple(piece.changed(state=_POOLED, detail=_PARKED) for piece in pieces)
                self._held.change(parked)
                self._waiting.pop(start, None)
                removed += pieces
                added += parked
                lazy += 1
        return removed, added, lazy

    def _alloc(self, line: TraceEvent, moved: Besides | None) -> Event:
        number, task, start, asked = line[1], line[2][0], line[4], line[5]
        request = self._requests.get(asked) or self._request(asked)
        if request.failed:
            text = f"no room for {format_size(request.size)} in {asked[2]:x}-{asked[3]:x}"
            self._failed[task] = text
            return Failed(
                time=seconds_of(line),
                type=request.type,
                requested=request.size - request.guard,
                owner=task,
                reason=text,
                attempt=True,
            )
        pieces = self._pieces(start, request.size, number, self._lives.get(number, number), request)
        added = pieces
        if moved is not None and any(moved):
            removed, added = self._alloc_and_more(pieces, number, moved)
        else:
            removed = self._held.put(pieces)
        for area in removed:
            self._waiting.pop(area.start, None)
        if request.window is not None:
            self._loading[task].append(start)
        reason = self._failed.pop(task, "") if self._failed else ""
        return Allocated(
            time=seconds_of(line),
            area=pieces[0],
            requested=request.size - request.guard,
            reason=reason or "the request asked for the fallback range",
            removed=removed,
            added=added,
        )

    def _alloc_and_more(
        self, pieces: tuple[Area, ...], number: int, moved: Besides
    ) -> tuple[tuple[Area, ...], tuple[Area, ...]]:
        """Put an area on the map for which other things moved; return what went and what came."""
        chunks = [self._pieces(low, high - low, number) for low, high in moved[2]]
        gone, came, _ = self._moved(moved)
        ended = [area for chunk in chunks for area in self._held.put(chunk)]
        ended += self._held.put(pieces)
        both = set(came) & set(ended)  # parked and taken at once
        removed = (area for area in (*gone, *ended) if area not in both)
        kept = (area for area in came if area not in both)
        return _ascending(removed), _ascending((*kept, *pieces, *chain(*chunks)))

    def _request(self, asked: tuple[int, int, int, int, bool]) -> _Request:
        """Return what is common to all requests for the same."""
        size, _, vstart, vend, failed = asked
        text = self.layout.range_of(ExecmemType.MODULE_TEXT)
        data = self.layout.range_of(ExecmemType.MODULE_DATA)
        window: Window | None = None
        if (vstart, vend) in ((text.start, text.end), (data.start, data.end)):
            window = Window.PREFERRED
        elif (vstart, vend) == (text.fallback_start, text.fallback_end):
            window = Window.FALLBACK
        # of a window that one kind of consumer asks for alone, the type is known
        of_data = (text.start, text.end) != (data.start, data.end) and vstart == data.start
        page = self.layout.page_size
        # text comes from the ROX cache where there is one, and that asks for whole blocks
        uncached = self._cached and (size - page) % self.layout.pmd_size != 0
        kind = ExecmemType.MODULE_DATA if of_data or uncached else ExecmemType.MODULE_TEXT
        if len(self._requests) >= _REQUESTS:
            self._requests.clear()
        request = self._requests[asked] = _Request(
            size=size,
            guard=page if size > page else 0,
            window=window,
            type=None if window is None else kind,
            failed=failed,
            detail="" if window is None else _UNCACHED if uncached else _UNKNOWN,
        )
        return request

    def _pieces(
        self,
        start: Address,
        size: int,
        line: int,
        until: int = FOREVER,
        request: _Request | None = None,
    ) -> tuple[Area, ...]:
        """Return the areas of a vmap area as a snapshot in its life has them.

        One without owner where none has it.
        """
        if request is None:
            guard = self.layout.page_size if size > self.layout.page_size else 0
            request = _Request(size, guard, window=None, type=None, failed=False, detail="")
        known = self._known.label(start, line, until) if self._known.phases else []
        if known and known[0].start == start and sum(area.footprint for area in known) == size:
            if len(known) == 1 and known[0].type is None and request.type is not None:
                return (evolve(known[0], type=request.type, window=request.window),)
            self._note_texts(known)
            return tuple(known)
        return (
            Area(
                start=start,
                size=size - request.guard,
                guard=request.guard,
                type=request.type,
                window=request.window,
                detail=request.detail,
            ),
        )

    def _free(self, line: TraceEvent) -> Event:
        start = line[4]
        pieces = self._held.get(start)
        if not _is_held(pieces):
            text = f"free of {start:x}, allocated before this trace began"
            return Noted(time=seconds_of(line), message=text)
        lazy = Area(
            start=start,
            size=pieces[-1].end - start,
            owner=pieces[0].owner,
            state=_LAZY,
        )
        self._held.change((lazy,))
        self._waiting[start] = None
        return Freed(time=seconds_of(line), area=pieces[0], removed=pieces, added=(lazy,))

    def _purge(self, line: TraceEvent, moved: Besides) -> Event:
        removed, added, lazy = self._moved(moved)
        return Purged(
            time=seconds_of(line),
            kind=UNSAID,
            purged=lazy,
            removed=_ascending(removed),
            added=_ascending(added),
        )

    def _seen_purge(self, line: TraceEvent) -> Event:
        """Return what a purge did that no replay follows: it gives back what waited longest."""
        start, end, purged = line[5]
        gone = [
            at
            for at in self._waiting
            if purged == EVERYTHING or (start <= at and self._held.get(at)[-1].end <= end)
        ]
        if purged != EVERYTHING:
            del gone[purged:]
        for at in gone:
            del self._waiting[at]
        areas = tuple(area for at in sorted(gone) for area in self._held.pop(at))
        return Purged(time=seconds_of(line), kind=UNSAID, purged=len(gone), removed=areas)

    def _other(self, line: TraceEvent) -> Event | None:
        name, _, text = line[5].partition(": ")
        if name == DOUBTED:
            return Noted(
                message=f"events are missing from here on: {LOST_NOTE}", hidden=LOST_EVENTS
            )
        if name == RESUMED:
            return self.resume(self._known.named(text), text)
        if name == "module_load":
            module = printable(text, 400).split(" ")[0]
            return self._name(line, printable(module, 60))
        if name == "module_free" and self._caches_text:
            removed, added = self._text_given_back(printable(text.split(" ")[0], 60))
            return Noted(
                time=seconds_of(line),
                message=f"module_free {printable(text, 400)}",
                removed=removed,
                added=added,
            )
        if name in ("tracing_mark_write", "print"):
            removed, added = self._told_anew(line[1])
            return Noted(
                time=seconds_of(line),
                message=printable(text, 400),
                mark=True,
                removed=removed,
                added=added,
            )
        return _remark(line, name, text)

    def _told_anew(self, line: int) -> tuple[tuple[Area, ...], tuple[Area, ...]]:
        """Take over what a snapshot that is complete at this line says of areas that live on.

        Its ROX blocks are cut anew, packs hold other programs, and percpu chunks that nothing told
        of are there.
        """
        removed: list[Area] = []
        added: list[Area] = []
        phases = self._known.phases
        while self._phase < len(phases) and moment_of(phases[self._phase]) <= line:
            for start, areas in phases[self._phase][2].items():
                pieces, told = self._held.get(start), tuple(areas)
                if not _is_held(told) or told[0].start != start:
                    continue
                if not pieces and told[0].called_by == _PERCPU:
                    removed += self._held.put(told)
                elif self._says_more(pieces, told):
                    self._held.change(told)
                    removed += pieces
                else:
                    continue
                self._note_texts(told)
                added += told
            self._phase += 1
        return _ascending(removed), _ascending(added)

    @staticmethod
    def _says_more(pieces: tuple[Area, ...], told: tuple[Area, ...]) -> bool:
        """Whether a snapshot says other things of an area than the map does."""
        if not _is_held(pieces) or pieces == told:
            return False
        # of an area that it cannot name, the trace knows more: who asked for which window
        named = len(told) > 1 or told[0].type is not None or told[0].owner is not None
        return named and pieces[-1].end == told[-1].end

    def _text_given_back(self, module: str) -> tuple[tuple[Area, ...], tuple[Area, ...]]:
        """Take from an unloaded module what of the ROX cache was its text.

        execmem_free() gives it back to the cache; no event tells who gets it next.
        """
        removed: list[Area] = []
        added: list[Area] = []
        detail = f"text of {module}, which was unloaded: {CACHED}"
        for start, at in sorted(self._texts.pop(module, ())):
            pieces = self._held.get(start)
            index = bisect_left(pieces, at, key=_START)
            if index < len(pieces) and _is_text_of(module, pieces[index]):
                removed.append(pieces[index])
                added.append(nobodys(pieces[index], detail))
                self._held.change((*pieces[:index], added[-1], *pieces[index + 1 :]))
        return tuple(removed), tuple(added)

    def _note_texts(self, pieces: Sequence[Area]) -> None:
        """Remember where text of modules lies: unloads are many, and areas too."""
        if self._caches_text:
            for piece in pieces:
                if piece.region in TEXTS and piece.owner is not None:
                    self._texts[piece.owner].add((pieces[0].start, piece.start))

    def _name(self, line: TraceEvent, module: str) -> Event:
        """Give a loaded module's name to what no snapshot names.

        It was allocated by the task that loads, in the module window.
        """
        before: list[Area] = []
        after: list[Area] = []
        for start in self._loading.pop(line[2][0], []):
            pieces = self._held.get(start)
            if len(pieces) == 1 and pieces[0].owner is None and pieces[0].state is _LIVE:
                named = pieces[0].changed(owner=module, detail="by the task that loaded it")
                before.append(pieces[0])
                after.append(named)
                self._held.change((named,))
        for start, text in self._known.texts_of(module, self._phase, line[1]):
            pieces = self._held.get(start)
            first = bisect_right(pieces, text.start, key=_END)
            stop = bisect_left(pieces, text.end, first, key=_START)
            cut = cut_for(text, pieces[first:stop])
            if cut:
                before += pieces[first:stop]
                after += cut
                self._held.change((*pieces[:first], *cut, *pieces[stop:]))
                self._texts[module].add((start, text.start))
        return Noted(
            time=seconds_of(line),
            message=f"module_load {module}",
            removed=_ascending(before),
            added=_ascending(after),
        )


def _is_held(pieces: Sequence[Area]) -> bool:
    """Whether a vmap area is neither lazy nor pooled; the first piece of a block may be free."""
    return bool(pieces) and pieces[0].state not in (_LAZY, _POOLED)


def _is_text_of(module: str, piece: Area) -> bool:
    return piece.owner == module and piece.region in TEXTS and piece.state is _LIVE


def _remark(line: TraceEvent, name: str, text: str) -> Noted | None:
    """Return what a line says that changes nothing on the map."""
    if name == DOUBTED:
        return Noted(message=f"events are missing from here on: {LOST_NOTE}", hidden=LOST_EVENTS)
    if name == TOLD_LATE:
        return Noted(time=seconds_of(line), message=f"free of {text}: a purge gave it back before")
    if name == PURGE_BEGINS:
        message = f"{printable(text, 60)} begins to purge what is lazy"
        return Noted(time=seconds_of(line), message=message)
    if name == "module_free":
        return Noted(time=seconds_of(line), message=f"module_free {printable(text, 400)}")
    return None


def _ascending(areas: Iterable[Area]) -> tuple[Area, ...]:
    found = tuple(areas)
    return found if len(found) < 2 else tuple(sorted(found, key=_START))

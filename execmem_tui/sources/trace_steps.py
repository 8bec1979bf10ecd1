"""What a line of a trace does to the map: for a trace that is whole, and for one that still grows."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Final

from attrs import define, evolve, field

from execmem_tui.formats.trace import Alloc, Free, Header, Lost, Other, Purge, TraceLine
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Noted, Purged
from execmem_tui.model.intervals import Interval
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, format_size
from execmem_tui.replay.model import Moved
from execmem_tui.sources.held_areas import HeldAreas

_START = attrgetter("start")
_PERCPU: Final = "pcpu_get_vm_areas"
FOREVER: Final = 1 << 62
"""The line at which an area is freed that no trace frees."""


@define
class Known:
    """What snapshots beside the trace say of areas that the trace allocates."""

    phases: list[tuple[str, int, dict[Address, list[Area]]]] = field(factory=list)
    """(name, line of the trace, areas by the start of the vmap area they lie in)."""

    def label(self, start: Address, line: int, until: int) -> list[Area]:
        """Return what the first snapshot in the area's life (lines `line` to `until`) says of it."""
        for _, moment, areas in self.phases[bisect_left(self.phases, line, key=moment_of) :]:
            if moment >= until:
                break
            if start in areas:
                return areas[start]
        return []


def moment_of(phase: tuple[str, int, dict[Address, list[Area]]]) -> int:
    """Return the line of the trace at which a snapshot was complete."""
    return phase[1]


class TraceEvents:
    """Turns lines of a trace into events of the map.

    Args:
        layout: whose ranges tell the window of an area.
        known: what snapshots say of owners.
        lives: {line of an allocation: line of its free} for what lived at a snapshot; {} for a
            trace that still grows.
    """

    def __init__(
        self, layout: Layout, known: Known | None = None, lives: dict[int, int] | None = None
    ) -> None:
        self.layout = layout
        self._known = Known() if known is None else known
        self._lives = {} if lives is None else lives
        self._held = HeldAreas()
        self._phase = 0
        """The next snapshot that the trace comes to."""
        self._waiting: dict[Address, None] = {}
        """Starts of what is lazy, the first freed first."""
        self._loading: dict[str, list[Address]] = defaultdict(list)
        self._failed: dict[str, str] = {}

    def begin(self, busy: Iterable[Interval], lazy: Iterable[Interval]) -> list[Area]:
        """Take the areas that exist before the first line and return them."""
        for start, end in busy:
            self._held.put(self._pieces(start, end - start, 0))
        for start, end in lazy:
            self._held.put((Area(start=start, size=end - start, state=AreaState.LAZY),))
            self._waiting[start] = None
        return list(self._held)

    def areas(self) -> list[Area]:
        """Return what the lines so far left on the map, ascending."""
        return list(self._held)

    def sync(self, inside: dict[Address, list[Area]]) -> None:
        """Take the state of a snapshot: areas by the start of the vmap area that they lie in."""
        self._held.replace((start, tuple(areas)) for start, areas in inside.items())
        lazy = (at for at, areas in inside.items() if areas[0].state is AreaState.LAZY)
        self._waiting = dict.fromkeys(lazy)

    def events(self, line: TraceLine, moved: Moved | None = None) -> Iterator[Event]:
        """Yield what a line does to the map.

        Args:
            line: of the trace.
            moved: what it did besides, as a replay knows; None where no replay follows: then pools
                are unknown, and a purge gives back what waited longest.
        """
        if isinstance(line, Alloc):
            yield self._alloc(line, moved)
        elif isinstance(line, Free):
            yield from self._free(line)
        elif isinstance(line, Purge):
            yield self._purge(line, moved)
        elif isinstance(line, Lost):
            yield Noted(
                message=f"{line.events} events were lost here: what follows may be wrong", mark=True
            )
        elif not isinstance(line, Header):
            yield from self._other(line)

    def _moved(self, moved: Moved) -> tuple[list[Area], list[Area], int]:
        """Apply what a replay knows; return the pieces that went and came, and how many were lazy."""
        removed: list[Area] = []
        added: list[Area] = []
        lazy = 0
        for start, _ in moved.freed:
            pieces = self._held.pop(start)
            removed += pieces
            lazy += bool(pieces) and pieces[0].state is AreaState.LAZY
            self._waiting.pop(start, None)
        for start, _ in moved.pooled:
            pieces = self._held.get(start)
            if pieces:
                parked = tuple(evolve(piece, state=AreaState.POOLED) for piece in pieces)
                self._held.change(parked)
                self._waiting.pop(start, None)
                removed += pieces
                added += parked
                lazy += 1
        moved.clear()
        return removed, added, lazy

    def _alloc(self, line: Alloc, moved: Moved | None) -> Event:
        window = self._window(line)
        if line.failed:
            text = f"no room for {format_size(line.size)} in {line.vstart:x}-{line.vend:x}"
            self._failed[line.task] = text
            kind = self._type(line)
            return Failed(
                time=line.time,
                type=kind,
                requested=line.size - self._guard(line.size),
                owner=line.task,
                reason=text,
                attempt=True,
            )
        pieces = self._pieces(
            line.start, line.size, line.line, self._lives.get(line.line, line.line), line
        )
        removed: tuple[Area, ...] = ()
        added = pieces
        if moved:
            chunks = [self._pieces(low, high - low, line.line) for low, high in moved.placed]
            gone, came, _ = self._moved(moved)
            ended = [area for chunk in chunks for area in self._held.put(chunk)]
            ended += self._held.put(pieces)
            both = set(came) & set(ended)
            removed = _ascending(area for area in (*gone, *ended) if area not in both)
            added = _ascending(
                area
                for area in (*(each for each in came if each not in both), *pieces, *chain(*chunks))
            )
        else:
            removed = self._held.put(pieces)
        for area in removed:
            self._waiting.pop(area.start, None)
        if window is not None:
            self._loading[line.task].append(line.start)
        reason = self._failed.pop(line.task, "")
        return Allocated(
            time=line.time,
            area=pieces[0],
            requested=line.size - self._guard(line.size),
            reason=reason or "the request asked for the fallback range",
            removed=removed,
            added=added,
        )

    def _guard(self, size: int) -> int:
        """Return the guard within a traced size: all but areas of one page have one."""
        return self.layout.page_size if size > self.layout.page_size else 0

    def _window(self, line: Alloc) -> Window | None:
        entry = self.layout.range_of(ExecmemType.MODULE_TEXT)
        data = self.layout.range_of(ExecmemType.MODULE_DATA)
        asked = (line.vstart, line.vend)
        if asked in ((entry.start, entry.end), (data.start, data.end)):
            return Window.PREFERRED
        return Window.FALLBACK if asked == (entry.fallback_start, entry.fallback_end) else None

    def _type(self, line: Alloc) -> ExecmemType | None:
        """Return the type of a request where its window can be asked for by one kind of consumer only."""
        if self._window(line) is None:
            return None
        text = self.layout.range_of(ExecmemType.MODULE_TEXT)
        data = self.layout.range_of(ExecmemType.MODULE_DATA)
        if (text.start, text.end) != (data.start, data.end) and line.vstart == data.start:
            return ExecmemType.MODULE_DATA
        return ExecmemType.MODULE_TEXT

    def _pieces(
        self,
        start: Address,
        size: int,
        line: int,
        until: int = FOREVER,
        request: Alloc | None = None,
    ) -> tuple[Area, ...]:
        """Return the areas of a vmap area as a snapshot in its life has them, else one without owner."""
        known = self._known.label(start, line, until)
        window = None if request is None else self._window(request)
        kind = None if request is None else self._type(request)
        if known and known[0].start == start and sum(area.footprint for area in known) == size:
            if len(known) == 1 and known[0].type is None and kind is not None:
                return (evolve(known[0], type=kind, window=window),)
            return tuple(known)
        guard = self._guard(size)
        detail = "executable memory of an unknown consumer" if kind is not None else ""
        return (
            Area(
                start=start, size=size - guard, guard=guard, type=kind, window=window, detail=detail
            ),
        )

    def _free(self, line: Free) -> Iterator[Event]:
        pieces = self._held.get(line.start)
        if not pieces or pieces[0].state is not AreaState.LIVE:
            yield Noted(
                time=line.time, message=f"free of {line.start:x}, allocated before this trace began"
            )
            return
        lazy = Area(
            start=line.start,
            size=pieces[-1].end - line.start,
            owner=pieces[0].owner,
            state=AreaState.LAZY,
        )
        self._held.change((lazy,))
        self._waiting[line.start] = None
        yield Freed(time=line.time, area=pieces[0], removed=pieces, added=(lazy,))

    def _purge(self, line: Purge, moved: Moved | None) -> Event:
        if moved is not None:
            removed, added, lazy = self._moved(moved) if moved else ([], [], 0)
            return Purged(
                time=line.time,
                kind="unknown",
                purged=lazy,
                removed=_ascending(removed),
                added=_ascending(added),
            )
        gone = [
            start
            for start in self._waiting
            if line.purged < 0
            or (line.start <= start and self._held.get(start)[-1].end <= line.end)
        ]
        if line.purged >= 0:
            del gone[line.purged :]
        for start in gone:
            del self._waiting[start]
        areas = tuple(area for start in sorted(gone) for area in self._held.pop(start))
        return Purged(time=line.time, kind="unknown", purged=len(gone), removed=areas)

    def _other(self, line: Other) -> Iterator[Event]:
        if line.name == "module_load":
            name = line.text.split(" ")[0]
            yield from self._name(line, printable(name, 60))
        elif line.name in ("tracing_mark_write", "print"):
            removed, added = self._told_anew(line.line)
            yield Noted(time=line.time, message=line.text, mark=True, removed=removed, added=added)
        elif line.name == "module_free":
            yield Noted(time=line.time, message=f"module_free {line.text}")

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
                if told[0].state is not AreaState.LIVE or told[0].start != start:
                    continue
                if not pieces and told[0].called_by == _PERCPU:
                    removed += self._held.put(told)
                elif self._says_more(pieces, told):
                    self._held.change(told)
                    removed += pieces
                else:
                    continue
                added += told
            self._phase += 1
        return _ascending(removed), _ascending(added)

    @staticmethod
    def _says_more(pieces: tuple[Area, ...], told: tuple[Area, ...]) -> bool:
        """Whether a snapshot says other things of an area than the map does."""
        if not pieces or pieces == told or pieces[0].state is not AreaState.LIVE:
            return False
        # of an area that it cannot name, the trace knows more: who asked for which window
        named = len(told) > 1 or told[0].type is not None or told[0].owner is not None
        return named and pieces[-1].end == told[-1].end

    def _name(self, line: Other, module: str) -> Iterator[Event]:
        """Give a loaded module's name to what its task allocated in the module window and no snapshot names."""
        before: list[Area] = []
        after: list[Area] = []
        for start in self._loading.pop(line.task, []):
            pieces = self._held.get(start)
            if len(pieces) == 1 and pieces[0].owner is None and pieces[0].state is AreaState.LIVE:
                named = evolve(pieces[0], owner=module, detail="by the task that loaded it")
                before.append(pieces[0])
                after.append(named)
                self._held.change((named,))
        order = sorted(range(len(before)), key=lambda number: before[number].start)
        yield Noted(
            time=line.time,
            message=f"module_load {module}",
            removed=tuple(before[number] for number in order),
            added=tuple(after[number] for number in order),
        )


def _ascending(areas: Iterable[Area]) -> tuple[Area, ...]:
    return tuple(sorted(areas, key=_START))

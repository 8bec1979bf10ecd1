"""What a line of a trace does to the map: for a trace that is whole, and for one that still grows."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from attrs import define, evolve, field

from execmem_tui.formats.trace import Alloc, Free, Header, Lost, Other, Purge, TraceLine
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Noted, Purged
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, format_size

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
        self._live: dict[Address, tuple[Area, ...]] = {}
        self._lazy: dict[Address, tuple[Area, ...]] = {}
        self._loading: dict[str, list[Address]] = defaultdict(list)
        self._failed: dict[str, str] = {}

    def begin(
        self, busy: tuple[tuple[int, int], ...], lazy: tuple[tuple[int, int], ...]
    ) -> list[Area]:
        """Take the areas that exist before the first line and return them."""
        for start, end in busy:
            self._live[start] = self._pieces(start, end - start, 0)
        for start, end in lazy:
            area = Area(start=start, size=end - start, state=AreaState.LAZY)
            self._lazy[start] = (area,)
        held = (*self._live.values(), *self._lazy.values())
        return [area for pieces in held for area in pieces]

    def areas(self) -> list[Area]:
        """Return what the lines so far left on the map, ascending."""
        held = [area for pieces in (*self._live.values(), *self._lazy.values()) for area in pieces]
        return sorted(held, key=_start)

    def sync(self, inside: dict[Address, list[Area]]) -> None:
        """Take the state of a snapshot: areas by the start of the vmap area that they lie in."""
        self._live = {
            start: tuple(areas)
            for start, areas in inside.items()
            if areas[0].state is not AreaState.LAZY
        }
        self._lazy = {
            start: tuple(areas)
            for start, areas in inside.items()
            if areas[0].state is AreaState.LAZY
        }

    def events(self, line: TraceLine) -> Iterator[Event]:
        """Yield what a line does to the map."""
        if isinstance(line, Alloc):
            yield self._alloc(line)
        elif isinstance(line, Free):
            yield from self._free(line)
        elif isinstance(line, Purge):
            yield self._purge(line)
        elif isinstance(line, Lost):
            yield Noted(
                message=f"{line.events} events were lost here: what follows may be wrong", mark=True
            )
        elif not isinstance(line, Header):
            yield from self._other(line)

    def _alloc(self, line: Alloc) -> Event:
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
        stale = self._live.pop(line.start, ()) + self._lazy.pop(line.start, ())
        self._live[line.start] = pieces
        if window is not None:
            self._loading[line.task].append(line.start)
        reason = self._failed.pop(line.task, "")
        return Allocated(
            time=line.time,
            area=pieces[0],
            requested=line.size - self._guard(line.size),
            reason=reason or "the request asked for the fallback range",
            removed=stale,
            added=pieces,
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
        pieces = self._live.pop(line.start, None)
        if pieces is None:
            yield Noted(
                time=line.time, message=f"free of {line.start:x}, allocated before this trace began"
            )
            return
        last = pieces[-1]
        lazy = Area(
            start=line.start,
            size=last.end - line.start,
            owner=pieces[0].owner,
            state=AreaState.LAZY,
        )
        self._lazy[line.start] = (lazy,)
        yield Freed(time=line.time, area=pieces[0], removed=pieces, added=(lazy,))

    def _purge(self, line: Purge) -> Event:
        gone = [
            start
            for start, areas in self._lazy.items()
            if line.purged < 0 or (line.start <= start and areas[-1].end <= line.end)
        ]
        if line.purged >= 0:
            del gone[line.purged :]
        removed = tuple(area for start in sorted(gone) for area in self._lazy.pop(start))
        return Purged(time=line.time, kind="unknown", purged=len(gone), removed=removed)

    def _other(self, line: Other) -> Iterator[Event]:
        if line.name == "module_load":
            name = line.text.split(" ")[0]
            yield from self._name(line, printable(name, 60))
        elif line.name in ("tracing_mark_write", "print"):
            yield Noted(time=line.time, message=line.text, mark=True)
        elif line.name == "module_free":
            yield Noted(time=line.time, message=f"module_free {line.text}")

    def _name(self, line: Other, module: str) -> Iterator[Event]:
        """Give a loaded module's name to what its task allocated in the module window and no snapshot names."""
        before: list[Area] = []
        after: list[Area] = []
        for start in self._loading.pop(line.task, []):
            pieces = self._live.get(start, ())
            if len(pieces) == 1 and pieces[0].owner is None:
                named = evolve(pieces[0], owner=module, detail="by the task that loaded it")
                before.append(pieces[0])
                after.append(named)
                self._live[start] = (named,)
        order = sorted(range(len(before)), key=lambda number: before[number].start)
        yield Noted(
            time=line.time,
            message=f"module_load {module}",
            removed=tuple(before[number] for number in order),
            added=tuple(after[number] for number in order),
        )


def _start(area: Area) -> Address:
    return area.start

"""A trace as a source: every event of it is a step on the map, markers and snapshots are marks."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import define, evolve, field

from execmem_tui.bundles.manifest import read_manifest
from execmem_tui.bundles.phase import Phase, phase_folders, phases_layout, read_phase
from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.formats.trace import (
    Alloc,
    Free,
    Header,
    Lost,
    Other,
    Purge,
    TraceLine,
    parse_trace,
)
from execmem_tui.formats.vmallocinfo import Pointers
from execmem_tui.history import History
from execmem_tui.machines.facts import Facts
from execmem_tui.machines.manifest_layout import stated_layout
from execmem_tui.machines.recognise import recognise
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Noted, Purged
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, format_size
from execmem_tui.owners.attribute import attribute, grouped
from execmem_tui.sources.base import Recording, SourceKind

_FOREVER: Final = 1 << 62
KEPT: Final = 200_000
"""Events that the history keeps; older ones are dropped so that memory does not grow with the
trace."""


@define
class Known:
    """What snapshots beside the trace say of areas that the trace allocates."""

    phases: list[tuple[str, int, dict[Address, list[Area]]]] = field(factory=list)
    """(name, line of the trace, areas by the start of the vmap area they lie in)."""

    def label(self, start: Address, line: int, until: int) -> list[Area]:
        """Return what the first snapshot in the area's life (lines `line` to `until`) says of it."""
        for _, moment, areas in self.phases[bisect_left(self.phases, line, key=_moment) :]:
            if moment >= until:
                break
            if start in areas:
                return areas[start]
        return []


def _moment(phase: tuple[str, int, dict[Address, list[Area]]]) -> int:
    return phase[1]


def open_replay(path: Path, arch: str | None = None) -> Recording:
    """Open a trace, or the trace of a run folder, with the snapshots beside it.

    Args:
        path: a trace file (also packed) or a run folder.
        arch: the architecture, where nothing tells it.

    Raises:
        InputError: it is broken, or has no allocation in it.
        OSError: it cannot be read.
    """
    run = read_trace_run(path)
    folder = path if path.is_dir() else path.parent
    phases = []
    if (folder / "meta.toml").is_file():
        phases = [
            read_phase(each) for each in phase_folders(folder) if find_file(each, "vmallocinfo")
        ]
        phases = [phase for phase in phases if phase.info.pointers is Pointers.REAL]
    manifest = read_manifest(folder)
    if phases:
        layout = phases_layout(phases, arch, run.windows)
    elif manifest is not None and manifest.layout is not None:
        layout = stated_layout(manifest, manifest.layout)
    else:
        layout = _bare(run.arch or arch, run.kernel, run.windows)
    known = _known(layout, phases, run.marks)
    begins = run.begins
    lives = _lives(run.path, [line for _, line, _ in known.phases]) if known.phases else {}
    reader = TraceEvents(layout, known, lives)
    history = History(layout, reader.begin(begins.busy, begins.lazy), limit=KEPT)
    for line in parse_trace(str(run.path), read_lines(run.path)):
        if line.line > begins.line:
            history.append(reader.events(line))
    return Recording(SourceKind.REPLAY, printable(f"{folder.name}/{run.path.name}", 80), history)


def _bare(arch: str | None, kernel: str, windows: tuple[tuple[int, int], ...]) -> Layout:
    addresses = tuple(start for start, _ in windows)
    return recognise(Facts(arch=arch or None, release=kernel, addresses=addresses, windows=windows))


def _lives(path: Path, moments: list[int]) -> dict[int, int]:
    """Return {line of an allocation.

    Line of its free} for all that lived at one of the `moments`, ascending lines.
    """
    lives: dict[int, int] = {}
    open_at: dict[Address, int] = {}
    for line in parse_trace(str(path), read_lines(path)):
        if line.line > moments[-1] and not open_at:
            break
        if isinstance(line, Alloc) and not line.failed and line.line <= moments[-1]:
            if line.start in open_at:  # its free was lost
                lives[open_at[line.start]] = _FOREVER
            open_at[line.start] = line.line
        elif isinstance(line, Free):
            begun = open_at.pop(line.start, None)
            if begun is not None and moments[bisect_left(moments, begun)] < line.line:
                lives[begun] = line.line
    return lives | dict.fromkeys(open_at.values(), _FOREVER)


def _known(layout: Layout, phases: list[Phase], marks: dict[str, dict[str, int]]) -> Known:
    known = Known()
    for phase in phases:
        line = marks.get(phase.name, {}).get("end")
        if line is None:
            continue
        areas = attribute(layout, phase.info.entries, phase.evidence)
        known.phases.append((phase.name, line, grouped(phase.info.entries, areas)))
    known.phases.sort(key=_moment)
    return known


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
                requested=line.size,
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
        guard = self.layout.page_size if line.size > self.layout.page_size else 0
        return Allocated(
            time=line.time,
            area=pieces[0],
            requested=line.size - guard,
            reason=reason or "the request asked for the fallback range",
            removed=stale,
            added=pieces,
        )

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
        until: int = _FOREVER,
        request: Alloc | None = None,
    ) -> tuple[Area, ...]:
        """Return the areas of a vmap area.

        As a snapshot in its life has them, else one of an unknown owner.
        """
        known = self._known.label(start, line, until)
        window = None if request is None else self._window(request)
        kind = None if request is None else self._type(request)
        if known and known[0].start == start and sum(area.footprint for area in known) == size:
            if len(known) == 1 and known[0].type is None and kind is not None:
                return (evolve(known[0], type=kind, window=window),)
            return tuple(known)
        guard = self.layout.page_size if size > self.layout.page_size else 0
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

"""A trace as a source: every event of it is a step on the map, markers and snapshots are marks."""

import gc
from bisect import bisect_left
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import dropwhile, islice
from pathlib import Path
from typing import Final

from execmem_tui.bundles.manifest import read_manifest
from execmem_tui.bundles.phase import Phase, phases_layout, read_phase
from execmem_tui.bundles.run_folder import phase_folders
from execmem_tui.bundles.trace_run import TraceRun, reading_trace_run
from execmem_tui.files.packed import find_file
from execmem_tui.files.trace_events import file_events, made_aside
from execmem_tui.formats.trace_event import ALLOC, PURGE, Alloc, Free, Other, full
from execmem_tui.formats.trace_event import Event as TraceEvent
from execmem_tui.formats.vmallocinfo import Pointers
from execmem_tui.history import History
from execmem_tui.machines.manifest_layout import stated_layout
from execmem_tui.machines.recognise import recognise
from execmem_tui.model.events import Event
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address
from execmem_tui.owners.attribute import attribute, grouped
from execmem_tui.replay.known import FOREVER, Known, moment_of
from execmem_tui.replay.model import follow_run, make_replay
from execmem_tui.replay.state import UNMOVED, Besides, Moved
from execmem_tui.sources.base import Progress, Recording, SourceKind
from execmem_tui.sources.trace_steps import TraceEvents

_BATCH: Final = 2000
"""Events that are handed on at once: some hundredths of a second to read, a few to show."""
Followed = tuple[list[TraceEvent], list[Besides]]
"""Lines, and what each did to areas that it does not name."""
_LOOKING: Final = 0.1
"""Part of the time that it takes to look through a trace before its first event is read."""


def read_replay(path: Path, arch: str | None = None) -> Generator[Progress, None, None]:
    """Read a trace, or the trace of a run folder, with the snapshots beside it, bit by bit.

    The source can be shown as soon as the trace was looked through; then come its events.

    Args:
        path: a trace file (also packed) or a run folder.
        arch: the architecture, where nothing tells it.

    Raises:
        InputError: it is broken, or has no allocation in it.
        OSError: it cannot be read.
    """
    reading = reading_trace_run(path)
    while True:
        try:
            yield Progress(fraction=_LOOKING * next(reading))
        except StopIteration as stop:
            run: TraceRun = stop.value
            break
    folder = path if path.is_dir() else path.parent
    phases = _phases(folder)
    layout = _layout(folder, run, phases, arch)
    known = _known(layout, phases, run.marks)
    begins = run.begins
    lives: dict[int, int] = {}
    if known.phases:
        lives, loads = _lives_and_loads(run.path, [line for _, line, _ in known.phases])
        if layout.range_of(ExecmemType.MODULE_TEXT).rox_cached:
            known.loads = loads
    reader = TraceEvents(layout, known, lives, is_told=run.is_told)
    known.owners_untold = {
        doubt.ends.name: reader.plain(doubt.ends.busy, doubt.ends.lazy)
        for doubt in run.doubts
        if doubt.ends is not None
    }
    history = History(layout, reader.begin(begins.busy, begins.lazy))
    source = Recording(SourceKind.REPLAY, printable(f"{folder.name}/{run.path.name}", 80), history)
    yield Progress(fraction=_LOOKING, source=source)
    lines = max(run.lines, 1)
    followed = made_aside(run.path, partial(_followed, run))
    try:
        more = True
        while more:
            with _collecting_later():
                found, line = _steps(next(followed, None), reader)
            more = line > 0
            if found:
                fraction = _LOOKING + (1 - _LOOKING) * min(line / lines, 1.0)
                yield Progress(fraction=fraction, source=source, events=tuple(found))
        yield Progress(fraction=1.0, source=source)
    finally:
        gc.unfreeze()


def _phases(folder: Path) -> list[Phase]:
    """Return the snapshots of a run whose areas have addresses."""
    if not (folder / "meta.toml").is_file():
        return []
    found = [read_phase(each) for each in phase_folders(folder) if find_file(each, "vmallocinfo")]
    return [phase for phase in found if phase.info.pointers is Pointers.REAL]


def _layout(folder: Path, run: TraceRun, phases: list[Phase], arch: str | None) -> Layout:
    """Return what snapshots tell, else the manifest, else the trace's windows alone."""
    manifest = read_manifest(folder)  # a broken one is told, whatever else there is
    if phases:
        return phases_layout(phases, arch, run.windows)
    if manifest is not None and manifest.layout is not None:
        return stated_layout(manifest, manifest.layout)
    return _bare(run.arch or arch, run.kernel, run.windows)


def _followed(run: TraceRun) -> Iterator[Followed]:
    """Yield some lines of a run at a time, and what each did besides, as a replay knows."""
    replay = make_replay(run, watched=True)
    moved = replay.moved
    assert moved is not None
    start = run.begins.line
    events = dropwhile(lambda event: event[1] <= start, file_events(run.path))
    followed = follow_run(run, replay, events)
    while True:
        lines: list[TraceEvent] = []
        besides: list[Besides] = []
        for line in islice(followed, _BATCH):
            lines.append(line)
            besides.append(_taken(line, moved))
        if not lines:
            return
        yield lines, besides


def _taken(line: TraceEvent, moved: Moved) -> Besides:
    """Return what moved with a line: only areas that come and purges take others along."""
    kind = line[0]
    if kind == PURGE:
        return moved.taken() if moved.freed or moved.pooled else UNMOVED
    if kind == ALLOC and not line[5][4] and moved:
        return moved.taken()
    return UNMOVED


def _steps(followed: Followed | None, reader: TraceEvents) -> tuple[list[Event], int]:
    """Return the next steps, and the last line that was read for them.

    0 where there are no more.
    """
    if followed is None:
        return [], 0
    found: list[Event] = []
    take = reader.take
    for line, besides in zip(*followed, strict=True):
        event = take(line, besides)
        if event is not None:
            found.append(event)
    return found, followed[0][-1][1]


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Look for garbage in circles only between batches, and not among what the batches made.

    Nothing here makes any, and looking at a million events again and again takes a quarter of the
    time: what is there after a batch is set aside until all is read. Others, a screen, may make
    some meanwhile, and it is found.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.freeze()
            gc.enable()


def _bare(arch: str | None, kernel: str, windows: tuple[tuple[int, int], ...]) -> Layout:
    addresses = tuple(start for start, _ in windows)
    return recognise(Facts(arch=arch or None, release=kernel, addresses=addresses, windows=windows))


def _lives_and_loads(path: Path, moments: list[int]) -> tuple[dict[int, int], list[dict[str, int]]]:
    """Return the line of the free by the line of the allocation, of all that lived at a moment.

    And at each moment the lines of the last load of each module.

    Args:
        path: the trace.
        moments: lines, ascending.
    """
    lives: dict[int, int] = {}
    open_at: dict[Address, int] = {}
    loads: list[dict[str, int]] = []
    loaded: dict[str, int] = {}
    for line in map(full, file_events(path)):
        while len(loads) < len(moments) and line.line > moments[len(loads)]:
            loads.append(dict(loaded))
        if line.line > moments[-1] and not open_at:
            break
        if isinstance(line, Alloc) and not line.failed and line.line <= moments[-1]:
            if line.start in open_at:  # its free was lost
                lives[open_at[line.start]] = FOREVER
            open_at[line.start] = line.line
        elif isinstance(line, Free):
            begun = open_at.pop(line.start, None)
            if begun is not None and moments[bisect_left(moments, begun)] < line.line:
                lives[begun] = line.line
        elif isinstance(line, Other) and line.name == "module_load":
            loaded[printable(line.text.split(" ")[0], 60)] = line.line
    loads += [dict(loaded)] * (len(moments) - len(loads))
    return lives | dict.fromkeys(open_at.values(), FOREVER), loads


def _known(layout: Layout, phases: list[Phase], marks: dict[str, dict[str, int]]) -> Known:
    known = Known()
    for phase in phases:
        line = marks.get(phase.name, {}).get("end")
        if line is None:
            continue
        areas = attribute(layout, phase.info.entries, phase.evidence)
        known.phases.append((phase.name, line, grouped(phase.info.entries, areas)))
    known.phases.sort(key=moment_of)
    return known

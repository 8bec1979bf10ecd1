"""A run folder with a trace: what its replay starts from."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import dropwhile
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.bundles.phase_facts import PAGE_SIZES, page_size_of
from execmem_tui.bundles.run_folder import find_trace, phase_folders, run_meta
from execmem_tui.bundles.trace_gaps import Gaps, Loss, find_gaps, ring_buffers
from execmem_tui.bundles.trace_scan import TraceScan, scan_trace
from execmem_tui.bundles.unseen import mended, seen_between
from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.files.trace_events import file_events
from execmem_tui.formats.procfiles import parse_version
from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import Alloc, Free, full
from execmem_tui.formats.vmallocinfo import Pointers, VmallocEntry, Vmallocinfo, parse_vmallocinfo
from execmem_tui.machines.vmap_nodes import vmap_nodes
from execmem_tui.model.errors import InputError, UnknownLayoutError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen

_CHUNK: Final = ("pcpu_create_chunk", "pcpu_mem_zalloc", "pcpu_alloc_chunk")
"""Callers of what a percpu chunk allocates beside its areas; inlining decides which name is
seen."""
_PERCPU: Final = "pcpu_get_vm_areas"
_FOREVER: Final = 1 << 62
_AFTER: Final = attrgetter("after")
_MOST_CPUS: Final = 1 << 13
"""x86-64 with CONFIG_MAXSMP has the most."""
_BOOT_SECONDS: Final = 3.0
"""A trace without any snapshot that begins earlier than this is taken to begin with the kernel."""


@frozen(kw_only=True)
class Beginning:
    """The state that a replay starts from."""

    name: str
    """"boot", the name of a phase, or "" where nothing is known of what came before the trace."""
    line: int = 0
    """Events up to this line are part of the state."""
    busy: tuple[tuple[int, int], ...] = ()
    lazy: tuple[tuple[int, int], ...] = ()
    unwatched: bool = False
    """No event before the snapshot was complete: perhaps none was recorded then."""

    @property
    def from_boot(self) -> bool:
        """Whether tree shape and pools follow from the trace alone."""
        return self.name == "boot"


@frozen
class Doubt:
    """A part of a trace in which events may be missing."""

    line: int
    """Behind this one."""
    ends: Beginning | None
    """The snapshot from which on all is known again; None where no such one follows."""

    def holds(self, line: int) -> bool:
        """Whether a line lies in it."""
        return line > self.line and (self.ends is None or line <= self.ends.line)


@frozen(kw_only=True)
class TraceRun:
    """All that a replay needs."""

    path: Path
    kernel: str
    is_told: bool
    """The kernel's version is; else it is assumed."""
    arch: str
    page_size: int
    cpus: int
    word_bits: int
    window: tuple[int, int]
    begins: Beginning
    percpu: dict[int, list[tuple[int, int]]]
    windows: tuple[tuple[int, int], ...]
    """Every (vstart, vend) that was asked for."""
    marks: dict[str, dict[str, int]]
    """{snapshot: {"begin": line, "end": line}}; {} where no snapshot is beside the trace."""
    lines: int
    """Of the trace, about: the last one that says something, or all."""
    lost: int
    """Events that the trace, or the ring buffers' counters, say were lost."""
    modules_apart: bool = True
    """Modules have windows of their own; else what is not the vmalloc window is none of theirs."""
    doubts: tuple[Doubt, ...] = ()
    """Where events may be missing, ascending; only the last may be without end."""
    lost_somewhere: bool = False
    """Counters alone say that events were lost: it may have been anywhere."""


def read_trace_run(path: Path, phase: str | None = None) -> TraceRun:
    """Read what a replay starts from; see `reading_trace_run`."""
    reading = reading_trace_run(path, phase)
    while True:
        try:
            next(reading)
        except StopIteration as stop:
            run: TraceRun = stop.value
            return run


def reading_trace_run(path: Path, phase: str | None = None) -> Generator[float, None, TraceRun]:
    """Read what a replay starts from: yield how far it is, 0 to 1, and return it.

    Kernel, CPUs, the vmalloc window, areas that the trace never allocates.

    Args:
        path: a run folder or a trace.
        phase: start from this snapshot, whatever the trace holds before it.

    Raises:
        InputError: there is no trace, no allocation in it, or no such snapshot.
    """
    trace = _trace_of(path)
    folder = path if path.is_dir() else path.parent
    infos = list(_snapshots(folder)) if folder.is_dir() else []
    scan = yield from scan_trace(
        trace, {entry.start for _, info in infos for entry in info.entries}, numbered=bool(infos)
    )
    buffers = ring_buffers(folder)
    gaps = Gaps()
    if scan.started or scan.lost:
        gaps = find_gaps(read_lines(trace), buffers.overrun)
    if not scan.windows and not phase_folders(folder):  # of a run, nothing may have happened
        raise InputError(str(trace), None, "no alloc_vmap_area event in this trace")
    begins = _beginning(trace, scan, infos, phase, gaps.begun)
    meta = run_meta(folder)
    told = meta.get("kernel") or _release(folder)
    kernel = str(told or "7.1")
    arch = str(meta.get("arch", ""))
    layout = _layout(arch, kernel)
    if begins.name and not begins.from_boot:
        begins = _mended(trace, scan, infos, begins, layout)
    early, percpu = _unseen(infos, scan.order, begins)
    if begins.from_boot:
        begins = evolve(begins, busy=early)
    page_size = meta.get("page_size")
    page_size = page_size if page_size in PAGE_SIZES else _page_size(infos)
    window = _widest(scan, arch, kernel)
    return TraceRun(
        path=trace,
        kernel=kernel,
        is_told=bool(told),
        arch=arch,
        page_size=page_size,
        cpus=vmap_nodes((info.entries for _, info in infos), page_size) or _cpus(meta, scan),
        word_bits=64 if window[1] >= 1 << 32 else 32,
        window=window,
        begins=begins,
        percpu=percpu,
        windows=tuple(scan.windows),
        marks=scan.marks,
        lines=scan.lines,
        lost=max(buffers.lost, scan.lost),
        modules_apart=_modules_apart(layout),
        doubts=tuple(_doubts(trace, scan, infos, begins, gaps.losses)),
        lost_somewhere=buffers.lost > 0 and not gaps.losses,
    )


def _trace_of(path: Path) -> Path:
    if not path.exists():
        raise InputError(str(path), None, "No such file or directory")
    trace = find_trace(path)
    if trace is None:
        raise InputError(str(path), None, "no trace in this folder")
    return trace


def _widest(scan: TraceScan, arch: str, kernel: str) -> tuple[int, int]:
    """Return the vmalloc window: the widest that is asked for, most often of equal ones.

    Where nothing is asked for, that of the architecture's usual layout; (0, 0) where none is known.
    """
    if scan.windows:
        return max(scan.windows, key=lambda pair: (pair[1] - pair[0], scan.windows[pair]))
    usual = _layout(arch, kernel)
    return (0, 0) if usual is None else (usual.vmalloc_start, usual.vmalloc_end)


def _snapshots(folder: Path) -> Iterable[tuple[str, Vmallocinfo]]:
    for each in phase_folders(folder):
        file = find_file(each, "vmallocinfo")
        if file is not None:
            info = parse_vmallocinfo(str(file), read_lines(file))
            if info.pointers is Pointers.REAL:
                yield each.name, info


def _page_size(infos: list[tuple[str, Vmallocinfo]]) -> int:
    """Return what the areas themselves tell: size over pages plus guard; else the usual."""
    sizes = (page_size_of(info) for _, info in infos)
    return next((size for size in sizes if size is not None), 4096)


def _release(folder: Path) -> str | None:
    """Return the release that a /proc/version in the folder or in one of its phases names."""
    for each in (folder, *phase_folders(folder)) if folder.is_dir() else ():
        file = find_file(each, "version")
        version = None if file is None else parse_version(read_lines(file))
        if version is not None:
            return version[0]
    return None


def _cpus(meta: dict[str, Any], scan: TraceScan) -> int:
    """Return the CPUs that the run, else the head of its trace, states."""
    stated = meta.get("smp")
    return stated if isinstance(stated, int) and 0 < stated <= _MOST_CPUS else scan.cpus or 1


def _beginning(
    trace: Path,
    scan: TraceScan,
    infos: list[tuple[str, Vmallocinfo]],
    phase: str | None,
    begun: int,
) -> Beginning:
    """Choose boot where the trace goes back so far, else the first snapshot taken while it ran.

    Before line `begun` events of some CPUs were overwritten.
    """
    if phase is not None:
        infos = [pair for pair in infos if pair[0] == phase]
        if not infos:
            raise InputError(str(trace), None, f"no snapshot {phase} with real addresses beside it")
    elif not begun and _goes_back_to_boot(scan, infos):
        return Beginning(name="boot")
    for name, info in infos:
        marks = scan.marks.get(name, {})
        if "begin" in marks and "end" in marks and begun < marks["begin"]:
            return _at_snapshot(trace, scan, name, info)
        if phase is not None and "begin" in marks and "end" in marks:
            raise InputError(
                str(trace), begun, f"events after the snapshot {phase} were overwritten"
            )
        if phase is not None:
            raise InputError(str(trace), None, f"no markers of the snapshot {phase} in the trace")
    return Beginning(name="")


def _goes_back_to_boot(scan: TraceScan, infos: list[tuple[str, Vmallocinfo]]) -> bool:
    """Whether nothing was overwritten and the trace begins before the first snapshot, or early."""
    first = scan.first_alloc
    if first is None or scan.overwritten:
        return False
    begun = scan.marks.get(infos[0][0], {}).get("begin") if infos else None
    return first.time < _BOOT_SECONDS if begun is None else first.line < begun


def _doubts(
    trace: Path,
    scan: TraceScan,
    infos: list[tuple[str, Vmallocinfo]],
    begins: Beginning,
    losses: Iterable[Loss],
) -> Iterator[Doubt]:
    """Yield the parts in which events may be missing.

    Each goes up to the next snapshot that was taken without a loss.
    """
    names, marks = [name for name, _ in infos], scan.marks
    begun = begins.name in names
    following = infos[names.index(begins.name) + 1 if begun else 0 :]
    taken = marks[begins.name]["begin"] if begun else 0
    left = deque(sorted((loss for loss in losses if loss.told > taken), key=_AFTER))
    # What is there from the start follows from the next snapshot and from what the trace allocates
    # up to it: with a loss before it, nothing is sure at all.
    first = 0
    if following and begins.name:
        first = marks.get(following[0][0], {}).get("end", _FOREVER)
    while left:
        loss = left.popleft()
        line, told = begins.line if loss.after < first else loss.after, loss.told
        ends = None
        for name, info in following:
            begin, end = (marks.get(name, {}).get(mark, 0) for mark in ("begin", "end"))
            while left and left[0].after < end:
                told = max(told, left.popleft().told)
            if told < begin < end:
                ends = _at_snapshot(trace, scan, name, info)
                break
        if ends is None:
            left.clear()
        yield Doubt(line, ends)


def _at_snapshot(trace: Path, scan: TraceScan, name: str, info: Vmallocinfo) -> Beginning:
    marks, first = scan.marks[name], scan.first_alloc
    # only then do all lines from the first marker on have vmalloc events of the kernel's own
    native = scan.native and first is not None and first.line < marks["begin"]
    line = _moment(trace, info, marks["begin"], marks["end"], native=native)
    lazy = tuple((entry.start, entry.end) for entry in info.entries if entry.lazy)
    busy = tuple((entry.start, entry.end) for entry in info.entries if not entry.lazy)
    unwatched = first is not None and first.line > marks["end"]
    return Beginning(name=name, line=line, busy=busy, lazy=lazy, unwatched=unwatched)


def _layout(arch: str, kernel: str) -> Layout | None:
    try:
        return resolve(arch, kernel)
    except UnknownLayoutError:
        return None


def _modules_apart(layout: Layout | None) -> bool:
    if layout is None:
        return True
    text = layout.range_of(ExecmemType.MODULE_TEXT)
    return (text.start, text.end) != (layout.vmalloc_start, layout.vmalloc_end)


def _mended(
    trace: Path,
    scan: TraceScan,
    infos: list[tuple[str, Vmallocinfo]],
    begins: Beginning,
    layout: Layout | None,
) -> Beginning:
    """Add what was taken, freed and purged between the snapshot and the first event."""
    names = [name for name, _ in infos]
    at = names.index(begins.name)
    following, end = None, _FOREVER
    for name, info in infos[at + 1 :]:
        if "end" in scan.marks.get(name, {}):
            following, end = info.entries, scan.marks[name]["end"]
            break
    lines = map(full, file_events(trace))
    seen = seen_between(lines, begins.busy, begins.line, end)
    start = mended(layout, infos[at][1].entries, following, seen)
    return evolve(begins, busy=start.busy, lazy=start.lazy)


def _moment(trace: Path, info: Vmallocinfo, begin: int, end: int, *, native: bool) -> int:
    """Return the line between two markers up to which trace and snapshot agree best."""
    there = {entry.start for entry in info.entries if not entry.lazy}
    score, best, moment = 0, 0, begin
    lines = read_lines(trace)
    if native:
        lines = dropwhile(lambda pair: pair[0] < begin, lines)
    for line in parse_trace(str(trace), lines, native=native):
        if line.line > end:
            break
        if line.line >= begin and isinstance(line, Alloc | Free):
            score += 1 if (line.start in there) == isinstance(line, Alloc) else -1
            if score > best:
                best, moment = score, line.line
    return moment


def _unseen(
    infos: list[tuple[str, Vmallocinfo]], order: dict[int, int], begins: Beginning
) -> tuple[tuple[tuple[int, int], ...], dict[int, list[tuple[int, int]]]]:
    """Return early areas, and percpu chunks by what they follow.

    Early are those in the first snapshot that the trace never allocated.
    """
    early: list[tuple[int, int]] = []
    percpu: dict[int, list[tuple[int, int]]] = {}
    known: set[int] = set()
    begun = begins.from_boot
    for number, (name, info) in enumerate(infos):
        fresh = [entry for entry in info.entries if entry.start not in known]
        known.update(entry.start for entry in fresh)
        unseen = [entry for entry in fresh if entry.start not in order]
        chunks = [entry for entry in unseen if (entry.caller or "").startswith(_PERCPU)]
        if number == 0:
            early += [(entry.start, entry.end) for entry in unseen if entry not in chunks]
        if begun:
            _follow(chunks, fresh, order, percpu, early)
        begun = begun or name == begins.name
    return tuple(early), percpu


def _follow(
    chunks: list[VmallocEntry],
    fresh: list[VmallocEntry],
    order: dict[int, int],
    percpu: dict[int, list[tuple[int, int]]],
    early: list[tuple[int, int]],
) -> None:
    if not chunks:
        return
    companions = [
        entry.start
        for entry in fresh
        if (entry.caller or "").startswith(_CHUNK) and entry.start in order
    ]
    pieces = [(entry.start, entry.end) for entry in chunks]
    if companions:
        percpu.setdefault(max(companions, key=lambda start: order[start]), []).extend(pieces)
    else:
        early += pieces

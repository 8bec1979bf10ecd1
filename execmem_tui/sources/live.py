"""The running kernel: /proc at an interval, and with root its vmalloc events.

The events come through a tracefs instance of our own. Nothing else is changed: what is missing
(root, a setting, tracefs) is said in the notes.
"""

import atexit
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import evolve

from execmem_tui.arch import machine_named
from execmem_tui.bundles.phase import Phase, image_symbols, read_phase
from execmem_tui.bundles.run_folder import VMALLOCINFO
from execmem_tui.formats.procfiles import Lines, Symbol, parse_kallsyms
from execmem_tui.formats.trace import trace_events
from execmem_tui.formats.vmallocinfo import WHY, Pointers, VmallocEntry
from execmem_tui.history import History
from execmem_tui.kernel.kcore import SYMBOL, read_ranges
from execmem_tui.kernel.linux import PROC, refuse_elsewhere
from execmem_tui.kernel.reasons import why_refused
from execmem_tui.kernel.tracefs import TraceInstance, find_tracing
from execmem_tui.machines.recognise import recognise
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.events import Event, Noted, Purged
from execmem_tui.model.text import printable
from execmem_tui.model.units import format_size
from execmem_tui.owners.attribute import grouped
from execmem_tui.owners.hashed import hidden_of, not_overlapping, phase_areas
from execmem_tui.sources.base import SourceKind
from execmem_tui.sources.trace_steps import TraceEvents

_KEPT: Final = 100_000


class Live:
    """The running kernel as a source.

    Args:
        proc: where procfs is mounted.
        tracing: where tracefs is mounted, or None to read /proc alone.

    Raises:
        SourceError: this is no Linux.
        InputError: what is there is not what a kernel prints.
        OSError: procfs cannot be read at all.
    """

    kind = SourceKind.LIVE

    def __init__(self, proc: Path = PROC, tracing: Path | None = None) -> None:
        refuse_elsewhere(proc)
        self._proc = proc
        self._seen: dict[str, str] = {}
        self._trace: TraceInstance | None = None
        self._lines = 0
        self._refused: dict[str, str] = {}
        """Files that cannot be read, and why."""
        notes = []
        if tracing is not None:
            try:
                self._trace = TraceInstance(tracing, proc)
                atexit.register(self.close)
            except UsageError as error:
                notes.append(f"no events, /proc alone: {error}")
        # After the instance was made: an area of the moment between is in both (`_shown`), the
        # other way round it would be in neither.
        phase = self._read()
        machine = os.uname().machine
        facts = evolve(phase.facts, arch=phase.facts.arch or machine_named(machine) or machine)
        places = (each.address for each in phase.evidence.symbols if each.name == SYMBOL)
        known = read_ranges(proc / "kcore", places)
        layout = recognise(evolve(facts, ranges=known.ranges))
        if known.why:
            notes.append(f"ranges are not read from the kernel's memory: {known.why}")
        self._layout = evolve(
            layout,
            pools_hidden=layout.rules.vmap_nodes and layout.word_bits == 64,
            notes=(*layout.notes, *notes, *_notes(phase, self._refused)),
            image_symbols=image_symbols(phase.evidence),
        )
        self._events = TraceEvents(self._layout)
        self._areas: set[Area] = set()
        self._history = History(self._layout, limit=_KEPT)
        self._history.append([self._refreshed(phase, "the running kernel")])

    @property
    def title(self) -> str:
        """Which kernel."""
        return printable(f"{os.uname().sysname} {os.uname().release}", 60)

    @property
    def history(self) -> History:
        """What was seen since the start."""
        return self._history

    def read(self) -> list[Event]:
        """Return the events since the last time.

        First those of the trace, then what /proc says differently.
        """
        found: list[Event] = []
        if self._trace is not None:
            found += self._traced(self._trace)
        if found or self._changed():
            event = self._refreshed(self._read(_moving_symbols), "read again")
            if event.removed or event.added:
                found.append(event)
        return found

    def _traced(self, trace: TraceInstance) -> list[Event]:
        """Return the events that came.

        A kernel whose events are not understood is followed by /proc alone.
        """
        found: list[Event] = []
        try:
            lines = trace.read()
            numbered = enumerate(lines, self._lines + 1)
            self._lines += len(lines)
            for line in trace_events("trace_pipe", numbered):
                step = self._events.take(line)
                if step is not None and not _is_idle(step):
                    found.append(self._shown(step))
        except (InputError, OSError) as error:
            self.close()
            what = error.message if isinstance(error, InputError) else why_refused(error)
            found.append(Noted(message=f"no more events, /proc alone from here: {what}"))
        return found

    def _shown(self, event: Event) -> Event:
        """Return an event of the trace without what it cannot change on the map.

        Where addresses are hidden, more is traced than shown. What was allocated between the start
        of tracing and the first look at /proc is shown already.
        """
        removed = tuple(area for area in event.removed if area in self._areas)
        self._areas.difference_update(removed)
        added = tuple(area for area in event.added if area not in self._areas)
        self._areas.update(added)
        return evolve(event, removed=removed, added=added)

    def close(self) -> None:
        """Remove the tracefs instance."""
        if self._trace is not None:
            self._trace.close()
            self._trace = None
            atexit.unregister(self.close)

    def _changed(self) -> bool:
        """Whether the small files say something else than before; kallsyms is read only then."""
        changed = False
        for name in ("vmallocinfo", "modules"):
            try:
                text = (self._proc / name).read_text(errors="replace")
            except OSError:
                text = ""
            changed |= self._seen.get(name) != text
            self._seen[name] = text
        return changed

    def _read(self, symbols_of: Callable[[str, Lines], list[Symbol]] = parse_kallsyms) -> Phase:
        self._changed()
        return read_phase(self._proc, symbols_of, self._refused)

    def _refreshed(self, phase: Phase, message: str) -> Noted:
        """Return the difference between what is shown and what /proc says now."""
        areas = phase_areas(self._layout, phase.info, phase.evidence)
        if phase.info.pointers is Pointers.REAL:
            self._events.sync(grouped(phase.info.entries, areas))
        else:
            areas += not_overlapping(areas, self._events.areas())
        new = set(areas)
        old, self._areas = self._areas, new
        removed, added = sorted(old - new, key=_start), sorted(new - old, key=_start)
        if removed or added:
            message += f": {_areas(len(added))} appeared, {len(removed)} went"
        return Noted(
            message=message,
            reset=True,
            removed=tuple(removed),
            added=tuple(added),
            hidden=hidden_of(
                phase.info,
                phase.evidence,
                self._layout.page_size,
                self._refused.get(VMALLOCINFO, ""),
            ),
        )


def _is_idle(event: Event) -> bool:
    """Whether a purge found nothing: every set_memory_*() makes some."""
    return isinstance(event, Purged) and not event.purged


def _moving_symbols(path: str, lines: Lines) -> list[Symbol]:
    """Read those symbols that come and go: of modules, programs, probes and trampolines."""
    return parse_kallsyms(path, (line for line in lines if line[1].endswith("]")))


def _start(area: Area) -> int:
    return area.start


def _areas(count: int) -> str:
    return f"{count} area{'' if count == 1 else 's'}"


def _notes(phase: Phase, refused: dict[str, str]) -> list[str]:
    """Say what is missing and why, and what is known of areas whose addresses are hidden.

    Counts, sizes, runs.
    """
    info = phase.info
    reasons: dict[str, list[str]] = {}
    for name, why in sorted(refused.items()):
        reasons.setdefault(why, []).append(name)
    missing = [f"cannot be read: {', '.join(names)}: {why}" for why, names in reasons.items()]
    modules = phase.evidence.modules
    if info.pointers is not Pointers.REAL and modules:
        size = format_size(sum(each.size for each in modules))
        missing.append(f"{len(modules)} modules of {size} in all, says /proc/modules")
    if info.pointers is Pointers.REAL or not info.entries:
        return missing
    notes = [*missing, WHY[info.pointers] + " (this tool changes nothing)"]
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for entry in info.entries:
        caller = (entry.caller or "unpurged").partition("+")[0]
        sizes[caller] += entry.size
        counts[caller] += 1
    top = ", ".join(
        f"{caller} {counts[caller]}x {format_size(size)}" for caller, size in sizes.most_common(5)
    )
    notes.append(f"{len(info.entries)} areas, {format_size(sizes.total())}: {top}")
    if info.pointers is Pointers.HASHED:
        notes.append(f"equal hashes: {_runs(info.entries)} runs of areas without a gap")
    return notes


def _runs(entries: tuple[VmallocEntry, ...]) -> int:
    """Count runs of adjacent areas: equal hashes mean equal addresses."""
    ends = {entry.end for entry in entries}
    return sum(entry.start not in ends for entry in entries)


def open_live(*, trace: bool = False) -> Live:
    """Open the running kernel; `trace` also follows its events, as root."""
    return Live(tracing=find_tracing() if trace else None)

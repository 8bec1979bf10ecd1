"""What happened between a snapshot and the first event of a trace that goes on from it.

Where kprobe events stand for vmalloc events (kernels before 6.3), making or enabling the probes
takes pages before the first event comes, and after the snapshot from which a replay begins: arm64's
arch_prepare_kprobe() an insn page, x86 an ftrace trampoline. One such page made 1,530 of 3,692
predictions differ. The next snapshot tells.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from attrs import field

from execmem_tui.formats.trace_event import Alloc, Free, TraceLine
from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.capability import FtraceMemory
from execmem_tui.model.intervals import Interval
from execmem_tui.model.layouts import Layout
from execmem_tui.model.records import define, frozen
from execmem_tui.model.units import Address
from execmem_tui.owners import ftrace_pages, kprobe_pages

_PERCPU = "pcpu_get_vm_areas"


@define
class Seen:
    """What the events between two snapshots name."""

    allocated: set[int] = field(factory=set)
    """Starts of areas."""
    freed: set[int] = field(factory=set)
    overlapped: set[Interval] = field(factory=set)
    """Areas of the first snapshot in whose place something was allocated, though nothing freed
    them."""


def seen_between(
    lines: Iterable[TraceLine], busy: Iterable[Interval], after: int, end: int
) -> Seen:
    """Look at the events of the lines behind `after` up to `end`.

    Args:
        lines: of the trace.
        busy: areas of the snapshot before them.
        after: the last line that the snapshot knows of.
        end: the last line to look at.
    """
    seen = Seen()
    areas = sorted(busy)
    for line in lines:
        if line.line > end:
            break
        if line.line <= after:
            continue
        if isinstance(line, Free):
            seen.freed.add(line.start)
        elif isinstance(line, Alloc) and not line.failed:
            seen.allocated.add(line.start)
            last = line.start + line.size
            first = max(0, bisect_right(areas, (line.start, 0)) - 1)
            for area in areas[first : bisect_left(areas, (last, 0))]:
                if area[1] > line.start and area[0] not in seen.freed:
                    seen.overlapped.add(area)
    return seen


@frozen
class Start:
    """The areas that a replay begins with."""

    busy: tuple[Interval, ...]
    lazy: tuple[Interval, ...]


def mended(
    layout: Layout | None,
    first: Iterable[VmallocEntry],
    following: Iterable[VmallocEntry] | None,
    seen: Seen,
) -> Start:
    """Return what there was when the first event came.

    Args:
        layout: of the machine; None where its architecture is not known.
        first: the snapshot before the first event.
        following: the next one, None where there is none.
        seen: what the events between them name.
    """
    first = list(first)
    busy = [entry for entry in first if not entry.lazy]
    lazy = [entry for entry in first if entry.lazy]
    gone = set(seen.overlapped)
    new: list[VmallocEntry] = []
    if following is not None:
        later = [entry for entry in following if not entry.lazy]
        there = set(_spans(later))
        gone |= {area for area in _spans(busy) if area not in there and area[0] not in seen.freed}
        new = _unseen(later, {entry.start for entry in first} | seen.allocated)
    if any(_purges(layout, entry) for entry in new):
        lazy = []
    return Start(
        busy=(*(area for area in _spans(busy) if area not in gone), *_spans(new)),
        lazy=tuple(_spans(lazy)),
    )


def _spans(entries: Iterable[VmallocEntry]) -> list[Interval]:
    return [(entry.start, entry.end) for entry in entries]


def _unseen(later: Iterable[VmallocEntry], known: set[Address]) -> list[VmallocEntry]:
    """Return the areas that came without an event.

    percpu chunks never have one: the replay places them behind what they follow.
    """
    return [
        entry
        for entry in later
        if entry.start not in known and not (entry.caller or "").startswith(_PERCPU)
    ]


def _purges(layout: Layout | None, entry: VmallocEntry) -> bool:
    """Whether making this page executable purged all that was lazy.

    x86-64 makes trampolines and insn pages read-only with set_memory_*(); arm64 before 6.4 maps its
    insn pages PAGE_KERNEL_ROX at once (arch/arm64/kernel/probes/kprobes.c: alloc_insn_page).
    """
    if layout is None or layout.capability.ftrace is not FtraceMemory.TRAMPOLINES:
        return False
    caller = (entry.caller or "").partition("+")[0]
    return caller in (*kprobe_pages.CALLERS, *ftrace_pages.CALLERS)

"""The events of a trace: what a line says, wholly read and read in part."""

from typing import Any, Final, NamedTuple

from execmem_tui.model.text import printable

NOTHING: Final = ((1 << 64) - 1, 0, 0)
"""Start, end and count of a purge that found nothing lazy."""
EVERYTHING: Final = -1
"""`Purge.purged` where only the call was seen: all that was lazy."""


class Alloc(NamedTuple):
    """alloc_vmap_area: one attempt. Bytes."""

    line: int
    time: float
    task: str
    cpu: int
    start: int
    size: int
    align: int
    vstart: int
    vend: int
    failed: bool


class Free(NamedTuple):
    """free_vmap_area_noflush: an area turned lazy; `nr_lazy` in pages."""

    line: int
    time: float
    task: str
    cpu: int
    start: int
    nr_lazy: int


class Purge(NamedTuple):
    """purge_vmap_area_lazy: the end of a purge; `purged` counts lazy areas, or is EVERYTHING."""

    line: int
    time: float
    task: str
    cpu: int
    start: int
    end: int
    purged: int


class Other(NamedTuple):
    """Any other event or marker, its text printable."""

    line: int
    time: float
    task: str
    cpu: int
    name: str
    text: str


class Lost(NamedTuple):
    """How many events the ring buffer lost before this line."""

    line: int
    events: int


class Header(NamedTuple):
    """The counts in the trace's head."""

    line: int
    written: int
    kept: int
    cpus: int


TOLD_LATE: Final = "free_vmap_area_noflush"
"""Name of an Other: a free that was told when its area had been given back already."""

PURGE_BEGINS: Final = "__purge_vmap_area_lazy"
"""Name of an Other: a purge that a kprobe tells as it begins."""

DOUBTED: Final = "events missing"
"""Name of an Other, as no trace has it: events may be missing behind this line."""
RESUMED: Final = "snapshot taken up"
"""Another such name: from here on a snapshot tells again what there is."""

Place = tuple[str, int]
"""Task, CPU."""

TraceLine = Alloc | Free | Purge | Other | Lost | Header

ALLOC: Final = 0
FREE: Final = 1
PURGE: Final = 2
OTHER: Final = 3
LOST: Final = 4
HEADER: Final = 5

Event = tuple[int, int, Place, str | tuple[Any, ...], int, Any]
"""A line that is read only in part, see `full`.

Kind, line number, place, the text of the time (or all of the line where it is read already), then
`start` of an Alloc or a Free or `events` of a Lost, and what is left: of an Alloc (size, align,
vstart, vend, failed), of a Free `nr_lazy`, of a Purge (start, end, purged), of an Other the text
behind the time.
"""

MAX_TASK: Final = 40
"""Characters of a task."""
PAGE: Final = 4096
"""The smallest page there is; vmap areas are whole pages (mm/vmalloc.c: alloc_vmap_area)."""
TOP: Final = (1 << 64) - 1
"""No area reaches the last byte: addresses there are error codes."""
Where = tuple[int, float, str, int]
"""Line, seconds, task, CPU."""


def full(event: Event) -> TraceLine:
    """Return all that an event's line says."""
    kind, number, place, said, start, more = event
    if not isinstance(said, str):
        return _LINES[kind]._make(said)
    where = (number, float(said), *place)
    if kind == ALLOC:
        return tuple.__new__(Alloc, (*where, start, *more))
    if kind == FREE:
        return tuple.__new__(Free, (*where, start, more))
    if kind == PURGE:
        return tuple.__new__(Purge, where + more)
    name, _, text = more.partition(": ")
    return tuple.__new__(Other, (*where, name, printable(text, 400)))


def seconds_of(event: Event) -> float | None:
    """Return the seconds of an event's line, None where it has none."""
    said = event[3]
    if isinstance(said, str):
        return float(said)
    return float(said[1]) if event[0] <= OTHER else None


_LINES: Final[tuple[type[TraceLine], ...]] = (Alloc, Free, Purge, Other, Lost, Header)


def event_of(line: TraceLine) -> Event:
    """Return the event of a line that is read already."""
    said = tuple(line)
    if isinstance(line, Alloc):
        return ALLOC, line.line, line[2:4], said, line.start, line[5:]
    if isinstance(line, Free):
        return FREE, line.line, line[2:4], said, line.start, line.nr_lazy
    if isinstance(line, Purge):
        return PURGE, line.line, line[2:4], said, 0, line[4:]
    if isinstance(line, Other):
        return OTHER, line.line, line[2:4], said, 0, f"{line.name}: {line.text}"
    if isinstance(line, Lost):
        return LOST, line.line, ("", 0), said, line.events, None
    return HEADER, line.line, ("", 0), said, 0, None


def told_late(free: Event) -> Event:
    """Return a free that changes nothing any more: what it tells was over before it was told."""
    return OTHER, free[1], free[2], free[3], 0, f"{TOLD_LATE}: {free[4]:x}"


def purge_begins(purge: Event) -> Event:
    """Return what a kprobe tells of a purge: it begins, and has given back nothing yet."""
    return OTHER, purge[1], purge[2], purge[3], 0, f"{PURGE_BEGINS}: {purge[2][0]}"


def purge_over(event: Event) -> Event:
    """Return the end of such a purge, where an event tells of it."""
    return PURGE, event[1], event[2], event[3], 0, (0, 0, EVERYTHING)


def doubted_at(line: int) -> Event:
    """Return a line that no kernel prints: events may be missing behind `line`."""
    return event_of(Other(line, 0.0, "", 0, DOUBTED, ""))


def resumed_at(line: int, name: str) -> Event:
    """Return a line that no kernel prints: behind `line` a snapshot tells again what there is."""
    return event_of(Other(line, 0.0, "", 0, RESUMED, name))


def other_line(where: Where, name: str, rest: str) -> Other:
    """Return what a line says that is none of the allocator's."""
    number, time, task, cpu = where
    return Other(number, time, printable(task, MAX_TASK), cpu, name, printable(rest, 400))


def is_sound(alloc: Alloc) -> bool:
    """Whether a kernel can have printed this.

    Sizes of no whole pages and odd alignments are refused before the event (mm/vmalloc.c:
    alloc_vmap_area), and no area reaches beyond the end of the address space.
    """
    whole = alloc.size > 0 and alloc.size % PAGE == 0 and max(alloc.size, alloc.align) < TOP
    aligned = alloc.align > 0 and alloc.align & (alloc.align - 1) == 0
    placed = 0 < alloc.start <= TOP - alloc.size and alloc.start % PAGE == 0
    return whole and aligned and (alloc.failed or placed)

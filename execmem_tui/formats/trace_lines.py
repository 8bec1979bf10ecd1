"""What a line of a trace says: `TraceLine`; the same read only as far as most need: `Event`."""

from typing import Any, Final, NamedTuple

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

Kind, line number, place, the text up to the time (or all of the line where it is read already),
then `start` of an Alloc or a Free or `events` of a Lost, and what is left: of an Alloc (size,
align, vstart, vend, failed), of a Free `nr_lazy`, of a Purge (start, end, purged), of an Other the
text behind the time.
"""

"""What one line of a trace says, whoever printed it; and what comes again and again is learned.

Event text: include/trace/events/vmalloc.h and module.h, the same in 6.12 and 7.1. `va_start` of
alloc_vmap_area is decimal, everything else hexadecimal.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from execmem_tui.formats.trace_event import (
    MAX_TASK,
    Alloc,
    Event,
    Free,
    Header,
    Lost,
    Other,
    Place,
    Purge,
    TraceLine,
    Where,
    event_of,
    is_sound,
    other_line,
)
from execmem_tui.formats.trace_probes import Probes
from execmem_tui.model.errors import InputError
from execmem_tui.model.numbers import decimal
from execmem_tui.model.text import printable

LINE: Final = re.compile(
    r"\s*(\S.{0,39}?)(?:-|\s+)(\d{1,10})(?:/\d{1,10})?\s+(?:\([^)]*\)\s+)?\[(\d{1,6})\]"
    r"\s+(?:\S+\s+)?(\d{1,12}\.\d{1,9}):\s+(?:\w+:)?(\w+):\s*(.*)"
)
"""tracefs `trace` (TASK-PID, perhaps (TGID), flags), `trace-cmd report` (no flags), `perf script`
(TASK PID, system:event)."""
_ALLOC: Final = re.compile(
    r"va_start: (\d{1,20}) size=(\d{1,20}) align=(\d{1,20}) vstart=0x([0-9a-f]{1,16})"
    r" vend=0x([0-9a-f]{1,16}) failed=([01])"
)
_FREE: Final = re.compile(r"va_start=0x([0-9a-f]{1,16}) nr_lazy=(\d{1,20}) nr_lazy_max=(\d{1,20})")
_PURGE: Final = re.compile(r"start=0x([0-9a-f]{1,16}) end=0x([0-9a-f]{1,16}) num_purged=(\d{1,20})")
_EVENT: Final = re.compile(r"\s*(?:\w+:)?(\w+):\s*(.*)")
"""What `LINE` has behind the time."""
_SIMPLE: Final = re.compile(r"[^(\s]|\Z").match
"""Whether an event's text cannot be a probe's and has no blank that a full look would take off."""
_LOST: Final = re.compile(
    r"CPU:\d{1,6} \[(?:LOST )?(?:(\d+) )?EVENTS(?:"
    r" DROPPED)?\]|\bPERF_RECORD_LOST(?:_SAMPLES)?\b(?:(?!\bPERF_RECORD_LOST).)*?\blost[: ]+(\d+)"
)
"""Where the kernel does not know how many, at least one."""
_ENTRIES: Final = re.compile(r"# entries-in-buffer/entries-written: (\d+)/(\d+)\s+#P:(\d+)")

ASKED: Final = "alloc_vmap_area: va_start: "
SIZE: Final = " size="

_LONGEST: Final = 8 << 10
"""Characters of a line: what is printed at once is a page (include/linux/trace_seq.h:
TRACE_SEQ_SIZE)."""
_MANY: Final = 200_000
"""Lines that are no events, comments and empty ones too, before a file is no trace; then they may
be as many as the events."""
_REMEMBERED: Final = 1 << 13
"""How many different texts of a kind are remembered, so that memory does not grow with a trace."""
_SHORT: Final = 200
"""Characters of a text that is remembered whole."""
_T = TypeVar("_T")


class Numbers(dict[str, int]):
    """What the number in a text is worth; -1 where the text is another.

    Those that have one are remembered, because most addresses come again.
    """

    def __init__(self, before: str, base: int, behind: str = "") -> None:
        """Read texts of a number between others, which are patterns."""
        super().__init__()
        self._base = base
        digits = "[0-9]{1,20}" if base == 10 else "[0-9a-f]{1,16}"
        self._number = re.compile(f"{before}({digits}){behind}").fullmatch

    def __missing__(self, text: str) -> int:
        found = self._number(text)
        if found is None:
            return -1
        value = int(found[1], self._base)
        _keep(self, text, value)
        return value


class LineParser:
    """Reads any line, and learns the parts that come again and again.

    Lines made of those need no second look. `places` has what stands before the time, `requests`
    what stands behind the address of an alloc_vmap_area. `texts` has all that stands behind the
    time of other events, `names` has their names.
    """

    def __init__(self, path: str, *, native: bool) -> None:
        self._path = path
        self.native = native
        """There were vmalloc events: probes do not count any more."""
        self._probes = Probes()
        self._bad = 0
        self._foreign = 0
        """Lines that are no events, comments too."""
        self._first = 0
        self.places: dict[str, Place] = {}
        self.requests: dict[str, tuple[int, int, int, int, bool]] = {}
        self.texts: dict[str, str] = {}
        self.names: set[str] = set()

    def place(self, head: str) -> Place | None:
        """Return the place of a line that begins so, up to its time, and remember it.

        None where that cannot be read, or in several ways.
        """
        text = f"{head} 0.0: x:"
        found = LINE.match(text)
        if found is None:
            return None
        place = f"{found[1]}-{found[2]}", int(found[3])
        simple = (
            head.isprintable()
            and ": " not in head
            and head.rfind(")") >= head.rfind("(")
            and len(place[0]) <= MAX_TASK
        )
        if not simple or found.span(4) != (len(head) + 1, len(head) + 4):
            return None
        _keep(self.places, head, place)
        return place

    def other(self, rest: str) -> str | None:
        """Return all behind the time of an event without an address, None where its name is new.

        The same object for the same text.
        """
        name, _, tail = rest.partition(": ")
        if name not in self.names or not _SIMPLE(tail):
            return None
        if len(rest) <= _SHORT:
            _keep(self.texts, rest, rest)
        return rest

    def pass_over(self, number: int) -> None:
        """Take an empty line."""
        self._first = self._first or number
        self._count_foreign(number)

    def _count_foreign(self, number: int) -> None:
        """Count a line that is no event.

        Raises:
            InputError: there are far too many of them.
        """
        self._foreign += 1
        if self._foreign > _MANY and self._foreign > number - self._first + 1 - self._foreign:
            raise InputError(self._path, number, f"{_MANY:,} lines so far that are no events")

    def unknown(self, number: int, place: Place | None, time: str, rest: str) -> Event | None:
        """Return what a line says that has a part not seen before, None where it is not simple.

        The next one like it is known.
        """
        if place is None:
            return None
        line = self.rest((number, float(time), *place), rest)
        return None if line is None else event_of(line)

    def rest(self, where: Where, rest: str) -> TraceLine | None:
        """Return what stands behind the time of a line.

        None where that is not one line, or can be read in several ways.
        """
        # the name alone is an event that is cut, not a foreign line
        found = _EVENT.match(rest + ":" if rest in _TAKERS else rest)
        if found is None or (found[2].startswith("(") and not self.native):
            return None
        name, text = found.groups()
        if name in _TAKERS:
            line = self._vmalloc(where, name, text)
            if isinstance(line, Alloc) and rest.startswith(ASKED):
                _keep(self.requests, rest.partition(SIZE)[2], line[5:])
            return line
        if rest.startswith(f"{name}: ") and len(self.names) < _REMEMBERED:
            self.names.add(name)
        return tuple.__new__(Other, (*where, name, printable(text, 400)))

    def take(self, number: int, text: str) -> Iterator[TraceLine]:
        """Yield what any line says."""
        found = LINE.match(text) if len(text) <= _LONGEST else None
        self._first = self._first or number
        if found is None:
            self._count_foreign(number)
            other = self._special(number, text)
            if other is not None:
                yield other
            elif text.strip() and not text.startswith("#"):
                self._bad += 1
                if self._bad > 100 and self._bad > number - self._first + 1 - self._foreign:
                    raise InputError(self._path, number, "not a line of a trace")
            return
        task, pid, cpu, time, name, rest = found.groups()
        where = (number, float(time), printable(f"{task}-{pid}"), int(cpu))
        if name in _TAKERS:
            yield self._vmalloc(where, name, rest)
        elif rest.startswith("(") and not self.native:
            yield from self._probes.take(where, name, rest)
        else:
            yield other_line(where, name, rest)

    def _special(self, number: int, text: str) -> Lost | Header | None:
        if len(text) > _LONGEST:
            return None
        lost = _LOST.search(text)
        if lost is not None:
            return Lost(number, self._count(number, lost[1] or lost[2] or "1"))
        head = _ENTRIES.match(text)
        if head is None:
            return None
        kept, written, cpus = (self._count(number, each) for each in head.groups())
        return Header(number, written, kept, cpus)

    def _count(self, number: int, text: str) -> int:
        value = decimal(text)
        if value is None:
            raise InputError(self._path, number, "a number longer than any that a kernel prints")
        return value

    def _vmalloc(self, where: Where, name: str, text: str) -> Alloc | Free | Purge:
        self.native = True
        line = _TAKERS[name](where, text)
        if line is None:
            raise InputError(
                self._path, where[0], f"a {name} event that is cut or from another kernel"
            )
        return line


def _keep(known: dict[str, _T], text: str, value: _T) -> None:
    """Remember `value`; all is forgotten where very much would be remembered."""
    if len(known) >= _REMEMBERED:
        known.clear()
    known[text] = value


def _alloc(where: Where, rest: str) -> Alloc | None:
    match = _ALLOC.match(rest)
    if match is None:
        return None
    start, size, align, vstart, vend, failed = match.groups()
    alloc = Alloc(
        *where, int(start), int(size), int(align), int(vstart, 16), int(vend, 16), failed == "1"
    )
    return alloc if is_sound(alloc) else None


def _free(where: Where, rest: str) -> Free | None:
    match = _FREE.match(rest)
    return None if match is None else Free(*where, int(match[1], 16), int(match[2]))


def _purge(where: Where, rest: str) -> Purge | None:
    match = _PURGE.match(rest)
    return (
        None
        if match is None
        else Purge(*where, int(match[1], 16), int(match[2], 16), int(match[3]))
    )


_TAKERS: Final[dict[str, Callable[[Where, str], Alloc | Free | Purge | None]]] = {
    "alloc_vmap_area": _alloc,
    "free_vmap_area_noflush": _free,
    "purge_vmap_area_lazy": _purge,
}

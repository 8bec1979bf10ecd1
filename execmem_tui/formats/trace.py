"""Text of a trace: vmalloc events, module events, markers, lost events; read line by line.

Event text: include/trace/events/vmalloc.h and module.h, the same in 6.12 and 7.1. `va_start` of
alloc_vmap_area is decimal, everything else hexadecimal.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, islice, pairwise
from typing import Any, Final, NamedTuple, TypeVar

from execmem_tui.model.errors import InputError
from execmem_tui.model.numbers import decimal
from execmem_tui.model.text import printable

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

Kind, line number, place, the text up to the time (or all of the line where it is read already),
then `start` of an Alloc or a Free or `events` of a Lost, and what is left: of an Alloc (size,
align, vstart, vend, failed), of a Free `nr_lazy`, of a Purge (start, end, purged), of an Other the
text behind the time.
"""

_LINE: Final = re.compile(
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
_PROBED_CALL: Final = re.compile(
    r"\(alloc_vmap_area\+0x0/\S+\) size=(\d{1,20}) align=(\d{1,20}) vstart=0x([0-9a-f]{1,16})"
    r" vend=0x([0-9a-f]{1,16})"
)
_PROBED_RETURN: Final = re.compile(
    r"\(\S+ <- alloc_vmap_area\) va_start=(?:0x([0-9a-f]{1,16})|\(fault\))"
)
_PROBED_FREE: Final = re.compile(r"\(free_vmap_area_noflush\+0x0/\S+\) va_start=0x([0-9a-f]{1,16})")
_PROBED_PURGE: Final = re.compile(r"\(__purge_vmap_area_lazy\+0x0/")
_EVENT: Final = re.compile(r"\s*(?:\w+:)?(\w+):\s*(.*)")
"""What `_LINE` has behind the time."""
_SIMPLE: Final = re.compile(r"[^(\s]|\Z").match
"""Whether an event's text cannot be a probe's and has no blank that a full look would take off."""
_LOST: Final = re.compile(
    r"CPU:\d{1,6} \[(?:LOST )?(?:(\d+) )?EVENTS(?:"
    r" DROPPED)?\]|\bPERF_RECORD_LOST(?:_SAMPLES)?\b.*?\blost[: ]+(\d+)"
)
"""Where the kernel does not know how many, at least one."""
_ENTRIES: Final = re.compile(r"# entries-in-buffer/entries-written: (\d+)/(\d+)\s+#P:(\d+)")

_ASKED: Final = "alloc_vmap_area: va_start: "
_FREED: Final = "free_vmap_area_noflush: va_start=0x"
_PURGED: Final = "purge_vmap_area_lazy: start=0x"
_PURGED_TO: Final = " end=0x"
_DECIMAL_DIGITS: Final = 20
_HEX_DIGITS: Final = 16
"""Of any address that a 64-bit kernel prints; a shorter one is cut at its blank (`_cut`)."""


def _columns(*widths: int) -> tuple[slice, ...]:
    """Return slices of these widths one behind the other, and one for all that is left."""
    ends = [0, *accumulate(widths)]
    return (*(slice(low, high) for low, high in pairwise(ends)), slice(ends[-1], None))


_ASK_WORDS, _ASK_START, _ASK_TAIL = _columns(len(_ASKED), _DECIMAL_DIGITS)
_FREE_WORDS, _FREE_START, _FREE_TAIL = _columns(len(_FREED), _HEX_DIGITS)
_PURGE_WORDS, _PURGE_LOW, _PURGE_TO, _PURGE_HIGH, _PURGE_TAIL = _columns(
    len(_PURGED), _HEX_DIGITS, len(_PURGED_TO), _HEX_DIGITS
)
_BEHIND_ASK: Final = slice(len(_ASKED), None)
_BEHIND_FREE: Final = slice(len(_FREED), None)
_SECONDS, _MICROSECONDS = slice(-6), slice(-6, None)
"""A head with its time up to the microseconds, and those: all lines of a second share the first."""

_MAX_TASK: Final = 40
_LONGEST: Final = 8 << 10
"""Characters of a line: what is printed at once is a page (include/linux/trace_seq.h:
TRACE_SEQ_SIZE)."""
_TOP: Final = (1 << 64) - 1
"""No area reaches the last byte: addresses there are error codes."""
_PAGE: Final = 4096
"""The smallest page there is; vmap areas are whole pages (mm/vmalloc.c: alloc_vmap_area)."""
_MANY: Final = 200_000
"""Lines that are no events, comments and empty ones too, before a file is no trace; then they may
be as many as the events."""
_REMEMBERED: Final = 1 << 13
"""How many different texts of a kind are remembered, so that memory does not grow with a trace."""
_T = TypeVar("_T")
_Where = tuple[int, float, str, int]
"""Line, seconds, task, CPU."""


def parse_trace(
    path: str, lines: Iterable[tuple[int, str]], *, native: bool = False
) -> Iterator[TraceLine]:
    """Yield what each line says.

    Comments and foreign lines are passed over while they are few (see `_Probes` for old kernels).

    Args:
        path: to be named in errors.
        lines: (number, text); no number is left out.
        native: vmalloc events came before these lines.

    Raises:
        InputError: this is no trace, or a vmalloc event is cut.
    """
    return map(full, trace_events(path, lines, native=native))


def full(event: Event) -> TraceLine:
    """Return all that an event's line says."""
    kind, number, place, said, start, more = event
    if not isinstance(said, str):
        return _LINES[kind]._make(said)
    where = (number, _time(said), *place)
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
        return float(said.rpartition(" ")[2])
    return float(said[1]) if event[0] <= OTHER else None


def _time(head: str) -> float:
    return float(head.rpartition(" ")[2])


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


def doubted_at(line: int) -> Event:
    """Return a line that no kernel prints: events may be missing behind `line`."""
    return event_of(Other(line, 0.0, "", 0, DOUBTED, ""))


def resumed_at(line: int, name: str) -> Event:
    """Return a line that no kernel prints: behind `line` a snapshot tells again what there is."""
    return event_of(Other(line, 0.0, "", 0, RESUMED, name))


def trace_events(
    path: str, lines: Iterable[tuple[int, str]], *, native: bool = False
) -> Iterator[Event]:
    """Yield what `parse_trace` yields, and read no further than most need.

    It takes a fraction of the time.
    """
    reader = TraceReader(path, native=native)
    for number, text in lines:
        events: list[Event] = []
        reader.read(number, (text,), events)
        yield from events


class TraceReader:
    """Reads the lines of one trace in their order, as many at a time as there are."""

    def __init__(self, path: str, *, native: bool = False) -> None:
        """As for `parse_trace`."""
        self._parser = _Parser(path, native=native)
        self._decimal = _Numbers(10)

    def read(  # noqa: C901, PLR0912 - every line of a trace comes through here, a call costs
        self, first: int, lines: Iterable[str], events: list[Event]
    ) -> None:
        """Add to `events` what `lines` say, of which the first has the number `first`.

        Raises:
            InputError: as `parse_trace`; what stands before that line was added.
        """
        parser, decimal, add = self._parser, self._decimal, events.append
        moments, requests, pages = parser.moments, parser.requests, parser.pages
        hexadecimal, names, purges = parser.hexadecimal, parser.names, parser.purges
        for number, text in enumerate(lines, first):
            head, _, rest = text.partition(": ")
            place = moments.get(head[_SECONDS])
            if place is None or not head[_MICROSECONDS].isdecimal():
                if not text or text == "#":  # a file may hold millions of them
                    parser.pass_over(number)
                    continue
                place = parser.place(head)
            if place is not None:
                kind = rest[:1]
                if kind == "p":
                    if (more := purges[rest]) is not None:
                        add((PURGE, number, place, head, 0, more))
                        continue
                elif kind == "a":
                    start, tail = rest[_ASK_START], rest[_ASK_TAIL]
                    if tail not in requests:
                        start, tail = _cut(rest[_BEHIND_ASK])
                    if (
                        tail in requests
                        and rest[_ASK_WORDS] == _ASKED
                        and 0 < (at := decimal[start]) <= _TOP - requests[tail][0]
                        and not at % _PAGE
                    ):
                        add((ALLOC, number, place, head, at, requests[tail]))
                        continue
                elif kind == "f":
                    start, tail = rest[_FREE_START], rest[_FREE_TAIL]
                    if tail not in pages:
                        start, tail = _cut(rest[_BEHIND_FREE])
                    if (
                        tail in pages
                        and rest[_FREE_WORDS] == _FREED
                        and (at := hexadecimal[start]) >= 0
                    ):
                        add((FREE, number, place, head, at, pages[tail]))
                        continue
                name, _, tail = rest.partition(": ")
                if name in names and _SIMPLE(tail):
                    add((OTHER, number, place, head, 0, rest))
                    continue
            events.extend(parser.unknown(number, text, head, place, rest))


class _Numbers(dict[str, int]):
    """What the numbers in a text are worth; -1 where one is none that the kernel prints.

    They are remembered, because most addresses come again.
    """

    def __init__(self, base: int) -> None:
        super().__init__()
        self._base = base
        self._text = re.compile(r"\d{1,20}" if base == 10 else "[0-9a-f]{1,16}")

    def __missing__(self, text: str) -> int:
        value = int(text, self._base) if self._text.fullmatch(text) else -1
        _keep(self, text, value)
        return value


class _Purges(dict[str, "tuple[int, int, int] | None"]):
    """Whole texts of purges seen before; one that is not is read by its parts, and not kept."""

    def __init__(self, known: Callable[[str], tuple[int, int, int] | None]) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, rest: str) -> tuple[int, int, int] | None:
        return self._known(rest)


class _Parser:
    """Reads any line, and learns the parts that come again and again.

    Lines made of those need no second look. `heads` has what stands before the time: (task, CPU);
    `moments` has that with the seconds. `requests`, `pages` and `counts` have what stands behind
    the addresses of alloc_vmap_area, free_vmap_area_noflush and purge_vmap_area_lazy. `purges` has
    whole purges of nothing, `names` has other events.
    """

    def __init__(self, path: str, *, native: bool) -> None:
        self._path = path
        self._probes = _Probes()
        self._probes.native = native
        self._bad = 0
        self._foreign = 0
        """Lines that are no events, comments too."""
        self._first = 0
        self.heads: dict[str, Place] = {}
        self.moments: dict[str, Place] = {}
        self.requests: dict[str, tuple[int, int, int, int, bool]] = {}
        self.pages: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.purges = _Purges(self.known_purge)
        self.names: set[str] = set()
        self.hexadecimal = _Numbers(16)

    def place(self, head: str) -> Place | None:
        """Return the task and the CPU of a line with this up to its time.

        None where that cannot be read, or in several ways.
        """
        place, _, time = head.rpartition(" ")
        known = self.heads.get(place)
        seconds, _, micros = time.partition(".")
        if known is None or not (seconds.isdecimal() and micros.isdecimal()):
            return None
        if len(micros) == 6:
            _keep(self.moments, head[_SECONDS], known)
        return known

    def known_purge(self, rest: str) -> tuple[int, int, int] | None:
        """Return start, end and count of a purge whose text is known but for its addresses.

        None where it is not.
        """
        count = self.counts.get(rest[_PURGE_TAIL])
        if count is None or rest[_PURGE_WORDS] != _PURGED or rest[_PURGE_TO] != _PURGED_TO:
            return None
        low, high = self.hexadecimal[rest[_PURGE_LOW]], self.hexadecimal[rest[_PURGE_HIGH]]
        return (low, high, count) if low >= 0 <= high else None

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

    def unknown(
        self, number: int, text: str, head: str, place: Place | None, rest: str
    ) -> Iterator[Event]:
        """Yield what a line says that has a part not seen before; the next one like it is known."""
        line = None if place is None else self.rest((number, _time(head), *place), rest)
        if line is None:
            yield from map(event_of, self.take(number, text))
        else:
            yield event_of(line)

    def rest(self, where: _Where, rest: str) -> TraceLine | None:
        """Return what stands behind the time of a line.

        None where that is not one line, or can be read in several ways.
        """
        # the name alone is an event that is cut, not a foreign line
        found = _EVENT.match(rest + ":" if rest in _TAKERS else rest)
        if found is None or (found[2].startswith("(") and not self._probes.native):
            return None
        name, text = found.groups()
        if name in _TAKERS:
            line = self._vmalloc(where, name, text)
            if isinstance(line, Purge):
                if not line.purged:
                    _keep(self.purges, rest, line[4:])
                elif rest.startswith(f"{_PURGED}{line.start:016x}{_PURGED_TO}{line.end:016x}"):
                    _keep(self.counts, rest[_PURGE_TAIL], line.purged)
            elif isinstance(line, Free):
                if rest.startswith(_FREED):
                    _keep(self.pages, _cut(rest[_BEHIND_FREE])[1], line.nr_lazy)
            elif rest.startswith(_ASKED):
                _keep(self.requests, _cut(rest[_BEHIND_ASK])[1], line[5:])
            return line
        if rest.startswith(f"{name}: ") and len(self.names) < _REMEMBERED:
            self.names.add(name)
        return tuple.__new__(Other, (*where, name, printable(text, 400)))

    def take(self, number: int, text: str) -> Iterator[TraceLine]:
        """Yield what any line says."""
        found = _LINE.match(text) if len(text) <= _LONGEST else None
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
        where = (number, float(time), f"{task}-{pid}", int(cpu))
        self._learn(found, where)
        if name in _TAKERS:
            yield self._vmalloc(where, name, rest)
        elif rest.startswith("(") and not self._probes.native:
            yield from self._probes.take(where, name, rest)
        else:
            yield _other(where, name, rest)

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

    def _vmalloc(self, where: _Where, name: str, text: str) -> Alloc | Free | Purge:
        self._probes.native = True
        line = _TAKERS[name](where, text)
        if line is None:
            raise InputError(
                self._path, where[0], f"a {name} event that is cut or from another kernel"
            )
        return line

    def _learn(self, found: re.Match[str], where: _Where) -> None:
        """Keep the head of a line.

        But only where the same characters can never be read in another way.
        """
        head = found.string.partition(": ")[0]
        place = head.rpartition(" ")[0]
        simple = (
            place.isprintable()
            and place.rfind(")") >= place.rfind("(")
            and len(where[2]) <= _MAX_TASK
        )
        if simple and found.span(4) == (len(place) + 1, len(head)):
            _keep(self.heads, place, where[2:])


def _cut(text: str) -> tuple[str, str]:
    """Return what stands before the first blank, and the rest with it."""
    start, blank, tail = text.partition(" ")
    return start, blank + tail


def _keep(known: dict[str, _T], text: str, value: _T) -> None:
    """Remember `value`; all is forgotten where very much would be remembered."""
    if len(known) >= _REMEMBERED:
        known.clear()
    known[text] = value


_WINDOW: Final = re.compile(r"vstart=0x([0-9a-f]{1,16}) vend=0x([0-9a-f]{1,16})")


def trace_windows(lines: Iterable[tuple[int, str]]) -> Counter[tuple[int, int]]:
    """Return how often each (vstart, vend) was asked for, without reading anything else."""
    texts = Counter(found[0] for _, text in lines if (found := _WINDOW.search(text)) is not None)
    windows: Counter[tuple[int, int]] = Counter()
    for text, count in texts.items():
        match = _WINDOW.match(text)
        assert match is not None
        windows[int(match[1], 16), int(match[2], 16)] += count
    return windows


def looks_like_trace(lines: Iterable[tuple[int, str]]) -> bool:
    """Whether one of the first lines is a trace's."""
    return any(text.startswith("# tracer:") or _LINE.match(text) for _, text in islice(lines, 40))


class _Probes:
    """Reads kprobe events of kernels before 6.3, which have no vmalloc events; they say the same.

    They count only while a trace has shown no vmalloc event. They are those on alloc_vmap_area
    (size, align, vstart, vend), its return (va_start), free_vmap_area_noflush (va_start) and
    __purge_vmap_area_lazy. The call of alloc_vmap_area is paired with its return per task.
    """

    def __init__(self) -> None:
        self.native = False
        self._calls: dict[str, tuple[int, int, int, int]] = {}

    def take(self, where: _Where, name: str, rest: str) -> Iterator[TraceLine]:
        task = where[2]
        if (call := _PROBED_CALL.match(rest)) is not None:
            size, align, vstart, vend = call.groups()
            self._calls[task] = int(size), int(align), int(vstart, 16), int(vend, 16)
        elif (back := _PROBED_RETURN.match(rest)) is not None:
            asked = self._calls.pop(task, None)
            if asked is not None:
                alloc = Alloc(*where, int(back[1] or "0", 16), *asked, back[1] is None)
                yield alloc if _is_sound(alloc) else _other(where, name, rest)
        elif (free := _PROBED_FREE.match(rest)) is not None:
            yield Free(*where, int(free[1], 16), 0)
        elif _PROBED_PURGE.match(rest) is not None:
            yield Purge(*where, 0, 0, EVERYTHING)
        else:
            yield _other(where, name, rest)


def _other(where: _Where, name: str, rest: str) -> Other:
    number, time, task, cpu = where
    return Other(number, time, printable(task, _MAX_TASK), cpu, name, printable(rest, 400))


def _alloc(where: _Where, rest: str) -> Alloc | None:
    match = _ALLOC.match(rest)
    if match is None:
        return None
    start, size, align, vstart, vend, failed = match.groups()
    alloc = Alloc(
        *where, int(start), int(size), int(align), int(vstart, 16), int(vend, 16), failed == "1"
    )
    return alloc if _is_sound(alloc) else None


def _is_sound(alloc: Alloc) -> bool:
    """Whether a kernel can have printed this.

    Sizes of no whole pages and odd alignments are refused before the event (mm/vmalloc.c:
    alloc_vmap_area), and no area reaches beyond the end of the address space.
    """
    whole = alloc.size > 0 and alloc.size % _PAGE == 0 and max(alloc.size, alloc.align) < _TOP
    aligned = alloc.align > 0 and alloc.align & (alloc.align - 1) == 0
    placed = 0 < alloc.start <= _TOP - alloc.size and alloc.start % _PAGE == 0
    return whole and aligned and (alloc.failed or placed)


def _free(where: _Where, rest: str) -> Free | None:
    match = _FREE.match(rest)
    return None if match is None else Free(*where, int(match[1], 16), int(match[2]))


def _purge(where: _Where, rest: str) -> Purge | None:
    match = _PURGE.match(rest)
    return (
        None
        if match is None
        else Purge(*where, int(match[1], 16), int(match[2], 16), int(match[3]))
    )


_TAKERS: Final[dict[str, Callable[[_Where, str], Alloc | Free | Purge | None]]] = {
    "alloc_vmap_area": _alloc,
    "free_vmap_area_noflush": _free,
    "purge_vmap_area_lazy": _purge,
}

"""Text of a trace: vmalloc events, module events, markers, lost events; read line by line.

Event text: include/trace/events/vmalloc.h and module.h, the same in 6.12 and 7.1. `va_start` of
alloc_vmap_area is decimal, everything else hexadecimal.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from execmem_tui.model.errors import InputError
from execmem_tui.model.numbers import decimal
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

_NOTHING: Final = f"{_PURGED}ffffffffffffffff{_PURGED_TO}0 num_purged=0"
_REST: Final = (
    rf"(?:{_NOTHING}|{_ASKED}([0-9]{{1,20}})( .*)"
    rf"|{_FREED}([0-9a-f]{{1,16}}) nr_lazy=([0-9]{{1,20}}) nr_lazy_max=[0-9]{{1,20}}"
    rf"|{_PURGED}([0-9a-f]{{1,16}}){_PURGED_TO}([0-9a-f]{{1,16}}) num_purged=([0-9]{{1,20}})|(.+))"
)
_ANY_LINES: Final = re.compile(
    r"(?:([^\[\n]*\[[0-9]+\](?: +[^ \n]+)?) ( *[0-9]{1,12}\.[0-9]{1,9}): " + _REST + r"|(.*))\n"
)
"""Every line of a text, each in parts: what stands before the time, the time, the address of an
alloc_vmap_area and all behind it, the numbers of a free_vmap_area_noflush and of a
purge_vmap_area_lazy, all of another event; or the whole line, which looks like none. Of a purge of
nothing, most lines of a trace, only the first two."""
_SOME_LINES: Final = 64
"""So many of one width let expect that the others have it too."""


def _fitting(lines: list[tuple[str, ...]]) -> re.Pattern[str]:
    """Return what divides lines that come behind these: the cheaper way where they have columns.

    Args:
        lines: in the parts of `_ANY_LINES`.
    """
    if len(lines) < _SOME_LINES:
        return _ANY_LINES
    widths = Counter(len(line[0]) for line in lines[-_SOME_LINES:])
    ((width, count),) = widths.most_common(1)
    return _lines_of(width) if width and count > _SOME_LINES * 7 // 8 else _ANY_LINES


@cache
def _lines_of(width: int) -> re.Pattern[str]:
    """Return what finds the parts of `_ANY_LINES`, at two thirds of its price.

    Where the first of them has this width.

    Most traces are printed in columns. Nothing else of the first part is looked at: it is believed
    only where it was seen before.
    """
    return re.compile(rf"(?:(.{{{width}}}) ( *[0-9]{{1,12}}\.[0-9]{{1,9}}): {_REST}|(.*))\n")


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
_SHORT: Final = 200
"""Characters of a text that is remembered whole."""
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
        reader.read(number, text.replace("\n", " ") + "\n", events)
        yield from events


class TraceReader:
    """Reads the lines of one trace in their order, as many at a time as there are."""

    def __init__(self, path: str, *, native: bool = False) -> None:
        """As for `parse_trace`."""
        self._parser = _Parser(path, native=native)
        self._decimal = _Numbers(10)
        self._pattern = _ANY_LINES

    def read(self, first: int, text: str, events: list[Event]) -> int:
        """Add to `events` what the lines of a text say, of which the first has the number `first`.

        Every line has its end. Return how many they are.

        Raises:
            InputError: as `parse_trace`; what stands before that line was added.
        """
        lines = self._pattern.findall(text)
        missed = self._read(first, lines, events)
        if self._pattern is _ANY_LINES:
            self._pattern = _fitting(lines)
        elif missed > len(lines) >> 3:
            self._pattern = _fitting(_ANY_LINES.findall(text))
        return len(lines)

    def _read(  # noqa: C901, PLR0912 - every line of a trace comes through here, a call costs
        self, first: int, lines: list[tuple[str, ...]], events: list[Event]
    ) -> int:
        """Take lines in parts, see `_ANY_LINES`; return how many only that pattern divides."""
        parser, decimal, add, missed = self._parser, self._decimal, events.append, 0
        places, requests = parser.places, parser.requests
        texts, hexadecimal = parser.texts, parser.hexadecimal
        for number, parts in enumerate(lines, first):
            head, time, ask, asked, free, pages, low, high, purged, rest, line = parts
            place = places.get(head)
            if place is None:
                if not line or line == "#":  # a file may hold millions of them
                    if not head:
                        parser.pass_over(number)
                        continue
                    place = parser.place(head)
                else:
                    again = _ANY_LINES.findall(f"{line}\n")
                    if again[0][0]:
                        self._read(number, again, events)
                        missed += 1
                        continue
            if place is not None:
                if rest:
                    said = texts.get(rest) or parser.other(rest)
                    if said is not None:
                        add((OTHER, number, place, time, 0, said))
                        continue
                elif ask:
                    request = requests.get(asked)
                    if (
                        request is not None
                        and 0 < (at := decimal[ask]) <= _TOP - request[0]
                        and not at % _PAGE
                    ):
                        add((ALLOC, number, place, time, at, request))
                        continue
                elif parser.native:
                    if free:
                        add((FREE, number, place, time, hexadecimal[free], decimal[pages]))
                    elif low:
                        more = hexadecimal[low], hexadecimal[high], decimal[purged]
                        add((PURGE, number, place, time, 0, more))
                    else:
                        add((PURGE, number, place, time, 0, NOTHING))
                    continue
            if ask:
                rest = f"{_ASKED}{ask}{asked}"
            elif free:
                rest = f"{_FREED}{free} nr_lazy={pages} nr_lazy_max=0"
            elif low:
                rest = f"{_PURGED}{low}{_PURGED_TO}{high} num_purged={purged}"
            event = parser.unknown(number, place, time, rest or _NOTHING)
            if event is None:
                text = f"{head} {time}: {rest or _NOTHING}" if head else line
                events.extend(map(event_of, parser.take(number, text)))
            else:
                add(event)
        return missed


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


class _Parser:
    """Reads any line, and learns the parts that come again and again.

    Lines made of those need no second look. `places` has what stands before the time, `requests`
    what stands behind the address of an alloc_vmap_area. `texts` has all that stands behind the
    time of other events, `names` has their names.
    """

    def __init__(self, path: str, *, native: bool) -> None:
        self._path = path
        self.native = native
        """There were vmalloc events: probes do not count any more."""
        self._probes = _Probes()
        self._bad = 0
        self._foreign = 0
        """Lines that are no events, comments too."""
        self._first = 0
        self.places: dict[str, Place] = {}
        self.requests: dict[str, tuple[int, int, int, int, bool]] = {}
        self.texts: dict[str, str] = {}
        self.names: set[str] = set()
        self.hexadecimal = _Numbers(16)

    def place(self, head: str) -> Place | None:
        """Return the place of a line that begins so, up to its time, and remember it.

        None where that cannot be read, or in several ways.
        """
        text = f"{head} 0.0: x:"
        found = _LINE.match(text)
        if found is None:
            return None
        place = f"{found[1]}-{found[2]}", int(found[3])
        simple = (
            head.isprintable()
            and ": " not in head
            and head.rfind(")") >= head.rfind("(")
            and len(place[0]) <= _MAX_TASK
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

    def rest(self, where: _Where, rest: str) -> TraceLine | None:
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
            if isinstance(line, Alloc) and rest.startswith(_ASKED):
                _, blank, asked = rest.removeprefix(_ASKED).partition(" ")
                _keep(self.requests, blank + asked, line[5:])
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
        where = (number, float(time), printable(f"{task}-{pid}"), int(cpu))
        if name in _TAKERS:
            yield self._vmalloc(where, name, rest)
        elif rest.startswith("(") and not self.native:
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

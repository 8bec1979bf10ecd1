"""Text of a trace: vmalloc events, module events, markers, lost events; many lines at a time."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Final

from execmem_tui.formats.trace_event import (
    ALLOC,
    FREE,
    NOTHING,
    OTHER,
    PAGE,
    PURGE,
    TOP,
    Event,
    Place,
    TraceLine,
    event_of,
    full,
)
from execmem_tui.formats.trace_parser import ASKED, LINE, SIZE, LineParser, Numbers

_NOTHING: Final = "purge_vmap_area_lazy: start=0xffffffffffffffff end=0x0 num_purged=0"
"""Most lines of a trace end so."""
_ANY_LINES: Final = re.compile(
    r"(?:([^\[\n]*\[[0-9]+\](?: +[^ \n]+)?) ( *[0-9]{1,12}\.[0-9]{1,9}): (.+)|(.*))\n"
)
"""Every line of a text, each in parts: what stands before the time, the time, all behind it; or the
whole line, which looks like none."""
_PURGED: Final = re.compile(
    "purge_vmap_area_lazy: start=0x([0-9a-f]{1,16}) end=0x([0-9a-f]{1,16}) num_purged=([0-9]{1,20})"
).fullmatch
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
    return re.compile(rf"(?:(.{{{width}}}) ( *[0-9]{{1,12}}\.[0-9]{{1,9}}): (.+)|(.*))\n")


def parse_trace(
    path: str, lines: Iterable[tuple[int, str]], *, native: bool = False
) -> Iterator[TraceLine]:
    """Yield what each line says.

    Comments and foreign lines are passed over while they are few (see `Probes` for old kernels).

    Args:
        path: to be named in errors.
        lines: (number, text); no number is left out.
        native: vmalloc events came before these lines.

    Raises:
        InputError: this is no trace, or a vmalloc event is cut.
    """
    return map(full, trace_events(path, lines, native=native))


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
        self._parser = LineParser(path, native=native)
        self._allocated = Numbers(ASKED, 10)
        self._freed = Numbers("free_vmap_area_noflush: va_start=0x", 16)
        self._lazy = Numbers("", 10, " nr_lazy_max=[0-9]{1,20}")
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
        parser, add, missed = self._parser, events.append, 0
        places, requests, texts = parser.places, parser.requests, parser.texts
        allocated, freed, lazy = self._allocated, self._freed, self._lazy
        last, place = "", places.get("")
        for number, (head, time, rest, line) in enumerate(lines, first):
            if head != last:
                last, place = head, places.get(head)
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
                if rest == _NOTHING and parser.native:
                    add((PURGE, number, place, time, 0, NOTHING))
                    continue
                letter = rest[0]
                if letter == "a":
                    start, _, asked = rest.partition(SIZE)
                    request = requests.get(asked)
                    if (
                        request is not None
                        and 0 < (at := allocated[start]) <= TOP - request[0]
                        and not at % PAGE
                    ):
                        add((ALLOC, number, place, time, at, request))
                        continue
                elif letter == "f" and parser.native:
                    start, _, pages = rest.partition(" nr_lazy=")
                    at, waiting = freed[start], lazy[pages]
                    if at >= 0 and waiting >= 0:
                        add((FREE, number, place, time, at, waiting))
                        continue
                elif letter == "p" and parser.native:
                    found = _PURGED(rest)
                    if found is not None:
                        low, high, count = found.groups()
                        said = int(low, 16), int(high, 16), int(count)
                        add((PURGE, number, place, time, 0, said))
                        continue
                text = texts.get(rest) or parser.other(rest)
                if text is not None:
                    add((OTHER, number, place, time, 0, text))
                    continue
            events.extend(self._read_anew(number, place, (head, time, rest, line)))
        return missed

    def _read_anew(
        self, number: int, place: Place | None, parts: tuple[str, str, str, str]
    ) -> Iterable[Event]:
        """Return what a line says that has a part not seen before."""
        head, time, rest, line = parts
        event = self._parser.unknown(number, place, time, rest)
        if event is not None:
            return (event,)
        text = f"{head} {time}: {rest}" if head else line
        return map(event_of, self._parser.take(number, text))


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
    return any(text.startswith("# tracer:") or LINE.match(text) for _, text in islice(lines, 40))

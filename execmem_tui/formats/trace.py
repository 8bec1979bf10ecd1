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
    TraceLine,
    event_of,
    full,
)
from execmem_tui.formats.trace_parser import ASKED, LINE, LineParser, Numbers

_FREED: Final = "free_vmap_area_noflush: va_start=0x"
_PURGED: Final = "purge_vmap_area_lazy: start=0x"
_PURGED_TO: Final = " end=0x"

_NOTHING: Final = f"{_PURGED}ffffffffffffffff{_PURGED_TO}0 num_purged=0"
_REST: Final = (
    rf"(?:{_NOTHING}|{ASKED}([0-9]{{1,20}})( .*)"
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
        self._decimal = Numbers(10)
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
                        and 0 < (at := decimal[ask]) <= TOP - request[0]
                        and not at % PAGE
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
                rest = f"{ASKED}{ask}{asked}"
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

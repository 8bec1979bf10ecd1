"""A recorded history in a compact text: what a replay made of a real trace, as far as it touches
the module windows.

The first line is the layout's id and its stated symbols; then one line an event, so that steps keep
their numbers. Events that touch nothing in the windows are a lone ``.`` with their time. ``#``
lines introduce an area by number before its first use.
"""

import lzma
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event, Failed, Freed, Noted, Purged
from execmem_tui.model.ranges import ExecmemType, Window

DATA = Path(__file__).parent / "data" / "recorded"
EXHAUST = "arm64-7.2.13-nokaslr-exhaust"
_NONE = "-"


def exhausted() -> History:
    """Return the 57,065 events of an arm64 that loads every module,
    removes them, and loads them again."""
    lines = _lines(EXHAUST)
    variant, *inputs = lines[0].split(" ")
    overrides = {name: int(value, 16) for name, value in (pair.split("=") for pair in inputs)}
    layout = resolve("arm64", "7.1", variant, "off", overrides)
    reader = _Reader()
    history = History(layout, reader.areas_of(lines[1]))
    history.append(reader.events(lines[2:]))
    return history


@cache
def _lines(name: str) -> list[str]:
    return lzma.decompress((DATA / f"{name}.xz").read_bytes()).decode().split("\n")


class _Reader:
    def __init__(self) -> None:
        self._areas: list[Area] = []

    def areas_of(self, line: str) -> list[Area]:
        for text in line.split("\t") if line else []:
            self._introduce(text)
        return list(self._areas)

    def _introduce(self, text: str) -> None:
        start, size, guard, kind, owner, region, state, window = text.split(" ")
        self._areas.append(
            Area(
                start=int(start, 16),
                size=int(size, 16),
                guard=int(guard, 16),
                type=None if kind == _NONE else ExecmemType(int(kind)),
                owner=None if owner == _NONE else owner,
                region=None if region == _NONE else region,
                state=AreaState(state),
                window=None if window == _NONE else Window(window),
            )
        )

    def events(self, lines: Iterable[str]) -> Iterator[Event]:
        for line in lines:
            if line.startswith("#"):
                self._introduce(line[1:])
            elif line:
                yield self._event(*line.split("\t"))

    def _event(self, letter: str, time: str, gone: str, come: str, more: str) -> Event:
        at = None if time == _NONE else float(time)
        removed, added = self._numbered(gone), self._numbered(come)
        match letter:
            case "A":
                area = added[0]
                return Allocated(
                    time=at, removed=removed, added=added, area=area, requested=int(more, 16)
                )
            case "X":
                kind, size, owner = more.split(" ", 2)
                return Failed(
                    time=at,
                    type=None if kind == _NONE else ExecmemType(int(kind)),
                    requested=int(size, 16),
                    owner=owner,
                    reason="no room",
                    attempt=True,
                )
            case "F":
                return Freed(time=at, removed=removed, added=added, area=removed[0])
            case "P":
                return Purged(
                    time=at, removed=removed, added=added, kind="unknown", purged=int(more)
                )
        return Noted(time=at, removed=removed, added=added, message=more, mark=letter == "M")

    def _numbered(self, text: str) -> tuple[Area, ...]:
        return tuple(self._areas[int(number)] for number in text.split()) if text else ()


class Writer:
    """The text of a history: `python -c "from tests.recorded import Writer; ..."` made the
    files."""

    def __init__(self, history: History) -> None:
        self._history = history
        entry = history.layout.range_of(ExecmemType.MODULE_TEXT)
        self._windows = ((entry.start, entry.end), (entry.fallback_start, entry.fallback_end))
        self._numbers: dict[Area, int] = {}

    def text(self, first: str) -> str:
        """Return all of it; `first` is the line that says which layout it is."""
        start = self._history.seek(self._history.first_step).areas
        lines = [first, "\t".join(self._text(area) for area in start if self._inside(area))]
        for event in self._history.events(0, self._history.steps):
            lines += self._event(event)
        return "\n".join(lines) + "\n"

    def _inside(self, area: Area) -> bool:
        return any(low <= area.start < high for low, high in self._windows)

    def _text(self, area: Area) -> str:
        self._numbers[area] = len(self._numbers)
        fields = (
            f"{area.start:x}",
            f"{area.size:x}",
            f"{area.guard:x}",
            _NONE if area.type is None else str(int(area.type)),
            (area.owner or _NONE).replace(" ", "_"),
            area.region or _NONE,
            area.state.value,
            _NONE if area.window is None else area.window.value,
        )
        return " ".join(fields)

    def _event(self, event: Event) -> Iterator[str]:
        removed = [area for area in event.removed if self._inside(area)]
        added = [area for area in event.added if self._inside(area)]
        for area in (*removed, *added):
            if area not in self._numbers:
                yield "#" + self._text(area)
        letter, more = ".", ""
        if isinstance(event, Allocated) and added:
            letter, more = "A", f"{event.requested:x}"
        elif isinstance(event, Failed):
            kind = _NONE if event.type is None else int(event.type)
            letter, more = "X", f"{kind} {event.requested:x} {event.owner}"
        elif isinstance(event, Freed) and removed:
            letter = "F"
        elif isinstance(event, Purged):
            letter, more = "P", str(event.purged)
        elif isinstance(event, Noted):
            letter, more = "M" if event.mark else "N", event.message
        time = _NONE if event.time is None else f"{event.time:.6f}"
        yield "\t".join((letter, time, self._list(removed), self._list(added), more))

    def _list(self, areas: list[Area]) -> str:
        return " ".join(str(self._numbers[area]) for area in areas)

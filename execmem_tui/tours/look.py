"""What a stop points at, as words of its file, and where that lies in a snapshot.

``window:MODULE_TEXT``, ``fallback:MODULE_TEXT``, ``holes:MODULE_TEXT``, ``largest:MODULE_TEXT``,
``type:BPF``, ``owner:xfs``, ``region:xfs:MOD_TEXT``, ``image``, ``spilled``, ``lazy``, ``cache``,
``newest``, or two addresses: ``0xffff800003000000-0xffff800083000000``.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Event
from execmem_tui.model.intervals import Interval, union, without
from execmem_tui.model.numbers import hexadecimal
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.scenarios.values import BadValueError, execmem_type


@frozen
class Look:
    """One thing to look at."""

    word: str
    """`WORDS`, or ``span``."""
    what: str = ""
    """A type, an owner, or nothing."""
    region: str = ""
    """Of a module."""
    span: Interval | None = None
    """Addresses, where the file states them."""

    def find(self, snapshot: Snapshot, newest: Iterable[Event] = ()) -> Iterator[Interval]:
        """Yield where it lies; nothing where there is none.

        Args:
            snapshot: of the moment.
            newest: events of the newest step, for ``newest``.
        """
        if self.span is not None:
            yield self.span
        elif self.word == "newest":
            yield from (
                (event.area.start, event.area.end)
                for event in newest
                if isinstance(event, Allocated)
            )
        elif self.word == "image":
            if snapshot.layout.image is not None:
                yield snapshot.layout.image
        elif self.word in _SPACE:
            yield from _SPACE[self.word](snapshot, ExecmemType[self.what])
        else:
            wanted = _AREAS[self.word]
            yield from ((area.start, area.end) for area in snapshot.areas if wanted(self, area))


def _window(snapshot: Snapshot, kind: ExecmemType) -> Iterator[Interval]:
    yield snapshot.layout.range_of(kind).windows[0]


def _fallback(snapshot: Snapshot, kind: ExecmemType) -> Iterator[Interval]:
    yield from snapshot.layout.range_of(kind).windows[1:]


def _holes(snapshot: Snapshot, kind: ExecmemType) -> Iterator[Interval]:
    yield from HoleIndex(snapshot).within(*snapshot.layout.range_of(kind).windows[0])


def _largest(snapshot: Snapshot, kind: ExecmemType) -> Iterator[Interval]:
    yield from HoleIndex(snapshot).longest(*snapshot.layout.range_of(kind).windows[0], 1)


_SPACE: Final[dict[str, Callable[[Snapshot, ExecmemType], Iterator[Interval]]]] = {
    "window": _window,
    "fallback": _fallback,
    "holes": _holes,
    "largest": _largest,
}


def _of_type(look: Look, area: Area) -> bool:
    return (
        area.type is not None and area.type.name == look.what and area.state is not AreaState.LAZY
    )


def _of_owner(look: Look, area: Area) -> bool:
    owner = area.owner or ""
    return (owner == look.what or owner.startswith(f"{look.what} ")) and (
        not look.region or area.region == look.region
    )


_AREAS: Final[dict[str, Callable[[Look, Area], bool]]] = {
    "type": _of_type,
    "owner": _of_owner,
    "region": _of_owner,
    "spilled": lambda _, area: area.window is Window.FALLBACK,
    "lazy": lambda _, area: area.state is AreaState.LAZY,
    "cache": lambda _, area: area.state is AreaState.CACHE_FREE,
}
WORDS: Final = (*_SPACE, *_AREAS, "image", "newest")
_ALONE: Final = ("spilled", "lazy", "cache", "image", "newest")


def looks(value: object) -> tuple[Look, ...]:
    """Read one thing to look at, or a list of them.

    Raises:
        BadValueError: one means nothing.
    """
    entries = value if isinstance(value, list) else [value]
    return tuple(_look(entry) for entry in entries)


def _look(value: object) -> Look:
    if not isinstance(value, str):
        raise BadValueError("a text is wanted, such as window:MODULE_TEXT")
    word, colon, rest = value.partition(":")
    if word in _ALONE and not colon:
        return Look(word)
    if word in (*_SPACE, "type"):
        return Look(word, execmem_type(rest).name)
    if word == "owner" and rest:
        return Look(word, rest)
    if word == "region":
        owner, _, region = rest.rpartition(":")
        if owner:
            return Look(word, owner, region)
    first, dash, last = value.partition("-")
    start, end = hexadecimal(first), hexadecimal(last)
    if dash and start is not None and end is not None and start < end:
        return Look("span", span=(start, end))
    raise BadValueError(f"nothing to look at is called {value!r}: {', '.join(WORDS)}")


def still_free(
    found: Iterable[Look], snapshot: Snapshot, newest: Iterable[Event] = ()
) -> list[Interval]:
    """Return what `spans` does, but of whole windows only what a request may get there.

    What is used already is no place for something to come, and what the first window holds too is
    asked for there.
    """
    events, holes = tuple(newest), HoleIndex(snapshot)
    pairs: list[Interval] = []
    for look in found:
        for place in look.find(snapshot, events):
            whole = [place]
            if look.word == "fallback":
                whole = without(place, snapshot.layout.range_of(ExecmemType[look.what]).windows[0])
            for start, end in whole:
                pairs += holes.within(start, end) if look.word in _SPACE else [(start, end)]
    return union(pairs)


def spans(
    found: Iterable[Look], snapshot: Snapshot, newest: Iterable[Event] = ()
) -> list[Interval]:
    """Return where all of it lies, ascending; what touches is one."""
    events = tuple(newest)
    return union(each for look in found for each in look.find(snapshot, events))

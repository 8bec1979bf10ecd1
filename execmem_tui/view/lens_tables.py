"""Lenses that need the events: what may be done to an area, and how old it is."""

from collections.abc import Mapping, Sequence
from typing import Final

from execmem_tui.analysis.area_record import AreaRecord
from execmem_tui.analysis.permissions import Rights, rights_record, tells_of_permissions
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Event, Noted
from execmem_tui.model.layouts import Layout
from execmem_tui.sources.base import Source, SourceKind
from execmem_tui.view.lenses import TableLens
from execmem_tui.view.paint import LensName

_RIGHTS: Final[Mapping[Rights, str]] = {
    frozenset(): "permission-ro",
    frozenset("w"): "permission-rw",
    frozenset("x"): "permission-rx",
    frozenset("wx"): "permission-rwx",
}
NO_RIGHTS: Final = "permission-unknown"
NO_AGE: Final = "age-unknown"
_BEFORE: Final = "age-before"

_STEPS: Final = ((10, "age-10"), (100, "age-100"), (1000, "age-1000"))
_SECONDS: Final = ((1, "age-1s"), (10, "age-10s"), (100, "age-100s"))
_OLDER: Final = "age-older"

_CLOCK: Final = 100
"""So many events back a time is looked for."""

_Born = tuple[int, float | None]
"""The step at which an area appeared, and that event's time in seconds."""


def knows_rights(source: Source) -> bool:
    """Whether it can be told what may be done to areas of a source.

    A simulation makes every change itself. A capture or a trace of vmalloc events shows none: there
    it is known only where the loader changes nothing (no STRICT_MODULE_RWX).
    """
    simulated = source.kind in (SourceKind.SIMULATE, SourceKind.SCENARIO)
    strict = source.history.layout.capability.strict_module_rwx
    return simulated or not strict or tells_of_permissions(source.history)


def knows_ages(source: Source) -> bool:
    """Whether any event tells when areas of a source appeared."""
    history = source.history
    return history.steps > 1 or not all(_is_first_list(event, 1) for event in history.events(0, 1))


def why_unknown(lens: LensName, source: Source) -> str:
    """Return why a lens has nothing to tell of a source, "" where it has."""
    if lens is LensName.PERMISSION and not knows_rights(source):
        return "nothing here tells of permissions"
    if lens is LensName.AGE and not knows_ages(source):
        return "no events here: ages are not known"
    return ""


class LensTables:
    """The two lenses of a source, step by step; the same object while its words are the same."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._rights: AreaRecord[Rights] | None = None
        self._born: AreaRecord[_Born] = AreaRecord(_born)
        self._last: dict[LensName, TableLens] = {}

    def permission(self, source: Source, step: int) -> TableLens:
        """Return what may be done to each execmem area at a step."""
        history = source.history
        if self._rights is None or self._layout is not history.layout:
            self._layout = history.layout
            self._rights = rights_record(history.layout)
        held = self._rights.at(history, step) if knows_rights(source) else {}
        words = {start: _RIGHTS[found] for start, found in held.items()}
        return self._kept(TableLens(LensName.PERMISSION, words, NO_RIGHTS, typed=True))

    def age(self, source: Source, step: int) -> TableLens:
        """Return how long ago each area appeared.

        In seconds where events have times, else in events.
        """
        history = source.history
        now = _clock(history, step)
        words = {
            start: _word(step - at, _STEPS)
            if now is None or time is None
            else _word(now - time, _SECONDS)
            for start, (at, time) in self._born.at(history, step).items()
        }
        otherwise = _BEFORE if knows_ages(source) else NO_AGE
        return self._kept(TableLens(LensName.AGE, words, otherwise, typed=False))

    def _kept(self, lens: TableLens) -> TableLens:
        """Return the lens before where nothing changed: what blocks remember of it still holds."""
        last = self._last.get(lens.name)
        if last is not None and (last.words, last.otherwise) == (lens.words, lens.otherwise):
            return last
        self._last[lens.name] = lens
        return lens


def _born(area: Area, step: int, event: Event | None) -> _Born | None:
    del area
    return None if event is None or _is_first_list(event, step) else (step, event.time)


def _is_first_list(event: Event, step: int) -> bool:
    """Whether an event is the first reading of /proc/vmallocinfo.

    What it lists was there before.
    """
    return step == 1 and isinstance(event, Noted) and bool(event.added)


def _word(age: float, classes: Sequence[tuple[int, str]]) -> str:
    return next((word for most, word in classes if age < most), _OLDER)


def _clock(history: History, step: int) -> float | None:
    """Return the time of the last event up to a step, None where events have none."""
    near = history.events(step - _CLOCK, step)
    return next((event.time for event in reversed(near) if event.time is not None), None)

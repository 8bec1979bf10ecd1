"""From a TOML file to a `Tour`; every error names the file, the line and the key.

The kernel, and the steps that bring it where a stop wants it, are those of scenario files.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from execmem_tui.formats.toml import parse_toml
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.numbers import hexadecimal
from execmem_tui.model.text import printable
from execmem_tui.scenarios import values
from execmem_tui.scenarios.reader import KERNEL_KEYS, MAX_BYTES, Reader, bytes_of, shipped_files
from execmem_tui.scenarios.settings import Settings
from execmem_tui.tours.acts import acts
from execmem_tui.tours.look import looks
from execmem_tui.tours.tour import Belief, Stop, Tour

_OTHERS: Final = ("open", "phase", "scenario", "booted")
_HEADER: Final = ("title", "text", "source", "order", *_OTHERS, *KERNEL_KEYS, "stops")
_STEPS: Final = ("do", "solution", "guess")
_MOST_STOPS: Final = 1000
"""A day of talking; a file within its bytes could have forty thousand."""
HINTS: Final = 3
"""Steps from a nudge to the answer."""


def _pane(value: Any) -> int:
    number = values.integer(value)
    if not 1 <= number <= 4:
        raise values.BadValueError(f"{number} is no pane: 1 to 4")
    return number


def _address(value: Any) -> int:
    found = hexadecimal(value) if isinstance(value, str) else None
    if found is None:
        raise values.BadValueError('an address is wanted, such as "0xffff800003000000"')
    return found


def _hints(value: Any) -> tuple[str, ...]:
    found = tuple(values.caption(each) for each in (value if isinstance(value, list) else [value]))
    if not 1 <= len(found) <= HINTS:
        raise values.BadValueError(f"1 to {HINTS} hints are wanted, not {len(found)}")
    return found


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "say": values.caption,
    "source": values.caption,
    "notes": values.caption,
    "look": looks,
    "pane": _pane,
    "step": values.integer,
    "at": _address,
    "lens": values.caption,
    "teaches": acts,
    "goal": values.comparisons,
    "task": values.caption,
    "ghost": looks,
    "right": values.caption,
    "proposed": values.boolean,
}
_KEYS: Final = (*_READERS, "boot", *_STEPS, "wrong", "hints")


def library() -> dict[str, Path]:
    """Return the shipped tours by name, sorted."""
    return shipped_files(Path(__file__).parent)


def shipped_tours() -> list[Tour]:
    """Return the shipped tours as a newcomer takes them: what explains most first."""
    tours = [open_tour(name) for name in library()]
    last = len(tours) + 1
    return sorted(tours, key=lambda tour: (tour.order or last, tour.name))


def open_tour(name: str) -> Tour:
    """Read a file, or a shipped tour by its name.

    Raises:
        UsageError: there is no such file and no such name.
        InputError: the file is broken.
    """
    return read_tour(*bytes_of(name, library(), "tour"))


def read_tour(data: bytes, path: str, name: str) -> Tour:
    """Read the text of a tour file.

    Raises:
        InputError: it is not TOML, or means nothing.
    """
    document = parse_toml(path, data, MAX_BYTES)
    return _TourReader(path, data.decode()).tour(document, name)


class _TourReader(Reader):
    """Reads one tour."""

    def tour(self, document: Mapping[str, Any], name: str) -> Tour:
        """The whole document."""
        self.check_keys(document, _HEADER, ())
        shown = [key for key in ("open", "scenario") if key in document]
        for key in ("title", "stops", *(() if shown else ("arch",))):
            if key not in document:
                raise self.error((), f"the key {key!r} is missing")
        kernel = [key for key in KERNEL_KEYS if key in document]
        if shown and kernel:
            raise self.error((kernel[0],), f"{kernel[0]}: a tour opens something or has a kernel")
        if len(shown) > 1 or (shown and "booted" in document):
            raise self.error((), f"{shown[0]}: a tour shows one thing")
        table = {"text": "", "source": "", **document}
        settings = self.settings(document) if kernel else None
        booted = (
            self.read(document, "booted", values.boolean, ()) if "booted" in document else False
        )
        simulated = None if booted else settings
        try:
            stops = values.nested(document["stops"])
        except values.BadValueError:
            raise self.error(("stops",), "stops: a list of stops is wanted") from None
        if len(stops) > _MOST_STOPS:
            raise self.error(("stops",), f"stops: more than {_MOST_STOPS:,}")
        return Tour(
            name=printable(name, 60),
            path=self.path,
            title=self.read(table, "title", values.caption, ()),
            text=self.read(table, "text", values.caption, ()),
            source=self.read(table, "source", values.caption, ()),
            settings=settings,
            open=self.read(table, "open", values.names, ()) if "open" in table else (),
            order=self.read(table, "order", values.integer, ()) if "order" in table else None,
            phase=self.read(table, "phase", values.caption, ()) if "phase" in table else None,
            scenario=self.read({"scenario": "", **table}, "scenario", values.caption, ()),
            booted=booted,
            stops=tuple(self._stop(stop, at, simulated) for at, stop in enumerate(stops)),
        )

    def _stop(self, table: Mapping[str, Any], at: int, settings: Settings | None) -> Stop:
        where = ("stops", at)
        self.check_keys(table, _KEYS, where)
        if "say" not in table:
            raise self.error(where, "the key 'say' is missing")
        fields = {
            key: self.read(table, key, read, where)
            for key, read in _READERS.items()
            if key in table
        }
        for key in _STEPS:
            if key in table:
                fields[key] = self.steps(table[key], (*where, key))
        for key in ("wrong", "hints"):
            if key in table:
                fields[key] = self._sentences(table[key], (*where, key))
        stop = Stop(line=self.line(where), **fields)
        if "goal" in table:
            self.check_names(stop.goal, (*where, "goal"))
        if "boot" in table:
            stop = evolve(stop, boot=self._boot(table, where, settings))
        self._check(stop, where, simulated=settings is not None)
        return stop

    def _sentences(self, found: Any, where: tuple[str | int, ...]) -> dict[Any, Any]:
        if not isinstance(found, dict):
            raise self.error(where, f"{where[-1]}: a table is wanted")
        if where[-1] == "hints":
            return {key: self.read(found, key, _hints, where) for key in found}
        wrong = tuple(belief.value for belief in Belief if belief is not Belief.RIGHT)
        self.check_keys(found, wrong, where)
        return {Belief(key): self.read(found, key, values.caption, where) for key in found}

    def _boot(
        self, table: Mapping[str, Any], where: tuple[str | int, ...], settings: Settings | None
    ) -> dict[str, str]:
        found = table["boot"]
        if not isinstance(found, dict) or settings is None:
            raise self.error((*where, "boot"), "boot: a table of settings of a kernel is wanted")
        changes = {key: self.read(found, key, values.draw, (*where, "boot")) for key in found}
        try:
            settings.changed(changes)
        except UsageError as error:
            raise self.error((*where, "boot"), f"boot: {error.title}", error.hint) from None
        return changes

    def _check(self, stop: Stop, where: tuple[str | int, ...], *, simulated: bool) -> None:
        if stop.guess and stop.goal:
            raise self.error((*where, "goal"), "a stop has a goal or a guess, not both")
        if stop.goal and not stop.solution:
            raise self.error((*where, "goal"), "goal: the key 'solution' is missing")
        if stop.proposed and stop.boot is None:
            raise self.error((*where, "proposed"), "proposed: the key 'boot' is missing")
        kernel = [key for key in ("do", "goal", "guess", "boot", "teaches") if getattr(stop, key)]
        if kernel and not simulated:
            raise self.error((*where, kernel[0]), f"{kernel[0]}: nothing is simulated here")
        if stop.step is not None and simulated:
            raise self.error((*where, "step"), "step: the tour opens nothing that has steps")


def tour_error(tour: Tour, stop: Stop, message: str) -> InputError:
    """Return the error that a stop cannot be shown."""
    return InputError(tour.path, stop.line, message)

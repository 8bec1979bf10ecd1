"""From a TOML file to a `Scenario`; every error names the file, the line and the key."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from attrs import NOTHING, fields_dict

from execmem_tui.files.regular import open_file, user_path
from execmem_tui.formats.toml import parse_toml
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.scenarios import values
from execmem_tui.scenarios.lines import Lines
from execmem_tui.scenarios.names import known
from execmem_tui.scenarios.scenario import Scenario, keys_of
from execmem_tui.scenarios.settings import KNOB_READERS, RANGE_KEYS, Knobs, Settings
from execmem_tui.scenarios.steps import STEPS, Expect, Step

MAX_BYTES: Final = 1 << 20
"""Of one file."""

MAX_DEPTH: Final = 8
"""Of steps within steps."""

_HEADER: Final = (
    "title",
    "text",
    "source",
    "arch",
    "kernel",
    "variant",
    "kaslr",
    "cpus",
    "nodes",
    "seed",
    "catalogue",
    "set",
    "ranges",
    "knobs",
    "steps",
)
_DEFAULTS: Final = {
    "text": "",
    "source": "",
    "kernel": "7.1",
    "variant": "",
    "kaslr": "off",
    "cpus": 2,
    "nodes": 1,
    "seed": 0,
}


def library() -> dict[str, Traversable]:
    """Return the shipped scenario files by name, sorted."""
    folder = files("execmem_tui.scenarios") / "library"
    found = {
        entry.name.removesuffix(".toml"): entry
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    return dict(sorted(found.items()))


def open_scenario(name: str) -> Scenario:
    """Read a file, or a scenario of the library by its name.

    Raises:
        UsageError: there is no such file and no such name.
        InputError: the file is broken.
    """
    if name.endswith(".toml") or "/" in name:
        path = user_path(name)
        with open_file(path) as stream:
            data = stream.read(MAX_BYTES + 1)
        return read_scenario(data, name, path.stem)
    shipped = library()
    if name not in shipped:
        close = get_close_matches(name, shipped, 1)
        hint = f"did you mean {close[0]}?" if close else "execmem-tui scenarios lists them"
        raise UsageError(f"no scenario {printable(name)!r}", hint=hint)
    return read_scenario(shipped[name].read_bytes(), f"{name}.toml", name)


def read_scenario(data: bytes, path: str, name: str) -> Scenario:
    """Read the text of a scenario file.

    Raises:
        InputError: it is not TOML, or means nothing.
    """
    document = parse_toml(path, data, MAX_BYTES)
    return _Reader(path, data.decode()).scenario(document, name)


class _Reader:
    """Reads one file; knows where each key stands."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._lines = Lines(text)

    def _error(self, where: tuple[str | int, ...], message: str, hint: str = "") -> InputError:
        return InputError(self._path, self._lines.find(where), message, hint=hint)

    def _check_keys(
        self, table: Mapping[str, Any], allowed: tuple[str, ...], where: tuple[str | int, ...]
    ) -> None:
        for key in table:
            if key not in allowed:
                close = get_close_matches(key, allowed, 1)
                hint = (
                    f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(allowed)}"
                )
                raise self._error((*where, key), f"unknown key {printable(key)!r}", hint)

    def _read(
        self,
        table: Mapping[str, Any],
        key: str,
        read: Callable[[Any], Any],
        where: tuple[str | int, ...],
    ) -> Any:
        try:
            return read(table[key])
        except values.BadValueError as error:
            raise self._error((*where, key), f"{printable(key)}: {error}") from None

    def scenario(self, document: Mapping[str, Any], name: str) -> Scenario:
        """The whole document."""
        self._check_keys(document, _HEADER, ())
        for key in ("title", "arch", "steps"):
            if key not in document:
                raise InputError(self._path, 1, f"the key {key!r} is missing")
        table = {**_DEFAULTS, **document}
        settings = Settings(
            arch=self._read(table, "arch", values.word, ()),
            kernel=self._read(table, "kernel", values.word, ()),
            variant=self._read(table, "variant", values.caption, ()) or None,
            kaslr=self._read(table, "kaslr", values.draw, ()),
            cpus=self._read(table, "cpus", values.cpus, ()),
            nodes=self._read(table, "nodes", values.count, ()),
            seed=self._read(table, "seed", values.integer, ()),
            catalogue=self._read(table, "catalogue", values.word, ())
            if "catalogue" in table
            else None,
            overrides=self._numbers(table, "set"),
            ranges=self._ranges(table),
            knobs=self._knobs(table),
        )
        self._check_layout(settings)
        return Scenario(
            name=printable(name, 60),
            path=self._path,
            title=self._read(table, "title", values.caption, ()),
            text=self._read(table, "text", values.caption, ()),
            source=self._read(table, "source", values.caption, ()),
            settings=settings,
            steps=self._steps(document["steps"], ("steps",)),
        )

    def _table(self, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        found = table.get(key, {})
        if not isinstance(found, dict):
            raise self._error((key,), f"{key}: a table is wanted")
        return found

    def _numbers(self, table: Mapping[str, Any], key: str) -> dict[str, int]:
        found = self._table(table, key)
        return {name: self._read(found, name, values.address, (key,)) for name in found}

    def _ranges(self, table: Mapping[str, Any]) -> dict[ExecmemType, dict[str, int]]:
        found = self._table(table, "ranges")
        self._check_keys(found, tuple(ExecmemType.__members__), ("ranges",))
        ranges = {}
        for kind, stated in found.items():
            if not isinstance(stated, dict):
                raise self._error(("ranges", kind), f"{kind}: a table is wanted")
            self._check_keys(stated, RANGE_KEYS, ("ranges", kind))
            ranges[ExecmemType[kind]] = {
                name: self._read(stated, name, values.address, ("ranges", kind)) for name in stated
            }
        return ranges

    def _knobs(self, table: Mapping[str, Any]) -> Knobs:
        found = self._table(table, "knobs")
        self._check_keys(found, tuple(fields_dict(Knobs)), ("knobs",))
        return Knobs(
            **{
                name: self._read(found, name, KNOB_READERS.get(name, values.boolean), ("knobs",))
                for name in found
            }
        )

    def _check_layout(self, settings: Settings) -> None:
        """Refuse a kernel that does not exist where the file names it."""
        try:
            settings.layout()
        except UsageError as error:
            known = {
                "architecture": "arch",
                "variant": "variant",
                "exist": "kernel",
                "version": "kernel",
                "draw": "kaslr",
            }
            key = next((key for word, key in known.items() if f" {word}" in error.title), "set")
            if error.title.startswith(("a range", "an alignment")):
                key = "ranges"
            elif "ROX" in error.title:
                key = "knobs"
            raise self._error((key,), error.title, error.hint) from None

    def _steps(self, found: Any, where: tuple[str | int, ...]) -> tuple[Step, ...]:
        if sum(part == "steps" for part in where) > MAX_DEPTH:
            raise self._error(where, f"steps within steps, more than {MAX_DEPTH} deep")
        try:
            tables = values.nested(found)
        except values.BadValueError as error:
            raise self._error(where, f"steps: {error}") from None
        return tuple(self._step(table, (*where, index)) for index, table in enumerate(tables))

    def _step(self, table: Mapping[str, Any], where: tuple[str | int, ...]) -> Step:
        verbs = [key for key in table if key in STEPS]
        if len(verbs) != 1:
            for key in table:
                if key not in STEPS and get_close_matches(key, STEPS, 1) and not verbs:
                    hint = f"did you mean {get_close_matches(key, STEPS, 1)[0]!r}?"
                    raise self._error((*where, key), f"unknown key {printable(key)!r}", hint)
            wanted = f"a step has one verb, not {len(verbs)}"
            raise self._error((*where, next(iter(table), "")), wanted, f"verbs: {', '.join(STEPS)}")
        verb = verbs[0]
        kind = STEPS[verb]
        keys = keys_of(kind)
        self._check_keys(table, tuple(keys), where)
        line = self._lines.find((*where, verb))
        fields: dict[str, Any] = {"line": line}
        for key, entry in keys.items():
            if key in table:
                fields[key] = self._read(table, key, entry.metadata["read"], where)
            elif entry.default is NOTHING:
                raise self._error((*where, verb), f"{verb}: the key {key!r} is missing")
        if "steps" in fields:
            fields["steps"] = self._steps(fields["steps"], (*where, "steps"))
        step = kind(**fields)
        if isinstance(step, Expect):
            self._check_names(step, where)
        return step

    def _check_names(self, step: Expect, where: tuple[str | int, ...]) -> None:
        for comparison in step.expect:
            for name in comparison.names():
                if name not in known():
                    close = get_close_matches(name, known(), 1)
                    hint = (
                        f"did you mean {close[0]}?"
                        if close
                        else "execmem-tui scenarios --names lists them"
                    )
                    raise self._error(
                        (*where, "expect"), f"expect: nothing is called {printable(name)!r}", hint
                    )

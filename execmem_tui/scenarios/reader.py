"""From a TOML file to a `Scenario`; every error names the file, the line and the key."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from attrs import NOTHING, fields

from execmem_tui.files.regular import open_file, user_path
from execmem_tui.formats.toml import parse_toml
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.scenarios import values
from execmem_tui.scenarios.expressions import Comparison
from execmem_tui.scenarios.lines import Lines
from execmem_tui.scenarios.names import known
from execmem_tui.scenarios.scenario import Scenario, keys_of
from execmem_tui.scenarios.settings import KNOB_READERS, RANGE_KEYS, Knobs, Settings
from execmem_tui.scenarios.steps import STEPS, Expect, Step

MAX_BYTES: Final = 1 << 20
"""Of one file."""

MAX_DEPTH: Final = 8
"""Of steps within steps."""

KERNEL_KEYS: Final = (
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
)
"""Of a header: which kernel is simulated."""
_HEADER: Final = ("title", "text", "source", *KERNEL_KEYS, "steps")
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


def shipped_files(folder: Path) -> dict[str, Path]:
    """Return the TOML files of a folder of the package by name, sorted."""
    found = {
        entry.name.removesuffix(".toml"): entry
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    return dict(sorted(found.items()))


def bytes_of(name: str, shipped: Mapping[str, Path], kind: str) -> tuple[bytes, str, str]:
    """Return the bytes of a file, or of a shipped one by its name; what errors call it; its name.

    Args:
        name: a path that ends in .toml or has a slash, else a name.
        shipped: the files of the package by name.
        kind: what they are: ``scenario``, ``tour``.

    Raises:
        UsageError: there is no such file and no such name.
        InputError: it is no file.
        OSError: it cannot be read.
    """
    if name.endswith(".toml") or "/" in name:
        path = user_path(name)
        with open_file(path) as stream:
            return stream.read(MAX_BYTES + 1), name, path.stem
    if name not in shipped:
        close = get_close_matches(name, shipped, 1)
        hint = f"did you mean {close[0]}?" if close else f"execmem-tui {kind}s lists them"
        raise UsageError(f"no {kind} {printable(name)!r}", hint=hint)
    return shipped[name].read_bytes(), f"{name}.toml", name


def library() -> dict[str, Path]:
    """Return the shipped scenario files by name, sorted."""
    return shipped_files(Path(__file__).with_name("library"))


def open_scenario(name: str) -> Scenario:
    """Read a file, or a scenario of the library by its name.

    Raises:
        UsageError: there is no such file and no such name.
        InputError: the file is broken.
    """
    return read_scenario(*bytes_of(name, library(), "scenario"))


def read_scenario(data: bytes, path: str, name: str) -> Scenario:
    """Read the text of a scenario file.

    Raises:
        InputError: it is not TOML, or means nothing.
    """
    document = parse_toml(path, data, MAX_BYTES)
    return Reader(path, data.decode()).scenario(document, name)


class Reader:
    """Reads one file; knows where each key stands.

    Args:
        path: to be named in errors.
        text: of the file.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self._lines = Lines(text)

    def error(self, where: tuple[str | int, ...], message: str, hint: str = "") -> InputError:
        """Return the error that a key, by its path in the file, is wrong."""
        return InputError(self.path, self._lines.find(where), message, hint=hint)

    def line(self, where: tuple[str | int, ...]) -> int:
        """Return the line of a key, or of the nearest thing around it."""
        return self._lines.find(where)

    def check_keys(
        self, table: Mapping[str, Any], allowed: tuple[str, ...], where: tuple[str | int, ...]
    ) -> None:
        """Refuse keys that mean nothing.

        Raises:
            InputError: there is one.
        """
        for key in table:
            if key not in allowed:
                close = get_close_matches(key, allowed, 1)
                hint = (
                    f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(allowed)}"
                )
                raise self.error((*where, key), f"unknown key {printable(key)!r}", hint)

    def read(
        self,
        table: Mapping[str, Any],
        key: str,
        read: Callable[[Any], Any],
        where: tuple[str | int, ...],
    ) -> Any:
        """Return the value of a key.

        Raises:
            InputError: `read` refuses it.
        """
        try:
            return read(table[key])
        except values.BadValueError as error:
            raise self.error((*where, key), f"{printable(key)}: {error}") from None

    def scenario(self, document: Mapping[str, Any], name: str) -> Scenario:
        """The whole document."""
        self.check_keys(document, _HEADER, ())
        for key in ("title", "arch", "steps"):
            if key not in document:
                raise InputError(self.path, 1, f"the key {key!r} is missing")
        settings = self.settings(document)
        table = {**_DEFAULTS, **document}
        return Scenario(
            name=printable(name, 60),
            path=self.path,
            title=self.read(table, "title", values.caption, ()),
            text=self.read(table, "text", values.caption, ()),
            source=self.read(table, "source", values.caption, ()),
            settings=settings,
            steps=self.steps(document["steps"], ("steps",)),
        )

    def settings(self, document: Mapping[str, Any]) -> Settings:
        """Return the kernel that the header of a document names.

        Raises:
            InputError: there is none such.
        """
        table = {**_DEFAULTS, **document}
        settings = Settings(
            arch=self.read(table, "arch", values.word, ()),
            kernel=self.read(table, "kernel", values.word, ()),
            variant=self.read(table, "variant", values.caption, ()) or None,
            kaslr=self.read(table, "kaslr", values.draw, ()),
            cpus=self.read(table, "cpus", values.cpus, ()),
            nodes=self.read(table, "nodes", values.count, ()),
            seed=self.read(table, "seed", values.integer, ()),
            catalogue=self.read(table, "catalogue", values.word, ())
            if "catalogue" in table
            else None,
            overrides=self.numbers(table, "set"),
            ranges=self._ranges(table),
            knobs=self._knobs(table),
        )
        self.check_layout(settings)
        return settings

    def table(self, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return the table at a key, {} where there is none.

        Raises:
            InputError: it is no table.
        """
        found = table.get(key, {})
        if not isinstance(found, dict):
            raise self.error((key,), f"{key}: a table is wanted")
        return found

    def numbers(self, table: Mapping[str, Any], key: str) -> dict[str, int]:
        """Return the table of addresses at a key.

        Raises:
            InputError: it is none.
        """
        found = self.table(table, key)
        return {name: self.read(found, name, values.address, (key,)) for name in found}

    def _ranges(self, table: Mapping[str, Any]) -> dict[ExecmemType, dict[str, int]]:
        found = self.table(table, "ranges")
        self.check_keys(found, tuple(ExecmemType.__members__), ("ranges",))
        ranges = {}
        for kind, stated in found.items():
            if not isinstance(stated, dict):
                raise self.error(("ranges", kind), f"{kind}: a table is wanted")
            self.check_keys(stated, RANGE_KEYS, ("ranges", kind))
            ranges[ExecmemType[kind]] = {
                name: self.read(stated, name, values.address, ("ranges", kind)) for name in stated
            }
        return ranges

    def _knobs(self, table: Mapping[str, Any]) -> Knobs:
        found = self.table(table, "knobs")
        self.check_keys(found, tuple(each.name for each in fields(Knobs)), ("knobs",))
        return Knobs(
            **{
                name: self.read(found, name, KNOB_READERS.get(name, values.boolean), ("knobs",))
                for name in found
            }
        )

    def check_layout(self, settings: Settings) -> None:
        """Refuse a kernel that does not exist where the file names it.

        Raises:
            InputError: there is none.
        """
        try:
            settings.layout()
        except UsageError as error:
            raise self.error((error.key or "set",), error.title, error.hint) from None

    def steps(self, found: Any, where: tuple[str | int, ...]) -> tuple[Step, ...]:
        """Return a list of steps.

        Raises:
            InputError: it is none.
        """
        if sum(part == "steps" for part in where) > MAX_DEPTH:
            raise self.error(where, f"steps within steps, more than {MAX_DEPTH} deep")
        try:
            tables = values.nested(found)
        except values.BadValueError as error:
            raise self.error(where, f"{where[-1]}: {error}") from None
        return tuple(self._step(table, (*where, index)) for index, table in enumerate(tables))

    def _step(self, table: Mapping[str, Any], where: tuple[str | int, ...]) -> Step:
        verbs = [key for key in table if key in STEPS]
        if len(verbs) != 1:
            for key in table:
                if key not in STEPS and get_close_matches(key, STEPS, 1) and not verbs:
                    hint = f"did you mean {get_close_matches(key, STEPS, 1)[0]!r}?"
                    raise self.error((*where, key), f"unknown key {printable(key)!r}", hint)
            wanted = f"a step has one verb, not {len(verbs)}"
            raise self.error((*where, next(iter(table), "")), wanted, f"verbs: {', '.join(STEPS)}")
        verb = verbs[0]
        kind = STEPS[verb]
        keys = keys_of(kind)
        self.check_keys(table, tuple(keys), where)
        line = self._lines.find((*where, verb))
        fields: dict[str, Any] = {"line": line}
        for key, entry in keys.items():
            if key in table:
                fields[key] = self.read(table, key, entry.metadata["read"], where)
            elif entry.default is NOTHING:
                raise self.error((*where, verb), f"{verb}: the key {key!r} is missing")
        if "steps" in fields:
            fields["steps"] = self.steps(fields["steps"], (*where, "steps"))
        step = kind(**fields)
        if isinstance(step, Expect):
            self.check_names(step.expect, (*where, "expect"))
        return step

    def check_names(
        self, comparisons: tuple[Comparison, ...], where: tuple[str | int, ...]
    ) -> None:
        """Refuse expressions that name nothing.

        Raises:
            InputError: one does.
        """
        for comparison in comparisons:
            for name in comparison.names():
                if name not in known():
                    close = get_close_matches(name, known(), 1)
                    hint = (
                        f"did you mean {close[0]}?"
                        if close
                        else "execmem-tui scenarios --names lists them"
                    )
                    raise self.error(
                        where, f"{where[-1]}: nothing is called {printable(name)!r}", hint
                    )

"""Reads ``config.toml``.

Every error names the file, the line and the key.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from execmem_tui.cli.config import Config
from execmem_tui.files.regular import open_file
from execmem_tui.formats.toml import parse_toml
from execmem_tui.model.errors import InputError, UnknownLayoutError
from execmem_tui.model.text import printable
from execmem_tui.scenarios.lines import Lines
from execmem_tui.view.actions import ACTIONS, keysyms, spelled
from execmem_tui.view.keymaps import KEYMAPS

MAX_BYTES: Final = 1 << 18
_STARTS: Final[Mapping[str, type]] = {
    "arch": str,
    "kernel": str,
    "variant": str,
    "kaslr": str,
    "cpus": int,
    "scenario": str,
    "empty": bool,
}
_WORDS: Final = {str: "a text", int: "a whole number", bool: "true or false"}


class _Reader:
    """Reads one file; knows where each key stands."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = str(path)
        self._table = parse_toml(self._path, data, MAX_BYTES)
        self._lines = Lines(data.decode())

    def error(self, where: tuple[str, ...], message: str, hint: str = "") -> InputError:
        """Return an error at a key."""
        return InputError(self._path, self._lines.find(where), message, hint=hint)

    def config(self) -> Config:
        """Return what the file says, checked."""
        self._known((), self._table, ("theme", "keymap", "keys", "start"))
        theme, theme_at = self._table.get("theme"), None
        if theme is not None:
            self._typed(("theme",), theme, str)
            theme_at = self._path, self._lines.find(("theme",))
        start = self._subtable("start")
        self._known(("start",), start, tuple(_STARTS))
        for name, value in start.items():
            self._typed(("start", name), value, _STARTS[name])
        self._check_layout(start)
        return Config(theme=theme, theme_at=theme_at, keys=self._keys(), start=start)

    def _subtable(self, name: str) -> dict[str, Any]:
        table = self._table.get(name, {})
        if not isinstance(table, dict):
            raise self.error((name,), f"{name} is a table: [{name}]")
        return table

    def _known(self, where: tuple[str, ...], table: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in table:
            if name not in names:
                close = get_close_matches(name, names, 1)
                hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names)}"
                raise self.error((*where, name), f"unknown key {printable(name)!r}", hint)

    def _typed(self, where: tuple[str, ...], value: object, kind: type) -> None:
        # `true` is an int to isinstance, and no number of CPUs.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(where, f"{where[-1]} is {_WORDS[kind]}")

    def _check_layout(self, start: dict[str, Any]) -> None:
        from execmem_tui.arch import resolve  # 30 ms, only where the file says what to simulate

        if not {"arch", "kernel", "variant", "kaslr"} & set(start):
            return
        try:
            resolve(
                start.get("arch", "arm64"),
                start.get("kernel", "7.1"),
                start.get("variant"),
                start.get("kaslr", "off"),
            )
        except UnknownLayoutError as error:
            raise self.error(("start",), error.title, error.hint) from None

    def _keys(self) -> dict[str, str]:
        asked = self._subtable("keys")
        self._known(("keys",), asked, tuple(action.id for action in ACTIONS))
        for name, value in asked.items():
            self._typed(("keys", name), value, str)
        preset = self._table.get("keymap", "default")
        self._typed(("keymap",), preset, str)
        if preset not in KEYMAPS:
            hint = f"there are: {', '.join(KEYMAPS)}"
            raise self.error(("keymap",), f"no keymap {printable(preset)!r}", hint)
        keys = {**KEYMAPS[preset], **{name: keysyms(value) for name, value in asked.items()}}
        taken: dict[str, str] = {}
        for action in ACTIONS:
            for key in keys.get(action.id, action.keys).split(","):
                other = taken.setdefault(key, action.id)
                if other != action.id:
                    at = action.id if action.id in asked else other
                    raise self.error(
                        ("keys", at), f"key {spelled(key)} is both {other} and {action.id}"
                    )
        return keys


def read_config(path: Path) -> Config:
    """Read a file of settings.

    Raises:
        InputError: it is no TOML, or a key or a value means nothing.
        OSError: it cannot be read.
    """
    with open_file(path) as stream:
        return _Reader(path, stream.read(MAX_BYTES + 1)).config()

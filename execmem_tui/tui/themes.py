"""Themes as TOML files: shipped ones, then the user's. Colours live there and nowhere in Python."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from execmem_tui.files.regular import read_bounded
from execmem_tui.files.user import MAX_THEME, theme_root, user_theme_root
from execmem_tui.formats.toml import parse_toml
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.text import printable
from execmem_tui.view.kinds import LOOKS

DEFAULT: Final = "execmem-dark"
SIXTEEN_COLOURS: Final = "execmem-ansi"
CONSOLE: Final = "execmem-console"
"""For the Linux console, which shows bright colours (90 to 97) as nothing: eight, and bold."""
_BASE: Final = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "success",
    "warning", "error",
)  # fmt: skip
KIND_NAMES: Final = (
    *(name for name, look in LOOKS.items() if not look.like),
    "reach-direct",
    "reach-plt",
)


_PLAIN: Final = re.compile(r"#[0-9a-fA-F]{3,8}|[a-z_]{1,40}")


class UnknownThemeError(UsageError):
    """There is no theme of that name."""


class MapTheme(NamedTuple):
    """A theme and whether its cells show letters."""

    theme: Theme
    letters: bool


def read_theme(path: Path) -> MapTheme:
    """Read one theme.

    Raises:
        InputError: not TOML, a colour missing, or one that is no colour.
    """
    data = parse_toml(str(path), read_bounded(path, MAX_THEME), MAX_THEME)
    kinds = data.get("kinds")
    if not isinstance(kinds, dict) or not isinstance(data.get("name"), str):
        raise InputError(str(path), None, "a theme needs a name and a table [kinds]")
    base = {name: _colour(path, data, name) for name in _BASE}
    ansi = bool(data.get("ansi", False))
    variables = dict(BUILTIN_THEMES["ansi-dark"].variables) if ansi else {}
    if ansi:
        # Textual gives these the terminal's own background in a theme of its colours; the words on
        # them are the theme's, and could not be read where that background is white
        variables |= {name: base[name] for name in ("foreground", "background", "surface", "panel")}
    variables |= {f"execmem-{name}": _colour(path, kinds, name) for name in KIND_NAMES}
    theme = Theme(
        name=printable(data["name"], 60),  # it is shown, in lists and in errors
        primary=base["primary"],
        secondary=base["secondary"],
        accent=base["accent"],
        foreground=base["foreground"],
        background=base["background"],
        surface=base["surface"],
        panel=base["panel"],
        success=base["success"],
        warning=base["warning"],
        error=base["error"],
        dark=bool(data.get("dark", True)),
        ansi=ansi,
        variables=variables,
    )
    return MapTheme(theme=theme, letters=bool(data.get("letters", False)))


def _colour(path: Path, table: dict[str, Any], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str):
        raise InputError(str(path), None, f"colour {name!r} is missing")
    try:
        # numbers of any length, and of any script, are colours to it, but not to what reads styles
        shown = Color.parse(value).hex
    except (ColorParseError, ValueError, OverflowError) as error:
        raise InputError(str(path), None, f"{name}: {printable(str(error))}") from error
    return value if _PLAIN.fullmatch(value) else shown


def shipped(name: str | None = None) -> Iterator[MapTheme]:
    """Yield the shipped themes by name, or only one of them."""
    for path in sorted(theme_root().glob("*.toml" if name is None else f"{name}.toml")):
        yield read_theme(path)


def users() -> Iterator[MapTheme | str]:
    """Yield the user's themes, and what is wrong with those that cannot be read."""
    root = user_theme_root()
    for path in sorted(root.glob("*.toml")) if root.is_dir() else []:
        try:
            yield read_theme(path)
        except (InputError, OSError) as error:
            yield str(error)

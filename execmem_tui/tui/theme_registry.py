"""The application's theme: the default one at once, all others when they are asked for."""

import os
from itertools import chain
from typing import Any

from textual.app import App
from textual.filter import ANSIToTruecolor

from execmem_tui.model.text import printable
from execmem_tui.tui.themes import (
    CONSOLE,
    DEFAULT,
    SIXTEEN_COLOURS,
    UnknownThemeError,
    shipped,
    users,
)


class ThemeRegistry:
    """Themes by name. Reading all of them takes as long as the first paint may, so it comes later.

    Args:
        app: is given them. It is not touched before `apply_first`: Textual asks for the defaults of
            a theme while it is being made.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._default = next(shipped(DEFAULT))
        self._themes = {DEFAULT: self._default}
        self._left = chain(shipped(), users())
        self._bad: list[str] = []
        self.applied = False
        """Whether a theme is applied."""

    @property
    def defaults(self) -> dict[str, str]:
        """The variables of the default theme, which Textual's own themes lack."""
        return self._default.theme.variables

    def apply_first(self, asked: str | None) -> list[str]:
        """Apply the theme to begin with.

        Return what is wrong with the user's own, if they were read. Set before the first paint, it
        costs no second style pass.

        Raises:
            UnknownThemeError: there is no such theme.
        """
        app = self._app
        few = app.console.color_system == "standard" and not app.no_color
        wanted = first_theme(asked, sixteen_colours=few)
        app.register_theme(self._default.theme)
        bad = self.read() if wanted != DEFAULT else []
        if wanted not in app.available_themes:
            names = ", ".join(sorted(self._themes))
            raise UnknownThemeError(f"no theme {printable(wanted)!r}", hint=f"there are: {names}")
        app.set_reactive(App.theme, wanted)
        for each in app.get_line_filters():  # made for Textual's own theme
            if isinstance(each, ANSIToTruecolor):
                each.enabled = not app.current_theme.ansi
        self.applied = True
        dark = app.current_theme.dark
        app.update_classes({"-dark-mode": dark, "-light-mode": not dark}, update=False)
        app.stylesheet.set_variables(app.get_css_variables())
        return bad

    def read_one(self) -> bool:
        """Read one more theme, in a few milliseconds; whether there was one left."""
        found = next(self._left, None)
        if isinstance(found, str):
            self._bad.append(found)
        elif found is not None:
            self._themes[found.theme.name] = found
            self._app.register_theme(found.theme)
        return found is not None

    def read(self) -> list[str]:
        """Read all shipped themes and the user's; return what is wrong with the latter, once."""
        while self.read_one():
            pass
        bad, self._bad = self._bad, []
        return bad

    @property
    def shows_letters(self) -> bool:
        """Whether cells show letters: without colour, or where the theme says so."""
        theme = self._themes.get(self._app.theme)
        return self._app.no_color or (theme is not None and theme.letters)


def first_theme(asked: str | None, *, sixteen_colours: bool) -> str:
    """Return the name of the theme to begin with.

    What was asked for, else what the terminal shows.
    """
    own = CONSOLE if is_console() else SIXTEEN_COLOURS
    return asked or (own if sixteen_colours else DEFAULT)


def is_console() -> bool:
    """Return whether the terminal is a Linux console: eight colours, and a font of few glyphs."""
    return os.environ.get("TERM") == "linux"


def dim_style() -> str:
    """Return the style of words that step back.

    A console shows all that is dim as one dark grey.
    """
    return "" if is_console() else "dim"

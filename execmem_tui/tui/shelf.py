"""The themes at hand: the default one at once, all others when they are asked for."""

import os
from collections.abc import Callable, Iterable

from execmem_tui.model.text import printable
from execmem_tui.tui.themes import (
    CONSOLE,
    DEFAULT,
    SIXTEEN_COLOURS,
    MapTheme,
    UnknownThemeError,
    shipped,
    users,
)


class Shelf:
    """Themes by name. Reading all of them takes as long as the first paint may, so it comes later."""

    def __init__(self) -> None:
        self.default = next(shipped(DEFAULT))
        self._themes = {DEFAULT: self.default}

    @property
    def complete(self) -> bool:
        """Whether all themes are read."""
        return len(self._themes) > 1

    def read(self, register: Callable[[MapTheme], None]) -> list[str]:
        """Read all shipped themes and the user's; return what is wrong with the latter.

        Args:
            register: told each theme.
        """
        mine, bad = users()
        for each in (*shipped(), *mine):
            self._themes[each.theme.name] = each
            register(each)
        return bad

    def shows_letters(self, name: str) -> bool:
        """Whether a theme wants letters in its cells."""
        theme = self._themes.get(name)
        return theme is not None and theme.letters

    def check(self, name: str, available: Iterable[str]) -> str:
        """Return the name of a theme.

        Raises:
            UnknownThemeError: it is none of the `available`.
        """
        if name not in available:
            names = ", ".join(sorted(self._themes))
            raise UnknownThemeError(f"no theme {printable(name)!r}", hint=f"there are: {names}")
        return name


def first_theme(asked: str | None, *, sixteen_colours: bool) -> str:
    """Return the name of the theme to begin with: what was asked for, else what the terminal shows."""
    own = CONSOLE if os.environ.get("TERM") == "linux" else SIXTEEN_COLOURS
    return asked or (own if sixteen_colours else DEFAULT)

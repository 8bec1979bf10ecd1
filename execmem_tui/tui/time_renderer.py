"""Colours of address x time.

The kind's own, as strong as its space was in use, dim where it is still to come.
"""

from typing import Final

from rich.style import Style
from textual.color import Color

from execmem_tui.tui.palette import Palette
from execmem_tui.view.kinds import FALLBACK, FREE, LOOKS
from execmem_tui.view.timemap import FULL, TimeCell

_FAINT: Final = 0.3
"""How strong the colour of what is hardly in use is."""

_FUTURE: Final = 1 / 3
"""Brightness of what is still to come."""


class TimeRenderer:
    """Interned styles of one palette."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self._styles: dict[tuple[TimeCell, TimeCell, bool], Style] = {}
        self._heads: dict[tuple[TimeCell, bool], Style] = {}

    def cell(self, upper: TimeCell, lower: TimeCell, *, future: bool) -> tuple[str, Style]:
        """Return the character and style of two half rows."""
        if self.palette.letters:
            return self._letter(upper, lower, future=future)
        key = (upper, lower, future)
        style = self._styles.get(key)
        if style is None:
            above, below = self._colour(upper, future), self._colour(lower, future)
            style = Style(color=above.rich_color, bgcolor=below.rich_color)
            self._styles[key] = style
        return "▀", style

    def head(self, cell: TimeCell, *, future: bool) -> Style:
        """Return the style of the playhead over a cell."""
        if self.palette.letters:
            return self.palette.strong
        key = (cell, future)
        style = self._heads.get(key)
        if style is None:
            background = self._colour(cell, future)
            accent = self.palette.cursor_mark
            style = self._heads[key] = Style(
                color=accent.color, bgcolor=background.rich_color, bold=True
            )
        return style

    def _colour(self, cell: TimeCell, future: bool) -> Color:
        background = self.palette.colour(FREE)
        if cell.kind is None:
            return background
        full = self.palette.colour(FALLBACK if cell.fallback else cell.kind.value)
        if full.ansi is not None:
            return full
        colour = background.blend(full, _FAINT + (1 - _FAINT) * cell.eighths / FULL)
        return background.blend(colour, _FUTURE) if future else colour

    def _letter(self, upper: TimeCell, lower: TimeCell, *, future: bool) -> tuple[str, Style]:
        cell = max(upper, lower, key=lambda each: each.eighths)
        if cell.kind is None:
            return ".", self.palette.faint
        name = FALLBACK if cell.fallback else cell.kind.value
        style = self.palette.faint if future else self.palette.sign_style(name)
        letter = LOOKS[name].letter
        full = upper.eighths + lower.eighths >= FULL
        return (letter if full else letter.lower()), style

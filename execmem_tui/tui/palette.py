"""Styles of cells, taken from the theme's variables once per theme and kept."""

from typing import Any

from rich.style import Style
from textual.app import App
from textual.color import Color

from execmem_tui.model.reach import Verdict
from execmem_tui.view.cells import Cell
from execmem_tui.view.kinds import EIGHTHS, FALLBACK, FREE, GUARD, LOOKS, letter

SPILL = "▲"
"""The mark of an area in a fallback range."""

_SHADES = {Verdict.DIRECT: "reach-direct", Verdict.PLT: "reach-plt"}


class Palette:
    """Interned styles for one theme. In letter mode meaning rests on letters; colour only helps."""

    def __init__(self, app: App[Any], *, letters: bool) -> None:
        variables = app.theme_variables
        self.letters = letters
        self._colours = {
            name.removeprefix("execmem-"): Color.parse(value)
            for name, value in variables.items()
            if name.startswith("execmem-")
        }
        self._styles: dict[tuple[str, ...], Style] = {}
        self._plain = app.no_color
        self.muted = Style(dim=True)
        self.strong = Style(bold=True)
        self.cursor = Style(reverse=True, bold=True)
        self.cursor_mark = Style(
            bold=True, color=None if app.no_color else Color.parse(variables["accent"]).rich_color
        )
        self.alarm = (
            Style(bold=True, reverse=True)
            if self._plain
            else Style(bold=True, color=self._rich(FALLBACK))
        )

    def _rich(self, name: str) -> str | None:
        colour = self._colours.get(name)
        return None if colour is None or self._plain else colour.rich_color.name

    def _style(self, foreground: str | None, background: str, *, bold: bool = False) -> Style:
        key = (foreground or "", background, "b" if bold else "")
        style = self._styles.get(key)
        if style is None:
            ground = self._colours.get(background)
            if self._plain or ground is None:
                style = Style(bold=bold)
            elif foreground is None:
                ink = ground.get_contrast_text(1.0)
                style = Style(color=ink.rich_color, bgcolor=ground.rich_color, bold=bold)
            else:
                style = Style(
                    color=self._colours[foreground].rich_color, bgcolor=ground.rich_color, bold=bold
                )
            self._styles[key] = style
        return style

    def colour(self, name: str) -> Color:
        """Return the colour of a look."""
        return self._colours[name]

    def swatch(self, name: str) -> tuple[str, Style]:
        """Return the letter of a kind and its style, for legends."""
        if name == FREE:
            return " ", self._style(None, FREE)
        return LOOKS[name].letter, self._style(None, name, bold=True)

    def cell(self, cell: Cell) -> tuple[str, Style]:
        """Return the character and style of one cell."""
        ground = _SHADES.get(cell.reach, FREE) if cell.reach is not None else FREE
        if self.letters:
            char = LOOKS[FALLBACK].letter if cell.fallback else letter(cell.kind, cell.eighths)
            name = FALLBACK if cell.fallback else cell.kind
            if cell.kind == FREE:
                return char, self.muted
            return char, Style(
                bold=True, reverse=True
            ) if self._plain and cell.eighths == 8 else self._style(name, FREE)
        if cell.kind == FREE:
            return " ", self._style(None, ground)
        if cell.kind == GUARD:
            return "│", self._style(GUARD, FREE)
        name = FALLBACK if cell.fallback else cell.kind
        if cell.eighths == 8:
            return " ", self._style(None, name)
        return EIGHTHS[cell.eighths], self._style(name, ground)

    def lane_cell(self, cell: Cell) -> tuple[str, Style]:
        """Return a cell of a lane.

        What lies in the fallback range is marked, however little of it there is.
        """
        if cell.fallback and not self.letters:
            return SPILL, self._style(FALLBACK, FREE, bold=True)
        return self.cell(cell)

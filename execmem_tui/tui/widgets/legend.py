"""The legend: every letter and colour, always in sight."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.tui.palette import Palette
from execmem_tui.view.kinds import LEGEND


class Legend(Static):
    """Swatches and their names; labels shorten where the line is narrow."""

    DEFAULT_CSS = """
    Legend { height: 1; background: $panel; padding: 0 1; }
    """

    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    def render(self) -> Text:
        """Return the line."""
        line = Text(no_wrap=True, overflow="crop")
        if self.palette is None:
            return line
        wide = self.size.width >= sum(len(look.label) + 4 for look in LEGEND)
        for look in LEGEND:
            char, style = self.palette.swatch(look.name)
            line.append(char, style)
            line.append(f" {look.label}  " if wide else f" {look.short} ")
        return line

"""The legend: what is in sight, and how to read it."""

from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.tui.line_cache import CachedRender
from execmem_tui.tui.palette import Palette
from execmem_tui.view.legend import Sight, legend


class Legend(CachedRender, Widget):
    """One line of signs and their names; names shorten where the line is narrow."""

    DEFAULT_CSS = """
    Legend { height: 1; background: $panel; padding: 0 1; }
    """

    sight: reactive[Sight] = reactive(Sight())
    """What the map shows."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    def render_line(self, y: int) -> Strip:
        """Return the line."""
        width = self.size.width
        if y or self.palette is None:
            return Strip.blank(width, self.visual_style.rich_style)
        pieces = legend(self.sight, width, letters=self.palette.letters)
        segments = self.palette.segments(pieces)
        return Strip(segments).adjust_cell_length(width).apply_style(self.visual_style.rich_style)

"""The four panes: rules, lanes and what still fits."""

from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.units import Address
from execmem_tui.tui.line_cache import CachedLines
from execmem_tui.tui.palette import Palette
from execmem_tui.view.map_view import MapView
from execmem_tui.view.pane_rows import PaneRow, pane_rows
from execmem_tui.view.shown import Shown

_COMPACT = 30
"""Rows of the terminal below which the panes that are not looked at share one."""


class Panes(CachedLines, Widget):
    """Each consumer's windows at a glance; what the map shows of them is underlined."""

    DEFAULT_CSS = """
    Panes { height: auto; }
    """

    shown: reactive[Shown | None] = reactive(None, repaint=False)
    """The models of the step."""
    pane: reactive[int] = reactive(1, repaint=False)
    """The focused pane, 1 to 4."""
    viewport: reactive[MapView | None] = reactive(None, repaint=False)
    """What the map displays."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    class Chosen(Message):
        """A pane was clicked; `address` is the place on a lane, or None beside it."""

        def __init__(self, number: int, address: Address | None) -> None:
            super().__init__()
            self.number = number
            self.address = address

    def __init__(self) -> None:
        super().__init__(id="panes")
        self._rows: list[PaneRow] = []
        self._width = 0
        self._strips: dict[int, Strip] = {}

    def watch_shown(self) -> None:
        """Show another step."""
        self._lay_out()

    def watch_pane(self) -> None:
        """Give another pane its lanes."""
        self._lay_out()

    def watch_palette(self) -> None:
        """Every line looks different."""
        self._strips.clear()

    def watch_viewport(self, before: MapView | None, after: MapView | None) -> None:
        """Underline another part; a cursor move alone changes nothing here."""
        seen = [
            None if view is None else (view.top, view.axis, view.rows) for view in (before, after)
        ]
        if seen[0] != seen[1]:
            self.refresh()

    def _lay_out(self) -> None:
        before, self._width = len(self._rows), 0
        self._strips.clear()
        self.refresh(layout=before != len(self._at(self.size.width)))

    def _at(self, width: int) -> list[PaneRow]:
        """Return the rows for a width; they are made once for it."""
        if self.shown is None or width < 1:
            return []
        if width != self._width:
            compact = self.app.size.height < _COMPACT
            self._rows = pane_rows(self.shown, self.pane, width, compact=compact)
            self._width = width
            self._strips.clear()
        return self._rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the panes have to say."""
        del container, viewport
        return len(self._at(width))

    def render_line(self, y: int) -> Strip:
        """Return one line, on the widget's own background."""
        width, palette = self.size.width, self.palette
        rows = self._at(width)
        if palette is None or y >= len(rows):
            return Strip.blank(width, self.visual_style.rich_style)
        strip = self._strips.get(y)
        if strip is None:
            strip = Strip(palette.segments(rows[y].pieces)).simplify().adjust_cell_length(width)
            self._strips[y] = strip = strip.crop(0, width)
        return self._with_bracket(strip, rows[y]).apply_style(self.visual_style.rich_style)

    def _with_bracket(self, strip: Strip, row: PaneRow) -> Strip:
        """Underline the part of a lane that the map shows, where that is not all."""
        view = self.viewport
        place = row.places[-1] if row.places else None
        if view is None or place is None or place.shape is None or place.lane is None:
            return strip
        low = max(view.top, place.lane.start)
        high = min(view.bottom, place.lane.end)
        if place.number != self.pane or low >= high:
            return strip
        if (low, high) == (place.lane.start, place.lane.end):
            return strip
        first, last = place.shape.column_of(low), place.shape.column_of(high - 1)
        if first is None or last is None:
            return strip
        begin, end = place.first + first, place.first + last + 1
        lit = strip.crop(begin, end).apply_style(Style(underline=True))
        return Strip.join([strip.crop(0, begin), lit, strip.crop(end)])

    def on_click(self, event: events.Click) -> None:
        """Focus the pane; on a lane, go there."""
        rows = self._at(self.size.width)
        if not 0 <= event.y < len(rows):
            return
        for place in reversed(rows[event.y].places):
            if place.first <= event.x < place.stop:
                self.post_message(self.Chosen(place.number, place.address_at(event.x)))
                return

"""The map beside the map: what is compared with, on the same axis, line for line."""

from collections.abc import Sequence

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive, var
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.areas import Area
from execmem_tui.model.units import Address, hex_address
from execmem_tui.tui.map_renderer import Frame, MapRenderer, Over
from execmem_tui.tui.palette import Palette
from execmem_tui.view.axis import Line
from execmem_tui.view.beside import Beside, offset_text, window_start
from execmem_tui.view.map_view import MapView
from execmem_tui.view.marks import Mark
from execmem_tui.view.panes import pane_type
from execmem_tui.view.rows import MapRows, map_columns
from execmem_tui.view.shown import Shown


class OtherMap(Widget):
    """Draws the lines of the map with what another snapshot has there.

    Offsets from the window's start. It follows the map's view: its own addresses are those of the
    map, moved.
    """

    DEFAULT_CSS = "OtherMap { height: 1fr; min-height: 3; }"

    shown: var[Shown | None] = var(None)
    """What the map shows; beside it lies what is drawn here."""
    pane: var[int] = var(1)
    """The pane whose windows are shown, 1 to 4."""
    viewport: reactive[MapView | None] = reactive(None, repaint=False)
    """What the map shows."""
    palette: var[Palette | None] = var(None)
    """The styles of the theme."""
    letters: var[int] = var(9)
    """Letters of the longest offset."""

    class Chosen(Message):
        """An address was clicked: that of the map."""

        def __init__(self, address: Address) -> None:
            super().__init__()
            self.address = address

    class Wheeled(Message):
        """The wheel was turned over the map: lines to move by."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self) -> None:
        super().__init__()
        self._renderer: MapRenderer | None = None
        self._rows: MapRows | None = None
        self._beside = Beside(0)
        self._view: MapView | None = None
        self._lines: Sequence[Line] = ()
        self._area: Area | None = None
        self._held: set[int] = set()
        """Lines of the area under the cursor, or of the cursor alone."""

    def watch_palette(self) -> None:
        """Every row looks different."""
        self._renderer = None if self.palette is None else MapRenderer(self.palette)
        self.refresh()

    def watch_shown(self) -> None:
        """Show what lies beside another step."""
        self._take()

    def watch_pane(self) -> None:
        """Show another pane."""
        self._take()

    def watch_viewport(self, before: MapView | None, after: MapView | None) -> None:
        """Follow the map: where only its cursor moved, the lines of two areas are drawn anew."""
        if before is None or after is None or self._view is None:
            self._follow()
            return
        still = (before.axis, before.top, before.rows) == (after.axis, after.top, after.rows)
        if not still:
            self._follow()
            return
        held, width = self._held, self.size.width
        self._view = self._beside.view(after)
        self._hold()
        self.refresh(*(Region(0, at + 1, width, 1) for at in held | self._held))

    def _take(self) -> None:
        other = None if self.shown is None else self.shown.beside
        if other is None or self.shown is None:
            self._rows = self._view = None
            return
        self._beside = Beside(-self.shown.shift(self.pane))
        window = other.window(self.pane, None)
        self._rows = MapRows(shown=other, number=self.pane, window=window)
        self._follow()

    def _follow(self) -> None:
        if self.viewport is None or self._rows is None:
            return  # nothing lies beside
        self._view = self._beside.view(self.viewport)
        self._lines = self._view.lines()
        self._hold()
        self.refresh()

    def _hold(self) -> None:
        """Find the area under the cursor, and its lines."""
        view, rows = self._view, self._rows
        if view is None or rows is None:
            return
        self._area = area = rows.shown.snapshot.area_at(view.cursor)
        start, end = (view.cursor, view.cursor + 1) if area is None else (area.start, area.end)
        self._held = {
            at for at, line in enumerate(self._lines) if line.start < end and start < line.end
        }

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Take what there is."""
        del viewport, width
        return container.height

    def render_line(self, y: int) -> Strip:
        """Return the heading or a line of the axis, on the widget's own background."""
        view, rows, renderer = self._view, self._rows, self._renderer
        width, background = self.size.width, self.visual_style.rich_style
        compared = None if self.shown is None else self.shown.compared
        at = y - 1
        if view is None or rows is None or renderer is None or compared is None:
            return Strip.blank(width, background)
        layout = rows.shown.snapshot.layout
        start = window_start(layout, pane_type(self.pane))
        if y == 0:
            aside = f"+0 = {hex_address(start, layout.word_bits)}"
            return renderer.heading("A", compared.a, aside, width).apply_style(background)
        if at >= len(self._lines):
            return Strip.blank(width, background)
        line = self._lines[at]
        # one column more than there is: it has no marks
        room = map_columns(width + 1, layout.word_bits, offsets=self.letters + 1)
        frame = Frame(room, self._offset(at, start), Mark.NONE, at in self._held)
        strip = renderer.line(line, view, rows, Over(self._area), frame, background)
        return strip.crop(0, width)

    def _offset(self, at: int, start: Address) -> tuple[str, str]:
        """Return the offset of a line in two parts.

        What it shares with the line before, and what changed.
        """
        text = offset_text(self._lines[at].start, start).rjust(self.letters)
        before = offset_text(self._lines[at - 1].start, start).rjust(self.letters) if at else ""
        pairs = enumerate(zip(text, before, strict=False))
        same = next((number for number, (one, two) in pairs if one != two), 0)
        return text[:same], text[same:]

    def on_click(self, event: events.Click) -> None:
        """Put the map's cursor there."""
        view = self._view
        if view is None or not 0 < event.y <= len(self._lines):
            return
        column = event.x - self.letters - 1
        if 0 <= column < view.axis.columns:
            address = view.address_at(column, event.y - 1)
            self.post_message(self.Chosen(address - self._beside.by))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Pan the map."""
        event.stop()
        self.post_message(self.Wheeled(-3))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Pan the map."""
        event.stop()
        self.post_message(self.Wheeled(3))

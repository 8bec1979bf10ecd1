"""The detail map of the focused pane.

Rows of a round number of bytes, a cursor, names when zoomed in.
"""

from collections.abc import Callable

from attrs import evolve
from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive, var
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.units import Address, format_size, hex_address
from execmem_tui.sources.base import Source
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.shown import Shown
from execmem_tui.view.cells import CellIndex, ReachWindow
from execmem_tui.view.viewport import Viewport

_CACHE = 4096
"""Rows kept: some screens of panning and zooming back and forth."""


class DetailMap(Widget, can_focus=True):
    """Draws one viewport of a `CellIndex`.

    Rows are cached by what they show, so a cursor move redraws two lines.
    """

    HELP = """\
# Detail map

Each row is a round number of bytes, its address in the margin. **Height** is occupancy, **colour and letter** the kind,
the **shade** of free space its reach: lighter is direct, tinted through a PLT entry, dark is out of reach.
Guard pages show at a page a cell or nearer; zoomed in, areas carry their names. Inside kprobe pages and BPF packs the
height is what is in use, and nearer still each slot and program carries its name.

Arrows or `hjkl` move, `+` and `-` zoom about the cursor, `w` and `b` go from area to area, `z` fits the area,
`0` shows the whole span. Click selects, the wheel pans, ctrl+wheel zooms, a double click fits.
"""
    DEFAULT_CSS = """
    DetailMap { height: 1fr; min-height: 3; }
    """

    source: var[Source | None] = var(None)
    """What feeds the map; another one is shown from its beginning."""
    shown: var[Shown | None] = var(None)
    """The models of the step."""
    pane: var[int] = var(1)
    """The pane whose ranges are shown, 1 to 4."""
    origin: var[Address | None] = var(None)
    """Where reach counts from; None is kernel text."""
    palette: var[Palette | None] = var(None)
    """The styles of the theme."""
    viewport: reactive[Viewport | None] = reactive(None, repaint=False)
    """What is shown; None until the widget knows its size."""

    class Moved(Message):
        """Another part is shown, or the cursor is at another address."""

        def __init__(self, viewport: Viewport) -> None:
            super().__init__()
            self.viewport = viewport

        def can_replace(self, message: Message) -> bool:
            """Only the newest position matters."""
            return isinstance(message, DetailMap.Moved)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._index: CellIndex | None = None
        self._reach: ReachWindow | None = None
        self._favour: tuple[str, ...] = ()
        self._word_bits = 64
        self._cache: dict[tuple[int, int, int], Strip] = {}

    def watch_source(self) -> None:
        """Begin anew with another source."""
        self._start_anew()

    def watch_pane(self) -> None:
        """Show what the pane shows first."""
        self._take_models()
        self._start_anew()

    def watch_origin(self) -> None:
        """Shade the free space anew."""
        self._take_models()

    def watch_palette(self) -> None:
        """Every row looks different."""
        self._cache.clear()
        self.refresh()

    def watch_shown(self) -> None:
        """Show another step, the view where it is."""
        self._take_models()
        if self.viewport is None:
            self._start_anew()
        elif self.shown is not None:
            start, end = self.shown.span(self.pane)
            if (self.viewport.start, self.viewport.end) != (start, end):
                view = evolve(self.viewport, start=start, end=max(end, start + 1))
                self.viewport = view.settled()

    def _take_models(self) -> None:
        shown = self.shown
        if shown is None:
            return
        self._index = shown.index
        self._reach = shown.window(self.origin)
        self._favour = shown.pane(self.pane).favour
        self._word_bits = shown.snapshot.layout.word_bits
        self._cache.clear()
        self.refresh()

    def _start_anew(self) -> None:
        if self.shown is None or not self.size.width:
            return
        view = Viewport.whole(*self.shown.span(self.pane), self._columns, self._rows)
        self.viewport = view.fit(*self.shown.focus(self.pane))

    @property
    def _margin(self) -> int:
        return self._word_bits // 4 + 1

    @property
    def _columns(self) -> int:
        return max(32, self.size.width - self._margin)

    @property
    def _rows(self) -> int:
        return max(1, self.size.height - 1)

    def on_resize(self) -> None:
        """Keep the cursor where it is."""
        if self.viewport is None:
            self._start_anew()
        else:
            self.viewport = self.viewport.resized(self._columns, self._rows)
        self._cache.clear()

    def watch_viewport(self, before: Viewport | None, after: Viewport | None) -> None:
        """Redraw two lines where only the cursor moved, else all."""
        if after is None:
            return
        if before != after:
            self.post_message(self.Moved(after))
        if before is None:
            self.refresh()
            return
        same = (before.top, before.cell, before.columns, before.rows) == (
            after.top,
            after.cell,
            after.columns,
            after.rows,
        )
        if not same:
            self.refresh()
        else:
            width = self.size.width
            for view in (before, after):
                self.refresh(Region(0, view.cursor_place[1] + 1, width, 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Take what there is."""
        del viewport, width
        return container.height

    def render_line(self, y: int) -> Strip:
        """Return the title line or one row, with the cursor on it, on the widget's own background."""
        return self._line(y).apply_style(self.rich_style)

    def _line(self, y: int) -> Strip:
        view, index, palette = self.viewport, self._index, self.palette
        if view is None or index is None or palette is None:
            return Strip.blank(self.size.width)
        if y == 0:
            seen = format_size(view.row_bytes * view.rows)
            title = (
                f"{format_size(view.cell)}/cell · {format_size(view.row_bytes)}/row · {seen} in"
                " view"
            )
            return Strip([Segment(" " * self._margin + title, palette.muted)]).adjust_cell_length(
                self.size.width
            )
        row = y - 1
        start = view.row_start(row)
        if row >= view.rows or start >= view.end or start + view.row_bytes <= view.start:
            return Strip.blank(self.size.width)
        strip = self._row(start, view, index, palette)
        column, cursor_row = view.cursor_place
        if cursor_row == row:
            at = self._margin + column
            strip = Strip.join(
                [
                    strip.crop(0, at),
                    Strip([Segment("◆", palette.cursor)], 1),
                    strip.crop(at + 1, self.size.width),
                ]
            )
        return strip

    def _row(self, start: Address, view: Viewport, index: CellIndex, palette: Palette) -> Strip:
        key = (start, view.cell, view.columns)
        strip = self._cache.get(key)
        if strip is None:
            segments = [Segment(hex_address(start, self._word_bits)[-16:] + " ", palette.muted)]
            for run in index.runs(start, view.cell, view.columns, self._reach, self._favour):
                char, style = palette.cell(run.cell)
                text = run.text + char * (run.width - len(run.text))
                segments.append(Segment(text, style))
            strip = Strip(segments).simplify().adjust_cell_length(self.size.width)
            if len(self._cache) >= _CACHE:
                self._cache.clear()
            self._cache[key] = strip
        return strip

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; a double click fits the area."""
        if self.viewport is None or event.y == 0:
            return
        column = event.x - self._margin
        if 0 <= column < self.viewport.columns:
            self.viewport = self.viewport.goto(self.viewport.address_at(column, event.y - 1))
            if event.chain == 2:
                self.fit_cursor()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Pan, or zoom in with ctrl."""
        self._wheel(event, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Pan, or zoom out with ctrl."""
        self._wheel(event, 1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        view = self.viewport
        if view is None:
            return
        event.stop()
        if event.ctrl:
            column = event.x - self._margin
            if 0 <= column < view.columns and event.y > 0:
                view = view.goto(view.address_at(column, event.y - 1))
            self.viewport = view.zoomed(-direction)
        else:
            self.viewport = view.moved(0, 3 * direction)

    def fit_cursor(self) -> None:
        """Zoom to the area under the cursor."""
        view, index = self.viewport, self._index
        if view is None or index is None:
            return
        area = index.snapshot.area_at(view.cursor)
        if area is not None:
            self.viewport = view.fit(max(area.start, view.start), min(area.end, view.end))

    def look_at(self, address: Address) -> None:
        """Put the cursor on `address`."""
        self._go(lambda view: view.goto(address))

    def _go(self, change: Callable[[Viewport], Viewport]) -> None:
        if self.viewport is not None:
            self.viewport = change(self.viewport)

    def action_left(self) -> None:
        """One cell left."""
        self._go(lambda view: view.moved(-1, 0))

    def action_right(self) -> None:
        """One cell right."""
        self._go(lambda view: view.moved(1, 0))

    def action_up(self) -> None:
        """One row up."""
        self._go(lambda view: view.moved(0, -1))

    def action_down(self) -> None:
        """One row down."""
        self._go(lambda view: view.moved(0, 1))

    def action_page_up(self) -> None:
        """One screen up."""
        self._go(lambda view: view.paged(-1))

    def action_page_down(self) -> None:
        """One screen down."""
        self._go(lambda view: view.paged(1))

    def action_zoom_in(self) -> None:
        """Zoom in about the cursor."""
        self._go(lambda view: view.zoomed(1))

    def action_zoom_out(self) -> None:
        """Zoom out about the cursor."""
        self._go(lambda view: view.zoomed(-1))

    def action_whole(self) -> None:
        """Show the whole span of the pane."""
        self._go(lambda view: view.fit(view.start, view.end).goto(view.cursor))

    def action_fit(self) -> None:
        """Zoom to the area under the cursor."""
        self.fit_cursor()

    def _neighbour(self, step: int) -> None:
        if self.viewport is not None and self.shown is not None:
            area = self.shown.neighbour(self.viewport.cursor, step)
            if area is not None:
                self.look_at(area.start)

    def action_next_area(self) -> None:
        """Go to the next area."""
        self._neighbour(1)

    def action_previous_area(self) -> None:
        """Go to the previous area."""
        self._neighbour(-1)

"""The detail map of the focused pane.

Rows of a round number of bytes, a cursor, names when zoomed in.
"""

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.units import Address, format_size, hex_address
from execmem_tui.tui.palette import Palette
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

    viewport: var[Viewport | None] = var(None)
    """What is shown; None until the widget knows its size."""
    letters: var[bool] = var(False)
    """Letters instead of colours and heights."""

    class CursorMoved(Message):
        """The cursor is at another address."""

        bubble: ClassVar[bool] = True

        def __init__(self, address: Address) -> None:
            super().__init__()
            self.address = address

        def can_replace(self, message: Message) -> bool:
            """Only the newest position matters."""
            return isinstance(message, DetailMap.CursorMoved)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._index: CellIndex | None = None
        self._reach: ReachWindow | None = None
        self._favour: tuple[str, ...] = ()
        self._word_bits = 64
        self._palette: Palette | None = None
        self._cache: dict[tuple[int, int, int], Strip] = {}
        self._span: tuple[Address, Address] | None = None
        self._focus_span: tuple[Address, Address] | None = None

    def show(
        self,
        index: CellIndex,
        reach: ReachWindow | None,
        favour: tuple[str, ...],
        span: tuple[Address, Address],
        focus: tuple[Address, Address] | None,
    ) -> None:
        """Show a snapshot. `span` is all that may be seen.

        With `focus` the view starts anew there, else it stays.
        """
        self._index, self._reach, self._favour = index, reach, favour
        self._word_bits = index.snapshot.layout.word_bits
        self._cache.clear()
        self._span = span
        if focus is not None:
            self._focus_span = focus
            self._start_anew()
        elif self.viewport is not None and (self.viewport.start, self.viewport.end) != span:
            from attrs import evolve

            self.viewport = evolve(
                self.viewport, start=span[0], end=max(span[1], span[0] + 1)
            ).settled()
        self.refresh()

    def _start_anew(self) -> None:
        if self._span is None or self._focus_span is None or not self.size.width:
            return
        view = Viewport.whole(*self._span, self._columns, self._rows)
        start, end = self._focus_span
        self.viewport = view.fit(start, end)
        self.post_message(self.CursorMoved(start))

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

    def notify_style_update(self) -> None:
        """A theme change makes every row look different."""
        super().notify_style_update()
        self._palette = None
        self._cache.clear()

    def watch_letters(self) -> None:
        """Letters change every row."""
        self._palette = None
        self._cache.clear()
        self.refresh()

    def watch_viewport(self, before: Viewport | None, after: Viewport | None) -> None:
        """Redraw two lines where only the cursor moved, else all."""
        if before is None or after is None:
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
        if before.cursor != after.cursor:
            self.post_message(self.CursorMoved(after.cursor))

    @property
    def palette(self) -> Palette:
        """The styles of the current theme."""
        if self._palette is None:
            self._palette = Palette(self.app, letters=self.letters)
        return self._palette

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Take what there is."""
        del viewport, width
        return container.height

    def render_line(self, y: int) -> Strip:
        """Return the title line or one row, with the cursor on it, on the widget's own background."""
        return self._line(y).apply_style(self.rich_style)

    def _line(self, y: int) -> Strip:
        view, index = self.viewport, self._index
        if view is None or index is None:
            return Strip.blank(self.size.width)
        if y == 0:
            seen = format_size(view.row_bytes * view.rows)
            title = (
                f"{format_size(view.cell)}/cell · {format_size(view.row_bytes)}/row · {seen} in"
                " view"
            )
            return Strip(
                [Segment(" " * self._margin + title, self.palette.muted)]
            ).adjust_cell_length(self.size.width)
        row = y - 1
        start = view.row_start(row)
        if row >= view.rows or start >= view.end or start + view.row_bytes <= view.start:
            return Strip.blank(self.size.width)
        strip = self._row(start, view, index)
        column, cursor_row = view.cursor_place
        if cursor_row == row:
            at = self._margin + column
            strip = Strip.join(
                [
                    strip.crop(0, at),
                    Strip([Segment("◆", self.palette.cursor)], 1),
                    strip.crop(at + 1, self.size.width),
                ]
            )
        return strip

    def _row(self, start: Address, view: Viewport, index: CellIndex) -> Strip:
        key = (start, view.cell, view.columns)
        strip = self._cache.get(key)
        if strip is None:
            palette = self.palette
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

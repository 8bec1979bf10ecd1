"""The map of the focused pane.

Rows, folds, a cursor, names, and the whole axis at its right edge.
"""

from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive, var
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.areas import Area
from execmem_tui.model.units import Address, exact_size
from execmem_tui.sources.base import Source
from execmem_tui.tui.line_cache import CachedLines
from execmem_tui.tui.map_renderer import Frame, MapRenderer, Over
from execmem_tui.tui.palette import Palette
from execmem_tui.view.axis import Line
from execmem_tui.view.changes import NO_CHANGES, Changes
from execmem_tui.view.highlight import NO_HIGHLIGHT, Highlight
from execmem_tui.view.inspect import place_text
from execmem_tui.view.legend import Sight
from execmem_tui.view.map_view import MapView
from execmem_tui.view.marks import Backdrop, Backdrops, Mark, marks
from execmem_tui.view.rows import MapColumns, MapRows, map_columns
from execmem_tui.view.shown import Extent, Shown

_TALL: Final = 2
"""Rows of a line in the presenter's view."""


class DetailMap(CachedLines, Widget, can_focus=True):
    """Draws the lines of a folded axis.

    An event redraws the rows it changed and a cursor move those of two areas.
    """

    HELP = """\
# Map

Each row is a round number of bytes, its address in the margin; digits that changed are bright.
**Height** is occupancy, **colour and letter** the kind; an area begins at its edge `▏`, carries its
owner once and a letter for each region (`t` text, `d` data, `r` rodata, `a` ro after init; capitals
are init). The **shade** of free space is its reach: lighter is direct, tinted through a PLT entry,
dark out of reach; `╱` no area of this type may lie there. A line of dots folds free space, or the
rest of a long area; `enter` opens it. Guard pages show at a page a cell or nearer.

Arrows or `hjkl` move, `+` and `-` zoom about the cursor, `w` and `b` go from area to area, `z` fits
the area, `0` goes round: what is used, the window to scale, everything to scale. Click selects, the
wheel pans, ctrl+wheel zooms, a double click fits. The column at the right edge is the whole axis:
`┃` in sight, `▲` spilled, `◀` the cursor, `●` what a filter asks for, `◆` what reach counts from
after `r`, `◇` after `O`; the two stand on the map as well.
"""
    DEFAULT_CSS = """
    DetailMap { height: 1fr; min-height: 3; }
    """

    source: var[Source | None] = var(None)
    """What feeds the map; another one is shown from its beginning."""
    shown: var[Shown | None] = var(None)
    """The models of the step."""
    pane: var[int] = var(1)
    """The pane whose windows are shown, 1 to 4."""
    origin: var[Address | None] = var(None)
    """Where reach counts from; None is kernel text."""
    second: var[Address | None] = var(None)
    """Where reach is counted from too; None for nowhere."""
    palette: var[Palette | None] = var(None)
    """The styles of the theme."""
    bare: var[bool] = var(False)
    """Without addresses: a map beside has the offsets."""
    alone: var[bool] = var(False)
    """Nothing beside the map says what is under the cursor."""
    highlight: var[Highlight] = var(NO_HIGHLIGHT)
    """Where a tour points."""
    changes: var[Changes] = var(NO_CHANGES)
    """What stands out for a moment, because it came or went with the step."""
    large: var[bool] = var(False)
    """For an audience: tall lines, areas wide enough for their names,
    a cross at the cursor or the mouse."""
    viewport: reactive[MapView | None] = reactive(None, repaint=False)
    """What is shown; None until the widget knows its size."""

    class Seen(Message):
        """Other kinds of things are in sight."""

        def __init__(self, sight: Sight) -> None:
            super().__init__()
            self.sight = sight

        def can_replace(self, message: Message) -> bool:
            """Only what is in sight now matters."""
            return isinstance(message, DetailMap.Seen)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._rows: MapRows | None = None
        self._lines: Sequence[Line] = ()
        self._marks: list[Mark] = []
        self._area: Area | None = None
        """The one under the cursor."""
        self._held: set[int] = set()
        """Its lines, or that of the cursor alone."""
        self._backdrops = Backdrops()
        self._backdrop: Backdrop | None = None
        self._renderer: MapRenderer | None = None
        self._sight = Sight()
        self._extent = Extent.USED
        self._is_fitted = True
        """The zoom is the map's own choice: it is chosen anew when what is used outgrows it."""
        self._moved = False
        """The cursor was moved since all of an extent was asked for."""
        self._mouse: tuple[int, int] | None = None
        """Column and line that the mouse points at, while it moved last."""

    # What is shown

    @property
    def _fitted(self) -> bool:
        """All of an extent is shown, no part that was zoomed to."""
        return self._is_fitted

    @_fitted.setter
    def _fitted(self, fitted: bool) -> None:
        if fitted != self._is_fitted:
            self._is_fitted = fitted
            # the line above the map tells it, also where the viewport stays as it is
            self.refresh(Region(0, 0, self.size.width, 1))

    def watch_source(self) -> None:
        """Begin anew with another source."""
        self._start_anew()

    def watch_pane(self) -> None:
        """Show what the pane shows first."""
        self._start_anew()

    def watch_origin(self) -> None:
        """Shade the free space anew."""
        self._take_step()

    def watch_second(self) -> None:
        """Mark it, or no more."""
        if self.viewport is not None:
            self._mark()
            self.refresh()

    def watch_palette(self) -> None:
        """Every row looks different."""
        self._renderer = None if self.palette is None else MapRenderer(self.palette)
        self._look()
        self.refresh()

    def watch_alone(self) -> None:
        """Say what is under the cursor, or leave it to the side panel."""
        self.refresh(Region(0, 0, self.size.width, 1))

    def watch_highlight(self) -> None:
        """Other things are lit."""
        self.refresh()

    def watch_changes(self, before: Changes, after: Changes) -> None:
        """Something came or went; or that was a moment ago."""
        touched = [
            Region(0, 1 + at * self._tall, self.size.width, self._tall)
            for at, line in enumerate(self._lines)
            if before.touches(line) or after.touches(line)
        ]
        if touched:
            self.refresh(*touched)

    def watch_large(self) -> None:
        """Show less of the map and that larger, or all of it again."""
        self._mouse = None
        if self.viewport is None or self.shown is None:
            return
        view = self.viewport.resized(self._columns, self._height)
        # a tour points at things that are to be seen together
        self._fitted = not self.large or bool(self.highlight.lit)
        if self._fitted:
            self.viewport = self._whole(self.shown, view)
        else:
            self.viewport = view.near(self.shown.usual(self.pane))
        self._look()
        self.refresh()

    @property
    def _tall(self) -> int:
        """Rows of a line."""
        return _TALL if self.large else 1

    def watch_shown(self) -> None:
        """Show another step, the view where it is."""
        if self.viewport is None:
            self._start_anew()
        else:
            self._take_step()

    def _take_rows(self) -> None:
        if self.shown is not None:
            origin = None if self.origin is None else self.shown.origin_at(self.origin)
            window = self.shown.window(self.pane, origin)
            self._rows = MapRows(shown=self.shown, number=self.pane, window=window)

    def _take_step(self) -> None:
        """Lay the axis over the new step.

        It is chosen again, if need be, where the zoom was the map's own.
        """
        shown, view = self.shown, self.viewport
        if shown is None or view is None:
            return
        self._take_rows()
        start, end = shown.span(self.pane)
        axis = evolve(
            view.axis,
            space=shown.space_of(self.pane),
            start=start,
            end=end,
            cuts=shown.cuts(self.pane),
        )
        if self._fitted and not axis.fits(start, end, view.rows):
            self.viewport = self._whole(shown, view)
        else:
            self.viewport = view.on(axis)
        self._look()
        self.refresh()

    def _start_anew(self) -> None:
        if self.shown is None or not self.size.width:
            return
        self._extent, self._fitted = Extent.USED, True
        self._take_rows()
        self.viewport = self.shown.view(self.pane, self._columns, self._height)

    # How it is laid out

    @property
    def _room(self) -> MapColumns:
        bits = 64 if self.shown is None else self.shown.snapshot.layout.word_bits
        return map_columns(self.size.width, bits, bare=self.bare)

    @property
    def margin(self) -> int:
        """Columns of the addresses, and the one that marks the area under the cursor."""
        return self._room.margin

    @property
    def _columns(self) -> int:
        return self._room.cells

    @property
    def _height(self) -> int:
        return max(1, (self.size.height - 1) // self._tall)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Take what there is."""
        del viewport, width
        return container.height

    def on_resize(self) -> None:
        """Keep the cursor where it is."""
        if self.viewport is None:
            self._start_anew()
        elif self._fitted and self.shown is not None:
            self.viewport = self._whole(self.shown, self.viewport)
        else:
            self.viewport = self.viewport.resized(self._columns, self._height)

    def watch_viewport(self, before: MapView | None, after: MapView | None) -> None:
        """Redraw the rows of two areas where only the cursor moved, else all."""
        if after is None or before == after:
            return
        self._moved = before is not None and (self._moved or before.cursor != after.cursor)
        still = before is not None and (before.axis, before.top, before.rows) == (
            after.axis,
            after.top,
            after.rows,
        )
        if not still:
            self._look()
            self.refresh()
            return
        held, column = self._held, self._marks
        self._mark()
        moved = {
            at
            for at, (one, other) in enumerate(zip(column, self._marks, strict=False))
            if one != other
        }
        if self.large:
            self._mouse = None
            self.refresh()
            return
        width = self.size.width
        self.refresh(*(Region(0, at + 1, width, 1) for at in held | self._held | moved))
        if self.alone:
            self.refresh(Region(0, 0, width, 1))

    def _look(self) -> None:
        """Find the lines in sight, and the marks beside them."""
        view, shown = self.viewport, self.shown
        if view is None or shown is None:
            return
        self._lines = view.lines()
        start, end = view.axis.start, view.axis.end
        all_seen = self._lines[0].start <= start and end <= self._lines[-1].end
        lines = self._lines if all_seen else ()
        self._backdrop = self._backdrops.find(shown, self.pane, view.rows, lines)
        self._mark()
        rows, renderer = self._rows, self._renderer
        if rows is not None and renderer is not None:
            sight = Sight()
            for line in self._lines:
                sight |= renderer.sight(line, view.axis, rows)
            if sight != self._sight:
                self._sight = sight
                self.post_message(self.Seen(sight))

    @property
    def sight(self) -> Sight:
        """What is to be seen on the map."""
        return self._sight

    def _mark(self) -> None:
        """Find the area under the cursor, its lines, and the marks beside the lines."""
        view = self.viewport
        if view is None or self._backdrop is None:
            return
        seen = (view.top, self._lines[-1].end)
        self._marks = marks(self._backdrop, seen, view.cursor, self._pins)
        self._area = area = self._area_at(view)
        start, end = (view.cursor, view.cursor + 1) if area is None else (area.start, area.end)
        self._held = {
            at for at, line in enumerate(self._lines) if line.start < end and start < line.end
        }

    @property
    def _pins(self) -> tuple[tuple[Address, Mark], ...]:
        """What reach is counted from, where somebody chose it."""
        chosen = ((self.origin, Mark.ORIGIN), (self.second, Mark.SECOND))
        return tuple((at, mark) for at, mark in chosen if at is not None)

    def _area_at(self, view: MapView) -> Area | None:
        return None if self.shown is None else self.shown.snapshot.area_at(view.cursor)

    # How it is drawn

    def render_line(self, y: int) -> Strip:
        """Return the title line or a line of the axis, on the widget's own background."""
        view, rows, renderer = self.viewport, self._rows, self._renderer
        room, background = self._room, self.visual_style.rich_style
        width = room.width
        at, row = divmod(y - 1, self._tall)
        if view is None or rows is None or renderer is None or at >= len(self._lines):
            return Strip.blank(width, background)
        if y == 0:
            compared = rows.shown.compared
            if compared is not None and rows.shown.beside is not None:
                scale = f"{exact_size(view.axis.cell)} a cell"
                return renderer.heading("B", compared.b, scale, width).apply_style(background)
            place = ""
            if self.alone and self._moved:
                place = place_text(rows.shown.snapshot, view.cursor)
            title = renderer.title(view.axis, self._extent, width, fitted=self._fitted, place=place)
            return title.apply_style(background)
        line = self._lines[at]
        frame = Frame(
            room,
            room.gutter(line, self._lines[at - 1] if at else None),
            self._marks[at] if at < len(self._marks) else Mark.NONE,
            at in self._held,
        )
        over = Over(self._area, self.highlight, self._pins, self.changes, rows.shown.rox)
        strip = renderer.line(line, view, rows, over, frame, background)
        return self._for_presenter(strip, at, row) if self.large else strip

    def _for_presenter(self, strip: Strip, at: int, row: int) -> Strip:
        """Make a line tall, and draw the cross over it."""
        from execmem_tui.tui.presenter_lines import blanked, tall_row, with_cross

        assert self.viewport is not None
        assert self.palette is not None
        column, line = self._mouse or self.viewport.cursor_place
        edge, last = self.margin, strip.cell_length - 1
        inside = tall_row(strip.crop(edge, last), self._tall, row)
        inside = with_cross(inside, column, abs(at - line), self.palette.pointer)
        begin = strip.crop(0, edge)
        if row:
            begin = Strip.join([blanked(begin.crop(0, edge - 1)), begin.crop(edge - 1)])
        return Strip.join([begin, inside, strip.crop(last)])

    # What moves it

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; a double click fits the area, or opens the fold."""
        view = self.viewport
        place = self._place(event)
        if view is None or place is None:
            return
        self.viewport = view.goto(view.address_at(*place))
        if event.chain == 2:
            self.fit_cursor()

    def _place(self, event: events.MouseEvent) -> tuple[int, int] | None:
        """Return column and line under the mouse, None beside the lines."""
        column, line = event.x - self.margin, (event.y - 1) // self._tall
        inside = self.viewport is not None and 0 <= column < self.viewport.axis.columns
        return (column, line) if inside and 0 <= line < len(self._lines) else None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Let an audience see where the mouse points."""
        if self.large and (place := self._place(event)) != self._mouse:
            self._mouse = place
            self.refresh()

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
            place = self._place(event)
            if place is not None:
                view = view.goto(view.address_at(*place))
            self._fitted = False
            self.viewport = view.zoomed(-direction)
        else:
            self.viewport = view.moved(0, 3 * direction)

    def pan(self, lines: int) -> None:
        """Move by lines."""
        self._go(lambda view: view.moved(0, lines))

    def fit_cursor(self) -> None:
        """Zoom to the area under the cursor; open a fold."""
        view = self.viewport
        if view is None:
            return
        if view.axis.line_at(view.cursor).fold is not None:
            self.action_open_fold()
            return
        area = self._area_at(view)
        if area is None:
            self._say("there is no area under the cursor: w goes to the next one")
            return
        self._fitted = False
        start, end = max(area.start, view.axis.start), min(area.end, view.axis.end)
        self.viewport = view.around(start, end)

    def look_at(self, address: Address) -> None:
        """Put the cursor on `address`."""
        self._go(lambda view: view.goto(address))

    def find(self, area: Area) -> None:
        """Put the cursor on an area, all of which is in sight then."""
        self._go(lambda view: view.found(area.start, area.end))

    def _go(self, change: Callable[[MapView], MapView]) -> None:
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

    def _say(self, text: str) -> None:
        """Say why a key of the map did nothing."""
        self.notify(text, markup=False, timeout=2)

    def action_zoom_in(self) -> None:
        """Zoom in about the cursor."""
        self._zoom(1, "the map goes no nearer")

    def action_zoom_out(self) -> None:
        """Zoom out about the cursor."""
        self._zoom(-1, "the map goes no farther: 0 shows it to scale")

    def _zoom(self, steps: int, end: str) -> None:
        before = self.viewport
        self._fitted = False
        self._go(lambda view: view.zoomed(steps))
        if before is not None and self.viewport == before:
            self._say(end)

    def action_whole(self) -> None:
        """Show what is used; again, the window to scale; again, everything to scale."""
        shown, view = self.shown, self.viewport
        if shown is None or view is None:
            return
        fresh = self._whole(shown, view)
        if self._fitted or (fresh.axis.tight(), fresh.top) == (view.axis.tight(), view.top):
            # zoomed in and out again, too: a key shows something
            self._extent = self._extent.next
            fresh = self._whole(shown, view)
        self._fitted = True
        self.viewport = fresh
        self._moved = False
        self.refresh()

    def _whole(self, shown: Shown, view: MapView) -> MapView:
        """Return all of the extent in the size that there is, the cursor where it was.

        Unless that is outside: then where the extent begins with something.
        """
        fresh = shown.view(self.pane, self._columns, self._height, self._extent)
        start, end = shown.extent(self.pane, self._extent)
        return fresh.goto(view.cursor) if start <= view.cursor < end else fresh

    def action_fit(self) -> None:
        """Zoom to the area under the cursor."""
        self.fit_cursor()

    def action_open_fold(self) -> None:
        """Show the rows of the fold under the cursor; on a row, fold again what was opened."""
        view = self.viewport
        if view is not None and not view.folds:
            self._say("Enter opens a fold, and under the cursor is none")
            return
        self._fitted = False
        self._go(MapView.entered)

    def _neighbour(self, step: int) -> None:
        if self.viewport is not None and self.shown is not None:
            types = self.shown.pane(self.pane).types
            area = self.shown.neighbour(self.viewport.cursor, step, types)
            axis = self.viewport.axis
            if area is not None and axis.start <= area.start < axis.end:
                self.look_at(area.start)
            else:
                self._say(f"no area lies {'after' if step > 0 else 'before'} this in the pane")

    def action_next_area(self) -> None:
        """Go to the next area."""
        self._neighbour(1)

    def action_previous_area(self) -> None:
        """Go to the previous area."""
        self._neighbour(-1)

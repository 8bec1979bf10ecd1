"""Address x time in the place of the map: a click, or Enter, is a moment and an address at once."""

from math import isnan
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from execmem_tui.model.units import Address
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.widgets.time import TimeView
from execmem_tui.view.kinds import FALLBACK
from execmem_tui.view.legend import Sight, TimeSight
from execmem_tui.view.panes import pane_type
from execmem_tui.view.timeline import cell_words, gutter, scale_line, span_words
from execmem_tui.view.timemap import Scale, TimeMap
from execmem_tui.view.words import cut_at_word

_GUTTER = 17
"""Columns of an address of 64 bits, and a blank."""


class TimeMapView(TimeView, can_focus=True):
    """Rows of addresses over columns of time, with a cursor of its own."""

    HELP = """\
# Address x time

Each line is a piece of address space, each column a moment. **Colour** is who had most of it
(orange: in the fallback window), **lightness** how much of it was in use. What is still to come is
dim; `┃` is the step that the screen shows. Below: ▲ and △ begin and end a run of spills, ✗ is a
failure, ◇ a purge that gave much back, `'` something that was named.

Arrows move, Enter or a click goes to that moment and that address, `S` divides the columns by
seconds, `H` or Escape leaves.
"""
    DEFAULT_CSS = "TimeMapView { height: 1fr; min-height: 4; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1, 0)", "earlier"),
        Binding("right,l", "move(1, 0)", "later"),
        Binding("up,k", "move(0, -1)", "up"),
        Binding("down,j", "move(0, 1)", "down"),
        Binding("pageup", "move(-10, 0)", "much earlier"),
        Binding("pagedown", "move(10, 0)", "much later"),
        Binding("enter", "choose", "go there"),
    ]

    @property
    def margin(self) -> int:
        """Columns before the first column of time: whole addresses."""
        return _GUTTER

    at: reactive[tuple[int, int]] = reactive((0, 0), repaint=False)
    """Column and line of the cursor."""

    class Seen(Message):
        """Other things are in sight."""

        def __init__(self, sight: Sight) -> None:
            super().__init__()
            self.sight = sight

    class Chosen(Message):
        """The map may come back: a moment and an address were chosen."""

    def map_lines(self) -> int:
        """All but the title, the marks, the scale and the words."""
        return max(1, self.size.height - 4)

    def watch_at(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Draw the lines anew that the cursor left and came to, and the words."""
        lines = {before[1] + 1, after[1] + 1, self.size.height - 1}
        self.refresh(*(Region(0, y, self.size.width, 1) for y in sorted(lines)))

    def on_show(self) -> None:
        """Begin where the screen is."""
        shown = self.time_map()
        if shown is not None:
            self.at = (self.playhead(shown), 0)

    def begin(self, address: Address) -> None:
        """Put the cursor on the moment that the screen shows, and on an address."""
        shown = self.time_map()
        if shown is not None:
            self.at = (self.playhead(shown), shown.line_of(address) or 0)
        self._look()

    def watch_shown(self) -> None:
        """Other events may be in sight, or to come."""
        self._look()

    def watch_pane(self) -> None:
        """Other areas are in sight."""
        self._look()

    def on_resize(self) -> None:
        """Other columns have marks."""
        self._look()

    def _look(self) -> None:
        """Tell what is in sight, for the legend."""
        shown = self.time_map() if self.display else None
        if shown is None:
            return
        cells = {cell for row in shown.cells for cell in row}
        looks = {
            FALLBACK if cell.fallback else cell.kind.value
            for cell in cells
            if cell.kind is not None
        }
        marks = frozenset(mark.kind for mark in self.marks_by_column().values())
        future = self.playhead(shown) < shown.columns - 1
        time = TimeSight(marks, future)
        self.post_message(self.Seen(Sight(frozenset(looks), time=time)))

    def draw(self, y: int) -> Strip:
        """Return one line: title, addresses over time, marks, scale, words."""
        width, palette, shown = self.size.width, self.palette, self.time_map()
        if palette is None or shown is None or self.shown is None:
            return Strip.blank(width)
        last = self.size.height - 1
        if y == 0:
            segments = self._title(shown, palette)
        elif y == last - 2:
            segments = [
                Segment("marks".ljust(_GUTTER), palette.muted),
                *self.mark_segments(shown),
            ]
        elif y == last - 1:
            segments = self._scale(shown, palette)
        elif y == last:
            segments = self._words(shown, palette)
        else:
            segments = self._line(shown, palette, y - 1)
        return Strip(segments).adjust_cell_length(width)

    def _title(self, shown: TimeMap, palette: Palette) -> list[Segment]:
        record = self.record
        words = " ADDRESS × TIME  " + ("" if record is None else span_words(shown, record))
        other = "by seconds" if self.scale is Scale.EVENTS else "by events"
        keys = ["Enter goes there", *([f"S {other}"] if self.timed else []), "Esc the map "]
        while keys and len(" · ".join(keys)) + len(words) >= self.size.width:
            del keys[0]
        hints = " · ".join(keys)
        room = max(0, self.size.width - len(words) - len(hints))
        return [
            Segment(words, palette.strong),
            Segment(" " * room),
            Segment(hints, palette.muted),
        ]

    def _line(self, shown: TimeMap, palette: Palette, number: int) -> list[Segment]:
        if number >= len(shown.lines) or self.shown is None:
            return []
        line, here = shown.lines[number], number == self.at[1]
        layout, kind = self.shown.snapshot.layout, pane_type(self.pane)
        style = palette.cursor_mark if here else palette.muted
        above = shown.lines[number - 1] if number else None
        label = Segment(gutter(layout, kind, line, _GUTTER, above), style)
        if line.fold:
            return [label, Segment(f"{line.text} ".ljust(shown.columns, "⋯"), style)]
        half = 2 * sum(not each.fold for each in shown.lines[:number])
        segments = [label, *self.cells_of(shown, half)]
        return self._with_cursor(segments, palette) if here else segments

    def _with_cursor(self, segments: list[Segment], palette: Palette) -> list[Segment]:
        """Turn the one cell under the cursor over."""
        at = _GUTTER + self.at[0]
        strip = Strip(segments)
        before, rest = strip.crop(0, at), strip.crop(at + 1)
        return [*before, Segment("◆", palette.cursor), *rest]

    def _scale(self, shown: TimeMap, palette: Palette) -> list[Segment]:
        record = self.record
        text = "" if record is None else scale_line(shown, record, shown.columns)
        return [
            Segment(str(shown.scale).ljust(_GUTTER), palette.muted),
            Segment(text, palette.muted),
        ]

    def _words(self, shown: TimeMap, palette: Palette) -> list[Segment]:
        column, line = self.at
        record = self.record
        if self.shown is None or record is None or line >= len(shown.lines):
            return []
        mark = self.marks_by_column().get(column)
        told = f" · {mark.text}" if mark is not None else ""
        if shown.lines[line].fold:
            texts: tuple[str, ...] = (shown.lines[line].text,)
        else:
            half = 2 * sum(not each.fold for each in shown.lines[:line])
            texts = cell_words(
                self.shown.snapshot.layout, shown, half, min(column, shown.columns - 1), record
            )
        room = self.size.width - 1
        words = next(
            (f"{text}{told}" for text in texts if len(text) + len(told) <= room),
            cut_at_word(f"{texts[-1]}{told}", room),
        )
        return [Segment(f" {words}", palette.strong)]

    def action_move(self, columns: int, lines: int) -> None:
        """Move the cursor."""
        shown = self.time_map()
        if shown is None or not shown.lines:
            return
        column, line = self.at
        self.at = (
            min(max(column + columns, 0), shown.columns - 1),
            min(max(line + lines, 0), len(shown.lines) - 1),
        )

    def action_choose(self) -> None:
        """Go to the moment and the address under the cursor."""
        column, line = self.at
        self.seek_at(column, line)
        self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there, and go to that moment; a double click shows the map there."""
        at = event.get_content_offset_capture(self)
        shown = self.time_map()
        if shown is None or not shown.lines:
            return
        column = min(max(at.x - _GUTTER, 0), shown.columns - 1)
        self.at = column, min(max(at.y - 1, 0), len(shown.lines) - 1)
        self.seek_at(*self.at)
        if event.chain > 1:
            self.post_message(self.Chosen())

    @property
    def timed(self) -> bool:
        """Whether there are times to divide the columns by."""
        record = self.record
        return record is not None and not all(isnan(time) for _, time, _ in record.samples())

    def toggle_scale(self) -> None:
        """Divide the columns by seconds, or by events again."""
        self.scale = Scale.SECONDS if self.scale is Scale.EVENTS else Scale.EVENTS

    def time_map(self) -> TimeMap | None:
        """Return the record in this widget's lines and columns; the cursor keeps its moment."""
        before, after = self._map, super().time_map()
        if before is not None and after is not None and after is not before:
            self._keep_moment(before, after)
        return after

    def _keep_moment(self, before: TimeMap, after: TimeMap) -> None:
        column = min(self.at[0], before.columns - 1)
        here = column == self.playhead(before)
        at = (
            self.playhead(after) if here else after.column_of(before.steps[column]),
            min(self.at[1], max(0, len(after.lines) - 1)),
        )
        self.set_reactive(TimeMapView.at, at)  # all lines are drawn anew with another map

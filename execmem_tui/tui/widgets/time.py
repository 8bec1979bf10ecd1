"""The time strip.

What was in use when, where among the events the screen is, and a click goes there.
"""

from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive, var
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.units import Address
from execmem_tui.sources.base import Source
from execmem_tui.tui.line_cache import CachedLines
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.time_renderer import TimeRenderer
from execmem_tui.view.panes import PANES, pane_type
from execmem_tui.view.shown import Shown
from execmem_tui.view.timeline import (
    PLAYHEAD,
    SIGNS,
    count_bars,
    fill_bars,
    gutter,
    mark_columns,
    mark_words,
    moment,
    strip_height,
    where,
)
from execmem_tui.view.timemap import Mark, MarkKind, Scale, TimeMap, marks
from execmem_tui.view.timerecord import TimeRecord
from execmem_tui.view.words import cut_at_end

_GUTTER: Final = 7
"""Columns before time: the word of a window, or how far behind its start a line begins."""
_TIME: Final = "TIME"
_ALARMS: Final = (MarkKind.SPILL_BEGINS, MarkKind.SPILL_ENDS, MarkKind.FAILURE)


class Sought(Message):
    """A moment was chosen, and an address where the place tells one."""

    def __init__(self, step: int, address: Address | None = None) -> None:
        super().__init__()
        self.step = step
        self.address = address


class Times:
    """The records of one source, one a pane, made when they are first looked at."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._records: dict[int, TimeRecord] = {}

    def record(self, pane: int) -> TimeRecord:
        """Return the record of a pane, up to the newest event."""
        record = self._records.get(pane)
        if record is None:
            record = self._records[pane] = TimeRecord(self.source.history, PANES[pane - 1][1])
        else:
            record.follow()
        return record


class TimeView(CachedLines, Widget):
    """What the strip and the map of time have in common.

    A record in lines and columns, and a playhead.
    """

    source: var[Source | None] = var(None)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None)
    """The models of the step."""
    pane: reactive[int] = reactive(1)
    """The pane whose windows are shown, 1 to 4."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""
    scale: reactive[Scale] = reactive(Scale.EVENTS)
    """What the columns divide evenly."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._times: Times | None = None
        self._renderer: TimeRenderer | None = None
        self._map: TimeMap | None = None
        self._key: tuple[object, ...] = ()
        self._marks: dict[int, Mark] = {}

    def render_line(self, y: int) -> Strip:
        """Return one line on the widget's own background."""
        return self.draw(y).apply_style(self.rich_style)

    def draw(self, y: int) -> Strip:
        """Return one line; its background comes with `render_line`."""
        raise NotImplementedError

    @property
    def record(self) -> TimeRecord | None:
        """The record of the pane, up to the newest event; None before there is a source."""
        if self.source is None:
            return None
        if self._times is None or self._times.source is not self.source:
            self._times = Times(self.source)
        return self._times.record(self.pane)

    @property
    def renderer(self) -> TimeRenderer | None:
        """The colours of the theme."""
        if self.palette is not None and (
            self._renderer is None or self._renderer.palette is not self.palette
        ):
            self._renderer = TimeRenderer(self.palette)
        return self._renderer

    @property
    def margin(self) -> int:
        """Columns before the first column of time."""
        return _GUTTER

    def map_lines(self) -> int:
        """Return how many lines of the widget show addresses."""
        raise NotImplementedError

    def time_map(self) -> TimeMap | None:
        """Return the record in this widget's lines and columns.

        Made anew only if something changed.
        """
        record = self.record
        if record is None or not self.size.width:
            return None
        columns = max(1, self.size.width - self.margin)
        lines = max(1, self.map_lines())
        key = (record, record.version, lines, columns, self.scale)
        if self._map is None or key != self._key:
            self._key = key
            self._map = TimeMap(record, lines, columns, self.scale)
            self._marks = mark_columns(self._map, marks(record))
        return self._map

    def marks_by_column(self) -> dict[int, Mark]:
        """Return the mark that each column shows, if any."""
        return self._marks

    def playhead(self, shown: TimeMap) -> int:
        """Return the column of the step that the screen shows."""
        return 0 if self.shown is None else shown.column_of(self.shown.snapshot.step)

    def cells_of(self, shown: TimeMap, half: int) -> list[Segment]:
        """Return the cells of the line whose upper half row is `half`, with the playhead."""
        renderer = self.renderer
        if renderer is None:
            return []
        head = self.playhead(shown)
        segments: list[Segment] = []
        run, style = "", Style()
        pairs = zip(shown.cells[half], shown.cells[half + 1], strict=True)
        for column, (upper, lower) in enumerate(pairs):
            if column == head:
                char, look = PLAYHEAD, renderer.head(upper, future=False)
            else:
                char, look = renderer.cell(upper, lower, future=column > head)
            if look != style and run:
                segments.append(Segment(run, style))
                run = ""
            style = look
            run += char
        segments.append(Segment(run, style))
        return segments

    def mark_segments(self, shown: TimeMap) -> list[Segment]:
        """Return the line of marks: signs where something changes, bars where spills are many."""
        palette = self.palette
        if palette is None:
            return []
        bars, head = count_bars(shown.spills), self.playhead(shown)
        words = mark_words(self._marks, shown.spills, head, shown.columns)
        segments: list[Segment] = []
        told = 0
        for column in range(shown.columns):
            if column in words:
                segments.append(Segment(words[column], palette.muted))
                told = column + len(words[column])
            if column < told:
                continue
            mark = self._marks.get(column)
            style = palette.muted if mark and mark.kind not in _ALARMS else palette.alarm_sign
            if column == head:
                segments.append(Segment(PLAYHEAD, palette.cursor_mark))
            elif mark is not None:
                segments.append(Segment(SIGNS[mark.kind], style))
            else:
                segments.append(Segment(bars[column], style))
        return segments

    def seek_at(self, column: int, line: int | None) -> None:
        """Choose the moment of a column, and the address of a line."""
        shown = self.time_map()
        if shown is None:
            return
        step = shown.steps[min(max(column, 0), shown.columns - 1)]
        record = self.record
        if record is not None and column <= 0:
            step = record.first_step
        self.post_message(Sought(step, None if line is None else shown.address_at(line)))


class TimeStrip(TimeView):
    """One to eight lines as long as the history."""

    DEFAULT_CSS = "TimeStrip { height: auto; padding: 0 1; }"

    alone: reactive[bool] = reactive(True, layout=True)
    """Whether nothing else shows address and time: else its rule is all that is new."""
    steps: reactive[int] = reactive(0, layout=True)
    """How many steps there are to compare, counted up to two: more change nothing of the height."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Take one line of a small terminal and up to eight of a large one."""
        del container, width
        return strip_height(viewport.height, self.steps) if self.alone else 1

    def watch_source(self) -> None:
        """Take the height that the source's history needs."""
        self._count()

    def watch_shown(self) -> None:
        """Grow with the second step."""
        self._count()

    def _count(self) -> None:
        history = None if self.source is None else self.source.history
        self.steps = 0 if history is None else min(2, history.steps - history.first_step)

    @property
    def single(self) -> bool:
        """Whether one line has to do: bars, and the moment before them."""
        return self.size.height == 1 and self.alone and self.steps >= 2

    @property
    def margin(self) -> int:
        """Columns before time; on a single line the moment has its longest word's."""
        if not self.single or self.source is None or self.shown is None:
            return _GUTTER
        history, step = self.source.history, self.shown.snapshot.step
        longest = max(len(moment(history, each)) for each in (step, history.steps))
        return len(_TIME) + longest + 2

    def map_lines(self) -> int:
        """All but the rule and the marks."""
        return max(1, self.size.height - 2)

    def draw(self, y: int) -> Strip:
        """Return one line: rule, addresses over time, marks; or the bars of a single line."""
        width, palette, shown = self.size.width, self.palette, self.time_map()
        if palette is None or shown is None or self.shown is None:
            return Strip.blank(width)
        if self.single:
            return self._bars(shown, palette)
        if y == 0:
            return self._rule(palette)
        if y == self.size.height - 1:
            label = Segment(f"{'▲ ✗':<{_GUTTER}}", palette.muted)
            return Strip([label, *self.mark_segments(shown)]).adjust_cell_length(width)
        return self._line(shown, palette, y - 1)

    def _line(self, shown: TimeMap, palette: Palette, number: int) -> Strip:
        width = self.size.width
        if number >= len(shown.lines) or self.shown is None:
            return Strip.blank(width)
        line = shown.lines[number]
        layout, kind = self.shown.snapshot.layout, pane_type(self.pane)
        above = shown.lines[number - 1] if number else None
        label = Segment(gutter(layout, kind, line, _GUTTER, above), palette.muted)
        if line.fold:
            text = f"{line.text} ".ljust(shown.columns, "⋯")
            return Strip([label, Segment(text, palette.muted)]).adjust_cell_length(width)
        half = 2 * sum(not each.fold for each in shown.lines[:number])
        return Strip([label, *self.cells_of(shown, half)]).adjust_cell_length(width)

    def _rule(self, palette: Palette) -> Strip:
        width, record = self.size.width, self.record
        if record is None or self.shown is None:
            return Strip.blank(width)
        snapshot = self.shown.snapshot
        words = where(record, snapshot.step, snapshot.counters, self.shown.spilled)
        room = max(0, width - _GUTTER - 2)
        text = cut_at_end(words, room)
        rest = max(0, width - _GUTTER - len(text) - 1)
        return Strip(
            [
                Segment("━ TIME ", palette.strong),
                Segment(text),
                Segment(" " + "━" * rest, palette.muted),
            ]
        ).adjust_cell_length(width)

    def _bars(self, shown: TimeMap, palette: Palette) -> Strip:
        """Return the single line of a small terminal."""
        bars, head = fill_bars(shown), self.playhead(shown)
        assert self.source is not None
        assert self.shown is not None
        at = moment(self.source.history, self.shown.snapshot.step)
        at = at.ljust(self.margin - len(_TIME) - 1)
        segments = [Segment(f"{_TIME} ", palette.strong), Segment(at)]
        for column, bar in enumerate(bars):
            mark = self._marks.get(column)
            if column == head:
                segments.append(Segment(PLAYHEAD, palette.cursor_mark))
            elif mark is not None and mark.kind in _ALARMS:
                segments.append(Segment(SIGNS[mark.kind], palette.alarm_sign))
            else:
                style = palette.alarm_sign if shown.spills[column] else Style()
                segments.append(Segment(bar, palette.faint if column > head else style))
        return Strip(segments).adjust_cell_length(self.size.width)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Go to the moment under the pointer, and follow the pointer from there."""
        self.capture_mouse()
        self._seek_to(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Seek while the button is down."""
        if self.app.mouse_captured is self:
            self._seek_to(event)

    def on_mouse_up(self) -> None:
        """Let go."""
        self.release_mouse()

    def _seek_to(self, event: events.MouseEvent) -> None:
        at = event.get_content_offset_capture(self)
        line = at.y - 1 if self.size.height > 1 else None
        self.seek_at(at.x - self.margin, line)

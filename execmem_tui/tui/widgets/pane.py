"""One pane: a title line and its lanes."""

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.ranges import Window
from execmem_tui.model.units import Address
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.shown import Shown
from execmem_tui.view.cells import CellIndex, lane_cells
from execmem_tui.view.kinds import FREE, LOOKS
from execmem_tui.view.panes import Lane, PaneModel
from execmem_tui.view.viewport import Viewport

_NAME = 11
_SCALE = 13


class PaneView(Widget):
    """A consumer's ranges at a glance. The lane's bracket shows what the detail map displays."""

    DEFAULT_CSS = """
    PaneView { height: auto; }
    """

    shown: reactive[Shown | None] = reactive(None, repaint=False)
    """The models of the step."""
    pane: reactive[int] = reactive(1)
    """The focused pane, 1 to 4."""
    viewport: reactive[Viewport | None] = reactive(None)
    """What the detail map displays."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    class Chosen(Message):
        """The pane was clicked; `address` is the place on a lane, or None for the title."""

        def __init__(self, number: int, address: Address | None) -> None:
            super().__init__()
            self.number = number
            self.address = address

    def __init__(self, number: int) -> None:
        super().__init__(id=f"pane-{number}")
        self.number = number
        self._model: PaneModel | None = None
        self._index: CellIndex | None = None
        self._lanes: dict[tuple[int, int], Strip] = {}

    def watch_shown(self) -> None:
        """Show another step."""
        if self.shown is None:
            return
        model = self.shown.pane(self.number)
        relayout = self._model is None or self._height(self._model) != self._height(model)
        self._model, self._index = model, self.shown.index
        self._lanes.clear()
        self.refresh(layout=relayout)

    def watch_palette(self) -> None:
        """Every lane looks different."""
        self._lanes.clear()

    @staticmethod
    def _height(model: PaneModel) -> int:
        return 1 + (len(model.lanes) or 1)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A title and its lanes, or a title and a message."""
        del container, viewport, width
        return 2 if self._model is None else self._height(self._model)

    def on_resize(self) -> None:
        """Lanes are drawn for one width."""
        self._lanes.clear()

    def render_line(self, y: int) -> Strip:
        """Return the title, a lane or the message, on the widget's own background."""
        return self._line(y).apply_style(self.rich_style)

    def _line(self, y: int) -> Strip:
        model, palette, width = self._model, self.palette, self.size.width
        if model is None or palette is None:
            return Strip.blank(width)
        if y == 0:
            return self._title(model, palette, width)
        if model.message:
            text = model.message
            return Strip([Segment(f"  {text}"[:width], palette.muted)]).adjust_cell_length(width)
        if y > len(model.lanes):
            return Strip.blank(width)
        return self._lane(model.lanes[y - 1], palette, y, width)

    def _title(self, model: PaneModel, palette: Palette, width: int) -> Strip:
        focused = self.pane == self.number
        style = palette.strong if focused else Style()
        mark = "▸" if focused else " "
        head = f"{mark}{model.number} {model.title:<8}"
        plain, spill, rest = model.summary.partition("▲")
        alarm = spill + rest
        middle = model.range_text
        if len(head) + len(middle) + len(plain) + len(alarm) + 3 > width:
            middle = middle.rpartition(" ")[2] if middle.count("-") else middle
        segments = [
            Segment(head, style),
            Segment(f" {middle}  ", palette.muted),
            Segment(plain, style),
            Segment(alarm, palette.alarm),
        ]
        return Strip(segments).adjust_cell_length(width).crop(0, width)

    def _lane_width(self, width: int) -> int:
        return max(8, width - _NAME - _SCALE - 2)

    def _lane(self, lane: Lane, palette: Palette, y: int, width: int) -> Strip:
        index, model = self._index, self._model
        assert index is not None
        assert model is not None
        strip = self._lanes.get((y, width))
        if strip is None:
            cells = lane_cells(index, lane, self._lane_width(width), model.favour)
            name_style = (
                palette.alarm
                if lane.window is Window.FALLBACK and model.fallbacks
                else palette.muted
            )
            segments = [Segment(f"  {lane.name:<{_NAME - 3}} ", name_style)]
            segments += [Segment(*palette.lane_cell(cell)) for cell in cells]
            segments.append(Segment(f" {lane.scale}", palette.muted))
            strip = Strip(segments).simplify().adjust_cell_length(width)
            self._lanes[y, width] = strip
        bracket = self._bracket(lane, width)
        if bracket is None:
            return strip
        first, last = bracket
        marks = {first: "▾"} if first == last else {first: "[", last: "]"}
        pieces, at = [], 0
        for column, mark in marks.items():
            under = strip.crop(column, column + 1)
            if under.text not in (
                " ",
                LOOKS[FREE].letter,
            ):  # a letter, a height or a mark says more than the bracket
                continue
            style = next((segment.style for segment in under if segment.style is not None), Style())
            pieces += [
                strip.crop(at, column),
                Strip([Segment(mark, style + palette.strong)], 1),
            ]
            at = column + 1
        return Strip.join([*pieces, strip.crop(at, width)])

    def _bracket(self, lane: Lane, width: int) -> tuple[int, int] | None:
        """Return the screen columns of the part that the detail map shows."""
        if self.pane != self.number or self.viewport is None:
            return None
        start, end = self.viewport.top, self.viewport.bottom
        if end <= lane.shown_start or start >= lane.shown_end:
            return None
        span, cells = lane.shown_end - lane.shown_start, self._lane_width(width)
        first = (max(start, lane.shown_start) - lane.shown_start) * cells // span
        last = (min(end, lane.shown_end) - 1 - lane.shown_start) * cells // span
        return first + _NAME, min(last, cells - 1) + _NAME

    def on_click(self, event: events.Click) -> None:
        """Focus the pane; on a lane, go there."""
        model, address = self._model, None
        if model is not None and 0 < event.y <= len(model.lanes):
            lane = model.lanes[event.y - 1]
            cells = self._lane_width(self.size.width)
            column = event.x - _NAME
            if 0 <= column < cells:
                address = lane.shown_start + (lane.shown_end - lane.shown_start) * column // cells
        self.post_message(self.Chosen(self.number, address))

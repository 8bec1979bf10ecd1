"""A list of lines to choose from, drawn a line at a time.

Textual's OptionList wraps and measures every option whenever its width changes: 0.1 s for a few
thousand, and a crash where the terminal is narrower than its own gutter. Here only what is in sight
is made, however long the list is.
"""

from collections.abc import Callable
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from execmem_tui.tui.line_cache import CachedLines

_KEPT: Final = 512
"""Rows that are kept as they were drawn: some screens of scrolling."""

Row = Callable[[int], str | Text]
"""Makes the text of a row, printable."""


class LineList(CachedLines, ScrollView, can_focus=True):
    """Rows, one of them highlighted; Enter or a click chooses."""

    DEFAULT_CSS = """
    LineList { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }
    LineList > .line-list--here { background: $accent 35%; text-style: bold; }
    LineList:focus > .line-list--here { background: $accent; color: $background; text-style: bold; }
    LineList:ansi > .line-list--here { background: ansi_blue; color: $foreground; }
    LineList:ansi:focus > .line-list--here { background: ansi_blue; color: $foreground; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-list--here"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    highlighted: reactive[int] = reactive(0, repaint=False)
    """The row that Enter chooses."""
    leaps = False
    """Whether what is highlighted out of sight comes to the middle, and not to the edge.

    A list that follows something else then paints two rows for most moves of it, and seldom all.
    """

    class Chosen(Message):
        """A row was chosen."""

        def __init__(self, lines: "LineList", index: int) -> None:
            super().__init__()
            self.lines = lines
            self.index = index

    class Highlighted(Message):
        """Another row is highlighted."""

        def __init__(self, lines: "LineList", index: int) -> None:
            super().__init__()
            self.lines = lines
            self.index = index

        def can_replace(self, message: Message) -> bool:
            """Only the newest matters."""
            return isinstance(message, LineList.Highlighted) and message.lines is self.lines

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        empty: str = "nothing",
    ) -> None:
        super().__init__(id=id)
        self._count = 0
        self._row: Row = str
        self._empty = empty
        self._drawn: dict[tuple[int, int, Style], Strip] = {}
        """Strips by row, width and style."""

    @property
    def count(self) -> int:
        """Rows there are."""
        return self._count

    @property
    def columns(self) -> int:
        """Columns of a row: beside the bar, of which Textual's `size` knows nothing."""
        return self.scrollable_content_region.width

    def fill(self, count: int, row: Row, highlighted: int = 0, *, empty: str | None = None) -> None:
        """Show other rows.

        Args:
            count: of rows.
            row: makes the text of one, when it is drawn.
            highlighted: which is, at first.
            empty: what to say where there are none.
        """
        self._count, self._row = count, row
        if empty is not None:
            self._empty = empty
        self.virtual_size = Size(1, max(count, 1))
        self.set_reactive(LineList.highlighted, max(0, min(highlighted, count - 1)))
        self._show_highlighted()
        self.refresh()
        self.post_message(self.Highlighted(self, self.highlighted))

    def validate_highlighted(self, index: int) -> int:
        """Stay among the rows."""
        return max(0, min(index, self._count - 1))

    def watch_highlighted(self, before: int, after: int) -> None:
        """Keep it in sight."""
        top = self.scroll_offset.y
        self._show_highlighted()
        if self.scroll_offset.y == top:
            self.refresh(*(Region(0, at - top, self.outer_size.width, 1) for at in (before, after)))
        else:
            self.refresh(self.size.region)
        self.post_message(self.Highlighted(self, self.highlighted))

    def on_resize(self) -> None:
        """Keep it in sight."""
        self._show_highlighted()

    def _show_highlighted(self) -> None:
        height, top = self.size.height, self.scroll_offset.y
        if height and not top <= self.highlighted < top + height:
            above = self.highlighted < top
            target = self.highlighted if above else self.highlighted - height + 1
            if self.leaps:
                target = self.highlighted - height // 2
            self.scroll_to(y=target, animate=False, force=True, immediate=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are rows, where the height is automatic."""
        del container, viewport, width
        return max(self._count, 1)

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        width, index = self.columns, self.scroll_offset.y + y
        style = self.visual_style.rich_style
        if not self._count and y == 0:
            strip = Strip([Segment(self._empty, style + Style(dim=True))])
            return strip.adjust_cell_length(width, style)
        if index >= self._count:
            return Strip.blank(width, style)
        if index == self.highlighted:
            style += self.get_component_rich_style("line-list--here")
        found = self._drawn.get((index, width, style))
        if found is None:
            if len(self._drawn) >= _KEPT:
                del self._drawn[next(iter(self._drawn))]
            found = self._drawn[index, width, style] = self._strip(self._row(index), width, style)
        return found

    def _strip(self, row: str | Text, width: int, style: Style) -> Strip:
        """Return a row in `width` columns."""
        if isinstance(row, str):
            if cell_len(row) > width:
                row = f"{set_cell_size(row, max(width - 1, 0))}…"
            return Strip([Segment(set_cell_size(row, width), style)], width)
        row.truncate(width, overflow="ellipsis")
        strip = Strip(row.render(self.app.console)).adjust_cell_length(width)
        return strip.crop(0, width).apply_style(style)

    def _forget(self, regions: tuple[Region, ...]) -> None:
        if not regions:
            self._drawn.clear()
        super()._forget(regions)

    def action_move(self, by: int) -> None:
        """Move by rows."""
        self.highlighted += by

    def action_page(self, by: int) -> None:
        """Move by what is in sight."""
        self.highlighted += by * max(1, self.size.height - 1)

    def action_edge(self, end: int) -> None:
        """Go to the first or last row."""
        self.highlighted = self._count - 1 if end else 0

    def action_choose(self) -> None:
        """Choose the highlighted row."""
        if self._count:
            self.post_message(self.Chosen(self, self.highlighted))

    def on_click(self, event: events.Click) -> None:
        """Choose a row."""
        index = self.scroll_offset.y + event.get_content_offset_capture(self).y
        if 0 <= index < self._count:
            self.highlighted = index
            self.action_choose()

"""Some lines of text, of which only those are painted that changed."""

from functools import lru_cache
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.tui.line_cache import CachedLines

TextLine = tuple[str, Style]


class TextLines(CachedLines, Widget):
    """As high as what it says.

    A `Static` wraps, styles and paints all of its text anew for any change of it, and has the
    screen laid out for another number of lines.
    """

    DEFAULT_CSS = "TextLines { height: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[TextLine] = []
        self._width = 0
        self._height = 0
        """Lines there is room for."""

    def said(self, width: int) -> list[TextLine]:
        """Return what there is to say, in lines of at most `width` columns."""
        raise NotImplementedError

    def say_anew(self, *, shrink: bool = True) -> None:
        """Say what there is to say now.

        Args:
            shrink: whether what lies below moves up where there is less to say.
        """
        width, before = self.size.width, self._lines
        if not width:  # hidden: what it said then is no longer true when it comes back
            self._width = 0
            self.refresh(layout=True)
            return
        self._take(width, shrink=shrink)
        # By its style: Textual keeps the height that it asked for once, if the next change of it
        # comes before the widget was idle (textual/widget.py: _layout_updates).
        if self._height != self.size.height:
            self.styles.height = self._height
        changed = [
            Region(0, y, width, 1)
            for y, (one, other) in enumerate(zip_longest(before, self._lines))
            if one != other
        ]
        if changed:
            self.refresh(*changed)

    def _take(self, width: int, *, shrink: bool) -> None:
        self._lines, self._width = self.said(width), width
        self._height = len(self._lines) if shrink else max(self._height, len(self._lines))

    def on_resize(self) -> None:
        """Cut the lines anew."""
        if self.size.width != self._width:
            self.say_anew()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are to say; asked for until something is said."""
        del container, viewport
        if width != self._width:
            self._take(width, shrink=True)
        return self._height

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return what the mouse marked."""
        return selection.extract("\n".join(text for text, _ in self._lines)), "\n"

    def render_line(self, y: int) -> Strip:
        """Return one line, on the widget's own background."""
        width, background = self.size.width, self.visual_style.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, background)
        text, style = self._lines[y]
        span = None if self.text_selection is None else self.text_selection.get_span(y)
        if span is None:
            size = cell_len(text)
            if size > width:
                text, size = set_cell_size(text, width), width
            return Strip(
                [
                    Segment(text, background + style + _begins(0, y)),
                    Segment(" " * (width - size), background + _begins(len(text), y)),
                ],
                width,
            )
        strip = Strip([Segment(text, style)])
        first, stop = span[0], len(text) if span[1] == -1 else span[1]
        marked = strip.crop(first, stop).apply_style(self.selection_style)
        strip = Strip.join([strip.crop(0, first), marked, strip.crop(stop)])
        return strip.adjust_cell_length(width).apply_style(background).apply_offsets(0, y)


@lru_cache(4096)
def _begins(x: int, y: int) -> Style:
    """Return what tells Textual's selection the letter that a segment begins with.

    `Strip.apply_offsets`.
    """
    return Style.from_meta({"offset": (x, y)})


def wrapped(lines: list[str], width: int) -> list[str]:
    """Return lines of at most `width` columns, cut between words where that can be."""
    if all(len(line) <= width for line in lines):
        return lines  # wrapping costs more than all else of a cursor move
    return [
        piece.plain.rstrip()
        for line in lines
        for piece in Content(line).wrap(max(width, 1), overflow="fold")
    ]

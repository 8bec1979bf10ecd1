"""What calls from the origin reach, and where the kernel looks for room."""

from typing import Final

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.units import Address
from execmem_tui.tui.line_cache import CachedLines
from execmem_tui.tui.palette import Palette
from execmem_tui.view.reach import Band
from execmem_tui.view.reach_lines import address_in, banded_lines
from execmem_tui.view.shown import Shown
from execmem_tui.view.words import Piece, Word

_UNKNOWN = "unknown: no kernel symbols"
_LEAST: Final = 24
"""Columns that the lines are made for at least."""


class ReachPanel(CachedLines, Widget):
    """One axis through the origin, the modules' text by verdict, and the blocks of a ROX cache.

    A cursor move redraws the two bands it touches.
    """

    DEFAULT_CSS = "ReachPanel { height: auto; }"

    shown: reactive[Shown | None] = reactive(None, repaint=False)
    """The models of the step."""
    origin: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach counts from; None is kernel text."""
    second: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach is counted from too; None for nowhere."""
    address: reactive[Address | None] = reactive(None, repaint=False)
    """The address under the cursor."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    class Chosen(Message):
        """A place on the axis was clicked."""

        def __init__(self, address: Address) -> None:
            super().__init__()
            self.address = address

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[list[Piece], Band | None]] = []
        self._for: tuple[object, ...] = ()

    def watch_shown(self) -> None:
        """Show another step."""
        self._lay_out()

    def watch_origin(self) -> None:
        """Count from elsewhere."""
        self._lay_out()

    def watch_second(self) -> None:
        """Count from a second place too, or no more."""
        self._lay_out()

    def watch_address(self, before: Address | None, after: Address | None) -> None:
        """Move the cursor's mark."""
        for line in {self._band_of(before)} ^ {self._band_of(after)}:
            if line is not None:
                self.refresh(Region(0, line, self.size.width, 1))

    def _lay_out(self) -> None:
        before = len(self._lines)
        self.refresh(layout=before != len(self._at(self.size.width)))

    def _at(self, width: int) -> list[tuple[list[Piece], Band | None]]:
        """Return the lines for a width; they are made once for it."""
        shown = self.shown
        if shown is None or width < 1:
            return []
        rows = max(6, min(14, self.app.size.height - 28))
        wanted = (shown, self.origin, self.second, width, rows)
        if wanted != self._for:
            model = shown.reach(None if self.origin is None else shown.origin_at(self.origin))
            self._lines = [([Word(_UNKNOWN)], None)]
            if model is not None:
                second = None if self.second is None else shown.reach(shown.origin_at(self.second))
                self._lines = banded_lines(
                    model, shown.kinds, shown.holes, max(_LEAST, width), rows=rows, second=second
                )
            self._for = wanted
        return self._lines

    def _band_of(self, address: Address | None) -> int | None:
        """Return the line whose band holds an address."""
        if address is None:
            return None
        for number, (_, band) in enumerate(self._lines):
            if band is not None and band.start <= address < band.end:
                return number
        return None

    def on_click(self, event: events.Click) -> None:
        """Go to the place under the pointer."""
        at, width = event.get_content_offset_capture(self), self.size.width
        lines = self._at(width)
        band = lines[at.y][1] if at.y < len(lines) else None
        if band is not None:
            self.post_message(self.Chosen(address_in(band, at.x, max(_LEAST, width))))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are to say."""
        del container, viewport
        return len(self._at(width))

    def render_line(self, y: int) -> Strip:
        """Return one line, on the widget's own background."""
        width, palette = self.size.width, self.palette
        lines = self._at(width)
        if palette is None or y >= len(lines):
            return Strip.blank(width, self.visual_style.rich_style)
        pieces, band = lines[y]
        strip = Strip(palette.segments(pieces))
        if band is not None and self._band_of(self.address) == y:
            # the mark takes the blank behind the axis
            at = strip.text.rindex("│") + 1
            mark = Strip([Segment("◂", palette.cursor_mark)])
            strip = Strip.join([strip.crop(0, at), mark, strip.crop(at + 1)])
        return strip.adjust_cell_length(width).apply_style(self.visual_style.rich_style)

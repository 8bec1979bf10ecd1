"""Painted lines that are kept until a widget is refreshed."""

from typing import TYPE_CHECKING, Self

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    _Base = Widget
else:
    # Not a widget by itself: Textual takes the names of all widgets among the bases for style
    # rules.
    _Base = object


class _Refreshed(_Base):
    """Forgets what was painted when a widget is refreshed or gets other styles."""

    def _forget(self, regions: tuple[Region, ...]) -> None:
        """Forget these regions, or all without any."""
        raise NotImplementedError

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Paint anew, or some of it."""
        self._forget(regions)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Paint anew in other styles."""
        self._forget(())
        super().notify_style_update()


class CachedRender(_Refreshed):
    """Goes before a widget's class.

    For every change on the screen, Textual asks all widgets for all of their lines, and each works
    out its colours, its borders and its filters again before it says that nothing changed
    (textual/_compositor.py: the crop is compared with the clip, which is the whole screen).
    """

    _painted: tuple[Region, list[Strip]] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of the last time, unless something changed."""
        if self._painted is None or self._painted[0] != crop:
            self._painted = crop, super().render_lines(crop)
        return self._painted[1]

    def _forget(self, regions: tuple[Region, ...]) -> None:
        del regions
        self._painted = None


class Unpainted(_Base):
    """Goes before the class of a container without border or colour of its own.

    It paints nothing: what its children leave free shows the screen's background. Textual would
    look through each of its lines for each that changes on the screen.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return no lines."""
        del crop
        return []


class CachedLines(_Refreshed):
    """Goes before the class of a widget of lines without border or opacity.

    It is padded at its sides at most. Each line is kept by its number until it is refreshed, and
    `render_line` may give out the strip of an earlier time: a strip remembers how it is filtered,
    cut and written. Textual makes a new one of every line that it is given.
    """

    _kept: tuple[Size, dict[int, Strip]] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return some lines, through the filters of the application."""
        width = self.outer_size.width
        if self._kept is None or self._kept[0] != self.outer_size:
            self._kept = self.outer_size, {}
        kept = self._kept[1]
        missing = [y for y in crop.line_range if y not in kept]
        if missing:
            filters, background = self.get_line_filters(), self.background_colors[1]
            content, blank = self.size.width, Style(bgcolor=background.rich_color)
            before = self.gutter.left
            for y in missing:
                # without a style Textual's filter for NO_COLOR breaks
                strip = self.render_line(y).adjust_cell_length(content, blank)
                if before:
                    strip = Strip([Segment(" " * before, blank), *strip], before + content)
                strip = strip.adjust_cell_length(width, blank)
                for each in filters:
                    strip = strip.apply_filter(each, background)
                kept[y] = strip
        strips = [kept[y] for y in crop.line_range]
        first, stop = crop.column_span
        if (first, stop) == (0, width):
            return strips
        return [strip.crop(first, stop) for strip in strips]

    def _forget(self, regions: tuple[Region, ...]) -> None:
        if not regions:
            self._kept = None
        elif self._kept is not None:
            for region in regions:
                for y in region.line_range:
                    self._kept[1].pop(y, None)

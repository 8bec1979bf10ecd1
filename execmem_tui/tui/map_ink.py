"""The lines of the map as strips: rows in the palette's styles, what a tour points at, the cursor, the frame."""

from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from execmem_tui.model.areas import Area
from execmem_tui.model.units import format_size
from execmem_tui.tui.palette import Palette
from execmem_tui.view.axis import Axis, Line, MapView
from execmem_tui.view.legend import Sight, sight_of
from execmem_tui.view.light import CIRCLED, Light, Shine
from execmem_tui.view.marks import Mark
from execmem_tui.view.rows import MapColumns, MapRows
from execmem_tui.view.shown import Extent

_CACHE: Final = 4096
"""Rows kept: some screens of panning and zooming back and forth."""

_EXTENT_WORDS: Final = {
    Extent.USED: "what is used, the rest folded",
    Extent.WINDOW: "the window to scale",
    Extent.WHOLE: "everything to scale",
}


class MapInk:
    """Strips of one palette. Rows are kept by what they show, whatever step or place they are of."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self._rows: dict[tuple[object, ...], tuple[Strip, Sight]] = {}

    def title(self, axis: Axis, extent: Extent, width: int) -> Strip:
        """Return the line above the map: its scale, and what `0` shows."""
        words = f"{format_size(axis.cell)} a cell · {format_size(axis.row_bytes)} a row"
        right = f"0: {_EXTENT_WORDS[extent]} ─"
        left = f"── {words} "
        room = width - len(left) - len(right) - 1
        text = f"{left}{'─' * room} {right}" if room > 0 else left.ljust(width, "─")
        return Strip([Segment(text[:width], self.palette.muted)]).adjust_cell_length(width)

    def row(self, line: Line, axis: Axis, rows: MapRows) -> tuple[Strip, Sight]:
        """Return a line without cursor and frame, and what is to be seen in it."""
        key = (
            rows.seen(axis, line),
            line,
            axis.cell,
            axis.columns,
            rows.number,
            rows.window,
            rows.shown.paint,
        )
        found = self._rows.get(key)
        if found is None:
            pieces = rows.pieces(axis, line)
            found = Strip(self.palette.segments(pieces)).simplify(), sight_of(pieces)
            if len(self._rows) >= _CACHE:
                self._rows.clear()
            self._rows[key] = found
        return found

    def line(self, line: Line, view: MapView, rows: MapRows, light: Light) -> Strip:
        """Return a line with what a tour points at and with the cursor, without its frame."""
        strip = self._lit(self.row(line, view.axis, rows)[0], line, view.axis, light)
        return self._with_cursor(strip, line, view, rows.shown.snapshot.area_at(view.cursor))

    def framed(
        self, strip: Strip, room: MapColumns, address: tuple[str, str], mark: Mark, *, held: bool
    ) -> Strip:
        """Put a line between its address and its mark.

        Args:
            strip: the line, of any width.
            room: the columns there are.
            address: of the line, in two parts: what it shares with the line before, what changed.
            mark: beside the line.
            held: whether the area under the cursor lies in the line.
        """
        palette = self.palette
        same, changed = address
        space = " " * (room.margin - len(same) - len(changed) - 1)
        edge = Strip(
            [
                Segment(same, palette.muted),
                Segment(changed),
                Segment(space),
                Segment("▌" if held else " ", palette.cursor_mark),
            ]
        )
        whole = Strip.join([edge, strip]).adjust_cell_length(room.width - 1)
        return Strip.join([whole, Strip([Segment(mark.value, palette.mark(mark))])])

    def _lit(self, strip: Strip, line: Line, axis: Axis, light: Light) -> Strip:
        """Dim what a tour does not point at; show where its goal will be, what can be guessed, and was."""
        palette = self.palette
        for first, stop, shine in light.columns(line, axis.cell, axis.columns):
            if shine is Shine.UNLIT:
                inside = strip.crop(first, stop)
                dimmed = [Segment(text, palette.unlit(old or Style())) for text, old, _ in inside]
                strip = Strip.join([strip.crop(0, first), Strip(dimmed), strip.crop(stop)])
            else:
                strip = _styled(strip, first, stop, palette.shine(shine))
        for column, letter in light.signs(line, axis.cell, axis.columns):
            sign = Segment(letter if palette.letters else CIRCLED[letter], palette.sign)
            strip = Strip.join([strip.crop(0, column), Strip([sign]), strip.crop(column + 1)])
        return strip

    def _with_cursor(self, strip: Strip, line: Line, view: MapView, area: Area | None) -> Strip:
        """Underline what the area under the cursor takes of a line; turn the cursor's own cell round."""
        palette, cell = self.palette, view.axis.cell
        if line.fold is not None:
            inside = line.start <= view.cursor < line.end
            return strip.apply_style(palette.cursor) if inside else strip
        if area is not None and area.start < line.end and line.start < area.end:
            first = (max(area.start, line.start) - line.base) // cell
            last = (min(area.end, line.end) - 1 - line.base) // cell + 1
            strip = _styled(strip, first, last, Style(underline=True))
        if line.start <= view.cursor < line.end:
            column = (view.cursor - line.base) // cell
            strip = _styled(strip, column, column + 1, palette.cursor)
        return strip


def _styled(strip: Strip, first: int, last: int, style: Style) -> Strip:
    """Return a strip with some of its columns restyled."""
    inside = strip.crop(first, last)
    lit = Strip(
        [Segment(text, style if under is None else under + style) for text, under, _ in inside]
    )
    return Strip.join([strip.crop(0, first), lit, strip.crop(last)])

"""The lines of the map as strips.

Rows in the palette's styles, what a tour points at, the cursor, the frame.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from execmem_tui.model.areas import Area
from execmem_tui.model.units import Address, Bytes, exact_size
from execmem_tui.tui.columns import Columns
from execmem_tui.tui.palette import Palette
from execmem_tui.view.address_space import divided, piece_at
from execmem_tui.view.axis import Axis, Line
from execmem_tui.view.changes import NO_CHANGES, Changes
from execmem_tui.view.highlight import CIRCLED, NO_HIGHLIGHT, Emphasis, Highlight
from execmem_tui.view.legend import Sight, sight_of
from execmem_tui.view.map_view import MapView
from execmem_tui.view.marks import Mark
from execmem_tui.view.reach import RoxBlock
from execmem_tui.view.rows import MapColumns, MapRows
from execmem_tui.view.rox_share import Stroke, shares
from execmem_tui.view.shown import Extent
from execmem_tui.view.words import Tone, cut_at_end

_CACHE: Final = 1024
"""Rows kept: some screens of panning and zooming back and forth. A painted one takes some 10
KiB."""

_UNDER: Final = Style(underline=True)
_NAME: Final = Style(underline=True, reverse=True)

Touch = tuple[tuple[int, int] | None, tuple[int, int] | None, tuple[int, int] | None]
"""Columns [first, stop) of a line:
of the area under the cursor, of what of it is named there, of the cursor."""

_EXTENT_WORDS: Final = {
    Extent.USED: "what is used, rest folded",
    Extent.WINDOW: "the window to scale",
    Extent.WHOLE: "everything to scale",
}


class Frame(NamedTuple):
    """What surrounds a line."""

    room: MapColumns
    address: tuple[str, str]
    """In two parts: what it shares with the line before, and what changed."""
    mark: Mark
    """Beside the line."""
    held: bool
    """Whether the area under the cursor lies in the line."""


class Over(NamedTuple):
    """What is drawn over the lines."""

    area: Area | None
    """The one under the cursor."""
    highlight: Highlight = NO_HIGHLIGHT
    """Where a tour points."""
    pins: tuple[tuple[Address, Mark], ...] = ()
    """Addresses that carry a mark."""
    changes: Changes = NO_CHANGES
    """What came and went a moment ago."""
    blocks: tuple[RoxBlock, ...] = ()
    """Of the ROX cache: what is free of one says how much is used."""


class _Row:
    """A line without cursor and frame, and as it was painted last.

    That is most often how it is painted next.
    """

    __slots__ = ("_background", "_on", "columns", "key", "painted", "sight")

    def __init__(self, columns: Columns, sight: Sight) -> None:
        self.columns = columns
        self.sight = sight
        self.key: tuple[object, ...] = ()
        self.painted: Strip | None = None
        self._background: tuple[Style, int] | None = None
        self._on = columns

    def on(self, background: Style, width: int) -> Columns:
        """Return the line on a background, as wide as there is room."""
        if self._background != (background, width):
            self._background, self._on = (
                (background, width),
                self.columns.fitted(width).on(background),
            )
        return self._on


class MapRenderer:
    """Strips of one palette.

    Rows are kept by what they show, whatever step or place they are of.
    """

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self._rows: dict[tuple[object, ...], _Row] = {}

    def heading(self, letter: str, name: str, aside: str, width: int) -> Strip:
        """Return the line above one of two maps.

        Which of the two it is, its name, something aside.
        """
        left, right = f"━ {letter} ", f" {aside} ━"
        room = width - len(left) - len(right) - 1
        if room < len(name):
            room, right = width - len(left) - 1, ""
        text = cut_at_end(name, room)
        segments = [
            Segment(left, self.palette.tone(Tone.ACCENT)),
            Segment(text, self.palette.strong),
            Segment(f" {'━' * max(0, room - len(text))}{right}", self.palette.muted),
        ]
        return Strip(segments).adjust_cell_length(width)

    def title(
        self, axis: Axis, extent: Extent, width: int, *, fitted: bool, place: str = ""
    ) -> Strip:
        """Return the line above the map: its scale, what is shown, and what `0` shows instead.

        Args:
            axis: of the map.
            extent: what is shown; not `fitted`, a part is, and `0` shows the extent.
            width: columns.
            fitted: all of the extent is shown.
            place: what is under the cursor, where nothing beside the map says so.
        """
        words = f"{exact_size(axis.cell)} a cell · {exact_size(axis.row_bytes)} a row"
        left, here = f"── {words} ", _EXTENT_WORDS[extent]
        key = f"0: {_EXTENT_WORDS[extent.next] if fitted else here} ─"
        if place:
            choice = [f"{place} · {key}", f"{cut_at_end(place, width - len(left) - 4)} ─"]
        else:
            choice = [f"{here} · {key}", f"{here} ─"] if fitted else [key]
        for right in choice:
            room = width - len(left) - len(right) - 1
            if room > 0:
                text = f"{left}{'─' * room} {right}"
                break
        else:
            text = left.ljust(width, "─")
        return Strip([Segment(text[:width], self.palette.muted)]).adjust_cell_length(width)

    def sight(self, line: Line, axis: Axis, rows: MapRows) -> Sight:
        """Return what is to be seen in a line."""
        return self._row(line, axis, rows).sight

    def line(
        self,
        line: Line,
        view: MapView,
        rows: MapRows,
        over: Over,
        frame: Frame,
        background: Style,
    ) -> Strip:
        """Return a line with all that is drawn over it and beside it.

        Args:
            line: one of the view's.
            view: the part of the axis, and the cursor.
            rows: what the lines show.
            over: what is drawn over it.
            frame: what surrounds the line.
            background: style of the widget, under all others.
        """
        row, axis = self._row(line, view.axis, rows), view.axis
        touch = _touch(line, view, over.area)
        highlight = over.highlight
        emphases = (
            *over.changes.columns(line, axis.cell, axis.columns),
            *highlight.columns(line, axis.cell, axis.columns),
        )
        letters = highlight.signs(line, axis.cell, axis.columns)
        circled = ((at, each if self.palette.letters else CIRCLED[each]) for at, each in letters)
        signs = (*_pinned(over.pins, line, axis.cell), *circled)
        used = tuple(shares(over.blocks, line, axis.cell, axis.columns)) if over.blocks else ()
        key = (frame, touch, emphases, signs, used, background)
        if row.painted is None or row.key != key:
            room = frame.room
            width = room.width - room.margin - 1
            columns = row.on(background, width)
            if used:
                columns = self._written(columns, used)
            if emphases or signs:
                # what is dimmed is dimmed by its own colours, the background comes under it
                lit = self._written(row.columns, used) if used else row.columns
                columns = self._lit(lit, emphases, signs).fitted(width).on(background)
            columns = self._with_cursor(columns, touch)
            row.key, row.painted = key, self._framed(columns, frame, background)
        return row.painted

    def _row(self, line: Line, axis: Axis, rows: MapRows) -> _Row:
        key = (
            rows.seen(axis, line),
            line,
            axis.cell,
            axis.columns,
            rows.number,
            rows.window,
            rows.shown.paint.token,
        )
        found = self._rows.get(key)
        if found is None:
            pieces = rows.pieces(axis, line)
            found = _Row(self.palette.columns(pieces), sight_of(pieces))
            if len(self._rows) >= _CACHE:
                del self._rows[next(iter(self._rows))]
            self._rows[key] = found
        return found

    def _framed(self, columns: Columns, frame: Frame, background: Style) -> Strip:
        """Put a line between its address and its mark."""
        palette, room = self.palette, frame.room
        same, changed = frame.address
        return Strip(
            [
                Segment(same, background + palette.muted),
                Segment(changed.ljust(room.margin - len(same) - 1), background),
                Segment("▌" if frame.held else " ", background + palette.cursor_mark),
                *columns.segments,
                Segment(frame.mark.value, background + palette.mark(frame.mark)),
            ],
            room.width,
        )

    def _lit(
        self,
        columns: Columns,
        emphases: tuple[tuple[int, int, Emphasis], ...],
        signs: tuple[tuple[int, str], ...],
    ) -> Columns:
        """Dim what a tour does not point at.

        Show where its goal will be, what can be guessed, and was.
        """
        palette = self.palette
        strip = Strip(columns.segments)
        for first, stop, emphasis in emphases:
            if emphasis is Emphasis.UNLIT:
                inside = strip.crop(first, stop)
                dimmed = [Segment(text, palette.unlit(old or Style())) for text, old, _ in inside]
                strip = Strip.join([strip.crop(0, first), Strip(dimmed), strip.crop(stop)])
            else:
                style = palette.emphasis(emphasis)
                # a name keeps its colour: the accent cannot be read on every kind of cell
                names = style if emphasis is Emphasis.CAME else style.without_color
                columns = Columns(strip).styled(first, stop, style, letters=names)
                strip = Strip(columns.segments)
        for column, letter in signs:
            sign = Strip([Segment(letter, palette.sign)])
            strip = Strip.join([strip.crop(0, column), sign, strip.crop(column + 1)])
        return Columns(strip)

    def _written(self, columns: Columns, strokes: tuple[Stroke, ...]) -> Columns:
        """Write texts over a line, on what is under them."""
        strip = Strip(columns.segments)
        for stroke in strokes:
            stop = stroke.column + len(stroke.text)
            under = strip.crop(stroke.column, stop)
            style = next((each.style for each in under if each.style is not None), Style())
            drawn = Strip([Segment(stroke.text, self.palette.over(style))])
            strip = Strip.join([strip.crop(0, stroke.column), drawn, strip.crop(stop)])
        return Columns(strip)

    def _with_cursor(self, columns: Columns, touch: Touch) -> Columns:
        """Underline what the area under the cursor takes of a line.

        Turn its name and the cursor's cell round.
        """
        under, named, cursor = touch
        if under is not None:
            columns = columns.styled(*under, _UNDER)
        if named is not None:
            columns = columns.styled(*named, _UNDER, _NAME)
        return columns if cursor is None else columns.styled(*cursor, self.palette.cursor)


def _pinned(
    pins: Iterable[tuple[Address, Mark]], line: Line, cell: Bytes
) -> Iterator[tuple[int, str]]:
    """Yield (column, sign) of what is pinned in a line."""
    for at, mark in pins:
        if line.start <= at < line.end:
            yield 0 if line.fold is not None else (at - line.base) // cell, mark.value


def _touch(line: Line, view: MapView, area: Area | None) -> Touch:
    """Return what of a line is under the cursor, and the columns of the cursor: of a fold, all.

    Of an area that is divided, the piece under the cursor has the name.
    """
    cell, cursor = view.axis.cell, view.cursor
    inside = line.start <= cursor < line.end
    if line.fold is not None:
        return None, None, (0, view.axis.columns) if inside else None
    under = named = None
    if area is not None:
        under = named = _taken(line, cell, area.start, area.end)
        if under is not None and divided(area):
            start, end, _ = piece_at(area, cursor)
            named = _taken(line, cell, start, end)
    column = (cursor - line.base) // cell
    return under, named, (column, column + 1) if inside else None


def _taken(line: Line, cell: Bytes, start: Address, end: Address) -> tuple[int, int] | None:
    """Return the columns [first, stop) that [start, end) takes of a line, or None."""
    if start >= line.end or line.start >= end:
        return None
    first = (max(start, line.start) - line.base) // cell
    return first, (min(end, line.end) - 1 - line.base) // cell + 1

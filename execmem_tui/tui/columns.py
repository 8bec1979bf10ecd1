"""Segments of one line by column: some of them are restyled without a look at the others.

A `Strip` remembers how it is cut, filtered and written, and makes eight caches for that: on the way
to what is painted it costs more than what is in it.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from rich.segment import Segment
from rich.style import Style


class Columns:
    """A line in segments. Never changes."""

    __slots__ = ("_stops", "segments")

    def __init__(self, segments: Iterable[Segment], stops: list[int] | None = None) -> None:
        self.segments = list(segments)
        self._stops = (
            list(accumulate(segment.cell_length for segment in self.segments))
            if stops is None
            else stops
        )

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._stops[-1] if self._stops else 0

    def fitted(self, width: int) -> "Columns":
        """Return so many columns: blank ones are added, or the last are left out."""
        segments, stops = self.segments.copy(), self._stops.copy()
        if self.width < width:
            return Columns([*segments, Segment(" " * (width - self.width))], [*stops, width])
        stop = _cut(segments, stops, width)
        return Columns(segments[:stop], stops[:stop])

    def on(self, background: Style) -> "Columns":
        """Return the line with a style under all others."""
        grounded = [
            Segment(text, background if style is None else background + style)
            for text, style, _ in self.segments
        ]
        return Columns(grounded, self._stops)

    def styled(
        self,
        first: int,
        stop: int,
        style: Style,
        bold: Style | None = None,
        letters: Style | None = None,
    ) -> "Columns":
        """Return the line with a style added to the columns [first, stop).

        Args:
            first: of the columns.
            stop: the one after the last.
            style: what is added.
            bold: what is added in its place to letters that are bold.
            letters: what is added in its place to letters, bold or not.
        """

        def added(text: str, under: Style) -> Style:
            if letters is not None and any(map(str.isalnum, text)):
                return letters
            return bold if bold and under.bold and text.strip() else style

        segments, stops = self.segments.copy(), self._stops.copy()
        low, high = _cut(segments, stops, first), _cut(segments, stops, stop)
        segments[low:high] = [
            Segment(
                text,
                style if under is None else under + added(text, under),
            )
            for text, under, _ in segments[low:high]
        ]
        return Columns(segments, stops)


def _cut(segments: list[Segment], stops: list[int], column: int) -> int:
    """Cut what lies across the beginning of a column; return which segment begins there."""
    at = bisect_right(stops, column)
    begin = stops[at - 1] if at else 0
    if at < len(stops) and begin < column:
        segments[at : at + 1] = segments[at].split_cells(column - begin)
        stops.insert(at, column)
        at += 1
    return at

"""Lines of the map in the presenter's view: several rows tall, with a cross to point with."""

from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

_BARS: Final = " ▁▂▃▄▅▆▇█"
_DRAWN: Final = "▏▎▍▌▋▊▉▐│|┃┅┇╎░▒▓╱"
"""Lines and shades, which every row of a tall line has."""
_OPEN: Final = 2
"""Columns beside the centre of the cross that it leaves free."""
_ARM: Final = 10
"""Columns beside its centre that it reaches."""
_HIGH: Final = 2
"""Lines above and below its centre that it reaches: each is as high as four columns are wide."""


def tall_row(strip: Strip, tall: int, row: int) -> Strip:
    """Return one of the rows of a line that is several rows tall; its words are in the first.

    Args:
        strip: the line.
        tall: rows of it.
        row: which, from the top.
    """
    return Strip(
        [
            Segment("".join(_tall_char(char, tall, row) for char in text), style)
            for text, style, _ in strip
        ]
    )


def _tall_char(char: str, tall: int, row: int) -> str:
    """Return what stands for a character in one row of a tall line.

    Bars grow, words are said once.
    """
    height = _BARS.find(char)
    if height > 0:
        full = len(_BARS) - 1
        return _BARS[min(max(height * tall - full * (tall - 1 - row), 0), full)]
    return char if row == 0 or char in _DRAWN else " "


def blanked(strip: Strip) -> Strip:
    """Return as many blanks on the same background."""
    return Strip([Segment(" " * len(text), style) for text, style, _ in strip])


def with_cross(strip: Strip, column: int, away: int, style: Style) -> Strip:
    """Draw what a line has of the cross, which is open at its centre.

    Args:
        strip: a line.
        column: of the centre.
        away: lines from the centre.
        style: of the cross.
    """
    width = strip.cell_length
    if away > _HIGH:
        return strip
    if away:
        return _over(strip, column, column + 1, style)
    strip = _over(strip, max(0, column - _ARM), max(0, column - _OPEN), style)
    return _over(strip, min(column + _OPEN + 1, width), min(column + _ARM + 1, width), style)


def _over(strip: Strip, first: int, last: int, style: Style) -> Strip:
    if first >= last:
        return strip
    inside = [Segment(text, (old or Style()) + style) for text, old, _ in strip.crop(first, last)]
    return Strip.join([strip.crop(0, first), Strip(inside), strip.crop(last)])

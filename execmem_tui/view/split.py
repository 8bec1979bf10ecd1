"""How a terminal's columns are shared between the map and the side panel."""

from typing import Final, NamedTuple

from execmem_tui.view.axis import row_width

NARROW: Final = 110
"""Columns below which the side panel is a sheet."""

WIDE: Final = 240
"""Columns from which two maps are shown without being asked for."""

_TWO_AND_SIDE: Final = 160
"""Columns from which two maps leave room for the side panel."""

_LEAST: Final = 38
_MOST: Final = 64
"""Columns of the side panel, its border counted."""

_BESIDE: Final = 18
"""Columns of the map that are not cells:
a full address, the bar of the area under the cursor, the marks."""

_LIST: Final = 46
_LIST_MOST: Final = 60
"""Columns of the list of areas, its border counted."""

_SHORT: Final = 15
"""The same where the address leaves out what all have in common."""


class Halves(NamedTuple):
    """How the columns are shared by two maps and the side panel."""

    side: int
    """0 where there is none."""
    other: int
    """Of the map on the left, which has the offsets of both."""
    own: int
    """Of the map on the right."""
    bare: bool
    """There is no room for addresses beside the map on the right."""


def halves(columns: int, gutter: int, word_bits: int) -> Halves | None:
    """Return how two maps of one row length share a terminal; None where there is no room for two.

    Args:
        columns: of the terminal.
        gutter: letters of the longest offset.
        word_bits: of the machine on the right: its addresses are shown where there is room.
    """
    side = 0 if columns < _TWO_AND_SIDE else _LEAST
    # each map has a column that marks what is held, the right one another for its marks
    cells = row_width((columns - side - gutter - 4) // 2)
    other = gutter + cells + 1
    room = columns - side - other - 1
    if room < cells + 2:
        return None
    wanted = (word_bits // 4 + 2, 15) if word_bits == 64 else (word_bits // 4 + 2,)
    margin = next((margin for margin in wanted if room >= cells + margin), 2)
    own = cells + margin
    if side:
        side = min(_MOST, columns - other - own - 1)
    return Halves(side=side, other=other, own=own, bare=margin == 2)


class Columns(NamedTuple):
    """Who gets which columns of the main screen; 0 where there is none of its kind."""

    side: int
    """Of the side panel."""
    listed: int
    """Of a list of areas that stands there by itself."""
    halves: Halves | None
    """Of two maps; None where there is one, which takes what is left."""

    @property
    def bare(self) -> bool:
        """Whether the map has no room for addresses beside it."""
        return self.halves is not None and self.halves.bare


def one_map(width: int, word_bits: int) -> Columns:
    """Return how a terminal of `width` columns is shared where there is one map."""
    return Columns(side=side_width(width, word_bits), listed=list_width(width), halves=None)


def two_maps(width: int, gutter: int, word_bits: int) -> Columns:
    """Return how two maps share a terminal, as `halves`; as one does where there is no room."""
    split = halves(width, gutter, word_bits)
    if split is None:
        return one_map(width, word_bits)
    return Columns(side=split.side, listed=0, halves=split)


def side_width(columns: int, word_bits: int) -> int:
    """Return the columns of the side panel: what the map's rows leave, within bounds.

    0 where there is none.

    Args:
        columns: of the terminal.
        word_bits: of an address: short ones leave more.
    """
    if columns < NARROW:
        return 0
    whole = word_bits // 4 + 2
    short = min(whole, _SHORT)
    cells = row_width(columns - short - _LEAST)
    beside = whole if cells + whole + _LEAST <= columns else short
    return max(_LEAST, min(_MOST, columns - cells - beside - list_width(columns)))


def list_width(columns: int) -> int:
    """Return the columns of a list of areas that stands beside the map by itself.

    0 where there is no room to spare.
    """
    if columns < WIDE:
        return 0
    spare = columns - row_width(columns - _SHORT - _LEAST) - _BESIDE - _LEAST
    return min(_LIST_MOST, spare) if spare >= _LIST else 0

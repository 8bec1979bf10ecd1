"""How a terminal's columns are shared between the map and the side panel."""

from typing import Final

from execmem_tui.view.axis import row_width

NARROW: Final = 110
"""Columns below which the side panel is a sheet."""

_LEAST: Final = 38
_MOST: Final = 64
"""Columns of the side panel, its border counted."""

_BESIDE: Final = 18
"""Columns of the map that are not cells: a full address, the bar of the area under the cursor, the marks."""

_SHORT: Final = 15
"""The same where the address leaves out what all have in common."""


def side_width(columns: int) -> int:
    """Return the columns of the side panel: what the map's rows leave, within bounds; 0 where there is none."""
    if columns < NARROW:
        return 0
    cells = row_width(columns - _SHORT - _LEAST)
    beside = _BESIDE if cells + _BESIDE + _LEAST <= columns else _SHORT
    return max(_LEAST, min(_MOST, columns - cells - beside))

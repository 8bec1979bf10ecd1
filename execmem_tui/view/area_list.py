"""The areas as a list: sorted, filtered, a line each."""

from collections.abc import Sequence

from execmem_tui.model.areas import Area
from execmem_tui.model.units import format_size
from execmem_tui.view.finding import Entry


def area_entries(areas: Sequence[Area]) -> list[Entry]:
    """Return what a chooser finds the areas by: their name, and their address beside it."""
    return [
        Entry(area.name, f"{area.start:x}  {format_size(area.size)}  {area.kind}") for area in areas
    ]

"""What stands out on the map for a while: a preview, the ring of a sheet, the light of a tour.

None of it is part of what the source says; each ends with the dialog, the sheet or the tour it
serves.
"""

from collections.abc import Sequence
from typing import Protocol

from execmem_tui.model.areas import Area
from execmem_tui.model.intervals import Interval
from execmem_tui.model.units import Address
from execmem_tui.tui.screens.main import MainScreen
from execmem_tui.tui.shown import Shown
from execmem_tui.view.light import Light


class Highlighted(Protocol):
    """What has a map to highlight something on."""

    shown: Shown
    """The models of the history's step."""

    @property
    def main(self) -> MainScreen:
        """The screen with the map."""

    @property
    def cursor(self) -> Address:
        """The address under the cursor."""


class Highlighting:
    """Shows something on the map that is to be seen for a while, and takes it back."""

    def __init__(self, stage: Highlighted) -> None:
        self._stage = stage
        self._unringed: Light | None = None
        """How the map was lit before a part of it was ringed."""

    def foretell(self, areas: Sequence[Area]) -> None:
        """Show on the map, dashed, what would lie where; nothing for the map as it is."""
        main, shown = self._stage.main, self._stage.shown
        if not areas:
            main.map.shown = shown
            return
        from execmem_tui.view.foretell import PAINT, foretold

        if main.looked_from is None:
            main.looked_from = self._stage.cursor
        main.map.shown = Shown(foretold(shown.snapshot, areas), shown, PAINT)
        main.map.look_at(areas[0].start)

    def ring(self, span: Interval | None) -> None:
        """Ring a part of the map; with None, leave it as it was."""
        detail = self._stage.main.map
        if span is not None:
            self._unringed = light = detail.light
            detail.light = Light(lit=light.lit, ghost=light.ghost, ring=span, letters=light.letters)
        elif self._unringed is not None:
            detail.light, self._unringed = self._unringed, None

"""What stands out on the map for a while: a preview, the ring of a sheet, what a tour points at.

None of it is part of what the source says; each ends with the dialog, the sheet or the tour it
serves.
"""

from collections.abc import Sequence
from typing import Protocol

from execmem_tui.model.areas import Area
from execmem_tui.model.intervals import Interval
from execmem_tui.model.units import Address
from execmem_tui.tui.screens.main import MainScreen
from execmem_tui.view.highlight import Highlight
from execmem_tui.view.shown import Shown


class HighlightingApp(Protocol):
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

    def __init__(self, app: HighlightingApp) -> None:
        self._app = app
        self._unringed: Highlight | None = None
        """How the map was lit before a part of it was ringed."""

    def preview(self, areas: Sequence[Area]) -> None:
        """Show on the map, dashed, what would lie where; nothing for the map as it is."""
        main, shown = self._app.main, self._app.shown
        if not areas:
            main.map.shown = shown
            return
        from execmem_tui.view.preview_lens import PAINT, with_preview

        if main.looked_from is None:
            main.looked_from = self._app.cursor
        main.map.shown = Shown(with_preview(shown.snapshot, areas), shown, PAINT)
        main.map.look_at(areas[0].start)

    def ring(self, span: Interval | None) -> None:
        """Ring a part of the map; with None, leave it as it was."""
        detail = self._app.main.map
        if span is not None:
            self._unringed = highlight = detail.highlight
            detail.highlight = highlight._replace(ring=span)
        elif self._unringed is not None:
            detail.highlight, self._unringed = self._unringed, None

"""What a step changed flashes once on the map: a timer that the next step takes over."""

from typing import Final, Protocol

from execmem_tui.sources.base import Source
from execmem_tui.tui.counting import Handle, Scheduler
from execmem_tui.view.changes import NO_CHANGES, Changes, changes_of
from execmem_tui.view.shown import Shown

FLASH: Final = 0.4
"""Seconds."""


class FlashingApp(Scheduler, Protocol):
    """What may show what a step changed."""

    source: Source
    """What feeds the map."""
    shown: Shown
    """The models of the step."""

    def show_changes(self, found: Changes) -> None:
        """Let it stand out on the map, or nothing."""


class Flashing:
    """Shows what each step changed, for a moment."""

    def __init__(self, app: FlashingApp) -> None:
        self._app = app
        self._handle: Handle | None = None

    def follow(self) -> None:
        """Another step is shown. Where no time passes (a picture, a demo) nothing flashes."""
        app = self._app
        self.close()
        if app.rest:
            found = changes_of(app.source.history.group(), app.shown.snapshot)
            app.show_changes(found)
            if found != NO_CHANGES:
                self._handle = app.after(FLASH, self._end)

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _end(self) -> None:
        self._handle = None
        self._app.show_changes(NO_CHANGES)

"""What a step changed flashes once on the map: a timer that the next step takes over."""

from typing import Final, Protocol

from execmem_tui.sources.base import Source
from execmem_tui.tui.counting import Handle, Putting
from execmem_tui.tui.shown import Shown
from execmem_tui.view.news import NOTHING, News, news

FLASH: Final = 0.4
"""Seconds."""


class Flashed(Putting, Protocol):
    """What may show what a step changed."""

    source: Source
    """What feeds the map."""
    shown: Shown
    """The models of the step."""

    def show_news(self, found: News) -> None:
        """Let it stand out on the map, or nothing."""


class Flashing:
    """Shows what each step changed, for a moment."""

    def __init__(self, stage: Flashed) -> None:
        self._stage = stage
        self._handle: Handle | None = None

    def follow(self) -> None:
        """Another step is shown. Where no time passes (a picture, a demo) nothing flashes."""
        stage = self._stage
        self.close()
        if stage.rest:
            found = news(stage.source.history.group(), stage.shown.snapshot)
            stage.show_news(found)
            if found != NOTHING:
                self._handle = stage.after(FLASH, self._end)

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _end(self) -> None:
        self._handle = None
        self._stage.show_news(NOTHING)

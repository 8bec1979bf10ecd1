"""The presenter's view: for a projector, with little on it and that large."""

from typing import Final, Protocol

from execmem_tui.model.records import frozen
from execmem_tui.tui.stage import Stage

CONTRAST: Final = "execmem-contrast"


class Presented(Stage, Protocol):
    """A stage whose look can be changed."""

    theme: str
    """Name of the theme."""

    def load_themes(self) -> None:
        """Register all themes."""

    def enlarge(self, *, on: bool) -> None:
        """Leave out what a hall does not need and set the sentence in a frame, or undo that."""


@frozen
class _Before:
    """What the presenter's view changes."""

    theme: str
    follows: bool


class PresenterActions:
    """The key of the presenter's view."""

    def __init__(self, stage: Presented) -> None:
        self._stage = stage
        self._before: _Before | None = None

    def action_presenter(self) -> None:
        """Begin it, or go back to what was before."""
        stage, before = self._stage, self._before
        if before is not None:
            self._before = None
            stage.enlarge(on=False)
            stage.theme, stage.follows = before.theme, before.follows
            return
        self._before = _Before(stage.theme, stage.follows)
        stage.load_themes()
        stage.theme, stage.follows = CONTRAST, True
        stage.enlarge(on=True)

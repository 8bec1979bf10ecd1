"""The presenter's view: for a projector, with little on it and that large."""

from collections.abc import Mapping
from typing import Final, Protocol

from execmem_tui.model.records import frozen
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.tui.themes import CONSOLE, SIXTEEN_COLOURS

CONTRAST: Final = "execmem-contrast"
CLICKER: Final[Mapping[str, str]] = {"page_down": "forward", "page_up": "backward"}
"""What the two keys of a presenter's remote do in the place of what they do else."""


class PresenterApp(AppProtocol, Protocol):
    """An application whose look can be changed."""

    theme: str
    """Name of the theme."""

    def load_themes(self) -> None:
        """Register all themes."""

    def enlarge(self, *, on: bool) -> None:
        """Make what an audience looks at large and leave out the rest, or undo that."""

    def turn(self, *, forward: bool) -> None:
        """Go on or back: by a stop of the tour, a sentence of the scenario, a mark."""


@frozen
class _Before:
    """What the presenter's view changes."""

    theme: str
    follows: bool


class PresenterActions:
    """The keys of the presenter's view."""

    def __init__(self, app: PresenterApp) -> None:
        self._app = app
        self._before: _Before | None = None

    def action_presenter(self) -> None:
        """Begin it, or go back to what was before."""
        app, before = self._app, self._before
        if before is not None:
            self._before = None
            app.enlarge(on=False)
            app.theme, app.follows = before.theme, before.follows
            return
        self._before = _Before(app.theme, app.follows)
        app.load_themes()
        if app.theme not in (SIXTEEN_COLOURS, CONSOLE):  # its colours would be the nearest of few
            app.theme = CONTRAST
        app.follows = True
        app.enlarge(on=True)

    def action_forward(self) -> None:
        """On by a sentence."""
        self._app.turn(forward=True)

    def action_backward(self) -> None:
        """Back by a sentence."""
        self._app.turn(forward=False)

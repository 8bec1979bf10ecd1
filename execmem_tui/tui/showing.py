"""Which source is shown, and which was shown before it."""

from collections.abc import Sequence
from typing import Protocol

from execmem_tui.sources.base import Followed, Source
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.tui.colouring import Colouring


class WaitingApp(AppProtocol, Protocol):
    """An application that may have nothing to show yet."""

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to show yet."""


class Showing:
    """Changes the source. What was shown before comes back until something is done."""

    def __init__(self, app: WaitingApp, colouring: Colouring) -> None:
        self._app = app
        self._colouring = colouring
        self._before: tuple[Source, Sequence[str] | None] | None = None

    def show(self, source: Source) -> None:
        """Show another source from here on; a running kernel is no longer followed."""
        app = self._app
        app.following = app.playing = False
        gone = app.waiting or isinstance(app.source, Followed)
        self._before = None if gone else (app.source, app.opened)
        if isinstance(app.source, Followed):
            app.source.close()
        app.opened = None
        self._put(source)

    def show_whole(self, part: Source, whole: Source) -> None:
        """Put a source where a part of it is, shown or behind it, and look where one looked."""
        app = self._app
        if self._before is not None and self._before[0] is part:
            self._before = whole, self._before[1]
        if app.source is not part:
            return
        pane, origin, cursor = app.pane, app.origin, app.cursor
        self._put(whole)
        app.origin = origin
        app.look_at(cursor, pane=pane)

    def show_before(self) -> bool:
        """Show again what was shown before; False where that is no longer to be had."""
        if self._before is None:
            return False
        source, self._app.opened = self._before
        self._before = None
        self._put(source)
        self._app.say(f"back to {source.title}")
        return True

    def touched(self) -> None:
        """Something was done to the source: what was shown before it is no longer to be had."""
        self._before = None

    def _put(self, source: Source) -> None:
        app = self._app
        app.origin = app.second = None
        app.pane = 1
        snapshot = source.history.snapshot()
        app.shown = self._colouring.shown(snapshot, source=source)
        app.source = source
        app.following = isinstance(source, Followed)

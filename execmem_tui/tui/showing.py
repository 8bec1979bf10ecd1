"""Which source is shown, and which was shown before it."""

from collections.abc import Sequence
from typing import Protocol

from execmem_tui.sources.base import Followed, Source
from execmem_tui.tui.colouring import Colouring
from execmem_tui.tui.stage import Stage


class Waiting(Stage, Protocol):
    """A stage that may have nothing to show yet."""

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to show yet."""


class Showing:
    """Changes the stage's source. What was shown before comes back until something is done."""

    def __init__(self, stage: Waiting, colouring: Colouring) -> None:
        self._stage = stage
        self._colouring = colouring
        self._before: tuple[Source, Sequence[str] | None] | None = None

    def show(self, source: Source) -> None:
        """Show another source from here on; a running kernel is no longer followed."""
        stage = self._stage
        stage.following = stage.playing = False
        gone = stage.waiting or isinstance(stage.source, Followed)
        self._before = None if gone else (stage.source, stage.opened)
        if isinstance(stage.source, Followed):
            stage.source.close()
        stage.opened = None
        self._put(source)

    def show_whole(self, part: Source, whole: Source) -> None:
        """Put a source where a part of it is, shown or behind it, and look where one looked."""
        stage = self._stage
        if self._before is not None and self._before[0] is part:
            self._before = whole, self._before[1]
        if stage.source is not part:
            return
        pane, origin, cursor = stage.pane, stage.origin, stage.cursor
        self._put(whole)
        stage.origin = origin
        stage.look_at(cursor, pane=pane)

    def show_before(self) -> bool:
        """Show again what was shown before; False where that is no longer to be had."""
        if self._before is None:
            return False
        source, self._stage.opened = self._before
        self._before = None
        self._put(source)
        self._stage.say(f"back to {source.title}")
        return True

    def touched(self) -> None:
        """Something was done to the source: what was shown before it is no longer to be had."""
        self._before = None

    def _put(self, source: Source) -> None:
        stage = self._stage
        stage.origin = stage.second = None
        stage.pane = 1
        snapshot = source.history.snapshot()
        stage.shown = self._colouring.shown(snapshot, source=source)
        stage.source = source
        stage.following = isinstance(source, Followed)

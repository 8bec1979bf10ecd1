"""What moves by itself: the player of events, the reads of a running kernel."""

from collections.abc import Callable
from typing import Final, Protocol

from textual.timer import Timer

from execmem_tui.sources.base import SourceKind
from execmem_tui.tui.stage import Stage

PLAY_INTERVAL: Final = 0.2
"""Seconds between two ticks of the player."""


class Moved(Stage, Protocol):
    """A stage with timers."""

    play_interval: float
    """Seconds between two ticks of the player."""

    def every(self, seconds: float, do: Callable[[], None]) -> Timer:
        """Do something again and again until the timer is stopped."""

    def show_moving(self, *, moving: bool) -> None:
        """Tell whether time moves by itself."""


class Moving:
    """Two timers that follow the stage's `playing` and `following`.

    Args:
        stage: what moves.
        tick: plays on.
        read: reads the running kernel once.
    """

    def __init__(self, stage: Moved, tick: Callable[[], None], read: Callable[[], None]) -> None:
        self._stage = stage
        self._tick = tick
        self._read = read
        self._player: Timer | None = None
        self._follower: Timer | None = None

    def play(self) -> None:
        """Start or stop the player."""
        stage = self._stage
        if stage.playing and stage.source.kind is SourceKind.SCENARIO:
            stage.follows = True  # a story is told where it happens
        if self._player is not None:
            self._player.stop()
        self._player = stage.every(stage.play_interval, self._tick) if stage.playing else None
        self._show()

    def follow(self) -> None:
        """Begin or cease to read the running kernel, as often as the stage's `interval` says."""
        stage = self._stage
        if self._follower is not None:
            self._follower.stop()
        self._follower = stage.every(stage.interval, self._read) if stage.following else None
        self._show()

    def _show(self) -> None:
        self._stage.show_moving(moving=self._stage.playing or self._stage.following)

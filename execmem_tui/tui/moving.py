"""What moves by itself: the player of events, the reads of a running kernel."""

from collections.abc import Callable
from typing import Final, Protocol

from textual.timer import Timer

from execmem_tui.sources.base import SourceKind
from execmem_tui.tui.app_protocol import AppProtocol

PLAY_INTERVAL: Final = 0.2
"""Seconds between two ticks of the player."""


class TimerApp(AppProtocol, Protocol):
    """An application with timers."""

    play_interval: float
    """Seconds between two ticks of the player."""

    def every(self, seconds: float, do: Callable[[], None]) -> Timer:
        """Do something again and again until the timer is stopped."""

    def show_moving(self, *, moving: bool) -> None:
        """Tell whether time moves by itself."""


class Moving:
    """Two timers that follow the application's `playing` and `following`.

    Args:
        app: what moves.
        tick: plays on.
        read: reads the running kernel once.
    """

    def __init__(self, app: TimerApp, tick: Callable[[], None], read: Callable[[], None]) -> None:
        self._app = app
        self._tick = tick
        self._read = read
        self._player: Timer | None = None
        self._follower: Timer | None = None

    def play(self) -> None:
        """Start or stop the player."""
        app = self._app
        if app.playing and app.source.kind is SourceKind.SCENARIO:
            app.follows = True  # a story is told where it happens
        if self._player is not None:
            self._player.stop()
        self._player = app.every(app.play_interval, self._tick) if app.playing else None
        self._show()

    def follow(self) -> None:
        """Begin or cease to read the running kernel, once every `interval` seconds."""
        app = self._app
        if self._follower is not None:
            self._follower.stop()
        self._follower = app.every(app.interval, self._read) if app.following else None
        self._show()

    def _show(self) -> None:
        self._app.show_moving(moving=self._app.playing or self._app.following)

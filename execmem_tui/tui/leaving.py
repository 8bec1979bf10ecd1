"""Leaving on a signal as on `q`, also where the terminal is gone."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

_LAST_SECONDS: Final = 2.0
"""From a signal to the end, at the most."""


class Signals:
    """SIGTERM and SIGHUP leave, so that what a source took is given back.

    Windows has neither SIGHUP nor handlers in its loop: there the default stays.

    Args:
        leave: called in the event loop, with the exit code.
        is_headless: whether there is no terminal whose end could hold the process.
    """

    def __init__(self, leave: Callable[[int], None], is_headless: Callable[[], bool]) -> None:
        self._leave = leave
        self._is_headless = is_headless
        self._before: dict[int, Any] = {}

    def take(self) -> None:
        """Leave on them from here on. Called in the event loop."""
        if sys.platform == "win32":
            return
        loop = asyncio.get_running_loop()

        def leave(number: int, _: object) -> None:
            # Not a handler of the loop: it must run while the loop waits for a dead terminal.
            self._end_soon(128 + number)
            loop.call_soon_threadsafe(self._leave, 128 + number)

        for number in (signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, leave)

    def give_back(self) -> None:
        """Let them do again what they did before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end_soon(self, code: int) -> None:
        """End the process in two seconds, whatever it waits for then.

        Where the terminal is gone, the thread that writes to it has died; Textual then waits for
        ever for room in its queue (textual/drivers/_writer_thread.py: MAX_QUEUED_WRITES).
        """
        if not self._is_headless():
            last = threading.Timer(_LAST_SECONDS, os._exit, (code,))
            last.daemon = True
            last.start()

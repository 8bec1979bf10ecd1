"""The driver of an application that a browser shows: it ends with its server.

Textual's own, once the server is gone, goes on without anybody who could see it or press a key.
"""

import os
from functools import partial
from typing import Any

from textual import messages
from textual.app import App
from textual.drivers.web_driver import WebDriver


class ServedDriver(WebDriver):
    """Textual's web driver, which ends the application when stdin ends or nobody reads stdout."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._write = partial(self._write_or_end, self._write)

    def _write_or_end(self, write: Any, data: bytes) -> int:
        try:
            written: int = write(data)
        except BrokenPipeError:
            # What the end of the application still writes goes nowhere, and gives back in order
            # what its source took.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno)
            os.close(nowhere)
            self._end()
            return len(data)
        return written

    def run_input_thread(self) -> None:
        """Pass input on until it ends."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._end()

    def _end(self) -> None:
        self._app.post_message(messages.ExitApp())

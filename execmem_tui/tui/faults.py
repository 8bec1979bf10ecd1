"""What goes wrong is shown, and the application goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import extract_tb
from typing import Any, Final, Protocol

from textual.screen import Screen
from textual.worker import WorkerFailed

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.text import printable
from execmem_tui.tui.app_protocol import Severity

_Place = tuple[str, str, int]
"""Of a fault: its type, and where it was raised."""


class FaultApp(Protocol):
    """What can show a fault, and knows whether it shows one."""

    def ask(self, dialog: Screen[Any]) -> None:
        """Show a dialog or a sheet."""

    def say(self, text: str, title: str = "", severity: Severity = "information") -> None:
        """Tell something in passing. `text` is printable."""

    @property
    def in_error_sheet(self) -> bool:
        """Whether a fault is being read."""


def place_of(error: Exception) -> _Place:
    """Return the type of an error, and the file and line that raised it."""
    frames = extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return type(error).__name__, last.filename if last else "", (last.lineno or 0) if last else 0


class Faults:
    """Shows errors on an application.

    What breaks by itself (a widget that is drawn, a timer, a handler of mouse moves) breaks again
    and again: each place in the source gets its sheet once. What the user asked for is answered
    each time.
    """

    def __init__(self, app: FaultApp) -> None:
        self._app = app
        self._told: set[_Place] = set()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Show what is raised inside, and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the application must outlive its faults
            self.show(error)

    def show(self, error: Exception) -> None:
        """Say what was expected to go wrong at times; show a sheet for what was not."""
        if isinstance(error, ExecmemTuiError | OSError):
            self._app.say(printable(str(error), 500), severity="error")
            return
        from execmem_tui.tui.screens.sheets import ErrorSheet

        self._app.ask(ErrorSheet(error))

    def show_once(self, error: Exception) -> None:
        """Show what broke by itself, unless that was told, or another fault is being read."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        place = place_of(error)
        if place in self._told or self._app.in_error_sheet:
            return
        self._told.add(place)
        self.show(error)


SAYS: Final = "cannot be drawn: "
"""Before the error, where a widget should be."""


def said_in_place(error: Exception) -> str:
    """Return the line that stands where a widget could not be drawn."""
    return f"{SAYS}{type(error).__name__}: {printable(str(error), 200)}"

"""What goes wrong is shown, and the application goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.text import printable
from execmem_tui.tui.stage import Stage


class Faults:
    """Shows errors on a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

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
            self._stage.say(printable(str(error), 500), severity="error")
            return
        from execmem_tui.tui.screens.sheets import ErrorSheet

        self._stage.ask(ErrorSheet(error))

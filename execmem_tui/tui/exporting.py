"""Writing what is shown to a file."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

from execmem_tui.files.regular import user_path
from execmem_tui.model.text import printable
from execmem_tui.tui.app_protocol import AppProtocol


class ExportApp(AppProtocol, Protocol):
    """An application of which a picture can be taken."""

    def export_screenshot(self) -> str:
        """Return the screen as SVG."""

    def call_after_refresh(self, callback: Callable[[], None]) -> bool:
        """Do something when what was asked for before is on the screen."""

    def guarded(self) -> AbstractContextManager[None]:
        """Show what is raised inside, and go on."""


class ExportActions:
    """The key that writes the map, or the screen as a picture."""

    def __init__(self, app: ExportApp) -> None:
        self._app = app

    def action_export(self) -> None:
        """Ask where to."""
        from execmem_tui.cli.export import WHAT
        from execmem_tui.tui.screens.dialogs import AskLine

        self._app.ask(AskLine("Write to", self.export, "execmem-map.txt", what=WHAT))

    def export(self, line: str) -> None:
        """Write to the path `line`; what is there already is not overwritten.

        Raises:
            UsageError: it is no path, its suffix says what cannot be written, or it is there.
            OSError: it cannot be written.
        """
        from execmem_tui.cli.export import PNG, check_export, exported

        path = user_path(line)
        check_export(path)
        if path.suffix in (".svg", PNG):
            # The dialog that asked for the path is still there; the picture is taken without it.
            self._app.call_after_refresh(partial(self._take, path))
        else:
            app = self._app
            self.write(path, exported(app.shown.snapshot, app.source.title, path.suffix))

    def _take(self, path: Path) -> None:
        with self._app.guarded():
            self.draw(path, self._app.export_screenshot())

    def draw(self, path: Path, svg: str) -> None:
        """Write a picture of the screen, in the form that the path's suffix says.

        Raises:
            UsageError, OSError: as `write`.
        """
        if path.suffix == ".svg":
            self.write(path, svg)
            return
        from execmem_tui.view.png import png

        self.write(path, png(svg))

    def write(self, path: Path, content: str | bytes) -> None:
        """Write a new file, and say so.

        Raises:
            UsageError: it is there.
            OSError: it cannot be written.
        """
        from execmem_tui.files.publish import write_new

        write_new(path, content)
        self._app.say(f"wrote {printable(str(path))}")

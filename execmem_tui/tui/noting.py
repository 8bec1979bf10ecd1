"""The key of the notebook: a moment, where one looked, what colour told, and a sentence."""

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import evolve

from execmem_tui.model.text import printable
from execmem_tui.sources.base import Captioned
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.view.paint import LensName
from execmem_tui.view.sentence import said

if TYPE_CHECKING:
    from execmem_tui.tours.notebook import Note, Notebook

_NAME: Final = 40
"""Characters of a file's name that the source's title gives."""


def notebooks() -> Path:
    """Return the folder of the notebooks: ``notebooks`` where the tours' progress is kept."""
    from execmem_tui.tours.progress import progress_file

    return progress_file().parent / "notebooks"


class NoteActions:
    """One notebook for each source that is shown."""

    def __init__(self, app: AppProtocol) -> None:
        self._app = app
        self._book: Notebook | None = None
        self._path: Path | None = None

    def action_note(self) -> None:
        """Keep what is shown now; ask for the sentence.

        Raises:
            UsageError: it cannot be shown again.
        """
        from execmem_tui.tours.notebook import Notebook, header
        from execmem_tui.tui.screens.dialogs import AskLine

        app = self._app
        kept = header(app.source, app.opened or ())
        if self._book is None or self._book.header != kept:
            self._book, self._path = Notebook(app.source.title, kept), None
        ask = AskLine(
            "Keep this moment",
            partial(self._keep, self._book, self._now()),
            self._sentence(),
            what="What is to be seen here? The notebook is a tour.",
        )
        app.ask(ask)

    def _sentence(self) -> str:
        source = self._app.source
        if isinstance(source, Captioned):
            return source.caption(source.history.step).partition("\n")[0]
        return said(source.history).text

    def _now(self) -> "Note":
        from execmem_tui.tours.notebook import Note

        app = self._app
        history = app.source.history
        area = app.shown.snapshot.area_at(app.cursor)
        alone = app.lens is not LensName.DIFFERENCE  # that needs a pinned moment too
        return Note(
            say="",
            step=history.step if history.steps else None,
            at=app.cursor,
            area=None if area is None else (area.start, area.end),
            pane=app.pane,
            lens=app.lens.value if alone else "",
        )

    def _keep(self, book: "Notebook", note: "Note", sentence: str) -> None:
        """Write the notebook with one more note.

        Raises:
            OSError: it cannot be written.
        """
        from execmem_tui.files.publish import rewrite, write_new

        book.notes.append(evolve(note, say=sentence))
        try:
            if self._path is None:
                path = self._fresh(book.title)
                write_new(path, book.text())
                self._path = path
            else:
                rewrite(self._path, book.text())
        except OSError:
            book.notes.pop()
            raise
        words = f"execmem-tui tour {printable(str(self._path), 300)}"
        self._app.say(f"note {len(book.notes)} kept: {words}", title="notebook")

    @staticmethod
    def _fresh(title: str) -> Path:
        """Return a name that nothing has; its folder is made, for its owner alone."""
        folder = notebooks()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:_NAME].strip("-")
        number = 1
        while (path := folder / f"{name}-{number}.toml").exists():
            number += 1
        return path

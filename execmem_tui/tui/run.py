"""The entry from the command line to the screen: show a source until the user leaves."""

from collections.abc import Mapping

from execmem_tui.sources.base import Source
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.start import Opening, Start

__all__ = ["Opening", "Start", "run_app", "run_opening"]


def run_app(
    source: Source,
    *,
    theme: str | None = None,
    keymap: Mapping[str, str] | None = None,
    start: Start | None = None,
) -> int:
    """Show `source` until the user leaves; return the exit code.

    `keymap` gives actions other keys, `start` says where to look at first.
    """
    app = ExecmemApp(source, theme=theme, keymap=keymap, start=start)
    result = app.run()
    return app.return_code or (result or 0)


def run_opening(
    opening: Opening,
    *,
    theme: str | None = None,
    keymap: Mapping[str, str] | None = None,
    start: Start | None = None,
) -> int:
    """Paint first, then open a source and show it; return the exit code.

    What is begun is there with the first paint.

    Raises:
        ExecmemTuiError, OSError: it cannot be opened.
    """
    begun = opening.begun
    if begun is not None and begun.source is not None and begun.fraction == 1.0:
        for _ in opening.opener:  # it has nothing more, and gives back what it took
            pass
        app = ExecmemApp(begun.source, theme=theme, keymap=keymap, start=start)
        app.opened = opening.words
    else:
        source = None if begun is None else begun.source
        if source is None:
            from execmem_tui.tui.opening import nothing

            source = nothing(opening.name)
        app = ExecmemApp(source, theme=theme, keymap=keymap, opening=opening, start=start)
    result = app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or (result or 0)

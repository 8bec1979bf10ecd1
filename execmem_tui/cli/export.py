"""What is looked at as a file: its form by its suffix."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from execmem_tui.files.publish import refuse_existing
from execmem_tui.model.errors import UsageError
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.text import printable

WHAT: Final = ".txt: the map; .svg, .png: a picture; .html: both; .json: everything"
"""The suffixes, for those who are asked for a name."""
PNG: Final = ".png"
_WIDTH: Final = 120
"""Columns of a text."""


def _text(snapshot: Snapshot, title: str) -> str:
    from execmem_tui.view.plain import plain_map

    return "\n".join(plain_map(snapshot, title, width=_WIDTH)) + "\n"


def _svg(snapshot: Snapshot, title: str) -> str:
    from execmem_tui.view.svg import svg_map

    return svg_map(snapshot, title) + "\n"


def _png(snapshot: Snapshot, title: str) -> bytes:
    from execmem_tui.view.png import png

    return png(_svg(snapshot, title))


def _html(snapshot: Snapshot, title: str) -> str:
    from execmem_tui.view.page import html_page

    return html_page(snapshot, title)


def _json(snapshot: Snapshot, title: str) -> str:
    from execmem_tui.cli.map_document import map_document
    from execmem_tui.cli.output import json_text

    del title  # as `map --json`
    return json_text(map_document(snapshot))


_FORMS: Final[dict[str, Callable[[Snapshot, str], str | bytes]]] = {
    "": _text,
    ".txt": _text,
    ".svg": _svg,
    PNG: _png,
    ".html": _html,
    ".json": _json,
}


def check_export(path: Path) -> None:
    """Refuse a file that cannot be written.

    Raises:
        UsageError: no such form, nobody can draw it, or something has that name.
    """
    if path.suffix not in _FORMS:
        raise UsageError(f"cannot write {printable(path.suffix, 20)}", hint=WHAT)
    if path.suffix == PNG:
        from execmem_tui.view.png import require_png

        require_png()
    refuse_existing(path)


def exported(snapshot: Snapshot, title: str, suffix: str) -> str | bytes:
    """Return the map in the form that a suffix names; that of `check_export`.

    Args:
        snapshot: what to write.
        title: printable; what is being looked at.
        suffix: ``.txt`` or "", ``.svg``, ``.png``, ``.html``, ``.json``.
    """
    return _FORMS[suffix](snapshot, title)

"""How wide a picture may be."""

import os
import sys
from collections.abc import MutableMapping
from typing import Final

WIDEST: Final = 1000
"""Columns of a plain picture; no terminal is wider."""
_NAMES: Final = ("COLUMNS", "LINES")


def sane_columns(environment: MutableMapping[str, str]) -> None:
    """Forget sizes in the environment that no terminal has.

    Everybody who asks for a size would believe them.
    """
    for name in _NAMES:
        told = environment.get(name)
        if told is not None and not (
            told.isascii() and told.isdecimal() and len(told) <= 5 and 0 < int(told) <= 10 * WIDEST
        ):
            del environment[name]


def _told(usual: int) -> int:
    """Return the columns that the environment or the terminal tells.

    As `shutil.get_terminal_size` does. That one's import takes longer than `ranges` needs to
    compute: three packers' modules.
    """
    try:
        told = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        told = 0
    if told > 0:
        return told
    try:
        return (sys.__stdout__ and os.get_terminal_size(sys.__stdout__.fileno()).columns) or usual
    except (ValueError, OSError):  # closed, no terminal
        return usual


def columns(asked: int | None = None, usual: int = 100) -> int:
    """Return the columns to use: those asked for, else the terminal's, else `usual`.

    1 to `WIDEST`.
    """
    wide = _told(usual) if asked is None else asked
    return max(1, min(wide, WIDEST))


def terminal_width() -> int | None:
    """Return the columns of the terminal that tables are written to.

    None where it is none: a pipe gets each row in one line, for grep and awk.
    """
    return columns() if sys.stdout.isatty() else None

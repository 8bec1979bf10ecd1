"""Data to stdout, talk to stderr; never an escape code."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterable
from typing import Final

from execmem_tui.model.errors import SourceError
from execmem_tui.model.text import printable

SCHEMA_VERSION = 1
"""Value of ``schema`` in every JSON document; keys may be added under it, none renamed."""

_LONGEST: Final = 1 << 16
"""Characters of one line; no picture and no sentence is as long."""
_PLAIN: Final = {
    "·": "-", "…": "...", "→": "->", "←": "<-", "↑": "^", "↓": "v", "√": "ok", "✗": "no", "±": "+-",
    "─": "-", "│": "|", "├": "|", "└": "`", "▲": "^",
    "▁": ".", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "#", "█": "#",
}  # fmt: skip
"""What stands for a character that the encoding of the terminal does not have."""


def write_json(document: object) -> None:
    """Write one document (`execmem_tui.model.documents`) to stdout, ``schema`` first."""
    from execmem_tui.cli.json_text import json_pieces  # most answers are text

    for piece in json_pieces(document, {"schema": SCHEMA_VERSION}):
        _write(piece)


def json_text(document: object) -> str:
    """Return one document as text, ``schema`` first."""
    from execmem_tui.cli.json_text import json_pieces

    return "".join(json_pieces(document, {"schema": SCHEMA_VERSION}))


def write_lines(lines: Iterable[str]) -> None:
    """Write lines of text to stdout; whatever could steer a terminal is escaped."""
    for block in lines:
        for line in block.rstrip().split("\n"):
            _write((line if line.isprintable() else printable(line, _LONGEST)) + "\n")


def talk(message: str) -> None:
    """Write one line for people to stderr; where that cannot be done nobody is there to be told."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(printable(message, _LONGEST) + "\n")


def _write(text: str) -> None:
    """Write to stdout.

    Raises:
        OSError: it cannot be written; its file name says that it is stdout.
    """
    try:
        sys.stdout.write(text)
    except OSError as error:
        raise _of_stdout(error) from error


def flush() -> None:
    """Write what is still held back.

    Raises:
        OSError: as `write_lines`.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        raise _of_stdout(error) from error


def _of_stdout(error: OSError) -> OSError:
    """Return the same error with a name: a full disk behind a pipe says none by itself."""
    return type(error)(error.errno, error.strerror, "standard output")


def flush_or_drop() -> None:
    """Write what is still held back, or let it go nowhere.

    Python's own flush at the exit would fail again.
    """
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):  # no file at all: nothing to be flushed
            number = sys.stdout.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    """Codec error handler: a character that looks alike, else its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or f"\\u{ord(char):04x}" for char in found), error.end


def prepare_streams() -> None:
    """Make stdout and stderr take every character, stdin give any, and closed ones harmless.

    A closed descriptor would be the number of the next file that is opened, and what is said would
    be written into that.

    Raises:
        SourceError: stdout is closed.
    """
    codecs.register_error("execmem-tui-plain", _in_plain)
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # 0 to 2 are taken now, and stay so
            pass
        os.close(number)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="execmem-tui-plain")
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        raise SourceError("standard output is closed", hint="there is nowhere to write the answer")

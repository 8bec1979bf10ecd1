"""How the terminal with a speaker's notes follows the one with the tour: lines through a socket.

The tour's terminal tells where it is, the other one reads. So nobody asks again and again, and
however the first one ends, the second one sees the end of the stream.
"""

import errno
import json
import socket
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import asdict

from execmem_tui.files.runtime import runtime_folder
from execmem_tui.model.errors import SourceError
from execmem_tui.model.records import frozen

LONGEST: Final = 1 << 12
"""Bytes of a line."""
_NOT_RUNNING: Final = (errno.ENOENT, errno.ECONNREFUSED)
"""What the system says where no such tour is being taken, or its process was killed."""


@frozen(kw_only=True)
class TourPosition:
    """Where a tour is."""

    stop: int
    """Index, from 0."""
    done: bool = False
    """Nothing is left to do at the stop."""
    guess: str = ""
    """The letter of the place that was pointed at; "" before, or where it has none."""

    def line(self) -> bytes:
        """Return it as a line."""
        return json.dumps(asdict(self, recurse=False)).encode() + b"\n"


def parse_position(line: bytes, stops: int) -> TourPosition:
    """Read a line.

    Args:
        line: of at most `LONGEST` bytes.
        stops: of the tour.

    Raises:
        SourceError: it says nothing that is understood.
    """
    try:
        found = json.loads(line)
        stop, done, guess = found["stop"], found["done"], found["guess"]
    except (ValueError, LookupError, TypeError, RecursionError):
        stop = done = guess = None
    known = type(stop) is int and 0 <= stop < stops and type(done) is bool
    if not known or guess not in ("", "A", "B", "C", "D"):
        raise SourceError(
            "the other terminal says where it is in words that are not understood",
            hint="are both of the same version, and of the same tour?",
        )
    return TourPosition(stop=stop, done=done, guess=guess)


def socket_path(name: str) -> Path:
    """Return the path of the socket of a tour; its name holds nothing that a file name could not.

    Raises:
        OSError: there is no folder for it.
    """
    return runtime_folder() / f"tour-{sha256(name.encode()).hexdigest()[:16]}"


def follow(path: Path, stops: int, wait: Callable[[], None]) -> Iterator[TourPosition | None]:
    """Yield where the tour is, now and after each move; it ends with the other terminal's tour.

    Args:
        path: of `socket_path`.
        stops: of the tour.
        wait: waits a moment, before it is looked again whether somebody takes the tour.

    Yields:
        None, once, while nobody takes it.

    Raises:
        SourceError: what is said there is not understood.
        OSError: nobody can be reached that way.
    """
    told = False
    while (found := _connect(path)) is None:
        if not told:
            told = True
            yield None
        wait()
    with found, found.makefile("rb") as lines:
        while line := lines.readline(LONGEST):
            yield parse_position(line, stops)


def _connect(path: Path) -> socket.socket | None:
    """Return a connection to who takes the tour, None where nobody does."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.connect(str(path))
    except OSError as error:
        made.close()
        if error.errno not in _NOT_RUNNING:
            raise
        return None
    return made

"""Opens what should be a file, and nothing else.

A FIFO, a device or a socket in the place of a file would wait for ever or never end. Named by its
descriptor (``/dev/stdin``, ``/dev/fd/N``: ``<(...)`` of a shell) a FIFO is meant; everywhere else
it is refused. Nothing is ever waited for while opening.
"""

import io
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.text import printable

if TYPE_CHECKING:  # 3.12 has it as collections.abc.Buffer
    from typing_extensions import Buffer

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO without a writer is opened at once
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_KINDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
_DOORS: Final = ("/dev/fd/", "/proc/self/fd/")
"""What is named so is an open descriptor of this program: whoever names it means it."""


class _File(io.FileIO):
    """A file that is never waited for, and whose errors name it.

    /proc/kmsg and trace_pipe look like files, and have an end only where somebody else writes.
    """

    def readinto(self, buffer: "Buffer", /) -> int:
        """Read some bytes."""
        try:
            count: int | None = super().readinto(buffer)
        except OSError as error:
            raise named(error, Path(self.name)) from error
        if count is None:
            raise self._waits()
        return count

    def readall(self) -> bytes:
        """Read all bytes."""
        try:
            data: bytes | None = super().readall()
        except OSError as error:
            raise named(error, Path(self.name)) from error
        if data is None:
            raise self._waits()
        return data

    def _waits(self) -> InputError:
        return InputError(str(self.name), None, "it waits for more to come; a file is wanted")


def user_path(name: str) -> Path:
    """Return the path that a user named; ``~nosuchuser`` stands for itself.

    Raises:
        UsageError: it is no path at all.
    """
    if "\0" in name:
        raise UsageError(f"no path: {printable(name)!r}", hint="a path holds no NUL")
    path = Path(name)
    try:
        return path.expanduser()
    except RuntimeError:  # no such user, or no home: then the name is meant as it is
        return path


def is_descriptor(path: Path) -> bool:
    """Whether `path` names an open descriptor of this program."""
    name = str(path)
    return name == "/dev/stdin" or (name.startswith(_DOORS) and name.rpartition("/")[2].isdecimal())


def open_file(path: Path) -> IO[bytes]:
    """Open a file for reading; errors while reading name it.

    Raises:
        InputError: it is no file: a FIFO, a device, a socket, a folder. Reading raises it too where
            a file of the kernel waits for more to come (/proc/kmsg, trace_pipe).
        OSError: it cannot be opened.
    """
    file = io.BufferedReader(_File(path, "rb", opener=_at_once))
    try:
        _check_kind(file.fileno(), path)
    except BaseException:
        file.close()
        raise
    return file


def _at_once(name: str, flags: int) -> int:
    return os.open(name, flags | _FLAGS)


def _check_kind(handle: int, path: Path) -> None:
    """Refuse what is no file.

    The descriptor is asked: nobody can put something else there meanwhile.
    """
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind == stat.S_IFIFO and is_descriptor(path):
        if not _is_read_from(path):
            raise InputError(str(path), None, "a pipe that is only written to")
        os.set_blocking(handle, True)
    elif kind != stat.S_IFREG:
        what = _KINDS.get(kind, "something else")
        raise InputError(str(path), None, f"{what}, where a file is wanted")


def _is_read_from(path: Path) -> bool:
    """Whether the descriptor that `path` names can be read.

    Opened anew the pipe can be read whatever it was: our own standard output would be waited for
    for ever, as its writer is who reads.
    """
    import fcntl  # only where there are pipes with names

    word = path.name
    flags = fcntl.fcntl(0 if word == "stdin" else int(word), fcntl.F_GETFL)
    return flags & os.O_ACCMODE != os.O_WRONLY


def read_bounded(path: Path, limit: int) -> bytes:
    """Return all bytes of a file that should be small.

    Raises:
        InputError: it is no file, or has more than `limit` bytes.
        OSError: it cannot be read.
    """
    with open_file(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError(str(path), None, f"more than {limit:,} bytes, which is far too big")
    return data


def named(error: OSError, path: Path) -> OSError:
    """Return the same error with the file's name: the system says none when reading fails."""
    return type(error)(error.errno, error.strerror, str(path))

"""New files for a user: whole or not at all, and never in the place of another one.

Only their owner may read them: they hold addresses of the kernel.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from execmem_tui.files.regular import named
from execmem_tui.model.errors import UsageError
from execmem_tui.model.text import printable

_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What a file system says that has no hard links."""


def refuse_existing(target: Path) -> None:
    """Refuse a name that something has.

    Raises:
        UsageError: something is there already, be it a link to nowhere.
    """
    if os.path.lexists(target):
        raise _is_there(target)


def _is_there(target: Path) -> UsageError:
    return UsageError(
        f"{printable(str(target), 300)} is there already", hint="it is not overwritten"
    )


@contextmanager
def written_as(target: Path) -> Iterator[None]:
    """Let errors inside name `target`: where writing fails the system says no name."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise named(error, target) from error


def publish(made: Path, target: Path) -> None:
    """Give a finished file its name, unless something has it by now: a file, or a link to anywhere.

    Raises:
        UsageError: something has.
        OSError: it cannot be done.
    """
    try:
        try:
            os.link(made, target)  # follows no link at `target`, and replaces nothing
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy(made, target)
    except FileExistsError:
        raise _is_there(target) from None


def _copy(made: Path, target: Path) -> None:
    """Do it without hard links, which FAT does not have."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file, made.open("rb") as whole:
            shutil.copyfileobj(whole, file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def write_new(target: Path, content: str | bytes) -> None:
    """Write a text, as UTF-8, or bytes as a new file.

    Raises:
        UsageError: something has that name.
        OSError: it cannot be written; then nothing is left of it.
    """
    refuse_existing(target)
    with _made(target, content) as made:
        publish(made, target)


def rewrite(target: Path, text: str) -> None:
    """Write a text in the place of a file that we wrote before.

    Whoever reads it sees one or the other.

    Raises:
        OSError: it cannot be written; then the file is as it was.
    """
    with _made(target, text) as made:
        made.replace(target)


@contextmanager
def _made(target: Path, content: str | bytes) -> Iterator[Path]:
    """Yield a finished file beside `target`, which is removed unless it got that name."""
    handle, temporary = mkstemp(dir=target.parent, prefix=".execmem-tui-")
    try:
        with written_as(target), os.fdopen(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        yield Path(temporary)
    finally:
        Path(temporary).unlink(missing_ok=True)

"""Private folders for what is unpacked or collected, and removal of what killed runs left.

They hold kernel addresses. Whoever made one holds a lock on a file in it for as long as it runs,
and the kernel drops that lock however the maker ends; so a folder whose lock can be had is a left
one. Process numbers would not tell: another PID namespace may share the place.
"""

import contextlib
import errno
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Final

from execmem_tui.files.regular import named
from execmem_tui.model.errors import InputError

try:
    import fcntl
except ImportError:  # Windows: folders of killed runs stay there
    fcntl = None  # type: ignore[assignment]

_PREFIX: Final = "execmem-tui-"
_LOCK: Final = ".lock"
_CONTENT: Final = "content"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def private_folder() -> Iterator[Path]:
    """Yield an empty folder that only its owner may read, and remove it.

    First what killed runs left.

    Raises:
        OSError: there is no room for one, or in it: then it names where temporary files go.
    """
    remove_left()
    made = None
    try:
        with _undisturbed():
            made = Path(mkdtemp(prefix=_PREFIX))
        with _locked(made):
            inside = made / _CONTENT
            inside.mkdir()
            yield inside
    except OSError as error:
        if made is None or error.errno not in _FULL or error.filename is not None:
            raise
        raise named(error, made.parent) from error  # where there is no room, the system says not
    finally:
        if made is not None:
            _remove(made)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold the signals back that end the program: they come when this is done, not in its midst."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _remove(made: Path) -> None:
    """Remove a folder, its lock last: what a kill leaves of it is still known to be left."""
    try:
        with _undisturbed():
            _remove_now(made)
    except BaseException:  # a signal that came just before
        _remove_now(made)
        raise


def _remove_now(made: Path) -> None:
    shutil.rmtree(made / _CONTENT, ignore_errors=True)
    shutil.rmtree(made, ignore_errors=True)


@contextmanager
def named_as(place: Path, name: str) -> Iterator[None]:
    """Let errors inside that name `place`, or something in it, name `name`.

    Nobody knows a private path, and when the error is read it is gone.
    """
    private = str(place)
    try:
        yield
    except InputError as error:
        if error.path != private and not error.path.startswith(private + os.sep):
            raise
        raise InputError(
            name + error.path[len(private) :],
            error.line,
            error.message,
            column=error.column,
            hint=error.hint,
        ) from error


@contextmanager
def _locked(made: Path) -> Iterator[None]:
    """Hold the lock of a folder. It gets its name when it is held: no other run sees it free."""
    if fcntl is None:
        yield
        return
    new = made / f"{_LOCK}-new"
    with new.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        new.rename(made / _LOCK)
        yield


def remove_left(place: Path | None = None) -> list[Path]:
    """Remove the folders of this user that killed runs left; return them.

    Args:
        place: where to look; where temporary files go, if left out.
    """
    if fcntl is None:
        return []
    removed = []
    try:
        found = sorted(Path(place or gettempdir()).glob(f"{_PREFIX}*"))
    except OSError:  # nothing can be seen there; the folder that is made next will say why
        return []
    for folder in found:
        if _is_left(folder):
            _remove(folder)
            removed.append(folder)
    return removed


def _is_left(folder: Path) -> bool:
    """Whether a folder is ours, a real one, and nobody holds its lock. Nothing is followed."""
    assert fcntl is not None
    with contextlib.suppress(OSError):
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return False
        try:
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:  # whoever fills one has the lock, and keeps it until it is empty
            return (folder / _CONTENT).is_dir()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(handle)
        return True
    return False

"""A tracefs instance of our own.

Vmalloc and module events of the running kernel, and nothing left behind.

Documentation/trace/ftrace.rst, "Instances": a directory made in `instances` has its own buffers and
its own event switches; removing it frees both. Nothing outside the instance is ever written.
"""

import errno
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from execmem_tui.kernel.reasons import why_refused
from execmem_tui.model.errors import UsageError

TRACING: Final = Path("/sys/kernel/tracing")
_OLD_TRACING: Final = Path("/sys/kernel/debug/tracing")
"""Where debugfs has it, which older systems mount alone."""
_NAME: Final = "execmem-tui-"
_GROUPS: Final = ("vmalloc", "module")
_CHUNK: Final = 1 << 16


def find_tracing(places: tuple[Path, ...] = (TRACING, _OLD_TRACING)) -> Path:
    """Return where tracefs is mounted; where it should be, if it is nowhere."""
    # a folder above may be closed for us, which Path.is_dir does not take
    return next(
        (place for place in places if os.path.isdir(place / "instances")),  # noqa: PTH112
        places[0],
    )


class TraceInstance:
    """Events as text, from the moment it is made until `close`.

    Args:
        tracing: where tracefs is mounted; None: where it is found.
        proc: where to look whether the maker of an instance still runs.

    Raises:
        UsageError: tracefs is not there, or may not be used; the message says what is missing.
    """

    def __init__(self, tracing: Path | None = None, proc: Path = Path("/proc")) -> None:
        tracing = find_tracing() if tracing is None else tracing
        instances = tracing / "instances"
        _check(tracing)
        remove_stale(tracing, proc)
        self.path = instances / f"{_NAME}{os.getpid()}"
        try:
            try:
                self.path.mkdir()
            except FileExistsError:  # of the same process number in another namespace
                self.path = instances / f"{_NAME}{os.getpid()}-{os.urandom(4).hex()}"
                self.path.mkdir()
        except OSError as error:
            raise UsageError(
                "no instance can be made in tracefs", hint=why_refused(error)
            ) from error
        self._pipe = -1
        self._rest = b""
        try:
            # the pipe first: an instance that is held open is nobody's to remove
            self._pipe = os.open(self.path / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
            for group in _GROUPS:
                with suppress(FileNotFoundError):
                    (self.path / "events" / group / "enable").write_text("1")
        except OSError as error:
            self.close()
            raise UsageError("tracefs cannot be used", hint=why_refused(error)) from error
        except BaseException:  # a signal: nobody has this yet to close it
            self.close()
            raise

    def mark(self, text: str) -> None:
        """Write a marker into the instance's buffer."""
        (self.path / "trace_marker").write_text(text)

    def read(self) -> list[str]:
        """Return the whole lines that came since the last time."""
        if self._pipe < 0:
            return []
        chunks = [self._rest]
        while True:
            try:
                chunk = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                break
            if not chunk:
                break
            chunks.append(chunk)
        *lines, self._rest = b"".join(chunks).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def whole(self) -> str:
        """Return the instance's whole buffer as text, with its header.

        Does not consume what `read` gives.
        """
        return (self.path / "trace").read_text(errors="replace")

    def close(self) -> None:
        """Switch its events off and remove the instance. Safe to call twice.

        Where somebody else holds it open it stays, silent, for the next run to remove.
        """
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        for group in _GROUPS:
            with suppress(OSError):
                (self.path / "events" / group / "enable").write_text("0")
        with suppress(OSError):
            self.path.rmdir()


def _check(tracing: Path) -> None:
    """Refuse a tracefs that is not there, may not be read, or knows no vmalloc events."""
    if tracing.is_dir() and not os.access(tracing, os.R_OK | os.X_OK):
        denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        raise UsageError("tracefs may not be read", hint=why_refused(denied))
    if not (tracing / "instances").is_dir():
        raise UsageError(
            f"no tracefs at {tracing}",
            hint="root can mount it: mount -t tracefs nodev /sys/kernel/tracing",
        )
    if not (tracing / "events" / "vmalloc").is_dir():
        raise UsageError(
            "this kernel has no vmalloc events", hint="they came with 6.3, CONFIG_TRACING"
        )


def remove_stale(tracing: Path = TRACING, proc: Path = Path("/proc")) -> list[str]:
    """Remove instances whose maker no longer runs (it was killed); return their names.

    A process that is not seen may live in another PID namespace: the kernel refuses to remove what
    somebody holds open (kernel/trace/trace.c: instance_rmdir, EBUSY), so nothing is switched off
    before.
    """
    removed = []
    for path in sorted((tracing / "instances").glob(f"{_NAME}*")):
        made_by = re.match(rf"{_NAME}(\d{{1,10}})", path.name)
        if made_by is not None and not (proc / made_by[1]).exists():
            with suppress(OSError):
                path.rmdir()
                removed.append(path.name)
    return removed

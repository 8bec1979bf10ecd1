"""A tracefs instance of our own: vmalloc and module events, and nothing left behind.

Documentation/trace/ftrace.rst, "Instances": a directory made in `instances` has its own buffers and
its own event switches; removing it frees both. Nothing outside the instance is ever written.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from execmem_tui.model.errors import UsageError

TRACING: Final = Path("/sys/kernel/tracing")
_NAME: Final = "execmem-tui-"
_GROUPS: Final = ("vmalloc", "module")
_CHUNK: Final = 1 << 16


class TraceInstance:
    """Events as text, from the moment it is made until `close`.

    Args:
        tracing: where tracefs is mounted.
        proc: where to look whether the maker of an instance still runs.

    Raises:
        UsageError: tracefs is not there, or may not be used; the message says what is missing.
    """

    def __init__(self, tracing: Path = TRACING, proc: Path = Path("/proc")) -> None:
        instances = tracing / "instances"
        if tracing.is_dir() and not os.access(tracing, os.R_OK | os.X_OK):
            raise UsageError("tracefs may not be read", hint="it takes root (CAP_DAC_OVERRIDE)")
        if not instances.is_dir():
            raise UsageError(
                f"no tracefs at {tracing}",
                hint="root can mount it: mount -t tracefs nodev /sys/kernel/tracing",
            )
        if not (tracing / "events" / "vmalloc").is_dir():
            raise UsageError(
                "this kernel has no vmalloc events", hint="they came with 6.3, CONFIG_TRACING"
            )
        remove_stale(tracing, proc)
        self.path = instances / f"{_NAME}{os.getpid()}"
        try:
            self.path.mkdir()
        except FileExistsError:
            self.path = instances / f"{_NAME}{os.getpid()}-{os.urandom(4).hex()}"
            self.path.mkdir()
        except PermissionError as error:
            raise UsageError(
                "tracefs may not be written", hint="it takes root (CAP_DAC_OVERRIDE)"
            ) from error
        self._pipe = -1
        self._rest = b""
        try:
            for group in _GROUPS:
                with suppress(FileNotFoundError):
                    (self.path / "events" / group / "enable").write_text("1")
            self._pipe = os.open(self.path / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            self.close()
            raise UsageError(f"cannot trace: {error.strerror}") from error

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

    def close(self) -> None:
        """Remove the instance. Safe to call twice."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        _remove(self.path)


def _remove(path: Path) -> None:
    for group in _GROUPS:
        with suppress(OSError):
            (path / "events" / group / "enable").write_text("0")
    with suppress(FileNotFoundError):
        path.rmdir()


def remove_stale(tracing: Path = TRACING, proc: Path = Path("/proc")) -> list[str]:
    """Remove instances whose maker no longer runs (it was killed); return their names."""
    removed = []
    for path in sorted((tracing / "instances").glob(f"{_NAME}*")):
        made_by = re.match(rf"{_NAME}(\d+)", path.name)
        if made_by is not None and not (proc / made_by[1]).exists():
            _remove(path)
            removed.append(path.name)
    return removed

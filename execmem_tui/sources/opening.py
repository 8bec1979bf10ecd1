"""What a path is, and the source that opens it."""

from pathlib import Path

from execmem_tui.model.errors import InputError
from execmem_tui.sources.base import Source
from execmem_tui.sources.capture import is_capture, open_capture


def open_path(name: str, *, phase: str | None = None, arch: str | None = None) -> Source:
    """Open a file or folder; `arch` says what a capture that does not tell comes from.

    Raises:
        InputError: nothing known is there.
        OSError: it cannot be read.
    """
    path = Path(name).expanduser()
    if not path.exists():
        raise InputError(name, None, "there is no such file or folder")
    if is_capture(path):
        return open_capture(path, phase, arch)
    raise InputError(name, None, "not a capture: no vmallocinfo in it", hint="a capture folder, or a /proc/vmallocinfo")

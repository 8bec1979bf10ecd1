"""A run folder: its phases, what its meta.toml says, the windows that its trace asks for."""

from pathlib import Path
from typing import Any, Final

from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.files.regular import read_bounded
from execmem_tui.formats.toml import parse_toml
from execmem_tui.formats.trace import trace_windows
from execmem_tui.model.errors import InputError

VMALLOCINFO: Final = "vmallocinfo"
_MAX_META: Final = 1 << 20
_MOST_PHASES: Final = 1000
"""Each is a snapshot of a whole machine; an archive may hold a small file thirty thousand times."""


def phase_folders(path: Path) -> list[Path]:
    """Return the phase folders of a run, in the order of meta.toml, else by name.

    Raises:
        InputError: there are more than anybody takes, or meta.toml is broken.
    """
    found = {
        folder.name: folder
        for folder in sorted(path.iterdir())
        if folder.is_dir() and find_file(folder, VMALLOCINFO)
    }
    if len(found) > _MOST_PHASES:
        raise InputError(str(path), None, f"more than {_MOST_PHASES:,} phases")
    names = run_meta(path).get("phases")
    told = (
        dict.fromkeys(each for each in names if isinstance(each, str))
        if isinstance(names, list)
        else ()
    )
    ordered = dict.fromkeys(name for name in told if name in found)
    return [found[name] for name in ordered | dict.fromkeys(found)]


def find_trace(path: Path) -> Path | None:
    """Return the trace of a run folder, or the file itself."""
    return path if path.is_file() else find_file(path, "trace.txt") or find_file(path, "trace")


def run_meta(path: Path) -> dict[str, Any]:
    """Return a run's meta.toml, {} where there is none."""
    file = path / "meta.toml"
    if not file.is_file():
        return {}
    return parse_toml(str(file), read_bounded(file, _MAX_META), _MAX_META)


def run_windows(run: Path) -> tuple[tuple[int, int], ...]:
    """Return the windows (vstart, vend) that the trace of a run asks for.

    Only a folder with a meta.toml is a run; a trace that lies in another may be of any boot.
    """
    trace = find_file(run, "trace.txt") if (run / "meta.toml").is_file() else None
    return () if trace is None else tuple(trace_windows(read_lines(trace)))

"""What a path is, and the source that opens it."""

from pathlib import Path

from execmem_tui.bundles.reader import locate, on_disk
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.trace import looks_like_trace
from execmem_tui.sources.base import Source
from execmem_tui.sources.capture import is_capture, open_capture
from execmem_tui.sources.live import LIVE, open_live
from execmem_tui.sources.replay import open_replay


def open_path(
    name: str, *, phase: str | None = None, arch: str | None = None, follow: bool = False
) -> Source:
    """Open a file, a folder, a bundle (tar, zip) or a member of one, a scenario (.toml), or ``live``: the running kernel.

    Args:
        name: what to open.
        phase: of a run, this phase alone.
        arch: what a capture that does not tell comes from.
        follow: also follow the running kernel's events, where root allows it.

    Raises:
        InputError: nothing known is there.
        OSError: it cannot be read.
    """
    if name == LIVE:
        return open_live(trace=follow)
    if name.endswith(".toml"):
        from execmem_tui.sources.scenario_play import play_scenario  # 60 ms, only for scenarios

        return play_scenario(name)
    with on_disk(Path(name).expanduser()) as found:
        path = locate(found) if found.is_dir() else found
        is_trace = looks_like_trace(read_lines(path)) if path.is_file() else not is_capture(path)
        return open_replay(path, arch) if is_trace else open_capture(path, phase, arch)

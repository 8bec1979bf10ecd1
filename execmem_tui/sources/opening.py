"""What a path is, and the source that opens it."""

from collections.abc import Generator

from execmem_tui.bundles.reader import locate, on_disk
from execmem_tui.files.packed import read_lines
from execmem_tui.files.regular import user_path
from execmem_tui.formats.trace import looks_like_trace
from execmem_tui.sources.base import Progress, Source
from execmem_tui.sources.capture import is_capture, open_capture
from execmem_tui.sources.live import LIVE, open_live
from execmem_tui.sources.replay import read_replay


def open_path(
    name: str, *, phase: str | None = None, arch: str | None = None, follow: bool = False
) -> Source:
    """Open what `read_path` reads, all of it.

    Raises:
        InputError: nothing known is there.
        OSError: it cannot be read.
    """
    source: Source | None = None
    for progress in read_path(name, phase=phase, arch=arch, follow=follow):
        source = progress.source
        if source is not None:
            source.history.extend(progress.events)
    assert source is not None, "reading ends with a source or an error"
    return source


def read_path(
    name: str, *, phase: str | None = None, arch: str | None = None, follow: bool = False
) -> Generator[Progress, None, None]:
    """Read a file, a folder, a bundle (tar, zip) or a member of one, a scenario (.toml), or ``live``: the running kernel.

    For a screen that paints first. Iterate in a worker thread, hand each `Progress` to the thread
    that owns the screen, and there show `source` when it is there and add `events` to its history
    (`History.extend`). To cancel, stop iterating and `close()` the iterator: files and temporary
    folders go, and what was added stays a sound history of a shorter trace. Every path takes this
    road; whatever opens at once is one step with the fraction 1.

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
        yield Progress(fraction=1.0, source=open_live(trace=follow))
        return
    if name.endswith(".toml"):
        from execmem_tui.sources.scenario_play import play_scenario  # 60 ms, only for scenarios

        yield Progress(fraction=1.0, source=play_scenario(name))
        return
    with on_disk(user_path(name)) as found:
        path = locate(found) if found.is_dir() else found
        is_trace = looks_like_trace(read_lines(path)) if path.is_file() else not is_capture(path)
        if is_trace:
            yield from read_replay(path, arch)
        else:
            yield Progress(fraction=1.0, source=open_capture(path, phase, arch))

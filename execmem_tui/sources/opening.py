"""What a path is, and the source that opens it."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from execmem_tui.bundles.reader import locate, on_disk
from execmem_tui.bundles.several import check_single
from execmem_tui.bundles.text_folder import is_stream, spooled, text_folder
from execmem_tui.files.packed import read_lines
from execmem_tui.files.regular import user_path
from execmem_tui.formats.trace import looks_like_trace
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.text import printable
from execmem_tui.sources.base import Progress, Source
from execmem_tui.sources.capture import is_capture, is_small, open_capture, read_capture

_LIVE: Final = "live"
_MAX_TEXTS: Final = 40
"""Files of a folder that are looked into, where no name in it is known."""


def split_phase(name: str) -> tuple[str, str | None]:
    """Return (path, phase) of RUN:PHASE; a path that exists as it is has no phase."""
    path, colon, phase = name.rpartition(":")
    return (
        (path, phase) if colon and not Path(name).exists() and Path(path).exists() else (name, None)
    )


def open_path(
    name: str | Sequence[str],
    *,
    phase: str | None = None,
    arch: str | None = None,
    follow: bool = False,
) -> Source:
    """Open what `read_path` reads, all of it.

    Raises:
        InputError: nothing known is there.
        OSError: it cannot be read.
    """
    source: Source | None = None
    for progress in read_path(name, phase=phase, arch=arch, follow=follow, early=False):
        source = progress.source or source
        if source is not None:
            source.history.extend(progress.events)
    assert source is not None, "reading ends with a source or an error"
    return source


def begins_at_once(names: Sequence[str], phase: str | None = None) -> bool:
    """Whether the first step of `read_path`, early, is a source.

    And takes no time worth a screen without one.
    """
    return len(names) == 1 and not is_stream(names[0]) and is_small(user_path(names[0]), phase)


def read_path(
    name: str | Sequence[str],
    *,
    phase: str | None = None,
    arch: str | None = None,
    follow: bool = False,
    early: bool = True,
) -> Generator[Progress, None, None]:
    """Read what a path names.

    A file, a folder, a bundle (tar, zip) or a member of one, a scenario (.toml), ``-``, ``live``.
    For a screen that paints first. Iterate in a worker thread, hand each `Progress` to the thread
    that owns the screen, and there show `source` when it is there and add `events` to its history
    (`History.extend`). To cancel, stop iterating and `close()` the iterator: files and temporary
    folders go, and what was added stays a sound history of a shorter trace. Every path takes this
    road; whatever opens at once is one step with the fraction 1.

    Args:
        name: what to open; several are files of one machine, in any order. ``-`` is standard
            input, ``live`` the running kernel.
        phase: of a run, this phase alone.
        arch: what a capture that does not tell comes from.
        follow: also follow the running kernel's events, where root allows it.
        early: give a part of it, where a part can be shown before the whole is read.

    Raises:
        InputError: nothing known is there.
        OSError: it cannot be read.
    """
    names = [name] if isinstance(name, str) else list(name)
    if len(names) > 1:
        yield from _read_together(names, arch)
    elif names[0] == _LIVE:
        from execmem_tui.sources.live import open_live  # what it needs of tracefs, only then

        yield Progress(fraction=1.0, source=open_live(trace=follow))
    elif is_stream(names[0]):
        with spooled(names[0]) as file, on_disk(file) as found:
            yield from _read_found(found, phase, arch, early=early)
    elif names[0].endswith(".toml"):
        from execmem_tui.sources.scenario_play import read_scenario  # 60 ms, only for scenarios

        yield from read_scenario(names[0])
    else:
        with on_disk(user_path(names[0])) as found:
            yield from _read_found(found, phase, arch, early=early)


def _read_together(names: Sequence[str], arch: str | None) -> Generator[Progress, None, None]:
    """Read several texts of one machine: what each holds, its lines tell."""
    with ExitStack() as opened:
        files = [
            opened.enter_context(spooled(name)) if is_stream(name) else user_path(name)
            for name in names
        ]
        for file in files:
            if file.is_dir():
                raise UsageError(
                    f"{printable(str(file))} is a folder", hint="several sources are files"
                )
        texts = opened.enter_context(text_folder(files, names))
        yield from read_capture(texts.path, None, arch, texts.notes)


def _read_found(
    found: Path, phase: str | None, arch: str | None, *, early: bool
) -> Generator[Progress, None, None]:
    path = found
    if found.is_dir():
        check_single(found)
        try:
            path = locate(found)
        except InputError as error:
            yield from _read_folder(found, arch, error)
            return
    if path.is_file() and not looks_like_trace(read_lines(path)):
        with text_folder([path]) as texts:
            yield from read_capture(texts.path, phase, arch, texts.notes)
    elif path.is_file() or not is_capture(path):
        from execmem_tui.sources.replay import read_replay  # and with it the allocator

        yield from read_replay(path, arch)
    else:
        yield from read_capture(path, phase, arch, early=early)


def _read_folder(
    folder: Path, arch: str | None, error: InputError
) -> Generator[Progress, None, None]:
    """Read a folder whose files have names of their own, if their content tells what they are."""
    files = sorted(each for each in folder.iterdir() if each.is_file())
    if not 0 < len(files) <= _MAX_TEXTS:
        raise error
    try:
        with text_folder(files) as texts:
            source = open_capture(texts.path, None, arch, texts.notes)
    except InputError:
        raise error from None
    yield Progress(fraction=1.0, source=source)

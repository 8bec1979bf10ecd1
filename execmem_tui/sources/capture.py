"""Captures.

A folder of /proc files, a run of snapshots, a copied /proc tree, a vmallocinfo alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from execmem_tui.bundles.phase import Phase, phases_layout, read_phase
from execmem_tui.bundles.phase_facts import image_symbols, page_size_of, seen_facts
from execmem_tui.bundles.run_folder import VMALLOCINFO, phase_folders, run_windows
from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.formats.vmallocinfo import WHY, Pointers, parse_vmallocinfo
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.events import Noted
from execmem_tui.model.facts import Facts
from execmem_tui.model.limits import ALL_AREAS, most, too_many
from execmem_tui.model.text import printable
from execmem_tui.owners.evidence import Evidence
from execmem_tui.owners.hashed import hidden_of, phase_areas
from execmem_tui.sources.base import Progress, Recording, SourceKind

_SMALL: Final = 1 << 18
"""Bytes on disk, packed or not. A phase of 900 areas has half of it and takes a tenth of a second;
one of 4,000, its window full, has more and takes as long as the start itself."""


def is_capture(path: Path) -> bool:
    """Whether `path` looks like a capture.

    A file, or a folder with a vmallocinfo in or below it.
    """
    if path.is_dir():
        return bool(phase_folders(path)) or find_file(path, VMALLOCINFO) is not None
    return path.is_file()


def is_small(path: Path, phase: str | None = None) -> bool:
    """Whether what `read_capture` gives early is read in less time than a paint takes.

    Args:
        path: what may be a run or a phase folder.
        phase: of a run, the one that is meant.
    """
    if not path.is_dir():
        return False
    folders = [path] if find_file(path, VMALLOCINFO) is not None else phase_folders(path)
    chosen = [folder for folder in folders if phase in (None, folder.name)]
    if not chosen:
        return False
    files = [each for each in chosen[-1].iterdir() if each.is_file()]
    if len(chosen) == 1:
        files += [each for run in (path, path.parent) if (each := find_file(run, "trace.txt"))]
    return sum(each.stat().st_size for each in files) <= _SMALL


def open_capture(
    path: Path, phase: str | None = None, arch: str | None = None, notes: Sequence[str] = ()
) -> Recording:
    """Open what `read_capture` reads, all of it."""
    *_, whole = read_capture(path, phase, arch, notes)
    assert isinstance(whole.source, Recording), "reading ends with the whole capture or an error"
    return whole.source


def read_capture(
    path: Path,
    phase: str | None = None,
    arch: str | None = None,
    notes: Sequence[str] = (),
    *,
    early: bool = False,
) -> Iterator[Progress]:
    """Read a capture; the last that comes has all of it.

    Args:
        path: a run folder, a phase folder, or a vmallocinfo file (also packed).
        phase: of a run, open this one alone.
        arch: the architecture, for a capture that does not tell it.
        notes: what had to be mended to read it.
        early: of a run give the last phase first, as a part that can be shown. It is another source
            than the whole, for what the machine is all phases tell together.

    Raises:
        InputError: it is broken.
        UsageError: there is no such phase.
        OSError: it cannot be read.
    """
    title = printable(path.name or str(path), 80)
    if path.is_file():
        yield Progress(fraction=1.0, source=_single_file(path, title, arch, notes))
        return
    folders, title = _phases(path, title, phase)
    last = read_phase(folders[-1])
    if early and len(folders) > 1:
        shown = f"{title} {printable(folders[-1].name, 40)}"
        part = _capture(shown, [last], arch, notes=notes)
        yield Progress(fraction=1 / (len(folders) + 1), source=part, part=True)
    windows = run_windows(path if (path / "meta.toml").is_file() else path.parent)
    phases = []
    limit, areas = most(ALL_AREAS), len(last.info.entries)
    for number, folder in enumerate(folders[:-1], 2):
        phases.append(read_phase(folder))
        areas += len(phases[-1].info.entries)
        if areas > limit:
            raise too_many(str(folder), None, limit, "areas in the snapshots up to here")
        yield Progress(fraction=number / (len(folders) + 1))  # the whole is yet to be made
    whole = _capture(title, [*phases, last], arch, windows, notes)
    yield Progress(fraction=1.0, source=whole)


def _single_file(path: Path, title: str, arch: str | None, notes: Sequence[str]) -> Recording:
    info = parse_vmallocinfo(str(path), read_lines(path))
    facts = Facts(
        page_size=page_size_of(info),
        symbols=image_symbols(info, {}),
        **seen_facts(info, Evidence()),
    )
    phase = Phase(name=title, info=info, evidence=Evidence(), facts=facts)
    return _capture(title, [phase], arch, notes=notes)


def _phases(path: Path, title: str, phase: str | None) -> tuple[list[Path], str]:
    """Return the folders of the phases that are meant, in order, and the title of the whole."""
    folders = [path] if find_file(path, VMALLOCINFO) is not None else phase_folders(path)
    if phase is not None:
        chosen = [folder for folder in folders if folder.name == phase]
        if not chosen:
            names = ", ".join(printable(folder.name, 40) for folder in folders)
            raise UsageError(f"no phase {printable(phase)!r}", hint=f"there are: {names}")
        folders, title = chosen, f"{title} {printable(phase, 40)}"
    if not folders:
        raise InputError(str(path), None, "no vmallocinfo in this folder or below it")
    return folders, title


def _capture(
    title: str,
    phases: list[Phase],
    arch: str | None,
    windows: Sequence[tuple[int, int]] = (),
    notes: Sequence[str] = (),
) -> Recording:
    layout = phases_layout(phases, arch, windows)
    told = [*notes, *(note for phase in phases for note in phase.findings)]
    told += [
        WHY[phase.info.pointers] for phase in phases if phase.info.pointers is not Pointers.REAL
    ]
    skipped = sum(len(phase.info.skipped) for phase in phases)
    if skipped:
        told.append(
            f"{skipped} line{'' if skipped == 1 else 's'} of vmallocinfo made no sense and were"
            " left out"
        )
    hidden = layout.rules.vmap_nodes and layout.word_bits == 64
    history = History(
        evolve(layout, pools_hidden=hidden, notes=(*layout.notes, *dict.fromkeys(told)))
    )
    before: tuple[Area, ...] = ()
    for phase in phases:
        areas = tuple(phase_areas(layout, phase.info, phase.evidence))
        message = f"{phase.name}: {len(phase.info.entries)} areas"
        if phase.info.pointers is not Pointers.REAL:
            message += f" ({phase.info.pointers} addresses)"
        removed, added = _changes(before, areas)
        event = Noted(
            message=message,
            mark=True,
            reset=True,
            hidden=hidden_of(phase.info, phase.evidence, layout.page_size),
            removed=removed,
            added=added,
        )
        history.append([event])
        before = areas
    return Recording(SourceKind.CAPTURE, title, history)


def _changes(
    before: tuple[Area, ...], after: tuple[Area, ...]
) -> tuple[tuple[Area, ...], tuple[Area, ...]]:
    """Return what of two lists, ascending by start, is in the first alone and in the second alone.

    Each as often as it is there more often: a broken file names an area twice.
    """
    old = {area.start: area for area in before}
    new = {area.start: area for area in after}
    if len(old) < len(before) or len(new) < len(after):
        counted, now = Counter(before), Counter(after)
        return tuple((counted - now).elements()), tuple((now - counted).elements())
    # one area at each start: found without a hash of all that each is
    return (
        tuple(area for area in before if new.get(area.start) != area),
        tuple(area for area in after if old.get(area.start) != area),
    )

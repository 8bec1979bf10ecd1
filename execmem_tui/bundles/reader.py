"""Bundles: an archive, or a file inside one, as a folder on disk for as long as it is read.

Also finds what in a folder is meant: one of a report's thousands of files.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from execmem_tui.bundles.manifest import check_manifest
from execmem_tui.bundles.run_folder import find_trace, phase_folders
from execmem_tui.bundles.several import SeveralCapturesError
from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.files.private import named_as, private_folder
from execmem_tui.formats.trace import looks_like_trace
from execmem_tui.model.errors import InputError

if TYPE_CHECKING:
    from execmem_tui.files.archive import Parts

_NEAR: Final = 2
"""Files so deep in an archive are unpacked whatever they are called."""
_KNOWN: Final = frozenset((
    "vmallocinfo", "kallsyms", "modules", "sections", "version", "cmdline", "meminfo", "config",
    "config.txt", "dmesg", "dmesg.txt", "uname", "uname_-a", "trace", "trace.txt",
    "trace_stats_final", "iomem", "meta.toml", "manifest.toml", "sysctl", "sysctl_-a",
))  # fmt: skip
_NEEDED: Final = ("vmallocinfo", "trace", "trace.txt")
_PACKED: Final = (".gz", ".xz", ".zst", ".bz2")
_MAX_DESCENT: Final = 6
_MAX_UNPACKED: Final = 5000
"""Folders of an archive that hold a wanted file: making and removing one costs more than that."""
_MAX_FOLDERS: Final = 2000
"""Folders in one that are looked into for a capture; a machine has a few hundred modules."""
_MAX_PROBED: Final = 40
"""Files of a folder without any known name that are looked into for a trace."""


def _wanted(parts: "Parts", regular: bool) -> bool:
    """Whether a member can matter: a machine's report holds thousands that do not."""
    name = parts[-1]
    for suffix in _PACKED:
        name = name.removesuffix(suffix)
    if not regular:
        return name in _NEEDED
    if len(parts) <= _NEAR or (
        len(parts) >= 4 and parts[-2] == "sections" and parts[-4] == "module"
    ):
        return True
    return name in _KNOWN or (name.startswith("config-") and parts[-2] == "boot")


@contextmanager
def on_disk(path: Path) -> Iterator[Path]:
    """Yield what `path` means as a file or folder: itself, or an archive unpacked until this ends.

    Args:
        path: a file, a folder, an archive, or ``ARCHIVE/MEMBER``.

    Raises:
        InputError: nothing is there, or the archive is damaged or hostile. Errors inside name the
            archive.
        OSError: it cannot be read.
    """
    archive = path
    while not archive.exists() and archive != archive.parent:
        archive = archive.parent
    if not archive.exists() or (archive != path and not archive.is_file()):
        raise InputError(str(path), None, "No such file or directory")
    if archive.is_dir():
        yield archive
        return
    from execmem_tui.files.archive import is_archive  # most captures are folders

    if not is_archive(archive):
        if archive != path:
            raise InputError(str(archive), None, "not an archive: nothing is inside it")
        yield archive
        return
    with private_folder() as private:
        root = private / archive.name
        with named_as(root, str(archive)):
            _unpack(archive, root)
            for folder in (root, *sorted(each for each in root.iterdir() if each.is_dir())):
                check_manifest(folder)
            yield _member(root, path.relative_to(archive))


def _member(root: Path, name: Path) -> Path:
    member = root / name
    if not member.exists():
        member = find_file(member.parent, member.name) or member
    if ".." in name.parts or not member.exists():
        raise InputError(str(root / name), None, "there is no such member")
    return member


def _unpack(archive: Path, root: Path) -> None:
    from execmem_tui.files.archive import members

    root.mkdir()
    made: set[Parts] = set()
    for parts, chunks in members(archive, _wanted):
        target = root.joinpath(*parts)
        try:
            if parts[:-1] not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(parts[:-1])
                if len(made) > _MAX_UNPACKED:
                    raise InputError(str(archive), None, f"more than {_MAX_UNPACKED:,} folders")
            with target.open("xb") as file:
                file.writelines(chunks)
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(
                str(archive), None, f"member {'/'.join(parts)}: a file and a folder at once"
            ) from error
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise InputError(str(archive), None, "a name longer than any file has") from error


def locate(folder: Path) -> Path:
    """Return the folder or file that is meant by a folder: itself, or the only known one below it.

    Raises:
        InputError: there is nothing known in it, or more than one.
    """
    here = folder
    for _ in range(_MAX_DESCENT):
        if _is_known(here):
            return here
        inside = sorted(here.iterdir())
        folders = [each for each in inside if each.is_dir()]
        if len(folders) > _MAX_FOLDERS:
            break
        found = _only_known(here, folders) or _only_file(inside)
        if found is not None:
            return found
        if len(folders) != 1:
            break
        here = folders[0]
    raise InputError(
        str(folder),
        None,
        "not a capture: no vmallocinfo and no trace in it",
        hint="a capture folder, or a /proc/vmallocinfo",
    )


def _only_known(here: Path, folders: list[Path]) -> Path | None:
    """Return the one of the `folders` in `here` that is a capture, or None.

    Raises:
        InputError: several are.
    """
    found = [each for each in folders if _is_known(each)]
    if len(found) > 1:
        raise SeveralCapturesError(here, tuple(each.name for each in found))
    return found[0] if found else None


def _only_file(inside: list[Path]) -> Path | None:
    """Return the first trace among what a folder holds, or the file that is alone in it.

    None where there is neither.
    """
    files = [each for each in inside if each.is_file() and not each.name.startswith(".")]
    traces = [each for each in files if _is_trace(each)] if len(files) <= _MAX_PROBED else []
    if traces:
        return traces[0]
    return files[0] if len(inside) == len(files) == 1 else None


def _is_trace(file: Path) -> bool:
    try:
        return looks_like_trace(read_lines(file))
    except InputError:  # no text at all: something else that happens to lie there
        return False


def _is_known(folder: Path) -> bool:
    return bool(find_file(folder, "vmallocinfo") or phase_folders(folder) or find_trace(folder))

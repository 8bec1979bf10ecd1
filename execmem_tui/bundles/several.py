"""A folder with captures of several machines: they are not phases of one run."""

from pathlib import Path
from typing import Final

from execmem_tui.bundles.run_folder import VMALLOCINFO, phase_folders
from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.model.errors import InputError
from execmem_tui.model.text import printable

_MOST: Final = 1000
"""Folders that are looked into."""
_NAMED: Final = 10
"""Captures that the error names."""

Machine = tuple[str, int]
"""What /proc/version says, "" where that is not there; letters of an address in vmallocinfo."""


class SeveralCapturesError(InputError):
    """There is more than one capture, and nothing says which is meant."""

    def __init__(self, folder: Path, names: tuple[str, ...], *, what: str = "") -> None:
        told = ", ".join(printable(name, 40) for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        message = f"holds {len(names):,} captures{what}: {told}{more}"
        super().__init__(str(folder), None, message, hint="name one: PATH/NAME")
        self.names = names


def check_single(folder: Path) -> None:
    """Refuse a folder whose captures are of different machines.

    Phases of one run lie side by side in its folder. Where one of them is a run itself, or where
    they come from different kernels, they only lie in one place.

    Raises:
        SeveralCapturesError: with their names.
        InputError, OSError: one cannot be read.
    """
    if find_file(folder, VMALLOCINFO) is not None or (folder / "meta.toml").is_file():
        return
    inside = [each for each in sorted(folder.iterdir()) if each.is_dir()][:_MOST]
    phases = [each for each in inside if find_file(each, VMALLOCINFO) is not None]
    runs = [each for each in inside if each not in phases and phase_folders(each)]
    if not phases or (not runs and _one_machine(phases)):
        return
    names = tuple(each.name for each in inside if each in phases or each in runs)
    raise SeveralCapturesError(folder, names, what=" of different machines")


def _one_machine(phases: list[Path]) -> bool:
    machines = {machine_of(each) for each in phases}
    versions = {version for version, _ in machines if version}
    return len(versions) <= 1 and len({letters for _, letters in machines}) <= 1


def machine_of(phase: Path) -> Machine:
    """Return what tells the machine of a phase from others at first sight."""
    version, info = find_file(phase, "version"), find_file(phase, VMALLOCINFO)
    told = "" if version is None else next((text for _, text in read_lines(version)), "")
    first = "" if info is None else next((text for _, text in read_lines(info)), "")
    return told.strip(), len(first.partition("-")[0])

"""Where the files that belong to a snapshot lie: with it, in its run, or in a copied tree of a machine."""

from pathlib import Path
from typing import Final

from execmem_tui.files.packed import find_file

_LIVE: Final = Path("/proc")
_TREE: Final = {
    "dmesg": ("sos_commands/kernel/dmesg", "sos_commands/general/dmesg", "var/log/dmesg", "dmesg"),
    "uname": ("uname", "sos_commands/kernel/uname_-a"),
    "config": ("config",),
    "sysctl": ("sos_commands/kernel/sysctl_-a", "sos_commands/sysctl/sysctl_-a"),
}
"""Of a machine's tree, as sosreport collects it: where else a file may be."""


def find_near(folder: Path, name: str) -> Path | None:
    """Return a file of the snapshot in `folder`, of its run, or of another phase of its run.

    Some are collected only once.
    """
    here = find_file(folder, name) or (
        find_file(folder, f"{name}.txt") if name == "dmesg" else None
    )
    if here is not None:
        return here
    if (folder.parent / "meta.toml").is_file():
        places = [folder.parent, *sorted(each for each in folder.parent.iterdir() if each.is_dir())]
        return next(
            (found for place in places if (found := find_file(place, name)) is not None), None
        )
    return _in_tree(folder.parent, name) if folder.name == "proc" and folder != _LIVE else None


def _in_tree(root: Path, name: str) -> Path | None:
    for place in _TREE.get(name, ()):
        found = find_file(root / Path(place).parent, Path(place).name)
        if found is not None:
            return found
    if name != "config":
        return None
    configs = sorted((root / "boot").glob("config-*"))
    return configs[0] if len(configs) == 1 else None

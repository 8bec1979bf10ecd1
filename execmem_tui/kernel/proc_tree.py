"""Where the files that belong to a snapshot lie.

With it, in its run, or in a copied tree of a machine.
"""

import os
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
    if folder == _LIVE:
        return find_config(folder, os.uname().release) if name == "config" else None
    return _in_tree(folder.parent, name) if folder.name == "proc" else None


def find_config(proc: Path, release: str) -> Path | None:
    """Return the configuration of a kernel: /proc/config.gz, or what its package put beside it.

    Args:
        proc: where procfs is; /boot and /lib are beside it.
        release: of the kernel, as `uname -r` says it.
    """
    root = proc.parent
    places = (
        (proc, "config"),
        (root / "boot", f"config-{release}"),
        (root / "lib" / "modules" / release, "config"),
        (root / "usr" / "lib" / "modules" / release, "config"),
    )
    safe = release and "/" not in release
    found = (find_file(folder, name) for folder, name in (places if safe else places[:1]))
    return next((each for each in found if each is not None), None)


def _in_tree(root: Path, name: str) -> Path | None:
    for place in _TREE.get(name, ()):
        found = find_file(root / Path(place).parent, Path(place).name)
        if found is not None:
            return found
    if name != "config":
        return None
    configs = sorted((root / "boot").glob("config-*"))
    return configs[0] if len(configs) == 1 else None

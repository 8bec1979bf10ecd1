"""Why a file of the kernel cannot be read or written: true reasons, in words.

Root is no answer for root: a kernel that is locked down refuses it too
(Documentation/admin-guide/kernel-parameters.txt: lockdown=; kernel_lockdown(7)).
"""

import errno
import os
import re
from pathlib import Path
from typing import Final

from execmem_tui.model.text import printable

_ROOT: Final = Path("/")
_LEVEL: Final = re.compile(r"\[(integrity|confidentiality)\]")
_NOT_THERE: Final = (errno.ENOENT, errno.ENOTDIR)


def lockdown(root: Path = _ROOT) -> str:
    """Return the lockdown level of the kernel, "" where it is none or not told.

    Args:
        root: where /sys and /proc are.
    """
    for name, pattern in (
        ("sys/kernel/security/lockdown", _LEVEL),
        ("proc/cmdline", re.compile(r"(?:^|\s)lockdown=(integrity|confidentiality)\b")),
    ):
        try:
            found = pattern.search((root / name).read_text(errors="replace")[:4096])
        except OSError:  # securityfs is not mounted: the command line may still tell
            continue
        if found is not None:
            return found[1]
    return ""


def why_refused(error: OSError, root: Path = _ROOT) -> str:
    """Return one printable clause: what the system said, and what it takes."""
    if isinstance(error, PermissionError) or error.errno == errno.EINVAL:
        # a locked down tracefs says EINVAL to mkdir (fs/tracefs/inode.c, kernel/trace/trace.c)
        said = error.strerror or "not permitted"
        if os.geteuid() != 0:
            return f"{said}: it takes root" if isinstance(error, PermissionError) else said
        level = lockdown(root)
        if level:
            return f"the kernel is locked down ({level})"
        return f"{said}, though this is root" if isinstance(error, PermissionError) else said
    if error.errno in _NOT_THERE:
        return "it is not there"
    if error.errno == errno.EROFS:
        return "it is mounted read-only"
    return printable(error.strerror or str(error), 120)

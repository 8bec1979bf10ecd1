"""Where a running process may be found by another one of the same user.

A folder nobody else can enter.
"""

import os
import stat
from pathlib import Path
from typing import Final

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def runtime_folder() -> Path:
    """Return the folder, made if it was not there.

    ``$XDG_RUNTIME_DIR/execmem-tui``; where there is none, ``run`` in the folder of what is kept
    from one start to the next.

    Raises:
        OSError: it cannot be made, or others may look into it.
    """
    from platformdirs import user_state_path

    given = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    kept = user_state_path("execmem-tui", appauthor=False)
    folder = given / "execmem-tui" if given.is_absolute() else kept / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(f"{folder}: not a folder of this user")
    if status.st_mode & _OTHERS:
        folder.chmod(0o700)
    return folder

"""Only Linux has a running kernel to look at; all else of the package runs without one."""

import sys
from pathlib import Path
from typing import Final

from execmem_tui.model.errors import SourceError

PROC: Final = Path("/proc")
"""Where the running kernel's procfs is."""


def refuse_elsewhere(proc: Path) -> None:
    """Refuse the running kernel's own procfs where there is none.

    Raises:
        SourceError: this is no Linux.
    """
    if proc == PROC and not sys.platform.startswith("linux"):
        raise SourceError(
            "only Linux has a running kernel to look at",
            hint="open a capture made on one, or simulate",
        )

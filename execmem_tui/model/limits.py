"""How many lines of one file are read: several times what the largest machines print.

What costs time and memory is each line, not each byte. A file beyond that is refused where it is
passed, with the way to have it read all the same.
"""

import os
from typing import Final

from execmem_tui.model.errors import InputError

LIFTED: Final = "EXECMEM_TUI_LIMIT"
"""Environment variable: a number that takes the place of all of these."""
AREAS: Final = 1_200_000
"""Of one vmallocinfo."""
ALL_AREAS: Final = 1_500_000
"""Of all snapshots of a run."""
SYMBOLS: Final = 1_000_000
"""Of one kallsyms."""
MODULES: Final = 100_000
SECTIONS: Final = 500_000


def most(usual: int) -> int:
    """Return how many lines may be read where `usual` are, unless the user lifts it."""
    told = os.environ.get(LIFTED, "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 19 else usual


def too_many(path: str, line: int | None, limit: int, what: str) -> InputError:
    """Return the error that refuses a file beyond a limit.

    Args:
        path: the file.
        line: the first one beyond.
        limit: lines that were read.
        what: of which there are too many, in the plural.
    """
    return InputError(
        path,
        line,
        f"more than {limit:,} {what}",
        hint=f"{LIFTED}=N in the environment reads up to N of each, in as much time and memory",
    )

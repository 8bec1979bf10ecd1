"""What the application remembers from one start to the next: a few names of things seen.

Lines of plain text: a reader of JSON would be a hundredth of each start.
"""

import os
from pathlib import Path

_MOST = 4096


def state_file() -> Path:
    """Return the file: ``$XDG_STATE_HOME/execmem-tui/seen`` or below ``~/.local/state``."""
    root = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(root) / "execmem-tui" / "seen"


def remembered() -> frozenset[str]:
    """Return the names that were remembered.

    None where the file says nothing that is understood.
    """
    try:
        with state_file().open("rb") as file:
            return frozenset(file.read(_MOST).decode().splitlines())
    except (OSError, ValueError, RuntimeError):
        return frozenset()  # a lost memory costs a card that is shown again


def remember(name: str) -> None:
    """Remember a name, which is one line; where nothing can be written, it is forgotten."""
    try:
        path = state_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        names = sorted({*remembered(), name})
        fresh.write_text("".join(f"{each}\n" for each in names), encoding="utf-8")
        fresh.replace(path)
    except (OSError, RuntimeError):
        return  # a home that cannot be written to is no reason to trouble anybody

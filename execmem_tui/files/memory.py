"""What the application remembers from one start to the next: a few names of things seen."""

import os
from pathlib import Path

_MOST = 4096


def state_file() -> Path:
    """Return the file: ``$XDG_STATE_HOME/execmem-tui/seen.json`` or below ``~/.local/state``."""
    root = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(root) / "execmem-tui" / "seen.json"


def remembered() -> frozenset[str]:
    """Return the names that were remembered.

    None where the file says nothing that is understood.
    """
    try:
        with state_file().open("rb") as file:
            text = file.read(_MOST)
        import json  # not at the first start, where there is no file

        found = json.loads(text)
    except (OSError, ValueError, RuntimeError):
        return frozenset()  # a lost memory costs a card that is shown again
    names = found if isinstance(found, list) else []
    return frozenset(name for name in names if isinstance(name, str))


def remember(name: str) -> None:
    """Remember a name; where nothing can be written, it is forgotten."""
    import json

    try:
        path = state_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(sorted({*remembered(), name})), encoding="utf-8")
        fresh.replace(path)
    except (OSError, RuntimeError):
        return  # a home that cannot be written to is no reason to trouble anybody

"""How far a listener came in each tour, kept from one start to the next."""

import json
import os
from pathlib import Path
from typing import Final

from attrs import asdict

from execmem_tui.model.records import frozen

_MOST: Final = 1 << 16
"""Bytes of the file that are looked at."""


def progress_file() -> Path:
    """Return ``$XDG_STATE_HOME/execmem-tui/tours.json``.

    Elsewhere than on Linux the system's own place.
    """
    from platformdirs import user_state_path

    return user_state_path("execmem-tui", appauthor=False) / "tours.json"


@frozen(kw_only=True)
class Reached:
    """How far one tour was taken."""

    stop: int = 0
    """Index of the stop to go on with."""
    done: bool = False
    """The last stop was reached once."""


class TourProgress:
    """Progress in all tours.

    Args:
        path: of the file; None keeps nothing (demonstrations, tests).
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def all(self) -> dict[str, Reached]:
        """Return what was kept; nothing where the file says nothing that is understood."""
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                found = json.loads(file.read(_MOST))
        except (OSError, ValueError, RecursionError):
            return {}  # lost progress costs a listener some presses of Enter
        if not isinstance(found, dict):
            return {}
        return {
            name: Reached(stop=each["stop"], done=each["done"])
            for name, each in found.items()
            if isinstance(each, dict)
            and type(each.get("stop")) is int
            and each["stop"] >= 0
            and isinstance(each.get("done"), bool)
        }

    def of(self, name: str) -> Reached:
        """Return how far a tour was taken."""
        return self.all().get(name, Reached())

    def keep(self, name: str, reached: Reached) -> None:
        """Keep it; where nothing can be written it is forgotten."""
        if self._path is None:
            return
        known = {**self.all(), name: reached}
        text = json.dumps({key: asdict(each, recurse=False) for key, each in sorted(known.items())})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_suffix(f".{os.getpid()}")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._path)
        except OSError:
            return  # a home that cannot be written to is no reason to stop a tour

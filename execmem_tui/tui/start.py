"""What is shown first: a source that is read after the first paint, and where to look."""

from collections.abc import Iterator
from typing import NamedTuple

from execmem_tui.sources.base import Progress
from execmem_tui.view.paint import LensName


class Opening(NamedTuple):
    """A source that is read after the first paint."""

    name: str
    """Printable."""
    opener: Iterator[Progress]
    words: tuple[str, ...]
    """Of the command line that opens it."""
    begun: Progress | None = None
    """What the opener gave first, where that did not take long: shown with the first paint."""


class Start(NamedTuple):
    """Where to look at first."""

    step: int | None = None
    at: str | None = None
    """A place as `g` takes it."""
    lens: LensName | None = None
    """What colour tells."""
    against: str | None = None
    """What to compare with, as `C` takes it."""
    tour: str | None = None
    """A tour to take: its name, or a file."""

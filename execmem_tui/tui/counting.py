"""How much is remarkable at a moment.

Counted when time has stood still for a while, check by check. All checks take as long as several
frames. So none is made while steps follow each other, and between two of them the application takes
what was typed meanwhile. Not a thread: the checks look back in the history, which belongs to the
event loop.
"""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import Source, SourceKind
from execmem_tui.view.shown import Shown

REST: Final = 0.4
"""Seconds that a step is looked at before it is worth a count."""

_MOST_AREAS: Final = 10_000
_MOST_STEPS: Final = 100_000
"""Of larger sources one check would be felt; `*` makes all of them, on request."""


class Handle(Protocol):
    """Something that was put off."""

    def cancel(self) -> None:
        """Do it never."""


class Scheduler(Protocol):
    """What can put things off."""

    rest: float | None
    """Seconds that a step is looked at before it is counted;
    None counts never, and nothing flashes."""

    def after(self, seconds: float, do: Callable[[], None]) -> Handle:
        """Do something once, as a message of the application."""


class CountingApp(Scheduler, Protocol):
    """What is counted of, and where the number goes."""

    source: Source
    """What feeds the map."""
    shown: Shown
    """The models of the history's step."""

    def show_findings(self, count: int | None) -> None:
        """Show how much is remarkable; None while that is not known."""


class Counting:
    """Counts the findings of the step that is shown, once it rests."""

    def __init__(self, app: CountingApp) -> None:
        self._app = app
        self._of: Snapshot | None = None
        self._handle: Handle | None = None

    def follow(self) -> None:
        """Another step may be shown: what was counted is not its number."""
        app = self._app
        if app.shown.snapshot is self._of:
            return  # another lens or filter
        self.close()
        self._of = app.shown.snapshot
        app.show_findings(None)
        if app.source.kind is SourceKind.OPENING:
            return
        few = len(self._of.areas) <= _MOST_AREAS and app.source.history.steps <= _MOST_STEPS
        if few and app.rest is not None:
            self._handle = app.after(app.rest, self.count)

    @property
    def counts(self) -> bool:
        """Whether a count is under way, or waits for its time."""
        return self._handle is not None

    def close(self) -> None:
        """Count no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def count(self) -> None:
        """Begin to count what is shown now."""
        from execmem_tui.analysis.findings import counts  # not with the first paint

        self._of = self._app.shown.snapshot
        self._go_on(self._of, counts(self._of, self._app.source.history), 0)

    def _go_on(self, of: Snapshot, rest: Iterator[int], so_far: int) -> None:
        if self._of is not of:
            return
        if self._app.source.history.snapshot() is not of:
            self._handle = None  # the step that comes is shown in a moment, and counted then
            return
        found = next(rest, None)
        if found is None:
            self._handle = None
            self._app.show_findings(so_far)
        else:
            self._handle = self._app.after(0, lambda: self._go_on(of, rest, so_far + found))

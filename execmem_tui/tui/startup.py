"""What is done once, when the first frame is there: open what was named, go where it was said."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.tui.start import Opening, Start

if TYPE_CHECKING:
    from execmem_tui.tui.comparing import CompareActions
    from execmem_tui.tui.looking import LookActions
    from execmem_tui.tui.source_jobs import SourceJobs
    from execmem_tui.tui.timeline import TimeActions
    from execmem_tui.tui.touring import TourActions


class StartupApp(AppProtocol, Protocol):
    """An application with all that the command line may ask for at the start."""

    jobs: "SourceJobs"
    time: "TimeActions"
    look: "LookActions"
    compares: "CompareActions"
    tours: "TourActions"

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to show yet."""

    def guarded(self) -> AbstractContextManager[None]:
        """Show what is raised inside, and go on."""

    def call_after_refresh(self, callback: Callable[[], None]) -> bool:
        """Do something when what was asked for before is on the screen."""


class Startup:
    """Opens what the command line named, and goes where it said as soon as that is there.

    Args:
        app: where.
        opening: what is read after the first paint; None where the source is there already.
        start: where to look at first.
    """

    def __init__(self, app: StartupApp, opening: Opening | None, start: Start | None) -> None:
        self._app = app
        self._opening = opening
        self._start = start

    @property
    def starts_empty(self) -> bool:
        """Whether the first frame has nothing to show yet."""
        return self._opening is not None and self._opening.begun is None

    def begin(self) -> None:
        """Open it, or go there: the first frame is on the terminal."""
        first = self._opening
        if first is None:
            self.go()
            return
        if first.begun is not None:
            self._app.opened = first.words or None
        self._app.jobs.open(first.name, first.opener, first.words, first.begun)

    def go(self) -> None:
        """Go where the command line said, once."""
        start, self._start = self._start, None
        if start is None:
            return
        app = self._app
        with app.guarded():
            if start.step is not None:
                app.time.seek(start.step)
            if start.at is not None:
                app.look.goto(start.at)
            if start.lens is not None:
                app.lens = start.lens
            if start.against is not None:
                app.compares.compare(start.against)
            if start.tour is not None:
                app.tours.begin(start.tour)

    def go_if_there(self) -> None:
        """Go there while the source still grows, if its step has come."""
        step, app = None if self._start is None else self._start.step, self._app
        there = not app.waiting and not app.jobs.partial
        if step is not None and there and app.source.history.steps >= step:
            app.call_after_refresh(self.go)

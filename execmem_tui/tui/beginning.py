"""What is done once, when the first frame is there: open what was named, go where it was said."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from execmem_tui.tui.stage import Stage
from execmem_tui.tui.start import Opening, Start

if TYPE_CHECKING:
    from execmem_tui.tui.comparing import CompareActions
    from execmem_tui.tui.looking import LookActions
    from execmem_tui.tui.source_jobs import SourceJobs
    from execmem_tui.tui.timeline import TimeActions
    from execmem_tui.tui.touring import TourActions


class Begun(Stage, Protocol):
    """A stage with all that the command line may ask for at the start."""

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


class Beginning:
    """Opens what the command line named, and goes where it said as soon as that is there.

    Args:
        stage: where.
        opening: what is read after the first paint; None where the source is there already.
        start: where to look at first.
    """

    def __init__(self, stage: Begun, opening: Opening | None, start: Start | None) -> None:
        self._stage = stage
        self._opening = opening
        self._start = start

    @property
    def in_the_dark(self) -> bool:
        """Whether the first frame has nothing to show yet."""
        return self._opening is not None and self._opening.begun is None

    def begin(self) -> None:
        """Open it, or go there: the first frame is on the terminal."""
        first = self._opening
        if first is None:
            self.go()
            return
        if first.begun is not None:
            self._stage.opened = first.words or None
        self._stage.jobs.open(first.name, first.opener, first.words, first.begun)

    def go(self) -> None:
        """Go where the command line said, once."""
        start, self._start = self._start, None
        if start is None:
            return
        stage = self._stage
        with stage.guarded():
            if start.step is not None:
                stage.time.seek(start.step)
            if start.at is not None:
                stage.look.goto(start.at)
            if start.lens is not None:
                stage.lens = start.lens
            if start.against is not None:
                stage.compares.compare(start.against)
            if start.tour is not None:
                stage.tours.begin(start.tour)

    def go_if_there(self) -> None:
        """Go there while the source still grows, if its step has come."""
        step, stage = None if self._start is None else self._start.step, self._stage
        there = not stage.waiting and not stage.jobs.partial
        if step is not None and there and stage.source.history.steps >= step:
            stage.call_after_refresh(self.go)

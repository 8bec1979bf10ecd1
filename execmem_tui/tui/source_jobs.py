"""Sources that are opened, and kernels that are read, off the event loop."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from execmem_tui.model.text import printable
from execmem_tui.sources.base import Followed, Progress, Side, Source, SourceKind
from execmem_tui.tui.app_protocol import AppProtocol

if TYPE_CHECKING:
    from execmem_tui.bundles.several import SeveralCapturesError
    from execmem_tui.tui.jobs import Job


class JobApp(AppProtocol, Protocol):
    """An application that starts jobs, gets what they bring, and shows how far they are."""

    def start_job(self, title: str, work: Iterator[Any]) -> "Job":
        """Start a job whose messages come to this app."""

    def show_work(self, work: str, fraction: float) -> None:
        """Show what is being done, "" for nothing, and how far it is, 0 to 1."""

    def arrived(self, words: Sequence[str]) -> None:
        """A source that was being opened is shown; `words` of the command line open it."""

    def show_whole(self, part: Source, whole: Source) -> None:
        """Show a source in the place of a part of it, where one looks already."""

    def offer_captures(self, error: "SeveralCapturesError", path: str) -> None:
        """Ask which of several captures is meant."""

    def show_error(self, error: Exception) -> None:
        """Say what went wrong."""


class SourceJobs:
    """At most one source is being opened.

    Likewise one to compare with, and one read of the running kernel.
    """

    def __init__(self, app: JobApp) -> None:
        self._app = app
        self.opening: Job | None = None
        self.reading: Job | None = None
        self.comparing: Job | None = None
        self._opened: Source | None = None
        """What the job brought, while it brings more."""
        self.partial = False
        """Whether that is only a part, and the whole takes its place."""
        self._words: tuple[str, ...] = ()
        self._name = self._beside = ""

    def open(
        self,
        name: str,
        opener: Iterator[Progress],
        words: Sequence[str],
        begun: Progress | None = None,
    ) -> None:
        """Open a source and show it as soon as there is one; drop what was being opened before.

        `begun` is what the opener gave already, and is shown.
        """
        if self.opening is not None:
            self.opening.stop()
        self._opened = None if begun is None else begun.source
        self.partial = begun is not None and begun.part
        self._words = tuple(words)
        self._name = f"opening {printable(name, 80)}"
        self._app.show_work(self._name, 0.0)
        self.opening = self._app.start_job("open", opener)

    def compare(self, name: str, reader: Iterator[Progress | Side]) -> None:
        """Read what is to be compared with, in the place of what was being read for that before."""
        if self.comparing is not None:
            self.comparing.stop()
        self._beside = f"reading {printable(name, 80)}"
        self._app.show_work(self._beside, 0.0)
        self.comparing = self._app.start_job("compare", reader)

    def stop(self) -> bool:
        """Stop what is being opened, or read to compare with; False where nothing is."""
        job = self.opening or self.comparing
        if job is None:
            return False
        job.stop()
        if job is self.opening:
            self._end_opening()
        else:
            self._end_comparing()
        return True

    def read(self) -> None:
        """Read the running kernel once, unless a read is under way."""
        source = self._app.source
        if isinstance(source, Followed) and self.reading is None:
            self.reading = self._app.start_job("read", (source.read() for _ in range(1)))

    def close(self) -> None:
        """Stop all, and wait for nothing."""
        for job in (self.opening, self.comparing, self.reading):
            if job is not None:
                job.stop()

    def brought(self, job: "Job", thing: Any) -> None:
        """Show what a job brought; what a dropped one brought is dropped."""
        if job is self.opening:
            self._show_progress(thing)
        elif job is self.comparing and isinstance(thing, Side):
            self._app.pin(thing)
        elif job is self.comparing:
            self._app.show_work(self._beside, thing.fraction)
        elif job is self.reading and self._app.source.history.append(thing):
            self._app.show_step()

    def _show_progress(self, progress: Progress) -> None:
        app = self._app
        app.show_work(self._name, progress.fraction)
        if progress.source is None:
            return
        if self._opened is not None and self._opened is not progress.source:
            app.show_whole(self._opened, progress.source)
            self._opened, self.partial = progress.source, progress.part
        elif self._opened is None:
            # A trace begins at its beginning, however much of it is read already.
            progress.source.history.extend(progress.events, follow=False)
            if progress.source.kind is SourceKind.SCENARIO:
                progress.source.history.seek(0)  # it is there to be played
            self._opened, self.partial = progress.source, progress.part
            app.show_source(progress.source)
            app.arrived(self._words)
        elif progress.events:
            self._opened.history.extend(progress.events, follow=False)
            if self._opened is app.source:
                app.show_step()

    def ended(self, job: "Job", error: Exception | None) -> bool:
        """Say what went wrong with a job, if anything did.

        Return whether it was the opening one.
        """
        was_opening = job is self.opening
        if was_opening:
            self._end_opening()
        elif job is self.comparing:
            self._end_comparing()
        elif job is self.reading:
            self.reading = None
            if error is not None:
                self._app.following = False
        else:
            return False
        from execmem_tui.bundles.several import SeveralCapturesError

        if isinstance(error, SeveralCapturesError) and was_opening and len(self._words) == 1:
            self._app.offer_captures(error, self._words[0])
        elif error is not None:
            self._app.show_error(error)
        return was_opening

    def _end_opening(self) -> None:
        self.opening = self._opened = None
        self.partial = False
        self._app.show_work("", 0.0)

    def _end_comparing(self) -> None:
        self.comparing = None
        self._app.show_work("", 0.0)

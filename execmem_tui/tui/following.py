"""Sources read off the event loop: opening one, and following one that grows by itself."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from textual.timer import Timer
from textual.worker import Worker, WorkerState

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.events import Event
from execmem_tui.model.text import printable
from execmem_tui.sources.base import Followed, Source, SourceKind
from execmem_tui.tui.base import AppPart

_SHORTEST: Final = 0.125
_LONGEST: Final = 64.0
_READER: Final = "follow"
_OPENER: Final = "open"
_NOTES_TOLD: Final = 2


def _first_step(name: str) -> Source:
    """Play a scenario and return to its beginning."""
    from execmem_tui.sources.scenario_play import play_scenario

    play = play_scenario(name)
    play.history.seek(0)
    return play


class Following(AppPart):
    """Opens sources; reads a followed one at an interval."""

    _interval = 1.0
    _follower: Timer | None = None
    _reading: Source | None = None
    """Whose read is under way."""

    @property
    def following(self) -> bool:
        """Whether the source is read again and again."""
        return self._follower is not None

    def follow_source(self) -> None:
        """Begin to follow the source, if it can be followed."""
        self._stop_following()
        if isinstance(self.source, Followed):
            self._follower = self.set_interval(self._interval, self._read_source)

    def tell_notes(self) -> None:
        """Say what is not known of a real kernel, and why."""
        if self.source.kind not in (SourceKind.SIMULATE, SourceKind.SCENARIO):
            for note in self.source.history.layout.notes[:_NOTES_TOLD]:
                self.notify(note, title="note", severity="warning", markup=False, timeout=8)

    def _stop_following(self) -> None:
        if self._follower is not None:
            self._follower.stop()
            self._follower = None

    def toggle_following(self) -> bool:
        """Follow or do not; False if this source cannot be followed."""
        if not isinstance(self.source, Followed):
            return False
        if self._follower is None:
            self.follow_source()
        else:
            self._stop_following()
        self.show_frame()
        return True

    def change_interval(self, factor: float) -> bool:
        """Read more or less often; False if this source cannot be followed."""
        if not isinstance(self.source, Followed):
            return False
        self._interval = min(max(self._interval * factor, _SHORTEST), _LONGEST)
        self.follow_source()
        self.notify(f"read every {self._interval:g} s", markup=False, timeout=2)
        return True

    def _read_source(self) -> None:
        source = self.source
        if isinstance(source, Followed) and not any(
            worker.name == _READER and worker.is_running for worker in self.workers
        ):
            self._reading = source
            self.run_worker(source.read, name=_READER, thread=True, exit_on_error=False)

    def action_open(self) -> None:
        """Open a capture, a bundle, a trace, a /proc file, or the running kernel."""
        from execmem_tui.sources.opening import open_path
        from execmem_tui.tui.screens.dialogs import AskLine

        def go(line: str | None) -> None:
            if line is not None:
                self._open(partial(open_path, line, follow=True), line)

        self.push_screen(
            AskLine("Open (a capture folder, a bundle, a trace, a vmallocinfo, or: live)"), go
        )

    def action_scenario(self) -> None:
        """List the scenarios; play one."""
        from execmem_tui.scenarios.reader import library, open_scenario
        from execmem_tui.tui.screens.dialogs import FindDialog

        names = list(library())
        lines = [
            (f"{name}: {open_scenario(name).title}", number) for number, name in enumerate(names)
        ]

        def go(number: int | None) -> None:
            if number is not None:
                self._open(partial(_first_step, names[number]), names[number])

        self.push_screen(
            FindDialog("Play a scenario ( space plays, } is the next step )", lines), go
        )

    def _open(self, opener: Callable[[], Source], name: str) -> None:
        """Open a source off the event loop and show it."""
        self.notify(f"opening {printable(name, 80)} …", markup=False, timeout=2)
        self.run_worker(
            opener, name=_OPENER, group=_OPENER, thread=True, exclusive=True, exit_on_error=False
        )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show what a read brought, unless another source was opened meanwhile."""
        worker: Worker[Any] = event.worker
        if worker.name == _READER and self._reading is not self.source:
            return
        if event.state is WorkerState.ERROR and worker.name in (_READER, _OPENER):
            if worker.name == _READER:
                self._stop_following()
                self.show_frame()
            error = worker.error
            text = str(error) if isinstance(error, ExecmemTuiError | OSError) else repr(error)
            self.notify(printable(text, 500), severity="error", markup=False)
        elif event.state is WorkerState.SUCCESS and worker.name == _OPENER:
            if worker.result is not None:
                self.show_source(worker.result)
                self.tell_notes()
        elif event.state is WorkerState.SUCCESS and worker.name == _READER:
            events: list[Event] = worker.result or []
            if events and self.source.history.append(events):
                self.show_snapshot()

    def on_unmount(self) -> None:
        """Give back what the source took."""
        if isinstance(self.source, Followed):
            self.source.close()

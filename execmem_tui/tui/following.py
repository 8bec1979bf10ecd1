"""Following a source that grows by itself: read off the event loop, shown between two frames."""

from typing import Final

from textual.timer import Timer
from textual.worker import Worker, WorkerState

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.events import Event
from execmem_tui.model.text import printable
from execmem_tui.sources.base import Followed
from execmem_tui.tui.base import AppPart

_SHORTEST: Final = 0.125
_LONGEST: Final = 64.0
_READER: Final = "follow"


class Following(AppPart):
    """Reads a followed source at an interval."""

    _interval = 1.0
    _follower: Timer | None = None

    @property
    def following(self) -> bool:
        """Whether the source is read again and again."""
        return self._follower is not None

    def follow_source(self) -> None:
        """Begin to follow the source, if it can be followed."""
        self._stop_following()
        if isinstance(self.source, Followed):
            self._follower = self.set_interval(self._interval, self._read_source)

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
        if isinstance(source, Followed):
            busy = any(worker.name == _READER and worker.is_running for worker in self.workers)
            if not busy:
                self.run_worker(source.read, name=_READER, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show what a read brought."""
        worker: Worker[list[Event]] = event.worker
        if worker.name != _READER:
            return
        if event.state is WorkerState.ERROR:
            self._stop_following()
            error = worker.error
            known = isinstance(error, ExecmemTuiError | OSError)
            self.notify(
                printable(str(error), 400) if known else repr(error), title="live", severity="error", markup=False
            )
        elif event.state is WorkerState.SUCCESS and worker.result and self.source.history.append(worker.result):
            self.show_snapshot()

    def on_unmount(self) -> None:
        """Give back what the source took."""
        if isinstance(self.source, Followed):
            self.source.close()

"""Work off the event loop: a thread that nobody waits for, and messages about what it brought.

Textual's own thread workers run in the event loop's executor, which Python joins at exit: a read
of a FIFO that nobody writes to, or a scenario of 10^9 steps, would keep the process for ever. A
daemon thread dies with the process, and a stopped job is forgotten whatever it still does.
"""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from textual.message import Message
from textual.message_pump import MessagePump


class JobStopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The job was told to stop; raised inside it by `Job.check`."""


class Job:
    """One piece of work. `work` gets the job, for `check` and `tell`."""

    class Ended(Message):
        """The work is done or failed: one of `result` and `error` is set, unless it was stopped."""

        def __init__(self, job: "Job", result: Any, error: Exception | None) -> None:
            super().__init__()
            self.job = job
            self.result = result
            self.error = error

    class Progressed(Message):
        """The work got on."""

        def __init__(self, job: "Job", fraction: float) -> None:
            super().__init__()
            self.job = job
            self.fraction = fraction
            """0 to 1."""

        def can_replace(self, message: Message) -> bool:
            """Only the newest matters."""
            return isinstance(message, Job.Progressed) and message.job is self.job

    def __init__(self, owner: MessagePump, title: str, work: Callable[["Job"], Any]) -> None:
        self.title = title
        self._owner = owner
        self._work = work
        self._stop = Event()
        self._thread = Thread(target=self._run, name=title, daemon=True)

    def start(self) -> "Job":
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask the work to end; whatever it brings from here on is dropped."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether somebody asked it to end."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise if the job was stopped. Cheap: to be called in every loop of long work.

        Raises:
            JobStopped: it was.
        """
        if self._stop.is_set():
            raise JobStopped

    def tell(self, fraction: float) -> None:
        """Say how far the work has got, from 0 to 1; may be called from its thread."""
        self.check()
        self._owner.post_message(self.Progressed(self, fraction))

    def join(self) -> None:
        """Wait for the thread; for tests."""
        self._thread.join()

    def _run(self) -> None:
        try:
            result = self._work(self)
        except JobStopped:
            return
        except Exception as error:  # noqa: BLE001 - handed to the owner, who shows it
            self._post(None, error)
        else:
            self._post(result, None)

    def _post(self, result: Any, error: Exception | None) -> None:
        if not self.stopped:
            self._owner.post_message(self.Ended(self, result, error))

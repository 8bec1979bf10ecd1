"""Work off the event loop: a thread that nobody waits for, and messages about what it brought.

Textual's own thread workers run in the event loop's executor, which Python joins at exit: a read
of a FIFO that nobody writes to, or a scenario of 10^9 steps, would keep the process for ever. A
daemon thread dies with the process, and a stopped job is forgotten whatever it still does.
"""

from collections.abc import Generator, Iterator
from threading import Event, Thread
from typing import Any, Final

from textual.message import Message
from textual.message_pump import MessagePump

_PATIENCE: Final = 0.1
_LONGEST_PATIENCE: Final = 5.0
"""Seconds between two tries to stop a job."""


class JobStopped(SystemExit):
    """Somebody asked the job to stop.

    Raised inside its thread. A `SystemExit`, so that no ``except Exception`` on the way takes it
    for an error, and that Python lets the thread end without a word.
    """


class Job:
    """One piece of work: an iterator, run to its end in a thread.

    Each thing it yields is a message.

    Args:
        owner: gets the messages.
        title: one printable line.
        work: what to run. It must touch nothing that another thread uses.
    """

    class Brought(Message):
        """The work yielded something."""

        def __init__(self, job: "Job", thing: Any) -> None:
            super().__init__()
            self.job = job
            self.thing = thing

    class Ended(Message):
        """The work is done, or failed if there is an `error`; a stopped job says nothing."""

        def __init__(self, job: "Job", error: Exception | None) -> None:
            super().__init__()
            self.job = job
            self.error = error

    def __init__(self, owner: MessagePump, title: str, work: Iterator[Any]) -> None:
        self.title = title
        self._owner = owner
        self._work = work
        self._stop = Event()
        self._ending = Event()
        """It does nothing any more that would have to be stopped."""
        self._thread = Thread(target=self._run, name=title, daemon=True)

    def start(self) -> "Job":
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the work; whatever it brings from here on is dropped.

        Not all of it can ask whether to go on: one step of a scenario may be 10^9 requests. Python
        raises the exception at the thread's next bytecode; a thread that waits in the kernel gets
        it when it wakes, and burns nothing until then. Where that bytecode is a callback of a weak
        reference, Python drops the exception: so it is raised again until it has come through.
        """
        if not self._stop.is_set():
            self._stop.set()
            self._interrupt()
            Thread(target=self._insist, name=f"stop {self.title}", daemon=True).start()

    def _interrupt(self) -> None:
        import ctypes  # not at each start

        if self._thread.is_alive() and self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(JobStopped)
            )

    def _insist(self) -> None:
        wait = _PATIENCE
        while not self._ending.wait(wait) and self._thread.is_alive():
            self._interrupt()
            wait = min(2 * wait, _LONGEST_PATIENCE)

    @property
    def stopped(self) -> bool:
        """Whether somebody asked it to end."""
        return self._stop.is_set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread, at most `timeout` seconds; return whether it has ended.

        For tests.
        """
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        error: Exception | None = None
        try:
            for thing in self._work:
                if self._stop.is_set():
                    return
                self._owner.post_message(self.Brought(self, thing))
        except JobStopped:
            self._ending.set()
            return
        except Exception as problem:  # noqa: BLE001 - handed to the owner, who shows it
            error = problem
        finally:
            self._ending.set()
            if isinstance(self._work, Generator):
                self._work.close()  # files and temporary folders go now, not when it is collected
        if not self._stop.is_set():
            self._owner.post_message(self.Ended(self, error))

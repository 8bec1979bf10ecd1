"""Work that is counted, can be limited and can be stopped from another thread.

Counted, not timed: the same input meets the same limit on every machine.
"""

from typing import Final

from execmem_tui.model.errors import ExecmemTuiError

RUN_LIMIT: Final = 1_000_000
"""Work of one run of a scenario: steps, repeated ones and each of their `count` each time, whatever
the allocator does for them, and what an expectation has to look at. Under ten seconds."""
MAP_LIMIT: Final = 500_000
"""Work of a run that keeps its map, which takes twice the time and much more memory."""
SWEEP_LIMIT: Final = 200_000_000
"""Work of all draws of a sweep together."""


class LimitError(ExecmemTuiError):
    """More work than was allowed."""


class CancelledError(ExecmemTuiError):
    """Somebody asked for the end; nothing is wrong."""

    def __init__(self) -> None:
        super().__init__("cancelled")


class Work:
    """A counter that whoever works spends from.

    Args:
        limit: how much may be done in all; None: without end.
        what: the unit, for the message.
        hint: what to do about the limit.
    """

    def __init__(self, limit: int | None = None, *, what: str = "steps", hint: str = "") -> None:
        self.done = 0
        self._limit = limit
        self._what = what
        self._hint = hint
        self._cancelled = False

    def spend(self, amount: int = 1) -> None:
        """Count `amount` more.

        Raises:
            LimitError: that is more than was allowed.
            CancelledError: `cancel` was called.
        """
        self.done += amount
        if self._cancelled:
            raise CancelledError
        if self._limit is not None and self.done > self._limit:
            raise LimitError(f"more than {self._limit:,} {self._what}", hint=self._hint)

    def cancel(self) -> None:
        """Let the next `spend`, in whatever thread, end the work. Safe to call twice."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for the end."""
        return self._cancelled

"""In which order what init leaves behind is freed.

do_init_module() puts each module's init memory at the head of a list, and one work item takes the
whole list (kernel/module/main.c: do_free_init): within a batch the newest comes first, batches come
in the order of the loads.
"""

from typing import Final

from execmem_tui.analysis.loads import Load

BATCHES: Final = "loader init batches"
_KEPT: Final = 512
"""Loads whose init memory is still to be freed."""


class InitBatches:
    """Follows loads and the frees of their init memory.

    When the memory of a load is freed while that of older ones is not, they are in one batch, and
    the next that is freed must be the newest of the older ones.

    A load's place in the list is known from its ``module_load`` event only where one load follows
    the other: of loads that overlap, the one that begins first may end its init last.
    """

    def __init__(self) -> None:
        self.raced = False
        """Loads overlapped so far, so that nothing can be claimed."""
        self._pending: list[Load] = []
        """Oldest first."""
        self._due: Load | None = None
        """Must be freed next."""
        self._last_line = 0

    def loaded(self, load: Load) -> None:
        """A load ended; its init memory is to be freed."""
        if load.begun < self._last_line:
            self.raced = True
        self._last_line = load.line
        self._pending.append(load)
        if len(self._pending) > _KEPT:
            # their init failed or never ended: nothing can be said about who is next
            del self._pending[: _KEPT // 2]
            self._due = None

    def freed(self, load: Load) -> tuple[str, str] | None:
        """Init memory of a load begins to be freed.

        Return who was due and who came, None if nobody was.
        """
        due, self._due = self._due, None
        if not any(each is load for each in self._pending):
            return None
        older = []
        for each in self._pending:
            if each is load:
                break
            older.append(each)
        self._pending = [each for each in self._pending if each is not load]
        if older:
            self._due = older[-1]
        return None if due is None else (due.name, load.name)

    def forget(self, load: Load) -> None:
        """A module was unloaded, or its init failed: its init memory is no longer waited for."""
        self._pending = [each for each in self._pending if each is not load]
        if self._due is load:
            self._due = None

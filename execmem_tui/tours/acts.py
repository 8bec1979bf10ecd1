"""What a listener can do to the simulated kernel: keys by their actions, as commands."""

from collections.abc import Callable
from typing import Final

from execmem_tui.commands.by_hand import Command, insert, load_module
from execmem_tui.commands.fill import fill
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.scenarios.values import BadValueError

_PANES: Final = (
    ExecmemType.MODULE_TEXT,
    ExecmemType.KPROBES,
    ExecmemType.FTRACE,
    ExecmemType.BPF,
)
_NUMBER: Final = 1 << 20
"""Of what is inserted to find a way: beyond any that a listener inserts."""


@frozen
class Act:
    """A key that a stop teaches: its action, and for some keys what it is used on."""

    action: str
    """The action's id: allocate, fill, insert, free, purge."""
    what: str = ""
    """A module or an owner."""

    def command(self, pane: int) -> Command:
        """Return what it does to a kernel, with a pane in focus."""
        return _COMMANDS[self.action](self.what, _PANES[pane - 1])


def _allocate(_: str, kind: ExecmemType) -> Command:
    return lambda kernel: kernel.machine.request(kind, kernel.machine.usual_size(kind))


def _insert(what: str, kind: ExecmemType) -> Command:
    return load_module(what) if kind is ExecmemType.MODULE_TEXT else insert(kind, _NUMBER)


def _purge(kernel: Kernel) -> None:
    kernel.machine.purge("aliases")


def _free(what: str, _: ExecmemType) -> Command:
    def command(kernel: Kernel) -> None:
        if what in kernel.modules.loaded:
            kernel.modules.unload(what)
            return
        starts = [area.start for area in kernel.machine.areas() if area.owner == what]
        for start in starts[:1]:
            kernel.machine.release(start)

    return command


_COMMANDS: Final[dict[str, Callable[[str, ExecmemType], Command]]] = {
    "allocate": _allocate,
    "insert": _insert,
    "free": _free,
    "fill": lambda _, kind: fill,  # noqa: ARG005 - it has one window only
    "purge": lambda _, kind: _purge,  # noqa: ARG005 - likewise
}


def acts(value: object) -> tuple[Act, ...]:
    """Read one act or a list of them.

    ``allocate``, ``fill``, ``purge``, ``insert xfs``, ``free xfs``.

    Raises:
        BadValueError: one is none.
    """
    found = []
    for entry in value if isinstance(value, list) else [value]:
        action, _, what = str(entry).partition(" ")
        if action not in _COMMANDS:
            raise BadValueError(f"no act {str(entry)!r}: {', '.join(_COMMANDS)}")
        found.append(Act(action, what))
    return tuple(found)

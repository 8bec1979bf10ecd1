"""What may be done to memory at a step: read, written, run, as its range and set_memory_*() leave it.

Only for sources that tell of permission changes (the simulator): a trace of vmalloc events does not.
"""

from collections.abc import Mapping
from typing import Final

from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import PermissionsChanged
from execmem_tui.model.layouts import Layout
from execmem_tui.model.units import Address

Rights = frozenset[str]
"""Of ``w`` and ``x``; everything can be read."""

_NONE: Final[Rights] = frozenset()
_BY_PGPROT: Final[Mapping[str, Rights]] = {
    "PAGE_KERNEL": frozenset("w"),
    "PAGE_KERNEL_EXEC": frozenset("wx"),
    "PAGE_KERNEL_RWX": frozenset("wx"),
    "PAGE_KERNEL_ROX": frozenset("x"),
    "PAGE_KERNEL_READ_EXEC": frozenset("x"),
    "PAGE_KERNEL_RO": _NONE,
}
_CHANGES: Final[Mapping[str, tuple[Rights, Rights]]] = {
    "ro": (frozenset("w"), _NONE),
    "rw": (_NONE, frozenset("w")),
    "nx": (frozenset("x"), _NONE),
    "x": (_NONE, frozenset("x")),
    "rox": (frozenset("w"), frozenset("x")),
}
"""What set_memory_*() takes, and what it gives (include/linux/set_memory.h)."""


def first_rights(layout: Layout, area: Area) -> Rights | None:
    """Return what an execmem area may be used for right after its allocation, None where its protection is unknown."""
    if area.type is None:
        return None
    return _BY_PGPROT.get(layout.range_of(area.type).pgprot)


def rights(history: History, step: int) -> dict[Address, Rights]:
    """Return the rights of the live execmem areas at `step`, by their start; those unknown are left out."""
    layout, first = history.layout, history.first_step
    held: dict[Address, Rights] = {}

    def begin(area: Area) -> None:
        found = first_rights(layout, area)
        if area.state is AreaState.LIVE and found is not None:
            held.setdefault(area.start, found)

    for area in history.peek(first).areas:
        begin(area)
    for event in history.events(first, step):
        if isinstance(event, PermissionsChanged) and event.start in held:
            takes, gives = _CHANGES.get(event.permissions, (_NONE, _NONE))
            held[event.start] = held[event.start] - takes | gives
        gone = {area.start for area in event.removed} - {area.start for area in event.added}
        for start in gone:
            held.pop(start, None)
        for area in event.added:
            if area.state is not AreaState.LIVE:
                held.pop(area.start, None)
            else:
                begin(area)
    return held


def tells_of_permissions(history: History) -> bool:
    """Whether any event of the source tells of a permission change."""
    return any(
        isinstance(event, PermissionsChanged)
        for event in history.events(history.first_step, history.steps)
    )


def writable_code(history: History, step: int) -> tuple[Area, ...]:
    """Return the live areas that may be written and run at once, ascending."""
    found = rights(history, step)
    both = {start for start, held in found.items() if held == frozenset("wx")}
    return tuple(
        area
        for area in history.peek(step).areas
        if area.start in both and area.type is not None and area.state is AreaState.LIVE
    )

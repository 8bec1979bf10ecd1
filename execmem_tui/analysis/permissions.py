"""What may be done to memory at a step.

Read, written, run, as its range and set_memory_*() leave it. Only for sources that tell of
permission changes (the simulator): a trace of vmalloc events does not.
"""

from collections.abc import Mapping
from typing import Final

from execmem_tui.analysis.area_record import AreaRecord
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Event, PermissionsChanged
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
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
    """Return what an execmem area may be used for right after its allocation.

    None where its protection is unknown. Where no loader changes permissions (no STRICT_MODULE_RWX)
    and text gets PAGE_KERNEL, that is executable: mips, loongarch and sparc set no bit against it
    (arch/*/include/asm/pgtable*.h).
    """
    if area.type is None:
        return None
    pgprot = layout.range_of(area.type).pgprot
    text = layout.range_of(ExecmemType.MODULE_TEXT).pgprot
    if pgprot == text == "PAGE_KERNEL" and not layout.capability.strict_module_rwx:
        return frozenset("wx")
    return _BY_PGPROT.get(pgprot)


def rights_record(layout: Layout) -> AreaRecord[Rights]:
    """Return the record of who may do what on a machine."""

    def change(event: Event, held: dict[Address, Rights]) -> None:
        if isinstance(event, PermissionsChanged) and event.start in held:
            takes, gives = _CHANGES.get(event.permissions, (_NONE, _NONE))
            held[event.start] = held[event.start] - takes | gives

    def begin(area: Area, _step: int, event: Event | None) -> Rights | None:
        if event is None and layout.capability.strict_module_rwx:
            return None  # it was there before: what was changed since is not told
        return first_rights(layout, area)

    return AreaRecord(begin, change)


def rights(history: History, step: int) -> Mapping[Address, Rights]:
    """Return the rights of the live execmem areas at `step`, by their start.

    Those unknown are left out.
    """
    return rights_record(history.layout).at(history, step)


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

"""Ftrace pages: trampolines.

On s390 also the areas that call sites of modules are patched through.
"""

from typing import Final

from execmem_tui.formats.procfiles import Symbol
from execmem_tui.model.areas import Area
from execmem_tui.model.capability import FtraceMemory
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.owners.evidence import AreaEvidence

CALLERS: Final = ("arch_ftrace_update_trampoline", "create_trampoline", "alloc_tramp")
HOTPATCH_CALLERS: Final = ("module_finalize", "module_alloc_ftrace_hotpatch_trampolines")
"""s390: one area per module with call sites (arch/s390/kernel/module.c)."""


def page(layout: Layout, area: Area, symbol: Symbol) -> Area:
    """Return `area` as the trampoline that a symbol of kallsyms names."""
    return layout.typed(area, ExecmemType.FTRACE, symbol.name)


def by_symbol(layout: Layout, area: Area, found: AreaEvidence) -> list[Area]:
    """Return the area as a trampoline if kallsyms names one in it, else []."""
    return [page(layout, area, found.trampolines[0])] if found.trampolines else []


def by_caller(layout: Layout, area: Area, _: AreaEvidence) -> list[Area]:
    """Return the area as a trampoline if ftrace asked for it, else []."""
    hotpatch = layout.capability.ftrace is FtraceMemory.HOTPATCH
    if hotpatch and area.called_by in HOTPATCH_CALLERS:
        owner = "ftrace hotpatch"
    elif area.called_by in CALLERS and layout.may_hold(ExecmemType.FTRACE, area.start):
        owner = "ftrace_trampoline"
    else:
        return []
    return [layout.typed(area, ExecmemType.FTRACE, owner, detail="told by its caller")]

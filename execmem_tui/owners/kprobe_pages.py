"""Kprobe pages: the pages whose slots hold the instructions that probes displaced.

kernel/kprobes.c: `struct kprobe_insn_page`, one cache for probes and one for optimised probes.
"""

from typing import Final

from execmem_tui.formats.procfiles import Symbol
from execmem_tui.model.areas import Area
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.owners.evidence import AreaEvidence

CALLERS: Final = ("__get_insn_slot", "alloc_insn_page", "alloc_optinsn_page")


def page(layout: Layout, area: Area, symbol: Symbol) -> Area:
    """Return `area` as the page that a symbol of kallsyms names.

    The symbol is kprobe_insn_page or kprobe_optinsn_page.
    """
    return layout.typed(area, ExecmemType.KPROBES, symbol.name)


def by_symbol(layout: Layout, area: Area, found: AreaEvidence) -> list[Area]:
    """Return the area as a kprobe page if kallsyms names one in it, else []."""
    return [page(layout, area, found.kprobes[0])] if found.kprobes else []


def by_caller(layout: Layout, area: Area, _: AreaEvidence) -> list[Area]:
    """Return the area as a kprobe page if the kprobe caches asked for it, else []."""
    if area.called_by not in CALLERS or not layout.may_hold(ExecmemType.KPROBES, area.start):
        return []
    owner = _of_either_cache(layout)
    return [layout.typed(area, ExecmemType.KPROBES, owner, detail="told by its caller")]


def _of_either_cache(layout: Layout) -> str:
    """Return the name of a page whose caller does not say which of the two caches it is of.

    Where optimised probes have pages too, that stays open.
    """
    slot = layout.capability.kprobe_slot
    both = not layout.known or (slot is not None and slot.optinsn_size is not None)
    return "kprobe page" if both else "kprobe_insn_page"

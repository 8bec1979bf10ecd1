"""BPF programs: packs of many (kernel/bpf/core.c: bpf_prog_pack), areas of one, trampolines."""

from collections.abc import Sequence
from typing import Final

from execmem_tui.model.areas import Area
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Bytes
from execmem_tui.owners.evidence import AreaEvidence

CALLERS: Final = (
    "bpf_prog_pack_alloc", "bpf_jit_alloc_exec", "bpf_jit_binary_alloc",
    "bpf_jit_binary_pack_alloc", "alloc_new_pack", "bpf_int_jit_compile", "bpf_jit_alloc_exec_page",
    "arch_alloc_bpf_trampoline", "bpf_trampoline_update", "bpf_dispatcher_change_prog",
    "bpf_prog_select_runtime",
)  # fmt: skip
PACK: Final = "bpf_prog_pack"
_PACK_SIZE: Final[Bytes] = 2 << 20
"""A pack per possible node (kernel/bpf/core.c: BPF_PROG_PACK_SIZE)."""
_NAMES_LISTED: Final = 6


def by_symbols(layout: Layout, area: Area, found: AreaEvidence) -> list[Area]:
    """Return the area as that of the programs that kallsyms names in it, [] if it names none."""
    names = [symbol.name for symbol in found.programs]
    return [_programs(layout, area, names)] if names else []


def by_caller(layout: Layout, area: Area, _: AreaEvidence) -> list[Area]:
    """Return the area as BPF's if its JIT asked for it, else []."""
    if area.called_by not in CALLERS or not layout.may_hold(ExecmemType.BPF, area.start):
        return []
    return [_programs(layout, area, [])]


def _programs(layout: Layout, area: Area, names: Sequence[str]) -> Area:
    pack = area.size >= _PACK_SIZE and area.size % _PACK_SIZE == 0
    if len(names) == 1 and not pack:
        return layout.typed(area, ExecmemType.BPF, names[0])
    listed = ", ".join(names[:_NAMES_LISTED]) + (", …" if len(names) > _NAMES_LISTED else "")
    count = f"{len(names)} program{'' if len(names) == 1 else 's'}"
    detail = f"{count} in kallsyms: {listed}" if names else ""
    return layout.typed(
        area, ExecmemType.BPF, PACK if pack or names else "bpf program", detail=detail
    )

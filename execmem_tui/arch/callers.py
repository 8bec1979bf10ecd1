"""Who calls whom: the function that allocates each type, and who decides where its memory lies.

Before execmem three functions were spread over the tree, each with a weak default and overrides of
architectures: module_alloc(), alloc_insn_page() and bpf_jit_alloc_exec(). Since 6.10 all ask
execmem_alloc() for a type, and one hook, execmem_arch_setup(), says where that type may lie.
"""

from typing import Final, NamedTuple

from execmem_tui.model.capability import Capability, FtraceMemory
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.rules import JitMemory, Rules, Writable

_MODULE_ALLOC: Final = "kernel/module/main.c: module_alloc (weak): the vmalloc area"
_WEAK_SETUP: Final = "mm/execmem.c: the vmalloc area for all types"
_LOADER: Final = (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)


class Overrides(NamedTuple):
    """An architecture's own versions, as ``file: what it does``; "" where it has the weak one."""

    module_alloc: str = ""
    insn_page: str = ""
    """The file of its alloc_insn_page();
    execmem left some in place (`Capability.insn_page_override`)."""
    insn_page_window: str = ""
    """Where that looks, if not where module_alloc() does."""
    bpf_jit_alloc_exec: str = ""
    module_data: str = ""
    """Where the data of modules go, if not where their text goes."""
    setup: str = ""
    """The file of execmem_arch_setup()."""


class Caller(NamedTuple):
    """One row of the table."""

    function: str
    """What the asker calls, down to the allocator."""
    decided_by: str
    """``file: symbol`` of who says where."""


def caller(
    kind: ExecmemType, rules: Rules, capability: Capability, overrides: Overrides
) -> Caller | None:
    """Return who allocates `kind` and who decides where, or None where nobody allocates it."""
    if kind is ExecmemType.KPROBES and (
        not capability.have_kprobes or capability.kprobe_slot is None
    ):
        return None
    if kind is ExecmemType.FTRACE and capability.ftrace not in (
        FtraceMemory.TRAMPOLINES,
        FtraceMemory.HOTPATCH,
    ):
        return None
    if kind is ExecmemType.BPF and capability.bpf_alloc is JitMemory.NONE:
        return None
    if not rules.execmem:
        return _before_execmem(kind, overrides)
    call = f"execmem_alloc(EXECMEM_{kind.name})"
    writes = kind in _LOADER or capability.ftrace is FtraceMemory.TRAMPOLINES
    if rules.alloc_rw is not Writable.NONE and writes and kind in (*_LOADER, ExecmemType.FTRACE):
        call = f"execmem_alloc_rw(EXECMEM_{kind.name})"
    if kind is ExecmemType.KPROBES:
        call = _insn_page(overrides.insn_page if capability.insn_page_override else "", call)
    if kind is ExecmemType.BPF:
        call = f"bpf_jit_alloc_exec() -> {call}"
    where = f"{overrides.setup}: execmem_arch_setup" if overrides.setup else _WEAK_SETUP
    return Caller(call, where)


def _before_execmem(kind: ExecmemType, overrides: Overrides) -> Caller:
    modules = overrides.module_alloc or _MODULE_ALLOC
    if kind is ExecmemType.KPROBES:
        if overrides.insn_page_window:
            return Caller("alloc_insn_page()", overrides.insn_page_window)
        return Caller(_insn_page(overrides.insn_page, "module_alloc()"), modules)
    if kind is ExecmemType.BPF:
        if overrides.bpf_jit_alloc_exec:
            return Caller("bpf_jit_alloc_exec()", overrides.bpf_jit_alloc_exec)
        return Caller("bpf_jit_alloc_exec() -> module_alloc()", modules)
    if kind is ExecmemType.MODULE_DATA and overrides.module_data:
        return Caller("vzalloc()", overrides.module_data)
    return Caller("module_alloc()", modules)


def _insn_page(file: str, call: str) -> str:
    return f"alloc_insn_page(){f' [{file}]' if file else ''} -> {call}"

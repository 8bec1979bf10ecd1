"""Why a type has no user on an architecture, in one sentence each."""

from execmem_tui.model.capability import FtraceMemory
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType

_FTRACE = {
    FtraceMemory.TRAMPOLINES: "",
    FtraceMemory.HOTPATCH: "no trampolines on {arch}: its hotpatch areas come with each module",
    FtraceMemory.CALL_OPS: (
        "no trampolines on {arch}: call ops keep a pointer before each function, no execmem"
    ),
    FtraceMemory.SHARED_CALLER: (
        "no trampolines on {arch}: all tracers share the one ftrace_caller, no execmem"
    ),
}


def why_unused(layout: Layout, kind: ExecmemType) -> str:
    """Return "" if somebody allocates `kind` under `layout`, else the reason why nobody does.

    Sources: kernel/trace/ftrace.c and arch/*/kernel/ftrace.c, kernel/kprobes.c
    (__ARCH_WANT_KPROBES_INSN_SLOT), arch/*/net.
    """
    entry = layout.range_of(kind)
    if entry.used:
        refused = entry.start == 0 and entry.end == 0
        return (
            f"{kind.name} has no range here: execmem_validate() refuses the layout"
            if refused
            else ""
        )
    arch, capability = layout.arch, layout.capability
    if kind is ExecmemType.FTRACE:
        return why_no_trampolines(layout)
    if kind is ExecmemType.KPROBES and capability.have_kprobes:
        return (
            f"kprobes on {arch} keep their slot inside struct kprobe: EXECMEM_KPROBES is never"
            " allocated"
        )
    missing = {
        ExecmemType.KPROBES: f"{arch} has no kprobes",
        ExecmemType.BPF: f"{arch} has no BPF JIT",
    }
    return missing.get(kind, f"{kind.name}: {entry.used_by}")


def why_no_trampolines(layout: Layout) -> str:
    """Return "" if every ftrace_ops gets a trampoline under `layout` (x86-64).

    Else the reason why none does. Sources: arch/x86/kernel/ftrace.c (CONFIG_X86_64),
    arch/s390/kernel/module.c, arch/*/kernel/ftrace.c.
    """
    return _FTRACE[layout.capability.ftrace].format(arch=layout.arch)

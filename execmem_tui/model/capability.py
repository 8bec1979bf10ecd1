"""Which consumers of executable memory an architecture has, and how they allocate."""

from enum import StrEnum

from execmem_tui.model.records import frozen
from execmem_tui.model.rules import JitMemory
from execmem_tui.model.units import Bytes


class FtraceMemory(StrEnum):
    """What the function tracer allocates."""

    TRAMPOLINES = "trampolines"
    """A page for each ftrace_ops (x86-64)."""
    HOTPATCH = "hotpatch"
    """An area for each module, made by the loader (s390)."""
    CALL_OPS = "call ops"
    """Nothing: the ops pointer is stored before each function."""
    SHARED_CALLER = "shared caller"
    """Nothing: all tracers share one ftrace_caller."""


@frozen(kw_only=True)
class KprobeSlot:
    """What a probe takes of a slot cache (arch/*/include/asm/kprobes.h, .../kernel/*kprobes*)."""

    insn_size: Bytes = 8
    """MAX_INSN_SIZE * sizeof(kprobe_opcode_t)."""
    optinsn_size: Bytes | None = None
    """Of an optimised probe's slot; None where such probes take no execmem."""
    opt_reach: Bytes | None = None
    """An optimised slot farther from its probe is given back
    (arch_prepare_optimized_kprobe: -ERANGE)."""
    on_ftrace: bool = False
    """KPROBES_ON_FTRACE: a probe on a function's ftrace site is an ftrace callback, without a
    slot."""
    simulates: bool = False
    """Branches and the like are simulated and take no slot (arch_prepare_kprobe)."""
    boosts: bool = False
    """A probe may be boosted where the kernel is not preemptible; its slot then comes back
    dirty."""
    given_back: bool = True
    """arch_remove_kprobe() frees the slot."""


@frozen(kw_only=True)
class Capability:
    """How the consumers of one architecture and kernel allocate; the default is the common case."""

    have_kprobes: bool = True
    kprobe_slot: KprobeSlot | None = KprobeSlot()
    """None where a slot lies inside struct kprobe and no execmem is used."""
    insn_page_override: bool = False
    """alloc_insn_page() is the architecture's own and calls set_memory_rox()."""
    rox_calls: int = 1
    """How many set_memory calls, each with its purge, set_memory_rox() makes."""
    bpf_alloc: JitMemory = JitMemory.PACK
    bpf_trampoline: JitMemory = JitMemory.NONE
    bpf_tail: Bytes = 0
    """What the JIT adds to each program."""
    bpf_scratch: bool = False
    """arch_bpf_trampoline_size() allocates a page and frees it."""
    bpf_dispatcher: bool = False
    """There is an XDP dispatcher with images of its own."""
    bpf_at_boot: int = 0
    """Chunks of the first pack in use before anything is loaded, measured; 0 where it was not."""
    ftrace: FtraceMemory = FtraceMemory.SHARED_CALLER
    strict_module_rwx: bool = True
    """The loader changes permissions after it has copied the sections."""
    execmem_rox: bool = False
    """CONFIG_ARCH_HAS_EXECMEM_ROX."""
    keeps_init: bool = False
    """No section of a module counts as init: all of it stays."""
    direct_window: Bytes = 0
    """A preferred range at most this wide is one that a branch spans."""
    source: str = ""

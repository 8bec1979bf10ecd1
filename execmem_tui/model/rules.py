"""Which rule holds from which kernel on: one record.

Every rule is a named field of `Rules` whose metadata is its history: the value it takes, the
version that begins it, and where that was read. Kernels that were read in full are `MODELS`; in
part, `READ`. Where a change lies between two kernels that were read, the versions between are
*unknown*: they get the value of the later one, so that something can be simulated, and
`Rules.unknown` names the field so that nobody takes it for a fact.
"""

from enum import StrEnum
from functools import cache
from typing import Any, Final

from attrs import field, fields

from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.versions import (
    Rule,
    Step,
    Version,
    number_of,
    parse_version,
    parsed,
    since,
    until,
)

MODELS: Final = ("6.12.107", "7.1.8")
"""Kernels whose ranges are known for every architecture and were checked field by field."""
READ: Final = (
    "5.10.262",
    "6.1.187",
    "6.12.107",
    "6.16.12",
    "6.17.8",
    "6.18.15",
    "6.19.11",
    "7.0.13",
    "7.1.8",
    "7.1.13",
    "7.2.8",
    "7.2.13",
    "7.3.4",
)
"""Kernels whose sources were read for these rules."""

_METADATA: Final = "execmem_tui.rule"
_VMALLOC: Final = "mm/vmalloc.c"
_EXECMEM: Final = "mm/execmem.c"
_X86: Final = ("x86",)
_ARM64: Final = ("arm64",)
_LOONGARCH: Final = ("loongarch",)
_POWERPC: Final = ("powerpc",)
_RISCV: Final = ("riscv",)
_S390: Final = ("s390",)
_ARM: Final = ("arm",)
_NIOS2: Final = ("nios2",)


class FailedStart(StrEnum):
    """What an alloc_vmap_area event of a failed attempt prints as va_start."""

    VEND = "vend"
    """The end of the window."""
    ERRNO = "errno"
    """-34 (ERANGE), -2 (ENOENT) or -12 (ENOMEM), as an unsigned 64-bit number."""


class PurgeOrder(StrEnum):
    """In which order a purge gives the areas of one lazy list back."""

    NEWEST_FIRST = "newest first"
    ASCENDING = "ascending"
    DESCENDING = "descending"


class Writable(StrEnum):
    """For which allocations execmem_alloc_rw() changes permissions."""

    NONE = "none"
    """There is no execmem_alloc_rw()."""
    CACHED = "cached text"
    EVERY = "every type"


class JitMemory(StrEnum):
    """Where the memory of a BPF program or trampoline comes from."""

    PACK = "pack"
    """Chunks of a 2 MiB pack (bpf_jit_binary_pack_alloc)."""
    BINARY = "binary"
    """Pages of its own (bpf_jit_binary_alloc)."""
    PAGE = "page"
    """One page for each (the weak arch_alloc_bpf_trampoline)."""
    NONE = "none"
    """There is no JIT, or it has no trampolines."""


def _rule(
    what: str, source: str, *steps: Step, scope: tuple[str, ...] = ()
) -> Any:  # the type is that of the annotated field
    return field(repr=False, metadata={_METADATA: (what, source, steps, scope)})


_TEXT, _KPROBES, _FTRACE, _BPF = (
    ExecmemType.MODULE_TEXT,
    ExecmemType.KPROBES,
    ExecmemType.FTRACE,
    ExecmemType.BPF,
)


@frozen(kw_only=True)
class Rules:
    """The rules that one kernel follows. Each field is described by its metadata.

    `rules()` lists them.
    """

    kernel: str
    """The version as it was asked for."""
    unknown: frozenset[str] = frozenset()
    """Fields whose value for this version is not known: they hold the next read version's."""

    execmem: bool = _rule(
        "one allocator for executable memory",
        "mm/execmem.c, include/linux/execmem.h",
        *since("6.10"),
    )
    split_modules: bool = _rule(
        "a module in seven regions, not two areas",
        "include/linux/module.h: enum mod_mem_type",
        *since("6.4"),
    )
    vmap_nodes: bool = _rule("vmap nodes with pools", f"{_VMALLOC}: vmap_init_nodes", *since("6.9"))
    decay_empties_short: bool = _rule(
        "decay empties a pool of 1 to 3 areas",
        f"{_VMALLOC}: decay_va_pool_node",
        Step("", False),
        Step("6.12", True, after="6.8"),
        Step("6.16", False, after="6.12"),
    )
    padded_search: bool = _rule(
        "every search needs size + align - 1",
        f"{_VMALLOC}: find_vmap_lowest_match",
        *until("6.1", after="5.10"),
    )
    purge_order: PurgeOrder = _rule(
        "order in which a purge gives back",
        f"{_VMALLOC}: __purge_vmap_area_lazy, purge_vmap_node",
        Step("", PurgeOrder.NEWEST_FIRST),
        Step("6.1", PurgeOrder.ASCENDING, after="5.10"),
        Step("6.9", PurgeOrder.DESCENDING),
    )
    alias_purge_full: bool = _rule(
        "an alias purge is a full one",
        f"{_VMALLOC}: _vm_unmap_aliases",
        *until("6.12", after="6.1"),
    )
    vmalloc_events: bool = _rule(
        "trace events of vmalloc",
        "include/trace/events/vmalloc.h",
        *since("6.12", after="6.1"),
    )
    failed_start: FailedStart = _rule(
        "va_start of a failed attempt",
        f"{_VMALLOC}: alloc_vmap_area; include/trace/events/vmalloc.h",
        Step("6.12", FailedStart.VEND),
        Step("6.16", FailedStart.ERRNO, after="6.12"),
    )
    huge_size_per_node: bool = _rule(
        "huge mappings only from PMD size for each online node",
        f"{_VMALLOC}: __vmalloc_node_range",
        *until("6.16", after="6.12", first="6.1"),
    )
    deferred_cleanup: bool = _rule(
        "an area without pages is cleaned up later",
        f"{_VMALLOC}: cleanup_vm_area",
        *since("6.19"),
    )
    nonblocking_vmalloc: bool = _rule(
        "non-blocking vmalloc, without purge or notifier",
        f"{_VMALLOC}: alloc_vmap_area",
        *since("6.19"),
    )
    rox_types: frozenset[ExecmemType] = _rule(
        "types in the ROX cache",
        "arch/x86/mm/init.c: execmem_arch_setup; 6.13 and 6.14 from commit lists only",
        Step("", frozenset()),
        Step("6.15", frozenset({_TEXT})),
        Step("6.17", frozenset({_TEXT, _KPROBES, _FTRACE})),
        Step("7.3", frozenset({_TEXT, _KPROBES, _FTRACE, _BPF})),
        scope=_X86,
    )
    rox_always_aligned: bool = _rule(
        "a cache block is PMD aligned on every try",
        f"{_EXECMEM}: execmem_cache_populate",
        Step("", False),
        Step("6.15", True),
        Step("6.18", False),
        scope=_X86,
    )
    rox_exact_retry: bool = _rule(
        "a cache block of the exact size is tried second",
        f"{_EXECMEM}: execmem_cache_populate",
        *since("6.17"),
        scope=_X86,
    )
    rox_free_purges: int = _rule(
        "purges of a cached free",
        f"{_EXECMEM}: __execmem_cache_free; before 6.17 a text poke, no pending list",
        Step("", 0),
        Step("6.17", 3),
        scope=_X86,
    )
    rox_carves_at_once: bool = _rule(
        "populate and first carve in one critical section",
        f"{_EXECMEM}: execmem_cache_alloc",
        *since("7.1"),
        scope=_X86,
    )
    rox_cleans_whole_areas: bool = _rule(
        "the cleaner drops whole vm areas only",
        f"{_EXECMEM}: execmem_cache_clean",
        *since("7.3.4"),
        scope=_X86,
    )
    rox_blocks_flush: bool = _rule(
        "a dropped cache block is purged at once",
        "proposed after 7.3 (titles on the mailing list only): VM_FLUSH_RESET_PERMS for blocks",
        Step("", False),
        scope=_X86,
    )
    rox_block: int = _rule(
        "bytes of a cache block, 0 for PMD_SIZE",
        "hypothetical; asked for powerpc 8xx with 512 KiB on the mailing list in September 2024",
        Step("", 0),
        scope=_X86,
    )
    idempotent_load: bool = _rule(
        "one load of a file at a time",
        "kernel/module/main.c: idempotent",
        *since("6.5"),
    )
    alloc_rw: Writable = _rule(
        "what execmem_alloc_rw() makes writable",
        f"{_EXECMEM}: execmem_alloc_rw",
        Step("", Writable.NONE),
        Step("6.15", Writable.CACHED),
        Step("6.17", Writable.EVERY),
        scope=_X86,
    )
    kprobes_rox: bool = _rule(
        "kprobe pages are ROX from the range",
        "arch/x86/mm/init.c: execmem_arch_setup; before, alloc_insn_page() called set_memory_rox()",
        *since("6.17"),
        scope=_X86,
    )
    bpf_scratch_is_data: bool = _rule(
        "a trampoline is sized in MODULE_DATA, not BPF",
        "arch/x86/net/bpf_jit_comp.c: arch_bpf_trampoline_size",
        *since("7.3"),
        scope=_X86,
    )
    dispatcher_image_in_vmalloc: bool = _rule(
        "the XDP dispatcher's rw image is vzalloc'ed",
        "kernel/bpf/dispatcher.c: bpf_dispatcher_change_prog",
        *since("7.3"),
        scope=_X86,
    )
    trampoline_bytes_more: int = _rule(
        "more bytes of a BPF trampoline for each program",
        "arch/x86/net/bpf_jit_comp.c: __arch_prepare_bpf_trampoline (derived)",
        Step("", 0),
        Step("7.2.13", 5, after="7.2"),
        scope=_X86,
    )
    trampolines_outlive_update: bool = _rule(
        "an old BPF trampoline stays until every task has left it",
        "kernel/bpf/trampoline.c: bpf_trampoline_update (derived)",
        *since("7.2.13", after="7.2"),
        scope=_X86,
    )
    clean_and_dirty_packs: bool | None = _rule(
        "clean and dirty BPF packs (IBPB)",
        (
            "backported without order: told by the log line 'Enabling IBPB for BPF', not by the"
            " version"
        ),
        Step("", None),
        scope=_X86,
    )
    x86_bpf: JitMemory = _rule(
        "BPF programs of x86-64",
        "arch/x86/net/bpf_jit_comp.c",
        Step("", JitMemory.BINARY),
        Step("6.1", JitMemory.PACK, after="5.10"),
        scope=_X86,
    )
    packs_beyond_x86: bool = _rule(
        "BPF packs on arm64, riscv and powerpc",
        "arch/*/net/bpf_jit*.c",
        *since("6.12", after="6.1"),
        scope=(*_ARM64, *_RISCV, *_POWERPC),
    )
    loongarch_bpf: JitMemory = _rule(
        "BPF programs of loongarch",
        "arch/loongarch/net/bpf_jit.c",
        Step("", JitMemory.BINARY),
        Step("7.0", JitMemory.PACK),
        scope=_LOONGARCH,
    )
    loongarch_data_window: bool = _rule(
        "a window of 1.75 GiB for module data",
        "arch/loongarch/mm/init.c: execmem_arch_setup",
        *since("7.2"),
        scope=_LOONGARCH,
    )
    arm64_two_bases: bool = _rule(
        "module_direct_base and module_plt_base around the image",
        "arch/arm64/mm/init.c: module_init_limits; 6.5 to 6.11 second-hand",
        *since("6.5"),
        scope=_ARM64,
    )
    arm64_vmemmap_at_end: bool = _rule(
        "VMALLOC_END lies under vmemmap, not at -(1 << (VA_BITS - 6)) - 256M",
        "arch/arm64/include/asm/pgtable.h: VMALLOC_END",
        *since("6.12", after="6.1"),
        scope=_ARM64,
    )
    arm64_image_draw: bool = _rule(
        "the image is drawn within the middle half of the vmalloc area",
        "arch/arm64/kernel/pi/kaslr_early.c: kaslr_early_init",
        Step("6.12", True),
        scope=_ARM64,
    )
    arm64_bpf_vmalloc: bool = _rule(
        "BPF programs by plain vmalloc(), an area each",
        "arch/arm64/net/bpf_jit_comp.c: bpf_jit_alloc_exec",
        *until("6.10"),
        scope=_ARM64,
    )
    arm64_simulates_nop: bool = _rule(
        "a probe on a NOP takes no slot",
        "arch/arm64/kernel/probes/decode-insn.c",
        *since("6.16", after="6.12"),
        scope=_ARM64,
    )
    s390_draws: bool = _rule(
        "1 to 1024 pages drawn on the start of the module area",
        "arch/s390/mm/init.c: execmem_arch_setup",
        *since("6.12", after="6.1"),
        scope=_S390,
    )
    arm_module_plts: bool = _rule(
        "PLTs for modules (ARM_MODULE_PLTS)",
        "arch/arm/kernel/module-plts.c (commit 7d485f647c1f)",
        *since("4.1"),
        scope=_ARM,
    )
    arm_vmalloc_to_ff8: bool = _rule(
        "VMALLOC_END at 0xff800000, not 0xff000000",
        "arch/arm/include/asm/pgtable.h: VMALLOC_END (commit 6ff0966052c4)",
        *since("4.4"),
        scope=_ARM,
    )
    s390_module_pgprot: str = _rule(
        "protection of the module area",
        "arch/s390/kernel/module.c: module_alloc; arch/s390/mm/init.c: execmem_arch_setup",
        Step("", "PAGE_KERNEL_EXEC"),
        Step("6.12", "PAGE_KERNEL", after="6.1"),
        scope=_S390,
    )
    nios2_window: bool = _rule(
        "a window for modules, not kmalloc()",
        "arch/nios2/kernel/module.c: module_alloc; arch/nios2/mm/init.c: execmem_arch_setup",
        *since("6.12", after="6.1"),
        scope=_NIOS2,
    )
    s390_below_image: bool = _rule(
        "modules and vmalloc lie right below the image",
        "arch/s390/boot/startup.c: setup_kernel_memory_layout",
        *since("6.10"),
        scope=_S390,
    )
    riscv_kprobes_strict: bool = _rule(
        "kprobe pages are writable without STRICT_MODULE_RWX",
        "arch/riscv/mm/init.c: execmem_arch_setup",
        *since("7.3"),
        scope=_RISCV,
    )
    riscv_call_ops: bool = _rule(
        "ftrace by call ops",
        "arch/riscv/kernel/ftrace.c",
        *since("6.16", after="6.12"),
        scope=_RISCV,
    )
    riscv_bpf_trampolines: bool = _rule(
        "BPF trampolines",
        "arch/riscv/net/bpf_jit_comp64.c: arch_prepare_bpf_trampoline",
        Step("6.12", True),
        scope=_RISCV,
    )
    powerpc_call_ops: bool = _rule(
        "ftrace by call ops and out-of-line stubs",
        "arch/powerpc/kernel/trace/ftrace.c",
        *since("6.16", after="6.12"),
        scope=_POWERPC,
    )
    powerpc_bpf_trampolines: bool = _rule(
        "BPF trampolines",
        "arch/powerpc/net/bpf_jit_comp.c: arch_prepare_bpf_trampoline",
        *since("7.1", after="6.12"),
        scope=_POWERPC,
    )
    marks_ro_after_init: bool = _rule(
        "module_mark_ro_after_init()",
        "kernel/module/main.c",
        *since("6.16", after="6.12"),
    )
    failed_copy_leaks: bool = _rule(
        "a module whose sections cannot be copied leaks",
        "kernel/module/main.c: move_module",
        Step("6.12", True),
        Step("7.1", False, after="6.12"),
    )
    shared_fprobe_ops: bool = _rule(
        "fprobes share one ftrace_ops", "kernel/trace/fprobe.c", *since("6.19")
    )
    ftrace_trampoline: int = _rule(
        "bytes of an ftrace trampoline without registers",
        "arch/x86/kernel/ftrace.c: create_trampoline, measured on 6.12.107 and 7.2.13",
        Step("6.12", 229),
        Step("7.2", 225, after="6.12"),
        scope=_X86,
    )
    optimizer_thread: bool = _rule(
        "the kprobe optimizer is a thread", "kernel/kprobes.c: kprobe_optimizer", *since("7.0")
    )
    pages_may_be_fewer: bool = _rule(
        "pages= may be smaller than the area",
        f"{_VMALLOC}: vrealloc",
        *since("7.2"),
    )
    range_message: str = _rule(
        "text of a range that is full",
        f"{_VMALLOC}: alloc_vmap_area, __vmalloc_node_range (patch of June 2024)",
        Step("", "vmap allocation for size N failed: use vmalloc=<size> to increase size"),
        Step(
            "6.11",
            "vmalloc_node_range for size N failed: Address range restricted to 0xN - 0xN",
        ),
    )
    descriptor_message: str = _rule(
        "text of a descriptor that could not be had",
        f"{_VMALLOC}: __vmalloc_node_range",
        Step("", "vmalloc error: size N, vm_struct allocation failed"),
        Step("7.3", "vmalloc error: size N, align 0xN, vm_struct allocation failed"),
    )

    @property
    def version(self) -> Version:
        """The version as numbers."""
        return parse_version(self.kernel)

    @property
    def model(self) -> str:
        """The fully known kernel that these rules are told apart from."""
        return MODELS[1] if self.version >= parsed("6.13") else MODELS[0]

    @property
    def is_model(self) -> bool:
        """Whether the kernel is one of those known in full: no rule has to be told of it."""
        return self.short == self.model

    @property
    def newer_than_read(self) -> bool:
        """Whether no kernel this new was read."""
        return self.version[:2] > parsed(READ[-1])[:2]

    @property
    def short(self) -> str:
        """The version without what a distribution adds: 7.2.13 of 7.2.13+deb14-amd64."""
        return number_of(self.kernel)


def canonical(version: str) -> str:
    """Return the release that a bare ``X.Y`` stands for: the one that was read.

    Else `version` itself.
    """
    series = [read for read in READ if read.rpartition(".")[0] == version]
    model = [read for read in series if read in MODELS]
    return (model or series or [version])[-1]


@cache
def rules() -> tuple[Rule, ...]:
    """Return every rule there is, in the order of the record."""
    return tuple(
        Rule(each.name, what, steps, source, scope)
        for each in fields(Rules)
        if _METADATA in each.metadata
        for what, source, steps, scope in [each.metadata[_METADATA]]
    )


@cache
def rules_of(kernel: str) -> Rules:
    """Return the rules of a version or release.

    Raises:
        UnknownLayoutError: it is not a version number.
    """
    version = parse_version(kernel)
    values: dict[str, Any] = {}
    unknown = set()
    for rule in rules():
        values[rule.name], known = rule.at(version)
        if not known:
            unknown.add(rule.name)
    return Rules(kernel=kernel, unknown=frozenset(unknown), **values)


def rules_told(release: str) -> Rules:
    """Return the rules of what a machine says its release is.

    Of the newest model where it is no version.
    """
    try:
        return rules_of(release)
    except UnknownLayoutError:
        return rules_of(MODELS[-1])

"""powerpc.

64-bit modules anywhere in vmalloc behind stubs, 32-bit ones within 32 MiB of the text where they
fit.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import GIB, KIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.model.capability import Capability, FtraceMemory, KprobeSlot
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Plt, Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules
from execmem_tui.model.units import Address

_RADIX: Final = "arch/powerpc/include/asm/book3s/64/radix.h"
_HASH: Final = "arch/powerpc/include/asm/book3s/64/hash-4k.h"
_BOOK3E: Final = "arch/powerpc/include/asm/nohash/64/pgtable.h"
_TASK_SIZE: Final = "arch/powerpc/include/asm/task_size_32.h"
_FIXMAP: Final = "arch/powerpc/include/asm/fixmap.h"
_STUB64: Final = Plt(
    word="stub",
    entry_bytes=40,
    extra_bytes=0,
    extends_to=(
        "TOC-relative +-2 GiB to the stub data, then any 64-bit address (ELFv2; 56 bytes with ELFv1"
        " descriptors)"
    ),
    low=None,
    high=None,
    cost=(
        "every external call: stub + saved r2; the stub must itself be within +-32 MiB of the call"
        " site"
    ),
    source="arch/powerpc/kernel/module_64.c:struct ppc64_stub_entry,stub_for_addr",
)
_STUB32: Final = Plt(
    word="PLT entry",
    entry_bytes=16,
    extra_bytes=0,
    extends_to="LIS/ADDI/MTCTR/BCTR: whole 32-bit space",
    low=None,
    high=None,
    cost="4 instructions; the 32M-from-_etext primary range exists to avoid them",
    source="arch/powerpc/kernel/module_32.c:do_plt_call",
)

_BRANCH: Final = Reach(
    name="±32M branch",
    instruction="B / BL",
    relocations=("R_PPC_REL24", "R_PPC64_REL24_NOTOC"),
    kind=ReachKind.RELATIVE,
    low=-0x2000000,
    high=0x1FFFFFC,
    call=True,
    note="+-32 MiB",
    source=(
        "arch/powerpc/kernel/module_32.c:apply_relocate_add;"
        " arch/powerpc/kernel/module_64.c:apply_relocate_add"
    ),
)
_REACH64: Final = (
    _BRANCH,
    Reach(
        name="±2G REL32",
        instruction="data word (ppc64)",
        relocations=("R_PPC64_REL32",),
        kind=ReachKind.RELATIVE,
        low=-0x80000000,
        high=0x7FFFFFFF,
        call=False,
        note="+-2 GiB",
        source="arch/powerpc/kernel/module_64.c:apply_relocate_add",
    ),
    Reach(
        name="±8G PCREL34",
        instruction="prefixed PCREL (ppc64)",
        relocations=("R_PPC64_PCREL34", "R_PPC64_GOT_PCREL34"),
        kind=ReachKind.RELATIVE,
        low=-0x200000000,
        high=0x1FFFFFFFF,
        call=False,
        note="+-8 GiB, CONFIG_PPC_KERNEL_PCREL only",
        source="arch/powerpc/kernel/module_64.c:apply_relocate_add",
    ),
)
_REACH32: Final = (
    _BRANCH,
    Reach(
        name="±2G word",
        instruction="address halves (ppc32)",
        relocations=("R_PPC_ADDR16_HA/LO", "R_PPC_ADDR32", "R_PPC_REL32"),
        kind=ReachKind.RELATIVE,
        low=-0x80000000,
        high=0x7FFFFFFF,
        call=False,
        note="32-bit wrap-around: anywhere",
        source="arch/powerpc/kernel/module_32.c:apply_relocate_add",
    ),
)


def _variant64(
    name: str,
    page: int,
    pmd: int,
    start: int,
    size_bits: int,
    *,
    strict: bool = True,
    io_start: bool = True,
) -> Variant:
    return Variant(
        name=f"ppc64-{name}",
        page_size=page,
        pmd_size=pmd,
        config={
            "KERN_VIRT_START": start,
            "KERN_MAP_BITS": size_bits,
            "CONFIG_STRICT_MODULE_RWX": int(strict),
            "has_io_start": int(io_start),
            "image_size": 48 * MIB,
            "text_size": 16 * MIB,
        },
        modes=("n/a",),
        notes=(
            (
                "no MODULES_VADDR: MODULE_TEXT is the whole vmalloc area and every call into the"
                " kernel needs a stub"
            ),
        ),
    )


def _variant32(
    name: str,
    fixmap_slots: int,
    ram: int,
    text: int,
    image: int,
    *,
    modules: int = 64 * MIB,
    highmem: bool = False,
    strict: bool = True,
    pmd: int = 4 * MIB,
) -> Variant:
    return Variant(
        name=f"ppc32-{name}",
        word_bits=32,
        pmd_size=pmd,
        config={
            "CONFIG_MODULES_SIZE": modules,
            "fixmap_slots": fixmap_slots,
            "ram": ram,
            "CONFIG_LOWMEM_SIZE": 768 * MIB,
            "CONFIG_HIGHMEM": int(highmem),
            "CONFIG_STRICT_MODULE_RWX": int(strict),
            "image_size": image,
            "text_size": text,
        },
        modes=("n/a",),
        notes=("no early ioremap is assumed: each lowers VMALLOC_END (ioremap_bot)",),
    )


class PowerPC(Architecture):
    """arch/powerpc."""

    name = "powerpc"
    aliases: ClassVar[Mapping[str, str | None]] = {
        "ppc64le": None,
        "ppc64el": None,
        "powerpc64le": None,
        "ppc64": "ppc64-hash-64k",
        "powerpc64": "ppc64-hash-64k",
        "ppc": "ppc32-book3s",
        "ppc32": "ppc32-book3s",
    }
    machines: ClassVar[Mapping[str, str]] = {"ppc64le": "ppc64el", "ppc": "ppc"}
    default_variant = "ppc64-radix-64k"
    boot_source = "arch/powerpc/mm/mem.c"
    overrides = Overrides(
        module_alloc="arch/powerpc/kernel/module.c: the vmalloc area",
        insn_page="arch/powerpc/kernel/kprobes.c",
        setup="arch/powerpc/mm/mem.c",
    )
    banners = (
        (r"\bp(?:ower)?pc64le-[\w.-]*(?:gcc|clang|linux)|[-.]p(?:ower)?pc64(?:le|el)\b", "ppc64el"),
        (r"\bp(?:ower)?pc64-[\w.-]*(?:gcc|clang|linux)|[-.]p(?:ower)?pc64\b", "ppc64"),
        (
            r"\bp(?:ower)?pc-[\w.-]*(?:gcc|clang|linux)|[-.]powerpc(?:-smp)?\b|-PMacG[34]\b",
            "ppc32",
        ),
    )
    log_marks = (
        ("] [", r"\[[0-9a-f]{8,16}\] \[[0-9a-f]{8,16}\] \.?\w+\+0x"),
        ("NIP [", r"\bNIP \[[0-9a-f]{8,16}\]"),
        ("NIP: ", r"\bNIP:  ?[0-9a-f]{8,16} LR"),
        ("MSR: ", r"\bMSR:  ?[0-9a-f]{8}"),
    )
    refusal = "REL24"
    relocations: ClassVar[Mapping[int, str]] = {10: "R_PPC_REL24", 26: "R_PPC64_REL32"}
    variants = (
        _variant64("radix-64k", 64 * KIB, 2 * MIB, 0xC008000000000000, 49),
        _variant64("radix-4k", 4 * KIB, 2 * MIB, 0xC008000000000000, 49),
        _variant64("hash-64k", 64 * KIB, 16 * MIB, 0xC008000000000000, 49),
        _variant64("hash-64k-nostrict", 64 * KIB, 16 * MIB, 0xC008000000000000, 49, strict=False),
        _variant64("hash-4k", 4 * KIB, 2 * MIB, 0xC0003D0000000000, 40),
        _variant64("hash-4k-nostrict", 4 * KIB, 2 * MIB, 0xC0003D0000000000, 40, strict=False),
        _variant64(
            "book3e-4k", 4 * KIB, 2 * MIB, 0xC000100000000000, 42, strict=False, io_start=False
        ),
        _variant32("book3s", 1072, GIB, 12 * MIB, 24 * MIB, highmem=True),
        _variant32("book3s-bigtext", 1072, GIB, 40 * MIB, 56 * MIB, highmem=True),
        _variant32("book3s-nostrict", 1072, GIB, 12 * MIB, 24 * MIB, highmem=True, strict=False),
        _variant32("8xx", 1280, 128 * MIB, 5 * MIB, 10 * MIB, modules=32 * MIB),
        _variant32("85xx", 1056, 512 * MIB, 10 * MIB, 20 * MIB, modules=0, pmd=2 * MIB),
    )

    def overrides_of(self, variant: Variant) -> Overrides:
        """32-bit book3s and 8xx have a module area, and keep the data of modules out of it."""
        if not variant.config.get("CONFIG_MODULES_SIZE"):
            return self.overrides
        return self.overrides._replace(
            module_alloc="arch/powerpc/kernel/module.c: 32M below _etext, then the module area",
            module_data="kernel/module/main.c: vzalloc (ARCH_WANTS_MODULES_DATA_IN_VMALLOC)",
        )

    def named_by_addresses(
        self, addresses: Sequence[Address], code: Sequence[Address]
    ) -> str | None:
        """Hash and radix 64-bit kernels have vmalloc space at c008…."""
        del code
        return "ppc64el" if min(addresses) >> 48 == 0xC008 else None

    def place(self, boot: Boot) -> None:
        """The vmalloc area, and on book3s32 and 8xx the module area below PAGE_OFFSET."""
        sizes = {"_stext": 0, "_etext": boot.config("text_size"), "_end": boot.config("image_size")}
        if boot.variant.word_bits == 64:
            source = (
                _HASH
                if "hash-4k" in boot.variant.name
                else _BOOK3E
                if "book3e" in boot.variant.name
                else _RADIX
            )
            start = boot.macro(
                "VMALLOC_START", boot.config("KERN_VIRT_START"), "KERN_VIRT_START", source
            )
            end = boot.macro(
                "VMALLOC_END",
                start + (1 << boot.config("KERN_MAP_BITS")),
                "VMALLOC_START + KERN_MAP_SIZE",
                source,
            )
            if boot.config("has_io_start"):
                boot.macro("KERN_IO_START", end, "KERN_VIRT_START + KERN_MAP_SIZE", source)
            boot.image(0xC000000000000000, sizes, "PAGE_OFFSET", "arch/powerpc/include/asm/page.h")
            return
        self._place32(boot)
        boot.image(
            boot.macros["PAGE_OFFSET"], sizes, "PAGE_OFFSET", "arch/powerpc/include/asm/page.h"
        )
        if boot.config("CONFIG_MODULES_SIZE"):
            limit = boot.symbols["_etext"] - 32 * MIB
            boot.macro(
                "limit",
                limit,
                "(unsigned long)_etext - SZ_32M",
                "arch/powerpc/mm/mem.c: execmem_arch_setup",
            )

    def _place32(self, boot: Boot) -> None:
        page, pmd = boot.variant.page_size, boot.variant.pmd_size
        offset = boot.macro(
            "PAGE_OFFSET", 0xC0000000, "CONFIG_PAGE_OFFSET", "arch/powerpc/include/asm/page.h"
        )
        modules = boot.config("CONFIG_MODULES_SIZE")
        if modules:
            end = boot.macro(
                "MODULES_END",
                offset & -(256 * MIB),
                "ALIGN_DOWN(PAGE_OFFSET, SZ_256M)",
                f"{_TASK_SIZE}: MODULES_END",
            )
            boot.macro(
                "MODULES_VADDR",
                end - modules,
                "MODULES_END - MODULES_SIZE",
                f"{_TASK_SIZE}: MODULES_VADDR",
            )
        lowmem = min(boot.config("ram"), boot.config("CONFIG_LOWMEM_SIZE"))
        high = boot.macro(
            "high_memory",
            offset + lowmem,
            "PAGE_OFFSET + min(RAM, LOWMEM_SIZE)",
            "arch/powerpc/mm/init_32.c",
        )
        top = boot.macro(
            "FIXADDR_START",
            0xFFFFF000 - boot.config("fixmap_slots") * page,
            "FIXADDR_TOP - FIXADDR_SIZE",
            _FIXMAP,
        )
        if boot.config("CONFIG_HIGHMEM"):
            top = boot.macro(
                "PKMAP_BASE",
                (top - page * 1025) & -pmd,
                "(FIXADDR_START - PAGE_SIZE * (LAST_PKMAP + 1)) & PMD_MASK",
                _FIXMAP,
            )
        boot.macro(
            "VMALLOC_START",
            (high + 16 * MIB) & -(16 * MIB),
            "(high_memory + VMALLOC_OFFSET) & ~(VMALLOC_OFFSET - 1)",
            _FIXMAP,
        )
        boot.macro("VMALLOC_END", top, "ioremap_bot = IOREMAP_TOP", _FIXMAP)

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/powerpc/mm/mem.c: execmem_arch_setup.

        The 32M rule does not clamp `limit` at MODULES_VADDR.
        """
        macros = boot.macros
        strict = boot.config("CONFIG_STRICT_MODULE_RWX")
        low, high = macros["VMALLOC_START"], macros["VMALLOC_END"]
        start, end, fallback_start, fallback_end = low, high, 0, 0
        how: tuple[str, ...] = ("VMALLOC_START", "VMALLOC_END")
        if "MODULES_VADDR" in macros:
            start, end = macros["MODULES_VADDR"], macros["MODULES_END"]
            how = ("MODULES_VADDR", "MODULES_END")
            if start < macros["PAGE_OFFSET"] and end > macros["limit"]:
                start, fallback_start, fallback_end = macros["limit"], start, end
                how = ("limit", "MODULES_END", *how)
        text = "PAGE_KERNEL" if strict else "PAGE_KERNEL_EXEC"
        return {
            ExecmemType.MODULE_TEXT: Given(
                start=start,
                end=end,
                pgprot=text,
                fallback_start=fallback_start,
                fallback_end=fallback_end,
                how=how,
            ),
            ExecmemType.KPROBES: boot.between(
                "VMALLOC_START",
                "VMALLOC_END",
                "PAGE_KERNEL_ROX" if strict else "PAGE_KERNEL_EXEC",
            ),
            ExecmemType.MODULE_DATA: boot.between("VMALLOC_START", "VMALLOC_END", "PAGE_KERNEL"),
        }

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """FTRACE has no user."""
        packs = boot.rules.packs_beyond_x86
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.KPROBES: "insn slots",
            ExecmemType.BPF: "prog packs (7.1: trampolines too)"
            if packs
            else "an area for each program",
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """B and BL ±32M; data words."""
        return _REACH64 if variant.word_bits == 64 else _REACH32

    def plt(self, variant: Variant) -> Plt | None:
        """ELFv2 stubs, or a 16-byte PLT entry on 32-bit."""
        return _STUB64 if variant.word_bits == 64 else _STUB32

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """Optimised probes use one page inside the kernel text (optinsn_slot), never execmem."""
        return Capability(
            kprobe_slot=KprobeSlot(on_ftrace=True),
            bpf_alloc=JitMemory.PACK if rules.packs_beyond_x86 else JitMemory.BINARY,
            bpf_trampoline=JitMemory.PACK if rules.powerpc_bpf_trampolines else JitMemory.NONE,
            ftrace=FtraceMemory.CALL_OPS if rules.powerpc_call_ops else FtraceMemory.SHARED_CALLER,
            keeps_init=variant.word_bits
            == 64,  # arch/powerpc/kernel/module_64.c: module_init_section
            source=(
                "arch/powerpc/net/bpf_jit_comp.c;"
                " arch/powerpc/kernel/optprobes.c:alloc_optinsn_page; arch/powerpc/kernel/kprobes.c"
            ),
        )

    def needed_symbols(self, variant: Variant) -> tuple[str, ...]:
        """The window of 32-bit modules ends 32 MiB below _etext; 64-bit needs nothing."""
        return ("_etext",) if variant.word_bits == 32 else ()

    def windows_known(self, variant: Variant, rules: Rules) -> bool:
        """Of 32-bit before execmem only book3s was read."""
        return rules.execmem or variant.word_bits == 64 or "book3s" in variant.name


ARCH = PowerPC()

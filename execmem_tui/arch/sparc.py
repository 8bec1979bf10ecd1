"""sparc: 64-bit modules in the low 4 GiB (medlow code), 32-bit ones in the vmalloc area."""

from collections.abc import Mapping
from typing import ClassVar, Final

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import KIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.model.capability import Capability
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules

_64: Final = "arch/sparc/include/asm/pgtable_64.h"
_32: Final = "arch/sparc/include/asm/pgtable_32.h"


class Sparc(Architecture):
    """arch/sparc."""

    name = "sparc"
    aliases: ClassVar[Mapping[str, str | None]] = {"sparc64": None, "sparc32": "sparc32"}
    machines: ClassVar[Mapping[str, str]] = {"sparc64": "sparc64"}
    default_variant = "sparc64"
    constant_windows = True
    boot_source = "arch/sparc/mm/execmem.c"
    overrides = Overrides(
        module_alloc="arch/sparc/kernel/module.c: the module area",
        setup="arch/sparc/mm/execmem.c",
    )
    banners = ((r"\bsparc64-[\w.-]*(?:gcc|linux)|[-.]sparc64(?:-smp)?\b", "sparc64"),)
    log_marks = (("TSTATE: ", r"\bTSTATE: [0-9a-f]{16}"), ("TPC: ", r"\bTPC: "))
    variants = (
        Variant(
            name="sparc64",
            page_size=8 * KIB,
            pmd_size=8 * MIB,
            config={"va_hole_bottom": 1 << 52},
            modes=("n/a",),
        ),
        Variant(name="sparc32", word_bits=32, pmd_size=256 * KIB, modes=("n/a",)),
    )

    def place(self, boot: Boot) -> None:
        """Constants of the headers; VMALLOC_END follows the CPU's hole in the address space."""
        if boot.variant.word_bits == 32:
            start = boot.macro(
                "VMALLOC_START", 0xFE600000, "_AC(0xfe600000, UL)", f"{_32}: VMALLOC_START"
            )
            end = boot.macro(
                "VMALLOC_END", 0xFFC00000, "_AC(0xffc00000, UL)", f"{_32}: VMALLOC_END"
            )
            boot.macro("MODULES_VADDR", start, "VMALLOC_START", f"{_32}: MODULES_VADDR")
            boot.macro("MODULES_END", end, "VMALLOC_END", f"{_32}: MODULES_END")
            sizes = {"_stext": 0, "_etext": 0x400000, "_end": 0x800000}
            boot.image(0xF0004000, sizes, "PAGE_OFFSET + 0x4000", "arch/sparc/kernel/vmlinux.lds.S")
            return
        start = boot.macro(
            "MODULES_VADDR", 0x10000000, "_AC(0x10000000, UL)", f"{_64}: MODULES_VADDR"
        )
        length = boot.macro("MODULES_LEN", 0xE0000000, "_AC(0xe0000000, UL)", f"{_64}: MODULES_LEN")
        boot.macro(
            "MODULES_END", start + length, "MODULES_VADDR + MODULES_LEN", f"{_64}: MODULES_END"
        )
        boot.macro("VMALLOC_START", 1 << 32, "_AC(0x100000000, UL)", f"{_64}: VMALLOC_START")
        hole = boot.config("va_hole_bottom")
        boot.macro(
            "VMALLOC_END",
            (hole >> 1) + (hole >> 2),
            "(va_hole_bottom >> 1) + (va_hole_bottom >> 2)",
            "arch/sparc/mm/init_64.c",
        )
        sizes = {"_stext": 0, "_etext": 0x800000, "_end": 0x1000000}
        boot.image(0x404000, sizes, "KERNBASE + 0x4000", "arch/sparc/kernel/vmlinux.lds.S")

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/sparc/mm/execmem.c: execmem_arch_setup."""
        given = boot.between("MODULES_VADDR", "MODULES_END", "PAGE_KERNEL")
        return {ExecmemType.MODULE_TEXT: given}

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """Kprobes keep their slot inside struct kprobe."""
        del boot
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.BPF: "bpf_jit_binary_alloc (64) / cBPF image (32)",
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """CALL, and absolute addresses of medlow code."""
        del variant
        return (
            Reach(
                name="±2G call",
                instruction="CALL",
                relocations=("R_SPARC_WDISP30",),
                kind=ReachKind.RELATIVE,
                low=-0x80000000,
                high=0x7FFFFFFC,
                call=True,
                note="+-2 GiB; not range-checked by the loader",
                source="arch/sparc/kernel/module.c:apply_relocate_add",
            ),
            Reach(
                name="low 4G SETHI",
                instruction="SETHI/OR absolute (medlow)",
                relocations=("R_SPARC_HI22", "R_SPARC_LO10"),
                kind=ReachKind.ABSOLUTE,
                low=0x0,
                high=0xFFFFFFFF,
                call=False,
                note=(
                    "sparc64 is built -mcmodel=medlow: kernel and modules in the low 4 GiB; the"
                    " loader BUGs on a relocation site above 4 GiB"
                ),
                source="arch/sparc/kernel/module.c:apply_relocate_add; arch/sparc/Makefile",
            ),
        )

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """Kprobes keep their slot inside struct kprobe."""
        del variant, rules
        return Capability(
            kprobe_slot=None,
            bpf_alloc=JitMemory.BINARY,
            strict_module_rwx=False,
            source=(
                "arch/sparc/include/asm/kprobes.h; arch/sparc/net/bpf_jit_comp_64.c; "
                "arch/sparc/net/bpf_jit_comp_32.c:bpf_jit_compile"
            ),
        )

    def windows_known(self, variant: Variant, rules: Rules) -> bool:
        """module_alloc() of kernels before execmem was not read."""
        del variant
        return rules.execmem


ARCH = Sparc()

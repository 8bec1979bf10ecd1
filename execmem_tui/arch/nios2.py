"""nios2: 32 MiB below the kernel region, in another 256 MiB segment."""

from collections.abc import Mapping
from typing import ClassVar, Final

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.model.capability import Capability
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules

_PGTABLE: Final = "arch/nios2/include/asm/pgtable.h"


class Nios2(Architecture):
    """arch/nios2."""

    name = "nios2"
    aliases: ClassVar[Mapping[str, str | None]] = {}
    machines: ClassVar[Mapping[str, str]] = {"nios2": "nios2"}
    default_variant = "default"
    constant_windows = True
    boot_source = "arch/nios2/mm/init.c"
    overrides = Overrides(
        module_alloc="arch/nios2/kernel/module.c: kmalloc()",
        setup="arch/nios2/mm/init.c",
    )
    variants = (
        Variant(
            name="default",
            word_bits=32,
            pmd_size=4 * MIB,
            config={
                "CONFIG_NIOS2_KERNEL_MMU_REGION_BASE": 0x80000000,
                "CONFIG_NIOS2_KERNEL_REGION_BASE": 0xC0000000,
            },
            modes=("n/a",),
            notes=(
                (
                    "MODULES_END is base - 1 and vmalloc treats end as exclusive: the last page is"
                    " never handed out"
                ),
            ),
        ),
    )

    def place(self, boot: Boot) -> None:
        """Vmalloc from the MMU region, modules in the last 32 MiB below the kernel region.

        Both ends are one short.
        """
        base = boot.config("CONFIG_NIOS2_KERNEL_REGION_BASE")
        region = boot.config("CONFIG_NIOS2_KERNEL_MMU_REGION_BASE")
        boot.macro(
            "VMALLOC_START",
            region,
            "CONFIG_NIOS2_KERNEL_MMU_REGION_BASE",
            f"{_PGTABLE}: VMALLOC_START",
        )
        boot.macro(
            "VMALLOC_END",
            base - 32 * MIB - 1,
            "CONFIG_NIOS2_KERNEL_REGION_BASE - SZ_32M - 1",
            f"{_PGTABLE}: VMALLOC_END",
        )
        boot.macro(
            "MODULES_VADDR",
            base - 32 * MIB,
            "CONFIG_NIOS2_KERNEL_REGION_BASE - SZ_32M",
            f"{_PGTABLE}: MODULES_VADDR",
        )
        boot.macro(
            "MODULES_END",
            base - 1,
            "CONFIG_NIOS2_KERNEL_REGION_BASE - 1",
            f"{_PGTABLE}: MODULES_END",
        )
        boot.image(
            base,
            {"_stext": 0, "_etext": 0x400000, "_end": 0x800000},
            "the kernel region",
            "arch/nios2/Kconfig",
        )

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/nios2/mm/init.c: execmem_arch_setup."""
        if not boot.rules.nios2_window:
            boot.notes.append("modules come from kmalloc(): there is no window for them")
            return {ExecmemType.MODULE_TEXT: Given(0, 0, "PAGE_KERNEL_EXEC", how=("none", "none"))}
        given = boot.between("MODULES_VADDR", "MODULES_END", "PAGE_KERNEL_EXEC")
        return {ExecmemType.MODULE_TEXT: given}

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """No kprobes, no BPF JIT: modules only."""
        del boot
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """CALL stays in its 256 MiB segment."""
        del variant
        return (
            Reach(
                name="256M segment",
                instruction="CALL",
                relocations=("R_NIOS2_CALL26",),
                kind=ReachKind.SEGMENT,
                low=0x0,
                high=0xFFFFFFC,
                call=True,
                note=(
                    "same top 4 address bits required: 0xbe000000 (modules) and 0xc0000000 (kernel)"
                    " are in different segments, so by this test a direct CALL26 from a module to"
                    " the default kernel region is refused"
                ),
                source="arch/nios2/kernel/module.c:apply_relocate_add",
            ),
            Reach(
                name="±32K branch",
                instruction="BR and branches",
                relocations=("R_NIOS2_PCREL16",),
                kind=ReachKind.RELATIVE,
                low=-0x8000,
                high=0x7FFF,
                call=False,
                note="+-32 KiB",
                source="arch/nios2/kernel/module.c:apply_relocate_add",
            ),
        )

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """The same in all kernels."""
        del variant, rules
        return Capability(
            have_kprobes=False,
            kprobe_slot=None,
            bpf_alloc=JitMemory.NONE,
            strict_module_rwx=False,
            source="arch/nios2/Kconfig; arch/nios2/kernel",
        )


ARCH = Nios2()

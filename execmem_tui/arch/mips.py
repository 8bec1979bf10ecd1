"""mips, 64-bit with 32-bit symbols: modules in the compatibility segment above the image."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from execmem_tui.arch.base import PLAIN_USERS, Architecture
from execmem_tui.arch.boot import KIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.model.capability import Capability
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules
from execmem_tui.model.units import Address

_PGTABLE: Final = "arch/mips/include/asm/pgtable-64.h"
_PGTABLE_32: Final = "arch/mips/include/asm/pgtable-32.h"


class Mips(Architecture):
    """arch/mips."""

    name = "mips"
    aliases: ClassVar[Mapping[str, str | None]] = {
        "mips64": None,
        "mips64el": None,
        "mips32": "mips32-4k",
        "mipsel": "mips32-4k",
    }
    machines: ClassVar[Mapping[str, str]] = {"mips64": "mips64el", "mips": "mipsel"}
    default_variant = "mips64-16k-sym32"
    constant_windows = True
    boot_source = "arch/mips/mm/init.c"
    overrides = Overrides(
        module_alloc="arch/mips/kernel/module.c: the module area",
        setup="arch/mips/mm/init.c",
    )
    banners = (
        (
            (
                r"\bmips64(?:el)?-[\w.-]*(?:gcc|clang|linux)"
                r"|-(?:loongson-3|octeon|5kc-malta|mips64r2el)\b"
            ),
            "mips64el",
        ),
        (r"\bmips(?:el|eb)?-[\w.-]*(?:gcc|clang|linux)|-4kc-malta\b", "mips32"),
    )
    log_marks = (("epc   : ", r"\bepc   : [0-9a-f]{8,16}"), ("PrId  : ", r"\bPrId  : "))
    refusal = "relocation overflow"
    relocations: ClassVar[Mapping[int, str]] = {4: "R_MIPS_26"}
    variants = (
        *tuple(
            Variant(
                name=f"mips64-{name}-sym32",
                page_size=page,
                pmd_size=pmd,
                config={
                    "MAP_BASE": 0xC000000000000000,
                    "table_bits": bits,
                    "cpu_vmbits": 48,
                    "fixmap_slots": 17,
                },
            )
            for name, page, pmd, bits in (
                ("4k", 4 * KIB, 2 * MIB, 40),
                ("16k", 16 * KIB, 32 * MIB, 47),
            )
        ),
        Variant(
            name="mips32-4k",
            word_bits=32,
            pmd_size=4 * MIB,
            config={"MAP_BASE": 0xC0000000, "fixmap_slots": 17},
            modes=("n/a",),
            listed=False,
        ),
    )

    def named_by_addresses(
        self, addresses: Sequence[Address], code: Sequence[Address]
    ) -> str | None:
        """XKSEG begins at c000… and holds vmalloc space."""
        del code
        return "mips64el" if min(addresses) >> 44 == 0xC0000 else None

    def place(self, boot: Boot) -> None:
        """Vmalloc in XKSEG, modules from CKSSEG up to the fixmap.

        With 32 bits one window for all.
        """
        if boot.variant.word_bits == 32:
            self._place_32(boot)
            return
        page = boot.variant.page_size
        base = boot.macro(
            "MAP_BASE",
            boot.config("MAP_BASE"),
            "mach-generic",
            "arch/mips/include/asm/mach-generic/spaces.h",
        )
        boot.macro(
            "VMALLOC_START",
            base + 2 * page,
            "MAP_BASE + 2 * PAGE_SIZE",
            f"{_PGTABLE}: VMALLOC_START",
        )
        mapped = 1 << min(boot.config("table_bits"), boot.config("cpu_vmbits"))
        boot.macro(
            "VMALLOC_END",
            base + mapped - (1 << 32),
            "MAP_BASE + min(what the page tables map, 1 << cpu_vmbits) - (1 << 32)",
            f"{_PGTABLE}: VMALLOC_END",
        )
        segment = boot.macro(
            "CKSSEG",
            0xFFFFFFFFC0000000,
            "0xffffffffc0000000",
            "arch/mips/include/asm/addrspace.h: CKSSEG",
        )
        fixmap = boot.macro(
            "FIXADDR_START",
            0xFFFFFFFFFFFE0000 - boot.config("fixmap_slots") * page,
            "FIXADDR_TOP - FIXADDR_SIZE",
            "arch/mips/include/asm/fixmap.h",
        )
        boot.macro("MODULES_VADDR", segment, "CKSSEG", f"{_PGTABLE}: MODULES_VADDR")
        boot.macro(
            "MODULES_END",
            fixmap - 2 * page,
            "FIXADDR_START - 2 * PAGE_SIZE",
            f"{_PGTABLE}: MODULES_END",
        )
        sizes = {"_stext": 0, "_etext": 0x800000, "_end": 0x1000000}
        boot.image(0xFFFFFFFF80100000, sizes, "load-y, in CKSEG0", "arch/mips/Makefile")

    @staticmethod
    def _place_32(boot: Boot) -> None:
        page = boot.variant.page_size
        boot.macro(
            "VMALLOC_START", boot.config("MAP_BASE"), "MAP_BASE", f"{_PGTABLE_32}: VMALLOC_START"
        )
        fixmap = boot.macro(
            "FIXADDR_START",
            0xFFFE0000 - boot.config("fixmap_slots") * page,
            "FIXADDR_TOP - FIXADDR_SIZE",
            "arch/mips/include/asm/fixmap.h",
        )
        boot.macro(
            "VMALLOC_END",
            fixmap - 2 * page,
            "FIXADDR_START - 2 * PAGE_SIZE",
            f"{_PGTABLE_32}: VMALLOC_END",
        )
        sizes = {"_stext": 0, "_etext": 0x800000, "_end": 0x1000000}
        boot.image(0x80100000, sizes, "load-y, in CKSEG0", "arch/mips/Makefile")

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/mips/mm/init.c: execmem_arch_setup, only where MODULES_VADDR is defined.

        Elsewhere the weak one gives all of vmalloc space (mm/execmem.c: __execmem_init).
        """
        macros = boot.macros
        if "MODULES_VADDR" not in macros:
            return {
                ExecmemType.MODULE_TEXT: boot.between(
                    "VMALLOC_START", "VMALLOC_END", "PAGE_KERNEL_EXEC"
                )
            }
        given = boot.between("MODULES_VADDR", "MODULES_END", "PAGE_KERNEL")
        return {ExecmemType.MODULE_TEXT: given}

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """FTRACE has no user."""
        del boot
        return PLAIN_USERS

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """J and JAL stay in their 256 MiB segment; modules call through registers."""
        del variant
        return (
            Reach(
                name="256M segment",
                instruction="J / JAL",
                relocations=("R_MIPS_26",),
                kind=ReachKind.SEGMENT,
                low=0x0,
                high=0xFFFFFFC,
                call=True,
                note=(
                    "target must share the top 4 address bits with the delay slot; modules are"
                    " built with -mlong-calls so calls use absolute loads instead"
                ),
                source=(
                    "arch/mips/kernel/module.c:apply_r_mips_26;"
                    " arch/mips/Makefile:KBUILD_CFLAGS_MODULE"
                ),
            ),
            Reach(
                name="top 2G LUI",
                instruction="LUI/ADDIU absolute",
                relocations=("R_MIPS_HI16", "R_MIPS_LO16"),
                kind=ReachKind.ABSOLUTE,
                low=0xFFFFFFFF80000000,
                high=0xFFFFFFFFFFFFFFFF,
                call=False,
                note=(
                    "with -msym32 addresses are 32-bit sign-extended: modules must sit in the"
                    " compatibility segments (CKSSEG)"
                ),
                source=(
                    "arch/mips/kernel/module.c:apply_r_mips_hi16;"
                    " arch/mips/include/asm/pgtable-64.h:MODULES_VADDR"
                ),
            ),
            Reach(
                name="±128M branch",
                instruction="BC / BALC (R6)",
                relocations=("R_MIPS_PC26_S2",),
                kind=ReachKind.RELATIVE,
                low=-0x8000000,
                high=0x7FFFFFC,
                call=False,
                note="+-128 MiB, MIPS R6 only",
                source="arch/mips/kernel/module.c:apply_r_mips_pc26",
            ),
        )

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """The same in all kernels."""
        del variant, rules
        return Capability(
            bpf_alloc=JitMemory.BINARY,
            strict_module_rwx=False,
            source="arch/mips/net/bpf_jit_comp.c:bpf_int_jit_compile; arch/mips/kernel/kprobes.c",
        )


ARCH = Mips()

"""loongarch: 256 MiB for everything at the bottom of the mapped space, far from the image."""

from collections.abc import Mapping
from typing import ClassVar, Final

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import KIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.model.capability import Capability, KprobeSlot
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Plt, Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules
from execmem_tui.model.units import Address, Bytes

_PGTABLE: Final = "arch/loongarch/include/asm/pgtable.h"
_VABITS: Final = 47
"""CPUCFG1 holds VALEN minus one: 47 on the 3A5000 and QEMU's la464
(arch/loongarch/kernel/cpu-probe.c)."""


class LoongArch(Architecture):
    """arch/loongarch."""

    name = "loongarch"
    aliases: ClassVar[Mapping[str, str | None]] = {"loong64": None, "loongarch64": None}
    machines: ClassVar[Mapping[str, str]] = {"loongarch64": "loong64"}
    default_variant = "la64-16k-3level"
    boot_source = "arch/loongarch/mm/init.c"
    overrides = Overrides(
        module_alloc="arch/loongarch/kernel/module.c: the module area",
        setup="arch/loongarch/mm/init.c",
    )
    banners = (
        (r"\bloongarch64-[\w.-]*(?:gcc|clang|linux)|[-.](?:loong64|loongarch64)\b", "loong64"),
    )
    log_marks = (
        ("ERA: ", r"\bERA: [0-9a-f]{16}"),
        ("PRMD: ", r"\bPRMD: "),
        ("ESTAT: ", r"\bESTAT: "),
    )
    refusal = "jump offset"
    relocations: ClassVar[Mapping[int, str]] = {66: "R_LARCH_B26"}
    variants = tuple(
        Variant(
            name=name,
            page_size=page,
            pmd_size=pmd,
            config={
                "vabits": _VABITS,
                "pabits": _VABITS,
                "levels": levels,
                "KFENCE_NUM_OBJECTS": 255,
            },
        )
        for name, page, pmd, levels in (
            ("la64-16k-3level", 16 * KIB, 32 * MIB, 3),
            ("la64-4k-4level", 4 * KIB, 2 * MIB, 4),
            ("la64-64k-2level", 64 * KIB, 512 * MIB, 2),
        )
    )

    def place(self, boot: Boot) -> None:
        """vm_map_base, PCI I/O, two pages, modules, vmalloc."""
        page = boot.variant.page_size
        base = boot.macro(
            "vm_map_base",
            -(1 << boot.config("vabits")),
            "0 - (1 << cpu_vabits)",
            "arch/loongarch/kernel/cpu-probe.c",
        )
        io_size = boot.macro(
            "PCI_IOSIZE", 32 * MIB, "SZ_32M", "arch/loongarch/include/asm/addrspace.h: PCI_IOSIZE"
        )
        start = boot.macro(
            "MODULES_VADDR",
            base + io_size + 2 * page,
            "vm_map_base + PCI_IOSIZE + 2 * PAGE_SIZE",
            f"{_PGTABLE}: MODULES_VADDR",
        )
        end = boot.macro(
            "MODULES_END", start + 256 * MIB, "MODULES_VADDR + SZ_256M", f"{_PGTABLE}: MODULES_END"
        )
        data_end = end + 7 * 256 * MIB if boot.rules.loongarch_data_window else end
        boot.macro("VMALLOC_START", data_end, "MODULES_END", f"{_PGTABLE}: VMALLOC_START")
        self._place_vmalloc_end(boot, base)
        sizes = {"_stext": 0x10000, "_etext": 0x1010000, "_end": 0x3000000}
        boot.image(
            0x9000000000200000,
            sizes,
            "load-y, in the direct-mapped window",
            "arch/loongarch/Makefile",
        )

    def _place_vmalloc_end(self, boot: Boot, base: Address) -> None:
        """Define VMALLOC_END, which lies under vmemmap and KFENCE; `base` is vm_map_base."""
        page = boot.variant.page_size
        shift = page.bit_length() - 1
        vmemmap = boot.macro(
            "VMEMMAP_SIZE",
            1 << (boot.config("pabits") + 1 - shift + 6),
            "sizeof(struct page) << (cpu_pabits + 1 - PAGE_SHIFT)",
            _PGTABLE,
        )
        kfence = boot.macro(
            "KFENCE_AREA_SIZE",
            ((boot.config("KFENCE_NUM_OBJECTS") + 1) * 2 + 2) * page,
            "((NUM_OBJECTS + 1) * 2 + 2) * PAGE_SIZE",
            _PGTABLE,
        )
        levels = boot.config("levels")
        mapped = min(1 << (levels * (shift - 3) + shift), 1 << boot.config("vabits"))
        boot.macro(
            "VMALLOC_END",
            base + mapped - boot.variant.pmd_size - vmemmap - kfence,
            "vm_map_base + min(what the page tables map, 1 << cpu_vabits) - PMD_SIZE - VMEMMAP_SIZE"
            " - KFENCE_AREA_SIZE",
            f"{_PGTABLE}: VMALLOC_END",
        )

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/loongarch/mm/init.c: execmem_arch_setup.

        7.2 has a window of its own for data (read from its requests).
        """
        text = boot.between("MODULES_VADDR", "MODULES_END", "PAGE_KERNEL")
        if not boot.rules.loongarch_data_window:
            return {ExecmemType.MODULE_TEXT: text}
        boot.notes.append("since 7.2 two windows: text in 256 MiB, data in the 1.75 GiB above")
        data = boot.between("MODULES_END", "VMALLOC_START", "PAGE_KERNEL")
        return {ExecmemType.MODULE_TEXT: text, ExecmemType.MODULE_DATA: data}

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """FTRACE has no user."""
        del boot
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.KPROBES: "insn slots",
            ExecmemType.BPF: "bpf_jit_binary_alloc (6.12) / prog packs and trampolines (7.1)",
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """B and BL, and PCALAU12I for data."""
        del variant
        return (
            Reach(
                name="±128M branch",
                instruction="B / BL",
                relocations=("R_LARCH_B26", "R_LARCH_SOP_PUSH_PLT_PCREL"),
                kind=ReachKind.RELATIVE,
                low=-0x8000000,
                high=0x7FFFFFC,
                call=True,
                note=(
                    "+-128 MiB; further away a PLT entry is emitted. The kernel sits at 0x9000...,"
                    " so every module-to-kernel call takes the PLT"
                ),
                source="arch/loongarch/kernel/module.c:apply_r_larch_b26",
            ),
            Reach(
                name="±2G PCALA",
                instruction="PCALAU12I",
                relocations=("R_LARCH_PCALA_HI20", "R_LARCH_GOT_PC_HI20"),
                kind=ReachKind.RELATIVE,
                low=-0x80000000,
                high=0x7FFFFFFF,
                call=False,
                note="+-2 GiB; external data go through the module GOT",
                source="arch/loongarch/kernel/module.c:apply_r_larch_pcala",
            ),
        )

    def plt(self, variant: Variant) -> Plt | None:
        """LU12I.W, LU32I.D, LU52I.D, JIRL: anywhere."""
        del variant
        return Plt(
            word="PLT entry",
            entry_bytes=16,
            extra_bytes=8,
            extends_to=(
                "LU12I.W/LU32I.D/LU52I.D/JIRL: full 64 bits (7.1 32-bit kernels: LU12I.W/JIRL, 8"
                " bytes)"
            ),
            low=None,
            high=None,
            cost="4 instructions per call plus an 8-byte .plt.idx slot used only while loading",
            source=(
                "arch/loongarch/include/asm/module.h:struct plt_entry; "
                "arch/loongarch/kernel/module-sections.c:module_emit_plt_entry"
            ),
        )

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """Prog packs since 7.0.

        The limit counts the data window too (bpf_jit_limit 1 GiB since 7.2).
        """
        del variant
        packed = rules.loongarch_bpf is JitMemory.PACK
        return Capability(
            kprobe_slot=KprobeSlot(on_ftrace=True, simulates=True),
            bpf_alloc=rules.loongarch_bpf,
            bpf_trampoline=JitMemory.PACK if packed else JitMemory.NONE,
            strict_module_rwx=False,
            source=(
                "arch/loongarch/net/bpf_jit.c; arch/loongarch/kernel/kprobes.c;"
                " kernel/kprobes.c:alloc_insn_page"
            ),
        )

    def bpf_jit_alloc_exec_limit(self, boot: Boot) -> Bytes:
        """MODULES_END - MODULES_VADDR, which counts the window of module data too."""
        return boot.macros["VMALLOC_START"] - boot.macros["MODULES_VADDR"]


ARCH = LoongArch()

"""32-bit arm: 16 MiB below the image for everything, the vmalloc area as fallback."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import GIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.arch.estimates import Pair, is_as_measured
from execmem_tui.model.capability import Capability, KprobeSlot
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.numbers import hexadecimal
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Plt, Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules
from execmem_tui.model.units import Address, Bytes

_MEMORY: Final = "arch/arm/include/asm/memory.h"
_BELOW: Final = {0xBF, 0x7F, 0x3F}
"""The 16 MiB below each split of user and kernel space, by the address's top byte."""
_MMU: Final = "arch/arm/mm/mmu.c: adjust_lowmem_bounds"


def _variant(
    name: str, offset: int, ram: int, *, highmem: bool, plts: bool = True, thumb2: bool = False
) -> Variant:
    return Variant(
        name=name,
        word_bits=32,
        config={
            "CONFIG_PAGE_OFFSET": offset,
            "CONFIG_HIGHMEM": int(highmem),
            "CONFIG_ARM_MODULE_PLTS": int(plts),
            "CONFIG_THUMB2_KERNEL": int(thumb2),
            "ram": ram,
            "vmalloc": 240 * MIB,
        },
        modes=("n/a",),
    )


class Arm(Architecture):
    """arch/arm."""

    name = "arm"
    aliases: ClassVar[Mapping[str, str | None]] = {
        "armhf": None,
        "armv7l": None,
        "armv7": None,
        "armel": "v6-3g-lowmem512",
        "armv6l": "v6-3g-lowmem512",
    }
    machines: ClassVar[Mapping[str, str]] = {"armv7l": "armhf", "armv6l": "armhf"}
    default_variant = "v7-3g-highmem"
    boot_source = "arch/arm/mm/init.c"
    overrides = Overrides(
        module_alloc="arch/arm/kernel/module.c: the module area, then vmalloc with ARM_MODULE_PLTS",
        setup="arch/arm/mm/init.c",
    )
    banners = (
        (r"\barm(?:eb|v\w+)?-[\w.-]*(?:gcc|clang|linux|eabi)|-armmp\b", "armhf"),
        (r"-v[67]l?\+|[-.]armv[5-8]\w*|-(?:kirkwood|marvell|ixp4xx)\b", "armhf"),
    )
    log_marks = (
        ("(Flattened Device Tree)", r"\(Flattened Device Tree\)"),
        (") from ", r"\[<[0-9a-f]{8}>\] \(\w+(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?\) from "),
        ("PC is at ", r"\bPC is at \w+"),
    )
    refusal = "sym '"
    relocations: ClassVar[Mapping[int, str]] = {
        1: "R_ARM_PC24",
        10: "R_ARM_THM_CALL",
        28: "R_ARM_CALL",
        29: "R_ARM_JUMP24",
        30: "R_ARM_THM_JUMP24",
        42: "R_ARM_PREL31",
    }
    pc_ahead: ClassVar[Mapping[str, int]] = {
        "R_ARM_PC24": 8,
        "R_ARM_CALL": 8,
        "R_ARM_JUMP24": 8,
        "R_ARM_THM_CALL": 4,
        "R_ARM_THM_JUMP24": 4,
    }
    room_advice = (
        "CONFIG_ARM_MODULE_PLTS (a module that finds no room then goes into vmalloc space), a"
        " stripped module, or build it in"
    )
    far_advice = "CONFIG_ARM_MODULE_PLTS, or a smaller kernel image"
    vmalloc_advice = "vmalloc=<size> enlarges the vmalloc area and never the module area"
    variants = (
        _variant("v7-3g-highmem", 0xC0000000, GIB, highmem=True),
        _variant("v7-3g-highmem-noplts", 0xC0000000, GIB, highmem=True, plts=False),
        _variant("v7-3g-highmem-thumb2", 0xC0000000, GIB, highmem=True, thumb2=True),
        _variant("v6-3g-lowmem512", 0xC0000000, 512 * MIB, highmem=False),
        _variant("v7-2g-highmem", 0x80000000, GIB, highmem=True),
        _variant("v7-1g-lowmem", 0x40000000, GIB, highmem=False),
    )

    def named_by_addresses(
        self, addresses: Sequence[Address], code: Sequence[Address]
    ) -> str | None:
        """Modules lie in the 16 MiB below the kernel, which is at 1, 2 or 3 GiB."""
        below = {each >> 24 for each in code}
        low = max(addresses) < 1 << 32 and len(below) == 1 and below <= _BELOW
        return "armhf" if low else None

    def place(self, boot: Boot) -> None:
        """Modules below PAGE_OFFSET, vmalloc above high_memory."""
        offset = boot.macro(
            "PAGE_OFFSET",
            boot.config("CONFIG_PAGE_OFFSET"),
            "CONFIG_PAGE_OFFSET",
            f"{_MEMORY}: PAGE_OFFSET",
        )
        below = 8 * MIB if boot.config("CONFIG_THUMB2_KERNEL") else 16 * MIB
        boot.macro(
            "MODULES_VADDR",
            offset - below,
            "PAGE_OFFSET - SZ_16M (SZ_8M with THUMB2_KERNEL)",
            f"{_MEMORY}: MODULES_VADDR",
        )
        pkmap = boot.variant.pmd_size if boot.config("CONFIG_HIGHMEM") else 0
        boot.macro(
            "MODULES_END",
            offset - pkmap,
            "PAGE_OFFSET, less PMD_SIZE for pkmap with HIGHMEM",
            f"{_MEMORY}: MODULES_END",
        )
        top = 0xFF800000 if boot.rules.arm_vmalloc_to_ff8 else 0xFF000000
        end = boot.macro(
            "VMALLOC_END", top, f"{top:#x}UL", "arch/arm/include/asm/pgtable.h: VMALLOC_END"
        )
        lowmem = min(boot.config("ram"), end - boot.config("vmalloc") - 8 * MIB - offset)
        high = boot.macro(
            "high_memory",
            offset + lowmem,
            "PAGE_OFFSET + min(RAM, VMALLOC_END - vmalloc - VMALLOC_OFFSET - PAGE_OFFSET)",
            _MMU,
        )
        boot.macro(
            "VMALLOC_START",
            (high + 8 * MIB) & -(8 * MIB),
            "(high_memory + VMALLOC_OFFSET) & ~(VMALLOC_OFFSET - 1)",
            "arch/arm/include/asm/pgtable.h: VMALLOC_START",
        )
        sizes = {"_stext": 0xF8000, "_etext": 0x9F8000, "_end": 0x1000000}
        boot.image(
            offset + 0x8000, sizes, "PAGE_OFFSET + TEXT_OFFSET", "arch/arm/Makefile: textofs-y"
        )

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/arm/mm/init.c: execmem_arch_setup; a fallback only with ARM_MODULE_PLTS."""
        plts = boot.config("CONFIG_ARM_MODULE_PLTS")
        macros = boot.macros
        return {
            ExecmemType.MODULE_TEXT: Given(
                start=macros["MODULES_VADDR"],
                end=macros["MODULES_END"],
                pgprot="PAGE_KERNEL_EXEC",
                fallback_start=macros["VMALLOC_START"] if plts else 0,
                fallback_end=macros["VMALLOC_END"] if plts else 0,
                how=("MODULES_VADDR", "MODULES_END", "VMALLOC_START", "VMALLOC_END"),
            )
        }

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """Everything but FTRACE, and all of it shares one range."""
        del boot
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.KPROBES: "insn slots; optimized probes in ARM mode",
            ExecmemType.BPF: "bpf_jit_binary_alloc",
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """Branches of both instruction sets, the unwind index and data words.

        The variant's own branch first.
        """
        source = "arch/arm/kernel/module.c:apply_relocate"
        arm = Reach(
            name="±32M branch",
            instruction="B / BL (ARM)",
            relocations=("R_ARM_CALL", "R_ARM_JUMP24", "R_ARM_PC24"),
            kind=ReachKind.RELATIVE,
            low=-0x1FFFFFC,
            high=0x1FFFFFC,
            call=not variant.config["CONFIG_THUMB2_KERNEL"],
            note=(
                "the loader refuses offset <= -32M or >= 32M where offset = S + A - P, A = -8"
                " (target = P + 8 + offset)"
            ),
            source=source,
        )
        thumb = Reach(
            name="±16M branch",
            instruction="BL / B.W (Thumb-2)",
            relocations=("R_ARM_THM_CALL", "R_ARM_THM_JUMP24"),
            kind=ReachKind.RELATIVE,
            low=-0xFFFFFE,
            high=0xFFFFFE,
            call=bool(variant.config["CONFIG_THUMB2_KERNEL"]),
            note="+-16 MiB, offset relative to P + 4",
            source=source,
        )
        index = Reach(
            name="±1G PREL31",
            instruction="unwind index",
            relocations=("R_ARM_PREL31",),
            kind=ReachKind.RELATIVE,
            low=-0x40000000,
            high=0x3FFFFFFF,
            call=False,
            note=(
                "+-1 GiB; this is why 7.1 keeps .ARM.exidx/.ARM.extab with text when the split is"
                " not 3G"
            ),
            source=(
                "arch/arm/kernel/module.c:apply_relocate;"
                " arch/arm/kernel/module-plts.c:module_frob_arch_sections (7.1)"
            ),
        )
        word = Reach(
            name="±2G word",
            instruction="data word",
            relocations=("R_ARM_ABS32", "R_ARM_REL32", "MOVW/MOVT"),
            kind=ReachKind.RELATIVE,
            low=-0x80000000,
            high=0x7FFFFFFF,
            call=False,
            note="32-bit wrap-around: anywhere",
            source=source,
        )
        return (thumb, index, arm, word) if thumb.call else (arm, index, thumb, word)

    def plt(self, variant: Variant) -> Plt | None:
        """LDR pc with a literal, with ARM_MODULE_PLTS."""
        if not variant.config["CONFIG_ARM_MODULE_PLTS"]:
            return None
        return Plt(
            word="PLT entry",
            entry_bytes=8,
            extra_bytes=0,
            extends_to="LDR pc,[pc,#n] + literal: whole 32-bit space",
            low=None,
            high=None,
            cost=(
                "one load per call; ARM_MODULE_PLTS only; entries come in cache-line groups"
                " (PLT_ENT_STRIDE = L1_CACHE_BYTES)"
            ),
            source="arch/arm/kernel/module-plts.c:get_module_plt; arch/arm/include/asm/module.h",
        )

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """The same in all kernels.

        MAX_OPTINSN_SIZE is in bytes but used as a count of 4-byte opcodes: 10 slots a page
        (measured, 6.12.107).
        """
        del rules
        thumb = variant.config["CONFIG_THUMB2_KERNEL"]
        return Capability(
            kprobe_slot=KprobeSlot(
                optinsn_size=None if thumb else 96 * 4, opt_reach=32 * MIB, simulates=True
            ),
            bpf_alloc=JitMemory.BINARY,
            source=(
                "arch/arm/Kconfig; arch/arm/include/asm/kprobes.h;"
                " arch/arm/net/bpf_jit_32.c:bpf_int_jit_compile; kernel/kprobes.c:alloc_insn_page"
            ),
        )

    def inputs(self, facts: Facts) -> Mapping[str, int]:
        """PAGE_OFFSET, the highmem window, PLTs and the instruction set decide the module area."""
        given = dict(super().inputs(facts))
        if facts.config or not facts.rules.arm_module_plts:
            given["CONFIG_ARM_MODULE_PLTS"] = 0  # unless the configuration says y, below
        told = hexadecimal(facts.config.get("CONFIG_PAGE_OFFSET", ""))
        if told is not None and told < 4 * GIB:
            given["CONFIG_PAGE_OFFSET"] = told
        else:
            below = {
                start >> 24 for start, owner in facts.executable.items() if owner in ("", "module")
            }
            if facts.text is not None:
                given["CONFIG_PAGE_OFFSET"] = facts.text & 0xC0000000
            elif len(below) == 1 and below <= _BELOW:
                given["CONFIG_PAGE_OFFSET"] = (below.pop() + 1) << 24
        for option in ("CONFIG_HIGHMEM", "CONFIG_ARM_MODULE_PLTS", "CONFIG_THUMB2_KERNEL"):
            if option in facts.config:
                given[option] = int(facts.config[option] == "y")
        if facts.highmem is not None:
            given.setdefault("CONFIG_HIGHMEM", int(facts.highmem))
        return given

    def measured_vmalloc(self, layout: Layout, facts: Facts, total: Bytes) -> Pair:
        """VMALLOC_END is a constant, VMALLOC_START follows memory, 8 MiB above its end.

        Where areas lie below what follows from that, the machine has another constant: the lowest
        of them is where vmalloc begins.
        """
        if is_as_measured(layout, facts, total):
            return layout.vmalloc_start, layout.vmalloc_end
        start = layout.vmalloc_end - total
        above = [each for each in facts.addresses if each >= (layout.modules_end or 0)]
        lowest = min(above, default=start) & -(8 * MIB)
        if lowest < start:
            return lowest, lowest + total
        return start, layout.vmalloc_end


ARCH = Arm()

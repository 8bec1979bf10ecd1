"""x86.

64-bit modules in the top 2 GiB (with the ROX cache in 7.1), 32-bit modules in the vmalloc area.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from attrs import evolve

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import GIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.arch.estimates import (
    Pair,
    named,
    offset_by_pages,
    window_under_percpu,
    with_module_range,
)
from execmem_tui.model.capability import Capability, FtraceMemory, KprobeSlot
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import EXECMEM_KASAN_SHADOW, EXECMEM_ROX_CACHE, ExecmemType
from execmem_tui.model.reach import Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules
from execmem_tui.model.units import Address, Bytes

_64: Final = "arch/x86/include/asm/pgtable_64_types.h"
_32: Final = "arch/x86/include/asm/pgtable_32_areas.h"
_INIT: Final = "arch/x86/mm/init.c"
_TEXT: Final = "arch/x86/boot/compressed/kaslr.c: find_random_virt_addr"
_MEMORY: Final = "arch/x86/mm/kaslr.c: kernel_randomize_memory"
_TIB: Final = 1 << 40
_LOWEST: Final = 0xFF00_0000_0000_0000
_ABOVE_VMALLOC: Final = 0xFFFF_FE00_0000_0000
_PHYSICAL_ALIGN: Final = 2 * MIB
_OFFSET_PAGES_EXAMPLE: Final = 341


def _variant64(
    name: str,
    *,
    levels: int = 4,
    randomize_base: bool = True,
    force_map: bool = False,
    strict: bool = True,
    kasan: int = 0,
    modes: tuple[str, ...] = ("off",),
    example: Mapping[str, int] | None = None,
    kernels: tuple[str, ...] = ("6.12.107", "7.1.8"),
) -> Variant:
    return Variant(
        name=name,
        config={
            "levels": levels,
            "CONFIG_RANDOMIZE_BASE": int(randomize_base),
            "CONFIG_DEBUG_KMAP_LOCAL_FORCE_MAP": int(force_map),
            "CONFIG_STRICT_MODULE_RWX": int(strict),
            "X86_FEATURE_PSE": 1,
            "KASAN_SHADOW_SCALE_SHIFT": kasan,
            "image_size": 48 * MIB,
            "text_size": 16 * MIB,
            "ram": 16 * GIB,
        },
        draws=randomize_base,
        example=example
        or {
            "text_slot": 137,
            "vmalloc_base": 0xFFFFB0C3C0000000,
            "offset_pages": _OFFSET_PAGES_EXAMPLE,
        },
        modes=modes,
        kernels=kernels,
    )


class X86(Architecture):
    """arch/x86."""

    name = "x86"
    aliases: ClassVar[Mapping[str, str | None]] = {
        "x86_64": None,
        "x86-64": None,
        "amd64": None,
        "i386": "x86_32-pae",
        "i486": "x86_32-pae",
        "i586": "x86_32-pae",
        "i686": "x86_32-pae",
        "x86_32": "x86_32-pae",
    }
    machines: ClassVar[Mapping[str, str]] = {"x86_64": "amd64", "i686": "i386", "i586": "i386"}
    default_variant = "x86_64-4level"
    set_memory_purges = True
    boot_source = _INIT
    overrides = Overrides(
        module_alloc="arch/x86/kernel/module.c: the module area, moved by a draw at its first call",
        setup="arch/x86/mm/init.c",
        insn_page="arch/x86/kernel/kprobes/core.c",
    )
    banners = (
        (r"\bx86_64-[\w.-]*(?:gcc|clang|linux)|[-.](?:amd64|x86_64)\b", "amd64"),
        (r"\bi[3-6]86-[\w.-]*(?:gcc|clang|linux)|-[3-6]86\b|[-.]i[3-6]86\b|-pae\b", "i386"),
    )
    log_marks = (
        ("RIP: 0010:", r"\bRIP: 0010:"),
        ("EIP: 0060:", r"\bEIP: 0060:"),
        ("CR2: ", r"\bCR2: [0-9a-f]{8}"),
        ("x86_", r"\bx86_\w+\+0x"),
        ("ia32_", r"\bia32_\w+\+0x"),
    )
    refusal = "overflow in relocation type"
    relocations: ClassVar[Mapping[int, str]] = {
        1: "R_X86_64_64",
        2: "R_X86_64_PC32",
        4: "R_X86_64_PLT32",
        10: "R_X86_64_32",
        11: "R_X86_64_32S",
        24: "R_X86_64_PC64",
    }
    refused_distances = frozenset({"R_X86_64_PC32", "R_X86_64_PLT32"})
    absolute_words = frozenset({"R_X86_64_32", "R_X86_64_32S"})
    vmalloc_advice = "on 32-bit, vmalloc=512M enlarges the vmalloc area; 64-bit has no such need"
    variants = (
        _variant64("x86_64-4level", modes=("off", "on-example")),
        _variant64(
            "x86_64-5level",
            levels=5,
            modes=("off", "on-example"),
            example={"text_slot": 137, "vmalloc_base": 0xFF53A00040000000, "offset_pages": 1024},
        ),
        _variant64("x86_64-4level-norandbase", randomize_base=False),
        _variant64("x86_64-4level-dbgkmap", force_map=True),
        _variant64("x86_64-4level-norox", strict=False, kernels=("7.1.8",)),
        _variant64("x86_64-4level-kasan-novmalloc", kasan=3),
        Variant(
            name="x86_32-pae",
            word_bits=32,
            config={
                "CONFIG_NR_CPUS": 8,
                "CONFIG_STRICT_MODULE_RWX": 1,
                "fixmap_slots": 1025,
                "cpu_entry_area_pages": 43,
                "vmalloc_reserve": 128 * MIB,
                "image_size": 24 * MIB,
                "text_size": 12 * MIB,
            },
            draws=True,
            example={"offset_pages": _OFFSET_PAGES_EXAMPLE},
            modes=("off", "on-example"),
            notes=(
                (
                    "modules, kprobes, ftrace and BPF live inside the vmalloc area; no ROX cache"
                    " (it needs X86_64 and !HIGHMEM)"
                ),
                "fixmap and cpu_entry_area counts were worked by hand from the headers",
            ),
        ),
    )

    def named_by_addresses(
        self, addresses: Sequence[Address], code: Sequence[Address]
    ) -> str | None:
        """Modules lie in the top 2G, where only riscv has them too, and lower there."""
        del code
        high = max(addresses)
        if min(addresses) >> 56 != 0xFF:  # mips has its modules in the top 2G too, but no more
            return None
        return "amd64" if high >> 32 == 0xFFFF_FFFF and high & 0x8000_0000 else None

    def place(self, boot: Boot) -> None:
        """The vmalloc and module areas, and the image."""
        if boot.variant.word_bits == 32:
            self._place32(boot)
        else:
            self._place64(boot)
        boot.used.update(("offset_pages", "text_slot", "vmalloc_base"))

    def _place64(self, boot: Boot) -> None:
        """Modules behind the image in the top 2 GiB; vmalloc far below."""
        base = boot.macro(
            "__START_KERNEL_map",
            0xFFFFFFFF80000000,
            "_AC(0xffffffff80000000, UL)",
            "arch/x86/include/asm/page_64_types.h",
        )
        size = boot.macro(
            "KERNEL_IMAGE_SIZE",
            GIB if boot.config("CONFIG_RANDOMIZE_BASE") else 512 * MIB,
            "1 GiB with RANDOMIZE_BASE, whatever the command line says, else 512 MiB",
            "arch/x86/include/asm/page_64_types.h",
        )
        start = boot.macro(
            "MODULES_VADDR",
            base + size,
            "__START_KERNEL_map + KERNEL_IMAGE_SIZE",
            f"{_64}: MODULES_VADDR",
        )
        end = boot.macro(
            "MODULES_END",
            (
                0xFFFFFFFFFE000000
                if boot.config("CONFIG_DEBUG_KMAP_LOCAL_FORCE_MAP")
                else 0xFFFFFFFFFF000000
            ),
            "0xffffffffff000000; 16 MiB lower with DEBUG_KMAP_LOCAL_FORCE_MAP",
            f"{_64}: MODULES_END",
        )
        boot.macro("MODULES_LEN", end - start, "MODULES_END - MODULES_VADDR", f"{_64}: MODULES_LEN")
        self._place_vmalloc64(boot)
        self._place_image64(boot, base, size)

    def _place_vmalloc64(self, boot: Boot) -> None:
        """32 TiB of vmalloc area, with five levels of page tables 12,800 TiB."""
        five = boot.config("levels") == 5
        boot.config("ram")
        low, length = (
            (0xFFA0000000000000, 12800 * _TIB) if five else (0xFFFFC90000000000, 32 * _TIB)
        )
        if boot.drawn:
            low = self._draw_vmalloc_base(boot, length, five=five)
        low = boot.macro("VMALLOC_START", low, "vmalloc_base", f"{_64}: VMALLOC_START; {_MEMORY}")
        boot.macro(
            "VMALLOC_END",
            low + length - 1,
            "VMALLOC_START + (VMALLOC_SIZE_TB << 40) - 1",
            f"{_64}: VMALLOC_END",
        )

    def _place_image64(self, boot: Boot, base: Address, size: Bytes) -> None:
        """The image in the `size` bytes from __START_KERNEL_map, which is `base`."""
        text = boot.macro(
            "__START_KERNEL",
            base + 16 * MIB,
            "__START_KERNEL_map + CONFIG_PHYSICAL_START",
            "arch/x86/include/asm/page_types.h",
        )
        image = boot.config("image_size")
        if boot.drawn and "_text" not in boot.overrides:
            slots = 1 + (size - 16 * MIB - image) // _PHYSICAL_ALIGN
            text += boot.draw("text_slot", 0, slots - 1, _TEXT) * _PHYSICAL_ALIGN
        sizes = {"_stext": 0, "_etext": boot.config("text_size"), "_end": image}
        boot.image(
            text,
            sizes,
            "__START_KERNEL + slot * CONFIG_PHYSICAL_ALIGN",
            _TEXT if boot.drawn else "__START_KERNEL",
        )

    def _draw_vmalloc_base(self, boot: Boot, length: int, *, five: bool) -> int:
        """kernel_randomize_memory().

        Direct map, vmalloc and vmemmap share the entropy left between them.
        """
        if "vmalloc_base" in boot.overrides or boot.kaslr == "example":
            return boot.draw("vmalloc_base", 0, (1 << 64) - 1, _MEMORY)
        at = 0xFF11000000000000 if five else 0xFFFF888000000000
        padding = 10 * _TIB
        direct = min(
            -(-boot.config("ram") // _TIB) * _TIB + padding, (1 << 52 if five else 1 << 46)
        )
        vmemmap = -(-direct // 4096 * 64 // _TIB) * _TIB
        pud_size = GIB
        left = 0xFFFFFE0000000000 - at - direct - length - vmemmap
        for index, size in enumerate((direct, length)):
            entropy = left // (3 - index)
            moved = boot.random.randrange(entropy + 1) & -pud_size
            at += moved
            left -= moved
            if index == 1:
                break
            at = (at + size + pud_size) & -pud_size
        return at

    def _place32(self, boot: Boot) -> None:
        page, pmd = boot.variant.page_size, boot.variant.pmd_size
        fixmap = boot.macro(
            "FIXADDR_TOT_START",
            0xFFFFF000 - boot.config("fixmap_slots") * page,
            "FIXADDR_TOP - FIXADDR_TOT_SIZE",
            _32,
        )
        pages = boot.config("CONFIG_NR_CPUS") * boot.config("cpu_entry_area_pages") + 1
        entry = boot.macro(
            "CPU_ENTRY_AREA_BASE",
            (fixmap - page * pages) & -pmd,
            "(FIXADDR_TOT_START - PAGE_SIZE * (CPU_ENTRY_AREA_PAGES + 1)) & PMD_MASK",
            _32,
        )
        ldt = boot.macro(
            "LDT_BASE_ADDR",
            (entry - page) & -pmd,
            "(CPU_ENTRY_AREA_BASE - PAGE_SIZE) & PMD_MASK",
            _32,
        )
        pkmap = boot.macro(
            "PKMAP_BASE", (ldt - page) & -pmd, "(LDT_BASE_ADDR - PAGE_SIZE) & PMD_MASK", _32
        )
        end = boot.macro(
            "VMALLOC_END", pkmap - 2 * page, "PKMAP_BASE - 2 * PAGE_SIZE", f"{_32}: VMALLOC_END"
        )
        high = boot.macro(
            "high_memory",
            end - boot.config("vmalloc_reserve"),
            "PAGE_OFFSET + MAXMEM",
            f"{_32}: MAXMEM",
        )
        start = boot.macro(
            "VMALLOC_START", high + 8 * MIB, "high_memory + VMALLOC_OFFSET", f"{_32}: VMALLOC_START"
        )
        boot.macro("MODULES_VADDR", start, "VMALLOC_START", f"{_32}: MODULES_VADDR")
        boot.macro("MODULES_END", end, "VMALLOC_END", f"{_32}: MODULES_END")
        sizes = {"_stext": 0, "_etext": boot.config("text_size"), "_end": boot.config("image_size")}
        boot.image(
            0xC1000000,
            sizes,
            "PAGE_OFFSET + CONFIG_PHYSICAL_START",
            "arch/x86/include/asm/page_types.h: __START_KERNEL",
        )

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/x86/mm/init.c: execmem_arch_setup.

        Only MODULE_TEXT before the ROX cache, all five with it.
        """
        start, end = boot.macros["MODULES_VADDR"], boot.macros["MODULES_END"]
        how = "MODULES_VADDR"
        if boot.drawn:
            how += " + offset_pages * PAGE_SIZE"
            pages = boot.draw(
                "offset_pages",
                1,
                1024,
                f"{_INIT}: execmem_arch_setup, get_random_u32_inclusive(1, 1024)",
            )
            start += pages * boot.variant.page_size
        flags = (EXECMEM_KASAN_SHADOW,)

        def given(pgprot: str, *extra: str) -> Given:
            return Given(
                start=start,
                end=end,
                pgprot=pgprot,
                alignment="MODULE_ALIGN",
                flags=(*flags, *extra),
                how=(how, "MODULES_END"),
            )

        boot.used.update(("CONFIG_STRICT_MODULE_RWX", "X86_FEATURE_PSE"))
        wide = boot.variant.word_bits == 64
        rox = wide and boot.config("CONFIG_STRICT_MODULE_RWX") and boot.config("X86_FEATURE_PSE")
        cached = boot.rules.rox_types if rox else frozenset()
        if not boot.rules.rox_types:
            return {ExecmemType.MODULE_TEXT: given("PAGE_KERNEL")}
        given_types = {
            kind: given("PAGE_KERNEL_ROX", EXECMEM_ROX_CACHE)
            if kind in cached
            else given("PAGE_KERNEL")
            for kind in ExecmemType
        }
        if boot.rules.kprobes_rox and ExecmemType.KPROBES not in cached:
            given_types[ExecmemType.KPROBES] = given("PAGE_KERNEL_ROX")
        return given_types

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """All five types have users."""
        del boot
        return {
            ExecmemType.MODULE_TEXT: f"{TEXT_USER}; x86 ITS thunk pages",
            ExecmemType.KPROBES: "insn slots and optimized-probe slots",
            ExecmemType.FTRACE: "one trampoline per ftrace_ops with ALLOC_TRAMP",
            ExecmemType.BPF: "prog packs and trampolines (64) / bpf_jit_binary_alloc (32)",
            ExecmemType.MODULE_DATA: f"{DATA_USER}; 7.1 also alloc_tag (execmem_vmap)",
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """rel32, and on 64-bit the sign-extended absolute address of the kernel code model."""
        source = "arch/x86/kernel/module.c:__write_relocate_add"
        relative = Reach(
            name="±2G call",
            instruction="CALL / JMP rel32",
            relocations=("R_X86_64_PLT32", "R_X86_64_PC32"),
            kind=ReachKind.RELATIVE,
            low=-0x80000000,
            high=0x7FFFFFFF,
            call=True,
            note=(
                "from the end of the instruction; no PLT exists, the module area is placed so that"
                " it always reaches"
            ),
            source=source,
        )
        absolute = Reach(
            name="top 2G 32S",
            instruction="absolute sign-extended",
            relocations=("R_X86_64_32S",),
            kind=ReachKind.ABSOLUTE,
            low=0xFFFFFFFF80000000,
            high=0xFFFFFFFFFFFFFFFF,
            call=False,
            note="the kernel code model: every symbol in the top 2 GiB",
            source=source,
        )
        return (relative, absolute) if variant.word_bits == 64 else (relative,)

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """Everything asks for executable memory here, and 64-bit may have the ROX cache.

        An optimised probe's slot is the template of 100 bytes + 19 + 5 (measured, 7.2.13); on
        32-bit a template of 54 bytes (source; the i386 6.1 capture allows 47 to 55 slots a page).
        """
        wide = variant.word_bits == 64
        bpf = rules.x86_bpf if wide else JitMemory.BINARY
        packed = bpf is JitMemory.PACK
        return Capability(
            kprobe_slot=KprobeSlot(
                insn_size=15,
                optinsn_size=124 if wide else 78,
                opt_reach=2 * GIB,
                on_ftrace=True,
                boosts=True,
            ),
            insn_page_override=not rules.kprobes_rox,
            bpf_alloc=bpf,
            bpf_trampoline=(JitMemory.PACK if packed else JitMemory.PAGE)
            if wide
            else JitMemory.NONE,
            bpf_scratch=True,
            bpf_dispatcher=wide,
            bpf_at_boot=25 if packed else 0,  # measured, 6.12.107 and 7.2.13
            ftrace=FtraceMemory.TRAMPOLINES if wide else FtraceMemory.SHARED_CALLER,
            execmem_rox=wide and bool(rules.rox_types),
            source=(
                "arch/x86/kernel/kprobes/core.c; arch/x86/kernel/ftrace.c:alloc_tramp;"
                " arch/x86/net/bpf_jit_comp.c; arch/x86/kernel/alternative.c:its_alloc (6.12),"
                " __its_alloc (7.1)"
            ),
        )

    def fits(self, variant: Variant, addresses: Sequence[Address]) -> bool:
        """Five-level page tables have a vmalloc area of their own.

        Documentation/arch/x86/x86_64/mm.rst.
        """
        if "levels" not in variant.config or not addresses:
            return True
        five = any(0xFF00_0000_0000_0000 <= each < 0xFFFF_0000_0000_0000 for each in addresses)
        return five == (variant.config["levels"] == 5)

    def is_told(self, layout: Layout, facts: Facts) -> bool:
        """The end of 32-bit's window depends on a count of fixmap slots that nobody states.

        A percpu chunk tells it, but not the start: that takes VmallocTotal too.
        """
        measured = facts.percpu_end is not None and facts.vmalloc_total is not None
        return layout.word_bits == 64 or measured

    def measured_vmalloc(self, layout: Layout, facts: Facts, total: Bytes) -> Pair:
        """64-bit: vmalloc_base is drawn in steps of 1 GiB, and the lowest area is in the first.

        arch/x86/mm/kaslr.c: kernel_randomize_memory.
        """
        start, end = layout.vmalloc_start, layout.vmalloc_end
        if layout.word_bits == 64:
            below = [each for each in facts.addresses if _LOWEST <= each < _ABOVE_VMALLOC]
            if below and not start <= min(below) < start + GIB:
                start, end = min(below) & -GIB, (min(below) & -GIB) + end - start
            return start, end
        under = window_under_percpu(facts, total)
        if under is not None:
            return under
        if facts.addresses:
            # it ends two pages below a PMD boundary and is filled from its start (VMALLOC_END)
            gap = 2 * layout.page_size
            start = ((min(facts.addresses) + gap) & -layout.pmd_size) - gap
        return start, start + total

    def estimate_draws(self, layout: Layout, facts: Facts) -> Layout:
        """1 to 1024 pages on the start of every range.

        kaslr_enabled() is false without RANDOMIZE_MEMORY, which only 64-bit has
        (arch/x86/include/asm/setup.h). An uncached BPF pack is made at boot: its place is the
        start.
        """
        if layout.word_bits == 32:
            return named(layout, "n/a")
        estimated = offset_by_pages(layout, facts, layout.macros["__START_KERNEL"])
        entry = estimated.range_of(ExecmemType.MODULE_TEXT)
        pack = facts.executable.get(entry.start) == "bpf"
        if estimated.kaslr == "off" or not pack or ExecmemType.BPF in layout.rules.rox_types:
            return estimated
        old = layout.range_of(ExecmemType.MODULE_TEXT)
        sure = evolve(entry, provenance=old.provenance)
        estimated = with_module_range(estimated, sure, "")
        *others, note = estimated.notes
        return evolve(
            estimated, notes=(*others, f"{note}, the first BPF pack, which is made at boot")
        )


ARCH = X86()

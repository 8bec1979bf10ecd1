"""arm64: a 128 MiB direct window and a 2 GiB PLT window around the image."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import GIB, KIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.arch.estimates import Pair, with_windows
from execmem_tui.model.areas import KERNEL_OWNER, Area
from execmem_tui.model.capability import Capability, FtraceMemory, KprobeSlot
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType
from execmem_tui.model.reach import Plt, Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules
from execmem_tui.model.units import Address, Bytes

if TYPE_CHECKING:  # what a capture tells: a simulation has none
    from execmem_tui.model.facts import Facts

_MEMORY: Final = "arch/arm64/include/asm/memory.h"
_PGTABLE: Final = "arch/arm64/include/asm/pgtable.h"
_INIT: Final = "arch/arm64/mm/init.c"
_KASLR: Final = "arch/arm64/kernel/pi/kaslr_early.c: kaslr_early_init"
_ELDER_KASLR: Final = "arch/arm64/kernel/kaslr.c: kaslr_init; arch/arm64/kernel/module.c"
_MODULE_SEED: Final = (1 << 21) - 1
_STRUCT_PAGE: Final = 64
_PAGES: Final = {
    "4k": (4 * KIB, 2 * MIB),
    "16k": (16 * KIB, 32 * MIB),
    "64k": (64 * KIB, 512 * MIB),
}
_EXAMPLE: Final = {
    "kaslr_seed": 0x0123456789ABCDEF,
    "direct_pages": 0x1234,
    "plt_pages": 0x45678,
    "module_seed": 0x12345,
}


def _variant(
    va_bits: int,
    page: str,
    actual: int | None = None,
    *,
    tag: str = "",
    full: bool = False,
    image: int = 48 * MIB,
    text: int = 16 * MIB,
    modes: tuple[str, ...] = ("off",),
    notes: tuple[str, ...] = (),
) -> Variant:
    page_size, pmd_size = _PAGES[page]
    return Variant(
        name=f"va{va_bits}-{page}{tag}",
        page_size=page_size,
        pmd_size=pmd_size,
        config={
            "CONFIG_ARM64_VA_BITS": va_bits,
            "vabits_actual": actual or va_bits,
            "CONFIG_RANDOMIZE_MODULE_REGION_FULL": int(full),
            "image_size": image,
            "text_size": text,
        },
        draws=True,
        example=_EXAMPLE,
        modes=modes,
        notes=notes,
    )


class Arm64(Architecture):
    """arch/arm64."""

    name = "arm64"
    aliases: ClassVar[Mapping[str, str | None]] = {"aarch64": None}
    machines: ClassVar[Mapping[str, str]] = {"aarch64": "arm64"}
    default_variant = "va48-4k"
    set_memory_purges = True
    widest_module_window = 2 * GIB
    page_options: ClassVar[Mapping[str, Bytes]] = {
        "CONFIG_ARM64_4K_PAGES": 4 * KIB,
        "CONFIG_ARM64_16K_PAGES": 16 * KIB,
        "CONFIG_ARM64_64K_PAGES": 64 * KIB,
    }
    boot_source = _INIT
    overrides = Overrides(
        module_alloc="arch/arm64/kernel/module.c: 128M, then 2G with ARM64_MODULE_PLTS",
        insn_page_window="arch/arm64/kernel/probes/kprobes.c: the vmalloc area, PAGE_KERNEL_ROX",
        bpf_jit_alloc_exec="arch/arm64/net/bpf_jit_comp.c: vmalloc()",
        setup="arch/arm64/mm/init.c",
        insn_page="arch/arm64/kernel/probes/kprobes.c",
    )
    banners = (
        (r"\baarch64(?:_be)?-[\w.-]*(?:gcc|clang|linux)", "arm64"),
        (r"[-.](?:arm64|aarch64)\b|-v8(?:-16k)?\+", "arm64"),
    )
    log_marks = (
        ("pstate: ", r"\bpstate: [0-9a-f]{8}"),
        ("lr : ", r"\blr : \w+\+0x"),
        ("x29: ", r"\bx29: [0-9a-f]{16}"),
    )
    refusal = "overflow in relocation type"
    relocations: ClassVar[Mapping[int, str]] = {
        257: "R_AARCH64_ABS64",
        258: "R_AARCH64_ABS32",
        260: "R_AARCH64_PREL64",
        261: "R_AARCH64_PREL32",
        262: "R_AARCH64_PREL16",
        274: "R_AARCH64_ADR_PREL_LO21",
        275: "R_AARCH64_ADR_PREL_PG_HI21",
        276: "R_AARCH64_ADR_PREL_PG_HI21_NC",
        279: "R_AARCH64_TSTBR14",
        280: "R_AARCH64_CONDBR19",
        282: "R_AARCH64_JUMP26",
        283: "R_AARCH64_CALL26",
    }
    variants = (
        _variant(36, "16k"),
        _variant(39, "4k"),
        _variant(42, "64k"),
        _variant(47, "16k"),
        _variant(48, "4k", modes=("off", "on-example")),
        _variant(48, "16k"),
        _variant(48, "64k"),
        _variant(52, "4k", tag="-lva"),
        _variant(52, "4k", 48, tag="-nolva"),
        _variant(52, "16k", tag="-lva"),
        _variant(52, "16k", 47, tag="-nolva"),
        _variant(52, "64k", tag="-lva"),
        _variant(52, "64k", 48, tag="-nolva"),
        _variant(48, "4k", tag="-modfull", full=True, modes=("on-example",)),
        _variant(52, "4k", 48, tag="-nolva-modfull", full=True, modes=("on-example",)),
        _variant(
            48,
            "4k",
            tag="-bigimage",
            image=160 * MIB,
            text=80 * MIB,
            notes=(
                (
                    "an image of 160 MiB: every module branch that cannot reach by BL goes through"
                    " a PLT; no fallback range"
                ),
            ),
        ),
    )

    def named_by_addresses(
        self, addresses: Sequence[Address], code: Sequence[Address]
    ) -> str | None:
        """The vmalloc area begins at the middle of the address space, or at that of 39 bits."""
        del code
        low = min(addresses)
        # The same addresses: modules in the PLT window, and loongarch.
        shared = any(
            each >> 32 == 0xFFFF_8000 and each & 0xFFFF_FFFF < 0x7000_0000 for each in addresses
        )
        old = 0xFFFF_0000 <= low >> 32 < 0xFFFF_1000 or 0xFFFF_FF80 <= low >> 32 < 0xFFFF_FFC0
        new = 0xFFFF_8000 <= low >> 32 < 0xFFFF_8800 or low >> 40 == 0xFFFF_C0
        return "arm64" if old or (new and not shared) else None

    def place(self, boot: Boot) -> None:
        """Macros of memory.h and pgtable.h, then the image.

        At KIMAGE_VADDR, or moved by the KASLR offset.
        """
        variant = boot.variant
        va_bits, actual = boot.config("CONFIG_ARM64_VA_BITS"), boot.config("vabits_actual")
        va_min = va_bits if va_bits <= 48 else 47 if variant.page_size == 16 * KIB else 48
        start = boot.macro(
            "MODULES_VADDR",
            -(1 << (va_min - 1)),
            "_PAGE_END(VA_BITS_MIN)",
            f"{_MEMORY}: MODULES_VADDR",
        )
        wide = boot.rules.arm64_two_bases
        size = boot.macro(
            "MODULES_VSIZE",
            2 * GIB if wide else 128 * MIB,
            "SZ_2G" if wide else "SZ_128M",
            f"{_MEMORY}: MODULES_VSIZE",
        )
        end = boot.macro(
            "MODULES_END", start + size, "MODULES_VADDR + MODULES_VSIZE", f"{_MEMORY}: MODULES_END"
        )
        image_base = boot.macro("KIMAGE_VADDR", end, "MODULES_END", f"{_MEMORY}: KIMAGE_VADDR")
        boot.macro("VMALLOC_START", end, "MODULES_END", f"{_PGTABLE}: VMALLOC_START")
        vmalloc_end = self._place_vmalloc_end(boot, va_bits, va_min, actual)
        text, formula = image_base, "KIMAGE_VADDR"
        if boot.drawn and "_text" not in boot.overrides:
            seed = boot.draw("kaslr_seed", 1, (1 << 64) - 1, _KASLR)
            room = (vmalloc_end - image_base) // 2
            text = image_base + ((room // 2 + (room * seed >> 64)) & -(2 * MIB))
            formula = (
                "KIMAGE_VADDR + (r/2 + (r * seed >> 64)) & ~(SZ_2M - 1), r = (VMALLOC_END -"
                " KIMAGE_VADDR)/2"
            )
        boot.used.add("kaslr_seed")
        sizes = {
            "_stext": 64 * KIB,
            "_etext": 64 * KIB + boot.config("text_size"),
            "_end": boot.config("image_size"),
        }
        boot.image(text, sizes, formula, _KASLR if boot.drawn else f"{_MEMORY}: KIMAGE_VADDR")

    def _place_vmalloc_end(self, boot: Boot, va_bits: int, va_min: int, actual: int) -> int:
        """Define VMALLOC_END, which lies under the array of struct page."""
        variant = boot.variant
        if not boot.rules.arm64_vmemmap_at_end:
            shift = variant.page_size.bit_length() - 1 - (_STRUCT_PAGE.bit_length() - 1)
            start = boot.macro(
                "VMEMMAP_START",
                -(1 << (va_bits - shift)),
                "-(1 << (VA_BITS - VMEMMAP_SHIFT))",
                f"{_MEMORY}: VMEMMAP_START",
            )
            return boot.macro(
                "VMALLOC_END",
                start - 256 * MIB,
                "VMEMMAP_START - SZ_256M",
                f"{_PGTABLE}: VMALLOC_END",
            )
        span = (1 << va_bits) - (1 << (va_min - 1))
        vmemmap = boot.macro(
            "VMEMMAP_START",
            -GIB - span // variant.page_size * _STRUCT_PAGE,
            "-SZ_1G - (_PAGE_END(VA_BITS_MIN) - PAGE_OFFSET) / PAGE_SIZE * sizeof(struct page)",
            f"{_MEMORY}: VMEMMAP_START",
        )
        unused = (
            ((1 << va_bits) - (1 << actual)) // variant.page_size * _STRUCT_PAGE
            if va_bits > 48
            else 0
        )
        return boot.macro(
            "VMALLOC_END",
            vmemmap + unused - 8 * MIB,
            "VMEMMAP_START + VMEMMAP_UNUSED_NPAGES * sizeof(struct page) - SZ_8M",
            f"{_PGTABLE}: VMALLOC_END",
        )

    def _bounding_box(self, boot: Boot, name: str, size: int, start: int, end: int) -> int:
        """random_bounding_box().

        A window of `size` that contains [start, end), or 0 where it is too small.
        """
        if end - start >= size:
            return 0
        source = f"{_INIT}: random_bounding_box"
        pages = boot.draw(name, 0, (size - (end - start)) // boot.variant.page_size, source)
        return start - pages * boot.variant.page_size

    def _module_init_limits(self, boot: Boot) -> tuple[int, int]:
        """Return module_direct_base and module_plt_base; 0 where the image is too big."""
        source = f"{_INIT}: module_init_limits"
        start, end = boot.symbols["_text"], boot.symbols["_end"]
        full = boot.config("CONFIG_RANDOMIZE_MODULE_REGION_FULL")
        boot.used.update(("direct_pages", "plt_pages"))
        direct = plt = 0
        if not boot.drawn:
            size = end - start
            direct = end - 128 * MIB if size < 128 * MIB else 0
            plt = end - 2 * GIB if size < 2 * GIB else 0
            boot.macro(
                "module_direct_base",
                direct,
                "_end - SZ_128M if the image is smaller, else 0",
                source,
            )
            boot.macro(
                "module_plt_base", plt, "_end - SZ_2G if the image is smaller, else 0", source
            )
            return direct, plt
        low, high = start, end
        if full:
            boot.notes.append(
                "2G module region forced by RANDOMIZE_MODULE_REGION_FULL: no direct window, no"
                " fallback"
            )
        else:
            direct = self._bounding_box(boot, "direct_pages", 128 * MIB, start, end)
            if direct:
                low, high = direct, direct + 128 * MIB
        boot.macro(
            "module_direct_base",
            direct,
            "random_bounding_box(SZ_128M, _text, _end), 0 with MODULE_REGION_FULL",
            source,
        )
        plt = self._bounding_box(boot, "plt_pages", 2 * GIB, low, high)
        boot.macro(
            "module_plt_base",
            plt,
            "random_bounding_box(SZ_2G, the direct window or the image)",
            source,
        )
        return direct, plt

    def _module_alloc_base(self, boot: Boot) -> int:
        """Return where module_alloc() begins both searches; the seed moves it with KASLR."""
        symbols, page = boot.symbols, boot.variant.page_size
        boot.used.update(("module_seed", "CONFIG_ARM64_MODULE_PLTS"))
        full = boot.config("CONFIG_RANDOMIZE_MODULE_REGION_FULL")
        base = symbols["_etext"] - 128 * MIB
        formula = "_etext - MODULES_VSIZE"
        if boot.drawn:
            room = 128 * MIB - (symbols["_etext"] - symbols["_stext"])
            if full:
                base = max(symbols["_end"] - 2 * GIB, boot.macros["MODULES_VADDR"])
                room = 2 * GIB - (symbols["_end"] - symbols["_stext"])
            seed = boot.draw("module_seed", 0, _MODULE_SEED, _ELDER_KASLR)
            base = base + (room * seed >> 21) & -page
            formula = "base + (r * (seed & MASK(21)) >> 21), rounded down to a page"
        return boot.macro("module_alloc_base", base, formula, _ELDER_KASLR)

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/arm64/mm/init.c: execmem_arch_setup; before 6.5 module_alloc()."""
        start = end = fallback_start = fallback_end = 0
        how: tuple[str, ...] = ()
        direct, plt = self._module_init_limits(boot) if boot.rules.arm64_two_bases else (0, 0)
        if not boot.rules.arm64_two_bases:
            start = self._module_alloc_base(boot)
            end = start + 128 * MIB
            how = _window("module_alloc_base", "SZ_128M") + _window("module_alloc_base", "SZ_2G")
            if boot.config("CONFIG_ARM64_MODULE_PLTS", 1):
                fallback_start, fallback_end = start, start + 2 * GIB
        elif direct:
            start, end = direct, direct + 128 * MIB
            how = _window("module_direct_base", "SZ_128M") + _window("module_plt_base", "SZ_2G")
            if plt:
                fallback_start, fallback_end = plt, plt + 2 * GIB
        elif plt:
            start, end, how = plt, plt + 2 * GIB, _window("module_plt_base", "SZ_2G")
        return {
            ExecmemType.MODULE_TEXT: Given(
                start=start,
                end=end,
                pgprot="PAGE_KERNEL",
                alignment="1" if boot.rules.arm64_two_bases else "MODULE_ALIGN",
                fallback_start=fallback_start,
                fallback_end=fallback_end,
                how=how,
            ),
            ExecmemType.KPROBES: boot.between("VMALLOC_START", "VMALLOC_END", "PAGE_KERNEL_ROX"),
            ExecmemType.BPF: boot.between("VMALLOC_START", "VMALLOC_END", "PAGE_KERNEL"),
        }

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """FTRACE has no user: call ops need no trampolines."""
        packs = boot.rules.packs_beyond_x86
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.KPROBES: "alloc_insn_page + set_memory_rox",
            ExecmemType.BPF: "prog packs and trampolines" if packs else "an area for each program",
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def early_areas(self, boot: Boot) -> tuple[Area, ...]:
        """The image (arch/arm64/mm/mmu.c: declare_kernel_vmas), as far as symbols tell.

        Text and the rest, one guard page.
        """
        start, end = boot.symbols["_text"], boot.symbols["_end"]
        window = boot.macros["VMALLOC_START"], boot.macros["VMALLOC_END"]
        if not window[0] <= start < end < window[1]:
            boot.notes.append(
                "the image lies outside the vmalloc window: not registered as a vmap area"
            )
            return ()
        page = boot.variant.page_size
        middle = min(max(boot.symbols["_etext"], start + page), end - page) & -page
        return (
            Area(start=start, size=middle - start, owner=KERNEL_OWNER, detail="text"),
            Area(
                start=middle,
                size=end - middle,
                guard=page,
                owner=KERNEL_OWNER,
                detail="rodata, init and data",
            ),
        )

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """Branches, ADRP and 32-bit data words."""
        del variant
        return (
            Reach(
                name="±128M branch",
                instruction="B / BL",
                relocations=("R_AARCH64_JUMP26", "R_AARCH64_CALL26"),
                kind=ReachKind.RELATIVE,
                low=-0x8000000,
                high=0x7FFFFFC,
                call=True,
                note="26-bit word offset, +-128 MiB",
                source=(
                    "arch/arm64/kernel/module.c:apply_relocate_add;"
                    " arch/arm64/kernel/ftrace.c:reachable_by_bl"
                ),
            ),
            Reach(
                name="±2G PREL32",
                instruction="data word",
                relocations=("R_AARCH64_PREL32",),
                kind=ReachKind.RELATIVE,
                low=-0x80000000,
                high=0x7FFFFFFF,
                call=False,
                binding=True,
                note=(
                    "no veneer can help: this is what keeps modules in one 2 GiB window with the"
                    " kernel"
                ),
                source=(
                    "arch/arm64/kernel/module.c:apply_relocate_add;"
                    " arch/arm64/mm/init.c:module_init_limits"
                ),
            ),
            Reach(
                name="±4G ADRP",
                instruction="ADRP",
                relocations=("R_AARCH64_ADR_PREL_PG_HI21",),
                kind=ReachKind.RELATIVE,
                low=-0x100000000,
                high=0xFFFFF000,
                call=False,
                note="page offset, +-4 GiB",
                source="arch/arm64/kernel/module.c:reloc_insn_adrp",
            ),
        )

    def plt(self, variant: Variant) -> Plt | None:
        """ADRP, ADD, BR x16."""
        del variant
        return Plt(
            word="PLT entry",
            entry_bytes=12,
            extra_bytes=0,
            extends_to="ADRP/ADD/BR x16: +-4 GiB of the entry (the 2 GiB window keeps it in range)",
            low=-0x100000000,
            high=0xFFFFF000,
            cost=(
                "3 extra instructions per out-of-range call, clobbers x16; one entry per distinct"
                " target, in .plt / .init.plt of the module text; one more entry each in the core"
                " and init ftrace trampoline sections"
            ),
            source=(
                "arch/arm64/kernel/module-plts.c:get_plt_entry,count_plts;"
                " arch/arm64/include/asm/module.h:struct plt_entry"
            ),
        )

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """Packs and their trampolines; set_memory_rox() is ro and then x (linux/set_memory.h)."""
        del variant
        packs = rules.packs_beyond_x86
        return Capability(
            kprobe_slot=KprobeSlot(simulates=True),
            insn_page_override=True,
            rox_calls=2,
            bpf_alloc=JitMemory.PACK if packs else JitMemory.BINARY,
            bpf_trampoline=JitMemory.PACK if packs else JitMemory.PAGE,
            bpf_tail=8,  # the target of a PLT entry (arch/arm64/net/bpf_jit_comp.c)
            bpf_at_boot=34 if packs else 0,  # measured, 7.2.13
            ftrace=FtraceMemory.CALL_OPS,
            direct_window=128 * MIB,
            source=(
                "arch/arm64/kernel/probes/kprobes.c:alloc_insn_page; "
                "arch/arm64/net/bpf_jit_comp.c:bpf_int_jit_compile,arch_alloc_bpf_trampoline; "
                "arch/arm64/Kconfig:ARCH_WANTS_EXECMEM_LATE"
            ),
        )

    def bpf_jit_alloc_exec_limit(self, boot: Boot) -> Bytes:
        """The vmalloc window (arch/arm64/net/bpf_jit_comp.c)."""
        return boot.macros["VMALLOC_END"] - boot.macros["VMALLOC_START"]

    def needed_symbols(self, variant: Variant) -> tuple[str, ...]:
        """Both ends of the image."""
        del variant
        return ("_text", "_end")

    def inputs(self, facts: "Facts") -> Mapping[str, int]:
        """_stext lies behind the head of the image: it does not stand for _text."""
        return {name: value for name, value in facts.image.items() if name != "_start"}

    def requested(self, entry: ExecmemRange, windows: Sequence[Pair]) -> ExecmemRange:
        """KASLR may have drawn two windows.

        With RANDOMIZE_MODULE_REGION_FULL there is one of 2 GiB.
        """
        fallback = (entry.fallback_start, entry.fallback_end)
        if len(windows) > 1:
            fallback = windows[-1]
        elif windows[0][1] - windows[0][0] == 2 * GIB:
            fallback = (0, 0)
        return with_windows(entry, windows[0], fallback)

    def estimate_draws(self, layout: Layout, facts: "Facts") -> Layout:
        """One window of 2 GiB around the image, or 128 MiB within 2 GiB."""
        from execmem_tui.arch.arm64_draws import estimate_draws  # a simulation knows its draws

        return estimate_draws(layout, facts)


ARCH = Arm64()


def _window(base: str, size: str) -> tuple[str, str]:
    """Return the two ends of a window in words."""
    return base, f"{base} + {size}"

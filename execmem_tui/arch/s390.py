"""s390: modules in the 2 GiB below the image, vmalloc below them."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from attrs import evolve

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import GIB, KIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.arch.estimates import Pair, is_as_measured, offset_by_pages, with_module_range
from execmem_tui.model.capability import Capability, FtraceMemory, KprobeSlot
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import EXECMEM_KASAN_SHADOW, ExecmemType, Provenance
from execmem_tui.model.reach import Plt, Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules
from execmem_tui.model.units import Address, Bytes

_STARTUP: Final = "arch/s390/boot/startup.c: setup_kernel_memory_layout"
_INIT: Final = "arch/s390/mm/init.c: execmem_arch_setup"
_THREAD_SIZE: Final = 16 * KIB
_TEXT_AT_REST: Final = 0x3FFE0000000 + MIB
"""CONFIG_KERNEL_IMAGE_BASE and TEXT_OFFSET (arch/s390/boot/startup.c)."""


class S390(Architecture):
    """arch/s390."""

    name = "s390"
    aliases: ClassVar[Mapping[str, str | None]] = {"s390x": None}
    machines: ClassVar[Mapping[str, str]] = {"s390x": "s390x"}
    default_variant = "s390x"
    boot_source = "arch/s390/mm/init.c"
    overrides = Overrides(
        module_alloc="arch/s390/kernel/module.c: the module area, PAGE_KERNEL_EXEC",
        setup="arch/s390/mm/init.c",
        insn_page="arch/s390/kernel/kprobes.c",
    )
    banners = ((r"\bs390x-[\w.-]*(?:gcc|clang|linux)|[-.]s390x\b", "s390x"),)
    log_marks = (("Krnl PSW : ", r"\bKrnl PSW : "), ("Krnl GPRS: ", r"\bKrnl GPRS: "))
    variants = (
        Variant(
            name="s390x",
            pmd_size=MIB,
            config={
                "CONFIG_KERNEL_IMAGE_BASE": 0x3FFE0000000,
                "ram": 16 * GIB,
                "vmax": 1 << 42,
                "image_size": 48 * MIB,
                "text_size": 16 * MIB,
            },
            draws=True,
            example={"pos": 0x2345678, "offset_pages": 700},
            modes=("off", "on-example"),
        ),
    )

    def named_by_addresses(
        self, addresses: Sequence[Address], code: Sequence[Address]
    ) -> str | None:
        """Modules lie at the top of 41 or 42 bits of address space."""
        del addresses
        return "s390x" if code and all(each >> 36 == 0x3F for each in code) else None

    def place(self, boot: Boot) -> None:
        """Everything is counted down from the image."""
        offset = boot.macro(
            "TEXT_OFFSET", 0x100000, "0x100000", "arch/s390/include/asm/page.h: TEXT_OFFSET"
        )
        size = boot.config("image_size")
        wanted = boot.macro(
            "VMALLOC_DEFAULT_SIZE",
            510 * GIB,
            "512G - MODULES_LEN",
            "arch/s390/include/asm/pgtable.h",
        )
        area = max(wanted, boot.config("ram") // 8)
        start = boot.config("CONFIG_KERNEL_IMAGE_BASE")
        formula = "CONFIG_KERNEL_IMAGE_BASE"
        if "_text" in boot.overrides:
            start, formula = boot.overrides["_text"] - offset, "_text - TEXT_OFFSET"
        elif boot.drawn and "kernel_start" not in boot.overrides:
            start = self._draw_start(boot, size + offset, area)
            formula = "round_down(vmax - pos * THREAD_SIZE - kernel_size, THREAD_SIZE)"
        boot.used.update(("pos", "offset_pages", "vmax"))
        start = boot.symbol("kernel_start", start, formula, _STARTUP)
        text = boot.symbol("_text", start + offset, "kernel_start + TEXT_OFFSET")
        boot.symbol("_stext", text, "_text")
        boot.symbol("_etext", text + boot.config("text_size"), "_text + text")
        boot.symbol("_end", text + size, "_text + image size")
        length = boot.macro(
            "MODULES_LEN", 2 * GIB, "2 GiB", "arch/s390/include/asm/pgtable.h: MODULES_LEN"
        )
        end = boot.macro(
            "MODULES_END", start & -MIB, "round_down(kernel_start, _SEGMENT_SIZE)", _STARTUP
        )
        low = boot.macro("MODULES_VADDR", end - length, "MODULES_END - MODULES_LEN", _STARTUP)
        boot.macro("VMALLOC_END", low, "MODULES_VADDR", _STARTUP)
        area = min(area, low // 2 & -(1 << 31))
        boot.macro(
            "VMALLOC_START",
            low - area,
            "VMALLOC_END - max(510G, RAM / 8), at most half of what is below",
            _STARTUP,
        )

    def _draw_start(self, boot: Boot, size: int, vmalloc: int) -> int:
        """The image's slot, in stacks of 16 KiB down from the end of the address space."""
        vmax, ram = boot.config("vmax"), boot.config("ram")
        below = (ram + ram // 64 + vmalloc + 4 * GIB + 2 * GIB - 1) & -(2 * GIB)
        slots = -(-(max(2 * GIB, vmax - below) - size) // _THREAD_SIZE)
        pos = boot.draw("pos", 0, slots - 1, _STARTUP)
        return (vmax - pos * _THREAD_SIZE - size) & -_THREAD_SIZE

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/s390/mm/init.c: execmem_arch_setup."""
        start, how = boot.macros["MODULES_VADDR"], "MODULES_VADDR"
        if not boot.rules.s390_below_image:
            boot.notes.append(
                "before 6.10 the image lies elsewhere: where the window begins is that of 6.12"
            )
        if boot.drawn and boot.rules.s390_draws:
            start += boot.draw("offset_pages", 1, 1024, _INIT) * boot.variant.page_size
            how += " + offset_pages * PAGE_SIZE"
        return {
            ExecmemType.MODULE_TEXT: Given(
                start=start,
                end=boot.macros["MODULES_END"],
                pgprot=boot.rules.s390_module_pgprot,
                alignment="MODULE_ALIGN",
                flags=(EXECMEM_KASAN_SHADOW,),
                how=(how, "MODULES_END"),
            )
        }

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """All five have users; ftrace pages go with each module."""
        del boot
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.KPROBES: "alloc_insn_page + set_memory_rox",
            ExecmemType.FTRACE: (
                "hotpatch trampolines (24 bytes per patchable function, page rounded), one"
                " allocation per loaded module that has the ftrace call-site section; allocated in"
                " module_finalize() even where cpu_has_seq_insn() leaves them unused"
            ),
            ExecmemType.BPF: "bpf_jit_binary_alloc; trampolines one page each",
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """BRASL and LARL in halfwords, and 32-bit words."""
        del variant
        return (
            Reach(
                name="±4G branch",
                instruction="BRASL / LARL",
                relocations=("R_390_PLT32DBL", "R_390_PC32DBL"),
                kind=ReachKind.RELATIVE,
                low=-0x100000000,
                high=0xFFFFFFFE,
                call=True,
                note="+-4 GiB in halfwords; the loader tests +-(4G-1)",
                source="arch/s390/kernel/module.c:apply_rela",
            ),
            Reach(
                name="±2G PC32",
                instruction="data word",
                relocations=("R_390_PC32",),
                kind=ReachKind.RELATIVE,
                low=-0x80000000,
                high=0x7FFFFFFF,
                call=False,
                note="+-2 GiB, checked by apply_rela_bits",
                source="arch/s390/kernel/module.c:apply_rela",
            ),
        )

    def plt(self, variant: Variant) -> Plt | None:
        """BASR, LG, BR: anywhere."""
        del variant
        return Plt(
            word="PLT entry",
            entry_bytes=22,
            extra_bytes=0,
            extends_to="BASR/LG/BR (or an expoline jump): full 64 bits",
            low=None,
            high=None,
            cost=(
                "one load per call; used only if a target is beyond +-4 GiB, which the layout"
                " avoids"
            ),
            source="arch/s390/kernel/module.c:PLT_ENTRY_SIZE,apply_rela",
        )

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """A hotpatch area comes with each module."""
        del variant, rules
        return Capability(
            kprobe_slot=KprobeSlot(insn_size=6, on_ftrace=True),
            insn_page_override=True,
            bpf_alloc=JitMemory.BINARY,
            bpf_trampoline=JitMemory.PAGE,
            ftrace=FtraceMemory.HOTPATCH,
            source=(
                "arch/s390/kernel/kprobes.c:alloc_insn_page; "
                "arch/s390/kernel/module.c:module_alloc_ftrace_hotpatch_trampolines; "
                "arch/s390/net/bpf_jit_comp.c; kernel/bpf/trampoline.c:arch_alloc_bpf_trampoline"
            ),
        )

    def needed_symbols(self, variant: Variant) -> tuple[str, ...]:
        """Everything is counted down from the image."""
        del variant
        return ("_text",)

    def measured_vmalloc(self, layout: Layout, facts: Facts, total: Bytes) -> Pair:
        """VMALLOC_END lies right below the modules, VMALLOC_START follows memory."""
        if is_as_measured(layout, facts, total):
            return layout.vmalloc_start, layout.vmalloc_end
        return layout.vmalloc_end - total, layout.vmalloc_end

    def estimate_draws(self, layout: Layout, facts: Facts) -> Layout:
        """Modules are the 2 GiB above vmalloc, which the percpu chunks end.

        Before 6.10 no symbol tells where that is.
        """
        known = "_text" in layout.symbols or "_stext" in layout.symbols
        if facts.percpu_end is not None and (not facts.rules.s390_below_image or not known):
            start = facts.percpu_end
            entry = evolve(
                layout.range_of(ExecmemType.MODULE_TEXT),
                start=start,
                end=start + 2 * GIB,
                provenance=Provenance.ASSUMED,
            )
            total = facts.vmalloc_total or layout.vmalloc_end - layout.vmalloc_start
            layout = with_module_range(
                layout, entry, "modules: the 2 GiB above the percpu chunks, which end vmalloc"
            )
            layout = evolve(
                layout, vmalloc_start=max(0, start - total), vmalloc_end=start, modules_vaddr=start
            )
        return offset_by_pages(layout, facts, _TEXT_AT_REST)


ARCH = S390()

"""riscv.

Modules in the 2 GiB below the image, BPF at the top of the same area, kprobes in vmalloc.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from attrs import evolve

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import GIB, MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.arch.estimates import (
    Pair,
    areas_in,
    is_as_measured,
    named,
    window_under_percpu,
    with_module_range,
)
from execmem_tui.model.capability import Capability, FtraceMemory, KprobeSlot
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Provenance
from execmem_tui.model.reach import Plt, Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules
from execmem_tui.model.units import Address, Bytes

_PGTABLE: Final = "arch/riscv/include/asm/pgtable.h"
_PAGE: Final = "arch/riscv/include/asm/page.h"
_SETUP: Final = "arch/riscv/mm/init.c: setup_vm"
_BPF_JIT_REGION: Final = 128 * MIB


class RiscV(Architecture):
    """arch/riscv."""

    name = "riscv"
    aliases: ClassVar[Mapping[str, str | None]] = {"riscv64": None, "riscv32": "rv32"}
    machines: ClassVar[Mapping[str, str]] = {"riscv64": "riscv64"}
    default_variant = "rv64-sv48"
    boot_source = "arch/riscv/mm/init.c"
    overrides = Overrides(
        module_alloc="arch/riscv/kernel/module.c: 2G below _end",
        insn_page_window=(
            "arch/riscv/kernel/probes/kprobes.c: the vmalloc area, PAGE_KERNEL_READ_EXEC"
        ),
        bpf_jit_alloc_exec="arch/riscv/net/bpf_jit_core.c: the 128M below the image",
        setup="arch/riscv/mm/init.c",
    )
    banners = ((r"\briscv64-[\w.-]*(?:gcc|clang|linux)|[-.]riscv64\b", "riscv64"),)
    log_marks = (
        ("epc : ", r"\bepc : \w+\+0x"),
        (" badaddr: ", r"\bstatus: [0-9a-f]{16} badaddr: "),
    )
    refusal = "32-bit offset"
    refused_reach = "R_RISCV_CALL"
    relocations: ClassVar[Mapping[int, str]] = {
        17: "R_RISCV_JAL",
        18: "R_RISCV_CALL",
        19: "R_RISCV_CALL_PLT",
        57: "R_RISCV_32_PCREL",
    }
    variants = (
        *(
            Variant(
                name=f"rv64-{mode}",
                config={
                    "PAGE_OFFSET": offset,
                    "KERN_VIRT_SIZE": size,
                    "image_size": 48 * MIB,
                    "text_size": 16 * MIB,
                },
                draws=True,
                example={"position": 100},
                modes=("off", "on-example") if mode == "sv48" else ("off",),
            )
            for mode, offset, size in (
                ("sv39", 0xFFFFFFD600000000, 1 << 37),
                ("sv48", 0xFFFFAF8000000000, 1 << 46),
                ("sv57", 0xFF60000000000000, 1 << 55),
            )
        ),
        Variant(
            name="rv32",
            word_bits=32,
            pmd_size=4 * MIB,
            config={
                "PAGE_OFFSET": 0xC0000000,
                "KERN_VIRT_SIZE": GIB,
                "image_size": 16 * MIB,
                "text_size": 8 * MIB,
            },
            modes=("n/a",),
            notes=(
                (
                    "PMD is folded: PMD_SIZE = PGDIR_SIZE = 4 MiB; modules share the whole vmalloc"
                    " area with everything else"
                ),
            ),
        ),
    )

    def named_by_addresses(
        self, addresses: Sequence[Address], code: Sequence[Address]
    ) -> str | None:
        """Modules lie in the 2G below the image, which is linked at the top 2G."""
        del code
        high = max(addresses)
        if min(addresses) >> 56 != 0xFF:
            return None
        return "riscv64" if high >> 32 == 0xFFFF_FFFF and not high & 0x8000_0000 else None

    def place(self, boot: Boot) -> None:
        """Vmalloc below PAGE_OFFSET.

        The image at KERNEL_LINK_ADDR plus virt_offset, modules below it.
        """
        wide = boot.variant.word_bits == 64
        offset = boot.config("PAGE_OFFSET")
        half = boot.config("KERN_VIRT_SIZE") >> 1
        start = boot.macro(
            "VMALLOC_START",
            offset - half,
            "PAGE_OFFSET - VMALLOC_SIZE",
            f"{_PGTABLE}: VMALLOC_START",
        )
        end = boot.macro("VMALLOC_END", offset, "PAGE_OFFSET", f"{_PGTABLE}: VMALLOC_END")
        link = boot.macro(
            "KERNEL_LINK_ADDR",
            0xFFFFFFFF80000000 if wide else offset,
            "ADDRESS_SPACE_END - SZ_2G + 1 (64-bit), PAGE_OFFSET (32-bit)",
            f"{_PAGE}: KERNEL_LINK_ADDR",
        )
        self._image(boot, link)
        if not wide:
            boot.macro("MODULES_VADDR", start, "VMALLOC_START", f"{_PGTABLE}: MODULES_VADDR")
            boot.macro("MODULES_END", end, "VMALLOC_END", f"{_PGTABLE}: MODULES_END")
            boot.macro(
                "BPF_JIT_REGION_START",
                offset - _BPF_JIT_REGION,
                "PAGE_OFFSET - BPF_JIT_REGION_SIZE",
                _PGTABLE,
            )
            boot.macro("BPF_JIT_REGION_END", end, "VMALLOC_END", _PGTABLE)
            return
        page = boot.variant.page_size
        last = (boot.symbols["_end"] + page - 1) & -page
        first = (boot.symbols["_start"] + page - 1) & -page
        boot.macro(
            "MODULES_VADDR",
            last - 2 * GIB,
            "PFN_ALIGN(&_end) - SZ_2G",
            f"{_PGTABLE}: MODULES_VADDR",
        )
        top = boot.macro("MODULES_END", first, "PFN_ALIGN(&_start)", f"{_PGTABLE}: MODULES_END")
        boot.macro(
            "BPF_JIT_REGION_START", top - _BPF_JIT_REGION, "BPF_JIT_REGION_END - SZ_128M", _PGTABLE
        )
        boot.macro("BPF_JIT_REGION_END", top, "MODULES_END", _PGTABLE)

    def _image(self, boot: Boot, link: int) -> None:
        """KASLR moves the image by PMD steps inside one PUD."""
        size = boot.config("image_size")
        moved = 0
        if boot.drawn and not {"_start", "_text"} & boot.overrides.keys():
            positions = (GIB - size) // boot.variant.pmd_size
            moved = boot.draw("position", 0, positions - 1, _SETUP) * boot.variant.pmd_size
        boot.used.add("position")
        base = boot.overrides["_text"] - 0x2000 if "_text" in boot.overrides else link + moved
        base = boot.symbol("_start", base, "KERNEL_LINK_ADDR + virt_offset", _SETUP)
        text = boot.symbol("_text", base + 0x2000, "_start + 0x2000")
        boot.symbol("_stext", text, "_text")
        boot.symbol("_etext", text + boot.config("text_size"), "_text + text")
        boot.symbol("_end", base + size, "_start + image size")

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/riscv/mm/init.c: execmem_arch_setup."""
        strict = boot.config("CONFIG_STRICT_MODULE_RWX", 1)
        writable = boot.rules.riscv_kprobes_strict and not strict
        kprobes = "PAGE_KERNEL_EXEC" if writable else "PAGE_KERNEL_READ_EXEC"
        return {
            ExecmemType.MODULE_TEXT: boot.between("MODULES_VADDR", "MODULES_END", "PAGE_KERNEL"),
            ExecmemType.KPROBES: boot.between("VMALLOC_START", "VMALLOC_END", kprobes),
            ExecmemType.BPF: boot.between(
                "BPF_JIT_REGION_START", "BPF_JIT_REGION_END", "PAGE_KERNEL", "PAGE_SIZE"
            ),
        }

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """FTRACE has no user: call ops need no trampolines."""
        packs = boot.rules.packs_beyond_x86
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.KPROBES: "insn slots",
            ExecmemType.BPF: "prog packs and trampolines" if packs else "an area for each program",
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """AUIPC with JALR for calls; JAL and 32-bit words beside it."""
        del variant
        return (
            Reach(
                name="±2G call",
                instruction="AUIPC + JALR",
                relocations=("R_RISCV_CALL_PLT", "R_RISCV_CALL"),
                kind=ReachKind.RELATIVE,
                low=-0x80000800,
                high=0x7FFFF7FF,
                call=True,
                note="+-2 GiB less the 0x800 rounding, as tested by riscv_insn_valid_32bit_offset",
                source="arch/riscv/kernel/module.c:riscv_insn_valid_32bit_offset",
            ),
            Reach(
                name="±1M jump",
                instruction="JAL",
                relocations=("R_RISCV_JAL",),
                kind=ReachKind.RELATIVE,
                low=-0x100000,
                high=0xFFFFE,
                call=False,
                note="+-1 MiB; the module loader does not range-check it",
                source="arch/riscv/kernel/module.c:apply_r_riscv_jal_rela",
            ),
            Reach(
                name="±2G word",
                instruction="data word",
                relocations=("R_RISCV_32_PCREL",),
                kind=ReachKind.RELATIVE,
                low=-0x80000000,
                high=0x7FFFFFFF,
                call=False,
                note="stored without a range check",
                source="arch/riscv/kernel/module.c:apply_r_riscv_32_pcrel_rela",
            ),
        )

    def plt(self, variant: Variant) -> Plt | None:
        """AUIPC, LD, JR through the GOT."""
        del variant
        return Plt(
            word="PLT entry",
            entry_bytes=12,
            extra_bytes=8,
            extends_to="AUIPC/LD/JR through .got.plt: full 64 bits",
            low=None,
            high=None,
            cost=(
                "one load per call; needs MODULE_SECTIONS; unused while modules stay within 2 GiB"
                " of the kernel"
            ),
            source=(
                "arch/riscv/include/asm/module.h:struct plt_entry;"
                " arch/riscv/kernel/module-sections.c"
            ),
        )

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """A slot is never given back: arch_remove_kprobe() is empty."""
        del variant
        trampolines = JitMemory.PACK if rules.packs_beyond_x86 else JitMemory.PAGE
        return Capability(
            kprobe_slot=KprobeSlot(simulates=True, given_back=False),
            bpf_alloc=JitMemory.PACK if rules.packs_beyond_x86 else JitMemory.BINARY,
            bpf_trampoline=trampolines if rules.riscv_bpf_trampolines else JitMemory.NONE,
            ftrace=FtraceMemory.CALL_OPS if rules.riscv_call_ops else FtraceMemory.SHARED_CALLER,
            source=(
                "arch/riscv/net/bpf_jit_core.c;"
                " arch/riscv/net/bpf_jit_comp64.c:arch_alloc_bpf_trampoline;"
                " arch/riscv/kernel/probes/kprobes.c"
            ),
        )

    def bpf_jit_alloc_exec_limit(self, boot: Boot) -> Bytes:
        """BPF_JIT_REGION_SIZE (arch/riscv/net/bpf_jit_core.c)."""
        del boot
        return _BPF_JIT_REGION

    def needed_symbols(self, variant: Variant) -> tuple[str, ...]:
        """Modules lie between the two ends of the image and 2 GiB below."""
        del variant
        return ("_start", "_end")

    def inputs(self, facts: Facts) -> Mapping[str, int]:
        """_start is the base; _stext is not _text."""
        return facts.image

    def is_told(self, layout: Layout, facts: Facts) -> bool:
        """The image in /proc/iomem tells its end to a page or so: only a module there proves it."""
        start = layout.range_of(ExecmemType.MODULE_TEXT).start
        return not facts.image_from_iomem or start in facts.executable

    def measured_vmalloc(self, layout: Layout, facts: Facts, total: Bytes) -> Pair:
        """The window ends where the percpu chunks do, else at PAGE_OFFSET."""
        if is_as_measured(layout, facts, total):
            return layout.vmalloc_start, layout.vmalloc_end
        under = window_under_percpu(facts, total)
        return under or (layout.vmalloc_end - total, layout.vmalloc_end)

    def estimate_draws(self, layout: Layout, facts: Facts) -> Layout:
        """Modules end where the image begins.

        Without `_end` where they begin is told by the lowest of them.
        """
        start, text = (
            facts.symbols.get("_start"),
            facts.symbols.get("_text", facts.symbols.get("_stext")),
        )
        if layout.word_bits == 32 or (start is not None and "_end" in facts.symbols):
            moved = start is not None and start != layout.macros["KERNEL_LINK_ADDR"]
            return named(layout, "n/a" if layout.word_bits == 32 else "unknown" if moved else "off")
        end = start if start is not None else layout.macros["KERNEL_LINK_ADDR"]
        if start is None and text is not None:
            end = text & -layout.pmd_size
        inside = areas_in(facts, max(0, end - 2 * GIB), end, "module")
        if not inside:
            return named(layout, "unknown")
        bpf = (layout.macros["BPF_JIT_REGION_START"], layout.macros["BPF_JIT_REGION_END"])
        entry = evolve(
            layout.range_of(ExecmemType.MODULE_TEXT),
            start=inside[0],
            end=end,
            provenance=Provenance.ASSUMED,
        )
        note = (
            "_end is not known: modules begin 2 GiB below it; the lowest area of a module is shown"
        )
        types = {
            kind: (
                evolve(old, start=end - 128 * MIB, end=end, provenance=Provenance.ASSUMED)
                if (old.start, old.end) == bpf
                else old
            )
            for kind, old in layout.types.items()
        }
        return named(with_module_range(evolve(layout, types=types), entry, note), "unknown")

    def windows_known(self, variant: Variant, rules: Rules) -> bool:
        """32-bit was not read before execmem."""
        return rules.execmem or variant.word_bits == 64


ARCH = RiscV()

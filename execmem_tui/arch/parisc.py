"""parisc: everything in the vmalloc area at the bottom of kernel space."""

from collections.abc import Mapping
from typing import ClassVar, Final

from execmem_tui.arch.base import PLAIN_USERS, Architecture
from execmem_tui.arch.boot import MIB, Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.model.capability import Capability, KprobeSlot
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Plt, Reach, ReachKind
from execmem_tui.model.rules import JitMemory, Rules

_FIXMAP: Final = "arch/parisc/include/asm/fixmap.h"
_STUB32: Final = Plt(
    word="stub",
    entry_bytes=8,
    extra_bytes=0,
    extends_to="LDIL/BE: whole 32-bit space",
    low=None,
    high=None,
    cost="a stub per call site, placed in front of each section",
    source="arch/parisc/kernel/module.c:get_stub,arch_mod_section_prepend",
)
_STUB64: Final = Plt(
    word="stub",
    entry_bytes=16,
    extra_bytes=0,
    extends_to="LDD/LDD/BVE/LDD through the module GOT",
    low=None,
    high=None,
    cost="a stub per call site; GOT limited to MAX_GOTS = 4095",
    source="arch/parisc/kernel/module.c:get_stub",
)


class Parisc(Architecture):
    """arch/parisc."""

    name = "parisc"
    aliases: ClassVar[Mapping[str, str | None]] = {"hppa": "parisc32", "hppa64": "parisc64"}
    machines: ClassVar[Mapping[str, str]] = {"parisc64": "hppa64", "parisc": "hppa"}
    default_variant = "parisc64"
    constant_windows = True
    boot_source = "arch/parisc/mm/init.c"
    overrides = Overrides(
        module_alloc="arch/parisc/kernel/module.c: the vmalloc area, PAGE_KERNEL_RWX",
        setup="arch/parisc/mm/init.c",
    )
    banners = (
        (r"\bhppa64-|[-.]parisc64\b", "hppa64"),
        (r"\bhppa[\d.]*-[\w.-]*(?:gcc|linux)|[-.]parisc\b", "hppa"),
    )
    log_marks = (("IASQ: ", r"\bIASQ: [0-9a-f]"), ("IAOQ: ", r"\bIAOQ: "))
    variants = tuple(
        Variant(
            name=name,
            word_bits=bits,
            pmd_size=pmd,
            config={"__PAGE_OFFSET": offset, "pcxl": 0},
            modes=("n/a",),
        )
        for name, bits, pmd, offset in (
            ("parisc32", 32, 4 * MIB, 0x10000000),
            ("parisc64", 64, 2 * MIB, 0x40000000),
        )
    )

    def place(self, boot: Boot) -> None:
        """Vmalloc from 0x8000 up to the fixmap, which lies below the tmpalias area."""
        page = boot.variant.page_size
        offset = boot.macro(
            "__PAGE_OFFSET",
            boot.config("__PAGE_OFFSET"),
            "__PAGE_OFFSET_DEFAULT",
            "arch/parisc/include/asm/page.h",
        )
        text = boot.macro(
            "KERNEL_BINARY_TEXT_START",
            offset + 0x100000,
            "__PAGE_OFFSET + 0x100000",
            "arch/parisc/include/asm/page.h",
        )
        fixmap = boot.macro(
            "FIXMAP_START",
            offset - 8 * MIB - 2 * page,
            "TMPALIAS_MAP_START - FIXMAP_SIZE",
            f"{_FIXMAP}: FIXMAP_START",
        )
        start = 0x810000 if boot.config("pcxl") else 0x8000
        boot.macro(
            "VMALLOC_START",
            start,
            "SET_MAP_OFFSET(MAP_START), 8 MiB later on PCX-L",
            f"{_FIXMAP}: VMALLOC_START",
        )
        boot.macro("VMALLOC_END", fixmap, "FIXMAP_START", f"{_FIXMAP}: VMALLOC_END")
        sizes = {"_stext": 0, "_etext": 0x800000, "_end": 0xF00000}
        boot.image(
            text + 0x100000, sizes, "after the init sections", "arch/parisc/kernel/vmlinux.lds.S"
        )

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """arch/parisc/mm/init.c: execmem_arch_setup."""
        given = boot.between("VMALLOC_START", "VMALLOC_END", "PAGE_KERNEL_RWX")
        return {ExecmemType.MODULE_TEXT: given}

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """FTRACE has no user."""
        del boot
        return PLAIN_USERS

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """Branches of PA 2.0 and 1.x."""
        del variant
        return (
            Reach(
                name="±8M branch",
                instruction="B,L 22-bit (PA2.0)",
                relocations=("R_PARISC_PCREL22F",),
                kind=ReachKind.RELATIVE,
                low=-0x800000,
                high=0x7FFFFC,
                call=True,
                note="+-8 MiB; on 64-bit every call out of the module takes a GOT stub",
                source="arch/parisc/kernel/module.c:apply_relocate_add",
            ),
            Reach(
                name="±256K branch",
                instruction="B,L 17-bit (PA1.x)",
                relocations=("R_PARISC_PCREL17F",),
                kind=ReachKind.RELATIVE,
                low=-0x40000,
                high=0x3FFFC,
                call=True,
                note="+-256 KiB; else a stub in front of the section",
                source="arch/parisc/kernel/module.c:apply_relocate_add",
            ),
        )

    def plt(self, variant: Variant) -> Plt | None:
        """A stub per call site."""
        return _STUB64 if variant.word_bits == 64 else _STUB32

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """The same in all kernels."""
        del variant, rules
        return Capability(
            kprobe_slot=KprobeSlot(on_ftrace=True),
            bpf_alloc=JitMemory.BINARY,
            source="arch/parisc/net/bpf_jit_core.c; arch/parisc/kernel/kprobes.c",
        )

    def windows_known(self, variant: Variant, rules: Rules) -> bool:
        """module_alloc() of kernels before execmem was not read."""
        del variant
        return rules.execmem


ARCH = Parisc()

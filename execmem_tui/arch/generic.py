"""Architectures without a hook of their own: the whole vmalloc window for everything."""

from collections.abc import Mapping
from typing import ClassVar, Final

from execmem_tui.arch.base import DATA_USER, TEXT_USER, Architecture
from execmem_tui.arch.boot import GIB, KIB, MIB, Boot, Given, Variant
from execmem_tui.model.capability import Capability, KprobeSlot
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Reach
from execmem_tui.model.rules import JitMemory, Rules

_WEAK: Final = "mm/execmem.c: __execmem_init (the weak execmem_arch_setup returns NULL)"


def _variant(
    name: str,
    bits: int,
    page: int,
    pmd: int,
    window: tuple[int, int],
    image: tuple[int, int, int],
    how: tuple[str, str],
    kernels: tuple[str, ...] = ("6.12.107", "7.1.8"),
) -> Variant:
    """`window` is VMALLOC_START and VMALLOC_END.

    `image` is its base, text and size, `how` are the formulas of the window.
    """
    _FORMULAS[name] = how
    return Variant(
        name=name,
        word_bits=bits,
        page_size=page,
        pmd_size=pmd,
        config={
            "vmalloc_start": window[0],
            "vmalloc_end": window[1],
            "image_base": image[0],
            "text_size": image[1],
            "image_size": image[2],
        },
        modes=("n/a",),
        kernels=kernels,
    )


_FORMULAS: Final[dict[str, tuple[str, str]]] = {}
_FIXADDR_MIPS32: Final = 0xFFFE0000 - 17 * 4 * KIB
_XKSEG: Final = 0xC000000000000000
_IMAGE: Final = (8 * MIB, 16 * MIB)
_SMALL: Final = (4 * MIB, 8 * MIB)
_BELOW_FIXMAP: Final = "FIXADDR_START - 2 * PAGE_SIZE"


class Generic(Architecture):
    """arch/generic."""

    name = "generic"
    aliases: ClassVar[Mapping[str, str | None]] = {
        "alpha": "alpha",
        "csky": "csky",
        "openrisc": "openrisc",
        "or1k": "openrisc",
        "loongarch32": "loongarch32",
    }
    default_variant = "alpha"
    constant_windows = True
    boot_source = "mm/execmem.c"
    variants = (
        _variant(
            "mips32-malta-4k",
            32,
            4 * KIB,
            4 * MIB,
            (0xC0000000, _FIXADDR_MIPS32 - 8 * KIB),
            (0x80100000, *_IMAGE),
            ("MAP_BASE", _BELOW_FIXMAP),
        ),
        _variant(
            "mips64-nosym32-4k",
            64,
            4 * KIB,
            2 * MIB,
            (_XKSEG + 8 * KIB, _XKSEG + (1 << 40) - (1 << 32)),
            (0xA800000000100000, *_IMAGE),
            ("MAP_BASE + 2 * PAGE_SIZE", "MAP_BASE + what the page tables map - (1 << 32)"),
        ),
        _variant(
            "alpha",
            64,
            8 * KIB,
            8 * MIB,
            (0xFFFFFFFC00000000, 0xFFFFFFFE00000000),
            (0xFFFFFC0001010000, *_IMAGE),
            ("0xfffffffc00000000", "-PGDIR_SIZE"),
        ),
        _variant(
            "openrisc",
            32,
            8 * KIB,
            16 * MIB,
            (0xC0000000 - 64 * MIB, 0xC0000000),
            (0xC0000000, *_SMALL),
            ("PAGE_OFFSET - 0x04000000UL", "PAGE_OFFSET"),
        ),
        _variant(
            "csky",
            32,
            4 * KIB,
            4 * MIB,
            (0x80000000 + GIB + 8 * 4 * KIB, 0xFF800000 - 8 * KIB),
            (0x80001000, *_SMALL),
            ("PAGE_OFFSET + LOWMEM_LIMIT + PAGE_SIZE * 8", _BELOW_FIXMAP),
        ),
        _variant(
            "loongarch32",
            32,
            16 * KIB,
            64 * MIB,
            (0xC0000000 + 32 * MIB + 32 * KIB, 0xFFFE0000 - 32 * KIB),
            (0xA0200000, *_SMALL),
            ("vm_map_base + PCI_IOSIZE + 2 * PAGE_SIZE", _BELOW_FIXMAP),
            ("7.1.8",),
        ),
    )

    def place(self, boot: Boot) -> None:
        """The vmalloc window of each, by its own header."""
        low, high = _FORMULAS[boot.variant.name]
        boot.macro(
            "VMALLOC_START",
            boot.config("vmalloc_start"),
            low,
            "arch/*/include/asm/pgtable*.h: VMALLOC_START",
        )
        boot.macro(
            "VMALLOC_END",
            boot.config("vmalloc_end"),
            high,
            "arch/*/include/asm/pgtable*.h: VMALLOC_END",
        )
        sizes = {"_stext": 0, "_etext": boot.config("text_size"), "_end": boot.config("image_size")}
        boot.image(boot.config("image_base"), sizes, "an example", "arch/*/kernel/vmlinux.lds.S")

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """No hook: VMALLOC_START to VMALLOC_END, PAGE_KERNEL_EXEC, alignment 1."""
        given = boot.between("VMALLOC_START", "VMALLOC_END", "PAGE_KERNEL_EXEC")
        return {ExecmemType.MODULE_TEXT: given}

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """What users there are depends on the architecture."""
        del boot
        return {
            ExecmemType.MODULE_TEXT: TEXT_USER,
            ExecmemType.KPROBES: "where the arch has insn slots",
            ExecmemType.BPF: "where the arch has a JIT",
            ExecmemType.MODULE_DATA: DATA_USER,
        }

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """Not stated for these: none is known here."""
        del variant
        return ()

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """Kprobes with slots on mips, csky and loongarch; a JIT on mips."""
        del rules
        kprobes = variant.name.startswith(("mips", "csky", "loongarch"))
        csky = variant.name.startswith("csky")
        slot = KprobeSlot(insn_size=4 if csky else 8, on_ftrace=csky)
        return Capability(
            have_kprobes=kprobes,
            kprobe_slot=slot if kprobes else None,
            bpf_alloc=JitMemory.BINARY if variant.name.startswith("mips") else JitMemory.NONE,
            strict_module_rwx=False,
            source="arch/*/Kconfig; kernel/kprobes.c; kernel/bpf/core.c",
        )

    def windows_known(self, variant: Variant, rules: Rules) -> bool:
        """module_alloc() of kernels before execmem was not read."""
        del variant
        return rules.execmem


ARCH = Generic()

"""What one file per architecture provides."""

from collections.abc import Mapping
from typing import ClassVar

from execmem_tui.arch.boot import Boot, Given, Variant
from execmem_tui.model.areas import Area
from execmem_tui.model.capability import Capability
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Plt, Reach
from execmem_tui.model.rules import Rules

NOBODY = "nobody on this architecture"
TEXT_USER = "module text (and init text)"
DATA_USER = "module loader"


class Architecture:
    """One architecture. A file defines one subclass and ``ARCH``, an instance of it.

    The registry finds it by file name.
    """

    name: ClassVar[str]
    """As in ``arch/`` of the kernel tree."""
    aliases: ClassVar[Mapping[str, str | None]]
    """Names that distributions and uname use -> the variant they imply, or None for the default."""
    default_variant: ClassVar[str]
    """What Debian ships."""
    variants: ClassVar[tuple[Variant, ...]]
    set_memory_purges: ClassVar[bool] = False
    """set_memory_*() purges aliases first (vmalloc): x86 and arm64."""
    boot_source: ClassVar[str]
    """file: symbols of the address space layout."""

    # What logs of this architecture say, for `diagnose`.
    log_marks: ClassVar[tuple[str, ...]] = ()
    """Regular expressions of what only this architecture's oopses and call traces print."""
    refusal: ClassVar[str | None] = None
    """Words of the module loader's message about a relocation that does not fit
    (arch/*/kernel/module.c: apply_relocate, apply_relocate_add)."""
    relocations: ClassVar[Mapping[int, str]] = {}
    """ELF numbers as that message prints them -> names; how far they reach says `reach`."""
    refused_reach: ClassVar[str] = ""
    """The relocation that a message without a number speaks of."""
    refused_distances: ClassVar[frozenset[str]] = frozenset()
    """Relocations whose printed value is a distance already; of all others it is an address."""
    pc_ahead: ClassVar[Mapping[str, int]] = {}
    """Bytes that the PC is ahead of the instruction, where a branch counts from there."""
    absolute_words: ClassVar[frozenset[str]] = frozenset()
    """Relocations that hold an address in fewer bits than kernel addresses have: only code built
    for another code model has them."""
    room_advice: ClassVar[str] = (
        "a smaller module (strip it, or build it in), or unload modules that are not needed"
    )
    """What makes room in the module area."""
    far_advice: ClassVar[str] = "a smaller kernel image"
    """What brings module and kernel within reach of each other."""
    vmalloc_advice: ClassVar[str] = ""
    """What the parameter vmalloc= does here; "" where the architecture has none."""

    def place(self, boot: Boot) -> None:
        """Define VMALLOC_START, VMALLOC_END, MODULES_VADDR, MODULES_END (where they exist) and the image's symbols."""
        raise NotImplementedError

    def execmem_arch_setup(self, boot: Boot) -> Mapping[ExecmemType, Given]:
        """Return the ranges that the architecture states; MODULE_TEXT is always among them."""
        raise NotImplementedError

    def used_by(self, boot: Boot) -> Mapping[ExecmemType, str]:
        """Return who allocates each type; a type left out is used by nobody."""
        raise NotImplementedError

    def reach(self, variant: Variant) -> tuple[Reach, ...]:
        """Return the reach of instructions and relocations."""
        raise NotImplementedError

    def plt(self, variant: Variant) -> Plt | None:
        """Return what extends a call, or None."""
        raise NotImplementedError

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """Return which consumers exist and how they allocate."""
        raise NotImplementedError

    def early_areas(self, boot: Boot) -> tuple[Area, ...]:
        """Return what is in the vmap tree before vmalloc_init(), where it is known."""
        del boot
        return ()

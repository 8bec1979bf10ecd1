"""What one file per architecture provides."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from attrs import evolve

from execmem_tui.arch.boot import Boot, Given, Variant
from execmem_tui.arch.callers import Overrides
from execmem_tui.arch.estimates import (
    Pair,
    is_as_measured,
    named,
    window_under_percpu,
    with_windows,
)
from execmem_tui.model.areas import Area
from execmem_tui.model.capability import Capability
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType
from execmem_tui.model.reach import Plt, Reach
from execmem_tui.model.rules import Rules
from execmem_tui.model.units import Address, Bytes

if TYPE_CHECKING:  # what a capture tells: a simulation has none
    from execmem_tui.model.facts import Facts

NOBODY = "nobody on this architecture"
TEXT_USER = "module text (and init text)"
DATA_USER = "module loader"
PLAIN_USERS: Mapping[ExecmemType, str] = {
    ExecmemType.MODULE_TEXT: TEXT_USER,
    ExecmemType.KPROBES: "insn slots",
    ExecmemType.BPF: "bpf_jit_binary_alloc",
    ExecmemType.MODULE_DATA: DATA_USER,
}
"""Who allocates where kprobes have slots, each BPF program its pages, and nobody FTRACE."""


class Architecture:
    """One architecture. A file defines one subclass and ``ARCH``, an instance of it.

    The registry finds it by file name.
    """

    name: ClassVar[str]
    """As in ``arch/`` of the kernel tree."""
    aliases: ClassVar[Mapping[str, str | None]]
    """Names that distributions and uname use -> the variant they imply, or None for the default."""
    machines: ClassVar[Mapping[str, str]] = {}
    """What ``uname -m`` prints there -> the name that layouts are found by."""
    default_variant: ClassVar[str]
    """What Debian ships."""
    variants: ClassVar[tuple[Variant, ...]]
    set_memory_purges: ClassVar[bool] = False
    """set_memory_*() purges aliases first (vmalloc): x86 and arm64."""
    boot_source: ClassVar[str]
    """file: symbols of the address space layout."""

    # What logs of this architecture say, for `diagnose`.
    log_marks: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Regular expressions of what only this architecture's oopses and call traces print, each
    behind a text that is in all that it matches, which is looked for first."""
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

    overrides: ClassVar[Overrides] = Overrides()
    """Its own versions of the functions that execmem replaced, and the file of its hook."""

    # What a capture tells of such a machine, for `machines.recognise`.
    banners: ClassVar[tuple[tuple[str, str], ...]] = ()
    """(regular expression, name or alias) of what stands in a version banner:
    the compiler's target, or how a distribution calls its kernels."""
    page_options: ClassVar[Mapping[str, Bytes]] = {}
    """Options of its configuration that choose the page size."""
    constant_windows: ClassVar[bool] = False
    """Module windows are constants: a request for another window is not theirs."""
    widest_module_window: ClassVar[Bytes | None] = None
    """A request for a wider one is no module's; None where there is no such bound."""

    def overrides_of(self, variant: Variant) -> Overrides:
        """Return its own versions of what execmem replaced, for one variant."""
        del variant
        return self.overrides

    def place(self, boot: Boot) -> None:
        """Define the macros of the vmalloc and the module area, and the image's symbols.

        VMALLOC_START, VMALLOC_END, MODULES_VADDR and MODULES_END, where they exist.
        """
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
        """Return what extends a call; None where nothing does, as here."""
        del variant
        return None

    def capability(self, variant: Variant, rules: Rules) -> Capability:
        """Return which consumers exist and how they allocate."""
        raise NotImplementedError

    def early_areas(self, boot: Boot) -> tuple[Area, ...]:
        """Return what is in the vmap tree before vmalloc_init(), where it is known."""
        del boot
        return ()

    def bpf_jit_alloc_exec_limit(self, boot: Boot) -> Bytes:
        """Return the space that net.core.bpf_jit_limit is half of: modules, else vmalloc."""
        macros = boot.macros
        if "MODULES_VADDR" in macros and "MODULES_END" in macros:
            return macros["MODULES_END"] - macros["MODULES_VADDR"]
        return macros["VMALLOC_END"] - macros["VMALLOC_START"]

    def windows_known(self, variant: Variant, rules: Rules) -> bool:
        """Whether the ranges that a kernel with these rules gives were read."""
        del variant, rules
        return True

    def needed_symbols(self, variant: Variant) -> tuple[str, ...]:
        """Return the symbols of the image that the module ranges are computed from."""
        del variant
        return ()

    def inputs(self, facts: "Facts") -> Mapping[str, int]:
        """Return the inputs of the computation that symbols, configuration and meminfo state."""
        symbols = {name: value for name, value in facts.image.items() if name != "_start"}
        if "_stext" in symbols:
            symbols.setdefault("_text", symbols["_stext"])
        return symbols

    def fits(self, variant: Variant, addresses: Sequence[Address]) -> bool:
        """Whether areas can lie at these addresses under a variant."""
        del variant, addresses
        return True

    def named_by_addresses(
        self, addresses: Sequence[Address], code: Sequence[Address]
    ) -> str | None:
        """Return the name or alias if only this one has areas at such addresses, else None.

        Args:
            addresses: starts of all areas; at least one.
            code: of those, the ones that hold modules, by their callers.
        """
        del addresses, code
        return None

    def is_told(self, layout: Layout, facts: "Facts") -> bool:
        """Whether symbols and version leave nothing open but what is drawn."""
        del layout, facts
        return True

    def measured_vmalloc(self, layout: Layout, facts: "Facts", total: Bytes) -> Pair:
        """Return the vmalloc window, of which /proc/meminfo tells only the size."""
        if is_as_measured(layout, facts, total):
            return layout.vmalloc_start, layout.vmalloc_end
        under = window_under_percpu(facts, total) if layout.word_bits == 32 else None
        return under or (layout.vmalloc_start, layout.vmalloc_start + total)

    def estimate_draws(self, layout: Layout, facts: "Facts") -> Layout:
        """Return the layout with the ranges that this boot drew, as far as they show."""
        del facts
        return named(layout, layout.kaslr)

    def requested(self, entry: ExecmemRange, windows: Sequence[Pair]) -> ExecmemRange:
        """Return a range whose windows are those that the kernel asked for, narrowest first."""
        if not entry.has_fallback:
            start, end = windows[-1]
            return evolve(entry, start=start, end=end)
        fallback = (entry.fallback_start, entry.fallback_end)
        if len(windows) > 1:
            fallback = windows[-1]
        return with_windows(entry, windows[0], fallback)

"""What an architecture gives to each consumer of executable memory (include/linux/execmem.h)."""

from enum import IntEnum, StrEnum

from execmem_tui.model.intervals import Interval
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes


class ExecmemType(IntEnum):
    """`enum execmem_type`; MODULE_TEXT is EXECMEM_DEFAULT, the type the others inherit from."""

    MODULE_TEXT = 0
    KPROBES = 1
    FTRACE = 2
    BPF = 3
    MODULE_DATA = 4


class Window(StrEnum):
    """Which of a type's two ranges an area lies in."""

    PREFERRED = "preferred"
    FALLBACK = "fallback"


class Provenance(StrEnum):
    """How a range of a layout is known."""

    DEFINED = "defined"
    """Computed from the architecture's own setup code and stated inputs: the simulator."""
    READ = "read"
    """Stated by the kernel itself (its memory, or the vstart/vend of its own requests)."""
    DERIVED = "derived"
    """Computed from symbols and configuration of that machine."""
    ASSUMED = "assumed"
    """As `DERIVED`, but with a default of the architecture, or with a draw of KASLR estimated from
    the areas seen; a note states the bounds of a draw."""
    UNKNOWN = "unknown"
    """Not known; start and end are 0."""


EXECMEM_KASAN_SHADOW = "EXECMEM_KASAN_SHADOW"
EXECMEM_ROX_CACHE = "EXECMEM_ROX_CACHE"


@frozen(kw_only=True)
class ExecmemRange:
    """One `struct execmem_range`, resolved.

    Inherited fields are filled in (`execmem_init_missing()`, mm/execmem.c).

    Addresses are bytes; `end` and `fallback_end` are exclusive as vmalloc treats them
    (mm/vmalloc.c: va_alloc), whatever the header documents. `fallback_start` 0 means that there is
    no fallback range.
    """

    start: Address
    end: Address
    fallback_start: Address = 0
    fallback_end: Address = 0
    pgprot: str = "PAGE_KERNEL"
    """The protection by its kernel macro name."""
    alignment: Bytes = 1
    """Passed to vmalloc as is: 1 and the page size mean the same."""
    alignment_macro: str = "1"
    """As the source writes it: 1, MODULE_ALIGN, PAGE_SIZE."""
    flags: tuple[str, ...] = ()
    inherited: bool = False
    """All of it comes from MODULE_TEXT because the architecture left the type's start 0."""
    pool_eligible: bool = False
    """The range is exactly the vmalloc window of a 64-bit SMP kernel, so node pools may serve it
    (vmalloc.c: node_alloc)."""
    used: bool = True
    """Somebody on this architecture and kernel allocates the type."""
    used_by: str = ""
    function: str = ""
    """What its user calls, down to the allocator; "" where nobody allocates it."""
    decided_by: str = ""
    """``file: symbol`` of who says where it lies."""
    provenance: Provenance = Provenance.DEFINED

    @property
    def has_fallback(self) -> bool:
        """Whether a second window is tried when the first fails."""
        return self.fallback_start != 0

    @property
    def rox_cached(self) -> bool:
        """Whether allocations come from the ROX cache (7.1, x86-64)."""
        return EXECMEM_ROX_CACHE in self.flags

    @property
    def windows(self) -> tuple[Interval, ...]:
        """The preferred window, and the fallback window where there is one; () where unknown."""
        preferred = ((self.start, self.end),) if self.end > self.start else ()
        fallback = ((self.fallback_start, self.fallback_end),) if self.has_fallback else ()
        return (*preferred, *fallback)

    def window_of(self, start: Address) -> Window | None:
        """Return the window that an area starting at `start` lies in.

        The preferred one where the two overlap.
        """
        if self.start <= start < self.end:
            return Window.PREFERRED
        if self.fallback_start and self.fallback_start <= start < self.fallback_end:
            return Window.FALLBACK
        return None

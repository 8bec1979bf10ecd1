"""A layout: one architecture, variant, kernel and draw, with every range resolved."""

from bisect import bisect_right
from collections.abc import Mapping
from operator import itemgetter

from attrs import field

from execmem_tui.model.areas import Area
from execmem_tui.model.capability import Capability
from execmem_tui.model.ranges import ExecmemRange, ExecmemType
from execmem_tui.model.reach import Plt, Reach
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import MODELS, Rules, rules_of
from execmem_tui.model.units import Address, Bytes


@frozen(kw_only=True, repr=False)
class Layout:
    """Where executable memory may live on one machine. Addresses and sizes are bytes."""

    id: str
    """``kernel/arch/variant/kaslr``."""
    kernel: str
    arch: str
    variant: str
    kaslr: str
    """``off``, ``on-example``, ``seed-N``, ``n/a``, or ``unknown`` for a capture."""
    word_bits: int
    page_size: Bytes
    pmd_size: Bytes
    vmalloc_start: Address
    vmalloc_end: Address
    modules_vaddr: Address | None
    modules_end: Address | None
    symbols: Mapping[str, Address]
    """_text, _stext, _etext, _end; empty where unknown."""
    macros: Mapping[str, int]
    types: Mapping[ExecmemType, ExecmemRange]
    """All five types, resolved."""
    early_areas: tuple[Area, ...] = ()
    """In the vmap tree before anything else: arm64's image segments, arm's static mappings."""
    reach: tuple[Reach, ...] = ()
    plt: Plt | None = None
    capability: Capability = field(factory=Capability)
    set_memory_purges: bool = False
    """set_memory_*() runs an alias purge (x86, arm64): see vmalloc's lazy free."""
    jit_space: Bytes = 0
    """bpf_jit_alloc_exec_limit(): the bytes that net.core.bpf_jit_limit is half of."""
    rules: Rules = field(factory=lambda: rules_of(MODELS[-1]))
    """What this kernel does differently from others; knobs of a simulation may change it."""
    pools_hidden: bool = False
    """Nodes have pools, and what is in them cannot be seen: of a capture, no file of /proc
    tells."""
    notes: tuple[str, ...] = ()
    bpf_jit_limit: Bytes | None = None
    """What BPF programs may take together (net.core.bpf_jit_limit); None where nobody said it."""
    image_symbols: tuple[tuple[Address, str], ...] = field(default=(), repr=False)
    """What begins where in the kernel image, ascending, as far as a capture tells. Names are
    printable."""

    def __repr__(self) -> str:
        return f"<Layout {self.id}>"

    @property
    def known(self) -> bool:
        """Whether the architecture and its ranges could be told at all."""
        return self.variant != "unknown"

    def cut_by_pools(self, kind: ExecmemType) -> bool:
        """Whether pooled areas that nobody sees may lie in what looks like a hole for a type.

        Pools take areas that were asked for in exactly the vmalloc window (mm/vmalloc.c:
        node_alloc): where a type's window is that, its largest hole is "at most" so large.
        """
        return self.pools_hidden and (self.vmalloc_start, self.vmalloc_end) in (
            self.types[kind].windows
        )

    @property
    def text(self) -> Address | None:
        """Start of the kernel image, or None where unknown."""
        return self.symbols.get("_text", self.symbols.get("_stext"))

    @property
    def image(self) -> tuple[Address, Address] | None:
        """The kernel image [_text, _end), or None where unknown."""
        start, end = self.text, self.symbols.get("_end")
        return None if start is None or end is None else (start, end)

    def image_symbol_at(self, address: Address) -> tuple[Address, str] | None:
        """Return (address, name) of the nearest symbol of the image at or below an address.

        None where there is none.
        """
        index = bisect_right(self.image_symbols, address, key=itemgetter(0)) - 1
        return self.image_symbols[index] if index >= 0 else None

    def range_of(self, kind: ExecmemType) -> ExecmemRange:
        """Return the resolved range of one type."""
        return self.types[kind]

    def may_hold(self, kind: ExecmemType, address: Address) -> bool:
        """Whether `address` lies in a range of a type, so far as that is known.

        A caller can ask for an area and have it lie outside: it is the page array that vmalloc
        keeps for a big area, and it has the caller of that (mm/vmalloc.c: __vmalloc_area_node).
        """
        entry = self.range_of(kind)
        return entry.end == 0 or entry.window_of(address) is not None

    def typed(
        self,
        area: Area,
        kind: ExecmemType,
        owner: str | None,
        region: str | None = None,
        detail: str = "",
    ) -> Area:
        """Return `area` as memory of a type, with the window of this layout that it lies in.

        Args:
            area: whose addresses and state stay.
            kind: whose memory it is.
            owner: printable, or None where it is not known.
            region: MOD_TEXT … of a module.
            detail: replaces the area's own, unless it is "".
        """
        # as `evolve`, which takes several times as long
        return Area(
            start=area.start,
            size=area.size,
            guard=area.guard,
            type=kind,
            owner=owner,
            region=region,
            state=area.state,
            window=self.range_of(kind).window_of(area.start),
            caller=area.caller,
            detail=detail or area.detail,
            parts=area.parts,
            inside=area.inside,
        )

"""Areas: what occupies kernel address space, as a map shows it."""

from bisect import bisect_right
from collections.abc import Iterable
from enum import StrEnum
from operator import attrgetter, itemgetter

from attrs import field

from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import value
from execmem_tui.model.units import Address, Bytes

_START = attrgetter("start")


class AreaState(StrEnum):
    """What an area is to the allocator."""

    LIVE = "live"
    LAZY = "lazy"
    """Freed, not yet purged: not reusable (`unpurged vm_area` in /proc/vmallocinfo)."""
    POOLED = "pooled"
    """Purged and parked in a node's size pool (6.9 and later): only that node and that size can
    have it."""
    CACHE_FREE = "cache-free"
    """A free interval of the ROX cache: mapped read-only executable, belongs to nobody."""


class AreaKind(StrEnum):
    """What a cell of the map shows.

    Each has a letter, a name and a theme variable ``$execmem-<value>``.
    """

    KERNEL = "kernel"
    MODULE = "module"
    DATA = "data"
    KPROBES = "kprobes"
    FTRACE = "ftrace"
    BPF = "bpf"
    ROX = "rox"
    LAZY = "lazy"
    POOLED = "pooled"
    OTHER = "other"


_BY_TYPE = {
    ExecmemType.MODULE_TEXT: AreaKind.MODULE,
    ExecmemType.KPROBES: AreaKind.KPROBES,
    ExecmemType.FTRACE: AreaKind.FTRACE,
    ExecmemType.BPF: AreaKind.BPF,
    ExecmemType.MODULE_DATA: AreaKind.DATA,
}
_BY_STATE = {
    AreaState.LAZY: AreaKind.LAZY,
    AreaState.POOLED: AreaKind.POOLED,
    AreaState.CACHE_FREE: AreaKind.ROX,
}

KERNEL_OWNER = "kernel image"
ROX_OWNER = "ROX cache"
"""Of a block, or of what of it belongs to nobody that is known."""


_BY_OWNER: dict[str | None, AreaKind] = {
    KERNEL_OWNER: AreaKind.KERNEL,
    ROX_OWNER: AreaKind.ROX,
}


class PartState(StrEnum):
    """What a part of an area is to the consumer that divides it."""

    USED = "used"
    DIRTY = "dirty"
    """A kprobe slot that was given back and waits for garbage collection."""


@value
class Part:
    """One used piece of an area that its consumer divides.

    A kprobe slot, a BPF program in its pack, a trampoline.
    """

    start: Address
    size: Bytes
    name: str
    """Probe, program or trampoline. Already printable."""
    state: PartState = PartState.USED
    key: str = ""
    """The name under which its consumer can remove it; "" where nobody can by hand. Never shown:
    `name` may be cut, and says what it is beside whose."""

    @property
    def end(self) -> Address:
        """First address after the part."""
        return self.start + self.size


@value(kw_only=True)
class Area:
    """A half-open piece [start, end) of address space.

    `end` includes the guard, as in /proc/vmallocinfo.

    Sizes are bytes. Inside a ROX cache block there are no guards: busy pieces and cache-free pieces
    tile the block, and the block's own guard page belongs to its last piece.
    """

    start: Address
    size: Bytes
    """Usable bytes, without the guard."""
    guard: Bytes = 0
    type: ExecmemType | None = None
    """Whose memory it is; None for other users of vmalloc space and for the kernel image."""
    owner: str | None = None
    """Module, BPF pack, probe page or caller; None where it cannot be known. Already printable."""
    region: str | None = None
    """MOD_TEXT … MOD_INIT_RODATA of a module, else None."""
    state: AreaState = AreaState.LIVE
    window: Window | None = None
    caller: str | None = None
    """The caller that /proc/vmallocinfo names. Already printable."""
    detail: str = ""
    """More for the inspector: programs inside a pack, flag words of vmallocinfo. Already
    printable."""
    parts: tuple[Part, ...] | None = field(default=None, hash=False)
    """What is used inside, ascending, where the consumer divides its area; None where that is
    unknown or meaningless."""
    inside: tuple[tuple[Address, str], ...] = field(default=(), repr=False)
    """Of a capture, where named things inside begin, ascending: programs of a pack, symbols of a
    module. Already printable."""

    @property
    def end(self) -> Address:
        """First address after the area, guard included."""
        return self.start + self.size + self.guard

    @property
    def footprint(self) -> Bytes:
        """All the address space it takes, guard included."""
        return self.size + self.guard

    def part_at(self, address: Address) -> Part | None:
        """Return the part that covers `address`, or None."""
        parts = self.parts or ()
        index = bisect_right(parts, address, key=_START) - 1
        return parts[index] if index >= 0 and address < parts[index].end else None

    def inside_at(self, address: Address) -> tuple[Address, str] | None:
        """Return (start, name) of what begins at or below `address` inside the area, or None.

        Where it ends is not known.
        """
        index = bisect_right(self.inside, address, key=itemgetter(0)) - 1
        return self.inside[index] if index >= 0 else None

    def changed(
        self, *, state: AreaState | None = None, owner: str | None = None, detail: str | None = None
    ) -> "Area":
        """Return the same area in another state, or with another owner or detail.

        None keeps what is. As `evolve`, which takes several times as long.
        """
        return Area(
            start=self.start,
            size=self.size,
            guard=self.guard,
            type=self.type,
            owner=self.owner if owner is None else owner,
            region=self.region,
            state=self.state if state is None else state,
            window=self.window,
            caller=self.caller,
            detail=self.detail if detail is None else detail,
            parts=self.parts,
            inside=self.inside,
        )

    @property
    def called_by(self) -> str:
        """The function that /proc/vmallocinfo names, without the offset in it.

        "" where it names none.
        """
        return (self.caller or "").partition("+")[0]

    @property
    def kind(self) -> AreaKind:
        """What a cell shows for it: the state first, for what is not live belongs to nobody."""
        if self.state is not AreaState.LIVE:
            return _BY_STATE[self.state]
        if self.type is not None:
            return _BY_TYPE[self.type]
        return _BY_OWNER.get(self.owner, AreaKind.OTHER)

    @property
    def name(self) -> str:
        """Owner and region, short enough for a cell label."""
        if self.owner is None:
            return self.caller or ("unpurged" if self.state is AreaState.LAZY else "unknown")
        if self.region is None:
            return self.owner
        return f"{self.owner}.{self.region.removeprefix('MOD_').lower()}"


def asked_for(areas: Iterable[Area]) -> list[Area]:
    """Return what was asked of execmem, without what vmalloc took beside it; all where that is all.

    A big area of vmalloc has a page array, which lies in the vmalloc window and is no module's.
    """
    every = list(areas)
    return [area for area in every if area.type is not None] or every

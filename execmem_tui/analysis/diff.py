"""What was allocated, freed, moved and grown between two snapshots.

They are of one kernel or of two boots.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from enum import StrEnum

from execmem_tui.analysis.hidden_diff import LAZY, HiddenDifference, hidden_difference
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes


class Basis(StrEnum):
    """What says that two areas are at the same place."""

    ADDRESS = "address"
    """Their addresses: the same boot, or boots that drew the same bases."""
    OFFSET = "offset"
    """Their offsets in the range of their type, or from the image: KASLR drew different bases."""
    HASH = "hash"
    """Their hashes and sizes: addresses are hidden, on both sides by the key of one boot."""
    CALLER = "caller"
    """Nothing: addresses are hidden. Counts and bytes of each caller can be compared."""
    NOTHING = "nothing"
    """Nothing at all: the kernel refused the list of areas, or events were lost."""


@frozen(kw_only=True)
class Pair:
    """An area before and after."""

    before: Area
    after: Area

    @property
    def growth(self) -> Bytes:
        """Bytes that it grew, negative if it shrank."""
        return self.after.size - self.before.size


@frozen(kw_only=True)
class OwnerChange:
    """One owner's live memory, guards left out."""

    owner: str
    """A module, `bpf_prog_pack`, a probe page, or the caller of other vmalloc users."""
    kind: str
    """`module`, `kprobes`, `ftrace`, `bpf`, `kernel`, `other`, or what is not live: `lazy`,
    `pooled`, `rox`."""
    before: Bytes
    after: Bytes
    areas_before: int
    areas_after: int
    """Of hidden areas the owner is the caller, and bytes are with guards, as the kernel lists
    them."""

    @property
    def change(self) -> Bytes:
        """Bytes more than before."""
        return self.after - self.before


@frozen(kw_only=True)
class SourceDifference:
    """Everything that differs; areas ascend by address.

    Freed and not yet purged counts as freed.
    """

    basis: Basis
    allocated: tuple[Area, ...]
    freed: tuple[Area, ...]
    changed: tuple[Pair, ...]
    """At the same place, with the same owner; its size, window or programs differ."""
    moved: tuple[Pair, ...]
    """The same owner and region at another place."""
    owners: tuple[OwnerChange, ...]
    """Largest change first; owners whose memory did not change are left out."""
    loaded: tuple[str, ...]
    """BPF programs that are there now and were not, by name."""
    unloaded: tuple[str, ...]
    came: int | None = None
    went: int | None = None
    """Where addresses are hidden:
    how many areas were allocated and freed, None where that is not known."""

    @property
    def comparable(self) -> bool:
        """Whether areas can be paired, so that what is in no pair was allocated or freed."""
        return self.basis in (Basis.ADDRESS, Basis.OFFSET)

    @property
    def grown(self) -> tuple[Pair, ...]:
        """Those of the changed and moved whose size differs."""
        return tuple(pair for pair in (*self.changed, *self.moved) if pair.growth)


def compare(before: Snapshot, after: Snapshot) -> SourceDifference:
    """Compare two snapshots.

    Areas at the same place with the same owner are the same area; of the rest, those whose owner
    and region name one area on each side have moved. Where one side hides addresses, callers are
    compared and nothing is called allocated or freed.
    """
    if before.hidden or after.hidden:
        return _by_caller(hidden_difference(before, after))
    basis = _basis(before.layout, after.layout)
    left = [area for area in before.areas if area.state is AreaState.LIVE]
    right = [area for area in after.areas if area.state is AreaState.LIVE]
    places: dict[tuple[object, ...], list[Area]] = defaultdict(list)
    for area in left:
        places[_place(before.layout, area, basis), _identity(area)].append(area)
    same: list[Pair] = []
    allocated: list[Area] = []
    for area in right:
        found = places.get((_place(after.layout, area, basis), _identity(area)))
        if found:
            same.append(Pair(before=found.pop(), after=area))
        else:
            allocated.append(area)
    freed = sorted((area for each in places.values() for area in each), key=_start)
    moved = _moved(freed, allocated)
    gone, come = {pair.before.start for pair in moved}, {pair.after.start for pair in moved}
    programs = (_programs(left), _programs(right))
    return SourceDifference(
        basis=basis,
        allocated=tuple(area for area in allocated if area.start not in come),
        freed=tuple(area for area in freed if area.start not in gone),
        changed=tuple(pair for pair in same if _differs(pair)),
        moved=tuple(moved),
        owners=_owners(before.areas, after.areas),
        loaded=tuple(sorted((programs[1] - programs[0]).elements())),
        unloaded=tuple(sorted((programs[0] - programs[1]).elements())),
    )


def _by_caller(found: HiddenDifference) -> SourceDifference:
    basis = Basis.HASH if found.same_boot else Basis.CALLER
    return SourceDifference(
        basis=basis if found.complete else Basis.NOTHING,
        allocated=(),
        freed=(),
        changed=(),
        moved=(),
        owners=tuple(
            OwnerChange(
                owner=each.caller,
                kind="lazy" if each.caller == LAZY else "other",
                before=each.before,
                after=each.after,
                areas_before=each.areas_before,
                areas_after=each.areas_after,
            )
            for each in found.callers
        ),
        loaded=(),
        unloaded=(),
        came=found.came,
        went=found.went,
    )


def _basis(before: Layout, after: Layout) -> Basis:
    """Images at different addresses mean different draws.

    Where an image is unknown, addresses are taken as they are.
    """
    if before.text is None or after.text is None:
        return Basis.ADDRESS
    return Basis.ADDRESS if before.text == after.text else Basis.OFFSET


def _place(layout: Layout, area: Area, basis: Basis) -> tuple[str, int]:
    """Return where an area is.

    Its address, or how far it is from the start of its range, of vmalloc or of the image.
    """
    if basis is Basis.ADDRESS:
        return "address", area.start
    if area.type is not None and area.window is not None:
        entry = layout.range_of(area.type)
        base = entry.start if area.window is Window.PREFERRED else entry.fallback_start
        return area.window.value, area.start - base
    if layout.vmalloc_start <= area.start < layout.vmalloc_end:
        return "vmalloc", area.start - layout.vmalloc_start
    return "image", area.start - (layout.text or 0)


def _identity(area: Area) -> tuple[str | None, str | None, ExecmemType | None]:
    """Return what makes an area the same.

    Memory without a known owner goes by the function that asked for it.
    """
    return area.owner if area.owner is not None else _caller(area), area.region, area.type


def _caller(area: Area) -> str:
    return (area.caller or "").partition("+")[0]


def _moved(freed: Iterable[Area], allocated: Iterable[Area]) -> list[Pair]:
    """Pair what is gone with what has come where an owner and region name exactly one of each."""
    old: dict[object, list[Area]] = defaultdict(list)
    new: dict[object, list[Area]] = defaultdict(list)
    for areas, named in ((freed, old), (allocated, new)):
        for area in areas:
            if area.owner is not None and area.type is not None:
                named[_identity(area)].append(area)
    pairs = [
        Pair(before=old[key][0], after=come[0])
        for key, come in new.items()
        if len(come) == 1 and len(old.get(key, ())) == 1
    ]
    return sorted(pairs, key=lambda pair: pair.after.start)


def _differs(pair: Pair) -> bool:
    before, after = pair.before, pair.after
    if (before.size, before.guard, before.window) != (after.size, after.guard, after.window):
        return True
    return after.type is ExecmemType.BPF and _names(before) != _names(after)


def _names(area: Area) -> list[str]:
    """Return the programs inside: as kallsyms has them, or as the simulator divides its pack."""
    return (
        [part.name for part in area.parts]
        if area.parts is not None
        else [name for _, name in area.inside]
    )


def _programs(areas: Iterable[Area]) -> Counter[str]:
    return Counter(name for area in areas if area.type is ExecmemType.BPF for name in _names(area))


def _owners(before: Iterable[Area], after: Iterable[Area]) -> tuple[OwnerChange, ...]:
    sides = (_sums(before), _sums(after))
    changes = []
    for owner, kind in {**sides[0], **sides[1]}:
        old, new = (side.get((owner, kind), (0, 0)) for side in sides)
        if old != new:
            changes.append(
                OwnerChange(
                    owner=owner,
                    kind=kind,
                    before=old[0],
                    after=new[0],
                    areas_before=old[1],
                    areas_after=new[1],
                )
            )
    return tuple(sorted(changes, key=lambda each: (-abs(each.change), each.owner, each.kind)))


def _sums(areas: Iterable[Area]) -> dict[tuple[str, str], tuple[Bytes, int]]:
    """Return (bytes, areas) by owner and kind; a module's text and data are one owner."""
    sums: dict[tuple[str, str], tuple[Bytes, int]] = {}
    for area in areas:
        kind = "module" if area.kind.value == "data" else area.kind.value
        owner = (
            area.owner
            or _caller(area)
            or ("unpurged" if area.state is AreaState.LAZY else "unknown")
        )
        size, count = sums.get((owner, kind), (0, 0))
        sums[owner, kind] = (size + area.size, count + 1)
    return sums


def _start(area: Area) -> Address:
    return area.start

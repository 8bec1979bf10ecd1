"""Two moments or two machines laid over each other: what is only here, only there, moved, grown, same.

Places are offsets from the start of the window that an area lies in, so that two boots with other
KASLR draws compare; who is who is told by owner and region.
"""

from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum

from attrs import frozen

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes

Place = tuple[ExecmemType, Window | None, int]
Key = tuple[ExecmemType, str, str]


class Difference(StrEnum):
    """What became of an area."""

    ONLY_A = "only A"
    ONLY_B = "only B"
    MOVED = "moved"
    GROWN = "grown"
    """Or shrunk, wherever it lies."""
    SAME = "same"


@frozen(kw_only=True)
class Pairing:
    """One area, before (A) and after (B)."""

    before: Area | None
    after: Area | None
    difference: Difference
    at: Address
    """Where it lies on B's map; of what is only in A, where it would."""

    @property
    def area(self) -> Area:
        """B's area, or A's where B has none."""
        area = self.before if self.after is None else self.after
        assert area is not None
        return area

    @property
    def delta(self) -> Bytes:
        """Bytes more in B than in A."""
        before = 0 if self.before is None else self.before.size
        after = 0 if self.after is None else self.after.size
        return after - before


@frozen
class Sum:
    """All of one difference."""

    areas: int
    delta: Bytes
    """Bytes more in B than in A; of what only moved or stayed the same, 0."""


class Superposition:
    """Live areas of execmem of two snapshots.

    Areas of one owner and region pair by place first, then in order of address.
    """

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.pairings = tuple(sorted(_pair(before, after), key=_at))
        """Ascending by address on B's map."""
        self._by_start = {
            each.after.start: each for each in self.pairings if each.after is not None
        }

    def of(self, area: Area) -> Difference | None:
        """Return what became of an area of B; None for what is not compared."""
        found = self._by_start.get(area.start)
        return found.difference if found is not None and found.after == area else None

    def gone(self) -> tuple[Pairing, ...]:
        """Return what is only in A."""
        return tuple(each for each in self.pairings if each.difference is Difference.ONLY_A)

    def sums(self) -> dict[Difference, Sum]:
        """Return how much of each difference there is."""
        found = {}
        for wanted in Difference:
            mine = [each for each in self.pairings if each.difference is wanted]
            found[wanted] = Sum(len(mine), sum(each.delta for each in mine))
        return found

    def by_delta(self) -> list[Pairing]:
        """Return all that differs, the largest change of size first."""
        changed = [each for each in self.pairings if each.difference is not Difference.SAME]
        return sorted(changed, key=lambda each: (-abs(each.delta), each.at))

    def neighbour(self, address: Address, *, forward: bool) -> Pairing | None:
        """Return the next (or previous) difference from an address of B's map, or None."""
        changed = [each for each in self.pairings if each.difference is not Difference.SAME]
        if forward:
            return next((each for each in changed if each.at > address), None)
        return next((each for each in reversed(changed) if each.at < address), None)

    @property
    def text(self) -> str:
        """``2 only A · 13 only B · 1 moved``."""
        counts = [
            f"{found.areas:,} {name.value}"
            for name, found in self.sums().items()
            if found.areas and name is not Difference.SAME
        ]
        return " · ".join(counts) or "no difference"


def _pair(before: Snapshot, after: Snapshot) -> Iterator[Pairing]:
    left, right = _by_key(before), _by_key(after)
    for key in dict.fromkeys((*left, *right)):
        yield from _pair_key(before.layout, after.layout, left.get(key, []), right.get(key, []))


def _pair_key(a: Layout, b: Layout, left: list[Area], right: list[Area]) -> Iterator[Pairing]:
    """Pair what one owner has in one region: at the same place first, the rest in order."""
    places = {place(a, area): area for area in left}
    pairs: list[tuple[Area, Area]] = []
    rest: list[Area] = []
    for area in right:
        same = places.pop(place(b, area), None)
        if same is None:
            rest.append(area)
        else:
            pairs.append((same, area))
    others = list(places.values())
    paired = min(len(others), len(rest))
    pairs += zip(others[:paired], rest[:paired], strict=True)
    for one, two in pairs:
        moved = place(a, one) != place(b, two)
        grown = one.size != two.size
        difference = Difference.GROWN if grown else Difference.MOVED if moved else Difference.SAME
        yield Pairing(before=one, after=two, difference=difference, at=two.start)
    for area in rest[paired:]:
        yield Pairing(before=None, after=area, difference=Difference.ONLY_B, at=area.start)
    for area in others[paired:]:
        yield Pairing(
            before=area, after=None, difference=Difference.ONLY_A, at=_moved_to(a, b, area)
        )


def _by_key(snapshot: Snapshot) -> dict[Key, list[Area]]:
    found: dict[Key, list[Area]] = defaultdict(list)
    for area in snapshot.areas:
        if area.type is not None and area.state is AreaState.LIVE:
            found[area.type, area.owner or "", area.region or ""].append(area)
    return found


def place(layout: Layout, area: Area) -> Place:
    """Return where an execmem area lies: its window, and the offset from its start in bytes."""
    assert area.type is not None
    entry = layout.range_of(area.type)
    window = entry.window_of(area.start)
    return area.type, window, area.start - _base(layout, area.type, window)


def _base(layout: Layout, kind: ExecmemType, window: Window | None) -> Address:
    entry = layout.range_of(kind)
    if window is Window.PREFERRED:
        return entry.start
    return entry.fallback_start if window is Window.FALLBACK else layout.text or 0


def _moved_to(a: Layout, b: Layout, area: Area) -> Address:
    """Return the address on B's map of the place that an area has on A's."""
    assert area.type is not None
    kind, window, offset = place(a, area)
    return max(0, _base(b, kind, window) + offset)


def _at(pairing: Pairing) -> tuple[Address, str]:
    return pairing.at, pairing.difference.value

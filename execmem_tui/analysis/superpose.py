"""Two moments or two machines laid over each other.

What is only here, only there, moved, grown, same. Places are offsets from the start of the window
that an area lies in, so that two boots with other KASLR draws compare; who is who is told by owner
and region.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Final

from attrs import field

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.blocks import Block
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import define, frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes

Place = tuple[ExecmemType, Window | None, int]
Key = tuple[ExecmemType, str, str]
_START: Final = attrgetter("start")
_PLACE: Final = attrgetter("at")


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


@define
class _Tables:
    """What is known of each owner and region, and of each area of B."""

    left: dict[Key, list[Area]]
    right: dict[Key, list[Area]]
    pairs: dict[Key, tuple[Pairing, ...]] = field(factory=dict)
    lost: dict[Key, tuple[Pairing, ...]] = field(factory=dict)
    """Those of the pairs that are only in A, where there are any."""
    by_start: dict[Address, Pairing] = field(factory=dict)
    """Of B's areas."""
    by_before: dict[Address, Pairing] = field(factory=dict)
    """Of A's areas."""
    sums: dict[Difference, Sum] = field(factory=lambda: dict.fromkeys(Difference, Sum(0, 0)))

    def copied(self) -> "_Tables":
        """Return tables that may be changed; A stays what it is."""
        return _Tables(
            self.left,
            dict(self.right),
            dict(self.pairs),
            dict(self.lost),
            dict(self.by_start),
            dict(self.by_before),
            dict(self.sums),
        )


class Superposition:
    """Live areas of execmem of two snapshots.

    Areas of one owner and region pair by place first, then in order of address.

    Args:
        before: A.
        after: B.
        earlier: the superposition of the same A and another step of B: only what lies in blocks
            that the two steps do not share is paired anew.
    """

    def __init__(
        self, before: Snapshot, after: Snapshot, earlier: "Superposition | None" = None
    ) -> None:
        self.before = before
        self.after = after
        self.retired: tuple[Block, ...] = ()
        """Blocks of the earlier step that are not there any more."""
        self.added: tuple[Block, ...] = after.areas.blocks
        """Blocks that the earlier step did not have."""
        self.stirred = False
        """Whether something differs otherwise than at the earlier step although its block
        stayed."""
        self.echoed = False
        """Whether something of A differs otherwise than at the earlier step."""
        goes_on = (
            earlier is not None
            and earlier.before is before
            and earlier.after.layout is after.layout
        )
        if earlier is not None and goes_on:
            self._go_on(earlier)
            return
        self.tables = _Tables(left=_by_key(before.areas), right=_by_key(after.areas))
        for key in dict.fromkeys((*self.tables.left, *self.tables.right)):
            self._set(key)

    def _go_on(self, earlier: "Superposition") -> None:
        old, new = set(earlier.after.areas.blocks), set(self.after.areas.blocks)
        self.retired = tuple(old - new)
        self.added = tuple(new - old)
        self.tables = earlier.tables.copied()
        left, come = (_by_key(_areas_of(blocks)) for blocks in (self.retired, self.added))
        for key in dict.fromkeys((*left, *come)):
            gone = {area.start for area in left.get(key, ())}
            stayed = [area for area in self.tables.right.get(key, ()) if area.start not in gone]
            self.tables.right[key] = sorted([*stayed, *come.get(key, ())], key=_START)
            pairs = self.tables.pairs.get(key, ())
            before, echo = _differences(pairs), _echoes(pairs)
            self._set(key)
            pairs = self.tables.pairs.get(key, ())
            after = _differences(pairs)
            self.echoed = self.echoed or echo != _echoes(pairs)
            self.stirred = self.stirred or any(
                before.get(area.start) is not after.get(area.start) for area in stayed
            )

    def _set(self, key: Key) -> None:
        """Pair what has a key, in place of what was paired of it before."""
        for pairing in self.tables.pairs.pop(key, ()):
            self._count(pairing, -1)
            before, after = pairing.before, pairing.after
            # another key may have taken the place already
            if after is not None and self.tables.by_start.get(after.start) is pairing:
                del self.tables.by_start[after.start]
            if before is not None and self.tables.by_before.get(before.start) is pairing:
                del self.tables.by_before[before.start]
        self.tables.lost.pop(key, None)
        left, right = self.tables.left.get(key, ()), self.tables.right.get(key, ())
        if not left and not right:
            return
        pairs = tuple(_pair_key(self.before.layout, self.after.layout, left, right))
        self.tables.pairs[key] = pairs
        lost = tuple(each for each in pairs if each.difference is Difference.ONLY_A)
        if lost:
            self.tables.lost[key] = lost
        for pairing in pairs:
            self._count(pairing, 1)
            if pairing.after is not None:
                self.tables.by_start[pairing.after.start] = pairing
            if pairing.before is not None:
                self.tables.by_before[pairing.before.start] = pairing

    def _count(self, pairing: Pairing, sign: int) -> None:
        sums = self.tables.sums[pairing.difference]
        self.tables.sums[pairing.difference] = Sum(
            sums.areas + sign, sums.delta + sign * pairing.delta
        )

    @cached_property
    def pairings(self) -> tuple[Pairing, ...]:
        """All, ascending by address on B's map."""
        return tuple(sorted(chain.from_iterable(self.tables.pairs.values()), key=_at))

    @cached_property
    def differences(self) -> tuple[Pairing, ...]:
        """All that are not the same, ascending by address on B's map."""
        return tuple(
            sorted(
                (
                    each
                    for each in chain.from_iterable(self.tables.pairs.values())
                    if each.difference is not Difference.SAME
                ),
                key=_at,
            )
        )

    def of(self, area: Area) -> Difference | None:
        """Return what became of an area of B; None for what is not compared."""
        found = self.pairing(area)
        return None if found is None else found.difference

    def pairing(self, area: Area) -> Pairing | None:
        """Return what an area of B is paired with; None for what is not compared."""
        found = self.tables.by_start.get(area.start)
        return found if found is not None and found.after == area else None

    def delta_of(self, area: Area) -> Bytes:
        """Return how many bytes larger an area of B is than what it is paired with.

        0 for what is not compared.
        """
        found = self.pairing(area)
        return 0 if found is None else found.delta

    def of_before(self, area: Area) -> Difference | None:
        """Return what became of an area of A; None for what is not compared."""
        found = self.tables.by_before.get(area.start)
        return found.difference if found is not None and found.before == area else None

    @cached_property
    def gone(self) -> tuple[Pairing, ...]:
        """What is only in A, ascending by address on B's map."""
        return tuple(sorted(chain.from_iterable(self.tables.lost.values()), key=_at))

    def gone_within(self, start: Address, end: Address) -> tuple[Pairing, ...]:
        """Return what is only in A and lay in [start, end) of B's map, ascending."""
        gone = self.gone
        first = bisect_left(gone, start, key=_PLACE)
        # areas do not overlap: only the one before may reach in
        if first and gone[first - 1].at + gone[first - 1].area.size > start:
            first -= 1
        return gone[first : bisect_left(gone, end, key=_PLACE)]

    @property
    def sums(self) -> Mapping[Difference, Sum]:
        """How much of each difference there is."""
        return self.tables.sums

    @property
    def delta(self) -> Bytes:
        """Bytes more in B than in A."""
        return sum(each.delta for each in self.tables.sums.values())

    def by_delta(self) -> list[Pairing]:
        """Return all that differs, the largest change of size first."""
        return sorted(self.differences, key=lambda each: (-abs(each.delta), each.at))

    def neighbour(self, address: Address, *, forward: bool) -> Pairing | None:
        """Return the next (or previous) difference from an address of B's map, or None."""
        found = self.differences
        if forward:
            index = bisect_right(found, address, key=_PLACE)
            return found[index] if index < len(found) else None
        index = bisect_left(found, address, key=_PLACE)
        return found[index - 1] if index else None

    @property
    def text(self) -> str:
        """``2 only A · 13 only B · 1 moved``."""
        counts = [
            f"{found.areas:,} {name.value}"
            for name, found in self.tables.sums.items()
            if found.areas and name is not Difference.SAME
        ]
        return " · ".join(counts) or "no difference"


def _differences(pairs: Iterable[Pairing]) -> dict[Address, Difference]:
    return {each.after.start: each.difference for each in pairs if each.after is not None}


def _echoes(pairs: Iterable[Pairing]) -> dict[Address, Difference]:
    return {each.before.start: each.difference for each in pairs if each.before is not None}


def _areas_of(blocks: Iterable[Block]) -> Iterator[Area]:
    return chain.from_iterable(block.areas for block in blocks)


def _pair_key(
    a: Layout, b: Layout, left: Sequence[Area], right: Sequence[Area]
) -> Iterator[Pairing]:
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


def _by_key(areas: Iterable[Area]) -> dict[Key, list[Area]]:
    found: dict[Key, list[Area]] = {}
    for area in areas:
        if area.type is not None and area.state is AreaState.LIVE:
            found.setdefault((area.type, area.owner or "", area.region or ""), []).append(area)
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

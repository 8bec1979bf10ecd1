"""What a replay of a trace finds: counts by class and window, and every miss."""

from collections import Counter
from typing import Final

from attrs import define, field, frozen

from execmem_tui.formats.trace import Alloc
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.vmalloc import Vmalloc

_NEAR: Final = 3

Asked = tuple[int, int, int, int, bool]
"""Size, align, vstart, vend and whether it failed, as in the event."""

NOTHING: Final = ((1 << 64) - 1, 0, 0)
"""Start, end and count of a purge that found nothing lazy."""

Place = tuple[int, int, str]
"""Start, end and state (free, lazy, pooled or busy) of a piece of address space."""


@frozen(kw_only=True)
class Miss:
    """One wrong prediction."""

    line: int
    request: Alloc
    predicted: int | None
    kind: str
    cause: str
    """"" where nothing explains it."""
    robust: bool = False
    """The prediction stays the same with all lazy and all pooled areas counted as free: no purge
    under way can explain it."""
    around_expected: tuple[Place, ...] = ()
    """Of the first miss: what the model had around the real address, ascending."""
    around_predicted: tuple[Place, ...] = ()


@define
class Tally:
    """How many requests of one class and window were checked."""

    kind: str
    certain: bool
    window: tuple[int, int]
    failed: bool
    checked: int = 0
    exact: int = 0


@define
class Plan:
    """What all requests that ask for the same have in common. Bytes, unless a name says pages."""

    size: int
    align: int
    vstart: int
    vend: int
    failed: bool
    need: int
    """The padded size."""
    pages: int
    owned: bool
    """Pools may serve it."""
    unclaimed: str
    """"" or why nothing can be said of it."""
    pool: Tally
    page: Tally
    """Of requests that any free area of the size serves."""
    certain: Tally
    uncertain: Tally


@define
class Replayed:
    """Counts of a replay."""

    misses: list[Miss] = field(factory=list)
    unclaimed: Counter[str] = field(factory=Counter)
    """Requests of which nothing is claimed, by the reason."""
    lost: int = 0
    unknown_frees: int = 0
    purges: int = 0
    purge_counts_equal: int = 0
    _tallies: dict[tuple[str, bool, tuple[int, int], bool], Tally] = field(factory=dict)

    def tally(self, kind: str, window: tuple[int, int], *, certain: bool, failed: bool) -> Tally:
        """Return where requests of a class and window are counted."""
        key = (kind, certain, window, failed)
        if key not in self._tallies:
            self._tallies[key] = Tally(kind, certain, window, failed)
        return self._tallies[key]

    def plan(
        self, asked: Asked, vmalloc_window: tuple[int, int], vmalloc: Vmalloc, unknown: str
    ) -> Plan:
        """Return what is common to all that ask the same; `unknown` as for `Replay`."""
        size, align, vstart, vend, failed = asked
        window, page_size = (vstart, vend), vmalloc.page_size
        exact = window == vmalloc_window
        unclaimed = ""
        if unknown == "state" or (unknown == "pools" and exact):
            unclaimed = "state before the trace unknown" if unknown == "state" else "pools unknown"
        where = "aligned" if align > page_size else "page"

        def tally(kind: str, *, certain: bool = True) -> Tally:
            return self.tally(kind, window, certain=certain, failed=failed)

        return Plan(
            size=size,
            align=align,
            vstart=vstart,
            vend=vend,
            failed=failed,
            need=vmalloc.space.padded(size, align, vstart, vend),
            pages=size // page_size,
            owned=exact and len(vmalloc.nodes) > 1,
            unclaimed=unclaimed,
            pool=tally(f"vmalloc {where} pool"),
            page=tally("vmalloc page tree" if exact else "module window"),
            certain=tally("vmalloc aligned certain" if exact else "module window"),
            uncertain=tally(
                "vmalloc aligned uncertain" if exact else "module window", certain=False
            ),
        )

    @property
    def checked(self) -> Counter[str]:
        """Predictions by class."""
        counts: Counter[str] = Counter()
        for tally in self._tallies.values():
            if tally.checked:
                counts["failed attempt" if tally.failed else tally.kind] += tally.checked
        return counts

    @property
    def exact(self) -> Counter[str]:
        """Right predictions by class."""
        counts: Counter[str] = Counter()
        for tally in self._tallies.values():
            if tally.checked:
                counts["failed attempt" if tally.failed else tally.kind] += tally.exact
        return counts

    @property
    def windows(self) -> dict[tuple[int, int], list[int]]:
        """(vstart, vend) -> [checked, exact]."""
        counts: dict[tuple[int, int], list[int]] = {}
        for tally in self._tallies.values():
            if tally.checked:
                pair = counts.setdefault(tally.window, [0, 0])
                pair[0] += tally.checked
                pair[1] += tally.exact
        return counts

    @property
    def certain(self) -> int:
        """Predictions of classes that history cannot blur."""
        return sum(tally.checked for tally in self._tallies.values() if tally.certain)

    @property
    def certain_exact(self) -> int:
        """Right ones of them."""
        return sum(tally.exact for tally in self._tallies.values() if tally.certain)


def in_bounds(space: FreeSpace, plan: Plan, start: int) -> bool:
    """Whether an address lies in [L, C]: all that can be said without the tree's shape."""
    low = space.lowest_fit(plan.size, plan.align, plan.vstart)
    high = space.lowest_fit(plan.size, plan.align, plan.vstart, plan.need)
    return low is not None and low <= start and (high is None or start <= high)


def around(vmalloc: Vmalloc, address: int | None) -> tuple[Place, ...]:
    """Return the three free, lazy or pooled pieces at or below an address, the busy area it lies in, the three above."""
    if address is None:
        return ()
    places: list[Place] = [(start, end, "free") for start, end in vmalloc.space]
    places += ((area.start, area.end, "lazy") for area in vmalloc.lazy())
    places += ((start, end, "pooled") for start, end in vmalloc.pooled())
    places.sort()
    below = [place for place in places if place[0] <= address][-_NEAR:]
    above = [place for place in places if place[0] > address][:_NEAR]
    area = vmalloc.enclosing(address)
    return (*below, *([] if area is None else [(area.start, area.end, "busy")]), *above)

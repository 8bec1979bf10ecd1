"""What a replay of a trace finds: counts by class and window, and every miss."""

from collections import Counter
from enum import StrEnum
from typing import Final, Literal

from attrs import field

from execmem_tui.formats.trace_event import Alloc
from execmem_tui.mm.vmalloc import Vmalloc
from execmem_tui.model.records import define, frozen

_NEAR: Final = 3

Held = Literal["free", "lazy", "pooled", "busy"]
"""What the model has in a piece of address space."""

Place = tuple[int, int, Held]
"""Start, end and state of a piece of address space."""


class Cause(StrEnum):
    """What explains a wrong prediction."""

    OTHER_POOL = "another CPU's pool"
    DECAY_AHEAD = "pools decayed by a purge under way"
    DECAY_LATE = "a purge under way had not decayed the pools yet"
    PURGE_AHEAD = "a purge took effect before its event"
    PART = "a purge under way had given back a part"
    OVERTAKEN = "another allocation came before it and was told after it"
    BEFORE_PURGE = "it came before a purge and was told after it"
    LATE_FREE = "a purge gave back an area whose free was told later"
    MISSED = "a purge came before an area was lazy whose free was told before it"
    SHRINKER = "pools emptied by the shrinker"
    PURGES_AHEAD = "two purges took effect before their events"
    TURNED = "its pool was turned by an aligned request of a task that changed its CPU"
    DETACHED = "its pool was detached by a purge under way"
    SHORTER = "a pool was shorter for a purge than was told"
    ORDER = "which areas a purge took first is not told"
    UNSEEN = "areas freed before the first event, and after the snapshot, wait for a purge"
    LOST = "events were lost before it"
    LOST_SOMEWHERE = "events were lost, and it is not known where"


@frozen(kw_only=True)
class Miss:
    """One wrong prediction."""

    line: int
    request: Alloc
    predicted: int | None
    kind: str
    certain: bool
    """History cannot blur its class: a miss that nothing explains is a fault of the model."""
    cause: Cause | None
    """None where nothing explains it."""
    robust: bool = False
    """The prediction stays the same with all lazy and all pooled areas counted as free: no purge
    under way can explain it."""
    around_expected: tuple[Place, ...] = ()
    """Of the first miss: what the model had around the real address, ascending."""
    around_predicted: tuple[Place, ...] = ()


@define
class ClassCount:
    """How many requests of one class and window were checked."""

    kind: str
    certain: bool
    window: tuple[int, int]
    failed: bool
    checked: int = 0
    exact: int = 0

    def hit(self) -> None:
        """Count an exact prediction."""
        self.checked += 1
        self.exact += 1


@define
class ReplayResults:
    """Counts of a replay."""

    misses: list[Miss] = field(factory=list)
    unclaimed: Counter[str] = field(factory=Counter)
    """Requests of which nothing is claimed, by the reason."""
    lost: int = 0
    unknown_frees: int = 0
    purges: int = 0
    purge_counts_differ: int = 0
    """Purges that counted more or less than was lazy in their span."""
    _counts: dict[tuple[str, bool, tuple[int, int], bool], ClassCount] = field(factory=dict)

    def count(
        self, kind: str, window: tuple[int, int], *, certain: bool, failed: bool
    ) -> ClassCount:
        """Return where requests of a class and window are counted."""
        key = (kind, certain, window, failed)
        if key not in self._counts:
            self._counts[key] = ClassCount(kind, certain, window, failed)
        return self._counts[key]

    def uncertain(self, count: ClassCount) -> ClassCount:
        """Return where a request of a class counts whose answer depends on the order of events."""
        return self.count(count.kind, count.window, certain=False, failed=count.failed)

    def move(self, count: ClassCount, to: ClassCount) -> None:
        """Count an exact prediction as one of another class."""
        count.checked -= 1
        count.exact -= 1
        to.hit()

    @property
    def checked(self) -> Counter[str]:
        """Predictions by class."""
        counts: Counter[str] = Counter()
        for count in self._counts.values():
            if count.checked:
                counts["failed attempt" if count.failed else count.kind] += count.checked
        return counts

    @property
    def exact(self) -> Counter[str]:
        """Right predictions by class."""
        counts: Counter[str] = Counter()
        for count in self._counts.values():
            if count.checked:
                counts["failed attempt" if count.failed else count.kind] += count.exact
        return counts

    @property
    def windows(self) -> dict[tuple[int, int], list[int]]:
        """(vstart, vend) -> [checked, exact]."""
        counts: dict[tuple[int, int], list[int]] = {}
        for count in self._counts.values():
            if count.checked:
                pair = counts.setdefault(count.window, [0, 0])
                pair[0] += count.checked
                pair[1] += count.exact
        return counts

    @property
    def certain(self) -> int:
        """Predictions of classes that history cannot blur."""
        return sum(count.checked for count in self._counts.values() if count.certain)

    @property
    def certain_exact(self) -> int:
        """Right ones of them."""
        return sum(count.exact for count in self._counts.values() if count.certain)


def around(vmalloc: Vmalloc, address: int | None) -> tuple[Place, ...]:
    """Return what lies about an address.

    The three free, lazy or pooled pieces at or below it, the busy area around it, the three above.
    """
    if address is None:
        return ()
    places: list[Place] = [(start, end, "free") for start, end in vmalloc.space]
    places += ((area.start, area.end, "lazy") for area in vmalloc.lazy())
    places += ((start, end, "pooled") for start, end in vmalloc.pooled())
    places.sort()
    below = [place for place in places if place[0] <= address][-_NEAR:]
    above = [place for place in places if place[0] > address][:_NEAR]
    area = vmalloc.enclosing(address)
    busy: list[Place] = [] if area is None else [(area.start, area.end, "busy")]
    return (*below, *busy, *above)

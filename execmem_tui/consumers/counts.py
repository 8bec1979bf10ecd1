"""Counts of what a simulated kernel did and of what is held.

All that a run without a screen needs.
"""

from collections.abc import Iterator
from typing import Final, Self

from attrs import evolve

from execmem_tui.consumers.observers import Observer, Request
from execmem_tui.mm.journal import (
    AllocVmapArea,
    FreeVmapAreaNoflush,
    PurgeVmapAreaLazy,
    Record,
    RoxFree,
    RoxPopulate,
)
from execmem_tui.mm.vmalloc import Purge
from execmem_tui.model.areas import Area
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import define, value
from execmem_tui.model.snapshots import Counters
from execmem_tui.model.units import Address, Bytes
from execmem_tui.model.work import Work

_WAITED_FOR: Final = (Purge.RECLAIM.value,)
"""Purges that count even if they moved nothing: somebody waited for them."""


@value
class Held:
    """One live allocation."""

    kind: ExecmemType | None
    size: Bytes
    """Usable."""
    footprint: Bytes
    """With the guard, where it is this area's."""
    window: Window | None
    owner: str


@define
class Last:
    """The newest request."""

    start: Address | None = None
    size: Bytes = 0
    window: Window | None = None
    failed: bool = False


class Counts(Observer):
    """The counters, what is held, and how much of address space that takes.

    Args:
        layout: of the machine.
        work: counts every record, and may end the run.
    """

    idle_purges = False

    def __init__(self, layout: Layout, work: Work | None = None) -> None:
        self.layout = layout
        self.work = Work() if work is None else work
        self.held: dict[Address, Held] = {}
        self.last = Last()
        self.blocks: set[Address] = set()
        """Starts of the blocks of the ROX cache."""
        self.footprint: Bytes = 0
        """Address space of everything in `held`."""
        self.peak: Bytes = 0
        """The most it ever was."""
        self.block_ends: set[Address] = set()
        """Ends of all blocks there ever were, without their guards."""
        self._cached = {kind for kind, entry in layout.types.items() if entry.rox_cached}
        self.populates = False
        """What is placed now will be a block of the ROX cache."""
        self.allocations = self.frees = self.failures = self.fallbacks = 0
        self.purges = self.purges_before = 0

    @property
    def counters(self) -> Counters:
        """What happened so far."""
        return Counters(
            allocations=self.allocations,
            frees=self.frees,
            failures=self.failures,
            fallbacks=self.fallbacks,
            purges=self.purges,
        )

    def append(self, record: Record, /) -> None:
        """Count `record`."""
        self.work.spend()
        if isinstance(record, AllocVmapArea):
            if self.populates and not record.failed:
                self.blocks.add(record.start)
        elif isinstance(record, FreeVmapAreaNoflush):
            self._forget(record.start)
            if record.start in self.blocks:
                self.blocks.discard(record.start)
            else:
                self.frees += 1
        elif isinstance(record, PurgeVmapAreaLazy):
            self.purges += bool(
                record.given_back or record.pooled or record.decayed or record.kind in _WAITED_FOR
            )
        elif isinstance(record, RoxPopulate):
            self.block_ends.add(record.start + record.size)
        elif isinstance(record, RoxFree):
            # its owner has it no more, even where the cache has to try again
            self._forget(record.start)
            self.frees += not record.pending

    def _forget(self, start: Address) -> None:
        held = self.held.pop(start, None)
        if held is not None:
            self.footprint -= held.footprint

    def begun(self, kind: ExecmemType | None) -> None:
        """Note whether what is placed now is a block."""
        self.populates = kind in self._cached

    def ended(self, request: Request | None, *, quiet: bool = True) -> None:
        """Count a request, and a purge that was asked for even if there was nothing to purge."""
        self.populates = False
        if not quiet:
            self.purges = max(self.purges, self.purges_before + 1)
        self.purges_before = self.purges
        if request is not None:
            kind, start = request.kind, request.result
            window = None
            if kind is not None and start is not None:
                window = self.layout.types[kind].window_of(start)
            self._count(request, window, guarded=kind not in self._cached)

    def _count(self, request: Request, window: Window | None, *, guarded: bool) -> None:
        start, size, last = request.result, request.size, self.last
        last.start, last.size, last.window, last.failed = start, size, window, start is None
        if start is None:
            self.failures += 1
            return
        self.allocations += 1
        self.fallbacks += window is Window.FALLBACK
        page = self.layout.page_size
        usable = (size + page - 1) & -page
        # inside a block only its last piece has a guard: the block's own
        guard = page if guarded or start + usable in self.block_ends else 0
        self.held[start] = Held(request.kind, usable, usable + guard, window, request.owner)
        self.footprint += usable + guard
        if self.footprint > self.peak:  # noqa: PLR1730 - a hot line, a call costs
            self.peak = self.footprint

    def occupied(self, area: Area) -> None:
        """Count an area of another user."""
        request = Request(
            kind=None, size=area.size, owner=area.name, region=None, detail="", result=area.start
        )
        self._count(request, None, guarded=True)

    def areas(self) -> Iterator[Area]:
        """Yield what is live."""
        return (area for area in map(self.area_at, self.held) if area is not None)

    def area_at(self, start: Address) -> Area | None:
        """Return the live area that starts at `start`, or None."""
        held = self.held.get(start)
        if held is None:
            return None
        return Area(
            start=start,
            size=held.size,
            guard=held.footprint - held.size,
            type=held.kind,
            owner=held.owner,
            window=held.window,
        )

    def clone(self) -> Self:
        """Return equal counts."""
        copy = self.__class__(self.layout, self.work)
        copy.held = dict(self.held)
        copy.last = evolve(self.last)
        copy.blocks = set(self.blocks)
        copy.footprint = self.footprint
        copy.peak = self.peak
        copy.block_ends = set(self.block_ends)
        copy.populates = self.populates
        copy.allocations = self.allocations
        copy.frees = self.frees
        copy.failures = self.failures
        copy.fallbacks = self.fallbacks
        copy.purges = self.purges
        copy.purges_before = self.purges_before
        return copy

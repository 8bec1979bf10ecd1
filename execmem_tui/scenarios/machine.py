"""A machine that counts for itself, so that a run without a screen needs no map, and that takes injected faults."""

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import define, frozen

from execmem_tui.consumers.ledger import Request
from execmem_tui.consumers.machine import Machine
from execmem_tui.mm.execmem import TypeRange
from execmem_tui.mm.journal import (
    AllocVmapArea,
    FreeVmapAreaNoflush,
    PurgeVmapAreaLazy,
    Record,
    RoxFree,
    RoxPopulate,
)
from execmem_tui.mm.vmalloc import Purge
from execmem_tui.mm.vmap_node import NO_OWNER, VmapArea
from execmem_tui.model.areas import Area, Part
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Event
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters
from execmem_tui.model.units import Address, Bytes, align_up, hex_address
from execmem_tui.model.work import Work

_WAITED_FOR: Final = (Purge.RECLAIM.value,)
"""Purges that count even if they moved nothing: somebody waited for them."""


class Tally(list[Record]):
    """The journal: counts every record, and keeps it for the ledger if there is one."""

    def __init__(self, *, keep: bool) -> None:
        super().__init__()
        self.keep = keep
        self.work = Work()
        """Everything that is recorded is work."""
        self.frees = 0
        self.purges = 0
        self.attempts = 0
        self.rox = False
        """What is placed now will be a block of the ROX cache."""
        self.blocks: set[Address] = set()
        self.block_ends: set[Address] = set()

    def append(self, record: Record, /) -> None:
        """Count `record`."""
        self.work.spend()
        if self.keep:
            super().append(record)
        if isinstance(record, AllocVmapArea):
            self.attempts += 1
            if self.rox and not record.failed:
                self.blocks.add(record.start)
        elif isinstance(record, FreeVmapAreaNoflush):
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
            self.frees += not record.pending


class _Sink(list[Event]):
    """Where events go that nobody wants."""

    def append(self, event: Event, /) -> None:
        """Drop it."""

    def extend(self, events: Iterable[Event], /) -> None:
        """Drop them."""


@frozen
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


class CountingMachine(Machine):
    """A `Machine` whose counters are its own. A clone of it is a plain `Machine`.

    Args:
        layout: where everything may live.
        cpus: possible CPUs.
        seed: of whatever is random.
        recording: keep the map and its events; without, only counts, several times faster.
    """

    def __init__(
        self, layout: Layout, *, cpus: int = 2, seed: int = 0, recording: bool = True
    ) -> None:
        super().__init__(layout, cpus=cpus, seed=seed)
        self.recording = recording
        self.tally = Tally(keep=recording)
        self._records = self.tally
        self.execmem.vmalloc.journal = self.tally
        if not recording:
            self._events = _Sink()
            self.execmem.vmalloc.skip_idle_purges = True
        self.held: dict[Address, Held] = {}
        self.last = Last()
        self.fail_in = 0
        """The so-manieth request from now finds no pages; 0: none."""
        self._allocations = self._failures = self._fallbacks = 0
        self.footprint: Bytes = 0
        """Address space of everything in `held`."""
        self.peak: Bytes = 0
        """The most it ever was."""

    @property
    def counters(self) -> Counters:
        """What happened so far."""
        return Counters(
            allocations=self._allocations,
            frees=self.tally.frees,
            failures=self._failures,
            fallbacks=self._fallbacks,
            purges=self.tally.purges,
        )

    def exec_alloc(
        self,
        kind: ExecmemType,
        size: Bytes,
        *,
        owner: str,
        region: str | None = None,
        detail: str = "",
        rw: bool = False,
    ) -> Address | None:
        """execmem_alloc(), or execmem_alloc_rw().

        The address, or None after both windows failed.
        """
        entry = self.layout.range_of(kind)
        self.tally.rox = rox = entry.rox_cached
        struck = self.fail_in == 1
        areas = self.execmem.areas
        before, areas.page_alloc_fails = areas.page_alloc_fails, areas.page_alloc_fails or struck
        start = self.execmem.alloc_rw(kind, size) if rw else self.execmem.alloc(kind, size)
        areas.page_alloc_fails = before
        self.tally.rox = False
        if self.fail_in and not (
            struck and start is not None
        ):  # a piece of the ROX cache needs no pages
            self.fail_in -= 1
        if self.recording:
            request = Request(
                kind=kind, size=size, owner=owner, region=region, detail=detail, result=start
            )
            self._book(request)
        window = None if start is None else entry.window_of(start)
        self._count(kind, size, start, window, owner, guarded=not rox)
        return start

    def _count(
        self,
        kind: ExecmemType | None,
        size: Bytes,
        start: Address | None,
        window: Window | None,
        owner: str,
        *,
        guarded: bool,
    ) -> None:
        self.last = Last(start, size, window, start is None)
        if start is None:
            self._failures += 1
            return
        self._allocations += 1
        self._fallbacks += window is Window.FALLBACK
        page = self.layout.page_size
        usable = align_up(size, page)
        guard = page if guarded or start + usable in self.tally.block_ends else 0
        self.held[start] = Held(kind, usable, usable + guard, window, owner)
        self.footprint += usable + guard
        self.peak = max(self.peak, self.footprint)

    def exec_free(self, start: Address) -> None:
        """execmem_free().

        Raises:
            UsageError: nothing that can be freed starts there.
        """
        held = self.held.get(start)
        if held is None or held.kind is None:
            raise UsageError(f"nothing to free at {hex_address(start, self.layout.word_bits)}")
        self._forget(start)
        self.execmem.free(start)
        self._book(None)

    def vmalloc(self, size: Bytes, *, owner: str, align: int = 1, flags: int = 0) -> Address | None:
        """Allocate in the general vmalloc window."""
        start = super().vmalloc(size, owner=owner, align=align, flags=flags)
        self._count(None, size, start, None, owner, guarded=True)
        return start

    def vfree(self, start: Address) -> None:
        """Free what `vmalloc` returned."""
        super().vfree(start)
        if start in self.held:
            self._forget(start)

    def occupy(self, start: Address, end: Address, owner: str) -> None:
        """Take exactly [start, end), its last page as guard, for another user of vmalloc space.

        Raises:
            UsageError: not all of it is free, or it is no whole number of pages.
        """
        page, vmalloc = self.layout.page_size, self.execmem.vmalloc
        if (
            start % page
            or end % page
            or end - start < 2 * page
            or not vmalloc.space.take(start, end)
        ):
            raise UsageError(
                f"cannot take {start:#x}-{end:#x}: it is not free, or not at least two whole pages"
            )
        vmalloc.busy[start] = VmapArea(start, end, NO_OWNER, 0, page)
        self._count(None, end - start - page, start, None, owner, guarded=True)
        if self.recording:
            area = Area(start=start, size=end - start - page, guard=page, owner=owner)
            self._ledger.areas[start] = area
            self._events.append(
                Allocated(time=self.time, added=(area,), area=area, requested=area.size)
            )

    def _forget(self, start: Address) -> None:
        self.footprint -= self.held.pop(start).footprint

    def purge(self, kind: str = "aliases") -> None:
        """Purge lazy areas; it counts also if there was nothing to purge."""
        before = self.tally.purges
        super().purge(kind)
        self.tally.purges = max(self.tally.purges, before + 1)

    def force_fallback(self, *, on: bool) -> None:
        """Refuse the preferred windows of all types that have a second one, or use them again.

        Raises:
            UsageError: no type here has a second window.
        """
        if not any(entry.has_fallback for entry in self.layout.types.values()):
            raise UsageError(
                f"{self.layout.arch} {self.layout.variant} has no fallback range to force"
            )
        for kind, entry in self.layout.types.items():
            windows = (entry.start, entry.end, entry.fallback_start, entry.fallback_end)
            if on and entry.has_fallback:
                windows = (entry.fallback_start, entry.fallback_end, 0, 0)
            self.execmem.ranges[int(kind)] = TypeRange(*windows, entry.alignment, entry.rox_cached)

    def area_at(self, start: Address) -> Area | None:
        """Return the area that starts at `start`."""
        if self.recording:
            return super().area_at(start)
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

    def areas(self) -> Iterator[Area]:
        """Yield everything on the map now; without a recording, what is live."""
        if self.recording:
            return super().areas()
        return (area for area in map(self.area_at, self.held) if area is not None)

    def relabel(
        self,
        start: Address,
        *,
        owner: str | None = None,
        region: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Give an area another owner, region or detail."""
        if self.recording:
            super().relabel(start, owner=owner, region=region, detail=detail)

    def divide(self, start: Address, parts: tuple[Part, ...], detail: str) -> None:
        """Tell what is used inside an area."""
        if self.recording:
            super().divide(start, parts, detail)

    def note(self, message: str, *, mark: bool = False) -> None:
        """Add a remark to the stream."""
        if self.recording:
            super().note(message, mark=mark)

    def _book(self, request: Request | None, *, quiet: bool = True) -> None:
        if self.recording:
            super()._book(request, quiet=quiet)

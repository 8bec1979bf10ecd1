"""What the allocator did, in the kernel's own terms.

One record per trace event, and more where the kernel prints none.
"""

from typing import Protocol

from execmem_tui.model.records import value


@value
class AllocVmapArea:
    """One attempt (trace event alloc_vmap_area). `size` includes the guard.

    `start` means nothing when `failed`.
    """

    start: int
    size: int
    align: int
    vstart: int
    vend: int
    failed: bool
    pooled: bool


@value
class FreeVmapAreaNoflush:
    """An area turned lazy (trace event free_vmap_area_noflush).

    `nr_lazy` is in pages, after adding it.
    """

    start: int
    end: int
    nr_lazy: int


@value
class PurgeVmapAreaLazy:
    """A purge ended (trace event purge_vmap_area_lazy). Intervals are (start, end)."""

    kind: str
    """aliases, drain, reclaim or shrink: who asked for it (mm/vmalloc.c)."""
    given_back: tuple[tuple[int, int], ...]
    """Lazy areas that are free now."""
    pooled: tuple[tuple[int, int], ...]
    """Lazy areas parked in their node's pool."""
    decayed: tuple[tuple[int, int], ...]
    """Pooled areas that are free now."""


@value
class PercpuAreas:
    """A percpu chunk was placed (no trace event): its areas as (start, end)."""

    areas: tuple[tuple[int, int], ...]


@value
class RoxPopulate:
    """The ROX cache took a block of `size` bytes at `start`; its guard page follows it."""

    start: int
    size: int


@value
class RoxAlloc:
    """A piece of a block went to a caller."""

    start: int
    size: int


@value
class RoxFree:
    """A piece came back to the cache; `pending` if set_memory failed and it is retried later."""

    start: int
    size: int
    pending: bool


@value
class RoxClean:
    """The cleaner dropped a whole free block; a FreeVmapAreaNoflush follows."""

    start: int
    size: int


@value
class Hazard:
    """A kernel hazard would have struck here: flagged, not imitated."""

    rule: str
    message: str


Record = (
    AllocVmapArea
    | FreeVmapAreaNoflush
    | PurgeVmapAreaLazy
    | PercpuAreas
    | RoxPopulate
    | RoxAlloc
    | RoxFree
    | RoxClean
    | Hazard
)


class Journal(Protocol):
    """Where records go: a list will do."""

    def append(self, record: Record, /) -> None:
        """Take one record."""

"""How full the range of each type is: the same numbers for a map and for a running allocator."""

from collections.abc import Callable, Mapping
from typing import Protocol

from execmem_tui.model.intervals import Interval, union
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes


@frozen(kw_only=True)
class Meter:
    """One type's share of address space, in bytes; guards count as used."""

    used: Bytes
    """Live areas of the type, wherever they lie."""
    lazy: Bytes
    """Freed and not yet purged, of any owner, inside the type's windows."""
    free: Bytes
    """Free inside the type's windows; where they overlap, once."""
    largest_hole: Bytes
    """The longest free run inside one window: the largest padded request that would fit without a
    purge."""


class FreeSpans(Protocol):
    """What is free."""

    def free(self, start: Address, end: Address) -> Bytes:
        """Return the free bytes of [start, end)."""

    def largest(self, start: Address, end: Address) -> Bytes:
        """Return the longest free run of [start, end) in bytes."""


def meters_of(
    layout: Layout,
    spans: FreeSpans,
    used: Mapping[ExecmemType, Bytes],
    lazy: Callable[[tuple[Interval, ...]], Bytes],
) -> dict[ExecmemType, Meter]:
    """Return the meter of every type.

    Args:
        layout: of the machine.
        spans: what is free.
        used: bytes of live areas by type, guards included.
        lazy: returns the bytes of all areas that wait for a purge and start in one of some windows.
    """
    known: dict[tuple[Interval, ...], tuple[Bytes, Bytes, Bytes]] = {}
    found = {}
    for kind in ExecmemType:
        windows = layout.range_of(kind).windows
        if windows not in known:  # most types share their windows
            known[windows] = (
                lazy(windows),
                sum(spans.free(low, high) for low, high in union(windows)),
                max((spans.largest(low, high) for low, high in windows), default=0),
            )
        waiting, free, largest = known[windows]
        found[kind] = Meter(used=used[kind], lazy=waiting, free=free, largest_hole=largest)
    return found

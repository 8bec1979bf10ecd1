"""What an address falls on: an area, its guard, the image, a hole, or what nobody here can know."""

from collections.abc import Iterator
from enum import StrEnum

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.intervals import Interval
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address


class Place(StrEnum):
    """What an address falls on."""

    AREA = "area"
    GUARD = "guard"
    """The guard page that ends an area."""
    IMAGE = "image"
    HOLE = "hole"
    """Free address space where areas are made."""
    UNKNOWN = "unknown"
    """Addresses are hidden: something may be there."""
    OUTSIDE = "outside"
    """Where no area is ever made: user space, the direct map, …"""


def place_of(snapshot: Snapshot, address: Address) -> Place:
    """Return what is at an address. What was not seen is unknown, not free."""
    area = snapshot.area_at(address)
    if area is not None:
        return Place.AREA if address < area.start + area.size else Place.GUARD
    layout = snapshot.layout
    image = layout.image
    if image is not None and image[0] <= address < image[1]:
        return Place.IMAGE
    if is_user_space(layout, address):
        return Place.OUTSIDE
    if snapshot.hidden:  # then the windows' own places may be only the usual ones
        return Place.UNKNOWN
    windows = list(_windows(layout))
    if windows and not any(start <= address < end for start, end in windows):
        return Place.OUTSIDE
    return Place.HOLE


def _windows(layout: Layout) -> Iterator[tuple[Address, Address]]:
    """Yield where areas are made, as far as that is known."""
    if layout.vmalloc_end > layout.vmalloc_start:
        yield layout.vmalloc_start, layout.vmalloc_end
    for entry in layout.types.values():
        if entry.end > entry.start:
            yield entry.start, entry.end
        if entry.has_fallback:
            yield entry.fallback_start, entry.fallback_end


def window_at(layout: Layout, address: Address) -> tuple[ExecmemType | None, int, Interval] | None:
    """Return the smallest window that takes an address in: of which type, which of its, and where.

    Numbers count from the preferred range, 0. The vmalloc area, where it is no type's, has none.
    None where no window takes the address in.
    """
    found = [
        (end - start, number, kind, (start, end))
        for kind in ExecmemType
        for number, (start, end) in enumerate(layout.range_of(kind).windows)
        if start <= address < end
    ]
    if found:
        _, number, kind, window = min(found)
        return kind, number, window
    if layout.vmalloc_start <= address < layout.vmalloc_end:
        return None, 0, (layout.vmalloc_start, layout.vmalloc_end)
    return None


def hole_at(layout: Layout, holes: HoleIndex, address: Address) -> Interval | None:
    """Return the hole that an address is in, [start, end), or None where there is none.

    It ends where the smallest window does that takes the address in: what lies free beyond is for
    others.
    """
    hole = holes.at(address)
    window = window_at(layout, address)
    if hole is None or window is None:
        return hole
    low, high = window[2]
    return max(hole[0], low), min(hole[1], high)


def outside_words(layout: Layout, address: Address) -> str:
    """Return what lies at an address outside the vmalloc and module areas."""
    if is_user_space(layout, address):
        return "outside the vmalloc and module areas: user space"
    return "outside the vmalloc and module areas: the direct map, or another part of the kernel's"


def is_user_space(layout: Layout, address: Address) -> bool:
    """Whether an address is a program's.

    The lower half, on 32 bits what is below all that is the kernel's. s390 alone has the kernel in
    the lower half: it has an address space of its own there.
    """
    half = 1 << (layout.word_bits - 1)
    lowest = min((start for start, _ in _windows(layout)), default=0)
    low = layout.macros.get("PAGE_OFFSET", half) if layout.word_bits == 32 else half
    return address < (min(low, lowest) if layout.word_bits == 32 else low) and (
        layout.word_bits == 32 or lowest >= half
    )

"""What can reach what.

Windows around an origin, verdicts for pairs and for everything on a map, room left.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Reach, Verdict
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes

_INSTRUCTION: Final = 4
"""Bytes of the smallest call target at the end of an image: one instruction."""


def verdict(layout: Layout, reach: Reach, origin: Address, target: Address) -> Verdict:
    """Say whether code at `origin` can name `target` this way.

    Directly, through a PLT entry (calls only), or not.
    """
    if reach.reaches(origin, target):
        return Verdict.DIRECT
    if reach.call and layout.plt is not None and layout.plt.reaches(origin, target):
        return Verdict.PLT
    return Verdict.UNREACHABLE


def verdicts(layout: Layout, origin: Address, target: Address) -> list[tuple[Reach, Verdict]]:
    """Return the verdict of every reach of the layout for one pair of addresses."""
    return [(reach, verdict(layout, reach, origin, target)) for reach in layout.reach]


def spans(layout: Layout, area: Area) -> list[tuple[Reach, Verdict]]:
    """Return for every reach the worst verdict between any byte of `area` and any byte of the kernel image.

    A module calls the kernel and the kernel's tables refer to the module; what counts is the
    farthest pair.
    """
    image = layout.image
    if image is None:
        return []
    first, last = area.start, area.start + area.size - 1
    order = list(Verdict)
    found = []
    for reach in layout.reach:
        # the last place that a call can name is the image's last instruction, that of data its last
        # byte
        low, high = image[0], image[1] - (_INSTRUCTION if reach.call else 1)
        pairs = ((first, high), (first, low), (last, low), (last, high))
        found.append(
            (
                reach,
                max(
                    (verdict(layout, reach, origin, target) for origin, target in pairs),
                    key=order.index,
                ),
            )
        )
    return found


def call_reach(layout: Layout) -> Reach | None:
    """Return the reach of an ordinary call, the one a PLT extends."""
    return next((reach for reach in layout.reach if reach.call), None)


def area_verdict(layout: Layout, area: Area) -> Verdict | None:
    """Return the verdict of calls between an area and the kernel image, or None where either is unknown.

    UNREACHABLE also when a binding relocation, which no PLT can extend, does not reach.
    """
    found = spans(layout, area)
    if not found:
        return None
    if any(reach.binding and result is Verdict.UNREACHABLE for reach, result in found):
        return Verdict.UNREACHABLE
    return next((result for reach, result in found if reach.call), found[0][1])


@frozen(kw_only=True)
class ReachCounts:
    """How many live module text areas call the kernel directly, through a PLT entry, or not at all."""

    direct: int
    plt: int
    unreachable: int


def count_module_text(snapshot: Snapshot) -> ReachCounts:
    """Count the live MODULE_TEXT areas by the verdict of their calls into the kernel."""
    counts = dict.fromkeys(Verdict, 0)
    for area in snapshot.areas:
        if area.type is ExecmemType.MODULE_TEXT and area.state is AreaState.LIVE:
            found = area_verdict(snapshot.layout, area)
            if found is not None:
                counts[found] += 1
    return ReachCounts(
        direct=counts[Verdict.DIRECT],
        plt=counts[Verdict.PLT],
        unreachable=counts[Verdict.UNREACHABLE],
    )


def free_bytes(areas: Iterable[Area], start: Address, end: Address) -> Bytes:
    """Return the bytes of [start, end) that no area covers.

    `areas` ascending, possibly overlapping.
    """
    free, at = 0, start
    for area in areas:
        if area.start > at:
            free += min(area.start, end) - at
        at = max(at, area.end)
        if at >= end:
            return free
    return free + max(0, end - at)


def module_windows(layout: Layout) -> Iterator[tuple[str, Address, Address]]:
    """Yield (name, start, end) of the windows that module text may use."""
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    if entry.end > entry.start:
        yield ("direct" if entry.has_fallback else "modules"), entry.start, entry.end
    if entry.has_fallback:
        yield "fallback", entry.fallback_start, entry.fallback_end


def room_left(snapshot: Snapshot) -> list[tuple[str, Address, Address, Bytes]]:
    """Return (name, start, end, free bytes) of each module window.

    The image inside a window is not free.
    """
    layout = snapshot.layout
    image = layout.image
    left = []
    for name, start, end in module_windows(layout):
        areas = list(snapshot.between(start, end))
        if image is not None and image[0] < end and image[1] > start:
            areas.append(Area(start=image[0], size=image[1] - image[0]))
            areas.sort(key=lambda area: area.start)
        left.append((name, start, end, free_bytes(areas, start, end)))
    return left


def boot_pages(layout: Layout) -> tuple[int, int] | None:
    """Return what arm64 prints at boot.

    Pages for non-PLT usage and for PLT usage (arch/arm64/mm/init.c: module_init_info).
    """
    image = layout.image
    if image is None or "module_plt_base" not in layout.macros:
        return None
    size = image[1] - image[0]
    direct, plt = (
        layout.macros.get("module_direct_base", 0),
        layout.macros.get("module_plt_base", 0),
    )
    pages = layout.page_size
    return (
        ((128 << 20) - size) // pages if direct else 0,
        ((2 << 30) - size) // pages if plt else 0,
    )

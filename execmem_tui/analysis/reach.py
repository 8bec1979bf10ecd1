"""What can reach what.

Windows around an origin, verdicts for pairs and for everything on a map, room left.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.blocks import Block
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


class Origin(NamedTuple):
    """What reach counts from: the kernel image, an area, or one address. Half-open, never empty."""

    start: Address
    end: Address
    name: str
    """Printable: ``kernel text``, ``sctp text``."""


def kernel_origin(layout: Layout) -> Origin | None:
    """Return the kernel image as an origin, or None where it is unknown."""
    image = layout.image
    return None if image is None else Origin(image[0], image[1], "kernel text")


def spans(layout: Layout, area: Area, origin: Origin | None = None) -> list[tuple[Reach, Verdict]]:
    """Return for every reach the worst verdict of any byte of `area` and any of the origin.

    By default that is the kernel image. A module calls the kernel and the kernel's tables refer to
    the module; what counts is the farthest pair.
    """
    origin = kernel_origin(layout) if origin is None else origin
    if origin is None:
        return []
    first, last = area.start, area.start + area.size - 1
    order = list(Verdict)
    found = []
    for reach in layout.reach:
        # the last place that a call can name is the origin's last instruction, that of data its
        # last byte
        end = origin.end - (_INSTRUCTION if reach.call else 1)
        low, high = origin.start, max(origin.start, end)
        pairs = ((first, high), (first, low), (last, low), (last, high))
        found.append(
            (
                reach,
                max((verdict(layout, reach, *pair) for pair in pairs), key=order.index),
            )
        )
    return found


def call_reach(layout: Layout) -> Reach | None:
    """Return the reach of an ordinary call, the one a PLT extends."""
    return next((reach for reach in layout.reach if reach.call), None)


def area_verdict(layout: Layout, area: Area, origin: Origin | None = None) -> Verdict | None:
    """Return the verdict of calls between an area and the origin (the kernel image).

    None where either is unknown. UNREACHABLE also when a binding relocation, which no PLT can
    extend, does not reach.
    """
    found = spans(layout, area, origin)
    if not found:
        return None
    if any(reach.binding and result is Verdict.UNREACHABLE for reach, result in found):
        return Verdict.UNREACHABLE
    return next((result for reach, result in found if reach.call), found[0][1])


class ReachCounts(NamedTuple):
    """How many live module texts call the kernel directly, through a PLT entry, or not at all."""

    direct: int
    plt: int
    unreachable: int
    vague: int = 0
    """Of all of these: what a file that names no regions leaves open, text or data."""


class TextCounter:
    """Counts the live MODULE_TEXT areas by the verdict of calls between them and the origin.

    One for a layout and an origin, kept from step to step: blocks remember its counts.

    Args:
        layout: where the areas are.
        origin: None is the kernel image.
    """

    def __init__(self, layout: Layout, origin: Origin | None = None) -> None:
        self.layout = layout
        self.origin = origin

    def __call__(self, block: Block) -> tuple[int, ...]:
        """Return the counts of one block by `Verdict`, then of those that may be data."""
        counts = dict.fromkeys(Verdict, 0)
        texts = [
            area
            for area in block.areas
            if area.type is ExecmemType.MODULE_TEXT and area.state is AreaState.LIVE
        ]
        vague = sum(area.owner is None and area.region is None for area in texts)
        hull = Area(start=block.start, size=block.end - block.start)
        # what reaches a whole block reaches each area in it: most blocks need one look
        if texts and area_verdict(self.layout, hull, self.origin) is Verdict.DIRECT:
            counts[Verdict.DIRECT] = len(texts)
            return (*counts.values(), vague)
        for area in texts:
            found = area_verdict(self.layout, area, self.origin)
            if found is not None:
                counts[found] += 1
        return (*counts.values(), vague)

    def count(self, snapshot: Snapshot) -> ReachCounts:
        """Return the counts of a whole snapshot."""
        blocks = snapshot.areas.blocks
        sums = [sum(column) for column in zip(*(block.find(self) for block in blocks), strict=True)]
        *verdicts, vague = sums or [0, 0, 0, 0]
        found = dict(zip(Verdict, verdicts, strict=True))
        return ReachCounts(
            direct=found[Verdict.DIRECT],
            plt=found[Verdict.PLT],
            unreachable=found[Verdict.UNREACHABLE],
            vague=vague,
        )


def count_module_text(snapshot: Snapshot) -> ReachCounts:
    """Count the live MODULE_TEXT areas by the verdict of their calls into the kernel."""
    return TextCounter(snapshot.layout).count(snapshot)


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

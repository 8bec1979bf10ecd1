"""The reach panel: where calls from the origin get, and where the kernel looks for room.

One axis through the origin, low addresses at the top as in the map. Distance is logarithmic, in
bands between powers of four, so that ±128M and ±2G are both in sight; inside a band the place is to
scale.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from execmem_tui.analysis.reach import (
    Origin,
    ReachCounts,
    TextCounter,
    boot_pages,
    call_reach,
)
from execmem_tui.model.areas import AreaState
from execmem_tui.model.blocks import Block
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.reach import Reach, ReachKind
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import MIB, Address, Bytes, align_down, align_up
from execmem_tui.view.cells import ReachWindow
from execmem_tui.view.words import percent

_NEAREST: Final[Bytes] = MIB
"""Distances below are one band: nearer than the smallest image."""

_FOUR: Final = 4
_PARTS: Final = 3
"""Bands of what is used, where nothing else divides it."""

_MODULES: Final = (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)
_LIMIT_MARKS: Final = "─═━"
"""Of the reaches, in their order: the first is that of a call."""


def kernel_window(layout: Layout, origin: Origin | None) -> ReachWindow | None:
    """Return what calls from all of `origin` reach directly, and through a PLT entry."""
    reach = call_reach(layout)
    if reach is None or origin is None:
        return None
    first, last = reach.window(origin.start), reach.window(max(origin.start, origin.end - 4))
    direct = max(first[0], last[0]), max(first[0], last[0], min(first[1], last[1]))
    plt: tuple[Address, Address] | None = None
    if layout.plt is not None:
        entry, at = layout.plt, origin.start
        plt = (0, 1 << layout.word_bits)
        if entry.low is not None and entry.high is not None:
            plt = max(0, at + entry.low), at + entry.high + 1
        for other in layout.reach:
            if other.binding:
                low, high = other.window(at)
                plt = max(plt[0], low), min(plt[1], high)
    return ReachWindow(direct, plt)


class Band(NamedTuple):
    """A part of the axis: [start, end), at a signed distance from the origin."""

    start: Address
    end: Address
    distance: int
    """Of `start` from the origin, 0 inside it."""
    limit: str = ""
    """The mark of the reach that ends at `start`, or ""."""


class RoxBlock(NamedTuple):
    """One block of the ROX cache."""

    start: Address
    size: Bytes
    used: Bytes
    owners: tuple[str, ...]
    free: tuple[Address, Bytes] = (0, 0)
    """Where its largest free piece begins, and how large that is."""

    @property
    def text(self) -> str:
        """``c0400000  48 %  nf_tables tls``, or who alone holds it."""
        share = f"{percent(self.used, self.size):>5}"
        if not self.owners:
            return f"{share}  empty: the cleaner may give it back"
        if len(self.owners) == 1:
            return f"{share}  held by {self.owners[0]} alone"
        return f"{share}  {' '.join(self.owners)}"


class ReachModel(NamedTuple):
    """All that the reach panel shows."""

    snapshot: Snapshot
    origin: Origin
    window: ReachWindow
    bands: tuple[Band, ...]
    limits: tuple[tuple[str, Reach], ...]
    """Mark and reach, where a distance of the axis shows it."""
    counts: ReachCounts
    spilled: tuple[Address, Address] | None
    """From where to where the fallback window is used, None where it is not."""
    hull: tuple[Address, Address] | None
    """From the first module to the last."""
    pages: tuple[int, int] | None
    rox: tuple[RoxBlock, ...]


def reach_model(
    snapshot: Snapshot,
    counter: TextCounter,
    origin: Origin | None,
    rox: tuple[RoxBlock, ...] | None = None,
) -> ReachModel | None:
    """Return the panel's content, or None where no origin is known.

    Args:
        snapshot: what is shown.
        counter: of module texts by verdict.
        origin: where calls come from.
        rox: the blocks of the ROX cache, where they are at hand.
    """
    layout = snapshot.layout
    if origin is None:
        return None
    window = kernel_window(layout, origin) or ReachWindow(None, None)
    window = window._replace(
        allowed=layout.range_of(ExecmemType.MODULE_TEXT).windows, unseen=bool(snapshot.hidden)
    )
    limits, used = tuple(_limits(layout)), used_hulls(snapshot)
    return ReachModel(
        snapshot=snapshot,
        origin=origin,
        window=window,
        bands=tuple(_bands(layout, origin, limits, used.values())),
        spilled=used.get(Window.FALLBACK),
        limits=limits,
        counts=counter.count(snapshot),
        hull=_hull(snapshot),
        pages=boot_pages(layout),
        rox=rox_blocks(snapshot) if rox is None else rox,
    )


def _limits(layout: Layout) -> Iterator[tuple[str, Reach]]:
    """Yield the reaches that are drawn: that of a call, and what binds kernel and modules."""
    call = call_reach(layout)
    drawn = [reach for reach in layout.reach if reach is call or reach.binding]
    drawn += [reach for reach in layout.reach if reach not in drawn]
    relative = [reach for reach in drawn if reach.kind is not ReachKind.ABSOLUTE]
    yield from zip(_LIMIT_MARKS[:2], relative, strict=False)


def _bands(
    layout: Layout,
    origin: Origin,
    limits: tuple[tuple[str, Reach], ...],
    used: Iterable[tuple[Address, Address]],
) -> Iterator[Band]:
    """Yield the bands from the lowest address to the highest.

    They end at what a reach or a window ends at, and at powers of four between; and where what
    modules use of a window begins and ends: far from the origin a band is hundreds of MiB long, and
    what is used of it would be one cell.
    """
    top = 1 << layout.word_bits
    marks: dict[Address, str] = {}
    for mark, reach in limits:
        for edge in reach.window(origin.start):
            marks.setdefault(min(edge, top), mark)
    pairs = layout.range_of(ExecmemType.MODULE_TEXT).windows
    # MODULES_END of nios2 is one byte before the kernel: a band of that byte would say nothing
    edges = {align_up(edge, layout.page_size) for pair in pairs for edge in pair}
    edges |= {origin.start, origin.end}
    low = max(0, min([*edges, *marks]))
    high = min(top, max([*edges, *marks]))
    distance = _NEAREST
    while distance < high - low:
        edges |= {origin.start - distance, origin.end + distance}
        distance *= _FOUR
    for start, end in used:
        edges |= {start, end}
        if not any(start < edge < end for edge in {*edges, *marks}):
            third = max(align_up((end - start) // _PARTS, MIB), MIB)
            edges |= set(range(start + third, end - third // 2, third))
    kept = _thinned(
        sorted(edge for edge in {*edges, *marks} if low <= edge <= high),
        pairs,
        {*marks, origin.start, origin.end},
    )
    for start, end in pairwise(kept):
        away = start - origin.start if start < origin.start else max(0, start - origin.start)
        yield Band(start, end, away, marks.get(start, ""))


def _thinned(
    edges: list[Address], pairs: tuple[tuple[Address, Address], ...], marks: set[Address]
) -> list[Address]:
    """Return the edges without those between two bands that no window touches."""

    def touched(start: Address, end: Address) -> bool:
        return any(start < high and low < end for low, high in pairs)

    kept = edges[:1]
    for at, edge in enumerate(edges[1:-1], 1):
        between = touched(kept[-1], edge) or touched(edge, edges[at + 1])
        if between or edge in marks:
            kept.append(edge)
    return kept + edges[-1:]


def _used(block: Block) -> dict[Window, tuple[Address, Address]]:
    """Return from where to where each window of the modules is used by areas of one block."""
    found: dict[Window, tuple[Address, Address]] = {}
    for area in block.areas:
        if area.type in _MODULES and area.window is not None and area.state is AreaState.LIVE:
            low, high = found.get(area.window, (area.start, area.end))
            found[area.window] = min(low, area.start), max(high, area.end)
    return found


def used_hulls(snapshot: Snapshot) -> dict[Window, tuple[Address, Address]]:
    """Return from where to where modules use each window; half-open."""
    found: dict[Window, tuple[Address, Address]] = {}
    for block in snapshot.areas.blocks:
        for window, (start, end) in block.find(_used).items():
            low, high = found.get(window, (start, end))
            found[window] = min(low, start), max(high, end)
    return found


def _texts(block: Block) -> tuple[Address, Address] | None:
    """Return the hull of the module text of one block."""
    found = [
        area
        for area in block.areas
        if area.type is ExecmemType.MODULE_TEXT and area.state is AreaState.LIVE
    ]
    return (found[0].start, max(area.end for area in found)) if found else None


def _hull(snapshot: Snapshot) -> tuple[Address, Address] | None:
    hulls = [hull for block in snapshot.areas.blocks if (hull := block.find(_texts)) is not None]
    return (hulls[0][0], max(high for _, high in hulls)) if hulls else None


@frozen
class _Rox:
    """Finds the pieces of ROX cache blocks among the areas of a block."""

    types: tuple[ExecmemType, ...]
    size: Bytes

    def __call__(self, block: Block) -> list[tuple[Address, Address, Bytes, bool, str]]:
        """Return (start of the cache block, start, size, in use, owner or "") of each piece.

        A large one has several.
        """
        found = []
        for area in block.areas:
            free = area.state is AreaState.CACHE_FREE
            if free or (area.state is AreaState.LIVE and area.type in self.types):
                owner, end = "" if free else area.owner or "?", area.start + area.size
                for start in range(align_down(area.start, self.size), end, self.size):
                    low = max(area.start, start)
                    size = min(end, start + self.size) - low
                    found.append((start, low, size, not free, owner))
        return found


def rox_blocks(snapshot: Snapshot) -> tuple[RoxBlock, ...]:
    """Return the blocks of the ROX cache, ascending; none where the kernel has no such cache."""
    layout = snapshot.layout
    types = tuple(kind for kind in ExecmemType if layout.range_of(kind).rox_cached)
    if not types:
        return ()
    find = _Rox(types, layout.pmd_size)
    used: dict[Address, Bytes] = {}
    owners: dict[Address, dict[str, None]] = {}
    free: dict[Address, tuple[Address, Bytes]] = {}
    for block in snapshot.areas.blocks:
        for start, low, size, in_use, owner in block.find(find):
            used[start] = used.get(start, 0) + (size if in_use else 0)
            if not in_use and size > free.get(start, (0, 0))[1]:
                free[start] = (low, size)
            owners.setdefault(start, {})
            if owner:
                owners[start][owner] = None
    return tuple(
        RoxBlock(
            start=start,
            size=layout.pmd_size,
            used=used[start],
            owners=tuple(owners[start]),
            free=free.get(start, (0, 0)),
        )
        for start in sorted(used)
    )

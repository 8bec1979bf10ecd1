"""The reach panel: where calls from the origin get, and where the kernel looks for room.

One axis through the origin, low addresses at the top as in the map. Distance is logarithmic, in
bands between powers of four, so that ±128M and ±2G are both in sight; inside a band the place is to
scale.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from textwrap import wrap
from typing import Final

from attrs import evolve

from execmem_tui.analysis.holes import HoleIndex
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
from execmem_tui.model.reach import Reach, ReachKind, Verdict
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import MIB, Address, Bytes, align_down, align_up, format_size
from execmem_tui.view.cell_index import CellIndex
from execmem_tui.view.cells import Cell, ReachWindow, Run, runs_of
from execmem_tui.view.words import Piece, Tone, Word

_NEAREST: Final[Bytes] = MIB
"""Distances below are one band: nearer than the smallest image."""

_FOUR: Final = 4
_PARTS: Final = 3
"""Bands of what is used, where nothing else divides it."""

_MODULES: Final = (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)
_LABEL: Final = 6
_ROWS: Final = 14
"""Bands that are drawn where there is room."""

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


@frozen
class Band:
    """A part of the axis: [start, end), at a signed distance from the origin."""

    start: Address
    end: Address
    distance: int
    """Of `start` from the origin, 0 inside it."""
    limit: str = ""
    """The mark of the reach that ends at `start`, or ""."""


@frozen(kw_only=True)
class RoxBlock:
    """One block of the ROX cache."""

    start: Address
    size: Bytes
    used: Bytes
    owners: tuple[str, ...]

    @property
    def text(self) -> str:
        """``c0400000  48 %  nf_tables tls``, or who alone holds it."""
        share = f"{self.used * 100 // self.size:3} %"
        if not self.owners:
            return f"{share}  empty: the cleaner may give it back"
        if len(self.owners) == 1:
            return f"{share}  held by {self.owners[0]} alone"
        return f"{share}  {' '.join(self.owners)}"


@frozen(kw_only=True)
class ReachModel:
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
    snapshot: Snapshot, counter: TextCounter, origin: Origin | None
) -> ReachModel | None:
    """Return the panel's content, or None where no origin is known."""
    layout = snapshot.layout
    if origin is None:
        return None
    window = kernel_window(layout, origin) or ReachWindow(None, None)
    window = evolve(window, allowed=layout.range_of(ExecmemType.MODULE_TEXT).windows)
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
        rox=rox_blocks(snapshot),
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
    edges = {edge for pair in pairs for edge in pair}
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
            third = align_up((end - start) // _PARTS, MIB)
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

    def __call__(self, block: Block) -> list[tuple[Address, Bytes, str]]:
        """Return (start of the cache block, bytes in use, owner or "") of each piece.

        A large one has several.
        """
        found = []
        for area in block.areas:
            free = area.state is AreaState.CACHE_FREE
            if free or (area.state is AreaState.LIVE and area.type in self.types):
                owner, end = "" if free else area.owner or "?", area.start + area.size
                for start in range(align_down(area.start, self.size), end, self.size):
                    used = min(end, start + self.size) - max(area.start, start)
                    found.append((start, 0 if free else used, owner))
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
    for block in snapshot.areas.blocks:
        for start, size, owner in block.find(find):
            used[start] = used.get(start, 0) + size
            owners.setdefault(start, {})
            if owner:
                owners[start][owner] = None
    return tuple(
        RoxBlock(start=start, size=layout.pmd_size, used=used[start], owners=tuple(owners[start]))
        for start in sorted(used)
    )


def signed(distance: int) -> str:
    """Return a distance with its sign: ``−128M``, ``+4M``, ``0``."""
    if distance == 0:
        return "0"
    return f"{'−' if distance < 0 else '+'}{_short(abs(distance))}"


def _short(size: Bytes) -> str:
    """Return a size in at most five letters: ``1.95G``, ``1023M``, ``128T``."""
    unit = max(0, (size.bit_length() - 1) // 10)
    value = size / (1 << 10 * unit)
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    number = f"{value:.{decimals}f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return number + "BKMGTPE"[unit]


def reach_lines(
    model: ReachModel,
    index: CellIndex,
    holes: HoleIndex,
    width: int,
    *,
    rows: int = _ROWS,
) -> list[list[Piece]]:
    """Return the panel in lines of at most `width` columns."""
    return [line for line, _ in banded_lines(model, index, holes, width, rows=rows)]


def banded_lines(
    model: ReachModel,
    index: CellIndex,
    holes: HoleIndex,
    width: int,
    *,
    rows: int = _ROWS,
    second: ReachModel | None = None,
) -> list[tuple[list[Piece], Band | None]]:
    """Return the lines of the panel, each with the band that it draws, for a mark at the cursor's.

    Args:
        model: of the origin.
        index: what lies where.
        holes: what is free.
        width: columns.
        rows: bands at most.
        second: of another origin, to compare the counts with.
    """
    first: list[list[Piece]] = [
        [Word("from ", Tone.MUTED), Word(model.origin.name[: width - 5], Tone.STRONG)],
        _limit_line(model, width),
    ]
    bands = _shown_bands(model, holes, rows)
    # what lies close together far away has one label: it stands once
    labels = [signed(band.distance) for band in bands]
    named = [label if label != above else "" for above, label in pairwise(["", *labels])]
    drawn = [
        (_axis_line(model, index, holes, width, band, label), band)
        for band, label in zip(bands, named, strict=True)
    ]
    return [*((line, None) for line in first), *drawn, *_rest(model, width, second)]


def _rest(
    model: ReachModel, width: int, second: ReachModel | None
) -> Iterator[tuple[list[Piece], None]]:
    lines: list[list[Piece]] = [[], *_verdict_lines(model, width)]
    if second is not None:
        lines += _compared_lines(model, second, width)
    for note in _notes(model):
        lines += [[Word(line, Tone.MUTED)] for line in wrap(note, width, break_on_hyphens=False)]
    if model.rox:
        lines += [[], *_rox_lines(model, width)]
    for line in lines:
        yield line, None


def _limit_line(model: ReachModel, width: int) -> list[Piece]:
    words = [f"{mark} {reach.name}" for mark, reach in model.limits]
    return [Word("  ".join(words)[:width], Tone.MUTED)]


def _shown_bands(model: ReachModel, holes: HoleIndex, rows: int) -> list[Band]:
    """Return at most `rows` bands: empty neighbours are joined first, those at limits last."""
    bands = list(model.bands)
    last = [each for each in (model.snapshot.layout.image, model.spilled) if each is not None]

    def weight(band: Band) -> tuple[bool, bool, Bytes]:
        size = band.end - band.start
        # what spilled is often small, and what one looks for
        inside = any(low < band.end and band.start < high for low, high in last)
        full = holes.free(band.start, band.end) < size
        return inside, full, size

    while len(bands) > max(rows, 3):
        pairs = [
            (max(weight(one), weight(other)), at)
            for at, (one, other) in enumerate(pairwise(bands))
            if not (one.distance < 0 <= other.distance) and not other.limit
        ]
        if not pairs:
            break
        _, at = min(pairs)
        one, other = bands[at], bands[at + 1]
        bands[at : at + 2] = [evolve(one, end=other.end, limit=one.limit)]
    return bands


def _axis_line(
    model: ReachModel, index: CellIndex, holes: HoleIndex, width: int, band: Band, label: str
) -> list[Piece]:
    note = 18 if width >= 44 else min(11, max(0, width - _LABEL - 11))
    bar = max(4, width - _LABEL - 3 - note)
    size = band.end - band.start
    cell = max(1, -(-size // bar))
    whole, rest = divmod(size, cell)
    cells = index.cells(band.start, cell, whole, model.window) if whole else []
    if rest:
        # a whole cell would show what lies in the next band
        cells += index.cells(band.end - rest, rest, 1, model.window)
    cells += [Cell("free", 0)] * (bar - len(cells))
    room = _room_text(model, holes, band, note - 1)
    return [
        Word(label.rjust(_LABEL), Tone.STRONG if band.limit else Tone.MUTED),
        Word(f"{band.limit or ' '}┤", Tone.ACCENT if band.limit else Tone.MUTED),
        *runs_of([cell._replace(edge=False) for cell in cells]),
        Word("│", Tone.MUTED),
        *([Word(f" {room}", Tone.MUTED)] if note else []),
    ]


def _room_text(model: ReachModel, holes: HoleIndex, band: Band, width: int) -> str:
    """Return what is free in a band by the window that would be asked.

    The nearest first, as far as it fits.
    """
    image = model.snapshot.layout.image
    if image is not None and image[0] <= band.start and band.end <= image[1]:
        return "kernel"
    spilled = model.spilled
    if spilled is not None and spilled[0] <= band.start and band.end <= spilled[1]:
        size = _short(band.end - band.start - holes.free(band.start, band.end))
        return f"▲ {size} spilled" if width > len(f"▲ {size} spilled") else f"▲ {size}"
    pairs = model.window.allowed or ()
    names = ("near", "far") if len(pairs) > 1 else (holes.word,)
    text, counted = "", 0
    for name, (low, high) in zip(names, pairs, strict=False):
        start, end = max(low, band.start), min(high, band.end)
        if start >= end:
            continue
        # the windows overlap: what the near one has is not counted again
        free = holes.free(start, end) - counted
        counted += free
        longer = f"{text} {_short(free)} {name}".strip()
        if (free or name != "far") and len(longer) <= width:
            text = longer
    return text


def _verdict_lines(model: ReachModel, width: int) -> Iterator[list[Piece]]:
    """Yield the modules' text by verdict: one bar, and the counts."""
    counts = model.counts
    parts = (
        ("direct", Verdict.DIRECT, counts.direct, Tone.GOOD),
        ("PLT", Verdict.PLT, counts.plt, Tone.PLAIN),
        ("out", Verdict.UNREACHABLE, counts.unreachable, Tone.ALARM),
    )
    total = sum(count for _, _, count, _ in parts)
    if total == 0:
        yield [Word("no module text yet", Tone.MUTED)]
        return
    yield [Word("module text by reach", Tone.MUTED)]
    bar: list[Piece] = []
    left, shown = width, [part for part in parts if part[2]]
    for number, (_, verdict, count, _) in enumerate(shown):
        share = max(1, round(width * count / total))
        share = left if number == len(shown) - 1 else min(share, left - (len(shown) - 1 - number))
        bar.append(Run(Cell(f"reaches-{verdict.value}", 8), share))
        left -= share
    yield bar
    words: list[Piece] = []
    for name, _, count, tone in parts:
        words += [Word(f"{name} "), Word(f"{count:,}", tone if count else Tone.MUTED), Word("  ")]
    yield words


def _compared_lines(one: ReachModel, other: ReachModel, width: int) -> Iterator[list[Piece]]:
    """Yield the counts from both origins, a line or two each.

    ``from sctp text: direct 2, PLT 1``.
    """
    for model in (one, other):
        counts = model.counts
        told = (("direct", counts.direct), ("PLT", counts.plt), ("out", counts.unreachable))
        # what both do not have need not be said
        words = ", ".join(
            f"{name} {count:,}"
            for name, count in told
            if count or name != "out" or one.counts.unreachable or other.counts.unreachable
        )
        name = f"from {model.origin.name}:"
        if len(name) + 1 + len(words) <= width:
            yield [Word(f"{name} {words}")]
        else:
            yield [Word(name[:width])]
            yield [Word(f"  {words}"[:width])]


def _notes(model: ReachModel) -> Iterator[str]:
    layout = model.snapshot.layout
    call = call_reach(layout)
    if model.counts.vague:
        yield f"{model.counts.vague:,} of these may be data: no file names their regions"
    if layout.plt is None:
        yield f"no PLT on {layout.arch}" + (f": {call.note}" if call is not None else "")
    else:
        yield f"a far call costs a {layout.plt.word}, {layout.plt.entry_bytes} B"
    binding = next((reach for reach in layout.reach if reach.binding), call)
    if model.hull is not None and binding is not None and binding.kind is not ReachKind.ABSOLUTE:
        yield _apart(model.hull, binding)
    if model.pages is not None:
        near, far = model.pages
        yield f"pages in range at boot: {near:,} non-PLT, {far:,} PLT"


def _apart(hull: tuple[Address, Address], binding: Reach) -> str:
    """Return the halved rule.

    Modules refer to each other, so the farthest two must reach each other.
    """
    low, high = hull
    if binding.kind is ReachKind.SEGMENT:
        same = binding.window(low) == binding.window(high - 1)
        return f"all modules in one 256M segment: {'yes' if same else 'NO'}"
    limit = format_size(binding.high + 1)
    verdict = "yes" if high - low <= binding.high else "NO"
    return f"any two modules at most {limit} apart: {verdict}, {format_size(high - low)}"


def _rox_lines(model: ReachModel, width: int, most: int = 5) -> Iterator[list[Piece]]:
    """Yield the ROX cache's blocks, the emptiest first: they are what may be won back."""
    blocks = model.rox
    whole = sum(block.size for block in blocks)
    share = sum(block.used for block in blocks) * 100 // whole
    size = format_size(blocks[0].size)
    yield [
        Word("ROX BLOCKS ", Tone.ACCENT),
        Word(f"{len(blocks)} of {size}, {share} % used"[: width - 11], Tone.MUTED),
    ]
    for block in sorted(blocks, key=lambda each: (each.used, each.start))[:most]:
        low = f"{block.start & 0xFFFFFFFF:08x} "
        room = width - len(low)
        text = block.text if len(block.text) <= room else block.text[: max(room - 1, 0)] + "…"
        yield [Word(low, Tone.MUTED), Word(text)]
    if len(blocks) > most:
        yield [Word(f"… {len(blocks) - most} fuller ones"[:width], Tone.MUTED)]

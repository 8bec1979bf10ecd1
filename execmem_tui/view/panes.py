"""The four panes: what each says about its consumer, and the windows that it draws."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Final, NamedTuple

from execmem_tui.analysis.holes import HoleIndex, tallies
from execmem_tui.analysis.room import Room, Shortage, room_in
from execmem_tui.consumers.reasons import why_unused
from execmem_tui.model.areas import AreaState
from execmem_tui.model.blocks import Block
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import GIB, KIB, MIB, Address, Bytes, format_size, hex_address

PANES: Final = (
    ("MODULE", (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)),
    ("KPROBES", (ExecmemType.KPROBES,)),
    ("FTRACE", (ExecmemType.FTRACE,)),
    ("BPF", (ExecmemType.BPF,)),
)
"""Title and types of each pane, in the order of the keys 1 to 4; the first type is what `a`
allocates."""


def pane_type(number: int) -> ExecmemType:
    """Return the type that `a` allocates in a pane, 1 to 4."""
    return PANES[number - 1][1][0]


_SIZES: Final[dict[ExecmemType, tuple[Bytes, ...]]] = {
    ExecmemType.MODULE_TEXT: (64 * KIB, 2 * MIB, 8 * MIB, 20 * MIB, 64 * MIB, 256 * MIB, GIB),
    ExecmemType.KPROBES: (4 * KIB, 64 * KIB, 2 * MIB, 64 * MIB),
    ExecmemType.FTRACE: (4 * KIB, 64 * KIB, 2 * MIB, 64 * MIB),
    ExecmemType.BPF: (4 * KIB, 64 * KIB, 2 * MIB, 64 * MIB),
}
"""What may plausibly be asked for next: a small driver to amdgpu and beyond, a page of slots, a
program of its own, a pack."""

_ENDLESS: Final[Bytes] = 64 * GIB
"""A window with so much in one piece takes whatever comes: counts would say nothing."""


@frozen
class Fit:
    """How many requests of one size the holes of a window would still hold."""

    size: Bytes
    count: int


class FitLine(NamedTuple):
    """What still fits, and the first plausible size that does not."""

    fits: tuple[Fit, ...]
    failing: Bytes | None
    shortage: Shortage
    room: Room
    at_most: bool
    """Pools that nobody sees may have cut the holes."""

    def text(self, width: int) -> str:
        """Return ``fits 64K 699x · 2M 12x · 20M ✗ fragmented`` in at most `width` columns.

        The middle goes first, then the reason; what still fits next to what does not goes last.
        """
        if self.room.largest >= _ENDLESS:
            free = f"{'at most ' if self.at_most else ''}{format_size(self.room.largest)} free"
            return _first_that_fits(width, f"fits anything: {free}", "fits anything")
        begins = "fits at most " if self.at_most else "fits "
        every = [f"{format_size(fit.size)} {fit.count:,}×" for fit in self.fits]
        bad = "" if self.failing is None else f"{format_size(self.failing)} ✗"
        shorter = list(_without_middle(every))
        with_both = [words for words in shorter if len(words) >= min(2, len(every))]
        lines = [[*words, f"{bad} {self.shortage.value}"] for words in with_both if bad]
        lines += [[*words, bad] for words in shorter]
        return _first_that_fits(width, *(begins + " · ".join(filter(None, each)) for each in lines))


def _without_middle(words: list[str]) -> Iterator[list[str]]:
    """Yield all of some words, then without one more of the middle each time, down to none."""
    yield words
    while words:
        at = (len(words) - 1) // 2
        words = words[:at] + words[at + 1 :]
        yield words


def _first_that_fits(width: int, *lines: str) -> str:
    return next((line for line in lines if len(line) <= width), "")


def fit_line(
    snapshot: Snapshot, holes: HoleIndex, kind: ExecmemType, start: Address, end: Address
) -> FitLine:
    """Measure what a window still takes; a request is padded by its guard page."""
    room = room_in(snapshot.layout, holes, start, end)
    page = snapshot.layout.page_size
    sizes = sorted({max(size, page) for size in _SIZES[kind]})
    counted = (Fit(size, holes.fits(start, end, size + page)) for size in sizes)
    fits = tuple(takewhile(lambda fit: fit.count, counted))
    failing = sizes[len(fits)] if len(fits) < len(sizes) else None
    shortage = Shortage.NONE if failing is None else room.shortage(failing + page)
    return FitLine(
        fits=fits,
        failing=failing,
        shortage=shortage,
        room=room,
        at_most=snapshot.layout.cut_by_pools(kind),
    )


class Lane(NamedTuple):
    """One window that a pane draws."""

    name: str
    window: Window
    start: Address
    end: Address
    empty: bool
    """Nobody of the pane's types used it: of a fallback window, nothing spilled."""


class PaneModel(NamedTuple):
    """All that a pane shows."""

    number: int
    title: str
    types: tuple[ExecmemType, ...]
    window_text: str
    """``128M near + 2G far``."""
    range_text: str
    """The preferred window with its addresses."""
    areas: int
    """Live areas of the pane's types."""
    used: Bytes
    spilled: int
    """Live areas in the fallback window."""
    activations: int
    """How often a fallback window was used so far, by whatever type; 0 for a pane without one."""
    fit: FitLine | None
    """Of the preferred window; None where that is unknown, or more areas are there than are
    seen."""
    lanes: tuple[Lane, ...]
    drawn_above: int
    """Number of the pane that draws the same window, or 0."""
    message: str
    """Why nobody uses it, or ""."""
    hidden: bool = False
    """More areas are there than are seen."""

    @property
    def favour(self) -> tuple[str, ...]:
        """The kinds that win in a cell of this pane; none for modules, which fill theirs."""
        return () if self.number == 1 else (self.title.lower(),)

    @property
    def counted(self) -> str:
        """``543 areas 18.6M``, ``–`` where there are none.

        Of hidden areas only what is seen is known.
        """
        if not self.areas:
            return "unknown" if self.hidden else "–"
        seen = " seen" if self.hidden else ""
        areas = f"{self.areas:,} area{'' if self.areas == 1 else 's'}"
        return f"{areas} {format_size(self.used)}{seen}"

    @property
    def alarm(self) -> str:
        """``▲ 39 spilled``, and how often so far where some of it is gone again.

        "" if it never happened.
        """
        words = [spills_in_short(self.spilled, self.activations)]
        if self.activations > self.spilled > 0:
            words.append(f"△ {self.activations:,} so far")
        return " ".join(words)

    @property
    def summary(self) -> str:
        """What the plain map says: areas, bytes, what spilled, what fits."""
        fit = "" if self.fit is None else self.fit.text(60)
        return "  ".join(part for part in (self.counted, self.alarm, fit) if part)


def _own(block: Block) -> tuple[tuple[Address, Address] | None, ...]:
    """Return the hull of each type's areas in a block."""
    found: list[tuple[Address, Address] | None] = [None] * len(ExecmemType)
    for area in block.areas:
        if area.type is not None and area.state is AreaState.LIVE:
            hull = found[area.type]
            found[area.type] = (
                (area.start, area.end) if hull is None else (hull[0], max(hull[1], area.end))
            )
    return tuple(found)


def _hulls(snapshot: Snapshot, types: tuple[ExecmemType, ...]) -> Iterator[tuple[Address, Address]]:
    for block in snapshot.areas.blocks:
        own = block.find(_own)
        for kind in types:
            hull = own[kind]
            if hull is not None:
                yield hull


def _lane_name(snapshot: Snapshot, entry: ExecmemRange) -> str:
    layout = snapshot.layout
    if (entry.start, entry.end) == (layout.vmalloc_start, layout.vmalloc_end):
        return "vmalloc"
    small = entry.end - entry.start <= layout.capability.direct_window
    return "near" if entry.has_fallback or small else "modules"


def _lanes(
    snapshot: Snapshot, types: tuple[ExecmemType, ...], areas: int, spilled: int
) -> Iterator[Lane]:
    entry = snapshot.layout.range_of(types[0])
    if entry.end <= entry.start:
        if areas:
            start, end = pane_span(snapshot, types)
            yield Lane(name="seen", window=Window.PREFERRED, start=start, end=end, empty=False)
        return
    yield Lane(
        name=_lane_name(snapshot, entry),
        window=Window.PREFERRED,
        start=entry.start,
        end=entry.end,
        empty=areas == spilled,
    )
    if entry.has_fallback:
        yield Lane(
            name="far",
            window=Window.FALLBACK,
            start=entry.fallback_start,
            end=entry.fallback_end,
            empty=not spilled,
        )


def pane_models(snapshot: Snapshot, index: HoleIndex | None = None) -> tuple[PaneModel, ...]:
    """Return the models of the four panes."""
    holes = HoleIndex(snapshot) if index is None else index
    counted = tallies(snapshot)
    models: list[PaneModel] = []
    for number, (title, types) in enumerate(PANES, 1):
        entry = snapshot.layout.range_of(types[0])
        areas = sum(counted[kind].areas for kind in types)
        spilled = sum(counted[kind].spilled for kind in types)
        message = "" if areas else _message(snapshot, types[0])
        lanes = () if message else tuple(_lanes(snapshot, types, areas, spilled))
        same = (
            other.number
            for other in models
            if other.lanes and windows_of(other) == [(lane.start, lane.end) for lane in lanes]
        )
        fit = None
        if not message and entry.end > entry.start and not snapshot.hidden:
            fit = fit_line(snapshot, holes, types[0], entry.start, entry.end)
        models.append(
            PaneModel(
                number=number,
                title=title,
                types=types,
                window_text=_window_text(entry),
                range_text=_range_text(snapshot, entry),
                areas=areas,
                used=sum(counted[kind].used for kind in types),
                spilled=spilled,
                activations=snapshot.counters.fallbacks if entry.has_fallback and areas else 0,
                fit=fit,
                lanes=lanes,
                drawn_above=next(same, 0),
                message=message,
                hidden=bool(snapshot.hidden),
            )
        )
    return tuple(models)


def spills_in_short(spilled: int, activations: int) -> str:
    """Return ``▲ 39 spilled`` of what lies in a fallback range, else how often there was something.

    "" for never.
    """
    if spilled:
        return f"▲ {spilled:,} spilled"
    return f"△ {activations:,} so far" if activations else ""


def windows_of(model: PaneModel) -> list[tuple[Address, Address]]:
    """Return the windows that a pane draws."""
    return [(lane.start, lane.end) for lane in model.lanes]


def _message(snapshot: Snapshot, kind: ExecmemType) -> str:
    entry = snapshot.layout.range_of(kind)
    if entry.provenance is Provenance.UNKNOWN or entry.end <= entry.start:
        if not snapshot.layout.known:
            return "range unknown: this kernel's architecture or version does not tell"
        if entry.provenance is Provenance.UNKNOWN and entry.used_by:
            return "range unknown: it was left out"
        return why_unused(snapshot.layout, kind) or "range unknown"
    return why_unused(snapshot.layout, kind)


def _window_text(entry: ExecmemRange) -> str:
    if entry.end <= entry.start:
        return "window unknown"
    size = format_size(entry.end - entry.start)
    known = "" if entry.provenance in (Provenance.DEFINED, Provenance.READ) else entry.provenance
    if not entry.has_fallback:
        return f"{size} ({known})" if known else size
    far = format_size(entry.fallback_end - entry.fallback_start)
    return f"{size} near + {far} far" + (f" ({known})" if known else "")


def _range_text(snapshot: Snapshot, entry: ExecmemRange) -> str:
    if entry.end <= entry.start:
        return "range unknown"
    bits = snapshot.layout.word_bits
    text = (
        f"{hex_address(entry.start, bits)}-{hex_address(entry.end, bits)}"
        f" {format_size(entry.end - entry.start)}"
    )
    return (
        text
        if entry.provenance in (Provenance.DEFINED, Provenance.READ)
        else f"{text} ({entry.provenance})"
    )


def pane_span(snapshot: Snapshot, types: tuple[ExecmemType, ...]) -> tuple[Address, Address]:
    """Return the whole span that the detail map of a pane may show.

    Both windows, and every area of its types.
    """
    entry = snapshot.layout.range_of(types[0])
    edges = [(entry.start, entry.end)] if entry.end > entry.start else []
    if entry.has_fallback:
        edges.append((entry.fallback_start, entry.fallback_end))
    edges += _hulls(snapshot, types)
    if not edges:
        blocks = snapshot.areas.blocks
        edges = [(block.start, block.end) for block in blocks] or [(0, snapshot.layout.page_size)]
    return min(start for start, _ in edges), max(end for _, end in edges)

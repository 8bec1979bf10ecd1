"""The four panes: what each says about its consumer, and the lanes it draws."""

from typing import Final

from attrs import frozen

from execmem_tui.analysis.holes import HoleIndex, meters
from execmem_tui.consumers.reasons import why_unused
from execmem_tui.model.areas import AreaState
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance, Window
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes, align_down, align_up, format_size, hex_address

PANES: Final = (
    ("MODULE", (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)),
    ("KPROBES", (ExecmemType.KPROBES,)),
    ("FTRACE", (ExecmemType.FTRACE,)),
    ("BPF", (ExecmemType.BPF,)),
)
"""Title and types of each pane, in the order of the keys 1 to 4; the first type is what `a`
allocates."""

_FIT: Final = 64
"""A lane of a range beyond `_HUGE` shows only the occupied part when that is smaller by this
factor."""

_HUGE: Final = 64 << 30
"""Bytes: vmalloc windows of 64-bit machines, in which a lane of the whole would show nothing."""


@frozen(kw_only=True)
class Lane:
    """One line that draws a range, or the occupied part of it."""

    name: str
    window: Window
    start: Address
    end: Address
    shown_start: Address
    shown_end: Address

    @property
    def partial(self) -> bool:
        """Whether only a part of the range is drawn."""
        return (self.shown_start, self.shown_end) != (self.start, self.end)

    @property
    def scale(self) -> str:
        """``2G``, or ``64M of 126T`` for a partial lane."""
        whole = format_size(self.end - self.start)
        return (
            f"{format_size(self.shown_end - self.shown_start)} of {whole}"
            if self.partial
            else whole
        )


@frozen(kw_only=True)
class PaneModel:
    """All that a pane shows."""

    number: int
    title: str
    types: tuple[ExecmemType, ...]
    range_text: str
    areas: int
    """Live areas of the pane's types."""
    used: Bytes
    largest_hole: Bytes
    """In the preferred range."""
    fallbacks: int
    """Live areas in the fallback range."""
    lanes: tuple[Lane, ...]
    message: str
    """Why there is nothing to draw, or ""."""

    @property
    def favour(self) -> tuple[str, ...]:
        """The kinds that win in a cell of this pane; none for modules, which fill theirs."""
        return () if self.number == 1 else (self.title.lower(),)

    @property
    def summary(self) -> str:
        """``34 areas 12.3M  hole 64.1M  ▲3 fallback``."""
        if not self.lanes:
            return ""
        words = (
            f"{self.areas} area{'' if self.areas == 1 else 's'} {format_size(self.used)}  hole"
            f" {format_size(self.largest_hole)}"
        )
        return f"{words}  ▲{self.fallbacks} fallback" if self.fallbacks else words


def _lane(
    snapshot: Snapshot,
    name: str,
    window: Window,
    start: Address,
    end: Address,
    types: tuple[ExecmemType, ...],
) -> Lane:
    shown_start, shown_end = start, end
    image = snapshot.layout.image
    own = [area for area in snapshot.between(start, end) if area.type in types]
    if own:
        low, high = own[0].start, max(area.end for area in own)
    elif image is not None and start <= image[0] < end:
        low, high = image
    else:
        low, high = start, end
    span = max(high - low, snapshot.layout.pmd_size)
    if end - start > _HUGE and span * _FIT < end - start:
        unit = 1 << (span - 1).bit_length()
        shown_start = max(start, align_down(low, unit // 8))
        shown_end = min(end, align_up(max(high, shown_start + 1), unit // 8))
        shown_end = min(end, max(shown_end, shown_start + unit))
    return Lane(
        name=name, window=window, start=start, end=end, shown_start=shown_start, shown_end=shown_end
    )


def _lane_name(snapshot: Snapshot, entry: ExecmemRange) -> str:
    layout = snapshot.layout
    if (entry.start, entry.end) == (layout.vmalloc_start, layout.vmalloc_end):
        return "vmalloc"
    return "direct" if entry.end - entry.start <= layout.capability.direct_window else "modules"


def pane_models(snapshot: Snapshot, index: HoleIndex | None = None) -> tuple[PaneModel, ...]:
    """Return the models of the four panes."""
    holes = HoleIndex(snapshot) if index is None else index
    measured = meters(snapshot, holes)
    counts = dict.fromkeys(ExecmemType, 0)
    spilled = dict.fromkeys(ExecmemType, 0)
    for area in snapshot.areas:
        if area.type is not None and area.state is AreaState.LIVE:
            counts[area.type] += 1
            spilled[area.type] += area.window is Window.FALLBACK
    models = []
    for number, (title, types) in enumerate(PANES, 1):
        entry = snapshot.layout.range_of(types[0])
        message = "" if any(counts[kind] for kind in types) else _message(snapshot, types[0])
        lanes: list[Lane] = []
        if not message and entry.end <= entry.start:
            start, end = pane_span(snapshot, types)
            lanes.append(_lane(snapshot, "seen", Window.PREFERRED, start, end, types))
        elif not message:
            name = _lane_name(snapshot, entry)
            lanes.append(_lane(snapshot, name, Window.PREFERRED, entry.start, entry.end, types))
            if entry.has_fallback:
                lanes.append(
                    _lane(
                        snapshot,
                        "fallback",
                        Window.FALLBACK,
                        entry.fallback_start,
                        entry.fallback_end,
                        types,
                    )
                )
        models.append(
            PaneModel(
                number=number,
                title=title,
                types=types,
                range_text=_range_text(snapshot, entry),
                areas=sum(counts[kind] for kind in types),
                used=sum(measured[kind].used for kind in types),
                largest_hole=holes.largest(entry.start, entry.end),
                fallbacks=sum(spilled[kind] for kind in types),
                lanes=tuple(lanes),
                message=message,
            )
        )
    return tuple(models)


def _message(snapshot: Snapshot, kind: ExecmemType) -> str:
    entry = snapshot.layout.range_of(kind)
    if entry.provenance is Provenance.UNKNOWN or entry.end <= entry.start:
        if not snapshot.layout.known:
            return "range unknown: this kernel's architecture or version does not tell"
        return why_unused(snapshot.layout, kind) or "range unknown"
    return why_unused(snapshot.layout, kind)


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
    own = [area for area in snapshot.areas if area.type in types]
    if own:
        edges.append((own[0].start, max(area.end for area in own)))
    if not edges:
        areas = snapshot.areas
        return (
            (areas[0].start, max(area.end for area in areas))
            if areas
            else (0, snapshot.layout.page_size)
        )
    return min(start for start, _ in edges), max(end for _, end in edges)


def pane_focus(snapshot: Snapshot, model: PaneModel) -> tuple[Address, Address]:
    """Return the part that the detail map shows at first: the preferred lane as it is drawn."""
    if not model.lanes:
        return pane_span(snapshot, model.types)
    lane = model.lanes[0]
    return lane.shown_start, lane.shown_end

"""The map as plain text: the same map, readable without colour, safe for a pipe."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from execmem_tui.model.areas import Area
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.model.text import printable
from execmem_tui.model.units import exact_size, format_size, hex_address
from execmem_tui.view.kinds import LEGEND, LENS_LOOKS, LOOKS, UNSEEN, Look
from execmem_tui.view.lane import lane_shape, lane_text
from execmem_tui.view.paint import KINDS, Lens, LensName, Paint
from execmem_tui.view.panes import PaneModel
from execmem_tui.view.reach_lines import reach_lines
from execmem_tui.view.rows import MapRows
from execmem_tui.view.sentence import sentence
from execmem_tui.view.shown import Shown
from execmem_tui.view.words import plain_text

_STATES: Final = tuple(
    LOOKS[name] for name in ("kernel", "rox", "lazy", "pooled", "guard", "other", "free")
)
"""What keeps its letter under every lens."""
_DETAIL_ROWS = 16
"""Lines of the map of a pane."""
_CALLERS = 6
"""Callers that are named of areas whose addresses are hidden."""


def pane_lines(shown: Shown, model: PaneModel, width: int) -> Iterator[str]:
    """Yield a pane: its title with its window, and its lanes."""
    yield f"{model.number} {model.title:<8} {model.range_text}  {model.summary}".rstrip()
    if model.message:
        yield f"    {model.message}"
    if model.drawn_above:
        yield f"    the window of {model.drawn_above}"
        return
    image = shown.snapshot.layout.image
    for lane in model.lanes:
        shape = lane_shape(lane.start, lane.end, max(16, width - 18), shown.holes, image)
        text = lane_text(shown.kinds, shape, lane.window, model.favour)
        yield f"  {lane.name:<8}[{text}] {format_size(lane.end - lane.start)}"


def _details(shown: Shown, panes: tuple[int, ...], width: int) -> Iterator[str]:
    """Yield the details of the panes that have areas: panes of one window have one."""
    windows: dict[int, list[PaneModel]] = {}
    for model in shown.panes:
        if model.number in panes and model.areas:
            windows.setdefault(model.drawn_above or model.number, []).append(model)
    for models in windows.values():
        yield ""
        yield from detail_lines(shown, models, width)


def detail_lines(shown: Shown, models: Sequence[PaneModel], width: int) -> Iterator[str]:
    """Yield the detail of panes of one window: rows of what is used, the rest folded."""
    bits, model = shown.snapshot.layout.word_bits, models[0]
    # a text ends where it ends: no line of it would be blank
    view = shown.view(model.number, max(32, width - 18), _DETAIL_ROWS, fills=False)
    axis = view.axis
    titles = ", ".join(each.title for each in models)
    yield f"{titles}: {exact_size(axis.cell)} a cell, {exact_size(axis.row_bytes)} a row"
    rows = MapRows(shown=shown, number=model.number, window=shown.window(model.number, None))
    for line in view.lines():
        text = plain_text(rows.pieces(axis, line))
        yield f"{hex_address(line.start, bits)} {text}".rstrip()


def legend_entries(
    lens: Lens | None = None, areas: Iterable[Area] = (), *, unseen: bool = False
) -> list[str]:
    """Return the legend of all letters, or of what a lens shows of some areas.

    Args:
        lens: what the letters tell; None for kinds.
        areas: that are drawn.
        unseen: whether others lie where nobody tells.
    """
    more = [LOOKS[UNSEEN]] if unseen else []
    if lens is None or lens.name is LensName.KIND:
        return _looks([*LEGEND, *more])
    if lens.name is LensName.OWNER:
        return ["1 to 8 owners, neighbours never the same", *_looks([*_STATES, *more])]
    told = {lens(area) for area in areas}
    return _looks([*(each for each in LENS_LOOKS.values() if each.name in told), *_STATES, *more])


def _looks(looks: Iterable[Look]) -> list[str]:
    return [f"{look.letter} {look.label}" for look in looks]


def heading(layout: Layout) -> str:
    """Return ``arm64 · 7.1.8 · va48-4k · KASLR off``."""
    return f"{layout.arch} · {layout.kernel} · {layout.variant} · KASLR {layout.kaslr}"


def counters_text(counters: Counters) -> str:
    """Return the counters in words."""
    first = (
        f"allocations {counters.allocations}  frees {counters.frees}  failures {counters.failures}"
    )
    return f"{first}  fallbacks {counters.fallbacks}  purges {counters.purges}"


def hidden_lines(hidden: Hidden, width: int) -> list[str]:
    """Return what is known of areas without a place: they are neither free nor drawn."""
    if not hidden:
        return []
    if not hidden.complete:
        why = hidden.why or "the kernel refuses the list of areas"
        return textwrap.wrap(f"hidden: {why}; what is not drawn is unknown, not free", width)
    shares = [
        f"{printable(each.caller, 60)} {each.count} {format_size(each.size)}"
        for each in hidden.by_caller()[:_CALLERS]
    ]
    head = f"hidden: {hidden.count} areas, {format_size(hidden.size)}, whose place is not known, so"
    return textwrap.wrap(f"{head} no hole is either. By caller: {', '.join(shares)}", width)


def plain_map(
    snapshot: Snapshot,
    title: str,
    *,
    width: int = 100,
    panes: tuple[int, ...] = (1, 2, 3, 4),
    paint: Paint | None = None,
) -> list[str]:
    """Return the whole map as lines of text.

    Args:
        snapshot: what to draw.
        title: printable; what is being looked at.
        width: columns to use, at least 60.
        panes: numbers of the panes whose detail is drawn.
        paint: what the letters of the detail tell; None for kinds.
    """
    width = max(60, width)
    layout = snapshot.layout
    paint = KINDS if paint is None else paint
    shown = Shown(snapshot, paint=paint)
    counters = snapshot.counters
    lines = [
        f"{heading(layout)} · {title} · step {snapshot.step}/{snapshot.steps}",
        *([counters_text(counters)] if counters != Counters() else []),  # snapshots count nothing
        *_rules_lines(layout, width),
        *textwrap.wrap(sentence(snapshot, holes=shown.holes).text, width),
        *hidden_lines(snapshot.hidden, width),
        "",
    ]
    for model in shown.panes:
        lines += pane_lines(shown, model, width)
    reach = shown.reach(None)
    if reach is not None:
        panel = reach_lines(reach, shown.kinds, shown.holes, min(width - 2, 60))
        lines += ["", "REACH", *(f"  {plain_text(line)}".rstrip() for line in panel)]
    lines += [
        *_details(shown, panes, width),
        "",
        *_filled(legend_entries(paint.lens, snapshot.areas, unseen=bool(snapshot.hidden)), width),
        *(f"note: {note}" for note in layout.notes),
    ]
    return lines


def _filled(entries: Iterable[str], width: int) -> Iterator[str]:
    """Yield entries in lines of at most `width` columns, each entry whole."""
    line = ""
    for entry in entries:
        if line and len(line) + 2 + len(entry) > width:
            yield line
            line = entry
        else:
            line = f"{line}  {entry}" if line else entry
    yield line


def _rules_lines(layout: Layout, width: int) -> list[str]:
    """Say which rules apply, where the kernel is none that is known in full."""
    if layout.rules.is_model:
        return []
    from execmem_tui.model.rule_differences import rules_sentence

    return textwrap.wrap(rules_sentence(layout.rules, layout.arch), width)

"""The map as plain text: the same map, readable without colour, safe for a pipe."""

import textwrap
from collections.abc import Iterator

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, format_size, hex_address
from execmem_tui.view.cells import CellIndex, lane_cells
from execmem_tui.view.kinds import FALLBACK, LEGEND, LOOKS, letter
from execmem_tui.view.panes import Lane, PaneModel, pane_focus, pane_models
from execmem_tui.view.rulers import reach_lines, reach_model
from execmem_tui.view.sentence import sentence
from execmem_tui.view.viewport import Viewport

_DETAIL_ROWS = 16
_CALLERS = 6


def lane_text(index: CellIndex, lane: Lane, width: int, favour: tuple[str, ...] = ()) -> str:
    """Return one lane as letters; a cell that holds an area of the fallback range shows ``X``."""
    cells = lane_cells(index, lane, width, favour)
    return "".join(
        LOOKS[FALLBACK].letter if cell.fallback else letter(cell.kind, cell.eighths)
        for cell in cells
    )


def row_text(
    index: CellIndex, start: Address, cell: int, columns: int, favour: tuple[str, ...]
) -> str:
    """Return one row of the detail map as letters."""
    cells = index.cells(start, cell, columns, None, favour)
    return "".join(
        LOOKS[FALLBACK].letter if here.fallback else letter(here.kind, here.eighths)
        for here in cells
    )


def _pane_lines(index: CellIndex, model: PaneModel, width: int) -> Iterator[str]:
    yield f"{model.number} {model.title:<8} {model.range_text}  {model.summary}".rstrip()
    if model.message:
        yield f"    {model.message}"
    for lane in model.lanes:
        yield (
            f"  {lane.name:<9}[{lane_text(index, lane, max(16, width - 26), model.favour)}]"
            f" {lane.scale}"
        )


def _detail_lines(index: CellIndex, model: PaneModel, width: int) -> Iterator[str]:
    snapshot = index.snapshot
    start, end = pane_focus(snapshot, model)
    view = Viewport.whole(start, end, max(32, width - 18), _DETAIL_ROWS)
    bits = snapshot.layout.word_bits
    yield f"{model.title}: {format_size(view.cell)} a cell, {format_size(view.row_bytes)} a row"
    alike, before = 0, ""
    margin = " " * (bits // 4)
    for row in range(view.rows):
        at = view.row_start(row)
        if at >= end:
            break
        text = row_text(index, at, view.cell, view.columns, model.favour)
        if text == before and len(set(text)) == 1:
            alike += 1
            continue
        if alike:
            yield f"{margin} (and {alike} like it)"
        alike, before = 0, text
        yield f"{hex_address(at, bits)} {text}"
    if alike:
        yield f"{margin} (and {alike} like it)"


def legend_text() -> str:
    """Return the legend of all letters."""
    return "  ".join(f"{look.letter} {look.label}" for look in LEGEND)


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
        return [
            "hidden: the kernel refuses the list of areas; what is not drawn is unknown, not free"
        ]
    shares = [
        f"{printable(each.caller, 60)} {each.count} {format_size(each.size)}"
        for each in hidden.by_caller()[:_CALLERS]
    ]
    head = f"hidden: {hidden.count} areas, {format_size(hidden.size)}, whose place is not known, so"
    return textwrap.wrap(f"{head} no hole is either. By caller: {', '.join(shares)}", width)


def plain_map(
    snapshot: Snapshot, title: str, *, width: int = 100, panes: tuple[int, ...] = (1, 2, 3, 4)
) -> list[str]:
    """Return the whole map as lines of text.

    Args:
        snapshot: what to draw.
        title: printable; what is being looked at.
        width: columns to use, at least 60.
        panes: numbers of the panes whose detail is drawn.
    """
    width = max(60, width)
    layout = snapshot.layout
    index, holes = CellIndex(snapshot), HoleIndex(snapshot)
    counters = snapshot.counters
    lines = [
        f"{heading(layout)} · {title} · step {snapshot.step}/{snapshot.steps}",
        counters_text(counters),
        *textwrap.wrap(layout.rules.sentence(layout.arch), width),
        *textwrap.wrap(sentence(snapshot, holes=holes).text, width),
        *hidden_lines(snapshot.hidden, width),
        "",
    ]
    models = pane_models(snapshot, holes)
    for model in models:
        lines += _pane_lines(index, model, width)
    reach = reach_model(snapshot, None)
    if reach is not None:
        lines += [
            "",
            "REACH",
            *(f"  {line}" for line in reach_lines(reach, min(width - 2, 60), layout.image, most=9)),
        ]
    for model in models:
        if model.number in panes and model.areas:
            lines += ["", *_detail_lines(index, model, width)]
    lines += ["", legend_text(), *(f"note: {note}" for note in layout.notes)]
    return lines

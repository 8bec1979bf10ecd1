"""The lines of the reach panel: the bands of the axis with what lies in them, verdicts, notes."""

from collections.abc import Iterator
from itertools import pairwise
from textwrap import wrap
from typing import Final

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.reach import call_reach
from execmem_tui.model.reach import Reach, ReachKind, Verdict
from execmem_tui.model.units import Address, Bytes, format_size
from execmem_tui.view.cell_index import CellIndex
from execmem_tui.view.cells import Cell, Run, runs_of
from execmem_tui.view.kinds import look
from execmem_tui.view.reach import Band, ReachModel
from execmem_tui.view.words import Piece, Tone, Word, cut_at_end, percent, width_of

_LABEL: Final = 6
_ROWS: Final = 14
"""Bands that are drawn where there is room."""


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
        bands[at : at + 2] = [one._replace(end=other.end, limit=one.limit)]
    return bands


def _columns(width: int) -> tuple[int, int]:
    """Return how many columns the bar of a band has, and what is said beside it."""
    note = 18 if width >= 44 else min(11, max(0, width - _LABEL - 11))
    return max(4, width - _LABEL - 3 - note), note


def address_in(band: Band, column: int, width: int) -> Address:
    """Return the address that a column of a band's line stands for; beside the bar its start."""
    bar, _ = _columns(width)
    cell = max(1, -(-(band.end - band.start) // bar))
    at = column - _LABEL - 2
    return min(band.start + at * cell, band.end - 1) if 0 <= at < bar else band.start


def _axis_line(
    model: ReachModel, index: CellIndex, holes: HoleIndex, width: int, band: Band, label: str
) -> list[Piece]:
    bar, note = _columns(width)
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
        ("PLT", Verdict.PLT, counts.plt, Tone.ACCENT),
        ("out", Verdict.UNREACHABLE, counts.unreachable, Tone.ALARM),
    )
    total = sum(count for _, _, count, _ in parts)
    if total == 0 and model.hull is not None:
        for line in wrap("how far a call reaches is not known", width):
            yield [Word(line, Tone.MUTED)]
        return
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
    signs: list[Piece] = []
    for name, verdict, count, tone in parts:
        # a word in the bar's colour: a cell of it would look like a part of the bar
        sign = f"{look(f'reaches-{verdict.value}').letter} "
        gap = "  " if words else ""
        told = Word(f"{count:,}", tone if count else Tone.MUTED)
        words += [Word(f"{gap}{name} "), told]
        signs += [Word(gap), *([Word(sign, tone)] if count else []), Word(f"{name} "), told]
    yield signs if width_of(signs) <= width else words


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
        note = "" if call is None else call.note.split("no PLT exists, ")[-1]
        yield f"no PLT on {layout.arch}" + (f": {note}" if note else "")
    else:
        yield f"a far call costs a {layout.plt.word}, {layout.plt.entry_bytes} B"
    binding = next((reach for reach in layout.reach if reach.binding), call)
    if model.hull is not None and binding is not None and binding.kind is not ReachKind.ABSOLUTE:
        yield _apart(model.hull, binding)
    if model.pages is not None:
        near, far = model.pages
        yield f"pages at boot: {near:,} non-PLT, {far:,} PLT"


def _apart(hull: tuple[Address, Address], binding: Reach) -> str:
    """Return the halved rule.

    Modules refer to each other, so the farthest two must reach each other.
    """
    low, high = hull
    if binding.kind is ReachKind.SEGMENT:
        same = binding.window(low) == binding.window(high - 1)
        return f"all modules in one 256M segment: {'yes' if same else 'NO'}"
    limit, spread = format_size(binding.high + 1), high - low
    words = f"all modules within {limit}:"
    if spread > binding.high:
        return f"{words} NO, by {format_size(spread - binding.high)}"
    if spread > binding.high // 2:
        # the spread would be rounded to the limit long before it is reached
        return f"{words} {format_size(binding.high + 1 - spread)} left"
    return f"{words} yes, {format_size(spread)}"


def _rox_lines(model: ReachModel, width: int, most: int = 5) -> Iterator[list[Piece]]:
    """Yield the ROX cache's blocks, the emptiest first: they are what may be won back."""
    blocks = model.rox
    whole = sum(block.size for block in blocks)
    share = percent(sum(block.used for block in blocks), whole)
    size = format_size(blocks[0].size)
    yield [
        Word("ROX BLOCKS ", Tone.ACCENT),
        Word(f"{len(blocks)} of {size}, {share} used"[: width - 11], Tone.MUTED),
    ]
    for block in sorted(blocks, key=lambda each: (each.used, each.start))[:most]:
        low = f"{block.start & 0xFFFFFFFF:08x} "
        room = width - len(low)
        text = cut_at_end(block.text, room)
        yield [Word(low, Tone.MUTED), Word(text)]
    if len(blocks) > most:
        yield [Word(f"… {len(blocks) - most} fuller ones"[:width], Tone.MUTED)]

"""All architectures on one page: where each keeps executable memory, as a distance from the kernel.

The kernel image is in the middle, below it to the left, above it to the right; distance is
logarithmic, so that a window of 16 MiB beside the image and one 128 TiB away fit one line. This is
a model and its plain text; a screen draws the same model.
"""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from execmem_tui.arch import architectures, resolve
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Provenance
from execmem_tui.model.reach import ReachKind
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Bytes, format_size

NEAREST: Final[Bytes] = 1 << 20
"""What is nearer than this falls into the middle."""
FARTHEST: Final[Bytes] = 1 << 50
"""What is farther than this lies at the edge."""
_SPAN: Final = FARTHEST.bit_length() - NEAREST.bit_length()
LETTERS: Final = {
    ExecmemType.MODULE_TEXT: "M",
    ExecmemType.MODULE_DATA: "D",
    ExecmemType.KPROBES: "P",
    ExecmemType.FTRACE: "F",
    ExecmemType.BPF: "B",
}
"""As on the map; a fallback window has the small letter."""
_TICKS: Final = tuple(1 << power for power in (20, 27, 31, 40, 48))
_NAME_WIDTH: Final = 10
_LABEL_WIDTH: Final = 6
"""Columns of an architecture's name, and of the letters of a bar."""
LEAST_WIDTH: Final = 60
"""Columns that the picture takes however narrow the terminal is."""


@frozen(kw_only=True)
class Bar:
    """One window, in bytes from the start of the kernel image: negative below it."""

    types: tuple[ExecmemType, ...]
    """Who may use it, of those that somebody allocates."""
    fallback: bool
    low: int
    high: int
    """Exclusive."""

    @property
    def letters(self) -> str:
        """Return a letter for each type, small for a fallback window."""
        letters = "".join(LETTERS[kind] for kind in self.types)
        return letters.lower() if self.fallback else letters


@frozen(kw_only=True)
class PictureRow:
    """One architecture, as its default configuration has it without KASLR."""

    arch: str
    variant: str
    image: Bytes
    """Size of the kernel image."""
    bars: tuple[Bar, ...]
    """Distinct windows, that of module text first."""
    why_none: str
    """Why there is no window, "" where there are some."""
    reach: tuple[int, int] | None
    """How far a call in the image reaches, bytes; None where that is not relative or not known."""


def picture(kernel: str) -> tuple[PictureRow, ...]:
    """Return a row for each architecture of a kernel.

    Raises:
        UnknownLayoutError: it is not a kernel version.
    """
    return tuple(_row(resolve(name, kernel)) for name in architectures())


def _row(layout: Layout) -> PictureRow:
    image = layout.image
    assert image is not None, "every architecture places its image"
    calls = [each for each in layout.reach if each.call and each.kind is ReachKind.RELATIVE]
    bars = tuple(_bars(layout, image[0]))
    return PictureRow(
        arch=layout.arch,
        variant=layout.variant,
        image=image[1] - image[0],
        bars=bars,
        why_none="" if bars else layout.notes[-1],
        reach=(calls[0].low, calls[0].high) if calls else None,
    )


def _bars(layout: Layout, text: int) -> Iterator[Bar]:
    windows: dict[tuple[bool, int, int], list[ExecmemType]] = {}
    for kind in LETTERS:
        entry = layout.range_of(kind)
        if not entry.used or entry.provenance is Provenance.UNKNOWN or not entry.end:
            continue
        windows.setdefault((False, entry.start, entry.end), []).append(kind)
        if entry.has_fallback:
            pair = (entry.fallback_start, entry.fallback_end)
            windows.setdefault((True, *pair), []).append(kind)
    for (fallback, start, end), kinds in windows.items():
        yield Bar(types=tuple(kinds), fallback=fallback, low=start - text, high=end - text)


def column(distance: int, half: int) -> int:
    """Return the column of a distance: 0 is the kernel, ±half the edges.

    Args:
        distance: bytes from the image, negative below it.
        half: columns on each side.
    """
    away = min(max(abs(distance), NEAREST), FARTHEST)
    if away == NEAREST:
        return 0
    steps = (away.bit_length() - 1 - (NEAREST.bit_length() - 1)) + away / (
        1 << (away.bit_length() - 1)
    )
    place = min(half, max(1, round((steps - 1) * half / _SPAN)))
    return -place if distance < 0 else place


def picture_lines(rows: Sequence[PictureRow], width: int = 100) -> list[str]:
    """Return the page as lines of text, `width` columns wide, at least 60."""
    half = (max(width, LEAST_WIDTH) - _NAME_WIDTH - _LABEL_WIDTH - 1) // 2
    margin = " " * (_NAME_WIDTH + _LABEL_WIDTH)
    lines = [margin + _axis(half), margin + _ticks(half)]
    for row in rows:
        if not row.bars:
            lines.append(f"{row.arch:<{_NAME_WIDTH}}{'':<{_LABEL_WIDTH}}{row.why_none}")
        for number, bar in enumerate(row.bars):
            name = row.arch if number == 0 else ""
            text = _bar_text(row, bar, half)
            lines.append(f"{name:<{_NAME_WIDTH}}{bar.letters:<{_LABEL_WIDTH}}{text}".rstrip())
    return [*lines, "", *textwrap.wrap(_LEGEND, max(width, LEAST_WIDTH))]


_LEGEND: Final = (
    "K kernel image, at the start of its text; M module text, D module data, P kprobes, F ftrace,"
    " B BPF; small: fallback; < > as far as a call reaches"
)


def _bar_text(row: PictureRow, bar: Bar, half: int) -> str:
    cells = ["."] * (2 * half + 1)
    if row.reach is not None:
        cells[half + column(row.reach[0], half)] = "<"
        cells[half + column(row.reach[1], half)] = ">"
    letter = bar.letters[0]
    for at in range(column(bar.low, half), column(bar.high - 1, half) + 1):
        cells[half + at] = letter
    cells[half] = "K"
    return "".join(cells)


def _ticks(half: int) -> str:
    cells = [" "] * (2 * half + 1)
    for tick in _TICKS[1:]:
        for signed in (-tick, tick):
            cells[half + column(signed, half)] = "|"
    cells[half] = "K"
    return "".join(cells).rstrip()


def _axis(half: int) -> str:
    cells = [" "] * (2 * half + 1)
    for tick in _TICKS[1:]:
        for signed in (-tick, tick):
            label = ("-" if signed < 0 else "+") + format_size(tick)
            at = half + column(signed, half) - len(label) // 2
            at = min(max(at, 0), len(cells) - len(label))
            if all(cell == " " for cell in cells[max(0, at - 1) : at + len(label) + 1]):
                cells[at : at + len(label)] = label
    cells[half] = "K"
    return "".join(cells).rstrip()

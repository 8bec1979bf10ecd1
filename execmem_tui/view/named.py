"""What may carry a name in a row of the map.

Areas, their parts and symbols, sections of the image.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from execmem_tui.model.areas import KERNEL_OWNER, Area
from execmem_tui.model.layouts import Layout
from execmem_tui.model.units import Address
from execmem_tui.view.labels import Named
from execmem_tui.view.occupancy import RowSums, parts_within
from execmem_tui.view.paint import Piece


def named(row: RowSums, walked: Sequence[Piece], layout: Layout) -> Iterator[Named]:
    """Yield what may carry a name in this row, in columns that it fills."""
    cell = row.cell
    guards = cell > layout.page_size
    for piece in thinned(row, walked):
        area = piece.area
        if piece.area.owner == KERNEL_OWNER:
            continue  # its sections are named below, however many areas stand for it
        inside = [
            (part.start, part.end, part.name) for part in parts_within(area, row.start, row.end)
        ] or _symbols(area, row.start, row.end)
        if inside and area.size >= 4 * cell:
            for low, high, name in inside:
                if not named_above(row, low, name):
                    yield Named(low, *columns_of(row, low, high), owner=name)
            continue
        name = area.owner or area.name
        if named_above(row, piece.start, name):
            continue
        yield Named(
            piece.start,
            *columns_of(row, piece.start, piece.end if guards else piece.stop),
            owner=name,
            region=area.region or "",
        )
    for low, high, name in sections(layout):
        if row.start <= low < row.end:
            yield Named(low, *columns_of(row, low, high), owner=f"kernel {name}")


def thinned(row: RowSums, pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Leave out areas that fill no column.

    They carry no name, and one that parts two others does as well as all. Only among strangers: an
    area beside one of the same owner may stand under a name across both.
    """
    owners = [piece.area.owner or piece.area.name for piece in pieces]
    if not row.apart or KERNEL_OWNER in owners:
        return pieces
    cell = row.cell
    kept = [
        at
        for at, (piece, before, owner, after) in enumerate(
            zip(pieces, ["", *owners], owners, [*owners[1:], ""], strict=False)
        )
        if piece.end - piece.start >= cell or owner == before or owner == after  # noqa: PLR1714
    ]
    found: list[Piece] = []
    for at, following in pairwise([*kept, len(pieces)]):
        # the first of what is left out ends the name before it, and parts it from one of the same
        # owner
        found += pieces[at : at + 1 + (at + 1 < following)]
    return found


def named_above(row: RowSums, start: Address, name: str) -> bool:
    """Whether the row before had room for a name: it stands once."""
    return row.start - start > (len(name) + 1) * row.cell


def _symbols(area: Area, start: Address, end: Address) -> list[tuple[Address, Address, str]]:
    """Return (start, end, name) of what a capture names inside a pack or a page.

    Each ends where the next begins.
    """
    if area.region is not None or not area.inside:
        return []  # of a module they are its symbols, far too many
    inside = area.inside
    first = max(bisect_right(inside, start, key=lambda each: each[0]) - 1, 0)
    stop = bisect_left(inside, end, key=lambda each: each[0])
    limit = area.start + area.size
    return [
        (inside[at][0], inside[at + 1][0] if at + 1 < len(inside) else limit, inside[at][1])
        for at in range(first, stop)
    ]


_SECTIONS: Final = (
    ("_text", "text"),
    ("_stext", "text"),
    ("__start_rodata", "rodata"),
    ("__init_begin", "init"),
    ("_sdata", "data"),
    ("__bss_start", "bss"),
)
"""Symbols of the linker scripts (arch/*/kernel/vmlinux.lds.S) and what begins there."""


def sections(layout: Layout) -> list[tuple[Address, Address, str]]:
    """Return (start, end, name) of the image's sections, ascending, as far as symbols tell."""
    image = layout.image
    if image is None:
        return []
    starts = {
        layout.symbols[symbol]: name for symbol, name in _SECTIONS if symbol in layout.symbols
    }
    end = layout.symbols.get("_etext")
    if end is not None and end < image[1]:
        starts.setdefault(end, "rodata, data")
    edges = sorted(at for at in starts if image[0] <= at < image[1])
    found: list[tuple[Address, Address, str]] = []
    for start, stop in pairwise([*edges, image[1]]):
        if found and found[-1][2] == starts[start]:
            found[-1] = found[-1][0], stop, starts[start]
        else:
            found.append((start, stop, starts[start]))
    return found


def columns_of(row: RowSums, low: Address, high: Address) -> tuple[int, int]:
    """Return [first, stop) of the columns that a text for [low, high) may take.

    From behind the cell of its edge to the last that it fills whole.
    """
    first = 0 if low < row.start else (low - row.start) // row.cell + 1
    return first, max(first, min(row.columns, (high - row.start) // row.cell))

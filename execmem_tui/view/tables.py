"""Tables as plain text.

Where a terminal is too narrow for a table, what is right of its edge stands under each row.
"""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Final

_NARROWEST: Final = 32
"""Columns that a text needs to be read in lines of its own column."""


def columns(
    rows: Iterable[Sequence[str]],
    headers: Sequence[str],
    align: str = "",
    width: int | None = None,
) -> list[str]:
    """Lay out plain text columns, two spaces apart.

    Where there is no room for all of it, the last column takes several lines. What has no room even
    then stands under its row, each column behind its title; nothing is said there of what a row
    does not have.

    Args:
        rows: cells of text, as many as headers.
        headers: column titles.
        align: one of ``<`` and ``>`` per column; columns without one are left-aligned.
        width: columns that there are; None for any.
    """
    table = [tuple(row) for row in rows]
    kept = len(headers)
    lines = _side_by_side(table, headers, align)
    if width is None or max(map(len, lines)) <= width:
        return lines
    *before, _ = zip(headers, *table, strict=True)
    begins = sum(2 + max(map(len, cells)) for cells in before)
    if begins + _NARROWEST <= width:
        return [part for line in lines for part in wrapped(line, width, " " * begins)]
    while kept > 1 and max(map(len, lines)) > width:
        kept -= 1
        lines = _side_by_side([row[:kept] for row in table], headers[:kept], align[:kept])
    found = lines[:1]
    for row, line in zip(table, lines[1:], strict=True):
        rest = zip(headers[kept:], row[kept:], strict=True)
        words = [f"{header.lower()} {cell}" for header, cell in rest if cell != "-"]
        found += [line, *_packed(words, width)]
    return found


def _side_by_side(rows: Sequence[Sequence[str]], headers: Sequence[str], align: str) -> list[str]:
    body = [tuple(headers), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in body) for column in range(len(headers))]
    sides = align.ljust(len(headers), "<")
    return [
        "  ".join(
            cell.rjust(width) if side == ">" else cell.ljust(width)
            for cell, width, side in zip(row, widths, sides, strict=True)
        ).rstrip()
        for row in body
    ]


def _packed(words: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines of as many of some words as fit; what is longer than a line is cut to several."""
    line = ""
    for word in words:
        joined = f"{line} · {word}" if line else f"  {word}"
        if line and len(joined) > width:
            yield from wrapped(line, width, "    ")
            joined = f"  {word}"
        line = joined
    if line:
        yield from wrapped(line, width, "    ")


def wrapped(line: str, width: int | None, indent: str = "  ") -> list[str]:
    """Return a line as several of at most `width`, cut between words; None is any width."""
    if width is None or len(line) <= width:
        return [line]
    begin = line[: len(line) - len(line.lstrip())]
    return wrap(line.strip(), max(width, 20), initial_indent=begin, subsequent_indent=indent)

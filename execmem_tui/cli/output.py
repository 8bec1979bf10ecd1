"""Data to stdout, talk to stderr; never an escape code."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SCHEMA_VERSION = 1
"""Value of ``schema`` in every JSON document; keys may be added under it, none renamed."""


def write_json(document: Mapping[str, Any]) -> None:
    """Write one JSON object to stdout, ``schema`` first."""
    json.dump({"schema": SCHEMA_VERSION, **document}, sys.stdout, indent=2, ensure_ascii=True)
    sys.stdout.write("\n")


def write_lines(lines: Iterable[str]) -> None:
    """Write lines of text to stdout. The caller has made strangers' text printable."""
    for line in lines:
        sys.stdout.write(line.rstrip() + "\n")


def talk(message: str) -> None:
    """Write one line for people to stderr."""
    sys.stderr.write(message + "\n")


def table(rows: Iterable[Sequence[str]], headers: Sequence[str], align: str = "") -> list[str]:
    """Lay out plain text columns, two spaces apart.

    Args:
        rows: cells of text, as many as headers.
        headers: column titles.
        align: one of ``<`` and ``>`` per column; columns without one are left-aligned.
    """
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

"""Data to stdout, talk to stderr; never an escape code."""

import json
import sys
from collections.abc import Iterable, Mapping
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

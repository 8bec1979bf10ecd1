"""The oracle.

What the kernels' own headers and setup functions give, 134 layouts, and how a layout is compared
with it.
"""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType

_PATH = Path(__file__).parents[1] / "data" / "arches.json.gz"
_NAMES = {ExecmemType.MODULE_TEXT: "DEFAULT"}


@cache
def oracle() -> dict[str, Any]:
    """Return the whole oracle."""
    loaded: dict[str, Any] = json.loads(gzip.decompress(_PATH.read_bytes()))
    return loaded


def row(layout_id: str) -> dict[str, Any]:
    """Return one layout row."""
    found: dict[str, Any] = next(entry for entry in oracle()["layout"] if entry["id"] == layout_id)
    return found


def ids(arch: str) -> list[str]:
    """Return the ids of one architecture."""
    return [entry["id"] for entry in oracle()["layout"] if entry["arch"] == arch]


def as_row(layout: Layout) -> dict[str, Any]:
    """Return a layout in the oracle's own form, for an equality test that shows what differs."""
    return {
        "id": layout.id,
        "kernel": layout.kernel,
        "arch": layout.arch,
        "variant": layout.variant,
        "kaslr": layout.kaslr,
        "word_bits": layout.word_bits,
        "PAGE_SIZE": hex(layout.page_size),
        "PMD_SIZE": hex(layout.pmd_size),
        "VMALLOC_START": hex(layout.vmalloc_start),
        "VMALLOC_END": hex(layout.vmalloc_end),
        "MODULES_VADDR": None if layout.modules_vaddr is None else hex(layout.modules_vaddr),
        "MODULES_END": None if layout.modules_end is None else hex(layout.modules_end),
        "symbols": {name: hex(value) for name, value in layout.symbols.items()},
        "execmem": {
            _NAMES.get(kind, kind.name): {
                "start": hex(entry.start),
                "end": hex(entry.end),
                "fallback_start": hex(entry.fallback_start),
                "fallback_end": hex(entry.fallback_end),
                "pgprot": entry.pgprot,
                "alignment": entry.alignment_macro,
                "alignment_bytes": entry.alignment,
                "flags": list(entry.flags),
                "inherited": entry.inherited,
                "pool_eligible": entry.pool_eligible,
                "used": entry.used,
                "used_by": entry.used_by,
            }
            for kind, entry in layout.types.items()
        },
    }


def check(layout: Layout) -> None:
    """Compare every field of a layout with its row.

    Macros that the row names must be there with its values.
    """
    expected = row(layout.id)
    mine = as_row(layout)
    for key in ("MODULES_VADDR", "MODULES_END"):
        expected.setdefault(key, None)
    assert mine == {key: expected[key] for key in mine}
    for name, value in expected.get("macros", {}).items():
        assert hex(layout.macros[name]) == value, name

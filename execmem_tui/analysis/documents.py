"""The JSON objects that several commands share; keys may be added, none renamed."""

from collections.abc import Mapping
from typing import Any

from execmem_tui.model.areas import Area, Part
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange
from execmem_tui.model.rules import rules_of, value_text


def _addresses(values: Mapping[str, int]) -> dict[str, str]:
    return {name: hex(value) for name, value in values.items()}


def range_document(entry: ExecmemRange) -> dict[str, Any]:
    """Return one type's range; an absent fallback is ``0x0``, alignments are bytes."""
    return {
        "start": hex(entry.start),
        "end": hex(entry.end),
        "fallback_start": hex(entry.fallback_start),
        "fallback_end": hex(entry.fallback_end),
        "pgprot": entry.pgprot,
        "alignment": entry.alignment,
        "alignment_bytes": entry.alignment,
        "alignment_macro": entry.alignment_macro,
        "flags": list(entry.flags),
        "inherited": entry.inherited,
        "pool_eligible": entry.pool_eligible,
        "used": entry.used,
        "used_by": entry.used_by,
        "provenance": entry.provenance.value,
    }


def rules_document(layout: Layout) -> dict[str, Any]:
    """Return {"rules": which rules apply}, or {} where the kernel is one that is known in full."""
    if not layout.rules.sentence(layout.arch):
        return {}
    model = rules_of(layout.rules.model)
    return {
        "rules": {
            "model": layout.rules.model,
            "differs": [
                {
                    "rule": rule.name,
                    "what": rule.what,
                    "value": value_text(getattr(layout.rules, rule.name)),
                    "of_model": value_text(getattr(model, rule.name)),
                }
                for rule in layout.rules.differing(layout.arch)
            ],
            "unknown": [rule.name for rule in layout.rules.not_known(layout.arch)],
            "read": not layout.rules.newer_than_read,
        }
    }


def layout_document(layout: Layout) -> dict[str, Any]:
    """Return one layout as ``ranges`` and ``map`` print it."""
    return {
        "id": layout.id,
        "kernel": layout.kernel,
        "arch": layout.arch,
        "variant": layout.variant,
        "kaslr": layout.kaslr,
        "word_bits": layout.word_bits,
        "page_size": layout.page_size,
        "pmd_size": layout.pmd_size,
        "symbols": _addresses(layout.symbols),
        "macros": _addresses(layout.macros),
        "types": {kind.name: range_document(entry) for kind, entry in layout.types.items()},
        "notes": list(layout.notes),
        **rules_document(layout),
    }


def area_document(area: Area) -> dict[str, Any]:
    """Return one area; `end` includes the guard, `size` does not.

    ``parts`` only where its consumer divides it.
    """
    parts = {} if area.parts is None else {"parts": [part_document(part) for part in area.parts]}
    return {
        "start": hex(area.start),
        "end": hex(area.end),
        "size": area.size,
        "guard": area.guard,
        "type": None if area.type is None else area.type.name,
        "owner": area.owner,
        "region": area.region,
        "state": area.state.value,
        "window": None if area.window is None else area.window.value,
        "caller": area.caller,
        "detail": area.detail,
        **parts,
    }


def part_document(part: Part) -> dict[str, Any]:
    """Return one used piece of an area: a kprobe slot, a BPF program in its pack, a trampoline."""
    return {
        "start": hex(part.start),
        "end": hex(part.end),
        "size": part.size,
        "name": part.name,
        "state": part.state.value,
    }

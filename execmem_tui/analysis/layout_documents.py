"""The documents of layouts.

What ``ranges`` needs, and no more of the package is imported for it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from execmem_tui.model.documents import (
    ABSENT,
    Absent,
    Added,
    Count,
    Hex,
    Keywords,
    TypeName,
    document,
    hexes,
)
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, Provenance
from execmem_tui.model.rules import Rules, rules_of


@document
class RangeDocument:
    """One type's range; an absent fallback is ``0x0``, alignments are bytes."""

    start: Hex
    end: Hex
    fallback_start: Hex
    fallback_end: Hex
    pgprot: str
    alignment: Count
    alignment_bytes: Added[Count]
    alignment_macro: Added[str]
    flags: Sequence[str]
    inherited: bool
    pool_eligible: bool
    used: bool
    used_by: str
    function: Added[str | None]
    decided_by: Added[str | None]
    provenance: Added[Provenance]


@document
class RuleDocument:
    """A rule of the kernel that is not as in its model."""

    rule: str
    what: str
    value: str
    of_model: str


@document
class RulesDocument:
    """Which rules apply; those that differ from the model's, and those that are not known."""

    model: str
    differs: Sequence[RuleDocument]
    unknown: Sequence[str]
    read: bool


@document
class LayoutDocument:
    """One layout as ``ranges`` and ``map`` print it."""

    id: str
    kernel: str
    arch: str
    variant: str
    kaslr: str
    word_bits: Added[Count]
    page_size: Count
    pmd_size: Added[Count]
    symbols: Mapping[str, Hex]
    macros: Mapping[str, Hex]
    types: Annotated[Mapping[TypeName, RangeDocument], Keywords(additionalProperties=False)]
    notes: Added[Sequence[str]]
    rules: RulesDocument | Absent = ABSENT


def range_document(entry: ExecmemRange) -> RangeDocument:
    """Return one type's range."""
    return RangeDocument(
        start=hex(entry.start),
        end=hex(entry.end),
        fallback_start=hex(entry.fallback_start),
        fallback_end=hex(entry.fallback_end),
        pgprot=entry.pgprot,
        alignment=entry.alignment,
        alignment_bytes=entry.alignment,
        alignment_macro=entry.alignment_macro,
        flags=entry.flags,
        inherited=entry.inherited,
        pool_eligible=entry.pool_eligible,
        used=entry.used,
        used_by=entry.used_by,
        function=entry.function or None,
        decided_by=entry.decided_by or None,
        provenance=entry.provenance,
    )


def layout_document(layout: Layout) -> LayoutDocument:
    """Return one layout."""
    return LayoutDocument(
        id=layout.id,
        kernel=layout.kernel,
        arch=layout.arch,
        variant=layout.variant,
        kaslr=layout.kaslr,
        word_bits=layout.word_bits,
        page_size=layout.page_size,
        pmd_size=layout.pmd_size,
        symbols=hexes(layout.symbols),
        macros=hexes(layout.macros),
        types={kind.name: range_document(entry) for kind, entry in layout.types.items()},
        notes=layout.notes,
        rules=rules_told(layout),
    )


def rules_document(rules: Rules, arch: str | None) -> RulesDocument:
    """Return which rules apply."""
    from execmem_tui.model.rule_differences import differing, not_known, value_text

    model = rules_of(rules.model)
    differs = [
        RuleDocument(
            rule=each.name,
            what=each.what,
            value=value_text(getattr(rules, each.name)),
            of_model=value_text(getattr(model, each.name)),
        )
        for each in differing(rules, arch)
    ]
    return RulesDocument(
        model=rules.model,
        differs=differs,
        unknown=[each.name for each in not_known(rules, arch)],
        read=not rules.newer_than_read,
    )


def rules_told(layout: Layout) -> RulesDocument | Absent:
    """Return which rules apply to a layout.

    ABSENT where its kernel is one that is known in full.
    """
    if layout.rules.is_model:
        return ABSENT
    return rules_document(layout.rules, layout.arch)

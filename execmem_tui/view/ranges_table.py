"""The table of resolved ranges as plain text: the command and the screen show the same lines."""

from collections.abc import Iterable, Sequence
from typing import Final

from execmem_tui.analysis.bootlines import lines_of
from execmem_tui.analysis.reach import boot_pages
from execmem_tui.model.derivation import Derivation
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Provenance
from execmem_tui.model.units import format_size, hex_address
from execmem_tui.view.tables import columns, wrapped

_NO_RANGE: Final = ("none", "unknown")
"""Instead of a range without an end: whether that is not known."""


def layout_lines(
    layout: Layout,
    kinds: Sequence[ExecmemType] = tuple(ExecmemType),
    width: int | None = None,
) -> list[str]:
    """Return the table of one layout as lines of text.

    ``=`` marks what is inherited from MODULE_TEXT.

    Args:
        layout: resolved.
        kinds: types to list.
        width: columns that there are; None for any.
    """
    bits = layout.word_bits
    rows = []
    for kind in kinds:
        entry = layout.range_of(kind)
        mark = "=" if entry.inherited else " "
        fallback = "-"
        if entry.has_fallback:
            fallback = (
                f"{hex_address(entry.fallback_start, bits)}-{hex_address(entry.fallback_end, bits)}"
            )
        flags = [flag.removeprefix("EXECMEM_") for flag in entry.flags]
        rows.append(
            (
                kind.name + mark,
                f"{hex_address(entry.start, bits)}-{hex_address(entry.end, bits)}"
                if entry.end
                else _NO_RANGE[entry.provenance is Provenance.UNKNOWN],
                format_size(entry.end - entry.start) if entry.end else "-",
                fallback,
                str(entry.alignment),
                entry.pgprot,
                " ".join([*flags, *(["pools"] if entry.pool_eligible else [])]) or "-",
                entry.used_by,
            )
        )
    headers = ("TYPE", "RANGE", "SIZE", "FALLBACK", "ALIGN", "PGPROT", "FLAGS", "USED BY")
    title = (
        f"{layout.arch} {layout.kernel} {layout.variant} KASLR {layout.kaslr}, pages of"
        f" {format_size(layout.page_size)}"
    )
    lines = columns(rows, headers, "<<><><<<", width)
    if any(layout.range_of(kind).inherited for kind in kinds):
        lines.append("= inherited from MODULE_TEXT (execmem_init_missing)")
    lines += _reach_lines(layout, width)
    pages = boot_pages(layout)
    if pages is not None:
        lines += [f"at boot: {line}" for line in lines_of(*pages)]
    if not layout.rules.is_model:
        from execmem_tui.model.rule_differences import rules_sentence

        lines.append(rules_sentence(layout.rules, layout.arch))
    lines += [f"note: {note}" for note in layout.notes]
    return [title, *(each for line in lines for each in wrapped(line, width))]


def _reach_lines(layout: Layout, width: int | None) -> list[str]:
    """Return the reach of the architecture: instruction, relocations, limits.

    And what extends a call.
    """
    if not layout.reach:
        return []
    rows = [
        (
            each.name,
            each.instruction,
            ", ".join(each.relocations),
            each.kind.value,
            f"{each.low:#x}",
            f"{each.high:#x}",
        )
        for each in layout.reach
    ]
    headers = ("REACH", "INSTRUCTION", "RELOCATIONS", "FROM", "LOW", "HIGH")
    lines = ["", *columns(rows, headers, "", width)]
    if layout.plt is not None:
        lines.append(
            f"{layout.plt.word}: {layout.plt.entry_bytes} bytes; {layout.plt.extends_to};"
            f" {layout.plt.cost}"
        )
    return lines


def explanation_lines(
    steps: Iterable[Derivation], kind: ExecmemType, width: int | None = None
) -> list[str]:
    """Return how the range of one type comes about.

    Name, value, formula and source of every step, in order; in `width` columns, if given.
    """
    others = tuple(f"{other.name}." for other in ExecmemType if other is not kind)
    rows = [
        (step.name, hex(step.value), step.formula, step.source)
        for step in steps
        if not step.name.startswith(others)
    ]
    return columns(rows, ("NAME", "VALUE", "HOW", "WHERE"), "", width)

"""Which rule holds from which kernel on, as plain text."""

from collections.abc import Iterable

from execmem_tui.model.rule_differences import differences, rules_sentence, value_text
from execmem_tui.model.rules import Rules
from execmem_tui.model.versions import Rule
from execmem_tui.view.tables import columns, wrapped


def rules_lines(rules: Iterable[Rule], width: int | None = None) -> list[str]:
    """Return one row for each change of each rule: its name, version, values and source.

    In `width` columns, if given.
    """
    rows = []
    for rule in rules:
        first, *later = rule.steps
        for before, step in zip(rule.steps, later, strict=False):
            change = f"{value_text(before.value)} -> {value_text(step.value)}"
            rows.append((rule.name, step.begins, change, rule.what, rule.source))
        if not later:
            begins = f"by {first.since}" if first.since else "-"
            rows.append((rule.name, begins, value_text(first.value), rule.what, rule.source))
    return columns(rows, ("RULE", "SINCE", "VALUE", "WHAT", "SOURCE"), width=width)


def kernel_lines(
    rules: Iterable[Rule], record: Rules, arch: str | None, width: int | None = None
) -> list[str]:
    """Return the value of each rule for one kernel, then which rules these are.

    ``?`` marks a value that is not known for this kernel and taken from the next one that was read.
    """
    rows = [
        (
            rule.name,
            value_text(getattr(record, rule.name)) + ("?" if rule.name in record.unknown else ""),
            rule.what,
            rule.source,
        )
        for rule in rules
    ]
    lines = columns(rows, ("RULE", record.kernel, "WHAT", "SOURCE"), width=width)
    if any(rule.name in record.unknown for rule in rules):
        lines.append("? not known for this kernel: the value of the next one that was read")
    said = rules_sentence(record, arch)
    return [*lines, *wrapped(said, width)] if said else lines


def difference_lines(
    before: Rules, after: Rules, arch: str | None, width: int | None = None
) -> list[str]:
    """Return what differs between two kernels, one row each; in `width` columns, if given."""
    rows = [
        (rule.name, value_text(old), value_text(new), rule.what, rule.source)
        for rule, old, new in differences(before, after)
        if rule.concerns(arch)
    ]
    if not rows:
        return [f"{before.kernel} and {after.kernel} follow the same rules"]
    return columns(rows, ("RULE", before.kernel, after.kernel, "WHAT", "SOURCE"), width=width)

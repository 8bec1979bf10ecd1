"""How the rules of kernels differ, and what a line says of that."""

from collections.abc import Iterator
from typing import Any, Final

from execmem_tui.model.rules import READ, Rules, rules, rules_of
from execmem_tui.model.versions import Rule

_NAMED: Final = 3
"""How many rules one line names."""


def differences(one: Rules, other: Rules) -> Iterator[tuple[Rule, Any, Any]]:
    """Yield each rule in which two kernels differ, with its two values."""
    for rule in rules():
        before, after = getattr(one, rule.name), getattr(other, rule.name)
        if before != after:
            yield rule, before, after


def differing(kernel: Rules, arch: str | None = None) -> tuple[Rule, ...]:
    """Return the rules in which a kernel differs from its model.

    For one architecture, or for all.
    """
    found = differences(rules_of(kernel.model), kernel)
    return tuple(rule for rule, _, _ in found if rule.concerns(arch))


def not_known(kernel: Rules, arch: str | None = None) -> tuple[Rule, ...]:
    """Return the rules whose value for a kernel's version is not known.

    For one architecture, or for all.
    """
    return tuple(rule for rule in rules() if rule.name in kernel.unknown and rule.concerns(arch))


def rules_sentence(kernel: Rules, arch: str | None = None) -> str:
    """Say in one line which rules apply, "" where the kernel is one of the models."""
    if kernel.is_model:
        return ""
    parts = [f"rules of {kernel.model}"]
    found, unknown = differing(kernel, arch), not_known(kernel, arch)
    if found:
        said = [f"{rule.what} ({value_text(getattr(kernel, rule.name))})" for rule in found]
        words = _some(said, f"kernels --diff {kernel.model} {kernel.short}")
        parts = [f"rules of {kernel.model}; {kernel.short} differs in {words}"]
    if unknown:
        words = _some([rule.what for rule in unknown], f"kernels {kernel.short}")
        parts.append(f"Not known for {kernel.short}: {words}")
    if kernel.newer_than_read:
        parts.append(f"Nothing newer than {READ[-1]} was read")
    return ". ".join(parts)


def _some(found: list[str], command: str) -> str:
    """Say the first few, and the command that says all."""
    words = "; ".join(found[:_NAMED])
    more = len(found) - _NAMED
    return f"{words} and {more} more (execmem-tui {command})" if more > 0 else words


def value_text(value: object) -> str:
    """Return a rule's value as a table prints it."""
    if value is None:
        return "not told by the version"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return " ".join(kind.name for kind in sorted(value)) or "none"
    return str(value)

"""``execmem-tui kernels``: which rule holds from which kernel on, and where that was read."""

import argparse
from collections.abc import Sequence

from execmem_tui.arch import find
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.cli.terminal import terminal_width
from execmem_tui.model.documents import document
from execmem_tui.model.rule_differences import differences, rules_sentence, value_text
from execmem_tui.model.rules import (
    MODELS,
    READ,
    Rules,
    canonical,
    rules,
    rules_of,
)
from execmem_tui.model.versions import Rule
from execmem_tui.view.kernels_table import difference_lines, kernel_lines, rules_lines


@document
class StepDocument:
    """One value of a rule; `since` null: since the oldest; `after` only where bounds are known."""

    since: str | None
    after: str | None
    value: str


@document
class RecordedRule:
    """The history of one rule; no architectures means all."""

    name: str
    what: str
    source: str
    architectures: Sequence[str]
    steps: Sequence[StepDocument]


@document
class RecordDocument:
    """The record of rules, and the kernels that it was read from."""

    models: Sequence[str]
    read: Sequence[str]
    rules: Sequence[RecordedRule]


@document
class ValueDocument:
    """A rule's value for one kernel, and whether that is known or the next read kernel's."""

    name: str
    value: str
    known: bool


@document
class KernelDocument:
    """The rules of one kernel."""

    kernel: str
    model: str
    sentence: str
    values: Sequence[ValueDocument]


@document
class RuleDifference:
    """A rule in which two kernels differ."""

    name: str
    what: str
    source: str
    before: str
    after: str
    known: bool


@document
class KernelDiffDocument:
    """What differs between two kernels."""

    before: str
    after: str
    differences: Sequence[RuleDifference]


DOCUMENTS = (RecordDocument, KernelDocument, KernelDiffDocument)
HELP = "which rule holds from which kernel on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a version, or two to compare."""
    parser.add_argument("version", nargs="?", help="the rules of one kernel: 6.14, 7.3.4")
    parser.add_argument(
        "--diff", nargs=2, metavar=("A", "B"), help="what differs between two kernels: 6.12 7.3"
    )
    parser.add_argument("--arch", help="only the rules that concern this architecture")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print the record, one kernel's rules, or what differs between two."""
    arch = None if args.arch is None else find(args.arch)[0].name
    chosen = tuple(rule for rule in rules() if rule.concerns(arch))
    if args.diff is not None:
        before, after = (rules_of(canonical(text)) for text in args.diff)
        if args.json:
            write_json(_difference_document(before, after, arch))
        else:
            write_lines(difference_lines(before, after, arch, terminal_width()))
    elif args.version is not None:
        record = rules_of(canonical(args.version))
        if args.json:
            write_json(_kernel_document(chosen, record, arch))
        else:
            write_lines(kernel_lines(chosen, record, arch, terminal_width()))
    elif args.json:
        write_json(_record_document(chosen))
    else:
        write_lines(rules_lines(chosen, terminal_width()))
    return 0


def _record_document(chosen: tuple[Rule, ...]) -> RecordDocument:
    return RecordDocument(
        models=MODELS,
        read=READ,
        rules=[
            RecordedRule(
                name=rule.name,
                what=rule.what,
                source=rule.source,
                architectures=rule.scope,
                steps=[
                    StepDocument(
                        since=step.since or None,
                        after=step.after or None,
                        value=value_text(step.value),
                    )
                    for step in rule.steps
                ],
            )
            for rule in chosen
        ],
    )


def _kernel_document(chosen: tuple[Rule, ...], record: Rules, arch: str | None) -> KernelDocument:
    return KernelDocument(
        kernel=record.kernel,
        model=record.model,
        sentence=rules_sentence(record, arch),
        values=[
            ValueDocument(
                name=rule.name,
                value=value_text(getattr(record, rule.name)),
                known=rule.name not in record.unknown,
            )
            for rule in chosen
        ],
    )


def _difference_document(before: Rules, after: Rules, arch: str | None) -> KernelDiffDocument:
    return KernelDiffDocument(
        before=before.kernel,
        after=after.kernel,
        differences=[
            RuleDifference(
                name=rule.name,
                what=rule.what,
                source=rule.source,
                before=value_text(old),
                after=value_text(new),
                known=rule.name not in before.unknown | after.unknown,
            )
            for rule, old, new in differences(before, after)
            if rule.concerns(arch)
        ],
    )

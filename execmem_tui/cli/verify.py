"""``execmem-tui verify``: predicted against actual, and the first difference."""

import argparse
from pathlib import Path
from typing import Any

from execmem_tui.analysis.verify_documents import (
    SelfTestDocument,
    TraceDocument,
    WrongRuleDocument,
)
from execmem_tui.cli.output import talk, write_json, write_lines
from execmem_tui.files.regular import user_path
from execmem_tui.model.text import printable
from execmem_tui.view.tables import columns

DOCUMENTS = (TraceDocument, SelfTestDocument)
_RULES_NAMED = 3
HELP = "predicted against actual addresses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE, --self-test and --json."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="an op script (.jsonl, also .gz), a trace, or a run folder or bundle with one",
    )
    parser.add_argument(
        "--phase", metavar="NAME", help="start from this snapshot of a run folder, not from boot"
    )
    parser.add_argument(
        "--self-test", action="store_true", help="show that wrong rules are caught on this trace"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Replay the source; 1 if a certain answer differs and nothing explains it."""
    path = user_path(args.source)
    from execmem_tui.analysis.opscript import is_opscript, replay_opscript

    if not is_opscript(path):
        return _trace(args, path)
    result = replay_opscript(str(path))
    _print(args, result.document())
    return 0 if result.exact == result.checked else 1


def _trace(args: argparse.Namespace, path: Path) -> int:
    from execmem_tui.analysis.trace_verify import verify_trace
    from execmem_tui.bundles.reader import locate, on_disk

    with on_disk(path) as found:
        run = locate(found) if found.is_dir() else found
        if args.self_test:
            return _self_test(args, run)
        verdict = verify_trace(run, args.phase)
    _print(args, verdict.document() | {"source": args.source})
    lost = max(verdict.found.lost, verdict.run.lost)
    if lost:
        talk(
            f"execmem-tui: the trace lost {lost} events; what follows them may be wrong for that"
            " reason"
        )
    for why, count in verdict.found.unclaimed.items():
        talk(f"execmem-tui: nothing is claimed of {count} requests: {why}")
    for why, count in verdict.loader.unclaimed.items() if verdict.loader is not None else ():
        talk(f"execmem-tui: nothing is claimed, {count} times: {why}")
    return 1 if verdict.certain_wrong or verdict.wrong_loads else 0


def _self_test(args: argparse.Namespace, path: Path) -> int:
    from execmem_tui.analysis.wrong_rules import self_test

    rules = self_test(path)
    if args.json:
        rows = [
            WrongRuleDocument(
                rule=rule.name, wrong=rule.wrong, model=rule.model, caught_in=rule.classes
            )
            for rule in rules
        ]
        write_json(SelfTestDocument(source=args.source, self_test=rows))
    else:
        text = [
            (
                rule.name,
                str(rule.wrong),
                str(rule.model),
                ", ".join(rule.classes) or "not told by this trace",
            )
            for rule in rules
        ]
        write_lines(columns(text, ("WRONG ON PURPOSE", "WRONG", "MODEL", "CAUGHT IN"), "<>>"))
    return 0 if any(rule.classes for rule in rules) else 1


def _rules_text(rules: dict[str, Any]) -> str:
    differing = [f"{each['what']}: {each['value']}" for each in rules["differs"]]
    words = [f"rules of {rules['model']}", *differing[:_RULES_NAMED]]
    more = len(differing) - _RULES_NAMED
    if more > 0:
        words.append(f"{more} more that differ (--json)")
    if rules["unknown"]:
        words.append(f"not known for this kernel: {', '.join(rules['unknown'])}")
    return "; ".join(words)


def _print(args: argparse.Namespace, document: dict[str, Any]) -> None:
    if args.json:
        write_json(document)
        return
    differ = document["checked"] - document["exact"]
    counts = (
        f"{document['checked']} checked, {differ} differ, {document['unexplained']} unexplained"
    )
    write_lines([f"{printable(document['source'])}: {counts}", _rules_text(document["rules"])])
    rows = [
        (name, str(entry["checked"]), str(entry["checked"] - entry["exact"]))
        for name, entry in document["classes"].items()
    ]
    write_lines(columns(rows, ("CLASS", "CHECKED", "DIFFER"), "<>>"))
    write_lines(f"{count} x {cause}" for cause, count in document["causes"].items())
    first = document["first_difference"]
    if first is not None:
        lines = [
            f"first difference at {printable(first['where'])}",
            f"  expected  {first['expected']}",
        ]
        write_lines([*lines, f"  predicted {first['predicted']}"])
        for name in ("expected", "predicted"):
            places = first.get(f"around_{name}", ())
            if places:
                rows = [(f"    {place['start']}", place["end"], place["state"]) for place in places]
                write_lines(
                    columns(rows, (f"    AROUND THE {name.upper()}", "END", "THE MODEL HAS"), "<<<")
                )

"""``execmem-tui verify``: predicted against actual, and the first difference."""

import argparse

from execmem_tui.analysis.opscript import replay_opscript
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.model.text import printable
from execmem_tui.view.ranges_table import columns

HELP = "predicted against actual addresses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE and --json."""
    parser.add_argument("source", metavar="SOURCE", help="an op script (.jsonl, also .gz)")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Replay the script; 1 if any row differs."""
    result = replay_opscript(args.source)
    if args.json:
        write_json(result.document())
    else:
        rows = [(name, str(checked), str(checked - exact)) for name, (checked, exact) in result.classes.items()]
        differ = result.checked - result.exact
        write_lines([f"{printable(result.source)}: {result.rows} rows, {result.checked} checked, {differ} differ"])
        write_lines(columns(rows, ("ROW", "CHECKED", "DIFFER"), "<>>"))
        first = result.document()["first_difference"]
        if first is not None:
            write_lines(
                [
                    f"first difference at {printable(first['where'])}",
                    f"  expected  {first['expected']}",
                    f"  predicted {first['predicted']}",
                ]
            )
    return 0 if result.exact == result.checked else 1

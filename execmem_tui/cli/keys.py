"""``execmem-tui keys``: the keys of the application."""

import argparse

from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.view.actions import ACTIONS, keys_markdown, keys_text

HELP = "the keys of the application"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the forms of output."""
    parser.add_argument("--markdown", action="store_true", help="as the table of the page `keys`")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print the keys."""
    if args.json:
        rows = [
            {"id": each.id, "keys": each.keys.split(","), "help": each.help, "group": each.group}
            for each in ACTIONS
        ]
        write_json({"keys": rows})
    else:
        write_lines([keys_markdown()] if args.markdown else keys_text())
    return 0

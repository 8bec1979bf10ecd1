"""``execmem-tui keys``: the keys of the application."""

import argparse
from collections.abc import Sequence

from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.model.documents import document
from execmem_tui.view.actions import ACTIONS, keys_markdown, keys_text


@document
class KeyDocument:
    """One action and the keys that do it."""

    id: str
    keys: Sequence[str]
    help: str
    group: str


@document
class KeysDocument:
    """The keys of the application."""

    keys: Sequence[KeyDocument]


DOCUMENTS = (KeysDocument,)
HELP = "the keys of the application"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the forms of output."""
    parser.add_argument("--markdown", action="store_true", help="as the table of the page `keys`")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print the keys."""
    if args.json:
        rows = [
            KeyDocument(id=each.id, keys=each.keys.split(","), help=each.help, group=each.group)
            for each in ACTIONS
        ]
        write_json(KeysDocument(keys=rows))
    else:
        write_lines([keys_markdown()] if args.markdown else keys_text())
    return 0

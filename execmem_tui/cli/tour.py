"""``execmem-tui tour``: take a guided tour, or read it."""

import argparse

from execmem_tui.cli.application import has_terminal, take_tour
from execmem_tui.cli.config import user_config
from execmem_tui.cli.output import write_lines
from execmem_tui.model.errors import UsageError

DOCUMENTS: tuple[type, ...] = ()
HELP = "a guided tour: what is said, what the simulator does, what you guess first"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the tour and --notes."""
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="a tour of `execmem-tui tours`, or a file; without it the list is shown",
    )
    parser.add_argument(
        "--notes",
        action="store_true",
        help="the whole tour as text: what is said, answers, sources, the speaker's notes",
    )


def run(args: argparse.Namespace) -> int:
    """Take it on the screen; into a pipe, or with --notes, print it."""
    if args.name is None:
        if args.notes:
            raise UsageError("--notes needs the name of a tour")
        from execmem_tui.cli.tours import run as list_tours

        args.json = False
        return list_tours(args)
    if not args.notes and has_terminal():
        return take_tour(args.name, user_config(None))
    from execmem_tui.tours.reader import open_tour
    from execmem_tui.view.tour_text import script

    write_lines(script(open_tour(args.name)))
    return 0

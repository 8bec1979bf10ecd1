"""The application itself, or the plain map where there is no terminal to draw on."""

import argparse
import os
import sys

from execmem_tui.cli.output import talk
from execmem_tui.cli.source_options import add_source_arguments, open_source

HELP = "the application"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE, the simulator's options, --empty and --theme."""
    add_source_arguments(parser)
    parser.add_argument(
        "--empty", action="store_true", help="simulate a machine that has loaded nothing yet"
    )
    parser.add_argument(
        "--theme", help="name of a theme: execmem-dark, execmem-light, … or one of your own"
    )


def has_terminal() -> bool:
    """Whether there is a terminal that understands cursor movement.

    Textual reads from stdin and draws on stderr.
    """
    return (
        sys.stdin.isatty()
        and sys.stdout.isatty()
        and sys.stderr.isatty()
        and os.environ.get("TERM", "dumb") not in ("", "dumb")
    )


def run(args: argparse.Namespace) -> int:
    """Show the source on the screen; into a pipe or on a dumb terminal, print the plain map."""
    screen = has_terminal()
    source = open_source(args, follow=screen, booted=not args.empty)
    if not screen:
        from execmem_tui.cli.map import print_map

        talk(
            "execmem-tui: no terminal to draw on; this is the plain map (see also: execmem-tui map"
            " --help)"
        )
        print_map(source)
        return 0
    if args.scenario is not None:
        source.history.seek(0)  # it is there to be played
    from execmem_tui.tui.app import run_app  # Textual: 250 ms, only now

    return run_app(source, theme=args.theme)

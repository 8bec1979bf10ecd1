"""``execmem-tui tour``: take a guided tour, or read it."""

import argparse
import sys
from time import sleep
from typing import Final

from execmem_tui.cli.application import has_terminal, take_tour
from execmem_tui.cli.output import flush, talk, write_lines
from execmem_tui.cli.user_config import user_config
from execmem_tui.model.errors import UsageError
from execmem_tui.model.text import printable

DOCUMENTS: tuple[type, ...] = ()
_THEME: Final = "execmem-dark"
_WIDTH: Final = 100
"""Columns of notes; longer lines are hard to read at a glance."""
_MOMENT: Final = 0.5
"""Seconds between two looks for the other terminal, before there is one."""
HELP = "a guided tour: what is said, what the simulator does, what you guess first"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the tour and --notes."""
    parser.add_argument(
        "tour",
        metavar="NAME",
        nargs="?",
        help="a tour of `execmem-tui tours`, or a file; without it the list is shown",
    )
    parser.add_argument(
        "--notes",
        action="store_true",
        help=(
            "the speaker's notes, following the terminal in which the tour is taken; into a pipe"
            " the whole tour as text: what is said, answers, sources, notes"
        ),
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="for screen readers: keys as lines of standard input, answers in short sentences",
    )
    parser.add_argument(
        "--record",
        metavar="FILE",
        help="write it as an asciinema cast (.cast) or a moving picture (.svg), without a terminal:"
        " the same bytes each time",
    )


def run(args: argparse.Namespace) -> int:
    """Take it on the screen, or record it; into a pipe, or with --notes, print it."""
    if args.tour is None:
        if args.notes or args.plain or args.record is not None:
            raise UsageError("--notes, --plain and --record need the name of a tour")
        from execmem_tui.cli.tours import run as list_tours

        args.json = False
        return list_tours(args)
    if args.record is not None:
        return _record(args.tour, args.record)
    if args.plain:
        return _talk(args.tour)
    if args.notes and sys.stdout.isatty():
        return _follow(args.tour)
    if not args.notes and has_terminal():
        return take_tour(args.tour, user_config(None))
    from execmem_tui.tours.reader import open_tour
    from execmem_tui.view.tour_text import script

    write_lines(script(open_tour(args.tour)))
    return 0


def _follow(name: str) -> int:
    """Show the notes of each stop that the other terminal comes to, until its tour ends."""
    from execmem_tui.cli.terminal import columns
    from execmem_tui.tours.reader import open_tour
    from execmem_tui.tours.speaker_notes import follow, socket_path
    from execmem_tui.view.tour_notes import Notes

    tour = open_tour(name)
    notes = Notes(tour, min(columns(), _WIDTH))
    for now in follow(socket_path(tour.name), len(tour.stops), lambda: sleep(_MOMENT)):
        if now is None:
            write_lines([f"Waiting for: execmem-tui tour {name}, in another terminal."])
        else:
            write_lines(notes.lines(now))
        flush()
    write_lines(["", "The tour was left."])
    return 0


def _talk(name: str) -> int:
    from execmem_tui.cli.conversation import converse
    from execmem_tui.tours.reader import open_tour
    from execmem_tui.tours.run import TourRun
    from execmem_tui.view.actions import rebound
    from execmem_tui.view.tour_talk import TourTalk

    converse(TourTalk(TourRun(open_tour(name)), rebound(user_config(None).keys)))
    return 0


def _record(name: str, path: str) -> int:
    from execmem_tui.files.publish import refuse_existing, write_new
    from execmem_tui.files.regular import user_path
    from execmem_tui.tours.reader import open_tour
    from execmem_tui.view.recording import cast, frames, moving_svg
    from execmem_tui.view.svg import colours

    if not path.endswith((".cast", ".svg")):
        raise UsageError("a recording is a .cast or an .svg", hint=f"--record {name}.cast")
    target = user_path(path)
    refuse_existing(target)
    tour = open_tour(name)
    found = list(frames(tour))
    text = cast(tour.title, found) if path.endswith(".cast") else moving_svg(found, colours(_THEME))
    write_new(target, text)
    talk(f"execmem-tui: wrote {printable(path)}, {len(found)} frames")
    return 0

"""``execmem-tui tours``: the tours that come with the package."""

import argparse
from collections.abc import Sequence

from execmem_tui.cli.output import talk, write_json, write_lines
from execmem_tui.model.documents import Added, Count, document
from execmem_tui.view.tables import columns


@document
class TourDocument:
    """One tour."""

    name: str
    title: str
    steps: Count
    text: Added[str]
    seconds: Added[Count]
    """How long it takes, reading and doing."""
    guesses: Added[Count]
    """Stops at which the listener says first where the kernel will put something."""


@document
class ToursDocument:
    """The shipped tours."""

    tours: Sequence[TourDocument]


DOCUMENTS = (ToursDocument,)
HELP = "the guided tours that come with the package"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """List them."""
    from execmem_tui.tours.reader import shipped_tours

    found = shipped_tours()
    if args.json:
        rows = [
            TourDocument(
                name=tour.name,
                title=tour.title,
                steps=len(tour.stops),
                text=tour.text,
                seconds=tour.seconds,
                guesses=sum(bool(stop.guess) for stop in tour.stops),
            )
            for tour in found
        ]
        write_json(ToursDocument(tours=rows))
        return 0
    table = [(tour.name, str(len(tour.stops)), f"{tour.minutes} min", tour.title) for tour in found]
    write_lines(columns(table, ("NAME", "STOPS", "TIME", "WHAT"), "<>><"))
    talk(f"Begin with the first: execmem-tui tour {found[0].name}")
    return 0

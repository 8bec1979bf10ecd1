"""``execmem-tui help [PAGE]``: the pages that come with the package, or a command's own help."""

import argparse
from collections.abc import Sequence
from difflib import get_close_matches

from execmem_tui.cli.commands import COMMANDS, parser_of
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.help import page, pages
from execmem_tui.model.documents import ABSENT, Absent, document
from execmem_tui.model.errors import UsageError
from execmem_tui.model.text import printable


@document
class PageDocument:
    """One page of the manual."""

    name: str
    title: str
    text: str | Absent = ABSENT


@document
class HelpDocument:
    """All pages, or the one that was asked for with its text."""

    pages: Sequence[PageDocument]


DOCUMENTS = (HelpDocument,)
HELP = "the pages of the manual: keys, formats, live, architecture, …"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add PAGE and --json."""
    parser.add_argument(
        "page", nargs="?", metavar="PAGE", help="a page, or a command; the list if left out"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print a page, a command's usage, both where both have the name, or the list of pages."""
    titles = pages()
    if args.page is None:
        _list(titles, as_json=args.json)
        return 0
    if args.page not in titles and args.page not in COMMANDS:
        close = get_close_matches(args.page, (*titles, *COMMANDS), 1)
        raise UsageError(
            f"no page {printable(args.page)!r}",
            hint=f"did you mean {close[0]}?" if close else f"there are: {', '.join(titles)}",
        )
    text = page(args.page) if args.page in titles else ""
    usage = parser_of(args.page).format_help() if args.page in COMMANDS else ""
    if args.json:
        title = titles.get(args.page, args.page)
        found = PageDocument(name=args.page, title=title, text=text or usage)
        write_json(HelpDocument(pages=[found]))
    else:
        write_lines("\n".join(filter(None, (text, usage))).splitlines())
    return 0


def _list(titles: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        rows = [PageDocument(name=name, title=title) for name, title in titles.items()]
        write_json(HelpDocument(pages=rows))
        return
    width = max(map(len, titles))
    write_lines(f"{name:<{width}}  {title}" for name, title in titles.items())

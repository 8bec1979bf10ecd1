"""``execmem-tui map``: the plain map, or everything on it as JSON."""

import argparse
from typing import Any

from execmem_tui.cli.output import talk, write_json, write_lines
from execmem_tui.cli.source_options import LENSES, add_source_arguments, open_source
from execmem_tui.cli.terminal import columns
from execmem_tui.model.errors import UsageError
from execmem_tui.sources.base import Source

HELP = "the map as plain text"


def __getattr__(name: str) -> Any:
    """Return `DOCUMENTS`: its classes take 5 ms to make, and the plain map needs none of them."""
    if name != "DOCUMENTS":
        raise AttributeError(name)
    from execmem_tui.cli.map_document import MapDocument

    return (MapDocument,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE and the forms of output."""
    add_source_arguments(parser)
    parser.add_argument("--step", type=int, help="the step to show; the newest if left out")
    parser.add_argument("--width", type=int, help="columns to use; the terminal's, or 100")
    parser.add_argument(
        "--lens",
        choices=LENSES,
        default="kind",
        help="what the letters of the plain map tell",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument(
        "--export",
        metavar="FILE",
        help=(
            "write a new file instead: .txt, .svg, .png, .json, or an .html page with picture and"
            " text"
        ),
    )


def run(args: argparse.Namespace) -> int:
    """Print the map."""
    source = open_source(args)
    if args.step is not None:
        if not 0 <= args.step <= source.history.steps:
            raise UsageError(f"no step {args.step}", hint=f"there are 0 to {source.history.steps}")
        source.history.seek(args.step)
    if args.lens != "kind" and (args.json or args.export is not None):
        raise UsageError("--lens is for the plain map: --json and --export tell everything")
    if args.export is not None:
        _export(source, args.export)
        return 0
    if args.json:
        from execmem_tui.cli.map_document import map_document

        write_json(map_document(source.history.snapshot()))
        return 0
    print_map(source, args.width, args.lens)
    return 0


def _export(source: Source, name: str) -> None:
    from execmem_tui.cli.export import check_export, exported
    from execmem_tui.files.publish import write_new
    from execmem_tui.files.regular import user_path

    path = user_path(name)
    check_export(path)
    write_new(path, exported(source.history.snapshot(), source.title, path.suffix))
    talk(f"execmem-tui: wrote {name}")


def print_map(source: Source, width: int | None = None, lens: str = "kind") -> None:
    """Print the plain map of the step that the history's cursor is at."""
    from execmem_tui.view.paint import LensName
    from execmem_tui.view.plain import plain_map

    snapshot, note = source.history.snapshot(), ""
    paint = None
    if lens != "kind":
        from execmem_tui.analysis.reach import kernel_origin
        from execmem_tui.view.lens_tables import why_unknown
        from execmem_tui.view.painter import Painter, Wanted

        wanted = Wanted(lens=LensName(lens), origin=kernel_origin(snapshot.layout))
        paint = Painter().paint(snapshot, source, wanted)
        note = why_unknown(wanted.lens, source)
    lines = plain_map(snapshot, source.title, width=columns(width), paint=paint)
    write_lines([*lines, *([f"note: {note}"] if note else [])])

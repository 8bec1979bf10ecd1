"""``execmem-tui map``: the plain map, or everything on it as JSON."""

import argparse
from collections.abc import Mapping, Sequence

from attrs import asdict

from execmem_tui.analysis.documents import (
    AreaDocument,
    CountersDocument,
    HiddenDocument,
    MeterDocument,
    area_document,
    hidden_document,
    meter_documents,
)
from execmem_tui.analysis.layout_documents import (
    LayoutDocument,
    RulesDocument,
    layout_document,
    rules_told,
)
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.cli.source_options import add_source_arguments, open_source
from execmem_tui.cli.terminal import columns
from execmem_tui.model.areas import AreaState
from execmem_tui.model.documents import ABSENT, Absent, Added, Count, TypeName, document
from execmem_tui.model.errors import UsageError
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import Source


@document
class MapDocument:
    """Everything on the map at one step; pooled areas are listed apart."""

    layout: LayoutDocument
    step: Count
    steps: Count
    areas: Sequence[AreaDocument]
    pooled: Sequence[AreaDocument]
    counters: CountersDocument
    meters: Mapping[TypeName, MeterDocument]
    hidden: Added[HiddenDocument]
    notes: Added[Sequence[str]]
    rules: RulesDocument | Absent = ABSENT


DOCUMENTS = (MapDocument,)
HELP = "the map as plain text"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE and the forms of output."""
    add_source_arguments(parser)
    parser.add_argument("--step", type=int, help="the step to show; the newest if left out")
    parser.add_argument("--width", type=int, help="columns to use; the terminal's, or 100")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print the map."""
    source = open_source(args)
    if args.step is not None:
        if not 0 <= args.step <= source.history.steps:
            raise UsageError(f"no step {args.step}", hint=f"there are 0 to {source.history.steps}")
        source.history.seek(args.step)
    if args.json:
        write_json(map_document(source.history.snapshot()))
        return 0
    print_map(source, args.width)
    return 0


def print_map(source: Source, width: int | None = None) -> None:
    """Print the plain map of the step that the history's cursor is at."""
    from execmem_tui.view.plain import plain_map

    write_lines(plain_map(source.history.snapshot(), source.title, width=columns(width)))


def map_document(snapshot: Snapshot) -> MapDocument:
    """Return the document of `snapshot`."""
    pooled = [area for area in snapshot.areas if area.state is AreaState.POOLED]
    others = [area for area in snapshot.areas if area.state is not AreaState.POOLED]
    return MapDocument(
        layout=layout_document(snapshot.layout),
        step=snapshot.step,
        steps=snapshot.steps,
        areas=[area_document(area) for area in others],
        pooled=[area_document(area) for area in pooled],
        counters=CountersDocument(**asdict(snapshot.counters)),
        meters=meter_documents(snapshot),
        hidden=hidden_document(snapshot.hidden),
        notes=snapshot.layout.notes,
        rules=rules_told(snapshot.layout),
    )

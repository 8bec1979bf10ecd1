"""``execmem-tui whatis``: owner, region, window, distance and reach of one address."""

import argparse
from typing import Any

from execmem_tui.analysis.documents import area_document, part_document
from execmem_tui.analysis.reach import verdicts
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.cli.source_options import add_source_arguments, open_source
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, format_size, hex_address, parse_address
from execmem_tui.view.inspect import distance

HELP = "owner, region, window, distance and reach of one address"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ADDR, SOURCE and --json."""
    parser.add_argument("address", metavar="ADDR", help="hexadecimal")
    add_source_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print one line; 1 if nothing is at the address."""
    address = parse_address(args.address)
    snapshot = open_source(args).history.snapshot()
    document = whatis_document(snapshot, address)
    if args.json:
        write_json(document)
    else:
        write_lines([_line(snapshot, address)])
    return 0 if document["area"] is not None else 1


def whatis_document(snapshot: Snapshot, address: Address) -> dict[str, Any]:
    """Return the document without its ``schema`` key; reach counts from the address to the start of kernel text."""
    area = snapshot.area_at(address)
    part = None if area is None else area.part_at(address)
    layout = snapshot.layout
    text = layout.text
    reach = [] if text is None else verdicts(layout, address, text)
    return {
        "address": hex(address),
        "area": None if area is None else area_document(area),
        "part": None if part is None else part_document(part),
        "owner": None if area is None else area.owner,
        "region": None if area is None else area.region,
        "type": None if area is None or area.type is None else area.type.name,
        "window": None if area is None or area.window is None else area.window.value,
        "distance": distance(layout, address),
        "reach": [{"name": each.name, "verdict": verdict.value} for each, verdict in reach],
    }


def _line(snapshot: Snapshot, address: Address) -> str:
    layout, area = snapshot.layout, snapshot.area_at(address)
    words = [hex_address(address, layout.word_bits)]
    if area is None:
        words.append("nothing known here")
    else:
        place = "guard page of " if address >= area.start + area.size else ""
        words.append(f"{place}{area.name}+{address - area.start:#x} ({format_size(area.size)})")
        part = area.part_at(address)
        words += [f"in {part.name}+{address - part.start:#x} ({format_size(part.size)})"] if part is not None else []
        words.append(area.type.name if area.type is not None else "not execmem")
        words += [f"{area.window} range"] if area.window is not None else []
        words += [area.state.value] if area.state.value != "live" else []
        words += [f"caller {area.caller}"] if area.caller else []
    away = distance(layout, address)
    if away is not None:
        words.append(
            "in the kernel image" if away == 0 else f"{'+' if away > 0 else ''}{format_size(away)} from the kernel"
        )
    if layout.text is not None:
        words += [f"{reach.name}: {verdict.value}" for reach, verdict in verdicts(layout, address, layout.text)]
    return ", ".join(words)

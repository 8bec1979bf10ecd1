"""``execmem-tui whatis``: owner, region, window, distance and reach of one address."""

import argparse
from typing import Any

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.places import Place, hole_at, outside_words, place_of
from execmem_tui.analysis.reach import verdicts
from execmem_tui.analysis.tenants import tenants
from execmem_tui.cli.output import talk, write_json, write_lines
from execmem_tui.cli.source_options import add_source_arguments, open_source
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, format_size, hex_address, parse_address
from execmem_tui.view.inspect import distance, inside_at

HELP = "owner, region, window, distance and reach of one address"
_NOTHING = (Place.HOLE, Place.UNKNOWN, Place.OUTSIDE)
_STATES = {
    AreaState.LAZY: "freed, waits for a purge",
    AreaState.POOLED: "freed, parked in a node's pool",
    AreaState.CACHE_FREE: "free piece of the ROX cache",
}


def __getattr__(name: str) -> Any:
    """Return `DOCUMENTS`.

    Its classes take 5 ms to make, and the line in words needs none of them.
    """
    if name != "DOCUMENTS":
        raise AttributeError(name)
    from execmem_tui.cli.whatis_document import WhatisDocument

    return (WhatisDocument,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ADDR, SOURCE, --history and --json."""
    parser.add_argument("address", metavar="ADDR", help="hexadecimal")
    add_source_arguments(parser)
    parser.add_argument(
        "--history", action="store_true", help="everybody who ever lay there, one a line"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.epilog = (
        "Of a capture with several phases the last is asked, or --phase. Exit code 1: nothing known"
        " is there."
    )


def run(args: argparse.Namespace) -> int:
    """Print one line; 1 if nothing is at the address."""
    address = parse_address(args.address)
    history = open_source(args).history
    snapshot = history.snapshot()
    lives = tenants(history, address) if args.history else None
    if args.json:
        from execmem_tui.cli.whatis_document import whatis_document

        write_json(whatis_document(snapshot, address, lives))
    else:
        write_lines([_line(snapshot, address)])
        if lives is not None:
            total = len(lives)
            write_lines(
                [
                    f"tenant {number:,} of {total:,}: {each.text}"
                    for number, each in enumerate(lives, 1)
                ]
                or ["nobody ever lay here"]
            )
        if not snapshot.layout.rules.is_model:
            from execmem_tui.model.rule_differences import rules_sentence

            talk(f"execmem-tui: {rules_sentence(snapshot.layout.rules, snapshot.layout.arch)}")
    return 1 if place_of(snapshot, address) in _NOTHING else 0


def _line(snapshot: Snapshot, address: Address) -> str:
    layout, area = snapshot.layout, snapshot.area_at(address)
    words = [hex_address(address, layout.word_bits)]
    inside = inside_at(snapshot, address)
    named = None if inside is None else f"{inside[1]}+{address - inside[0]:#x}"
    if area is not None:
        words += _area_words(area, address, named)
    elif place_of(snapshot, address) is Place.IMAGE:
        words.append("kernel image" if named is None else f"kernel image, {named}")
    else:
        words += _hole_words(snapshot, address)
    away = distance(layout, address)
    if away is not None:
        words.append(
            "in the kernel image"
            if away == 0
            else f"{'+' if away > 0 else ''}{format_size(away)} from the kernel"
        )
    if layout.text is not None:
        words += [
            f"{reach.name}: {verdict.value}"
            for reach, verdict in verdicts(layout, address, layout.text)
        ]
    return ", ".join(words)


def _area_words(area: Area, address: Address, named: str | None) -> list[str]:
    place = "guard page of " if address >= area.start + area.size else ""
    words = [f"{place}{area.name}+{address - area.start:#x} ({format_size(area.size)})"]
    part = area.part_at(address)
    size = "" if part is None else f" ({format_size(part.size)})"
    words += (
        [f"in {named}{size}"]
        if named is not None and named != f"{area.name}+{address - area.start:#x}"
        else []
    )
    words.append(area.type.name if area.type is not None else "not execmem")
    if area.window is not None:
        words.append(f"{area.window} range")
    elif area.type is not None:
        words.append("in neither range of its type")
    words += [_STATES[area.state]] if area.state is not AreaState.LIVE else []
    words += [f"caller {area.caller}"] if area.caller else []
    return words + ([area.detail] if area.detail else [])


def _hole_words(snapshot: Snapshot, address: Address) -> list[str]:
    """Say that nothing known is there.

    How large the hole is, what lies around it, and whose range it is in.
    """
    place = place_of(snapshot, address)
    if place is Place.OUTSIDE:
        return [outside_words(snapshot.layout, address)]
    if place is Place.UNKNOWN:
        return [
            f"unknown, something may be there: {snapshot.hidden.why or 'addresses are hidden'}",
            *_range_words(snapshot.layout, address),
        ]
    hole = hole_at(snapshot.layout, HoleIndex(snapshot), address)
    if hole is None:
        return ["nothing known here"]
    areas, at = snapshot.areas, snapshot.index_at(address)
    # a window may begin or end before its neighbours do
    around = [f"behind {areas[at - 1].name}"] if at > 0 and areas[at - 1].end == hole[0] else []
    if at < len(areas) and areas[at].start == hole[1]:
        around.append(f"before {areas[at].name}")
    layout = snapshot.layout
    # in the window that pools serve, what nobody has may be parked in one, and nothing shows it
    hidden = layout.pools_hidden and layout.vmalloc_start <= address < layout.vmalloc_end
    free = "free, or in a node's pool: a hole of at most" if hidden else "free: a hole of"
    return [
        f"{free} {format_size(hole[1] - hole[0])}",
        *around,
        *_range_words(snapshot.layout, address),
    ]


def _range_words(layout: Layout, address: Address) -> list[str]:
    kinds = [
        kind.name for kind, entry in layout.types.items() if entry.window_of(address) is not None
    ]
    return [f"in the range of {', '.join(kinds)}" if kinds else "in no execmem range"]

"""``execmem-tui regions``: the true regions of every module.

Since 6.4 a module is up to seven areas (commit ac3b43283923), and the address and size in
/proc/modules are no range any more: profilers that take them for one blame the wrong module.
"""

import argparse
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from execmem_tui.cli.output import talk, write_json, write_lines
from execmem_tui.cli.source_options import add_source_arguments, open_source
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.documents import Count, Hex, document
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes, hex_address

HELP = "the true regions of every module, for profilers; warns where /proc/modules misleads"
_MODULES = (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)


@document
class RegionDocument:
    """One region of a module; sizes in bytes, without the guard."""

    module: str
    region: str | None
    start: Hex
    end: Hex
    size: Count
    executable: bool


@document
class OverlapDocument:
    """A module whose range by /proc/modules holds memory of others."""

    module: str
    start: Hex
    end: Hex
    others: Sequence[str]


@document
class RegionsDocument:
    """All regions, ascending, and where /proc/modules misleads."""

    regions: Sequence[RegionDocument]
    overlaps: Sequence[OverlapDocument]


DOCUMENTS = (RegionsDocument,)


@frozen
class Overlap:
    """The range that address and size in /proc/modules make, and whose memory else is in it."""

    module: str
    start: Address
    end: Address
    others: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE and the forms of output."""
    add_source_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument(
        "--perf-map",
        action="store_true",
        help="lines `START SIZE NAME` in hexadecimal, as perf and samply read /tmp/perf-PID.map",
    )
    parser.epilog = "Exit code 1: a range of /proc/modules holds memory of another module."


def run(args: argparse.Namespace) -> int:
    """Print the regions; 1 if /proc/modules would mislead."""
    snapshot = open_source(args, booted=True).history.snapshot()
    regions = module_regions(snapshot)
    overlaps = misleading(regions)
    if args.json:
        write_json(
            RegionsDocument(
                regions=[_document(area) for area in regions],
                overlaps=[
                    OverlapDocument(
                        module=each.module,
                        start=hex(each.start),
                        end=hex(each.end),
                        others=each.others,
                    )
                    for each in overlaps
                ],
            )
        )
    elif args.perf_map:
        write_lines(f"{area.start:x} {area.size:x} [{area.name}]" for area in regions)
    else:
        write_lines(_text(regions, snapshot.layout.word_bits))
    if not regions and not args.json:
        talk("execmem-tui: no memory of a module is known here")
    if overlaps and not args.json:
        names = ", ".join(each.module for each in overlaps[:5])
        talk(
            f"execmem-tui: {len(overlaps)} of the ranges that address and size in /proc/modules"
            f" make hold memory of other modules: {names}{', …' if len(overlaps) > 5 else ''}"
        )
    return int(bool(overlaps))


def module_regions(snapshot: Snapshot) -> list[Area]:
    """Return the live areas of modules whose owner is known, ascending."""
    return [
        area
        for area in snapshot.areas
        if area.type in _MODULES and area.state is AreaState.LIVE and area.owner is not None
    ]


def misleading(regions: Sequence[Area]) -> list[Overlap]:
    """Return the modules whose range by /proc/modules holds memory of others.

    Its address is that of the text, its size the sum of all regions (kernel/module/procfs.c:
    m_show, module_total_size).
    """
    sizes: dict[str, Bytes] = {}
    bases: dict[str, Address] = {}
    for area in regions:
        owner = str(area.owner)
        sizes[owner] = sizes.get(owner, 0) + area.size
        if area.region in ("MOD_TEXT", None) and area.type is ExecmemType.MODULE_TEXT:
            bases.setdefault(owner, area.start)
    starts = [area.start for area in regions]
    found = []
    before: list[Area] = []  # of those that begin before a module, the ones that reach into it
    at = 0
    for owner, start in bases.items():  # ascending, as the regions are
        end = start + sizes[owner]
        first = bisect_right(starts, start)
        before = [area for area in (*before, *regions[at:first]) if area.end > start]
        at = first
        others = {str(area.owner) for area in (*before, *regions[at : bisect_left(starts, end)])}
        others.discard(owner)
        if others:
            found.append(Overlap(owner, start, end, tuple(sorted(others))))
    return found


def _document(area: Area) -> RegionDocument:
    return RegionDocument(
        module=str(area.owner),
        region=area.region,
        start=hex(area.start),
        end=hex(area.start + area.size),
        size=area.size,
        executable=area.type is ExecmemType.MODULE_TEXT,
    )


def _text(regions: Sequence[Area], bits: int) -> Iterator[str]:
    width = max((len(str(area.owner)) for area in regions), default=0)
    for area in regions:
        start, end = hex_address(area.start, bits), hex_address(area.start + area.size, bits)
        yield (
            f"{start}-{end} {area.size:>10} {area.owner!s:<{width}} {area.region or 'whole module'}"
        )

"""Other ways that ``ranges`` looks at a layout.

Reach of a pair, proposed classes, arm64's boot lines.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from execmem_tui.analysis.reach import verdicts
from execmem_tui.cli.lens_documents import (
    AskedDocument,
    BootLinesDocument,
    ClassDocument,
    PairReachDocument,
    PlacementDocument,
    ProposedDocument,
    RelocationReachDocument,
)
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.files.packed import read_lines
from execmem_tui.model.errors import InputError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.units import Address, format_size, parse_address
from execmem_tui.view.tables import columns

if TYPE_CHECKING:  # the lens runs a simulator: it is imported where it is asked for
    from execmem_tui.analysis.placement_classes import Asked, ClassRange, Placement


def print_reach(layout: Layout, origin_text: str, target_text: str, *, as_json: bool) -> int:
    """Say how code at one address can name another; 1 if no call can."""
    origin, target = parse_address(origin_text), parse_address(target_text)
    found = verdicts(layout, origin, target)
    calls = [verdict.value for reach, verdict in found if reach.call]
    code = 1 if calls and all(call == "unreachable" for call in calls) else 0
    if as_json:
        rows = [
            RelocationReachDocument(name=reach.name, relocations=reach.relocations, verdict=verdict)
            for reach, verdict in found
        ]
        write_json(
            PairReachDocument(
                origin=hex(origin), target=hex(target), distance=target - origin, reach=rows
            )
        )
        return code
    write_lines([f"{layout.arch}: {origin:x} -> {target:x}, distance {_signed(target - origin)}"])
    rows_text = [
        (
            reach.name,
            reach.instruction,
            ", ".join(reach.relocations),
            verdict.value,
            _margin(reach.window(origin), target),
        )
        for reach, verdict in found
    ]
    write_lines(columns(rows_text, ("REACH", "INSTRUCTION", "RELOCATIONS", "VERDICT", "MARGIN")))
    if layout.plt is not None:
        write_lines(
            [
                (
                    f"{layout.plt.word}: {layout.plt.entry_bytes} bytes; {layout.plt.extends_to};"
                    f" {layout.plt.cost}"
                )
            ]
        )
    return code


def _signed(distance: int) -> str:
    return f"{distance:+,} B ({'-' if distance < 0 else '+'}{format_size(abs(distance))})"


def _margin(window: tuple[Address, Address], target: Address) -> str:
    start, end = window
    if target < start:
        return f"{start - target:,} B short"
    return f"{target - end + 1:,} B short" if target >= end else "inside"


def print_proposed(layout: Layout, *, as_json: bool) -> int:
    """Print the proposed classes, who would ask for which, and a workload under both lenses."""
    from execmem_tui.analysis.placement_classes import asked, class_ranges, side_by_side

    ranges, wishes, placements = class_ranges(layout), asked(layout), side_by_side(layout)
    if as_json:
        write_json(_proposed_document(layout, ranges, wishes, placements))
    else:
        write_lines(_proposed_lines(layout, ranges, wishes, placements))
    return 0


def _proposed_document(
    layout: Layout,
    ranges: "Sequence[ClassRange]",
    wishes: "Sequence[Asked]",
    placements: "Sequence[Placement]",
) -> ProposedDocument:
    from attrs import asdict

    from execmem_tui.analysis.placement_classes import LABEL

    return ProposedDocument(
        label=LABEL,
        layout=layout.id,
        classes=[
            ClassDocument(
                name=each.name.value, start=hex(each.start), end=hex(each.end), why=each.why
            )
            for each in ranges
        ],
        asked=[
            AskedDocument(
                type=wish.type.name,
                first=wish.first.value,
                second=None if wish.second is None else wish.second.value,
            )
            for wish in wishes
        ],
        placements=[
            PlacementDocument(**asdict(placement, recurse=False)) for placement in placements
        ],
    )


def _proposed_lines(
    layout: Layout,
    ranges: "Sequence[ClassRange]",
    wishes: "Sequence[Asked]",
    placements: "Sequence[Placement]",
) -> Iterator[str]:
    from attrs import asdict

    from execmem_tui.analysis.placement_classes import LABEL

    yield f"{layout.arch} {layout.kernel} {layout.variant}: placement classes, {LABEL}"
    yield ""
    rows = [
        (
            each.name.value,
            f"{each.start:x}-{each.end:x}",
            format_size(each.end - each.start),
            each.why,
        )
        for each in ranges
    ]
    yield from columns(rows, ("CLASS", "RANGE", "SIZE", "WHAT IT MEANS"), "<<>")
    yield ""
    asks = [
        (wish.type.name, wish.first.value, "-" if wish.second is None else wish.second.value)
        for wish in wishes
    ]
    yield from columns(asks, ("TYPE", "WOULD ASK FOR", "ELSE"))
    yield ""
    one, other = (asdict(placement, recurse=False) for placement in placements)
    table = [(name, str(one[name]), str(other[name])) for name in one if name != "lens"]
    yield from columns(table, ("SAME WORKLOAD", one["lens"], other["lens"]), "<>>")


def print_dmesg(name: str, *, as_json: bool) -> int:
    """Decode arm64's boot lines from a kernel log.

    Raises:
        InputError: they are not in it.
    """
    from attrs import asdict

    from execmem_tui.analysis.bootlines import decode

    found = decode(text for _, text in read_lines(Path(name)))
    if found is None:
        raise InputError(
            name,
            None,
            "no pair of 'pages in range for non-PLT usage' and 'PLT usage' lines that belong"
            " together",
        )
    if as_json:
        write_json(BootLinesDocument(**asdict(found, recurse=False)))
    else:
        write_lines([found.text])
    return 0

"""``execmem-tui diff``.

What was allocated, freed, moved and grown between two sources or two phases of one.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import asdict

from execmem_tui.analysis.diff import Basis, Pair, SourceDifference, compare
from execmem_tui.analysis.documents import AreaDocument, area_document, area_keys
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.model.areas import Area
from execmem_tui.model.documents import Added, Count, document
from execmem_tui.model.errors import UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.units import Bytes, format_size, hex_address

if TYPE_CHECKING:
    from execmem_tui.sources.base import Source

HELP = "what was allocated, freed, moved and grown between two sources"
_OWNERS_SHOWN = 40
_SAID = {
    Basis.ADDRESS: "compared by address",
    Basis.OFFSET: (
        "the kernels lie at different bases (KASLR): compared by owner, and by offset in the range"
        " or from the image"
    ),
    Basis.HASH: (
        "addresses are hidden: compared by hash and size, as both are of one boot; which areas"
        " these are is not known"
    ),
    Basis.CALLER: (
        "addresses are hidden on one side: what is hidden is not freed, so only counts and bytes of"
        " each caller can be compared"
    ),
    Basis.NOTHING: (
        "they cannot be compared: on one side not all areas are known, as the kernel refused their"
        " list (/proc/vmallocinfo) or events were lost"
    ),
}


@document
class PairDocument(AreaDocument):
    """An area as it is, and as it was: ``before``."""

    before: AreaDocument
    growth: int


@document
class OwnerDocument:
    """One owner's live memory in bytes, guards left out."""

    closed: ClassVar = True
    owner: str
    kind: Literal["module", "kprobes", "ftrace", "bpf", "kernel", "other", "lazy", "pooled", "rox"]
    before: Count
    after: Count
    change: int
    areas_before: Count
    areas_after: Count


@document
class ProgramsDocument:
    """BPF programs that came and went, by name."""

    closed: ClassVar = True
    loaded: Sequence[str]
    unloaded: Sequence[str]


@document
class DiffDocument:
    """What differs between two sources."""

    before: str
    after: str
    basis: Basis
    allocated: Sequence[AreaDocument]
    freed: Sequence[AreaDocument]
    changed: Sequence[PairDocument]
    moved: Sequence[PairDocument]
    grown: Sequence[PairDocument]
    owners: Sequence[OwnerDocument]
    programs: ProgramsDocument
    comparable: Added[bool]
    came: Added[int | None]
    went: Added[int | None]


DOCUMENTS = (DiffDocument,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add A, B, --phases, --arch, --all, --table and --json."""
    parser.add_argument(
        "a", metavar="A", help="a source, as for map; RUN:PHASE is one phase of a run; live"
    )
    parser.add_argument("b", metavar="B", nargs="?", help="the later source; not with --phases")
    parser.add_argument("--phases", nargs=2, metavar=("P", "Q"), help="compare two phases of A")
    parser.add_argument("--arch", help="architecture of a capture that does not tell")
    parser.add_argument(
        "--all", action="store_true", help="list vmalloc areas that are no execmem too"
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="one table instead, as key & shows it: owner, region, A, B, delta; by offset in the"
        " window, so that KASLR does not matter",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.epilog = "Differences are no error: the exit code is 0, or 2 if a source cannot be read."


def run(args: argparse.Namespace) -> int:
    """Print the differences; always 0."""
    if (args.b is None) == (args.phases is None):
        raise UsageError(
            "what is A to be compared with?",
            hint="diff A B, diff RUN:PHASE RUN:PHASE, or diff RUN --phases P Q",
        )
    if args.phases is not None:
        before, after = (_open(args.a, phase, args.arch) for phase in args.phases)
    else:
        from execmem_tui.sources.opening import split_phase

        before, after = (_open(*split_phase(name), args.arch) for name in (args.a, args.b))
    if args.table and not args.json:
        from execmem_tui.sources.base import Side
        from execmem_tui.view.compared import difference_lines

        sides = [Side(each.history.snapshot(), each.title) for each in (before, after)]
        write_lines(difference_lines(*sides))
        return 0
    found = compare(before.history.snapshot(), after.history.snapshot())
    if args.json:
        write_json(diff_document(found, before.title, after.title))
    else:
        write_lines(_lines(found, before, after, everything=args.all))
    return 0


def _open(name: str, phase: str | None, arch: str | None) -> "Source":
    from execmem_tui.sources.opening import open_path

    return open_path(name, phase=phase, arch=arch)


def diff_document(found: SourceDifference, before: str, after: str) -> DiffDocument:
    """Return the differences between the sources of these titles."""
    return DiffDocument(
        before=before,
        after=after,
        basis=found.basis,
        allocated=[area_document(area) for area in found.allocated],
        freed=[area_document(area) for area in found.freed],
        changed=[_pair_document(pair) for pair in found.changed],
        moved=[_pair_document(pair) for pair in found.moved],
        grown=[_pair_document(pair) for pair in found.grown],
        owners=[
            OwnerDocument(**asdict(each, recurse=False), change=each.change)
            for each in found.owners
        ],
        programs=ProgramsDocument(loaded=found.loaded, unloaded=found.unloaded),
        comparable=found.comparable,
        came=found.came,
        went=found.went,
    )


def _pair_document(pair: Pair) -> PairDocument:
    before = area_document(pair.before)
    return PairDocument(**area_keys(pair.after), before=before, growth=pair.growth)


def _signed(size: Bytes) -> str:
    return f"{'+' if size > 0 else '-' if size < 0 else ''}{format_size(abs(size))}"


def _lines(
    found: SourceDifference, before: "Source", after: "Source", *, everything: bool
) -> list[str]:
    counts = {
        "allocated": found.allocated,
        "freed": found.freed,
        "moved": found.moved,
        "grown or shrunk": found.grown,
        "changed": found.changed,
    }
    lines = [
        f"before  {before.title}",
        f"after   {after.title}",
        _SAID[found.basis],
        ", ".join(f"{len(areas)} {word}" for word, areas in counts.items()),
    ]
    if not found.comparable:
        return [*lines[:3], *_hidden_lines(found)]
    if found.loaded or found.unloaded:
        lines.append(f"BPF programs: {len(found.loaded)} loaded, {len(found.unloaded)} unloaded")
    if found.owners:
        lines += ["", *_owner_lines(found)]
    return lines + _area_lines(
        found, before.history.layout, after.history.layout, everything=everything
    )


def _hidden_lines(found: SourceDifference) -> list[str]:
    lines = []
    if found.came is not None:
        lines.append(f"{found.came} allocated, {found.went} freed")
    if found.owners:
        lines += ["", *_owner_lines(found)]
    elif found.basis is not Basis.NOTHING:
        lines.append("no caller's count or bytes differ")
    return lines


def _owner_lines(found: SourceDifference) -> list[str]:
    shown = found.owners[:_OWNERS_SHOWN]
    width = max(len(each.owner) for each in shown)
    lines = [f"{'owner':<{width}}  kind     {'before':>9} {'after':>9} {'change':>9}  areas"]
    lines += [
        f"{each.owner:<{width}}  {each.kind:<8} {format_size(each.before):>9}"
        f" {format_size(each.after):>9} {_signed(each.change):>9}  {each.areas_before} ->"
        f" {each.areas_after}"
        for each in shown
    ]
    rest = found.owners[_OWNERS_SHOWN:]
    if rest:
        lines.append(f"and {len(rest)} more owners, {_signed(sum(each.change for each in rest))}")
    return lines


def _area_lines(
    found: SourceDifference, before: Layout, after: Layout, *, everything: bool
) -> list[str]:
    lines: list[str] = []
    hidden = 0
    for word, areas, layout in (
        ("freed", found.freed, before),
        ("allocated", found.allocated, after),
    ):
        shown = [area for area in areas if everything or area.type is not None]
        hidden += len(areas) - len(shown)
        lines += [f"{word:<9} {_said(area, layout)}" for area in shown]
    for pair in found.moved:
        here = hex_address(pair.before.start, before.word_bits)
        lines.append(f"moved     {_said(pair.after, after)}, was at {here}{_growth(pair)}")
    for pair in found.changed:
        if everything or pair.after.type is not None:
            lines.append(f"changed   {_said(pair.after, after)}{_growth(pair) or _programs(pair)}")
        else:
            hidden += 1
    if hidden:
        lines.append(f"and {hidden} vmalloc areas that are no execmem: --all lists them")
    return ["", *lines] if lines else []


def _said(area: Area, layout: Layout) -> str:
    window = f" {area.window}" if area.window is not None else ""
    kind = f" {area.type.name}{window}" if area.type is not None else ""
    return (
        f"{hex_address(area.start, layout.word_bits)} {format_size(area.size):>6} {area.name}{kind}"
    )


def _growth(pair: Pair) -> str:
    return f", {_signed(pair.growth)}" if pair.growth else ""


def _programs(pair: Pair) -> str:
    old, new = len(pair.before.inside), len(pair.after.inside)
    return f", {old} -> {new} programs" if pair.after.inside or pair.before.inside else ""

"""``execmem-tui ranges``: where each type may live, resolved, comparable, explained."""

import argparse
from collections.abc import Sequence
from typing import Any

from execmem_tui.analysis.layout_documents import LayoutDocument, layout_document
from execmem_tui.arch import explain, find, layout_ids, resolve, resolve_id
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.cli.source_options import (
    DEFAULT_ARCH,
    DEFAULT_KERNEL,
    add_layout_arguments,
    parse_overrides,
)
from execmem_tui.cli.terminal import columns as page_columns
from execmem_tui.cli.terminal import terminal_width
from execmem_tui.model.documents import document, plain
from execmem_tui.model.errors import UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable

HELP = "the resolved ranges of every execmem type"


@document
class RangesDocument:
    """The resolved ranges of some layouts."""

    layouts: Sequence[LayoutDocument]


def __getattr__(name: str) -> Any:
    """Return `DOCUMENTS`: the classes of what was not asked for need not be made."""
    if name != "DOCUMENTS":
        raise AttributeError(name)
    from execmem_tui.cli import lens_documents as lenses
    from execmem_tui.cli import ranges_documents as others

    return (
        RangesDocument,
        others.PictureDocument,
        others.LayoutsDiffDocument,
        others.ExplanationDocument,
        lenses.PairReachDocument,
        lenses.ProposedDocument,
        lenses.BootLinesDocument,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of layouts and the forms of output."""
    add_layout_arguments(parser)
    parser.add_argument(
        "--layout", metavar="ID", help="a layout by its id: kernel/arch/variant/kaslr"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="every layout there is, or those of --arch, --kernel, --variant",
    )
    parser.add_argument(
        "--picture",
        action="store_true",
        help="all architectures on one page, by distance from the kernel",
    )
    parser.add_argument("--width", type=int, help="columns of the picture; the terminal's, or 100")
    parser.add_argument(
        "--type", help="only this type: MODULE_TEXT, KPROBES, FTRACE, BPF, MODULE_DATA"
    )
    parser.add_argument(
        "--diff",
        nargs=2,
        metavar=("A", "B"),
        help="compare two layouts: ids, or arch:kernel[:variant[:kaslr]]",
    )
    parser.add_argument(
        "--explain", metavar="TYPE", help="how the range of a type comes about, macro by macro"
    )
    parser.add_argument(
        "--reach", nargs=2, metavar=("FROM", "TO"), help="how code at one address can name another"
    )
    parser.add_argument(
        "--proposed",
        action="store_true",
        help="the placement classes proposed in April 2024, side by side",
    )
    parser.add_argument(
        "--dmesg",
        metavar="FILE",
        help="decode arm64's lines 'pages in range for … usage' of a kernel log",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print what was asked for.

    1 only where `--reach` finds no way, for a difference between two layouts is no fault.
    """
    if args.diff is not None:
        return _diff(args)
    if args.explain is not None:
        return _explain(args)
    if args.picture:
        return _picture(args)
    if args.dmesg is not None or args.reach is not None or args.proposed:
        return _lens(args)
    layouts = _layouts(args)
    kinds = _kinds(args.type)
    if args.json:
        write_json(RangesDocument(layouts=[layout_document(layout) for layout in layouts]))
        return 0
    # what the JSON does not need: 10 ms
    from execmem_tui.view.callers_table import callers_lines
    from execmem_tui.view.ranges_table import layout_lines

    width = terminal_width()
    for index, layout in enumerate(layouts):
        write_lines(([""] if index else []) + layout_lines(layout, kinds, width))
        if args.type is None:
            write_lines(["", *callers_lines(layout, width)])
    return 0


def _picture(args: argparse.Namespace) -> int:
    from execmem_tui.view.picture import picture, picture_lines

    rows = picture(args.kernel or DEFAULT_KERNEL)
    if not args.json:
        write_lines(picture_lines(rows, page_columns(args.width)))
        return 0
    from execmem_tui.cli.ranges_documents import (
        PictureDocument,
        PictureRowDocument,
        WindowDocument,
    )

    write_json(
        PictureDocument(
            rows=[
                PictureRowDocument(
                    arch=row.arch,
                    variant=row.variant,
                    image=row.image,
                    reach=row.reach,
                    windows=[
                        WindowDocument(
                            types=[kind.name for kind in bar.types],
                            fallback=bar.fallback,
                            low=bar.low,
                            high=bar.high,
                        )
                        for bar in row.bars
                    ],
                )
                for row in rows
            ]
        )
    )
    return 0


def _lens(args: argparse.Namespace) -> int:
    from execmem_tui.cli.lenses import (
        print_dmesg,
        print_proposed,
        print_reach,
    )  # the simulator: 40 ms

    if args.dmesg is not None:
        return print_dmesg(args.dmesg, as_json=args.json)
    layout = _layouts(args)[0]
    if args.reach is not None:
        return print_reach(layout, *args.reach, as_json=args.json)
    return print_proposed(layout, as_json=args.json)


def _kinds(name: str | None) -> list[ExecmemType]:
    if name is None:
        return list(ExecmemType)
    wanted = (
        "MODULE_TEXT"
        if name.upper() in ("DEFAULT", "MODULE")
        else name.upper().removeprefix("EXECMEM_")
    )
    if wanted not in ExecmemType.__members__:
        raise UsageError(
            f"no type {printable(name)!r}", hint=f"there are: {', '.join(ExecmemType.__members__)}"
        )
    return [ExecmemType[wanted]]


def _layouts(args: argparse.Namespace) -> list[Layout]:
    overrides = parse_overrides(args.set)
    if args.all:
        return [resolve_id(name) for name in layout_ids(args.kernel) if _wanted(name, args)]
    if args.layout:
        return [resolve_id(args.layout, overrides)]
    return [
        resolve(
            args.arch or DEFAULT_ARCH,
            args.kernel or DEFAULT_KERNEL,
            args.variant,
            args.kaslr,
            overrides,
        )
    ]


def _wanted(layout_id: str, args: argparse.Namespace) -> bool:
    """Whether a layout passes the filters --arch and --variant."""
    _, arch, variant, _ = layout_id.split("/", 3)
    return (args.arch is None or find(args.arch)[0].name == arch) and (
        args.variant is None or args.variant == variant
    )


def _short(text: str) -> Layout:
    if "/" in text:
        return resolve_id(text)
    parts = text.split(":")
    if len(parts) > 4:
        raise UsageError(f"not a layout: {printable(text)!r}", hint="arch:kernel[:variant[:kaslr]]")
    arch, kernel, variant, kaslr = (*parts, *[""] * (4 - len(parts)))
    return resolve(arch, kernel or "7.1", variant or None, kaslr or "off")


def differences(before: Layout, after: Layout) -> list[tuple[str, str, str]]:
    """Return (field, in the first, in the second) for everything that differs."""
    first, second = plain(layout_document(before)), plain(layout_document(after))
    sizes = ("page_size", "pmd_size", "word_bits")
    found = [
        (name, str(first[name]), str(second[name])) for name in sizes if first[name] != second[name]
    ]
    for group in ("symbols", "macros"):
        one, other = first[group], second[group]
        names = sorted({*one, *other})
        found += [
            (name, one.get(name, "-"), other.get(name, "-"))
            for name in names
            if one.get(name) != other.get(name)
        ]
    for kind in ExecmemType:
        one, other = first["types"][kind.name], second["types"][kind.name]
        found += [
            (f"{kind.name}.{name}", _text(one[name]), _text(other[name]))
            for name in one
            if one[name] != other[name]
        ]
    return found


def _text(value: object) -> str:
    return " ".join(value) or "-" if isinstance(value, list) else str(value)


def _diff(args: argparse.Namespace) -> int:
    before, after = _short(args.diff[0]), _short(args.diff[1])
    found = differences(before, after)
    from execmem_tui.view.callers_table import FIELDS, compared_callers_lines
    from execmem_tui.view.tables import columns

    if args.json:
        from execmem_tui.cli.ranges_documents import DifferenceDocument, LayoutsDiffDocument

        documents = [
            DifferenceDocument(field=name, before=old, after=new) for name, old, new in found
        ]
        write_json(LayoutsDiffDocument(before=before.id, after=after.id, differences=documents))
    elif found:
        callers = compared_callers_lines(before, after, width := terminal_width())
        rows = [row for row in found if row[0].rpartition(".")[2] not in FIELDS]
        write_lines([*callers, ""] if callers else [])
        equal = [f"the ranges of {before.id} and {after.id} are equal"]
        write_lines(columns(rows, ("FIELD", before.id, after.id), width=width) if rows else equal)
    else:
        write_lines([f"{before.id} and {after.id} are equal"])
    return 0


def _explain(args: argparse.Namespace) -> int:
    kind = _kinds(args.explain)[0]
    if args.layout:
        kernel, arch, variant, kaslr = (*args.layout.split("/", 3), "", "", "")[:4]
        steps = explain(arch, kernel, variant, kaslr, parse_overrides(args.set))
    else:
        steps = explain(
            args.arch or DEFAULT_ARCH,
            args.kernel or DEFAULT_KERNEL,
            args.variant,
            args.kaslr,
            parse_overrides(args.set),
        )
    if args.json:
        from execmem_tui.cli.ranges_documents import ExplanationDocument, StepDocument

        others = tuple(f"{other.name}." for other in ExecmemType if other is not kind)
        wanted = [step for step in steps if not step.name.startswith(others)]
        rows = [
            StepDocument(
                name=step.name, value=hex(step.value), formula=step.formula, source=step.source
            )
            for step in wanted
        ]
        write_json(ExplanationDocument(type=kind.name, steps=rows))
    else:
        from execmem_tui.view.ranges_table import explanation_lines

        write_lines(explanation_lines(steps, kind, terminal_width()))
    return 0

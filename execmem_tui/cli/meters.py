"""``execmem-tui meters``: how full each window is, of one machine or thousands."""

import argparse
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from execmem_tui.analysis.window_meters import (
    TYPES,
    MachineMeters,
    TypeMeter,
    WindowMeter,
    measured,
    value_of,
)
from execmem_tui.cli.output import talk, write_json, write_lines
from execmem_tui.model.documents import Count, Hex, TypeName, document
from execmem_tui.model.errors import ExecmemTuiError, UsageError
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.text import printable
from execmem_tui.model.units import format_size, parse_size

HELP = "how full each window is: largest holes, fragmentation, thresholds; one machine or thousands"
_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_THRESHOLD: Final = re.compile(r"\s*([a-z_.]+)\s*(<=|>=|<|>)\s*(\S+)\s*", re.IGNORECASE)
_CSV: Final = (
    "source,type,window,start,end,used,lazy,pooled,free,largest_hole,fragmentation,fallbacks"
)


@document
class WindowMeterDocument:
    """One window; null where addresses are hidden."""

    start: Hex
    end: Hex
    free: Count | None
    largest_hole: Count | None
    holes: Mapping[str, Count] | None
    fragmentation: float | None


@document
class TypeMeterDocument:
    """One execmem type, in bytes; null where addresses are hidden.

    ``used`` is at least so much where the list of areas is refused, and null where nothing of the
    type is seen then.
    """

    used: Count | None
    lazy: Count | None
    pooled: Count | None
    windows: Mapping[str, WindowMeterDocument]
    fallbacks: Count | None
    failures: Count


@document
class JitDocument:
    """What BPF programs take of what they may (net.core.bpf_jit_limit); null as in a type."""

    used: Count | None
    limit: Count | None


@document
class SourceMetersDocument:
    """One source. ``hidden`` areas are not counted, null, where the list of areas is refused."""

    source: str
    arch: str
    kernel: str
    types: Mapping[TypeName, TypeMeterDocument]
    bpf_jit: JitDocument
    hidden: Count | None
    warnings: Sequence[str]


@document
class MetersDocument:
    """All sources; those that could not be read are in ``unreadable``."""

    sources: Sequence[SourceMetersDocument]
    unreadable: Sequence[str]


DOCUMENTS = (MetersDocument,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE…, the forms of output and --warn."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="captures, bundles, vmallocinfo files, each a machine; live: the running kernel",
    )
    parser.add_argument("--arch", help="architecture, where the files do not tell it")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument("--csv", action="store_true", help="a line per source, type and window")
    form.add_argument(
        "--prometheus",
        action="store_true",
        help="text for node_exporter's textfile collector",
    )
    parser.add_argument(
        "--warn",
        action="append",
        default=[],
        metavar="FIGURE<SIZE",
        help=(
            "exit code 1 where it holds: 'module.largest_hole<2M', 'module.fallbacks>0',"
            " 'bpf_jit.used>200M', 'module.preferred.fragmentation>0.9'"
        ),
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="processes for many sources; -1 for one per core",
    )
    parser.epilog = "Exit code 1: a threshold is passed, 2: a source cannot be read."


def run(args: argparse.Namespace) -> int:
    """Print the meters; 1 if a threshold is passed, 2 if a source cannot be read."""
    thresholds = [_threshold(text) for text in args.warn]
    found: list[SourceMetersDocument] = []
    unreadable: list[str] = []
    warned = False
    for name, told in _all(args.sources, args.arch, args.jobs):
        if isinstance(told, str):
            unreadable.append(told)
            continue
        arch, kernel, meters = told
        warnings = [text for text, passed in thresholds if passed(meters)]
        warned = warned or bool(warnings)
        found.append(_document(name, arch, kernel, meters, warnings))
    if args.json:
        write_json(MetersDocument(sources=found, unreadable=unreadable))
    elif args.csv:
        write_lines(_csv(found))
    elif args.prometheus:
        write_lines(_prometheus(found))
    else:
        write_lines(_text(found))
    for line in unreadable:
        talk(f"execmem-tui: {line}")
    return 2 if unreadable else int(warned)


_Told = tuple[str, str, MachineMeters] | str


def _one(name: str, arch: str | None) -> _Told:
    from execmem_tui.sources.opening import open_path

    try:
        snapshot = open_path(name, arch=arch).history.snapshot()
    except ExecmemTuiError as error:
        return str(error)
    except OSError as error:
        return f"{printable(name, 300)}: {error.strerror}"
    return snapshot.layout.arch, snapshot.layout.kernel, measured(snapshot)


def _all(names: Sequence[str], arch: str | None, jobs: int) -> Iterator[tuple[str, _Told]]:
    """Yield what each source tells, in their order, one after the other or on several processes."""
    if jobs == 0 or jobs < -1:
        raise UsageError(f"cannot run {jobs} jobs", hint="1 or more; -1 for one per core")
    if jobs == 1 or len(names) == 1:
        for name in names:
            yield name, _one(name, arch)
        return
    from joblib import Parallel, delayed  # 60 ms that one source does not need

    told = Parallel(n_jobs=jobs, return_as="generator")(delayed(_one)(name, arch) for name in names)
    yield from zip(names, told, strict=True)


def _threshold(text: str) -> tuple[str, Callable[[MachineMeters], bool]]:
    """Read ``module.largest_hole<2M``. A figure that is not known passes no threshold.

    Raises:
        UsageError: it is none.
    """
    parts = _THRESHOLD.fullmatch(text)
    hint = "for example module.largest_hole<2M; types: " + ", ".join(TYPES)
    if parts is None:
        raise UsageError(f"no threshold: {printable(text)!r}", hint=hint)
    name, sign, limit_text = parts.groups()
    try:
        limit = float(limit_text)
    except ValueError:
        limit = float(parse_size(limit_text))
    compare = _OPERATORS[sign]
    empty = MachineMeters(
        types={
            kind: TypeMeter(used=0, lazy=0, pooled=0, windows={}, fallbacks=0, failures=0)
            for kind in ExecmemType
        },
        bpf_jit_used=0,
        bpf_jit_limit=None,
        hidden=0,
    )
    try:
        value_of(empty, name)
    except (KeyError, ValueError):
        raise UsageError(f"no figure {printable(name)!r}", hint=hint) from None

    def passed(meters: MachineMeters) -> bool:
        value = value_of(meters, name)
        return value is not None and compare(value, limit)

    return text.strip(), passed


def _window_document(meter: WindowMeter) -> WindowMeterDocument:
    return WindowMeterDocument(
        start=hex(meter.start),
        end=hex(meter.end),
        free=meter.free,
        largest_hole=meter.largest_hole,
        holes=None
        if meter.holes is None
        else {str(size): count for size, count in meter.holes.items()},
        fragmentation=meter.fragmentation,
    )


def _document(
    name: str, arch: str, kernel: str, meters: MachineMeters, warnings: Sequence[str]
) -> SourceMetersDocument:
    return SourceMetersDocument(
        source=printable(name, 300),
        arch=arch,
        kernel=kernel,
        types={
            kind.name: TypeMeterDocument(
                used=meter.used,
                lazy=meter.lazy,
                pooled=meter.pooled,
                windows={
                    window.value: _window_document(each) for window, each in meter.windows.items()
                },
                fallbacks=meter.fallbacks,
                failures=meter.failures,
            )
            for kind, meter in meters.types.items()
        },
        bpf_jit=JitDocument(used=meters.bpf_jit_used, limit=meters.bpf_jit_limit),
        hidden=meters.hidden,
        warnings=warnings,
    )


def _size(value: int | None) -> str:
    return "unknown" if value is None else format_size(value)


def _used(value: int | None, *, refused: bool) -> str:
    return f"at least {format_size(value)}" if refused and value is not None else _size(value)


def _text(found: Sequence[SourceMetersDocument]) -> Iterator[str]:
    for number, each in enumerate(found):
        if number:
            yield ""
        yield f"{each.source} · {each.arch} · {each.kernel}"
        refused = each.hidden is None
        for name, meter in each.types.items():
            for window, one in meter.windows.items():
                cut = "" if not one.fragmentation else f"  cut up {one.fragmentation:.0%}"
                used = ""
                if window == Window.PREFERRED:
                    used = f"used {_used(meter.used, refused=refused)}"
                yield (
                    f"  {name:<12} {window:<10} free {_size(one.free):<8} largest hole"
                    f" {_size(one.largest_hole):<8} {used}{cut}"
                )
            if meter.fallbacks:
                yield f"  {name:<12} {meter.fallbacks} areas in the fallback window"
        limit = "" if each.bpf_jit.limit is None else f" of {format_size(each.bpf_jit.limit)}"
        yield f"  BPF JIT      {_used(each.bpf_jit.used, refused=refused)}{limit}"
        if each.hidden is None:
            yield "  not all areas are seen: the rest is unknown, not free"
        elif each.hidden:
            yield f"  {each.hidden} areas are hidden: what is free is not known"
        for warning in each.warnings:
            yield f"  WARNING {warning}"


def _csv(found: Sequence[SourceMetersDocument]) -> Iterator[str]:
    yield _CSV
    for each in found:
        name = each.source.replace('"', '""')
        for kind, meter in each.types.items():
            for window, one in meter.windows.items():
                numbers = (
                    meter.used,
                    meter.lazy,
                    meter.pooled,
                    one.free,
                    one.largest_hole,
                    one.fragmentation,
                    meter.fallbacks,
                )
                cells = ",".join("" if value is None else str(value) for value in numbers)
                yield f'"{name}",{kind},{window},{one.start},{one.end},{cells}'


_GAUGES: Final = (
    ("used_bytes", "live areas of the type, guards included"),
    ("lazy_bytes", "freed, not yet purged, inside its windows"),
    ("fallback_areas", "live areas in the fallback window"),
    ("free_bytes", "free inside the window"),
    ("largest_hole_bytes", "longest free run of the window"),
    ("fragmentation_ratio", "1 - largest hole / free"),
    ("bpf_jit_used_bytes", "executable memory of BPF programs"),
    ("bpf_jit_limit_bytes", "net.core.bpf_jit_limit"),
)


def _samples(source: SourceMetersDocument) -> Iterator[tuple[str, str, float | None]]:
    """Yield (gauge, labels, value) of one source; a value that is not known is no sample."""
    name = source.source.replace("\\", "\\\\").replace('"', '\\"')
    yield "bpf_jit_used_bytes", f'source="{name}"', source.bpf_jit.used
    yield "bpf_jit_limit_bytes", f'source="{name}"', source.bpf_jit.limit
    for kind, meter in source.types.items():
        labels = f'source="{name}",type="{kind.lower()}"'
        yield "used_bytes", labels, meter.used
        yield "lazy_bytes", labels, meter.lazy
        yield "fallback_areas", labels, meter.fallbacks
        for window, one in meter.windows.items():
            labelled = f'{labels},window="{window}"'
            yield "free_bytes", labelled, one.free
            yield "largest_hole_bytes", labelled, one.largest_hole
            yield "fragmentation_ratio", labelled, one.fragmentation


def _prometheus(found: Sequence[SourceMetersDocument]) -> Iterator[str]:
    """Yield the exposition format: a gauge's samples together, under its help and type."""
    samples: dict[str, list[str]] = {name: [] for name, _ in _GAUGES}
    for source in found:
        for name, labels, value in _samples(source):
            if value is not None:
                samples[name].append(f"execmem_{name}{{{labels}}} {value}")
    for name, told in _GAUGES:
        if samples[name]:
            yield f"# HELP execmem_{name} {told}"
            yield f"# TYPE execmem_{name} gauge"
            yield from samples[name]

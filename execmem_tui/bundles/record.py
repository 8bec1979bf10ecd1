"""One capture from beginning to end.

Snapshots, perhaps events between two, perhaps hidden, one bundle.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, Protocol

from attrs import evolve

from execmem_tui import __version__
from execmem_tui.arch import machine_named
from execmem_tui.bundles.anonymise import anonymise
from execmem_tui.bundles.collector import Collector, Host, look_at
from execmem_tui.bundles.harmless import DROPPED
from execmem_tui.bundles.phase import phases_layout, read_phase
from execmem_tui.bundles.run_folder import run_windows
from execmem_tui.bundles.writer import check_target, write_bundle
from execmem_tui.files.packed import read_lines
from execmem_tui.files.private import named_as, private_folder
from execmem_tui.formats.manifest import Manifest, StatedRange, toml_text
from execmem_tui.formats.procfiles import parse_version
from execmem_tui.formats.vmallocinfo import WHY, Pointers, parse_vmallocinfo
from execmem_tui.kernel.kcore import SYMBOL, Ranges, read_ranges
from execmem_tui.kernel.linux import PROC, refuse_elsewhere
from execmem_tui.kernel.tracefs import TraceInstance
from execmem_tui.model.errors import InputError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import Provenance
from execmem_tui.model.text import printable

_PAGE_SIZE: Final = 4096

BEGIN: Final = "0-begin"
END: Final = "1-end"
ALONE: Final = "0-capture"
"""Names of the phases: before and after a trace, and without one."""


class Recorder(Protocol):
    """A tracefs instance, see `TraceInstance`."""

    path: Path

    def mark(self, text: str) -> None:
        """Write a marker into the trace."""

    def read(self) -> list[str]:
        """Return the lines that came since the last time."""


def capture(
    target: Path,
    *,
    proc: Path = PROC,
    seconds: float | None = None,
    hide: bool = False,
    keep_layout: bool = False,
    start_trace: Callable[[], TraceInstance] = TraceInstance,
) -> Manifest:
    """Write a bundle of the running kernel.

    Args:
        target: the bundle; its suffix says how it is packed.
        proc: where procfs is; /sys, /boot and /dev are looked for beside it.
        seconds: how long to record vmalloc and module events; None: not.
        hide: shift addresses, and forget hosts and files.
        keep_layout: of a hidden one, say where the ranges begin and end.
        start_trace: makes the tracefs instance; for tests.

    Raises:
        SourceError: this is no Linux.
        UsageError: the target's name is no good, events cannot be recorded, or addresses cannot be
            shifted.
        OSError: the bundle cannot be written.
    """
    refuse_elsewhere(proc)
    check_target(target)
    host = look_at(proc)
    with private_folder() as run, named_as(run, str(target)):
        collector = Collector(proc, run)
        phases = (ALONE,) if seconds is None else (BEGIN, END)
        if seconds is None:
            collector.once()
            collector.snapshot(ALONE)
        else:
            with closing(start_trace()) as instance:
                record(collector, instance, seconds)
            collector.once()
        say_what_is_hidden(collector, phases)
        return write_bundle(
            run, target, _described(collector, host, phases, hide=hide, keep_layout=keep_layout)
        )


def record(
    collector: Collector,
    recorder: Recorder,
    seconds: float,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Record events for `seconds` between two snapshots into ``trace.txt``.

    What was lost goes into ``trace_stats_final``.

    Args:
        collector: takes the snapshots; the trace goes into its run folder.
        recorder: gives the events.
        seconds: how long.
        wait: sleeps.
    """
    # the default clock may differ between CPUs; older kernels name this one too
    with suppress(OSError):
        (recorder.path / "trace_clock").write_text("global")
    started = False
    with (collector.run / "trace.txt").open("w", encoding="utf-8") as file:
        file.write("# tracer: nop\n#\n")

        def drain() -> None:
            nonlocal started
            for line in recorder.read():
                # what came before the first marker is in the snapshot, and would look like a trace
                # from boot
                started = started or line.endswith(f"snapshot {BEGIN} begin")
                if started:
                    file.write(line + "\n")

        for phase, pause in ((BEGIN, seconds), (END, 0.0)):
            recorder.mark(f"snapshot {phase} begin")
            collector.addresses(phase)
            recorder.mark(f"snapshot {phase} end")
            collector.rest(phase)
            drain()
            # drained while waiting: a full ring buffer overwrites what nobody has read
            until = time.monotonic() + pause
            while (left := until - time.monotonic()) > 0:
                wait(min(left, 0.1))
                drain()
        drain()
    stats = sorted((recorder.path / "per_cpu").glob("cpu*/stats"))
    text = "".join(f"# {each.parent.name}\n{each.read_text(errors='replace')}" for each in stats)
    (collector.run / "trace_stats_final").write_text(text)


def say_what_is_hidden(collector: Collector, phases: Iterable[str]) -> None:
    """Note where files are there but their addresses are not."""
    for folder in (collector.run / phase for phase in phases):
        info, symbols = folder / "vmallocinfo", folder / "kallsyms"
        if info.is_file():
            try:
                pointers = parse_vmallocinfo(str(info), read_lines(info)).pointers
            except InputError as error:
                collector.lack("vmallocinfo", error.message)
            else:
                if pointers is not Pointers.REAL:
                    collector.lack("addresses in vmallocinfo", WHY[pointers])
        if symbols.is_file() and not any(text.strip("0") for text in _starts(symbols)):
            collector.lack(
                "addresses in kallsyms",
                "zeroed: they take CAP_SYSLOG, and kernel.kptr_restrict below 2",
            )


def _starts(file: Path) -> Iterator[str]:
    return (text.partition(" ")[0] for _, text in read_lines(file))


def _described(
    collector: Collector, host: Host, phases: tuple[str, ...], *, hide: bool, keep_layout: bool
) -> Manifest:
    """Return the manifest of what was collected, without its files; hides it, if asked to."""
    run = collector.run
    kernel = _release(run)
    arch = machine_named(host.machine) or host.machine
    _write_meta(run, arch, kernel, host, phases)
    ranges, layout = _known_ranges(collector, arch, phases)
    if layout is not None:
        arch = arch or layout.arch
        host = evolve(host, page_size=host.page_size or layout.page_size)
    stated = {
        kind: StatedRange(
            start=low, end=high, fallback_start=low2, fallback_end=high2, provenance=Provenance.READ
        )
        for kind, (low, high, low2, high2) in ranges.items()
    }
    stated_layout = None
    if hide:
        hidden = anonymise(
            run, layout, kernel, cpus=host.cpus, hosts=host.hosts, keep_layout=keep_layout
        )
        kernel, stated, stated_layout = hidden.kernel, hidden.ranges, hidden.layout
        collector.missing[:] = [each for each in collector.missing if each.name not in DROPPED]
        for name in DROPPED:
            collector.lack(name, "left out: anonymised")
        if hidden.foreign:
            lines = f"{hidden.foreign} line{'' if hidden.foreign == 1 else 's'}"
            collector.lack(lines, "left out: an address where no other lies")
        if layout is not None and not keep_layout:
            collector.lack(
                "layout", "left out: where ranges begin and end (--keep-layout keeps it)"
            )
    _write_meta(run, arch, kernel, host, phases)
    return Manifest(
        tool=f"execmem-tui {__version__}",
        time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=printable(host.machine, 40),
        arch=printable(arch, 40),
        kernel=kernel,
        page_size=host.page_size or _PAGE_SIZE,
        cpus=host.cpus,
        anonymised=hide,
        phases=phases,
        missing=tuple(collector.missing),
        ranges=stated,
        layout=stated_layout,
    )


def _release(run: Path) -> str:
    file = run / "version"
    version = parse_version(read_lines(file)) if file.is_file() else None
    return "unknown" if version is None else version[0]


def _write_meta(run: Path, arch: str, kernel: str, host: Host, phases: tuple[str, ...]) -> None:
    """Write what opens the run like any other: see "Formats" in the README."""
    meta: dict[str, object] = {"arch": printable(arch, 40)} if arch else {}
    meta |= {
        "kernel": kernel,
        "page_size": host.page_size or _PAGE_SIZE,
        "smp": host.cpus,
        "phases": list(phases),
    }
    (run / "meta.toml").write_text(toml_text(meta), encoding="utf-8")


def _known_ranges(
    collector: Collector, arch: str, names: tuple[str, ...]
) -> tuple[Ranges, Layout | None]:
    """Return the ranges that the kernel's memory holds.

    And the layout that all that was collected tells.
    """
    run = collector.run
    try:
        phases = [
            read_phase(run / name) for name in names if (run / name / "vmallocinfo").is_file()
        ]
    except InputError as error:
        collector.lack("layout", f"{Path(error.path).name}: {error.message}")
        return {}, None
    if not phases:
        return {}, None
    symbols = (each for phase in phases for each in phase.evidence.symbols)
    places = (each.address for each in symbols if each.name == SYMBOL)
    found = read_ranges(collector.proc / "kcore", places)
    if found.why:
        collector.lack("ranges", f"{found.why}: they are derived from what can be read")
    return found.ranges, phases_layout(phases, arch or None, run_windows(run), found.ranges)

"""One capture from beginning to end.

Collect, perhaps trace, perhaps anonymise, write the bundle.
"""

import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from attrs import evolve, frozen

from execmem_tui import __version__
from execmem_tui.bundles.anonymise import DROPPED, anonymise
from execmem_tui.bundles.collector import ALONE, BEGIN, END, Collector, record, say_what_is_hidden
from execmem_tui.bundles.phase import phases_layout, read_phase, run_windows
from execmem_tui.bundles.writer import check_target, write_bundle
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.manifest import Manifest, StatedRange, toml_text
from execmem_tui.formats.procfiles import parse_version
from execmem_tui.kernel.kcore import Ranges, read_ranges
from execmem_tui.kernel.tracefs import TraceInstance
from execmem_tui.machines.facts import MACHINES
from execmem_tui.model.errors import InputError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import Provenance
from execmem_tui.model.text import printable

PROC: Final = Path("/proc")
_PAGE_SIZE: Final = 4096


@frozen(kw_only=True)
class Machine:
    """What a capture has to know of where it runs."""

    proc: Path
    machine: str
    """uname -m, "" where nothing tells it."""
    page_size: int | None
    cpus: int
    hosts: tuple[str, ...]


def look_at(proc: Path) -> Machine:
    """Return what `proc` and what lies beside it tell of the machine.

    Of the real /proc the running kernel knows more.
    """
    real = proc == PROC
    machine = _first_line(proc / "sys" / "kernel" / "arch") or (os.uname().machine if real else "")
    hosts = [_first_line(proc / "sys" / "kernel" / name) for name in ("hostname", "domainname")]
    return Machine(
        proc=proc,
        machine=machine,
        page_size=os.sysconf("SC_PAGE_SIZE") if real else None,
        cpus=_count(_first_line(proc.parent / "sys" / "devices" / "system" / "cpu" / "possible")),
        hosts=tuple(
            dict.fromkeys(
                [
                    *hosts,
                    *(host.partition(".")[0] for host in hosts),
                    os.uname().nodename if real else "",
                ]
            )
        ),
    )


def _first_line(file: Path) -> str:
    try:
        return file.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:  # an older kernel, or a tree without it: then nothing is told
        return ""


def _count(ranges: str) -> int:
    """Return how many CPUs a list such as ``0-3,8`` names; at least 1."""
    total = 0
    for part in ranges.split(","):
        found = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        total += 0 if found is None else int(found[2] or found[1]) - int(found[1]) + 1
    return max(total, 1)


def capture(
    target: Path,
    *,
    proc: Path = PROC,
    seconds: float | None = None,
    hide: bool = False,
    start_trace: Callable[[], TraceInstance] = TraceInstance,
) -> Manifest:
    """Write a bundle of the running kernel.

    Args:
        target: the bundle; its suffix says how it is packed.
        proc: where procfs is; /sys, /boot and /dev are looked for beside it.
        seconds: how long to record vmalloc and module events; None: not.
        hide: shift addresses, and forget hosts and files.
        start_trace: makes the tracefs instance; for tests.

    Raises:
        UsageError: the target's name is no good, events cannot be recorded, or addresses cannot be
            shifted.
        OSError: the bundle cannot be written.
    """
    check_target(target)
    machine = look_at(proc)
    with TemporaryDirectory(prefix="execmem-tui-") as private:
        run = Path(private)
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
        return write_bundle(run, target, _described(collector, machine, phases, hide=hide))


def _described(
    collector: Collector, machine: Machine, phases: tuple[str, ...], *, hide: bool
) -> Manifest:
    """Return the manifest of what was collected, without its files; hides it, if asked to."""
    run = collector.run
    kernel = _release(run)
    arch = MACHINES.get(machine.machine, machine.machine)
    _write_meta(run, arch, kernel, machine, phases)
    ranges, layout = _known_ranges(collector, arch, phases)
    if layout is not None:
        arch = arch or layout.arch
        machine = evolve(machine, page_size=machine.page_size or layout.page_size)
    stated = {
        kind: StatedRange(
            start=low, end=high, fallback_start=low2, fallback_end=high2, provenance=Provenance.READ
        )
        for kind, (low, high, low2, high2) in ranges.items()
    }
    stated_layout = None
    if hide:
        hidden = anonymise(run, layout, kernel, cpus=machine.cpus, hosts=machine.hosts)
        kernel, stated, stated_layout = hidden.kernel, hidden.ranges, hidden.layout
        collector.missing[:] = [each for each in collector.missing if each.name not in DROPPED]
        for name in DROPPED:
            collector.lack(name, "left out: anonymised")
    _write_meta(run, arch, kernel, machine, phases)
    return Manifest(
        tool=f"execmem-tui {__version__}",
        time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=printable(machine.machine, 40),
        arch=printable(arch, 40),
        kernel=kernel,
        page_size=machine.page_size or _PAGE_SIZE,
        cpus=machine.cpus,
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


def _write_meta(
    run: Path, arch: str, kernel: str, machine: Machine, phases: tuple[str, ...]
) -> None:
    """Write what opens the run like any other: see "Formats" in the README."""
    meta: dict[str, object] = {"arch": printable(arch, 40)} if arch else {}
    meta |= {
        "kernel": kernel,
        "page_size": machine.page_size or _PAGE_SIZE,
        "smp": machine.cpus,
        "phases": list(phases),
    }
    (run / "meta.toml").write_text(toml_text(meta), encoding="utf-8")


def _known_ranges(
    collector: Collector, arch: str, names: tuple[str, ...]
) -> tuple[Ranges, Layout | None]:
    """Return the ranges that the kernel's memory holds, and the layout that all that was collected tells."""
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
    info = next((each.address for each in symbols if each.name == "execmem_info"), None)
    ranges = read_ranges(collector.proc / "kcore", info)
    if not ranges:
        collector.lack(
            "ranges",
            "/proc/kcore or the symbol execmem_info is not readable: they are derived from what is",
        )
    return ranges, phases_layout(phases, arch or None, run_windows(run), ranges)

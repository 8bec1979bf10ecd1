"""Makes a collected run folder fit to be shown: addresses are shifted, hosts and files forgotten.

Every kernel address is shifted by one hidden constant. All distances and alignments stay: the
constant is a multiple of 1 GiB (16 MiB on 32-bit) and of the machine's count of vmap nodes, so that
an area stays with its node. It is drawn from the system's entropy and kept nowhere. Lines that are
not known to be harmless are left out, and so is a line whose address lies where no other does.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from attrs import evolve

from execmem_tui.bundles.harmless import Job, Words, drop_others, kept_files
from execmem_tui.bundles.shifting import UNIT, Seen, Shift, Shifter, draw_delta
from execmem_tui.formats.manifest import StatedLayout, StatedRange
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import ReachKind
from execmem_tui.model.records import frozen

KEPT: Final = "modules, functions, sizes, times, and the kernel's version but for its builder"
FORGOTTEN: Final = "hosts, builders, files, and names of tasks that not every machine has"


@frozen(kw_only=True)
class Anonymised:
    """What the manifest has to say of a shifted run."""

    layout: StatedLayout | None
    ranges: dict[ExecmemType, StatedRange]
    kernel: str
    foreign: int = 0
    """Lines that were left out because their address lies where no other does."""


def anonymise(
    run: Path,
    layout: Layout | None,
    kernel: str,
    *,
    cpus: int,
    hosts: Iterable[str],
    keep_layout: bool = False,
    draw: Callable[[int], int] = secrets.randbelow,
) -> Anonymised:
    """Rewrite the files of a run folder in place.

    Args:
        run: as `collect` leaves it.
        layout: the machine's, computed from the true addresses; None where there is none.
        kernel: its release.
        cpus: possible CPUs, for the count of vmap nodes.
        hosts: names to forget.
        keep_layout: state where the ranges begin and end, which tells the constant at once.
        draw: returns a number below its argument; for tests.

    Raises:
        UsageError: the addresses leave no room to shift them.
    """
    words = Words(tuple(host for host in hosts if host and host not in ("localhost", "(none)")))
    seen = Seen()
    for file, rewrite in kept_files(run):
        for _ in rewrite(Job(file=file, shift=seen.take, words=words)):
            pass
    if layout is not None:
        _stated(layout, seen.take, 0)
    bits, home = seen.home()
    unit = UNIT[bits] * (cpus if bits == 64 else 1)
    delta = draw_delta({each for each in seen.addresses if each in home}, bits, unit, draw)
    shifter = Shifter(bits=bits, home=home, delta=delta)
    foreign = sum(_rewritten(file, rewrite, shifter, words) for file, rewrite in kept_files(run))
    drop_others(run)
    stated: StatedLayout | None = None
    ranges: dict[ExecmemType, StatedRange] = {}
    if layout is not None:
        stated, ranges = _stated(layout, shifter.shift, delta)
        if not keep_layout:
            stated, ranges = _without_edges(stated), {}
    return Anonymised(layout=stated, ranges=ranges, kernel=words.scrub(kernel), foreign=foreign)


def _rewritten(
    file: Path, rewrite: Callable[["Job"], Iterator[str]], shifter: "Shifter", words: Words
) -> int:
    """Rewrite one file; return how many lines had a foreign address, and are left out."""
    foreign = 0
    lines: list[str] = []
    for line in rewrite(Job(file=file, shift=shifter.shift, words=words)):
        if shifter.met_foreign():
            foreign += 1
        else:
            lines.append(line)
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8", errors="replace")
    return foreign


def _without_edges(stated: StatedLayout) -> StatedLayout:
    """Return a layout that does not say where the windows are."""
    return evolve(
        stated, vmalloc_start=0, vmalloc_end=0, modules_vaddr=None, modules_end=None, reach={}
    )


def _stated(
    layout: Layout, shift: Shift, delta: int
) -> tuple[StatedLayout, dict[ExecmemType, StatedRange]]:
    ranges = {
        kind: StatedRange(
            start=shift(entry.start),
            end=shift(entry.end),
            fallback_start=shift(entry.fallback_start),
            fallback_end=shift(entry.fallback_end),
            provenance=entry.provenance,
        )
        for kind, entry in layout.types.items()
    }
    stated = StatedLayout(
        variant=layout.variant,
        kaslr=layout.kaslr,
        word_bits=layout.word_bits,
        page_size=layout.page_size,
        vmalloc_start=shift(layout.vmalloc_start),
        vmalloc_end=shift(layout.vmalloc_end),
        modules_vaddr=None if layout.modules_vaddr is None else shift(layout.modules_vaddr),
        modules_end=None if layout.modules_end is None else shift(layout.modules_end),
        symbols={name: shift(address) for name, address in layout.symbols.items()},
        reach={
            each.name: each.low + delta
            for each in layout.reach
            # shifted out of all address space where areas lie in the other half of it: no reach
            if each.kind is ReachKind.ABSOLUTE and 0 <= each.low + delta < 1 << 64
        },
    )
    return stated, ranges

"""Ranges that the kernel's own requests state.

Vstart and vend in a trace, and the window that /proc/meminfo measures.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve

from execmem_tui.machines.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, Provenance
from execmem_tui.model.units import Address

GIB: Final = 1 << 30
_KIB_SHIFT: Final = 10
_FIXED_END: Final = ("arm", "s390")
"""VMALLOC_END is a constant, or lies right below the modules; VMALLOC_START follows memory."""
Pair = tuple[Address, Address]


def vmalloc_window(layout: Layout, facts: Facts) -> Pair:
    """Return the vmalloc window.

    As requests state it, else where the computed one and VmallocTotal meet.
    """
    old = (layout.vmalloc_start, layout.vmalloc_end)
    total = facts.vmalloc_total
    size = total if total is not None else old[1] - old[0]
    stated = [
        pair for pair in facts.windows if (pair[1] - pair[0]) >> _KIB_SHIFT == size >> _KIB_SHIFT
    ]
    if old in facts.windows:
        return old
    if stated:
        return stated[0]
    if total is None:
        return _widest(facts.windows, old)
    if layout.arch == "x86" and layout.word_bits == 64:
        return _randomised(old, facts)
    if (
        (old[1] - old[0]) >> _KIB_SHIFT == total >> _KIB_SHIFT
        and layout.arch != "x86"
        and _under(old[1], layout, facts)
    ):
        return old
    return _measured(layout, facts, total)


def _under(end: Address, layout: Layout, facts: Facts) -> bool:
    """Whether the percpu chunks, if any were seen, lie right under `end`, up to their alignment."""
    return facts.percpu_end is None or 0 <= end - facts.percpu_end < max(
        layout.pmd_size, 2 * layout.page_size
    )


def _measured(layout: Layout, facts: Facts, total: int) -> Pair:
    """Place a window of `total` bytes.

    At the fixed end, under the percpu chunks, or from the fixed start.
    """
    if layout.arch in _FIXED_END:
        return layout.vmalloc_end - total, layout.vmalloc_end
    if facts.percpu_end is not None and (layout.word_bits == 32 or layout.arch == "riscv"):
        return facts.percpu_end - total, facts.percpu_end
    if layout.arch == "riscv":
        return layout.vmalloc_end - total, layout.vmalloc_end
    if layout.arch == "x86" and facts.addresses:
        # The window ends two pages below a PMD boundary (arch/x86/include/asm/pgtable_32_areas.h:
        # VMALLOC_END) and is filled from its start.
        gap = 2 * layout.page_size
        start = ((min(facts.addresses) + gap) & -layout.pmd_size) - gap
        return start, start + total
    return layout.vmalloc_start, layout.vmalloc_start + total


def _randomised(old: Pair, facts: Facts) -> Pair:
    """x86-64's vmalloc_base is drawn in steps of 1 GiB.

    The lowest area is in the first (arch/x86/mm/kaslr.c).
    """
    below = [
        each for each in facts.addresses if 0xFF00_0000_0000_0000 <= each < 0xFFFF_FE00_0000_0000
    ]
    if not below or old[0] <= min(below) < old[0] + GIB:
        return old
    start = min(below) & -GIB
    return start, start + old[1] - old[0]


def _widest(windows: Sequence[Pair], old: Pair) -> Pair:
    """Return the widest window that is asked for, where it overlaps the computed one and is at least half as wide."""
    new = max(windows, key=lambda pair: pair[1] - pair[0], default=old)
    overlaps = new[0] < old[1] and old[0] < new[1]
    return new if overlaps and (new[1] - new[0]) * 2 >= old[1] - old[0] else old


def read_from_requests(layout: Layout, windows: Sequence[Pair]) -> Layout:
    """Put the windows of requests in the place of what was computed, or confirm it.

    Args:
        layout: its ranges may be bounds or estimates.
        windows: (vstart, vend) of a trace of the same boot.
    """
    if not windows:
        return layout
    vmalloc = (layout.vmalloc_start, layout.vmalloc_end)
    computed = {(entry.start, entry.end) for entry in layout.types.values()}
    types = {}
    notes: list[str] = []
    for kind, entry in layout.types.items():
        others = [
            pair
            for pair in windows
            if pair != vmalloc and (pair == _pair(entry) or pair not in computed)
        ]
        types[kind] = new = _requested(layout, entry, windows, others)
        if new.provenance is Provenance.READ and new.has_fallback and _fallback(new) not in windows:
            notes = ["the fallback range is computed: the trace has no request for it"]
    return evolve(layout, types=types, notes=(*layout.notes, *notes))


def _pair(entry: ExecmemRange) -> Pair:
    return entry.start, entry.end


def _fallback(entry: ExecmemRange) -> Pair:
    return entry.fallback_start, entry.fallback_end


def _requested(
    layout: Layout, entry: ExecmemRange, windows: Iterable[Pair], others: Sequence[Pair]
) -> ExecmemRange:
    """Return a range with the ends that requests state, of two windows the smaller is preferred."""
    if _pair(entry) in windows:
        around = [
            pair
            for pair in others
            if pair[0] <= entry.start and entry.end <= pair[1] and pair != _pair(entry)
        ]
        if entry.has_fallback and len(around) == 1 and _fallback(entry) not in windows:
            entry = evolve(entry, fallback_start=around[0][0], fallback_end=around[0][1])
        return evolve(entry, provenance=Provenance.READ)
    if _pair(entry) == (layout.vmalloc_start, layout.vmalloc_end):
        return entry
    known = [_pair(entry)] + ([_fallback(entry)] if entry.has_fallback else [])
    near = [pair for pair in others if any(_close(pair, each, layout) for each in known)]
    near.sort(key=lambda pair: pair[1] - pair[0])
    if not near:
        return entry
    two = entry.has_fallback or layout.arch == "arm64"
    if not two:
        best = near[-1]
        return evolve(entry, start=best[0], end=best[1], provenance=Provenance.READ)
    fallback = near[-1] if len(near) > 1 else _fallback(entry)
    if len(near) == 1 and layout.arch == "arm64" and near[0][1] - near[0][0] == 2 * GIB:
        fallback = (0, 0)
    new = evolve(
        entry,
        start=near[0][0],
        end=near[0][1],
        fallback_start=fallback[0],
        fallback_end=fallback[1],
    )
    return evolve(new, provenance=Provenance.READ)


def _close(pair: Pair, known: Pair, layout: Layout) -> bool:
    """Whether a request's window can be a range that was computed or bounded.

    One end in common, or mostly the same.
    """
    if layout.arch == "arm64" and pair[1] - pair[0] > 2 * GIB:
        return False  # it has no module window larger than that: a vmalloc window that was not told
    if pair[0] == known[0] or pair[1] == known[1]:
        return True
    common = min(pair[1], known[1]) - max(pair[0], known[0])
    return common > 0 and layout.arch in (
        "arm64",
        "loongarch",
        "powerpc",
        "riscv",
        "s390",
        "x86",
        "arm",
    )

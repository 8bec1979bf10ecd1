"""Ranges that the kernel's own requests state.

Vstart and vend in a trace, and the window that /proc/meminfo measures.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve

from execmem_tui.arch import architecture
from execmem_tui.arch.estimates import Pair
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, Provenance

_KIB_SHIFT: Final = 10


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
    found = architecture(layout.arch).measured_vmalloc(layout, facts, total)
    return found if found[0] >= 0 else old  # a total of another machine, or of none


def _widest(windows: Sequence[Pair], old: Pair) -> Pair:
    """Return the widest window that is asked for.

    It overlaps the computed one and is at least half as wide.
    """
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
            notes = ["the fallback range is computed: no recorded request asks for it"]
    return evolve(layout, types=types, notes=(*layout.notes, *notes))


def all_requested(entry: ExecmemRange, windows: Sequence[Pair]) -> bool:
    """Whether requests of a trace state every end of a range, so that none of it is a guess."""
    return _pair(entry) in windows and (not entry.has_fallback or _fallback(entry) in windows)


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
    new = architecture(layout.arch).requested(entry, near)
    return evolve(new, provenance=Provenance.READ)


def _close(pair: Pair, known: Pair, layout: Layout) -> bool:
    """Whether a request's window can be a range that was computed or bounded.

    One end in common, or mostly the same.
    """
    arch = architecture(layout.arch)
    if arch.widest_module_window is not None and pair[1] - pair[0] > arch.widest_module_window:
        return False  # a vmalloc window that was not told
    if pair[0] == known[0] or pair[1] == known[1]:
        return True
    common = min(pair[1], known[1]) - max(pair[0], known[0])
    return common > 0 and not arch.constant_windows

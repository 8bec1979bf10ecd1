"""Whose is an area? Every owner's question, asked of one area after the other.

What cannot be known stays None.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final

from attrs import evolve

from execmem_tui.formats.procfiles import Symbol, is_mapping_symbol
from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.areas import KERNEL_OWNER, Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address
from execmem_tui.owners import bpf_programs, ftrace_pages, kprobe_pages, module_regions
from execmem_tui.owners.evidence import BPF, FTRACE, KPROBES, NOTHING, AreaEvidence, Evidence
from execmem_tui.owners.sections import init_kept
from execmem_tui.owners.shared_areas import data_sizes, is_block, split_block

Question = Callable[[Layout, Area, AreaEvidence], list[Area]]
"""Returns the area, or its pieces, with their owner; [] where the answer is no."""

QUESTIONS: Final[tuple[Question, ...]] = (
    # Kallsyms names pages of probes while they are in use, so nobody else can be there.
    kprobe_pages.by_symbol,
    ftrace_pages.by_symbol,
    # Lasting sections before the text base: they tell the region too. Data symbols are weaker.
    module_regions.by_sections,
    module_regions.by_base,
    module_regions.by_data_symbols,
    bpf_programs.by_symbols,
    # A caller names the consumer but not the page: after all that names it.
    ftrace_pages.by_caller,
    bpf_programs.by_caller,
    kprobe_pages.by_caller,
    # Nearly last: /sys/module keeps the addresses of init sections after their memory was freed and
    # given to others (kernel/module/main.c: do_free_init, kernel/module/sysfs.c).
    module_regions.by_init_sections,
    # Nothing names it, but inside the module ranges the loader asks for nobody but modules.
    module_regions.by_caller,
)
"""In the order of how much an answer is worth; the first that is not no counts."""

_BY_CALLER: Final = (
    (ftrace_pages.by_caller, (*ftrace_pages.CALLERS, *ftrace_pages.HOTPATCH_CALLERS)),
    (bpf_programs.by_caller, bpf_programs.CALLERS),
    (kprobe_pages.by_caller, kprobe_pages.CALLERS),
    (module_regions.by_caller, module_regions.EXECMEM_CALLERS),
)
"""Those of them that need nothing but the area, and the callers that each is about: where nothing
points into it, all others say no."""
_ABOUT: Final[dict[str, tuple[Question, ...]]] = {
    caller: tuple(ask for ask, about in _BY_CALLER if caller in about)
    for _, callers in _BY_CALLER
    for caller in callers
}
"""Where another asked for an area, and nothing points into it, every answer is no."""

_MOST_SHARED: Final = 2
"""Areas that one address may lie in, on average. In a kernel it lies in one; a file that says
otherwise is not asked for every address of every area."""
_START = attrgetter("start")
_SYMBOLS_OF: Final = {
    ExecmemType.BPF: BPF,
    ExecmemType.KPROBES: KPROBES,
    ExecmemType.FTRACE: FTRACE,
}


def attribute(layout: Layout, entries: Sequence[VmallocEntry], evidence: Evidence) -> list[Area]:
    """Return the areas of a snapshot with their owners, ascending by address."""
    kept = init_kept(layout)
    image = layout.image or (0, 0)
    areas: list[Area] = []
    blocks: list[tuple[Area, AreaEvidence]] = []
    pointing = evidence.pointing
    left = _MOST_SHARED * evidence.places
    for entry in sorted(entries, key=_START):
        area = _plain(layout, entry)
        if area.state is not AreaState.LIVE:
            areas.append(area)
            continue
        start = entry.start
        # nearly all areas end here: what follows takes ten times as long and says the same of them
        inside = pointing(start, area.end)
        left -= inside
        silent = left < 0 or (not inside and not image[0] <= start < image[1])
        if silent and (entry.caller or "").partition("+")[0] not in _ABOUT:
            areas.append(area)
            continue
        found = NOTHING if silent else evidence.of(area, init_kept=kept)
        if is_block(layout, area, found):
            # how much is known of a block's rest, all modules tell
            asked = found is NOTHING and left >= 0
            known = evidence.of(area, init_kept=kept) if asked else found
            blocks.append((area, known))
        else:
            areas += _owned(layout, area, found)
    areas = module_regions.distinct(layout, areas)
    if not evidence.sections:
        areas = module_regions.by_order(layout, areas, evidence.modules)
    # Blocks come last: how much of one is a module's text follows from the sizes of its other
    # areas.
    sizes = data_sizes(areas)
    for block, found in blocks:
        areas += split_block(layout, block, found, sizes)
    areas.sort(key=_START)
    return with_names(areas, evidence.symbols)


def grouped(entries: Sequence[VmallocEntry], areas: Sequence[Area]) -> dict[Address, list[Area]]:
    """Return the areas by the start of the vmap area that they lie in."""
    starts = sorted(entry.start for entry in entries)
    inside: dict[Address, list[Area]] = defaultdict(list)
    for area in areas:
        index = bisect_right(starts, area.start) - 1
        if index >= 0:
            inside[starts[index]].append(area)
    return dict(inside)


@lru_cache(maxsize=256)
def _words(flags: tuple[str, ...]) -> str:
    """Return flags as one text, the same object for the same flags: areas are many."""
    return " ".join(flags)


def _plain(layout: Layout, entry: VmallocEntry) -> Area:
    """Return the area before anybody claims it. A guard is there unless pages tell otherwise."""
    guard = layout.page_size if entry.size > layout.page_size else 0
    if entry.pages is not None and entry.pages * layout.page_size == entry.size:
        guard = 0
    return Area(
        start=entry.start,
        size=entry.size - guard,
        guard=guard,
        state=AreaState.LAZY if entry.lazy else AreaState.LIVE,
        caller=entry.caller,
        detail=_words(entry.flags),
    )


def _owned(layout: Layout, area: Area, found: AreaEvidence) -> list[Area]:
    """Return a live area with its owner, or its pieces with theirs, and who else claims it."""
    image = layout.image
    if image is not None and image[0] <= area.start < image[1]:
        return [area.changed(owner=KERNEL_OWNER)]
    questions = _ABOUT.get(area.called_by, ()) if found is NOTHING else QUESTIONS
    owned = next(filter(None, (ask(layout, area, found) for ask in questions)), None)
    if owned is None:
        return [_unknown(layout, area)]
    others = "" if found is NOTHING else found.others(owned[0].owner)
    if others:
        return [
            each.changed(detail="; ".join(filter(None, (each.detail, others)))) for each in owned
        ]
    return owned


def _unknown(layout: Layout, area: Area) -> Area:
    if area.called_by not in module_regions.EXECMEM_CALLERS:
        return area
    known = layout.range_of(ExecmemType.MODULE_TEXT).end != 0
    note = (
        "page array of a big area with the same caller, or a module's file"
        if known
        else "module memory of an unknown owner: the module area is not known"
    )
    return area.changed(detail=f"{area.detail} {note}".strip())


def with_names(areas: Iterable[Area], symbols: Sequence[Symbol]) -> list[Area]:
    """Put into each area the names that begin in it: programs, or symbols of its module."""
    known = sorted(
        (each.address, each.name, each.module)
        for each in symbols
        if each.module is not None and not is_mapping_symbol(each.name)
    )
    addresses = [address for address, _, _ in known]
    left = _MOST_SHARED * len(known)
    named: list[Area] = []
    for area in areas:
        if area.type is None or area.state is not AreaState.LIVE:
            named.append(area)
            continue
        wanted = _SYMBOLS_OF.get(area.type, area.owner)
        low, high = bisect_left(addresses, area.start), bisect_left(addresses, area.end)
        left -= high - low
        window = known[low:high] if left >= 0 else ()
        inside = tuple((address, name) for address, name, module in window if module == wanted)
        named.append(evolve(area, inside=inside) if inside else area)
    return named

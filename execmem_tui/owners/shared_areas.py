"""Areas with several owners or regions: blocks of the ROX cache, a module's one area before 6.4."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

from attrs import evolve

from execmem_tui.formats.procfiles import ModuleLine, SectionLine
from execmem_tui.model.areas import ROX_OWNER, Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address, Bytes
from execmem_tui.owners import ftrace_pages, kprobe_pages
from execmem_tui.owners.evidence import NOTHING, AreaEvidence, few
from execmem_tui.owners.sections import CORE, boundaries, is_init, kind_of, region_of

_START = attrgetter("start")
_UNKNOWN: Final = "free, or an unknown owner: /proc cannot tell"
_NOBODY: Final = "block of the ROX cache: free, or text whose owner is not known"
_NAMELESS: Final = (
    "block of the ROX cache, no name known: packs of classic BPF have no symbol, and a free block"
    " would have been given back"
)
"""Since BPF is cached, and the cleaner drops blocks that are free (mm/execmem.c:
execmem_cache_clean)."""
_ROX_CALLER: Final = "execmem_alloc"
_OPEN_END: Final = "where it ends is not known"


def data_sizes(areas: Iterable[Area]) -> dict[str, Bytes]:
    """Return per module the bytes of its lasting regions that have areas of their own."""
    sizes: dict[str, Bytes] = defaultdict(int)
    for area in areas:
        if area.region in CORE and area.owner is not None:
            sizes[area.owner] += area.size
    return sizes


def is_block(layout: Layout, area: Area, found: AreaEvidence) -> bool:
    """Whether an area is a block of the ROX cache.

    It holds text of several owners, or has room beside the text of one.
    """
    if found is NOTHING and area.called_by != _ROX_CALLER:  # as of nearly all
        return False
    symbols = (*found.kprobes, *found.trampolines)
    owners = {module.name for module in found.bases} | {symbol.module for symbol in symbols}
    if len(owners) > 1:
        return True
    cached = layout.range_of(ExecmemType.MODULE_TEXT).rox_cached
    if not cached or (area.start | area.size) & (layout.pmd_size - 1) or found.programs:
        return False
    if any(region != "MOD_TEXT" for region in found.kept_regions()):
        return False
    return bool(owners) or area.called_by == _ROX_CALLER


def split_combined(
    layout: Layout, area: Area, sections: Sequence[SectionLine], *, init_kept: bool
) -> list[Area]:
    """Cut the one area of a module into its regions; they tile it, the last has the guard."""
    found = boundaries(sections, layout.page_size, init_kept=init_kept)
    starts = [area.start, *(start for start, _ in found[1:]), area.start + area.size]
    pieces: list[Area] = []
    for (start, end), (_, region) in zip(pairwise(starts), found, strict=True):
        piece = evolve(
            area, start=start, size=end - start, guard=area.guard if end == starts[-1] else 0
        )
        pieces.append(layout.typed(piece, kind_of(region), sections[0].module, region))
    return pieces


def split_block(
    layout: Layout, block: Area, found: AreaEvidence, sizes: dict[str, Bytes]
) -> list[Area]:
    """Cut a ROX block into the pieces whose owners are known.

    A module's text is what /proc/modules counts beyond its other regions (kernel/module/procfs.c
    sums page-aligned sizes). What lies between is free or belongs to somebody unknown: /proc cannot
    tell.
    """
    page = layout.page_size
    modules = [*found.bases, *_without_base(layout, found)]
    seen = _last_seen(block, found)
    texts = [
        _text(layout, block, module, sizes.get(module.name, 0), seen.get(module.name, 0))
        for module in modules
    ]
    init_texts = _init_texts(layout, block, found)
    ends_known = not init_texts and all(known for _, known in texts)
    pieces = [*(text for text, _ in texts), *init_texts]
    for symbols, as_page in (
        (found.kprobes, kprobe_pages.page),
        (found.trampolines, ftrace_pages.page),
    ):
        for symbol in symbols:
            area = Area(start=symbol.address & -page, size=page, caller=block.caller)
            pieces.append(as_page(layout, area, symbol))
    if found.programs:
        pieces.append(_programs(layout, block, found))
    if not pieces and ExecmemType.BPF in layout.rules.rox_types:
        return [evolve(block, owner=ROX_OWNER, detail=_NAMELESS)]
    if found.complete and ends_known:
        rest = evolve(block, state=AreaState.CACHE_FREE, owner=ROX_OWNER, detail=_UNKNOWN)
    else:
        rest = evolve(block, owner=ROX_OWNER, detail=_NOBODY)
    return _tiled(rest, sorted(pieces, key=_START))


def _without_base(layout: Layout, found: AreaEvidence) -> list[ModuleLine]:
    """Return the modules that have text sections here and no known beginning.

    None that a line of /proc/modules gives.
    """
    based = {module.name for module in found.bases}
    lowest: dict[str, int] = {}
    for section in found.kept:
        if section.module not in based and region_of(section.section) == "MOD_TEXT":
            lowest[section.module] = min(
                section.address, lowest.get(section.module, section.address)
            )
    return [
        ModuleLine(name=name, size=0, state="Live", base=address & -layout.page_size)
        for name, address in lowest.items()
    ]


def _programs(layout: Layout, block: Area, found: AreaEvidence) -> Area:
    """Return the part of a pack that programs are seen in.

    A pack shares a block only after a free.
    """
    page = layout.page_size
    addresses = [symbol.address for symbol in found.programs]
    start = min(addresses) & -page
    area = Area(start=start, size=(max(addresses) & -page) + page - start, caller=block.caller)
    detail = f"{len(addresses)} programs in kallsyms; {_OPEN_END}"
    return layout.typed(area, ExecmemType.BPF, "bpf_prog_pack", detail=detail)


def _last_seen(block: Area, found: AreaEvidence) -> dict[str, Address]:
    """Return where below a block's end each module's code or sections are last seen."""
    end = block.start + block.size
    seen = [(str(each.module), each.address) for each in found.code]
    seen += [(each.module, each.address) for each in found.kept]
    last: dict[str, Address] = {}
    for module, address in seen:
        if last.get(module, -1) < address < end:
            last[module] = address
    return last


def _text(
    layout: Layout, block: Area, module: ModuleLine, data: Bytes, seen: Address
) -> tuple[Area, bool]:
    """Return a module's text and whether its end is known.

    It has the size that its data leave of what /proc/modules counts, or, without its data, reaches
    up to what is last `seen` in it.
    """
    page = layout.page_size
    end = block.start + block.size
    last = max(module.base, seen)
    # never smaller than what is seen in it: data areas of unknown owners make `data` too big
    least = (last & -page) + page - module.base
    known = bool(data and module.size) and module.state != "Loading"
    size = max(module.size - data, least) if known else least
    area = Area(start=module.base, size=min(size, end - module.base), caller=block.caller)
    detail = "" if known else _OPEN_END
    text = layout.typed(area, ExecmemType.MODULE_TEXT, module.name, "MOD_TEXT", detail)
    return text, known


def _init_texts(layout: Layout, block: Area, found: AreaEvidence) -> list[Area]:
    """Return the init text of modules that are still loading; of live ones it is freed."""
    page = layout.page_size
    loading = {module.name for module in found.bases if module.state == "Loading"}
    pages: dict[str, set[int]] = defaultdict(set)
    for section in found.sections:
        if (
            section.module in loading
            and is_init(section.section)
            and region_of(section.section) == "MOD_INIT_TEXT"
        ):
            pages[section.module].add(section.address & -page)
    pieces = []
    for module, starts in pages.items():
        area = Area(start=min(starts), size=max(starts) + page - min(starts), caller=block.caller)
        pieces.append(
            layout.typed(area, ExecmemType.MODULE_TEXT, module, "MOD_INIT_TEXT", _OPEN_END)
        )
    return pieces


def _tiled(rest: Area, pieces: Sequence[Area]) -> list[Area]:
    """Return the pieces, and between them `rest`, which is as large as the block.

    Of two pieces that overlap the earlier ends where the later begins.
    """
    cut: list[Area] = []
    at, end = rest.start, rest.start + rest.size
    claims: dict[int, list[Area]] = defaultdict(list)
    for each in pieces:
        claims[each.start].append(each)
    pieces = [_claimed(*claim) for claim in claims.values()]
    for index, each in enumerate(pieces):
        piece = each
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        if following is not None and following.start < piece.end:
            overlap = f"its size would reach into {following.name}"
            piece = evolve(
                piece, size=following.start - piece.start, detail=_joined(piece, overlap)
            )
        if piece.start > at:
            cut.append(evolve(rest, start=at, size=piece.start - at, guard=0))
        cut.append(piece)
        at = piece.end
    if at < end:
        cut.append(evolve(rest, start=at, size=end - at, guard=0))
    cut[-1] = evolve(cut[-1], guard=rest.guard)
    return cut


def _claimed(first: Area, *others: Area) -> Area:
    """Return the first of the pieces at one place, which says who else claims it."""
    if not others:
        return first
    also = few([each.name for each in others])
    return evolve(first, detail=_joined(first, f"also claimed by {also}"))


def _joined(area: Area, more: str) -> str:
    return "; ".join(filter(None, (area.detail, more)))

"""Whose is an area? vmallocinfo joined with modules, sections and symbols.

What cannot be known stays None.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final

from attrs import evolve

from execmem_tui.formats.procfiles import ModuleLine, SectionLine, Symbol
from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.areas import KERNEL_OWNER, Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address, Bytes
from execmem_tui.owners.evidence import (
    BPF,
    FTRACE,
    KPROBES,
    Claims,
    Evidence,
    collect,
    init_kept,
    typed,
    typed_probe,
)
from execmem_tui.owners.sections import CORE, is_combined, is_init, is_placed, vote
from execmem_tui.owners.shared_areas import data_sizes, split_block, split_combined

_BPF_CALLERS: Final = (
    "bpf_prog_pack_alloc", "bpf_jit_alloc_exec", "bpf_jit_binary_alloc", "bpf_jit_binary_pack_alloc", "alloc_new_pack",
    "bpf_int_jit_compile", "bpf_jit_alloc_exec_page", "arch_alloc_bpf_trampoline", "bpf_trampoline_update",
    "bpf_dispatcher_change_prog", "bpf_prog_select_runtime",
)  # fmt: skip
_KPROBE_CALLERS: Final = ("__get_insn_slot", "alloc_insn_page", "alloc_optinsn_page")
_HOTPATCH_CALLERS: Final = ("module_finalize", "module_alloc_ftrace_hotpatch_trampolines")
"""s390: one area per module with call sites (arch/s390/kernel/module.c)."""
_FTRACE_CALLERS: Final = ("arch_ftrace_update_trampoline", "create_trampoline", "alloc_tramp")
_MODULE_CALLERS: Final = (
    "load_module", "move_module", "layout_and_allocate", "module_memory_alloc", "init_module_from_file", "module_alloc",
)  # fmt: skip
_EXEC_CALLERS: Final = ("execmem_alloc", "execmem_alloc_rw", "execmem_vmalloc", *_MODULE_CALLERS)
_OF_CALLER: Final = {
    **dict.fromkeys(_EXEC_CALLERS, ""),
    **dict.fromkeys((*_KPROBE_CALLERS, *_FTRACE_CALLERS), "probe"),
    **dict.fromkeys(_BPF_CALLERS, "bpf"),
}
_NAMES_LISTED: Final = 6
_PACK: Final = 2 << 20
"""Bytes of a BPF pack per possible node (kernel/bpf/core.c: BPF_PROG_PACK_SIZE)."""
_START = attrgetter("start")


def attribute(layout: Layout, entries: Sequence[VmallocEntry], evidence: Evidence) -> list[Area]:
    """Return the areas of a snapshot with their owners, ascending by address."""
    ordered = sorted(entries, key=_START)
    areas: list[Area] = []
    blocks: list[tuple[Area, Claims]] = []
    for entry, claim in zip(ordered, collect(layout, ordered, evidence), strict=True):
        area = _plain(layout, entry)
        if area.state is AreaState.LIVE and _is_block(layout, area, claim):
            blocks.append((area, claim))
        else:
            areas += _owned(layout, area, claim)
    areas = _distinct(layout, areas)
    if not evidence.sections:
        areas = _by_order(layout, areas, evidence)
    sizes = data_sizes(areas)
    for block, claim in blocks:
        areas += split_block(layout, block, claim, sizes)
    areas.sort(key=_START)
    return _with_names(areas, evidence.symbols)


def from_symbols(layout: Layout, evidence: Evidence) -> list[Area]:
    """Return what symbols alone tell where areas are hidden.

    Pages that surely hold probes, trampolines and programs.

    Neighbouring pages of BPF programs are one area; what lies around them in their packs stays
    unknown.
    """
    page = layout.page_size
    pages: dict[Address, Symbol] = {}
    for symbol in evidence.symbols:
        if symbol.module in (KPROBES, FTRACE, BPF) and symbol.address:
            pages.setdefault(symbol.address & -page, symbol)
    areas: list[Area] = []
    for start, symbol in sorted(pages.items()):
        if symbol.module == BPF:
            last = areas[-1] if areas else None
            if last is not None and last.type is ExecmemType.BPF and last.end == start:
                areas[-1] = evolve(last, size=last.size + page)
                continue
            area = Area(
                start=start,
                size=page,
                detail="pages with BPF programs, from kallsyms; their pack is hidden",
            )
            areas.append(typed(layout, area, ExecmemType.BPF, "bpf_prog_pack"))
        else:
            areas.append(
                typed_probe(layout, Area(start=start, size=page, detail="from kallsyms"), symbol)
            )
    return _with_names(areas, evidence.symbols)


def grouped(entries: Sequence[VmallocEntry], areas: Sequence[Area]) -> dict[Address, list[Area]]:
    """Return the areas by the start of the vmap area that they lie in."""
    starts = sorted(entry.start for entry in entries)
    inside: dict[Address, list[Area]] = defaultdict(list)
    for area in areas:
        index = bisect_right(starts, area.start) - 1
        if index >= 0:
            inside[starts[index]].append(area)
    return dict(inside)


def executable(entries: Iterable[VmallocEntry], evidence: Evidence) -> dict[Address, str]:
    """Return the starts of the areas that are executable memory, and whose: module, bpf, probe.

    It is "" where only the caller says so and names nobody.
    """
    ordered = sorted((entry for entry in entries if not entry.lazy), key=_START)
    starts = [entry.start for entry in ordered]
    callers = (entry.caller or "" for entry in ordered)
    found = {entry.start: owner for entry, caller in zip(ordered, callers, strict=True)
             if (owner := _OF_CALLER.get(caller.partition("+")[0])) is not None}  # fmt: skip
    for address, owner in _told(evidence):
        index = bisect_right(starts, address) - 1
        if index >= 0 and address < ordered[index].end:
            found[starts[index]] = owner
    return found


def open_executable(evidence: Evidence, page_size: Bytes) -> dict[Address, str]:
    """Return the pages that are executable memory and whose, as `executable` does, where vmallocinfo hides its addresses."""
    return {address & -page_size: owner for address, owner in _told(evidence) if address}


def _told(evidence: Evidence) -> Iterator[tuple[Address, str]]:
    """Yield what sections, text bases and symbols say of addresses; of modules last."""
    for symbol in evidence.symbols:
        if symbol.module in (BPF, KPROBES, FTRACE):
            yield symbol.address, "bpf" if symbol.module == BPF else "probe"
    for section in evidence.sections:
        if is_placed(section.section) and not is_init(section.section):
            yield section.address, "module"
    for module in evidence.modules:
        yield module.base, "module"


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
        detail=" ".join(entry.flags),
    )


def _called(area: Area) -> str:
    return (area.caller or "").partition("+")[0]


def _is_block(layout: Layout, area: Area, claim: Claims) -> bool:
    """Whether an area is a block of the ROX cache.

    Text of several owners, or free pieces beside the text of one.
    """
    owners = {module.name for module in claim.bases} | {symbol.module for symbol in claim.probes}
    if len(owners) > 1:
        return True
    cached = layout.range_of(ExecmemType.MODULE_TEXT).rox_cached
    if not cached or (area.start | area.size) & (layout.pmd_size - 1) or claim.programs:
        return False
    if any(region != "MOD_TEXT" for region in claim.kept_regions()):
        return False
    return bool(owners) or _called(area) == "execmem_alloc"


def _owned(layout: Layout, area: Area, claim: Claims) -> list[Area]:
    image = layout.image
    if image is not None and image[0] <= area.start < image[1]:
        return [evolve(area, owner=KERNEL_OWNER)]
    if area.state is not AreaState.LIVE:
        return [area]
    found = (
        _claimed(layout, area, claim)
        or _called_for(layout, area, claim)
        or _init_of(layout, area, claim)
    )
    if not found:
        return [_unknown(layout, area)]
    others = claim.others(found[0].owner)
    if others:
        found = [
            evolve(each, detail="; ".join(filter(None, (each.detail, others)))) for each in found
        ]
    return found


def _claimed(layout: Layout, area: Area, claim: Claims) -> list[Area]:
    """Return the area with the owner that a probe page, a section, a text base or a symbol names, [] if none does."""
    if claim.probes:
        return [typed_probe(layout, area, claim.probes[0])]
    sections = claim.best_sections(area)
    if sections:
        if is_combined(sections):
            return split_combined(layout, area, sections)
        region = vote(sections, init_kept=init_kept(layout))
        return [typed(layout, area, _region_kind(region), sections[0].module, region)]
    if claim.bases:
        return [_text_of(layout, area, claim.bases[0])]
    told = None if claim.programs else claim.told_by_symbols()
    return [] if told is None else [typed(layout, area, _region_kind(told[1]), told[0], told[1])]


def _text_of(layout: Layout, area: Area, module: ModuleLine) -> Area:
    """Return the area as a module's text; as the whole module where it is as large as that."""
    if area.size == module.size:
        detail = "code and data of the module in one area, as kernels before 6.4 have it"
        return typed(layout, area, ExecmemType.MODULE_TEXT, module.name, detail=detail)
    return typed(layout, area, ExecmemType.MODULE_TEXT, module.name, "MOD_TEXT")


def _region_kind(region: str) -> ExecmemType:
    return ExecmemType.MODULE_TEXT if region.endswith("TEXT") else ExecmemType.MODULE_DATA


def _called_for(layout: Layout, area: Area, claim: Claims) -> list[Area]:
    """Return the area as a program's or a probe's, told by the symbols in it or by the caller, [] if it is neither."""
    caller = _called(area)
    if claim.programs:
        return [_bpf(layout, area, [symbol.name for symbol in claim.programs])]
    if layout.arch == "s390" and caller in _HOTPATCH_CALLERS:
        return [
            typed(layout, area, ExecmemType.FTRACE, "ftrace hotpatch", detail="told by its caller")
        ]
    for callers, kind in (
        (_BPF_CALLERS, ExecmemType.BPF),
        (_KPROBE_CALLERS, ExecmemType.KPROBES),
        (_FTRACE_CALLERS, ExecmemType.FTRACE),
    ):
        if caller in callers and _may_hold(layout, area, kind):
            if kind is ExecmemType.BPF:
                return [_bpf(layout, area, [])]
            owner = _probe_page(layout) if kind is ExecmemType.KPROBES else "ftrace_trampoline"
            return [typed(layout, area, kind, owner, detail="told by its caller")]
    return []


def _probe_page(layout: Layout) -> str:
    """Return the name of a kprobe page.

    Where optimised probes have pages too, which of the two it is stays open.
    """
    both = layout.capability is None or layout.capability.optprobes.startswith("execmem")
    return "kprobe page" if both else "kprobe_insn_page"


def _may_hold(layout: Layout, area: Area, kind: ExecmemType) -> bool:
    """Whether an area lies in a range of a type, so far as ranges are known.

    Outside it is the page array that vmalloc keeps for a big area: it has the caller of that
    (mm/vmalloc.c: __vmalloc_area_node).
    """
    entry = layout.range_of(kind)
    return entry.end == 0 or entry.window_of(area.start) is not None


def _bpf(layout: Layout, area: Area, programs: list[str]) -> Area:
    pack = area.size >= _PACK and area.size % _PACK == 0
    if len(programs) == 1 and not pack:
        return typed(layout, area, ExecmemType.BPF, programs[0])
    names = ", ".join(programs[:_NAMES_LISTED]) + (", …" if len(programs) > _NAMES_LISTED else "")
    detail = (
        f"{len(programs)} program{'' if len(programs) == 1 else 's'} in kallsyms: {names}"
        if programs
        else ""
    )
    owner = "bpf_prog_pack" if pack or programs else "bpf program"
    return typed(layout, area, ExecmemType.BPF, owner, detail=detail)


def _init_of(layout: Layout, area: Area, claim: Claims) -> list[Area]:
    """Return the area as init memory of a module whose init sections begin exactly with it, else [].

    /sys/module keeps the addresses of init sections after their memory was freed and given to
    others, so this comes last.
    """
    kept = init_kept(layout)
    by_module: dict[str, list[SectionLine]] = defaultdict(list)
    for section in claim.sections:
        if is_init(section.section, init_kept=kept):
            by_module[section.module].append(section)
    exact = [
        sections
        for sections in by_module.values()
        if min(each.address for each in sections) & -layout.page_size == area.start
        and max(each.address for each in sections) < area.start + area.size
    ]
    if len(exact) != 1 or _called(area) in (*_BPF_CALLERS, *_KPROBE_CALLERS, *_FTRACE_CALLERS):
        return []
    if is_combined(exact[0]):
        return split_combined(layout, area, exact[0])
    region = vote(exact[0], init_kept=kept)
    return [typed(layout, area, _region_kind(region), exact[0][0].module, region)]


def _unknown(layout: Layout, area: Area) -> Area:
    caller = _called(area)
    if caller not in _EXEC_CALLERS:
        return area
    kinds = (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)
    what = "module memory" if caller in _MODULE_CALLERS else "executable memory"
    inside = any(_may_hold(layout, area, kind) for kind in kinds)
    note = (
        f"{what} of an unknown owner" if inside else "page array of a big area with the same caller"
    )
    return evolve(area, detail=f"{area.detail} {note}".strip())


def _distinct(layout: Layout, areas: list[Area]) -> list[Area]:
    """Give each module each region once.

    Of two areas told to be the same, the later is the next region not yet seen.

    Regions are allocated in the order of `enum mod_mem_type` (kernel/module/main.c: move_module);
    names of sections tell data from data read-only after init only where the module's own struct is
    among them.
    """
    told: Counter[tuple[str | None, str | None]] = Counter(
        (each.owner, each.region) for each in areas if each.region
    )
    if not any(count > 1 for (_, region), count in told.items() if region in CORE):
        return areas
    seen: set[tuple[str | None, str | None]] = set()
    result: list[Area] = []
    for area in areas:
        key = (area.owner, area.region)
        free = (
            [region for region in CORE if (area.owner, region) not in told] if key in seen else []
        )
        if area.region in CORE[1:] and len(free) == 1:
            result.append(typed(layout, area, _region_kind(free[0]), area.owner, free[0]))
        else:
            result.append(area)
        seen.add(key)
    return result


def _by_order(layout: Layout, areas: list[Area], evidence: Evidence) -> list[Area]:
    """Give a module the run of areas right behind its text if the sizes add up to exactly what /proc/modules counts.

    kernel/module/main.c: move_module allocates text, data, read-only data, read-only after init in
    this order.
    """
    index_of = {area.start: index for index, area in enumerate(areas)}
    result = list(areas)
    for module in evidence.modules:
        at = index_of.get(module.base)
        if at is None or areas[at].region != "MOD_TEXT" or module.state != "Live":
            continue
        run: list[Area] = []
        for area in areas[at + 1 :]:
            told = (
                area.owner is None
                and _called(area) in _EXEC_CALLERS
                and area.state is AreaState.LIVE
            )
            if not told or area.start != (run[-1] if run else areas[at]).end:
                break
            run.append(area)
        if (
            run
            and len(run) < len(CORE)
            and sum(each.size for each in run) == module.size - areas[at].size
        ):
            for offset, area in enumerate(run, 1):
                detail = "probably: told by its place behind the text and by its size"
                named = typed(
                    layout, area, ExecmemType.MODULE_DATA, module.name, CORE[offset], detail
                )
                result[at + offset] = named
    return result


def _with_names(areas: Iterable[Area], symbols: Sequence[Symbol]) -> list[Area]:
    """Put into each area the names that begin in it.

    Programs, and symbols of the module that it belongs to.
    """
    known = sorted(
        (each.address, each.name, each.module) for each in symbols if each.module is not None
    )
    addresses = [address for address, _, _ in known]
    named: list[Area] = []
    for area in areas:
        if area.type is None or area.state is not AreaState.LIVE:
            named.append(area)
            continue
        modules = {ExecmemType.BPF: BPF, ExecmemType.KPROBES: KPROBES, ExecmemType.FTRACE: FTRACE}
        wanted = modules.get(area.type, area.owner)
        window = known[bisect_left(addresses, area.start) : bisect_left(addresses, area.end)]
        inside = tuple((address, name) for address, name, module in window if module == wanted)
        named.append(evolve(area, inside=inside) if inside else area)
    return named

"""Modules: which module an area belongs to, and which of its regions it is."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from execmem_tui.formats.procfiles import ModuleLine, SectionLine
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import align_up
from execmem_tui.owners.evidence import AreaEvidence
from execmem_tui.owners.sections import CORE, is_combined, is_init, kind_of, vote
from execmem_tui.owners.shared_areas import split_combined

CALLERS: Final = (
    "load_module", "move_module", "layout_and_allocate", "module_memory_alloc", "module_alloc",
    "module_alloc_update_bounds", "module_alloc_update_bounds_rx", "module_alloc_update_bounds_rw",
    "init_module_from_file", "module_init_section",
)  # fmt: skip
"""The module loader's own functions, of every age (kernel/module.c up to 5.17,
kernel/module/main.c): the innermost that the compiler did not inline is what /proc/vmallocinfo
names."""
EXECMEM_CALLERS: Final = ("execmem_alloc", "execmem_alloc_rw", "execmem_vmalloc", *CALLERS)
"""They ask for modules and for others: alone they name nobody."""
_RETURN_TRAMPOLINES: Final = ("rethook_trampoline", "kretprobe_trampoline")
"""With a return probe on the loader, the caller is what the probe put in the place of the return
address: arch_rethook_trampoline, __kretprobe_trampoline."""


_TEXT_OR_DATA: Final = "module memory of an unknown owner, text or data"
_UNCACHED: Final = "module memory of an unknown owner: data, or a small block of the ROX cache"
"""Where even a block of the page table's next size finds no room, the cache asks for the exact size
(mm/execmem.c: execmem_cache_populate)."""


def by_sections(layout: Layout, area: Area, found: AreaEvidence) -> list[Area]:
    """Return the area as the region whose sections lie in it, else [].

    Before 6.4, as the regions.
    """
    sections = found.best_sections(area)
    return _of_sections(layout, area, sections, init_kept=found.init_kept) if sections else []


def by_base(layout: Layout, area: Area, found: AreaEvidence) -> list[Area]:
    """Return the area as the text of the module that, by /proc/modules, begins in it, else []."""
    return [_text_of(layout, area, found.bases[0])] if found.bases else []


def by_data_symbols(layout: Layout, area: Area, found: AreaEvidence) -> list[Area]:
    """Return the area as data of the one module that has data symbols in it, else []."""
    told = None if found.programs else found.told_by_symbols()
    if told is None:
        return []
    owner, region = told
    return [layout.typed(area, kind_of(region), owner, region)]


def by_init_sections(layout: Layout, area: Area, found: AreaEvidence) -> list[Area]:
    """Return the area as init memory whose sections begin exactly with it, else [].

    /sys/module keeps the addresses of init sections after their memory was freed and given to
    others: it is a module's only where the loader asked for it, as far as that is told. Where a
    probe hides who asked, or those of several modules were there, which took turns, it is one's
    only while that is being loaded.
    """
    if not _may_be_the_loaders(area):
        return []
    unsure = area.called_by.endswith(_RETURN_TRAMPOLINES)
    by_module: dict[str, list[SectionLine]] = defaultdict(list)
    for section in found.sections:
        if is_init(section.section, init_kept=found.init_kept):
            by_module[section.module].append(section)
    exact = [
        sections
        for sections in by_module.values()
        if min(each.address for each in sections) & -layout.page_size == area.start
        and max(each.address for each in sections) < area.start + area.size
    ]
    if len(exact) != 1:
        return []
    sections = exact[0]
    if (unsure or len(by_module) > 1) and sections[0].module not in found.loading:
        return []
    return _of_sections(layout, area, sections, init_kept=found.init_kept)


def _may_be_the_loaders(area: Area) -> bool:
    caller = area.called_by
    return not caller or caller in EXECMEM_CALLERS or caller.endswith(_RETURN_TRAMPOLINES)


def by_caller(layout: Layout, area: Area, _: AreaEvidence) -> list[Area]:
    """Return the area as a module's if the loader asked for it in the module ranges, else [].

    Which module, and whether it is text or data, is not known, but that text of modules lies in
    blocks of the ROX cache where there is one (`shared_areas.is_block`). Outside the ranges it is
    the page array of a big area, or the buffer of a module's file.
    """
    if area.called_by not in EXECMEM_CALLERS:
        return []
    text = layout.range_of(ExecmemType.MODULE_TEXT)
    cached = text.rox_cached and layout.kernel != "unknown"  # else the version is assumed
    if cached and text.window_of(area.start) is not None:
        return [layout.typed(area, ExecmemType.MODULE_DATA, None, detail=_UNCACHED)]
    for kind in (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA):
        if layout.range_of(kind).window_of(area.start) is not None:
            return [layout.typed(area, kind, None, detail=_TEXT_OR_DATA)]
    return []


def _of_sections(
    layout: Layout, area: Area, sections: Sequence[SectionLine], *, init_kept: bool
) -> list[Area]:
    if is_combined(sections):
        return split_combined(layout, area, sections, init_kept=init_kept)
    region = vote(sections, init_kept=init_kept)
    return [layout.typed(area, kind_of(region), sections[0].module, region)]


def _text_of(layout: Layout, area: Area, module: ModuleLine) -> Area:
    """Return the area as a module's text; as the whole module where it is as large as that."""
    if area.size == align_up(module.size, layout.page_size):  # not rounded before 4.x
        detail = "code and data of the module in one area, as kernels before 6.4 have it"
        return layout.typed(area, ExecmemType.MODULE_TEXT, module.name, detail=detail)
    return layout.typed(area, ExecmemType.MODULE_TEXT, module.name, "MOD_TEXT")


def distinct(layout: Layout, areas: list[Area]) -> list[Area]:
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
            result.append(layout.typed(area, kind_of(free[0]), area.owner, free[0]))
        else:
            result.append(area)
        seen.add(key)
    return result


def by_order(layout: Layout, areas: list[Area], modules: Sequence[ModuleLine]) -> list[Area]:
    """Give a module the run of areas right behind its text.

    Only if the sizes add up to exactly what /proc/modules counts. kernel/module/main.c: move_module
    allocates text, data, read-only data, read-only after init in this order.
    """
    if not modules:
        return areas
    index_of = {area.start: index for index, area in enumerate(areas)}
    result = list(areas)
    for module in modules:
        at = index_of.get(module.base)
        if at is None or areas[at].region != "MOD_TEXT" or module.state != "Live":
            continue
        run: list[Area] = []
        for area in areas[at + 1 :]:
            told = (
                area.owner is None
                and area.called_by in EXECMEM_CALLERS
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
                named = layout.typed(
                    area, ExecmemType.MODULE_DATA, module.name, CORE[offset], detail
                )
                result[at + offset] = named
    return result

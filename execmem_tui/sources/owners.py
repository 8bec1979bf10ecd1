"""Whose is an area? vmallocinfo joined with modules, sections and symbols. What cannot be known stays None."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from execmem_tui.formats.procfiles import ModuleLine, SectionLine, Symbol
from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.areas import KERNEL_OWNER, Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address, Bytes

_KPROBES: Final = "__builtin__kprobes"
_FTRACE: Final = "__builtin__ftrace"
_BPF_CALLERS: Final = ("bpf_prog_pack_alloc", "bpf_jit_alloc_exec", "bpf_jit_binary_alloc", "alloc_new_pack")
_EXEC_CALLERS: Final = (
    "execmem_alloc",
    "execmem_alloc_rw",
    "module_alloc",
    "load_module",
    "move_module",
    "layout_and_allocate",
)
_NAMES_LISTED: Final = 6

_INIT: Final = (".init", ".symtab", ".strtab")
"""Freed after init; the symbol and string tables live in MOD_INIT_DATA (kernel/module/kallsyms.c: layout_symtab)."""
_TEXT: Final = (
    ".text",
    ".exit.text",
    ".plt",
    ".ftrace_trampoline",
    ".fixup",
    ".noinstr.text",
    ".altinstr_replacement",
    ".static_call.text",
)
_DATA: Final = (
    ".data",
    ".bss",
    ".gnu.linkonce.this_module",
    ".exit.data",
    ".sdata",
    ".sbss",
    "__bug_table",
    "_ftrace_events",
    ".ref.data",
)
_AFTER_INIT: Final = (".data..ro_after_init", "__jump_table", ".static_call_sites")


def region_of(section: str) -> str | None:
    """Return the module region that a section's name tells for sure, or None (kernel/module/main.c: __layout_sections)."""
    if section.startswith(_INIT):
        if ".text" in section or ".plt" in section:
            return "MOD_INIT_TEXT"
        return "MOD_INIT_RODATA" if "rodata" in section else "MOD_INIT_DATA"
    if section.startswith(_AFTER_INIT):
        return "MOD_RO_AFTER_INIT"
    if section.startswith(_TEXT):
        return "MOD_TEXT"
    if section.startswith(_DATA):
        return "MOD_DATA"
    return (
        "MOD_RODATA" if section.startswith((".rodata", ".note", "__ksymtab", ".orc_", "__param", ".eh_frame")) else None
    )


@frozen(kw_only=True)
class Evidence:
    """All that a snapshot says beside vmallocinfo."""

    modules: Sequence[ModuleLine] = ()
    sections: Sequence[SectionLine] = ()
    symbols: Sequence[Symbol] = ()


@define
class _Claims:
    """What points into one area."""

    sections: list[SectionLine] = field(factory=list)
    symbols: list[Symbol] = field(factory=list)
    text_bases: list[ModuleLine] = field(factory=list)


def attribute(layout: Layout, entries: Sequence[VmallocEntry], evidence: Evidence) -> list[Area]:
    """Return the areas of a snapshot with their owners, ascending by address."""
    ordered = sorted(entries, key=_start)
    claims = _claims(ordered, evidence)
    areas: list[Area] = []
    blocks: list[tuple[Area, _Claims]] = []
    for entry, claim in zip(ordered, claims, strict=True):
        area = _plain(layout, entry)
        if area.state is AreaState.LIVE and _is_shared(claim):
            blocks.append((area, claim))
        else:
            areas.append(_owned(layout, area, claim))
    sizes = _data_sizes(areas)
    for block, claim in blocks:
        areas += _split(layout, block, claim, sizes)
    areas.sort(key=_area_start)
    return areas


def from_symbols(layout: Layout, evidence: Evidence) -> list[Area]:
    """Return what symbols alone tell where areas are hidden: pages that surely hold probes, trampolines and programs.

    Neighbouring pages of BPF programs are one area; what lies around them in their packs stays unknown.
    """
    page = layout.page_size
    pages: dict[Address, Symbol] = {}
    for symbol in evidence.symbols:
        if symbol.module in (_KPROBES, _FTRACE, "bpf") and symbol.address:
            pages.setdefault(symbol.address & -page, symbol)
    areas: list[Area] = []
    for start, symbol in sorted(pages.items()):
        if symbol.module == "bpf":
            last = areas[-1] if areas else None
            if last is not None and last.type is ExecmemType.BPF and last.end == start:
                areas[-1] = evolve(last, size=last.size + page)
                continue
            area = Area(start=start, size=page, detail="pages with BPF programs, from kallsyms; their pack is hidden")
            areas.append(_typed(layout, area, ExecmemType.BPF, "bpf_prog_pack"))
        else:
            kind = ExecmemType.KPROBES if symbol.module == _KPROBES else ExecmemType.FTRACE
            area = Area(start=start, size=page, detail="from kallsyms")
            areas.append(_typed(layout, area, kind, symbol.name))
    return areas


def grouped(entries: Sequence[VmallocEntry], areas: Sequence[Area]) -> dict[Address, list[Area]]:
    """Return the areas by the start of the vmap area that they lie in."""
    starts = sorted(entry.start for entry in entries)
    inside: dict[Address, list[Area]] = defaultdict(list)
    for area in areas:
        index = bisect_right(starts, area.start) - 1
        if index >= 0:
            inside[starts[index]].append(area)
    return dict(inside)


def _claims(ordered: Sequence[VmallocEntry], evidence: Evidence) -> list[_Claims]:
    """Sort everything that has an address into the areas it points into."""
    starts = [entry.start for entry in ordered]
    claims = [_Claims() for _ in ordered]

    def place(address: Address) -> _Claims:
        index = bisect_right(starts, address) - 1
        return claims[index] if index >= 0 and address < ordered[index].end else _Claims()

    for section in evidence.sections:
        place(section.address).sections.append(section)
    for symbol in evidence.symbols:
        if symbol.module is not None:
            place(symbol.address).symbols.append(symbol)
    for module in evidence.modules:
        if module.base:
            place(module.base).text_bases.append(module)
    return claims


def _start(entry: VmallocEntry) -> Address:
    return entry.start


def _area_start(area: Area) -> Address:
    return area.start


def _plain(layout: Layout, entry: VmallocEntry) -> Area:
    """Return the area before anybody claims it. A guard is there unless pages tell otherwise."""
    guard = layout.page_size if entry.size > layout.page_size else 0
    if entry.pages is not None and entry.pages * layout.page_size == entry.size:
        guard = 0
    words = " ".join(entry.flags)
    return Area(
        start=entry.start,
        size=entry.size - guard,
        guard=guard,
        state=AreaState.LAZY if entry.lazy else AreaState.LIVE,
        caller=entry.caller,
        detail=words,
    )


def _is_shared(claim: _Claims) -> bool:
    """A block of the ROX cache holds text of several owners."""
    owners = {module.name for module in claim.text_bases}
    owners |= {symbol.module for symbol in claim.symbols if symbol.module in (_KPROBES, _FTRACE)}
    return len(owners) > 1


def _typed(
    layout: Layout, area: Area, kind: ExecmemType, owner: str | None, region: str | None = None, detail: str = ""
) -> Area:
    return evolve(
        area,
        type=kind,
        owner=owner,
        region=region,
        detail=detail or area.detail,
        window=layout.range_of(kind).window_of(area.start),
    )


def _region_kind(region: str) -> ExecmemType:
    return ExecmemType.MODULE_TEXT if region.endswith("TEXT") else ExecmemType.MODULE_DATA


def _vote(sections: Iterable[SectionLine]) -> str:
    """Return the region of an area from the sections in it: what any name tells for sure, text first."""
    told = {region_of(section.section) for section in sections}
    order = ("MOD_TEXT", "MOD_INIT_TEXT", "MOD_DATA", "MOD_INIT_DATA", "MOD_INIT_RODATA", "MOD_RO_AFTER_INIT")
    return next((region for region in order if region in told), "MOD_RODATA")


def _owned(layout: Layout, area: Area, claim: _Claims) -> Area:
    image = layout.image
    if image is not None and image[0] <= area.start < image[1]:
        return evolve(area, owner=KERNEL_OWNER)
    if area.state is not AreaState.LIVE:
        return area
    return _claimed(layout, area, claim) or _by_caller(layout, area, claim)


def _claimed(layout: Layout, area: Area, claim: _Claims) -> Area | None:
    """Return the area with the owner that a probe page, a section or a text base names, or None."""
    for symbol in claim.symbols:
        if symbol.module in (_KPROBES, _FTRACE):
            kind = ExecmemType.KPROBES if symbol.module == _KPROBES else ExecmemType.FTRACE
            return _typed(layout, area, kind, symbol.name)
    found = _sections_in(area, claim.sections)
    if found:
        region = _vote(found)
        return _typed(layout, area, _region_kind(region), found[0].module, region)
    if claim.text_bases:
        return _typed(layout, area, ExecmemType.MODULE_TEXT, claim.text_bases[0].name, "MOD_TEXT")
    return None


def _sections_in(area: Area, sections: Sequence[SectionLine]) -> list[SectionLine]:
    """Return the sections that lie in an area, of the module that has most of them there.

    /sys/module keeps the addresses of init sections after their memory was freed and given to others: they count only
    where nothing else does.
    """
    inside = [section for section in sections if section.address < area.start + area.size]
    kept = [section for section in inside if not section.section.startswith(_INIT)] or inside
    if not kept:
        return []
    owners = Counter(section.module for section in kept)
    owner = owners.most_common(1)[0][0]
    return [section for section in kept if section.module == owner]


def _by_caller(layout: Layout, area: Area, claim: _Claims) -> Area:
    caller = (area.caller or "").partition("+")[0]
    programs = [symbol.name for symbol in claim.symbols if symbol.module == "bpf"]
    if programs or caller in _BPF_CALLERS:
        return _bpf(layout, area, programs)
    if caller in _EXEC_CALLERS:
        return evolve(area, detail=f"{area.detail} executable memory of an unknown owner".strip())
    return area


def _bpf(layout: Layout, area: Area, programs: list[str]) -> Area:
    if len(programs) == 1 and area.size < layout.pmd_size:
        return _typed(layout, area, ExecmemType.BPF, programs[0])
    names = ", ".join(programs[:_NAMES_LISTED]) + (", …" if len(programs) > _NAMES_LISTED else "")
    detail = f"{len(programs)} program{'' if len(programs) == 1 else 's'} in kallsyms: {names}" if programs else ""
    return _typed(layout, area, ExecmemType.BPF, "bpf_prog_pack", detail=detail)


def _data_sizes(areas: Iterable[Area]) -> dict[str, Bytes]:
    """Return per module the bytes of its regions that have areas of their own."""
    sizes: dict[str, Bytes] = defaultdict(int)
    for area in areas:
        if area.region is not None and area.owner is not None:
            sizes[area.owner] += area.size
    return sizes


def _split(layout: Layout, block: Area, claim: _Claims, data_sizes: dict[str, Bytes]) -> list[Area]:
    """Cut a ROX block into the pieces whose owners are known.

    A module's text is what /proc/modules counts beyond its other regions (kernel/module/procfs.c sums page-aligned sizes).
    What lies between is free or belongs to somebody unknown: /proc cannot tell.
    """
    page = layout.page_size
    pieces: list[Area] = []
    end = block.start + block.size
    for module in claim.text_bases:
        size = max(page, module.size - data_sizes.get(module.name, 0))
        area = Area(start=module.base, size=min(size, end - module.base), caller=block.caller)
        pieces.append(_typed(layout, area, ExecmemType.MODULE_TEXT, module.name, "MOD_TEXT"))
    for symbol in claim.symbols:
        if symbol.module in (_KPROBES, _FTRACE):
            kind = ExecmemType.KPROBES if symbol.module == _KPROBES else ExecmemType.FTRACE
            area = Area(start=symbol.address & -page, size=page, caller=block.caller)
            pieces.append(_typed(layout, area, kind, symbol.name))
    pieces.sort(key=_area_start)
    unknown = evolve(
        block, state=AreaState.CACHE_FREE, owner="ROX cache", detail="free, or an unknown owner: /proc cannot tell"
    )
    cut: list[Area] = []
    at = block.start
    for piece in pieces:
        if piece.start > at:
            cut.append(evolve(unknown, start=at, size=piece.start - at, guard=0))
        if piece.start >= at:
            cut.append(piece)
            at = piece.start + piece.size
    if at < end:
        cut.append(evolve(unknown, start=at, size=end - at, guard=block.guard))
    elif cut:
        cut[-1] = evolve(cut[-1], guard=block.guard)
    return cut

"""What can be known where /proc/vmallocinfo hides its addresses.

From sections, symbols, equal hashes. With kptr_restrict=0 vmallocinfo is hashed for everybody,
while /proc/modules, /proc/kallsyms and the sections in /sys/module are open to root
(lib/vsprintf.c: restricted_pointer, kernel/ksyms_common.c: kallsyms_show_value; 6.12 and 7.1).
Equal hashes mean equal addresses, so areas that touch form chains whose sizes are known; a chain
that fits the open addresses in two places is placed.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import Final

from attrs import evolve

from execmem_tui.formats.procfiles import SectionLine, Symbol
from execmem_tui.formats.vmallocinfo import WHY, Pointers, VmallocEntry, Vmallocinfo
from execmem_tui.model.areas import Area
from execmem_tui.model.hidden import NOTHING_HIDDEN, Hidden, HiddenArea
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import JitMemory
from execmem_tui.model.units import Address, Bytes, align_down, align_up
from execmem_tui.owners import bpf_programs, ftrace_pages, kprobe_pages, module_regions
from execmem_tui.owners.attribute import attribute, with_names
from execmem_tui.owners.evidence import BPF, FTRACE, KPROBES, Evidence
from execmem_tui.owners.sections import is_placed, kind_of, region_of

_TYPE_OF: Final = {
    **dict.fromkeys(module_regions.EXECMEM_CALLERS, ExecmemType.MODULE_TEXT),
    **dict.fromkeys(kprobe_pages.CALLERS, ExecmemType.KPROBES),
    **dict.fromkeys(ftrace_pages.CALLERS, ExecmemType.FTRACE),
    **dict.fromkeys(bpf_programs.CALLERS, ExecmemType.BPF),
}
"""Whose memory a caller's is; of a module, whether text or data is not known."""
_LOADER: Final = frozenset(module_regions.CALLERS)
_MAY_MISS: Final = 4
_ENOUGH: Final = 3
"""Places in which a chain must fit before its addresses are believed."""
_MOST_PAIRS: Final = 4 << 20
"""Areas that are held against open addresses, in all: two thousand against as many, ten times what
machines have."""
_MOVED: Final = (".static_call_sites", "__param")
"""They tell no region: the one is MOD_RO_AFTER_INIT in 7.x, elsewhere before, the other MOD_DATA on
64-bit powerpc, MOD_RODATA elsewhere."""


@frozen
class _Chain:
    """Areas that touch each other, ascending, and where each lies from the first."""

    entries: tuple[VmallocEntry, ...]
    offsets: tuple[Bytes, ...]

    @property
    def length(self) -> Bytes:
        """All of it, guards included."""
        return self.offsets[-1] + self.entries[-1].size


def phase_areas(layout: Layout, info: Vmallocinfo, evidence: Evidence) -> list[Area]:
    """Return the areas of a snapshot, ascending.

    All where addresses are real, else the knowable ones.
    """
    if info.pointers is Pointers.REAL:
        return attribute(layout, info.entries, evidence)
    entries = (
        revealed(info.entries, evidence, layout.page_size)
        if info.pointers is Pointers.HASHED
        else []
    )
    areas = attribute(layout, entries, evidence)
    for more in (_from_sections(layout, evidence), _from_symbols(layout, evidence)):
        areas = sorted((*areas, *not_overlapping(areas, more)), key=_start)
    return areas


def hidden_of(info: Vmallocinfo, evidence: Evidence, page_size: Bytes, why: str = "") -> Hidden:
    """Return the areas of a snapshot whose place is not known, nothing where addresses are real.

    A list without any line was refused: how many areas there are is not known then.

    Args:
        info: the list.
        evidence: what else is told.
        page_size: bytes.
        why: what refused the list; else its pointers tell.
    """
    if info.pointers is Pointers.REAL:
        return NOTHING_HIDDEN
    placed: set[int] = set()
    if info.pointers is Pointers.HASHED:
        placed = {entry.line for entry in revealed(info.entries, evidence, page_size)}
    return Hidden(
        tuple(
            _hidden_area(
                entry.size,
                called_by(entry),
                entry.start if info.pointers is Pointers.HASHED else 0,
            )
            for entry in info.entries
            if entry.line not in placed
        ),
        complete=bool(info.entries),
        why=why or WHY[info.pointers],
    )


@lru_cache(maxsize=1 << 14)
def _hidden_area(size: Bytes, caller: str, pointer: int) -> HiddenArea:
    """Return the same object for the same area: the running kernel is read again each second."""
    return HiddenArea(size, caller, _TYPE_OF.get(caller), pointer)


def called_by(entry: VmallocEntry) -> str:
    """Return the function that an entry names, without offset, or what else it is."""
    if entry.lazy:
        return "unpurged vm_area"
    return (entry.caller or "unknown").partition("+")[0]


def revealed(
    entries: Sequence[VmallocEntry], evidence: Evidence, page_size: Bytes
) -> list[VmallocEntry]:
    """Return the entries of a hashed file, with addresses, whose addresses follow.

    They follow from what is open.
    """
    bases = sorted({*_region_bases(evidence.sections, page_size).values()})
    neighbours = _neighbours(bases)
    trampoline = _trampoline(entries, evidence, page_size)
    placed = []
    chains = list(_chains(entries))
    left = _MOST_PAIRS
    for chain in chains:
        votes = _by_trampoline(chain, trampoline)
        if not votes and len(chain.entries) >= _ENOUGH:  # else no place can have as many votes
            left -= sum(len(neighbours.get(entry.size, ())) for entry in chain.entries)
            # unknown rather than each of them held against each other
            votes = _votes(chain, neighbours) if left >= 0 else votes
        if not votes:  # as of most areas, which are no module's
            continue
        (start, count), (_, second) = [*votes.most_common(2), (0, 0)][:2]
        if count >= _ENOUGH and count >= 2 * second and _fits(chain, start, bases):
            placed.append((count, start, chain))
    placed.sort(key=lambda each: -each[0])
    settled = [(start, chain) for _, start, chain in placed]
    settled += _by_modules(chains, {id(chain) for _, chain in settled}, evidence, page_size)
    found: list[VmallocEntry] = []
    taken: list[tuple[Address, Address]] = []
    for start, chain in settled:
        span = (start, start + chain.length)
        at = bisect_left(taken, span)
        before, after = taken[max(at - 1, 0) : at], taken[at : at + 1]
        if any(low < span[1] and span[0] < high for low, high in (*before, *after)):
            continue
        taken.insert(at, span)
        for entry, offset in zip(chain.entries, chain.offsets, strict=True):
            found.append(evolve(entry, start=start + offset, end=start + offset + entry.size))
    return found


def open_addresses(info: Vmallocinfo, evidence: Evidence, page_size: Bytes) -> list[Address]:
    """Return the addresses inside areas that are open, or follow, where vmallocinfo is hidden.

    Per-CPU variables of modules are listed where their offsets fall in the kernel's own per-CPU
    data (kernel/module/kallsyms.c: add_kallsyms, percpu sections): inside the image there are no
    areas.
    """
    found = []
    own = {each.name: each.address for each in evidence.symbols if each.module is None}
    image = range(own.get("_text", own.get("_stext", 0)), own.get("_end", 0))
    if info.pointers is Pointers.HASHED:
        found = [entry.start for entry in revealed(info.entries, evidence, page_size)]
    found += [module.base for module in evidence.modules if module.base]
    found += [section.address for section in evidence.sections if section.address]
    found += [
        symbol.address
        for symbol in evidence.symbols
        if symbol.module is not None and symbol.address
    ]
    return [address for address in found if address not in image]


def _by_modules(
    chains: Sequence[_Chain], done: set[int], evidence: Evidence, page_size: Bytes
) -> list[tuple[Address, _Chain]]:
    """Return the (start, chain) that text bases and sizes of /proc/modules leave one place for.

    Before 6.4 a module is one area of exactly the size that /proc/modules tells
    (kernel/module.c: move_module; commit ac3b43283923 made it seven). That it is so here shows in
    the sizes: at least half of the loader's areas must have one. What was placed takes its bases
    away from the others, until nothing more follows.
    """
    size_at = {
        module.base: align_up(module.size, page_size) + page_size
        for module in evidence.modules
        if module.base
    }
    known = set(size_at.values())
    loaded = [entry for chain in chains for entry in chain.entries if called_by(entry) in _LOADER]
    if not size_at or sum(entry.size in known for entry in loaded) * 2 < len(loaded):
        return []
    if len(loaded) * len(size_at) > _MOST_PAIRS:
        return []  # unknown rather than each of them held against each other, again and again
    open_chains = [
        chain
        for chain in chains
        if id(chain) not in done and any(called_by(each) in _LOADER for each in chain.entries)
    ]
    return _eliminated(open_chains, size_at)


def _eliminated(
    chains: list[_Chain], size_at: Mapping[Address, Bytes]
) -> list[tuple[Address, _Chain]]:
    """Return the (start, chain) that one place is left for.

    What is placed takes it from the others.
    """
    settled: list[tuple[Address, _Chain]] = []
    free = dict(size_at)
    bases = sorted(size_at)
    left = _MOST_PAIRS
    while True:
        by_size: dict[Bytes, list[Address]] = defaultdict(list)
        for base, size in free.items():
            by_size[size].append(base)
        left -= sum(len(by_size.get(each.size, ())) for chain in chains for each in chain.entries)
        if left < 0:
            return settled
        told = [(chain, _places(chain, by_size, bases)) for chain in chains]
        sure = [(places[0], chain) for chain, places in told if len(places) == 1]
        if not sure:
            return settled
        done = {id(chain) for _, chain in sure}
        chains = [chain for chain in chains if id(chain) not in done]
        for start, chain in sure:
            starts = {start + offset for offset in chain.offsets}
            if starts & free.keys() or not starts & size_at.keys():
                settled.append((start, chain))
                for base in starts:
                    free.pop(base, None)


def _places(
    chain: _Chain, free: Mapping[Bytes, Sequence[Address]], bases: Sequence[Address]
) -> list[Address]:
    """Return where a chain can begin, two places of several: each area on a base of its size.

    Only the loader's areas have one. One in four may have none: the init memory of a module that is
    just being loaded. No base may fall inside the chain without beginning an area of it.

    Args:
        chain: the areas.
        free: the bases that no other chain has, by size.
        bases: all of them, ascending.
    """
    votes: Counter[Address] = Counter()
    asked = 0
    for entry, offset in zip(chain.entries, chain.offsets, strict=True):
        if called_by(entry) in _LOADER:
            asked += 1
            votes.update(base - offset for base in free.get(entry.size, ()))
    enough = asked - asked // _MAY_MISS
    offsets = set(chain.offsets)

    def begins_all(start: Address) -> bool:
        low, high = bisect_left(bases, start), bisect_left(bases, start + chain.length)
        return high - low <= len(offsets) and all(
            bases[at] - start in offsets for at in range(low, high)
        )

    good = (start for start, count in votes.items() if count >= enough and begins_all(start))
    return list(islice(good, 2))


def _chains(entries: Sequence[VmallocEntry]) -> Iterator[_Chain]:
    """Yield the chains. A hash that is not unique ends a chain."""
    starts = Counter(entry.start for entry in entries)
    following = {entry.start: entry for entry in entries if starts[entry.start] == 1}
    ends = Counter(entry.end for entry in entries)
    for first in entries:
        if ends[first.start] == 1 and starts[first.start] == 1:
            continue
        chain: list[VmallocEntry] = []
        offsets: list[Bytes] = []
        at = 0
        entry: VmallocEntry | None = first
        while entry is not None and len(chain) < len(entries):
            chain.append(entry)
            offsets.append(at)
            at += entry.size
            entry = following.get(entry.end) if ends[entry.end] == 1 else None
        yield _Chain(tuple(chain), tuple(offsets))


def _region_bases(
    sections: Iterable[SectionLine], page_size: Bytes
) -> dict[tuple[str, str], Address]:
    """Return {(module, region): page of its lowest section}."""
    bases: dict[tuple[str, str], Address] = {}
    for section in sections:
        region = _region(section)
        if region is not None:
            key, page = (section.module, region), align_down(section.address, page_size)
            bases[key] = min(page, bases.get(key, page))
    return bases


def _region(section: SectionLine) -> str | None:
    """Return the region that a section surely lies in, None where its name tells none."""
    if not section.address or section.section in _MOVED or not is_placed(section.section):
        return None
    return region_of(section.section)


def _trampoline(
    entries: Sequence[VmallocEntry], evidence: Evidence, page_size: Bytes
) -> tuple[int, Address] | None:
    """Return (hash, address) of the one ftrace trampoline, if there is exactly one."""
    areas = [entry for entry in entries if (entry.caller or "").startswith(ftrace_pages.CALLERS)]
    pages = {
        align_down(each.address, page_size) for each in evidence.symbols if each.module == FTRACE
    }
    return (areas[0].start, pages.pop()) if len(areas) == 1 and len(pages) == 1 else None


def _neighbours(bases: Sequence[Address]) -> dict[Bytes, list[Address]]:
    """Return by distance the lower of two bases, one behind the other."""
    found: dict[Bytes, list[Address]] = defaultdict(list)
    for low, high in pairwise(bases):
        found[high - low].append(low)
    return found


def _by_trampoline(chain: _Chain, trampoline: tuple[int, Address] | None) -> Counter[Address]:
    """Return enough votes for the start of the chain that the trampoline is in, none of others."""
    if trampoline is not None:
        for entry, offset in zip(chain.entries, chain.offsets, strict=True):
            if entry.start == trampoline[0]:
                return Counter({trampoline[1] - offset: _ENOUGH})
    return Counter()


def _votes(chain: _Chain, neighbours: Mapping[Bytes, Sequence[Address]]) -> Counter[Address]:
    """Return how many neighbours speak for each start of the chain.

    Neighbours are two bases, one behind the other, as far apart as an area of the chain is long.
    """
    votes: Counter[Address] = Counter()
    for entry, offset in zip(chain.entries, chain.offsets, strict=True):
        lows = neighbours.get(entry.size)
        if lows is not None:
            votes.update(low - offset for low in lows)
    return votes


def _fits(chain: _Chain, start: Address, bases: Sequence[Address]) -> bool:
    """Whether most bases inside the chain begin one of its areas; stale init sections do not."""
    low, high = bisect_left(bases, start), bisect_left(bases, start + chain.length)
    if len(chain.offsets) * 4 < (high - low) * 3:  # more than could begin one
        return False
    offsets = set(chain.offsets)
    good = sum(bases[at] - start in offsets for at in range(low, high))
    return good * 4 >= (high - low) * 3


def _from_sections(layout: Layout, evidence: Evidence) -> list[Area]:
    """Return the regions of modules as far as they surely reach.

    The last section's size is not known.
    """
    page = layout.page_size
    bases = _region_bases(evidence.sections, page)
    text = {module.name: module for module in evidence.modules if module.base}
    starts = sorted((*bases.values(), *(module.base for module in text.values())))

    def limit(base: Address) -> Address | None:
        """Return where the next region begins, whose it may be."""
        after = bisect_right(starts, base)
        return starts[after] if after < len(starts) else None

    last: dict[tuple[str, str], Address] = {}
    for section in evidence.sections:
        key = (section.module, _region(section) or "")
        if key not in bases or key[1].startswith("MOD_INIT"):
            continue
        end = limit(bases[key])
        if end is None or section.address < end:
            last[key] = max(section.address, last.get(key, 0))
    areas = []
    for (module, region), seen in last.items():
        start = bases[module, region]
        end = limit(start)
        size = align_up(seen + 1, page) - start
        detail = "at least so far, by its sections: vmallocinfo hides the end"
        area = Area(
            start=start, size=size if end is None else min(size, end - start), detail=detail
        )
        areas.append(layout.typed(area, kind_of(region), module, region))
    return sorted(areas, key=_start)


def _from_symbols(layout: Layout, evidence: Evidence) -> list[Area]:
    """Return what symbols alone tell: pages that surely hold probes, trampolines and programs.

    Neighbouring pages of BPF programs in packs are one area; what lies around them in their packs
    stays unknown. Inside the image are no areas: 64-bit powerpc keeps slots of optimized probes
    there (arch/powerpc/kernel/optprobes.c).
    """
    page = layout.page_size
    image = range(*layout.image) if layout.image is not None else range(0)
    pages: dict[Address, Symbol] = {}
    for symbol in evidence.symbols:
        known = symbol.module in (KPROBES, FTRACE, BPF) and symbol.address
        if known and symbol.address not in image:
            pages.setdefault(symbol.address & -page, symbol)
    packed = layout.capability.bpf_alloc is JitMemory.PACK
    areas: list[Area] = []
    for start, symbol in sorted(pages.items()):
        area = Area(start=start, size=page, detail="from kallsyms")
        if symbol.module == KPROBES:
            areas.append(kprobe_pages.page(layout, area, symbol))
        elif symbol.module == FTRACE:
            areas.append(ftrace_pages.page(layout, area, symbol))
        elif not packed:
            detail = "its first page, from kallsyms: vmallocinfo hides the end"
            areas.append(layout.typed(area, ExecmemType.BPF, symbol.name, detail=detail))
        elif areas and areas[-1].type is ExecmemType.BPF and areas[-1].end == start:
            areas[-1] = evolve(areas[-1], size=areas[-1].size + page)
        else:
            detail = "pages with BPF programs, from kallsyms; their pack is hidden"
            areas.append(layout.typed(area, ExecmemType.BPF, bpf_programs.PACK, detail=detail))
    return with_names(areas, evidence.symbols)


def not_overlapping(areas: Sequence[Area], more: Iterable[Area]) -> Iterator[Area]:
    """Yield those of `more` that overlap none of `areas` (ascending)."""
    starts = [area.start for area in areas]
    for area in more:
        index = bisect_right(starts, area.start)
        before = index > 0 and areas[index - 1].end > area.start
        after = index < len(areas) and areas[index].start < area.start + area.size
        if not before and not after:
            yield area


def _start(area: Area) -> Address:
    return area.start

"""What can be known where /proc/vmallocinfo hides its addresses: from sections, symbols, equal hashes.

With kptr_restrict=0 vmallocinfo is hashed for everybody, while /proc/modules, /proc/kallsyms and
the sections in /sys/module are open to root (lib/vsprintf.c: restricted_pointer,
kernel/ksyms_common.c: kallsyms_show_value; 6.12 and 7.1). Equal hashes mean equal addresses, so
areas that touch form chains whose sizes are known; a chain that fits the open addresses in two
places is placed.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from attrs import evolve, frozen

from execmem_tui.formats.procfiles import SectionLine, Symbol
from execmem_tui.formats.vmallocinfo import Pointers, VmallocEntry, Vmallocinfo
from execmem_tui.model.areas import Area
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address, Bytes, align_down, align_up
from execmem_tui.owners import bpf_programs, ftrace_pages, kprobe_pages
from execmem_tui.owners.attribute import attribute, with_names
from execmem_tui.owners.evidence import BPF, FTRACE, KPROBES, Evidence
from execmem_tui.owners.sections import kind_of, region_of

_ENOUGH: Final = 3
"""Places in which a chain must fit before its addresses are believed."""
_MOVED: Final = ".static_call_sites"
"""MOD_RO_AFTER_INIT in 7.x, elsewhere before: it tells no region."""


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
    """Return the areas of a snapshot, ascending: all where addresses are real, else the knowable ones."""
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


def revealed(
    entries: Sequence[VmallocEntry], evidence: Evidence, page_size: Bytes
) -> list[VmallocEntry]:
    """Return the entries of a hashed file whose real addresses follow from what is open, with these addresses."""
    bases = sorted({*_region_bases(evidence.sections, page_size).values()})
    trampoline = _trampoline(entries, evidence, page_size)
    placed = []
    for chain in _chains(entries):
        votes = _votes(chain, bases, trampoline)
        (start, count), (_, second) = [*votes.most_common(2), (0, 0), (0, 0)][:2]
        if count >= _ENOUGH and count >= 2 * second and _fits(chain, start, bases):
            placed.append((count, start, chain))
    placed.sort(key=lambda each: -each[0])
    found: list[VmallocEntry] = []
    taken: list[tuple[Address, Address]] = []
    for _, start, chain in placed:
        span = (start, start + chain.length)
        if any(low < span[1] and span[0] < high for low, high in taken):
            continue
        taken.append(span)
        for entry, offset in zip(chain.entries, chain.offsets, strict=True):
            found.append(evolve(entry, start=start + offset, end=start + offset + entry.size))
    return found


def open_addresses(info: Vmallocinfo, evidence: Evidence, page_size: Bytes) -> list[Address]:
    """Return the addresses inside areas that are open, or follow, where vmallocinfo is hidden."""
    found = []
    if info.pointers is Pointers.HASHED:
        found = [entry.start for entry in revealed(info.entries, evidence, page_size)]
    found += [module.base for module in evidence.modules if module.base]
    found += [section.address for section in evidence.sections if section.address]
    return found + [
        symbol.address
        for symbol in evidence.symbols
        if symbol.module is not None and symbol.address
    ]


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
        region = region_of(section.section)
        if region is not None and section.address and section.section != _MOVED:
            key, page = (section.module, region), align_down(section.address, page_size)
            bases[key] = min(page, bases.get(key, page))
    return bases


def _trampoline(
    entries: Sequence[VmallocEntry], evidence: Evidence, page_size: Bytes
) -> tuple[int, Address] | None:
    """Return (hash, address) of the one ftrace trampoline, if there is exactly one."""
    areas = [entry for entry in entries if (entry.caller or "").startswith(ftrace_pages.CALLERS)]
    pages = {
        align_down(each.address, page_size) for each in evidence.symbols if each.module == FTRACE
    }
    return (areas[0].start, pages.pop()) if len(areas) == 1 and len(pages) == 1 else None


def _votes(
    chain: _Chain, bases: Sequence[Address], trampoline: tuple[int, Address] | None
) -> Counter[Address]:
    """Return how many neighbours speak for each start of the chain.

    Neighbours are two bases, one behind the other, as far apart as an area of the chain is long.
    """
    by_size: dict[Bytes, list[Bytes]] = defaultdict(list)
    for entry, offset in zip(chain.entries, chain.offsets, strict=True):
        if trampoline is not None and entry.start == trampoline[0]:
            return Counter({trampoline[1] - offset: _ENOUGH})
        by_size[entry.size].append(offset)
    votes: Counter[Address] = Counter()
    for low, high in pairwise(bases):
        for offset in by_size.get(high - low, ()):
            votes[low - offset] += 1
    return votes


def _fits(chain: _Chain, start: Address, bases: Sequence[Address]) -> bool:
    """Whether most bases inside the chain begin one of its areas; stale init sections do not."""
    inside = bases[bisect_left(bases, start) : bisect_left(bases, start + chain.length)]
    offsets = set(chain.offsets)
    good = sum(base - start in offsets for base in inside)
    return good * 4 >= len(inside) * 3


def _from_sections(layout: Layout, evidence: Evidence) -> list[Area]:
    """Return the regions of modules as far as they surely reach: the last section's size is not known."""
    bases = _region_bases(evidence.sections, layout.page_size)
    last: dict[tuple[str, str], Address] = {}
    for section in evidence.sections:
        key = (section.module, region_of(section.section) or "")
        if key in bases and not key[1].startswith("MOD_INIT"):
            last[key] = max(section.address, last.get(key, 0))
    text = {module.name: module for module in evidence.modules if module.base}
    starts = sorted((*bases.values(), *(module.base for module in text.values())))
    areas = []
    for (module, region), end in last.items():
        start = bases[module, region]
        after = bisect_right(starts, end)
        limit = starts[after] if after < len(starts) else end + layout.page_size
        size = min(align_up(end + 1, layout.page_size), limit) - start
        detail = "at least so far, by its sections: vmallocinfo hides the end"
        area = Area(start=start, size=size, detail=detail)
        areas.append(layout.typed(area, kind_of(region), module, region))
    return sorted(areas, key=_start)


def _from_symbols(layout: Layout, evidence: Evidence) -> list[Area]:
    """Return what symbols alone tell: pages that surely hold probes, trampolines and programs.

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
            detail = "pages with BPF programs, from kallsyms; their pack is hidden"
            area = Area(start=start, size=page, detail=detail)
            areas.append(layout.typed(area, ExecmemType.BPF, bpf_programs.PACK))
        else:
            as_page = kprobe_pages.page if symbol.module == KPROBES else ftrace_pages.page
            area = Area(start=start, size=page, detail="from kallsyms")
            areas.append(as_page(layout, area, symbol))
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

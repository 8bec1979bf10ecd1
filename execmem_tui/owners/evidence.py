"""What a capture says of each area: the sections, symbols and text bases that point into it."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from execmem_tui.formats.procfiles import ModuleLine, SectionLine, Symbol
from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.areas import Area
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address
from execmem_tui.owners.sections import is_init, is_placed, region_of

KPROBES: Final = "__builtin__kprobes"
FTRACE: Final = "__builtin__ftrace"
BPF: Final = "bpf"
_NAMED: Final = 3


@frozen(kw_only=True)
class Evidence:
    """All that a snapshot says beside vmallocinfo."""

    modules: Sequence[ModuleLine] = ()
    sections: Sequence[SectionLine] = ()
    symbols: Sequence[Symbol] = ()


@define
class Claims:
    """What points into one area."""

    init_kept: bool = False
    """Nothing but the symbol tables is freed after init."""
    loaded: frozenset[str] = frozenset()
    """The modules of /proc/modules."""
    complete: bool = False
    """All loaded modules are known, even if there are none."""
    sections: list[SectionLine] = field(factory=list)
    probes: list[Symbol] = field(factory=list)
    programs: list[Symbol] = field(factory=list)
    code: list[Symbol] = field(factory=list)
    """Symbols of modules whose sections are not known: kallsyms may keep those of freed init
    memory."""
    bases: list[ModuleLine] = field(factory=list)

    def take(self, symbol: Symbol) -> None:
        """Keep a symbol that has a module, with those of its kind."""
        if symbol.module in (KPROBES, FTRACE):
            self.probes.append(symbol)
        elif symbol.module == BPF:
            self.programs.append(symbol)
        else:
            self.code.append(symbol)

    def kept(self) -> list[SectionLine]:
        """Return the sections that are not freed after init, those of loaded modules if there are any."""
        kept = [
            each for each in self.sections if not is_init(each.section, init_kept=self.init_kept)
        ]
        return [each for each in kept if each.module in self.loaded] or kept

    def kept_regions(self) -> set[str]:
        """Return the regions that the names of those tell for sure."""
        told = {region_of(each.section, init_kept=self.init_kept) for each in self.kept()}
        return {region for region in told if region is not None}

    def best_sections(self, area: Area) -> list[SectionLine]:
        """Return the kept sections of the module that has most of them in an area, [] if there are none."""
        kept = [each for each in self.kept() if each.address < area.start + area.size]
        if not kept:
            return []
        owner = Counter(each.module for each in kept).most_common(1)[0][0]
        return [each for each in kept if each.module == owner]

    def told_by_symbols(self) -> tuple[str, str] | None:
        """Return the module whose data symbols are here and the region that their kinds tell, None if that is not certain.

        Text is told by its base alone: kallsyms may keep symbols of init text that was freed
        (kernel/module/kallsyms.c: elf_type, is_core_symbol).
        """
        owners = {str(symbol.module) for symbol in self.code}
        kinds = {symbol.kind.lower() for symbol in self.code}
        if len(owners) != 1 or "t" in kinds or not kinds <= set("dbgsrv"):
            return None
        return owners.pop(), "MOD_DATA" if kinds & set("dbgs") else "MOD_RODATA"

    def others(self, owner: str | None) -> str:
        """Say who else claims the area than `owner`, "" if nobody does."""
        now = Counter(each.module for each in self.kept())
        now.update(module.name for module in self.bases)
        now.update(str(symbol.module) for symbol in self.code)
        before = {
            each.module for each in self.sections if is_init(each.section, init_kept=self.init_kept)
        }
        also = [name for name in now if name != owner and name is not None]
        past = sorted(name for name in before if name != owner and name not in now)
        said = [f"also claimed by {_few(also)}"] if also else []
        return "; ".join(said + ([f"init sections of {_few(past)} were here"] if past else []))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (
        f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    )


def init_kept(layout: Layout) -> bool:
    """Whether modules keep their init sections: 64-bit powerpc (arch/powerpc/kernel/module_64.c.

    Module_init_section).
    """
    return layout.arch == "powerpc" and layout.word_bits == 64


def collect(layout: Layout, ordered: Sequence[VmallocEntry], evidence: Evidence) -> list[Claims]:
    """Sort everything that has an address into the areas it points into.

    Args:
        layout: the machine's.
        ordered: the areas, ascending by start.
        evidence: what the capture says.
    """
    starts = [entry.start for entry in ordered]
    loaded = frozenset(module.name for module in evidence.modules)
    kept = init_kept(layout)
    told = {section.module for section in evidence.sections}
    named = {symbol.module for symbol in evidence.symbols} - {None, KPROBES, FTRACE, BPF}
    complete = bool(loaded) or (bool(evidence.symbols) and not named and not told)
    claims = [Claims(init_kept=kept, loaded=loaded, complete=complete) for _ in ordered]

    def place(address: Address) -> Claims:
        index = bisect_right(starts, address) - 1
        return claims[index] if index >= 0 and address < ordered[index].end else Claims()

    for section in evidence.sections:
        if is_placed(section.section):
            place(section.address).sections.append(section)
    for symbol in evidence.symbols:
        if symbol.module is not None and symbol.module not in told:
            place(symbol.address).take(symbol)
    for module in evidence.modules:
        if module.base:
            place(module.base).bases.append(module)
    return claims


def typed(
    layout: Layout,
    area: Area,
    kind: ExecmemType,
    owner: str | None,
    region: str | None = None,
    detail: str = "",
) -> Area:
    """Return the area as memory of a type, with the window it lies in."""
    return evolve(
        area,
        type=kind,
        owner=owner,
        region=region,
        detail=detail or area.detail,
        window=layout.range_of(kind).window_of(area.start),
    )


def typed_probe(layout: Layout, area: Area, symbol: Symbol) -> Area:
    """Return the area as the page of a kprobe cache or a trampoline that a symbol of kallsyms names."""
    kind = ExecmemType.KPROBES if symbol.module == KPROBES else ExecmemType.FTRACE
    return typed(layout, area, kind, symbol.name)

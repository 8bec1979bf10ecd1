"""What a snapshot says beside vmallocinfo, and what of it points into one area."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Final, Generic, TypeVar

from attrs import evolve

from execmem_tui.formats.procfiles import ModuleLine, SectionLine, Symbol
from execmem_tui.model.areas import Area
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address
from execmem_tui.owners.sections import is_init, is_placed, region_of

KPROBES: Final = "__builtin__kprobes"
FTRACE: Final = "__builtin__ftrace"
BPF: Final = "bpf"
"""Modules that kallsyms names for pages that no module has (kernel/kprobes.c: kprobe_get_kallsym,
kernel/trace/ftrace.c: ftrace_get_trampoline_kallsym, kernel/kallsyms.c: get_ksymbol_bpf)."""
_NAMED: Final = 3
_T = TypeVar("_T")


@frozen(kw_only=True, slots=False)  # for what is worked out once
class Evidence:
    """All that a snapshot says beside vmallocinfo."""

    modules: Sequence[ModuleLine] = ()
    sections: Sequence[SectionLine] = ()
    symbols: Sequence[Symbol] = ()

    def of(self, area: Area, *, init_kept: bool = False) -> "AreaEvidence":
        """Return what points into `area`, its guard included.

        Each kind keeps the order of its file.

        Args:
            area: one of the snapshot's, as large as vmallocinfo has it.
            init_kept: modules keep their init sections, see `sections.is_init`.
        """
        found = AreaEvidence(
            init_kept=init_kept,
            loaded=self._loaded,
            loading=self._loading,
            complete=self._complete,
            sections=self._sections_in_place.inside(area),
            bases=self._bases_in_place.inside(area),
        )
        symbols = self._symbols_in_place.inside(area)
        if not symbols:  # as of most areas of a machine whose sections are known
            return found
        return evolve(
            found,
            kprobes=[each for each in symbols if each.module == KPROBES],
            trampolines=[each for each in symbols if each.module == FTRACE],
            programs=[each for each in symbols if each.module == BPF],
            code=[each for each in symbols if each.module not in (KPROBES, FTRACE, BPF)],
        )

    def pointing(self, start: Address, end: Address) -> int:
        """Return how many addresses lie in [start, end): of most areas of a machine none."""
        low = bisect_left(self._places, start)
        if low == len(self._places) or self._places[low] >= end:
            return 0
        return bisect_left(self._places, end, low) - low

    @property
    def places(self) -> int:
        """How many addresses there are."""
        return len(self._places)

    @cached_property
    def _places(self) -> list[Address]:
        """Every address that something has, ascending."""
        kinds = (self._sections_in_place, self._symbols_in_place, self._bases_in_place)
        return sorted(address for kind in kinds for address in kind.addresses)

    @cached_property
    def _loaded(self) -> frozenset[str]:
        return frozenset(module.name for module in self.modules)

    @cached_property
    def _loading(self) -> frozenset[str]:
        return frozenset(module.name for module in self.modules if module.state == "Loading")

    @cached_property
    def _sectioned(self) -> set[str]:
        """Modules whose sections are known."""
        return {section.module for section in self.sections}

    @cached_property
    def _complete(self) -> bool:
        named = {symbol.module for symbol in self.symbols} - {None, KPROBES, FTRACE, BPF}
        return bool(self._loaded) or (bool(self.symbols) and not named and not self._sectioned)

    @cached_property
    def _sections_in_place(self) -> "_InPlace[SectionLine]":
        return _InPlace((each.address, each) for each in self.sections if is_placed(each.section))

    @cached_property
    def _symbols_in_place(self) -> "_InPlace[Symbol]":
        # Symbols of a module with known sections would say less than those do, and wrong where they
        # are of init memory that was freed and given to somebody else.
        return _InPlace(
            (each.address, each)
            for each in self.symbols
            if each.module is not None and each.module not in self._sectioned
        )

    @cached_property
    def _bases_in_place(self) -> "_InPlace[ModuleLine]":
        return _InPlace((each.base, each) for each in self.modules if each.base)


class _InPlace(Generic[_T]):
    """Things with an address, found by the area that they lie in."""

    def __init__(self, placed: Iterable[tuple[Address, _T]]) -> None:
        numbered = [(address, number, each) for number, (address, each) in enumerate(placed)]
        self._placed = sorted(numbered, key=itemgetter(0))
        self.addresses = [address for address, _, _ in self._placed]

    def inside(self, area: Area) -> list[_T]:
        """Return what lies in [start, end) of `area`, in the order it was given in."""
        low = bisect_left(self.addresses, area.start)
        high = bisect_left(self.addresses, area.end, low)
        if low == high:  # of most areas nothing is said
            return []
        found = sorted(self._placed[low:high], key=itemgetter(1))
        return [each for _, _, each in found]


@frozen(kw_only=True, slots=False)  # for what is worked out once
class AreaEvidence:
    """What points into one area."""

    init_kept: bool = False
    """Nothing but the symbol tables is freed after init."""
    loaded: frozenset[str] = frozenset()
    """The modules of /proc/modules."""
    loading: frozenset[str] = frozenset()
    """Those whose init has not come to its end."""
    complete: bool = False
    """All loaded modules are known, even if there are none."""
    sections: Sequence[SectionLine] = ()
    kprobes: Sequence[Symbol] = ()
    trampolines: Sequence[Symbol] = ()
    programs: Sequence[Symbol] = ()
    code: Sequence[Symbol] = ()
    """Symbols of modules whose sections are not known: kallsyms may keep those of freed init
    memory."""
    bases: Sequence[ModuleLine] = ()
    """Modules whose text, by /proc/modules, begins here."""

    @cached_property
    def kept(self) -> list[SectionLine]:
        """Return the sections that are not freed after init.

        Those of loaded modules if there are any.
        """
        kept = [
            each for each in self.sections if not is_init(each.section, init_kept=self.init_kept)
        ]
        return [each for each in kept if each.module in self.loaded] or kept

    def kept_regions(self) -> set[str]:
        """Return the regions that the names of those tell for sure."""
        told = {region_of(each.section, init_kept=self.init_kept) for each in self.kept}
        return {region for region in told if region is not None}

    def best_sections(self, area: Area) -> list[SectionLine]:
        """Return the kept sections of the module that has most of them in an area.

        [] if there are none.
        """
        end = area.start + area.size
        kept = [each for each in self.kept if each.address < end]
        owners = {each.module for each in kept}
        if len(owners) < 2:  # as of most areas
            return kept
        owner = Counter(each.module for each in kept).most_common(1)[0][0]
        return [each for each in kept if each.module == owner]

    def told_by_symbols(self) -> tuple[str, str] | None:
        """Return the module whose data symbols are here and the region that their kinds tell.

        None if that is not certain. Text is told by its base alone: kallsyms may keep symbols of
        init text that was freed (kernel/module/kallsyms.c: elf_type, is_core_symbol).
        """
        owners = {str(symbol.module) for symbol in self.code}
        kinds = {symbol.kind.lower() for symbol in self.code}
        if len(owners) != 1 or not kinds <= set("dbgsrv"):  # "t" is text
            return None
        return owners.pop(), "MOD_DATA" if kinds & set("dbgs") else "MOD_RODATA"

    def others(self, owner: str | None) -> str:
        """Say who else claims the area than `owner`, "" if nobody does."""
        now: dict[str, None] = dict.fromkeys(each.module for each in self.kept)
        now.update(dict.fromkeys(module.name for module in self.bases))
        now.update(dict.fromkeys(str(symbol.module) for symbol in self.code))
        before = {
            each.module for each in self.sections if is_init(each.section, init_kept=self.init_kept)
        }
        also = [name for name in now if name != owner]
        past = sorted(name for name in before if name != owner and name not in now)
        said = [f"also claimed by {few(also)}"] if also else []
        return "; ".join(said + ([f"init sections of {few(past)} were here"] if past else []))


NOTHING: Final = AreaEvidence()
"""Of an area that nothing points into."""


def few(names: Sequence[str]) -> str:
    """Return some names in a row, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (
        f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    )

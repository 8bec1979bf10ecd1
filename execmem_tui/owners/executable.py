"""Which areas are executable memory, before any layout is known.

`machines` tells the layout by them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final

from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.units import Address, Bytes
from execmem_tui.owners import bpf_programs, ftrace_pages, kprobe_pages, module_regions
from execmem_tui.owners.evidence import BPF, FTRACE, KPROBES, Evidence
from execmem_tui.owners.sections import is_init, is_placed

_OF_CALLER: Final = {
    **dict.fromkeys(module_regions.EXECMEM_CALLERS, ""),
    **dict.fromkeys((*kprobe_pages.CALLERS, *ftrace_pages.CALLERS), "probe"),
    **dict.fromkeys(bpf_programs.CALLERS, "bpf"),
}
_START = attrgetter("start")


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
    """Return the pages that are executable memory and whose.

    As `executable` does, where vmallocinfo hides its addresses.
    """
    return {address & -page_size: owner for address, owner in _told(evidence) if address}


def _told(evidence: Evidence) -> Iterator[tuple[Address, str]]:
    """Yield what sections, text bases and symbols say of addresses; of modules last."""
    # Modules last, so that they win: kallsyms may still name a program or a probe of which the page
    # was meanwhile freed and given to a module.
    for symbol in evidence.symbols:
        if symbol.module in (BPF, KPROBES, FTRACE):
            yield symbol.address, "bpf" if symbol.module == BPF else "probe"
    for section in evidence.sections:
        if is_placed(section.section) and not is_init(section.section):
            yield section.address, "module"
    for module in evidence.modules:
        yield module.base, "module"

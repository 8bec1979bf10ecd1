"""What the name of a module's section tells of the region it lies in.

kernel/module/main.c: __layout_sections.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from execmem_tui.formats.procfiles import SectionLine
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType

CORE: Final = ("MOD_TEXT", "MOD_DATA", "MOD_RODATA", "MOD_RO_AFTER_INIT")
INIT: Final = ("MOD_INIT_TEXT", "MOD_INIT_DATA", "MOD_INIT_RODATA")
REGIONS: Final = (*CORE, *INIT)
"""In the order of allocation: `enum mod_mem_type`."""

_INIT_NAMES: Final = (".init", ".symtab", ".strtab", ".ARM.extab.init", ".ARM.exidx.init")
"""Freed after init. The symbol and string tables live in MOD_INIT_DATA (kernel/module/kallsyms.c:
layout_symtab); the unwind tables are arm's (arch/arm/kernel/module.c: module_init_section)."""
_TABLES: Final = (".symtab", ".strtab")
_CODE_WORDS: Final = (".text", ".fixup", ".stubs")
"""Parts of a name that only code has."""
_CODE: Final = (".plt", ".init.plt", ".ftrace_trampoline", ".altinstr_replacement", ".altinstr_aux")
_DATA: Final = (
    ".data",
    ".bss",
    ".exit.data",
    ".gnu.linkonce.this_module",
    ".ref.data",
    ".sbss",
    ".sdata",
    ".toc",
    ".opd",
    "__bpf_raw_tp_map",
    "__bug_table",
    "__dyndbg",
    "__patchable_function_entries",
    "__syscalls_metadata",
    "__trace_printk_fmt",
    "__tracepoint_str",
    "_error_injection_whitelist",
    "_ftrace_",
)
_AFTER_INIT: Final = (".data..ro_after_init", "__jump_table", ".static_call_sites")
_RODATA: Final = (
    ".rodata",
    ".note",
    "__ksymtab",
    "__kcrctab",
    ".orc_",
    "__param",
    "__modver",
    ".eh_frame",
    ".got",
)
_LAYOUT: Final = (
    "MOD_TEXT", "MOD_RODATA", "MOD_RO_AFTER_INIT", "MOD_DATA", "MOD_INIT_TEXT", "MOD_INIT_RODATA",
    "MOD_INIT_DATA"
)  # fmt: skip
"""The order of the regions within the core and the init layout of 6.3 and older."""
_THIS_MODULE: Final = ".gnu.linkonce.this_module"
"""Every module has it, and it is data."""


def init_kept(layout: Layout) -> bool:
    """Whether modules keep their init sections.

    64-bit powerpc does (arch/powerpc/kernel/module_64.c: module_init_section).
    """
    return layout.capability.keeps_init


def kind_of(region: str) -> ExecmemType:
    """Return the type that a module's region is allocated as.

    kernel/module/main.c: module_memory_alloc.
    """
    return ExecmemType.MODULE_TEXT if region.endswith("TEXT") else ExecmemType.MODULE_DATA


@lru_cache(maxsize=8192)
def is_init(section: str, *, init_kept: bool = False) -> bool:
    """Whether a section is freed once the module is live.

    Args:
        section: its name.
        init_kept: the architecture frees nothing but the tables (64-bit powerpc:
            arch/powerpc/kernel/module_64.c).
    """
    return section.startswith(_TABLES if init_kept else _INIT_NAMES)


@lru_cache(maxsize=8192)
def is_placed(section: str) -> bool:
    """Whether a section lies in module memory; percpu data do not, whatever address they show."""
    return not section.startswith(".data..percpu")


@lru_cache(maxsize=8192)
def region_of(section: str, *, init_kept: bool = False) -> str | None:
    """Return the module region that a section's name tells for sure, or None.

    Args:
        section: its name.
        init_kept: as for `is_init`.
    """
    code = section in _CODE or any(word in section for word in _CODE_WORDS)
    if section.startswith((".ARM.", ".rela", ".rel.")):
        code = False
    if is_init(section, init_kept=init_kept):
        if code:
            return "MOD_INIT_TEXT"
        return (
            "MOD_INIT_RODATA"
            if "rodata" in section or section.startswith(".ARM.")
            else "MOD_INIT_DATA"
        )
    if section.startswith(_AFTER_INIT):
        return "MOD_RO_AFTER_INIT"
    if code:
        return "MOD_TEXT"
    if (
        section == "__tracepoints"
        or section.startswith(_DATA)
        or (init_kept and section.startswith(".init.data"))
    ):
        return "MOD_DATA"
    return "MOD_RODATA" if section.startswith(_RODATA) else None


def vote(sections: Iterable[SectionLine], *, init_kept: bool = False) -> str:
    """Return the region of an area from the sections in it.

    What any name tells for sure, text first. Names that tell nothing are of sections that are
    neither written nor run.
    """
    told = {region_of(section.section, init_kept=init_kept) for section in sections}
    order = (
        "MOD_TEXT",
        "MOD_INIT_TEXT",
        "MOD_DATA",
        "MOD_INIT_DATA",
        "MOD_INIT_RODATA",
        "MOD_RO_AFTER_INIT",
    )
    return next((region for region in order if region in told), "MOD_RODATA")


def is_combined(sections: Sequence[SectionLine]) -> bool:
    """Whether one area holds a module's code and its data.

    Kernels before 6.4 had one core and one init layout.
    """
    names = {section.section for section in sections}
    return (
        _THIS_MODULE in names
        and bool(names & {".text", ".exit.text", ".note.gnu.build-id", ".note.Linux"})
    ) or (".init.text" in names and bool(names & {".init.data", ".init.rodata", ".symtab"}))


def boundaries(
    sections: Sequence[SectionLine], page: int, *, init_kept: bool = False
) -> list[tuple[int, str]]:
    """Return where the regions of a combined area begin, ascending.

    They are text, read-only data, read-only after init, data (kernel/module/main.c:
    layout_sections, 6.3 and older). Each begins a page with STRICT_MODULE_RWX, else anywhere.
    Sections whose names tell nothing belong to the region that begins at the first page start among
    them.

    Args:
        sections: those of one module in one area.
        page: the page size in bytes.
        init_kept: as for `is_init`.
    """
    ordered = sorted((section.address, section.section) for section in sections)
    # .static_call_sites are not marked as read-only after init by those kernels
    # (include/linux/module.h).
    told = [
        (address, None if name == ".static_call_sites" else region_of(name, init_kept=init_kept))
        for address, name in ordered
    ]
    found: list[tuple[int, str]] = []
    passed = -1
    for region in _LAYOUT:
        own = [address for address, each in told if each == region and address > passed]
        if not own:
            continue
        between = [address for address, _ in told if passed < address <= own[0]]
        aligned = [address for address in between if address % page == 0]
        start = aligned[0] if aligned else between[0] if region == "MOD_RODATA" else own[0]
        found.append((start if passed >= start & -page else start & -page, region))
        passed = max(address for address, each in told if each == region)
    return found

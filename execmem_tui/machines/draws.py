"""Ranges that are drawn at boot.

Bounded by symbols, estimated from the areas seen, and said to be so.

vmalloc takes the lowest address that fits, and nothing lies in a fresh module window: the lowest
area of its users is where it begins as long as the first of them, or what came in its place, is
there (mm/vmalloc.c: find_vmap_lowest_match).
"""

from typing import Final

from attrs import evolve

from execmem_tui.machines.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.units import Address, hex_address

GIB: Final = 1 << 30
MIB: Final = 1 << 20
_OFFSET_PAGES: Final = 1024
"""x86 and s390 draw 1 to so many pages (arch/x86/mm/init.c, arch/s390/mm/init.c:
execmem_arch_setup)."""


_S390_TEXT: Final = 0x3FFE0000000 + MIB
"""CONFIG_KERNEL_IMAGE_BASE and TEXT_OFFSET (arch/s390/boot/startup.c)."""


def drawn(layout: Layout, facts: Facts) -> Layout:
    """Return the layout with the ranges that this boot drew, as far as they show."""
    if layout.arch == "arm64":
        return _arm64(layout, facts)
    if layout.arch == "x86":
        # kaslr_enabled() is false without RANDOMIZE_MEMORY, which only 64-bit has
        # (arch/x86/include/asm/setup.h).
        return (
            _offset(layout, facts, layout.macros["__START_KERNEL"])
            if layout.word_bits == 64
            else _named(layout, "n/a")
        )
    if layout.arch == "s390":
        return _s390(layout, facts)
    if layout.arch == "riscv":
        return _riscv(layout, facts)
    return _named(layout, layout.kaslr)


def _named(layout: Layout, kaslr: str) -> Layout:
    parts = layout.id.split("/")
    return evolve(layout, id=f"{layout.kernel}/{parts[1]}/{parts[2]}/{kaslr}", kaslr=kaslr)


def _with_module_range(layout: Layout, entry: ExecmemRange, note: str) -> Layout:
    """Give the types that share MODULE_TEXT's range another one."""
    shared = layout.range_of(ExecmemType.MODULE_TEXT)
    types = {
        kind: (
            evolve(
                old,
                start=entry.start,
                end=entry.end,
                fallback_start=entry.fallback_start,
                fallback_end=entry.fallback_end,
                provenance=entry.provenance,
            )
            if (old.start, old.end) == (shared.start, shared.end)
            else old
        )
        for kind, old in layout.types.items()
    }
    return evolve(layout, types=types, notes=(*layout.notes, note) if note else layout.notes)


def _modules_in(facts: Facts, low: Address, high: Address, *owners: str) -> list[Address]:
    return sorted(
        each for each, owner in facts.executable.items() if low <= each < high and owner in owners
    )


def _offset(layout: Layout, facts: Facts, at_rest: Address) -> Layout:
    """x86-64 and s390.

    The end is fixed, the start was moved up by 1 to 1024 pages if KASLR is on.
    """
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    text = facts.symbols.get("_text", facts.symbols.get("_stext"))
    moved = text is not None and text != at_rest
    page, bits = layout.page_size, layout.word_bits
    inside = _modules_in(facts, entry.start, entry.end, "module", "bpf", "probe", "")
    if (
        facts.kaslr_off
        or (inside and inside[0] == entry.start)
        or (not inside and not moved and text is not None)
    ):
        return _named(layout, "off")
    first, last = entry.start + page, min([entry.start + _OFFSET_PAGES * page, *inside[:1]])
    start = inside[0] if inside and inside[0] <= entry.start + _OFFSET_PAGES * page else first
    certain = (
        bool(inside)
        and start == inside[0]
        and facts.executable[start] == "bpf"
        and layout.arch == "x86"
    )
    seen = bool(inside) and start == inside[0]
    note = (
        f"KASLR: the module range begins at {hex_address(first, bits)} to"
        f" {hex_address(last, bits)}; "
        + (
            f"{hex_address(start, bits)} is the lowest area seen"
            if seen
            else "no area was seen so low"
        )
        + (", the first BPF pack, which is made at boot" if certain else "")
    )
    provenance = (
        Provenance.DERIVED
        if certain and entry.provenance is Provenance.DERIVED
        else Provenance.ASSUMED
    )
    return _named(
        _with_module_range(layout, evolve(entry, start=start, provenance=provenance), note),
        "unknown",
    )


def _s390(layout: Layout, facts: Facts) -> Layout:
    """Modules are the 2 GiB above vmalloc, which the percpu chunks end.

    Before 6.10 no symbol tells where that is.
    """
    known = "_text" in layout.symbols or "_stext" in layout.symbols
    if facts.percpu_end is not None and (not facts.rules.s390_below_image or not known):
        start = facts.percpu_end
        entry = evolve(
            layout.range_of(ExecmemType.MODULE_TEXT),
            start=start,
            end=start + 2 * GIB,
            provenance=Provenance.ASSUMED,
        )
        total = facts.vmalloc_total or layout.vmalloc_end - layout.vmalloc_start
        layout = _with_module_range(
            layout, entry, "modules: the 2 GiB above the percpu chunks, which end vmalloc"
        )
        layout = evolve(layout, vmalloc_start=start - total, vmalloc_end=start, modules_vaddr=start)
    return _offset(layout, facts, _S390_TEXT)


def _riscv(layout: Layout, facts: Facts) -> Layout:
    """Modules end where the image begins.

    Without `_end` where they begin is told by the lowest of them.
    """
    start, text = (
        facts.symbols.get("_start"),
        facts.symbols.get("_text", facts.symbols.get("_stext")),
    )
    if layout.word_bits == 32 or (start is not None and "_end" in facts.symbols):
        moved = start is not None and start != layout.macros["KERNEL_LINK_ADDR"]
        return _named(layout, "n/a" if layout.word_bits == 32 else "unknown" if moved else "off")
    end = start if start is not None else layout.macros["KERNEL_LINK_ADDR"]
    if start is None and text is not None:
        end = text & -layout.pmd_size
    inside = _modules_in(facts, max(0, end - 2 * GIB), end, "module")
    if not inside:
        return _named(layout, "unknown")
    bpf = (layout.macros["BPF_JIT_REGION_START"], layout.macros["BPF_JIT_REGION_END"])
    entry = evolve(
        layout.range_of(ExecmemType.MODULE_TEXT),
        start=inside[0],
        end=end,
        provenance=Provenance.ASSUMED,
    )
    note = "_end is not known: modules begin 2 GiB below it; the lowest area of a module is shown"
    types = {
        kind: (
            evolve(old, start=end - 128 * MIB, end=end, provenance=Provenance.ASSUMED)
            if (old.start, old.end) == bpf
            else old
        )
        for kind, old in layout.types.items()
    }
    return _named(_with_module_range(evolve(layout, types=types), entry, note), "unknown")


def _arm64(layout: Layout, facts: Facts) -> Layout:
    text, end = facts.symbols.get("_text", facts.symbols.get("_stext")), facts.symbols.get("_end")
    if text is None or end is None:
        return _arm64_unknown(layout, facts)
    off = facts.kaslr_off or text == layout.macros["KIMAGE_VADDR"]
    if not facts.rules.arm64_two_bases:
        return _arm64_module_alloc(layout, facts, text, end, off=off)
    if off:
        return _named(layout, "off")
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    inside = _modules_in(facts, end - 2 * GIB, text + 2 * GIB, "module")
    full = (
        facts.config.get("CONFIG_RANDOMIZE_MODULE_REGION_FULL", "y") == "y"
        or end - text >= 128 * MIB
    )
    bits = layout.word_bits
    low, high = end - 2 * GIB, text
    if not full:
        return _arm64_two_windows(layout, entry, inside, text, end)
    lowest = min([high, *inside])
    start = lowest if inside else low
    seen = (
        f"; {hex_address(start, bits)} is the lowest area of a module"
        if inside
        else ": all that it can be is shown"
    )
    # The window holds the image and everything seen.
    low = max(low, max([end, *inside]) - 2 * GIB)
    note = (
        "KASLR: the 2 GiB module window was drawn around the image, without a fallback; it begins"
        f" at {hex_address(low, bits)} to {hex_address(lowest, bits)}{seen}"
    )
    stop = start + 2 * GIB if inside else text + 2 * GIB
    new = evolve(
        entry,
        start=start,
        end=stop,
        fallback_start=0,
        fallback_end=0,
        provenance=Provenance.ASSUMED,
    )
    return _named(_with_module_range(layout, new, note), "unknown")


def _arm64_two_windows(
    layout: Layout, entry: ExecmemRange, inside: list[Address], text: Address, end: Address
) -> Layout:
    """KASLR without RANDOMIZE_MODULE_REGION_FULL.

    128 MiB around the image, in 2 GiB around that.
    """
    bits = layout.word_bits
    direct = [each for each in inside if each >= end - 128 * MIB]
    spilled = [each for each in inside if each < end - 128 * MIB]
    start = min([text, *direct]) if direct else end - 128 * MIB
    fallback = spilled[0] if spilled else max(0, start + 128 * MIB - 2 * GIB)
    new = evolve(
        entry,
        start=start,
        end=start + 128 * MIB if direct else text + 128 * MIB,
        fallback_start=fallback,
        fallback_end=fallback + 2 * GIB if spilled else start + 2 * GIB,
        provenance=Provenance.ASSUMED,
    )
    note = (
        "KASLR: the direct window was drawn around the image, it begins at"
        f" {hex_address(end - 128 * MIB, bits)} to {hex_address(min([text, *direct]), bits)}; the 2"
        " GiB one around it is "
        + ("estimated from the areas that fell back" if spilled else "shown as all that it can be")
    )
    return _named(_with_module_range(layout, new, note), "unknown")


def _arm64_module_alloc(
    layout: Layout, facts: Facts, text: Address, end: Address, *, off: bool
) -> Layout:
    """6.4 and older.

    128 MiB from module_alloc_base, then 2 GiB from there (arch/arm64/kernel/module.c:
    module_alloc).
    """
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    etext = facts.symbols.get("_etext")
    plts = facts.config.get("CONFIG_ARM64_MODULE_PLTS", "y") == "y"
    inside = _modules_in(facts, end - 2 * GIB, text + 2 * GIB, "module")
    start = inside[0] if inside else end - 2 * GIB
    provenance, note = (
        Provenance.ASSUMED,
        "KASLR: module_alloc_base was drawn; the lowest area of a module is shown",
    )
    if off and etext is not None:
        start = etext - 128 * MIB
        provenance, note = (
            entry.provenance,
            "before 6.5: module_alloc() asks for 128 MiB up to _etext, then for 2 GiB",
        )
    new = evolve(
        entry,
        start=start,
        end=start + 128 * MIB,
        fallback_start=start if plts else 0,
        fallback_end=start + 2 * GIB if plts else 0,
        provenance=provenance,
    )
    return _named(_with_module_range(layout, new, note), "off" if off else "unknown")


def _arm64_unknown(layout: Layout, facts: Facts) -> Layout:
    """Without symbols, only where modules were seen is known."""
    inside = sorted(each for each, owner in facts.executable.items() if owner == "module")
    if not inside:
        return _named(layout, "unknown")
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    new = evolve(
        entry,
        start=inside[0],
        end=inside[0] + 2 * GIB,
        fallback_start=0,
        fallback_end=0,
        provenance=Provenance.ASSUMED,
    )
    note = "no symbols: the 2 GiB from the lowest area of a module are shown, windows were not told"
    return _named(_with_module_range(layout, new, note), "unknown")

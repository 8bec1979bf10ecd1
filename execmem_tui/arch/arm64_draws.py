"""arm64: the windows that a boot drew, as far as a capture shows them.

With KASLR nothing in /proc says where module_init_limits() (arch/arm64/mm/init.c) put them. The
image lies in them, and so does every module: that bounds where they begin.
"""

from attrs import evolve

from execmem_tui.arch.boot import GIB, MIB
from execmem_tui.arch.estimates import areas_in, named, with_module_range
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Provenance
from execmem_tui.model.units import Address, hex_address


def estimate_draws(layout: Layout, facts: Facts) -> Layout:
    """Return the layout with the windows that modules were seen in.

    One of 2 GiB around the image, or 128 MiB within 2 GiB; before 6.5 what module_alloc() asks for.
    """
    text = facts.symbols.get("_text", facts.symbols.get("_stext"))
    end = facts.symbols.get("_end")
    if text is None or end is None:
        return _without_symbols(layout, facts)
    off = facts.kaslr_off or text == layout.macros["KIMAGE_VADDR"]
    if not facts.rules.arm64_two_bases:
        return _module_alloc(layout, facts, text, end, off=off)
    if off:
        return named(layout, "off")
    inside = areas_in(facts, end - 2 * GIB, text + 2 * GIB, "module")
    full = facts.config.get("CONFIG_RANDOMIZE_MODULE_REGION_FULL", "y") == "y"
    if full or end - text >= 128 * MIB:
        return _one_window(layout, inside, text, end)
    return _two_windows(layout, inside, text, end)


def _one_window(layout: Layout, inside: list[Address], text: Address, end: Address) -> Layout:
    """KASLR with RANDOMIZE_MODULE_REGION_FULL, or with an image that 128 MiB do not hold.

    2 GiB around the image and everything seen.
    """
    bits = layout.word_bits
    lowest = min([text, *inside])
    low = max([end, *inside]) - 2 * GIB
    start, stop, seen = end - 2 * GIB, text + 2 * GIB, ": all that it can be is shown"
    if inside:
        start, stop = lowest, lowest + 2 * GIB
        seen = f"; {hex_address(lowest, bits)} is the lowest area of a module"
    note = (
        "KASLR: the 2 GiB module window was drawn around the image, without a fallback; it"
        f" begins at {hex_address(low, bits)} to {hex_address(lowest, bits)}{seen}"
    )
    new = evolve(
        layout.range_of(ExecmemType.MODULE_TEXT),
        start=start,
        end=stop,
        fallback_start=0,
        fallback_end=0,
        provenance=Provenance.ASSUMED,
    )
    return named(with_module_range(layout, new, note), "unknown")


def _two_windows(layout: Layout, inside: list[Address], text: Address, end: Address) -> Layout:
    """KASLR without RANDOMIZE_MODULE_REGION_FULL.

    128 MiB around the image, in 2 GiB around that.
    """
    bits = layout.word_bits
    direct = [each for each in inside if each >= end - 128 * MIB]
    spilled = [each for each in inside if each < end - 128 * MIB]
    start = min([text, *direct]) if direct else end - 128 * MIB
    fallback = spilled[0] if spilled else max(0, start + 128 * MIB - 2 * GIB)
    new = evolve(
        layout.range_of(ExecmemType.MODULE_TEXT),
        start=start,
        end=start + 128 * MIB if direct else text + 128 * MIB,
        fallback_start=fallback,
        fallback_end=fallback + 2 * GIB if spilled else start + 2 * GIB,
        provenance=Provenance.ASSUMED,
    )
    note = (
        "KASLR: the direct window was drawn around the image, it begins at"
        f" {hex_address(end - 128 * MIB, bits)} to {hex_address(min([text, *direct]), bits)};"
        " the 2 GiB one around it is "
        + ("estimated from the areas that fell back" if spilled else "shown as all that it can be")
    )
    return named(with_module_range(layout, new, note), "unknown")


def _module_alloc(
    layout: Layout, facts: Facts, text: Address, end: Address, *, off: bool
) -> Layout:
    """6.4 and older.

    128 MiB from module_alloc_base, then 2 GiB from there (arch/arm64/kernel/module.c:
    module_alloc).
    """
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    etext = facts.symbols.get("_etext")
    plts = facts.config.get("CONFIG_ARM64_MODULE_PLTS", "y") == "y"
    inside = areas_in(facts, end - 2 * GIB, text + 2 * GIB, "module")
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
    return named(with_module_range(layout, new, note), "off" if off else "unknown")


def _without_symbols(layout: Layout, facts: Facts) -> Layout:
    """Without symbols, only where modules were seen is known."""
    inside = sorted(each for each, owner in facts.executable.items() if owner == "module")
    if not inside:
        return named(layout, "unknown")
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
    return named(with_module_range(layout, new, note), "unknown")

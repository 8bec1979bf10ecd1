"""What architectures share where a capture leaves ranges open: draws, and the place of vmalloc.

vmalloc takes the lowest address that fits, and nothing lies in a fresh module window: the lowest
area of its users is where it begins as long as the first of them, or what came in its place, is
there (mm/vmalloc.c: find_vmap_lowest_match).
"""

from typing import TYPE_CHECKING, Final

from attrs import evolve

from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.units import Address, Bytes, hex_address

if TYPE_CHECKING:  # what a capture tells: a simulation has none
    from execmem_tui.model.facts import Facts

Pair = tuple[Address, Address]
MODULE_USERS: Final = ("module", "bpf", "probe", "")
"""Whose areas lie in the module range, by `Facts.executable`."""
_OFFSET_PAGES: Final = 1024
"""x86 and s390 draw 1 to so many pages (arch/x86/mm/init.c, arch/s390/mm/init.c:
execmem_arch_setup)."""
_KIB_SHIFT: Final = 10


def named(layout: Layout, kaslr: str) -> Layout:
    """Return the layout with another word for its draw."""
    parts = layout.id.split("/")
    return evolve(layout, id=f"{layout.kernel}/{parts[1]}/{parts[2]}/{kaslr}", kaslr=kaslr)


def with_module_range(layout: Layout, entry: ExecmemRange, note: str) -> Layout:
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


def with_windows(entry: ExecmemRange, window: Pair, fallback: Pair) -> ExecmemRange:
    """Return a range with other windows; a `fallback` of zeros is none."""
    return evolve(
        entry,
        start=window[0],
        end=window[1],
        fallback_start=fallback[0],
        fallback_end=fallback[1],
    )


def areas_in(facts: "Facts", low: Address, high: Address, *owners: str) -> list[Address]:
    """Return the starts of executable areas of `owners` within [low, high), ascending."""
    return sorted(
        each for each, owner in facts.executable.items() if low <= each < high and owner in owners
    )


def window_under_percpu(facts: "Facts", total: Bytes) -> Pair | None:
    """Return the vmalloc window of `total` bytes that the percpu chunks end, if any were seen."""
    if facts.percpu_end is None:
        return None
    return facts.percpu_end - total, facts.percpu_end


def is_as_measured(layout: Layout, facts: "Facts", total: Bytes) -> bool:
    """Whether the computed vmalloc window has `total` bytes and ends above the percpu chunks."""
    start, end = layout.vmalloc_start, layout.vmalloc_end
    if (end - start) >> _KIB_SHIFT != total >> _KIB_SHIFT:
        return False
    alignment = max(layout.pmd_size, 2 * layout.page_size)
    return facts.percpu_end is None or 0 <= end - facts.percpu_end < alignment


def offset_by_pages(layout: Layout, facts: "Facts", at_rest: Address) -> Layout:
    """The module range of x86-64 and s390.

    Its end is fixed, its start was moved by 1 to 1024 pages.

    Args:
        layout: without the draw.
        facts: what the capture says.
        at_rest: where the image begins without KASLR.
    """
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    text = facts.symbols.get("_text", facts.symbols.get("_stext"))
    moved = text is not None and text != at_rest
    page, bits = layout.page_size, layout.word_bits
    inside = areas_in(facts, entry.start, entry.end, *MODULE_USERS)
    blocks = (
        [each for each in inside if not each & (layout.pmd_size - 1)] if entry.rox_cached else []
    )
    if (
        facts.kaslr_off
        or (inside and inside[0] == entry.start)
        or (not inside and not moved and text is not None)
    ):
        return named(layout, "off")
    first, last = entry.start + page, min([entry.start + _OFFSET_PAGES * page, *inside[:1]])
    start = inside[0] if inside and inside[0] <= entry.start + _OFFSET_PAGES * page else first
    seen = bool(inside) and start == inside[0]
    lowest = (
        f"{hex_address(start, bits)} is the lowest area seen" if seen else "no area was seen so low"
    )
    if blocks and blocks[0] == inside[0]:
        # The first block of an empty window lies on the first PMD boundary at or above its start.
        below = max(first, blocks[0] - layout.pmd_size + page)
        lowest += f", a ROX block; from {hex_address(below, bits)} on if it is the first ever made"
    note = (
        f"KASLR: the module range begins at {hex_address(first, bits)} to"
        f" {hex_address(last, bits)}; {lowest}"
    )
    new = evolve(entry, start=start, provenance=Provenance.ASSUMED)
    return named(with_module_range(layout, new, note), "unknown")

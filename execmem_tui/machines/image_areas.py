"""Where arm64's kernel image lies, told by the vmap areas it registers for itself.

arch/arm64/mm/mmu.c: map_kernel and map_kernel_segment up to 6.8, declare_kernel_vmas and
declare_vma after. Five areas follow one another, text, rodata, inittext, initdata, data, and only
the last has a guard. Their caller is the function that the compiler put the helpers into.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.units import Address, Bytes

_CALLERS: Final = ("paging_init+", "map_kernel+", "declare_kernel_vmas+")
_SEGMENTS: Final = 5
_ALIGNED: Final = 2 << 20
"""The image begins at a multiple of it (arch/arm64/include/asm/boot.h: MIN_KIMG_ALIGN); its first
area begins at `_stext`, less than that behind `_text`."""


def image_symbols_from_areas(
    entries: Sequence[VmallocEntry], symbols: Mapping[str, Address], page_size: Bytes
) -> dict[str, Address]:
    """Return the symbols of the image that `symbols` lacks, or {} where the areas do not tell.

    Args:
        entries: lines of /proc/vmallocinfo with real addresses.
        symbols: what kallsyms says.
        page_size: in bytes, of the guard behind the last area.
    """
    found = sorted(
        {
            (entry.start, entry.end)
            for entry in entries
            if "vmap" in entry.flags and (entry.caller or "").startswith(_CALLERS)
        }
    )
    # One area missing, or one more, and the ends are somebody else's.
    if len(found) != _SEGMENTS or any(one[1] != two[0] for one, two in pairwise(found)):
        return {}
    (start, etext), (_, last) = found[0], found[-1]
    told = {"_text": start & -_ALIGNED, "_etext": etext, "_end": last - page_size}
    return {name: address for name, address in told.items() if name not in symbols}

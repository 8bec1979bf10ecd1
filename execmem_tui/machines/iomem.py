"""Where the kernel image lies, if kallsyms does not say.

/proc/iomem, read by root, has its parts by physical address.

Without KALLSYMS_ALL kallsyms has no `_end`, on arm no `_text` either.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from execmem_tui.model.units import Address

_PART: Final = re.compile(
    r"\s*([0-9a-f]{8,16})-([0-9a-f]{8,16}) : Kernel (code|rodata|data|bss)\s*"
)
_STEP: Final = 2 << 20
"""Images are mapped in steps of at least so many bytes: what virtual and physical addresses differ
by is a multiple of it."""
_LARGEST: Final = 1 << 30


def image_symbols_from_iomem(
    lines: Iterable[tuple[int, str]], symbols: Mapping[str, Address]
) -> dict[str, Address]:
    """Return `_text` and `_end`, as far as `symbols` lacks them.

    {} where /proc/iomem does not tell.

    Args:
        lines: numbered lines of /proc/iomem.
        symbols: what kallsyms says; `_text` or `_stext` is needed.
    """
    anchor = symbols.get("_text", symbols.get("_stext"))
    parts = [
        (int(match[1], 16), int(match[2], 16) + 1)
        for _, text in lines
        if (match := _PART.fullmatch(text))
    ]
    if anchor is None or not parts or max(end for _, end in parts) <= 1:
        return {}
    start, end = min(start for start, _ in parts), max(end for _, end in parts)
    moved = (anchor - start) & -_STEP
    if not 0 <= anchor - (start + moved) < _STEP or not anchor < end + moved <= anchor + _LARGEST:
        return {}
    told = {"_text": start + moved, "_end": end + moved}
    return {name: address for name, address in told.items() if name not in symbols}

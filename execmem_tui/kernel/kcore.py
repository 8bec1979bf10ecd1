"""The ranges that a running kernel holds, read from /proc/kcore with the symbol `execmem_info`.

mm/execmem.c: `static struct execmem_info *execmem_info`, 6.10 and later; include/linux/execmem.h:
`struct execmem_range` is four unsigned longs, a pgprot, an unsigned int and an enum. 6.13 to 6.15
put a function pointer before the ranges.
"""

import struct
from pathlib import Path
from typing import IO, Final

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address

_PT_LOAD: Final = 1
_RANGE: Final = struct.Struct("<5Q2I")
_FIRST: Final = (0, 8)
"""Where the ranges may begin in struct execmem_info."""

Ranges = dict[ExecmemType, tuple[int, int, int, int]]


def read_ranges(kcore: Path, execmem_info: Address | None) -> Ranges:
    """Return start, end, fallback_start and fallback_end per type; {} where they cannot be read.

    Args:
        kcore: an ELF core of a 64-bit little-endian kernel.
        execmem_info: the address of the symbol, from kallsyms; needs CONFIG_KALLSYMS_ALL.
    """
    if not execmem_info:
        return {}
    try:
        with kcore.open("rb") as file:
            pointer = _read(file, execmem_info, 8)
            if pointer is None:
                return {}
            (info,) = struct.unpack("<Q", pointer)
            for first in _FIRST:
                data = _read(file, info + first, _RANGE.size * len(ExecmemType))
                ranges = {} if data is None else _ranges(data)
                if ranges:
                    return ranges
    except (OSError, struct.error):
        return {}
    return {}


def _read(file: IO[bytes], address: Address, size: int) -> bytes | None:
    """Read kernel memory through the program headers, None where it is not mapped."""
    file.seek(0)
    head = file.read(64)
    if head[:6] != b"\x7fELF\x02\x01":
        return None
    (headers,) = struct.unpack_from("<Q", head, 32)
    entry_size, count = struct.unpack_from("<HH", head, 54)
    for number in range(count):
        file.seek(headers + number * entry_size)
        kind, _, offset, start, _, length = struct.unpack_from("<IIQQQQ", file.read(entry_size))
        if kind == _PT_LOAD and start <= address and address + size <= start + length:
            file.seek(offset + address - start)
            data = file.read(size)
            return data if len(data) == size else None
    return None


def _ranges(data: bytes) -> Ranges:
    """Return what the bytes say, {} if that can be no table of ranges."""
    ranges: Ranges = {}
    for kind in ExecmemType:
        start, end, fallback_start, fallback_end, _, alignment, flags = _RANGE.unpack_from(
            data, kind * _RANGE.size
        )
        sane = (
            start < end and alignment & (alignment - 1) == 0 and flags < 256 and start & 0xFFF == 0
        )
        if not sane or (fallback_start and fallback_end <= fallback_start):
            return {}
        ranges[kind] = (start, end, fallback_start, fallback_end)
    return ranges

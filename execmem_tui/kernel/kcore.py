"""The ranges that a running kernel holds, read from /proc/kcore with the symbol `execmem_info`.

mm/execmem.c: `static struct execmem_info *execmem_info`, 6.10 and later; include/linux/execmem.h:
`struct execmem_range` is four unsigned longs, a pgprot, an unsigned int and an enum. 6.13 to 6.15
put a function pointer before the ranges. x86 has a second static of that name (arch/x86/mm/init.c:
the struct itself), and kallsyms lists both: each is tried, and the bytes tell which it was.
"""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

from execmem_tui.files.regular import open_file
from execmem_tui.kernel.reasons import why_refused
from execmem_tui.model.errors import InputError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address

SYMBOL: Final = "execmem_info"
_PT_LOAD: Final = 1
_HEADER: Final = struct.Struct("<IIQQQQ")
_RANGE: Final = struct.Struct("<5Q2I")
_FIRST: Final = (0, 8)
"""Where the ranges may begin in struct execmem_info."""
_MAX_HEADERS: Final = 4096
"""Program headers that are looked at: a machine has one for each piece of its memory."""
_MAX_SYMBOLS: Final = 16

Ranges = dict[ExecmemType, tuple[int, int, int, int]]


@frozen(kw_only=True)
class KernelRanges:
    """What was found: start, end, fallback_start and fallback_end per type, or why nothing was."""

    ranges: Ranges
    why: str = ""
    """One printable clause where `ranges` is empty."""


def read_ranges(kcore: Path, symbols: Iterable[Address]) -> KernelRanges:
    """Read the ranges out of a kernel's memory.

    Args:
        kcore: an ELF core of a 64-bit little-endian kernel.
        symbols: every address of `SYMBOL` in kallsyms; there are some with CONFIG_KALLSYMS_ALL.
    """
    places = [address for address in dict.fromkeys(symbols) if address][:_MAX_SYMBOLS]
    if not places:
        return KernelRanges(ranges={}, why=f"the address of {SYMBOL} is not known")
    try:
        with open_file(kcore) as file:
            segments = _segments(file)
            for place in places:
                for found in _candidates(file, segments, place):
                    if found:
                        return KernelRanges(ranges=found)
    except OSError as error:
        return KernelRanges(ranges={}, why=f"{kcore.name}: {why_refused(error)}")
    except InputError as error:
        return KernelRanges(ranges={}, why=f"{kcore.name}: {error.message}")
    what = printable(kcore.name, 40)
    return KernelRanges(ranges={}, why=f"{what} holds no ranges where {SYMBOL} should be")


def _candidates(
    file: IO[bytes], segments: list[tuple[int, int, int]], place: Address
) -> Iterable[Ranges | None]:
    """Yield what lies behind the pointer at `place`, then what lies there itself."""
    pointer = _read(file, segments, place, 8)
    if pointer is None:
        return
    for info in (*struct.unpack("<Q", pointer), place):
        for first in _FIRST:
            data = _read(file, segments, info + first, _RANGE.size * len(ExecmemType))
            yield None if data is None else _ranges(data)


_Segment = tuple[int, int, int]
"""Address, length, and place in the file."""


def _segments(file: IO[bytes]) -> list[_Segment]:
    """Return what the program headers say is where.

    Raises:
        InputError: this is no such core.
    """
    head = file.read(64)
    if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
        raise InputError("kcore", None, "no core of a 64-bit little-endian kernel")
    (headers,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    length = size * min(count, _MAX_HEADERS)
    data = _at(file, headers, length)
    if size < _HEADER.size or data is None:
        raise InputError("kcore", None, "its program headers make no sense")
    found = []
    for at in range(0, length, size):
        kind, _, offset, start, _, room = _HEADER.unpack_from(data, at)
        if kind == _PT_LOAD:
            found.append((start, room, offset))
    return found


def _read(file: IO[bytes], segments: list[_Segment], address: Address, size: int) -> bytes | None:
    """Read kernel memory, None where it is not mapped."""
    for start, room, offset in segments:
        if start <= address and address + size <= start + room:
            return _at(file, offset + address - start, size)
    return None


def _at(file: IO[bytes], place: int, size: int) -> bytes | None:
    """Return `size` bytes of the file at `place`, None where there are none.

    A core may name any place.
    """
    if place >= 1 << 63:
        return None
    file.seek(place)
    data = file.read(size)
    return data if len(data) == size else None


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

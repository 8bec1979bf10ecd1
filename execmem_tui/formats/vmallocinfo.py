"""/proc/vmallocinfo.

mm/vmalloc.c: vmalloc_info_show and show_purge_info, the same text in 6.12 and 7.1.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final

from execmem_tui.model.errors import InputError
from execmem_tui.model.limits import AREAS, most, too_many
from execmem_tui.model.records import frozen, value
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes

_LINE: Final = re.compile(
    r"(0x[0-9a-f]{1,16}|(?:0x)?\(_*ptrval_*\))"
    r"-(0x[0-9a-f]{1,16}|(?:0x)?\(_*ptrval_*\))\s+(\d{1,20})(?:\s(.*))?"
)
_FLAGS: Final = frozenset(
    ("ioremap", "sparse", "vmalloc", "vmap", "user", "dma-coherent", "vpages")
)
_UNPURGED: Final = "unpurged vm_area"
_MAX_BAD: Final = 20
_REMEMBERED: Final = 4096
"""Ends of lines, caller and flags, that are taken apart once: most lines share theirs."""
_LONG: Final = 200
"""Characters of an end of a line that no kernel prints; it is not remembered."""


class Pointers(StrEnum):
    """What the addresses of a file are worth."""

    REAL = "real"
    HASHED = "hashed"
    """kptr_restrict=0: a 32-bit hash, equal for equal addresses."""
    ZEROED = "zeroed"
    """kptr_restrict=2, or 1 without CAP_SYSLOG."""
    NOT_READY = "(ptrval)"
    """Read before the kernel's hash key was ready."""


WHY: Final = {
    Pointers.HASHED: (
        "addresses are hashed: read as root with kernel.kptr_restrict=1, or boot with"
        " no_hash_pointers"
    ),
    Pointers.ZEROED: "addresses are zeroed: kernel.kptr_restrict is 2, or 1 without CAP_SYSLOG",
    Pointers.NOT_READY: "addresses are (ptrval): read before the kernel could hash them",
}
"""Why addresses are worth nothing, and which setting opens them."""


@value(kw_only=True)
class VmallocEntry:
    """One line. `end` and `size` include the guard."""

    start: Address
    end: Address
    size: Bytes
    caller: str | None
    flags: tuple[str, ...]
    pages: int | None
    phys: Address | None
    lazy: bool
    line: int


@frozen(kw_only=True)
class Vmallocinfo:
    """A whole file, in the kernel's node order."""

    entries: tuple[VmallocEntry, ...]
    pointers: Pointers
    skipped: tuple[int, ...]
    """Numbers of lines that made no sense."""


def parse_vmallocinfo(path: str, lines: Iterable[tuple[int, str]]) -> Vmallocinfo:
    """Read a file; lines that make no sense are skipped and counted while they are few.

    Raises:
        InputError: this is no vmallocinfo.
    """
    entries: list[VmallocEntry] = []
    skipped: list[int] = []
    unready = False
    match_of, limit = _LINE.fullmatch, most(AREAS)
    for number, text in lines:
        match = match_of(text)
        if match is None and not text.strip():
            continue
        entry = None
        if match is not None:
            unready = unready or match[1].endswith(")")
            entry = _entry(match, number)
        if entry is None:
            skipped.append(number)
            if len(skipped) > _MAX_BAD and len(skipped) > len(entries):
                raise InputError(path, skipped[0], "not a line of /proc/vmallocinfo")
        else:
            entries.append(entry)
            if len(entries) > limit:
                raise too_many(path, number, limit, "areas")
    if not entries:
        raise InputError(path, skipped[0] if skipped else 1, "holds no line of /proc/vmallocinfo")
    whole = [entry for entry in entries if entry.end - entry.start == entry.size]
    pointers = _worth(entries, len(whole), unready=unready)
    if pointers is Pointers.REAL and len(whole) < len(entries):
        # a garbled line may still look like one
        skipped += [entry.line for entry in entries if entry.end - entry.start != entry.size]
        entries = whole
    return Vmallocinfo(entries=tuple(entries), pointers=pointers, skipped=tuple(sorted(skipped)))


def _entry(match: re.Match[str], number: int) -> VmallocEntry | None:
    first, last, digits, rest = match.groups()
    size = int(digits)
    if size == 0 or size >= 1 << 64:
        return None
    rest = rest or ""
    caller, flags, pages, phys, lazy = _told(rest) if len(rest) < _LONG else _tell(rest)
    return VmallocEntry(
        start=0 if first[-1] == ")" else int(first, 16),
        end=0 if last[-1] == ")" else int(last, 16),
        size=size,
        caller=caller,
        flags=flags,
        pages=pages,
        phys=phys,
        lazy=lazy,
        line=number,
    )


def _tell(rest: str) -> tuple[str | None, tuple[str, ...], int | None, Address | None, bool]:
    """Return caller, flags, pages, physical address and laziness that the end of a line tells."""
    caller: str | None = None
    flags: list[str] = []
    pages: int | None = None
    phys: int | None = None
    lazy = _UNPURGED in rest
    for index, word in enumerate(rest.split()):
        name, _, told = word.partition("=")
        if word in _FLAGS:
            flags.append(word)
        elif name == "pages" and told.isdecimal():
            pages = int(told[:18])
        elif name == "phys" and re.fullmatch(r"(?:0x)?[0-9a-f]{1,16}", told):
            phys = int(told, 16)
        elif name.startswith("N") and name[1:].isdecimal() and told.isdecimal():
            continue
        elif index == 0 and not lazy:
            caller = printable(word, 120)
    return caller, tuple(flags), pages, phys, lazy


_told = lru_cache(maxsize=_REMEMBERED)(_tell)


def _worth(entries: list[VmallocEntry], good: int, *, unready: bool) -> Pointers:
    """Real addresses differ by exactly the size, of `good` entries; hashes and zeros do not."""
    if unready:
        return Pointers.NOT_READY
    if good * 2 > len(entries):
        return Pointers.REAL
    if all(entry.start == 0 and entry.end == 0 for entry in entries):
        return Pointers.ZEROED
    return Pointers.HASHED

"""Addresses and sizes: labels, parsing and printing.

Every size and address in the package is a plain ``int`` of **bytes**. `Address` and `Bytes` are
labels for the reader: the type checker takes one for the other. A count of pages has ``pages`` in
its name and never one of these labels. They are no NewTypes because one is lost at the first sum or
mask, which gives an ``int`` again: an allocator does little else.
"""

import re
from typing import Final, TypeAlias

from execmem_tui.model.errors import UsageError
from execmem_tui.model.text import printable

Address: TypeAlias = int
"""A kernel virtual address in bytes, unsigned, in the machine's own word size."""

Bytes: TypeAlias = int
"""A size or a distance in bytes."""

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40
PIB = 1 << 50
EIB = 1 << 60

_SUFFIXES = {"": 1, "b": 1, "k": KIB, "m": MIB, "g": GIB, "t": TIB, "p": PIB, "e": EIB}
_LETTERS: Final = (("K", KIB), ("M", MIB), ("G", GIB), ("T", TIB), ("P", PIB), ("E", EIB))
# Compiled when somebody types one: `re` keeps them, and a start that reads no size does without.
_SIZE: Final = r"(0x[0-9a-f]{1,16}|[0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([kmgtpe]?)(?:i?b)?"
_ADDRESS: Final = r"(?:0x)?([0-9a-f_]{1,20})"


def align_up(value: int, alignment: Bytes) -> int:
    """Return the lowest multiple of `alignment` (a power of two, bytes), at least `value`."""
    return (value + alignment - 1) & -alignment


def align_down(value: int, alignment: Bytes) -> int:
    """Return the highest multiple of `alignment` (a power of two, bytes), at most `value`."""
    return value & -alignment


def parse_size(text: str) -> Bytes:
    """Read a size such as ``64K``, ``1.5M``, ``0x1000`` or ``4096``; the result is in bytes.

    Raises:
        UsageError: the text is not a size, or not a whole number of bytes.
    """
    match = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE)
    if match is None:
        raise UsageError(
            f"not a size: {printable(text)!r}",
            hint="write a number of bytes, or one with K, M, G or T: 64K",
        )
    number, suffix = match.groups()
    unit = _SUFFIXES[suffix.lower()]
    if number.lower().startswith("0x"):
        return int(number, 16) * unit
    if "." not in number:
        return int(number) * unit
    whole, _, fraction = number.partition(".")
    scaled = int(whole + fraction) * unit
    denominator: int = 10 ** len(fraction)
    size, rest = divmod(scaled, denominator)
    if rest:
        raise UsageError(f"not a whole number of bytes: {printable(text)!r}")
    return size


def parse_address(text: str) -> Address:
    """Read an address: hexadecimal with or without ``0x``; ``_`` may group digits.

    Raises:
        UsageError: the text is not a hexadecimal number of at most 64 bits.
    """
    match = re.fullmatch(_ADDRESS, text.strip(), re.IGNORECASE)
    value = int(match[1].replace("_", "") or "0", 16) if match and match[1].strip("_") else -1
    if not 0 <= value < 1 << 64:
        raise UsageError(
            f"not an address: {printable(text)!r}", hint="write it in hexadecimal: ffff80007b000000"
        )
    return value


def hex_address(address: Address, word_bits: int = 64) -> str:
    """Return `address` in the kernel's own form.

    All digits of a word, lower case, without ``0x``.
    """
    return f"{address:0{word_bits // 4}x}"


def format_size(size: Bytes) -> str:
    """Return `size` short, to one decimal: ``4K``, ``1.1M``, ``128M``."""
    if size < 0:
        return "-" + format_size(-size)
    if size < KIB:
        return f"{size}B"
    for letter, unit in _LETTERS:
        if size < unit * 1024 or letter == "E":
            return f"{size / unit:.1f}".removesuffix(".0") + letter
    raise AssertionError(size)


def exact_size(size: Bytes) -> str:
    """Return `size` to the byte, in the largest unit with at most one decimal: ``1152K``, ``1.5M``.

    `size` is not negative.
    """
    for letter, unit in reversed(_LETTERS):
        if size >= unit and 10 * size % unit == 0:
            return f"{size / unit:.1f}".removesuffix(".0") + letter
    return f"{size}B"


def signed_size(delta: Bytes) -> str:
    """Return ``+2.1M``, ``-4K`` or ``0``."""
    return "0" if not delta else f"{'+' if delta > 0 else '-'}{format_size(abs(delta))}"

"""The hidden constant: which one it may be, and addresses that are shifted by it.

It hides addresses from a glance, not from whoever knows the architecture: where that fixes an
address, the difference is the constant (`fixed_address`).
"""

from collections.abc import Callable
from typing import Final

from attrs import field

from execmem_tui.model.errors import UsageError
from execmem_tui.model.records import define
from execmem_tui.model.units import Address, Bytes

UNIT: Final = {64: 1 << 30, 32: 16 << 20}
"""The constant is a multiple of this, by word size: bytes."""

_DRAWS: Final = 256
_TOP: Final = 4096
"""So many addresses below the end of a word are error codes and markers, not addresses."""

_FIXED: Final = {
    "arm64": "the vmalloc and module areas of arm64 lie where the page size and VA_BITS say",
    "arm": "modules of arm lie right below PAGE_OFFSET, and its vmalloc area ends at ff800000",
    "x86": "the module area of x86 lies at the same place in every kernel",
    "s390": "without KASLR the module area of s390 lies where the size of memory says",
}
"""What an architecture fixes, KASLR or not."""
_DRAWN: Final = frozenset(("s390",))
"""Architectures whose KASLR moves all areas together (arch/s390/boot/startup.c:
setup_kernel_memory_layout)."""

Shift = Callable[[Address], Address]


def fixed_address(arch: str, kaslr: str) -> str:
    """Return which address tells the constant, one clause; "" where none is known to do so.

    Args:
        arch: as `Layout.arch` names it.
        kaslr: as `Layout.kaslr` does; one that is not known may be off.
    """
    if arch in _DRAWN and kaslr not in ("off", "n/a", "unknown"):
        return ""
    return _FIXED.get(arch, f"the vmalloc or module area of {arch} lies at a fixed address")


def _is_address(value: int, bits: int) -> bool:
    return 0 < value < (1 << bits) - _TOP


@define
class Seen:
    """Remembers addresses instead of shifting them."""

    addresses: set[Address] = field(factory=set)

    def take(self, address: Address) -> Address:
        """Remember an address, whatever the machine's word; return it as it is."""
        if _is_address(address, 32) or _is_address(address, 64):
            self.addresses.add(address)
        return address

    def home(self) -> tuple[int, range]:
        """Return the bits of a word, and the half of the address space that most addresses lie in.

        A line of somebody else's, or a garbled one, has an address elsewhere.
        """
        wide = sum(each >= 1 << 32 for each in self.addresses)
        if wide * 2 <= len(self.addresses):
            return 32, range(UNIT[32], (1 << 32) - _TOP)
        half = 1 << 63
        high = sum(each >= half for each in self.addresses)
        home = range(half, (1 << 64) - _TOP) if high * 2 > wide else range(UNIT[64], half)
        return 64, home


@define
class Shifter:
    """Shifts addresses, and notices those that are none of this machine's."""

    bits: int
    home: range
    delta: int
    _foreign: bool = False

    def shift(self, address: Address) -> Address:
        """Return an address shifted; 0, error codes and small numbers are none."""
        if not _is_address(address, self.bits):
            self._foreign |= address >= 1 << self.bits
            return address
        if address not in self.home:
            self._foreign = True
            return address
        return address + self.delta

    def met_foreign(self) -> bool:
        """Whether one was met since the last time."""
        met, self._foreign = self._foreign, False
        return met


def draw_delta(addresses: set[Address], bits: int, unit: Bytes, draw: Callable[[int], int]) -> int:
    """Return a multiple of `unit` that keeps all addresses in their half of the address space.

    And none where there was none.
    """
    if not addresses:
        return 0
    low, high = min(addresses), max(addresses)
    half = 1 << (bits - 1)
    floor = half if bits == 64 and low >= half else UNIT[bits]
    ceiling = half if bits == 64 and high < half else (1 << bits) - _TOP
    down, up = max((low - floor) // unit, 0), max((ceiling - 1 - high) // unit, 0)
    for _ in range(_DRAWS if down + up else 0):
        step = draw(down + up + 1) - down
        moved = {address + step * unit for address in addresses}
        if step and not moved & addresses:
            return step * unit
    raise UsageError(
        "the addresses cannot be shifted",
        hint="they fill their whole address space; nothing was written",
    )

"""How far an instruction or a relocation of an architecture reaches."""

from enum import StrEnum

from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes

SEGMENT = 1 << 28
"""MIPS J/JAL and Nios II CALL stay within the 256 MiB segment of the delay slot."""


class ReachKind(StrEnum):
    """What the limits of a `Reach` count from."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"
    SEGMENT = "segment256M"


class Verdict(StrEnum):
    """Can a place refer to another?"""

    DIRECT = "direct"
    PLT = "plt"
    UNREACHABLE = "unreachable"


@frozen(kw_only=True)
class Reach:
    """One instruction form or relocation and the targets it can name.

    For RELATIVE `low` and `high` are inclusive signed byte distances; for ABSOLUTE inclusive
    addresses; for SEGMENT the offsets within the 256 MiB segment.
    """

    name: str
    """Short, for a ruler: ``±128M branch``."""
    instruction: str
    relocations: tuple[str, ...]
    kind: ReachKind
    low: int
    high: int
    call: bool
    """A call or branch: what a PLT, stub or veneer can extend (only where the architecture has
    one)."""
    note: str
    source: str
    binding: bool = False
    """The kernel and its modules refer to each other this way and nothing can extend it: they must
    share its window."""

    def reaches(self, origin: Address, target: Address) -> bool:
        """Whether code or data at `origin` can name `target` this way."""
        if self.kind is ReachKind.RELATIVE:
            return self.low <= target - origin <= self.high
        if self.kind is ReachKind.ABSOLUTE:
            return self.low <= target <= self.high
        return origin // SEGMENT == target // SEGMENT

    def window(self, origin: Address) -> tuple[Address, Address]:
        """Return the half-open [start, end) of targets that `origin` can name, clipped at 0."""
        if self.kind is ReachKind.RELATIVE:
            return max(0, origin + self.low), origin + self.high + 1
        if self.kind is ReachKind.ABSOLUTE:
            return self.low, self.high + 1
        start = origin // SEGMENT * SEGMENT
        return start, start + SEGMENT


@frozen(kw_only=True)
class Plt:
    """What extends a call that does not reach.

    PLT entry (arm64, arm, riscv, loongarch), stub (powerpc, parisc).
    """

    word: str
    """The architecture's own word: PLT entry, stub, veneer."""
    entry_bytes: Bytes
    extra_bytes: Bytes
    extends_to: str
    low: int | None
    """Inclusive signed byte distance the entry itself reaches, or None for anywhere."""
    high: int | None
    cost: str
    source: str

    def reaches(self, origin: Address, target: Address) -> bool:
        """Whether an entry near `origin` can carry a call to `target`."""
        if self.low is None or self.high is None:
            return True
        return self.low <= target - origin <= self.high

"""A finding: one failure explained."""

from enum import StrEnum

from execmem_tui.analysis.diagnosis.asker import Asker
from execmem_tui.analysis.diagnosis.relocations import Distance
from execmem_tui.analysis.diagnosis.space import Room, Space
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes


class Verdict(StrEnum):
    """What a failure was."""

    EXHAUSTED = "exhausted"
    FRAGMENTED = "fragmented"
    LEAKING_OWNER = "leaking-owner"
    DUPLICATE_LOADS = "duplicate-loads"
    LARGER_THAN_RANGE = "larger-than-range"
    RANGE_FITS_ONE = "range-fits-one"
    IMPLAUSIBLE_SIZE = "implausible-size"
    ZERO_SIZE = "zero-size"
    IMPOSSIBLE_ALIGNMENT = "impossible-alignment"
    OUT_OF_REACH = "out-of-reach"
    THUMB_BIT = "thumb-bit"
    CODE_MODEL = "code-model"
    SYMBOL_ZERO = "symbol-zero"
    JIT_LIMIT = "jit-limit"
    NOT_SPACE = "not-space"
    CANNOT_TELL = "cannot-tell"


@frozen(kw_only=True)
class Judgement:
    """A verdict with what it rests on."""

    verdict: Verdict
    evidence: tuple[str, ...]
    remedy: str = ""
    collect: tuple[str, ...] = ()
    """Files and settings that would tell more."""


@frozen(kw_only=True)
class Finding:
    """One failure explained. Sizes in bytes; None where not known."""

    message: str
    file: str
    line: int
    era: str | None
    arch: str | None
    kernel: str | None
    page_size: Bytes | None
    requested: Bytes | None
    padded: Bytes | None
    asker: Asker
    start: Address | None
    end: Address | None
    """Exclusive."""
    range_name: str | None
    space: Space | None
    fallback_exists: bool | None
    fallback_tried: bool | None
    relocation: Distance | None
    times: int
    suppressed: int
    judgement: Judgement

    @property
    def short_by(self) -> Bytes | None:
        """Bytes that the largest hole is too small by; None where it is not, or not known."""
        return short_by(self.padded, None if self.space is None else self.space.now)


def short_by(padded: Bytes | None, room: Room | None) -> Bytes | None:
    """Return the bytes that the largest hole is too small by.

    None where it is not, or not known.
    """
    if padded is None or room is None or room.largest_hole >= padded:
        return None
    return padded - room.largest_hole

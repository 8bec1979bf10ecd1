"""A finding: one failure explained, and the document that says so."""

from enum import StrEnum
from typing import Any

from attrs import frozen

from execmem_tui.analysis.diagnosis.asker import Asker
from execmem_tui.analysis.diagnosis.relocations import Distance
from execmem_tui.analysis.diagnosis.space import Room, Space
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
        return _short(self.padded, None if self.space is None else self.space.now)


def _short(padded: Bytes | None, room: Room | None) -> Bytes | None:
    if padded is None or room is None or room.largest_hole >= padded:
        return None
    return padded - room.largest_hole


def _hex(address: int | None) -> str | None:
    return None if address is None else hex(address)


def _room_document(padded: Bytes | None, room: Room | None) -> dict[str, Any]:
    if room is None:
        return {"largest_hole": None, "short_by": None, "holes_that_fit": None}
    return {
        "largest_hole": room.largest_hole,
        "short_by": _short(padded, room),
        "holes_that_fit": None if padded is None else room.holes_that_fit,
    }


def _relocation_document(distance: Distance) -> dict[str, Any]:
    return {
        "type": distance.type,
        "from": _hex(distance.place),
        "to": _hex(distance.target),
        "distance": distance.distance,
        "limit": distance.limit,
        "past": distance.past,
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return one element of ``findings``."""
    space, judged = finding.space, finding.judgement
    named = None
    if finding.start is not None and finding.end is not None:
        named = {
            "start": hex(finding.start),
            "end": hex(finding.end),
            "name": finding.range_name,
        }
    return {
        "message": finding.message,
        "source": {"file": finding.file, "line": finding.line},
        "era": finding.era,
        "arch": finding.arch,
        "kernel": finding.kernel,
        "page_size": finding.page_size,
        "requested": finding.requested,
        "padded": finding.padded,
        "asker": {"kind": finding.asker.kind.value, "name": finding.asker.name},
        "range": named,
        **_room_document(finding.padded, None if space is None else space.now),
        "after_purge": _room_document(finding.padded, None if space is None else space.purged),
        "free": None if space is None else space.now.free,
        "owners": [
            {"name": each.name, "areas": each.areas, "size": each.size}
            for each in ([] if space is None else space.holders[:8])
        ],
        "fallback": {"exists": finding.fallback_exists, "tried": finding.fallback_tried},
        "relocation": None
        if finding.relocation is None
        else _relocation_document(finding.relocation),
        "times": finding.times,
        "suppressed": finding.suppressed,
        "verdict": judged.verdict.value,
        "evidence": list(judged.evidence),
        "remedy": judged.remedy,
        "collect": list(judged.collect),
    }

"""The document of ``diagnose``: findings, null where something is not known; sizes in bytes."""

from collections.abc import Sequence
from typing import Any

from execmem_tui.analysis.diagnosis.asker import AskerKind
from execmem_tui.analysis.diagnosis.finding import Finding, Verdict, short_by
from execmem_tui.analysis.diagnosis.relocations import Distance
from execmem_tui.analysis.diagnosis.space import Room
from execmem_tui.model.documents import Count, Hex, SignedHex, document
from execmem_tui.model.units import Bytes


@document
class PlaceInLogDocument:
    """Where the message stands."""

    file: str
    line: Count


@document
class AskerDocument:
    """Who asked."""

    kind: AskerKind
    name: str | None


@document
class NamedRangeDocument:
    """The range that was searched."""

    start: Hex
    end: Hex
    name: str | None


@document
class RoomDocument:
    """What the range had room for."""

    largest_hole: Count | None
    short_by: Count | None
    holes_that_fit: Count | None


@document
class HolderDocument:
    """Who holds the range."""

    name: str
    areas: Count
    size: Count


@document
class FallbackDocument:
    """Whether there is a fallback range, and whether it was asked too."""

    exists: bool | None
    tried: bool | None


@document
class DistanceDocument:
    """How far a relocation reached, and how far past its limit."""

    type: str | None
    from_: Hex | None
    to: SignedHex | None
    distance: int | None
    limit: int | None
    past: int | None


@document
class FindingDocument(RoomDocument):
    """One failure explained."""

    message: str
    source: PlaceInLogDocument
    era: str | None
    arch: str | None
    kernel: str | None
    page_size: Count | None
    requested: Count | None
    padded: Count | None
    asker: AskerDocument
    range: NamedRangeDocument | None
    after_purge: RoomDocument
    free: Count | None
    owners: Sequence[HolderDocument]
    fallback: FallbackDocument
    relocation: DistanceDocument | None
    times: Count
    suppressed: Count
    verdict: Verdict
    evidence: Sequence[str]
    remedy: str
    collect: Sequence[str]


@document
class FindingsDocument:
    """All failures that were found."""

    findings: Sequence[FindingDocument]


_HOLDERS = 8
"""Listed of each finding."""


def _hex(address: int | None) -> str | None:
    return None if address is None else hex(address)


def _room(padded: Bytes | None, room: Room | None) -> dict[str, Any]:
    known = padded is not None and room is not None
    return {
        "largest_hole": None if room is None else room.largest_hole,
        "short_by": short_by(padded, room),
        "holes_that_fit": room.holes_that_fit if room is not None and known else None,
    }


def _distance(found: Distance) -> DistanceDocument:
    return DistanceDocument(
        type=found.type,
        from_=_hex(found.place),
        to=_hex(found.target),
        distance=found.distance,
        limit=found.limit,
        past=found.past,
    )


def finding_document(finding: Finding) -> FindingDocument:
    """Return one element of ``findings``."""
    space, judged = finding.space, finding.judgement
    named = None
    if finding.start is not None and finding.end is not None:
        named = NamedRangeDocument(
            start=hex(finding.start), end=hex(finding.end), name=finding.range_name
        )
    purged = RoomDocument(**_room(finding.padded, None if space is None else space.purged))
    holders = () if space is None else space.holders[:_HOLDERS]
    return FindingDocument(
        message=finding.message,
        source=PlaceInLogDocument(file=finding.file, line=finding.line),
        era=finding.era,
        arch=finding.arch,
        kernel=finding.kernel,
        page_size=finding.page_size,
        requested=finding.requested,
        padded=finding.padded,
        asker=AskerDocument(kind=finding.asker.kind, name=finding.asker.name),
        range=named,
        **_room(finding.padded, None if space is None else space.now),
        after_purge=purged,
        free=None if space is None else space.now.free,
        owners=[
            HolderDocument(name=each.name, areas=each.areas, size=each.size) for each in holders
        ],
        fallback=FallbackDocument(exists=finding.fallback_exists, tried=finding.fallback_tried),
        relocation=None if finding.relocation is None else _distance(finding.relocation),
        times=finding.times,
        suppressed=finding.suppressed,
        verdict=judged.verdict,
        evidence=judged.evidence,
        remedy=judged.remedy,
        collect=judged.collect,
    )

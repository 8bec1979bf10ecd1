"""The JSON document of ``execmem-tui whatis --json``."""

from collections.abc import Sequence
from typing import ClassVar

from execmem_tui.analysis.documents import (
    AreaDocument,
    PartDocument,
    area_document,
    part_document,
)
from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.layout_documents import (
    RulesDocument,
    rules_told,
)
from execmem_tui.analysis.places import Place, hole_at, place_of
from execmem_tui.analysis.reach import verdicts
from execmem_tui.analysis.tenants import Tenant
from execmem_tui.model.documents import ABSENT, Absent, Count, Hex, TypeName, document
from execmem_tui.model.ranges import Window
from execmem_tui.model.reach import Verdict
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address
from execmem_tui.view.inspect import distance, inside_at


@document
class InsideDocument:
    """The symbol or program that an address lies in."""

    closed: ClassVar = True
    name: str
    start: Hex


@document
class HoleDocument:
    """A free run of addresses."""

    closed: ClassVar = True
    start: Hex
    end: Hex
    size: Count


@document
class ReachDocument:
    """How code at the address can name the kernel's text."""

    closed: ClassVar = True
    name: str
    verdict: Verdict


@document
class TenantDocument:
    """One life of an address (--history); null where it began before, or goes on."""

    closed: ClassVar = True
    owner: str | None
    region: str | None
    start: Hex
    size: Count
    begins: Count | None
    ends: Count | None
    since: float | None
    until: float | None


@document
class WhatisDocument:
    """One address."""

    address: Hex
    area: AreaDocument | None
    part: PartDocument | None
    owner: str | None
    region: str | None
    type: TypeName | None
    window: Window | None
    place: Place
    inside: InsideDocument | None
    hole: HoleDocument | None
    distance: int | None
    reach: Sequence[ReachDocument]
    rules: RulesDocument | Absent = ABSENT
    tenants: Sequence[TenantDocument] | Absent = ABSENT


def _tenant(tenant: Tenant) -> TenantDocument:
    return TenantDocument(
        owner=tenant.area.owner,
        region=tenant.area.region,
        start=hex(tenant.area.start),
        size=tenant.area.size,
        begins=tenant.begins,
        ends=tenant.ends,
        since=tenant.since,
        until=tenant.until,
    )


def whatis_document(
    snapshot: Snapshot, address: Address, lives: Sequence[Tenant] | None = None
) -> WhatisDocument:
    """Return what is at the address.

    Reach counts from the address to the start of kernel text.
    """
    area = snapshot.area_at(address)
    part = None if area is None else area.part_at(address)
    layout = snapshot.layout
    inside = inside_at(snapshot, address)
    text = layout.text
    reach = [] if text is None else verdicts(layout, address, text)
    place = place_of(snapshot, address)
    hole = hole_at(layout, HoleIndex(snapshot), address) if place is Place.HOLE else None
    return WhatisDocument(
        address=hex(address),
        area=None if area is None else area_document(area),
        part=None if part is None else part_document(part),
        owner=None if area is None else area.owner,
        region=None if area is None else area.region,
        type=None if area is None or area.type is None else area.type.name,
        window=None if area is None else area.window,
        place=place,
        inside=None if inside is None else InsideDocument(name=inside[1], start=hex(inside[0])),
        hole=None
        if hole is None
        else HoleDocument(start=hex(hole[0]), end=hex(hole[1]), size=hole[1] - hole[0]),
        distance=distance(layout, address),
        reach=[ReachDocument(name=each.name, verdict=verdict) for each, verdict in reach],
        rules=rules_told(layout),
        tenants=ABSENT if lives is None else [_tenant(each) for each in lives],
    )

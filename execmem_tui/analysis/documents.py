"""The JSON objects that several commands share; keys may be added, none renamed."""

from collections.abc import Sequence
from typing import Any

from execmem_tui.analysis.holes import HoleIndex, meters
from execmem_tui.model.areas import Area, AreaState, Part, PartState
from execmem_tui.model.documents import (
    ABSENT,
    Absent,
    Added,
    Count,
    Hex,
    TypeName,
    document,
)
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Snapshot


@document
class PartDocument:
    """One used piece of an area: a kprobe slot, a BPF program in its pack, a trampoline."""

    start: Hex
    end: Hex
    size: Count
    name: str
    state: PartState


@document
class AreaDocument:
    """One area; `end` includes the guard, `size` does not.

    But the size of a module that lies in one area of /proc/vmallocinfo (before 6.4, or where its
    region is not known) is what that file counts, with the guard. ``parts`` only where its consumer
    divides it.
    """

    start: Hex
    end: Hex
    size: Count
    guard: Count
    type: TypeName | None
    owner: str | None
    region: str | None
    state: AreaState
    window: Window | None
    caller: Added[str | None]
    detail: Added[str]
    parts: Sequence[PartDocument] | Absent = ABSENT


@document
class CountersDocument:
    """What happened up to the step."""

    allocations: Count
    frees: Count
    failures: Count
    fallbacks: Count
    purges: Count


@document
class MeterDocument:
    """One type's share of address space, in bytes; null where addresses are hidden.

    ``used`` is at least so much where the list of areas is refused, and null where nothing of the
    type is seen then. ``largest_hole`` is the preferred window's; ``at_most`` is there, and true,
    where pools that no file shows may cut it.
    """

    used: Count | None
    lazy: Count | None
    free: Count | None
    largest_hole: Count | None
    at_most: bool | Absent = ABSENT


@document
class HiddenShareDocument:
    """What one caller has of the areas whose place is not known."""

    caller: str
    count: Count
    bytes_: Count
    type: TypeName | None
    owner: str | None


@document
class HiddenDocument:
    """Areas that are there and whose place is not known; guards count."""

    count: Count
    bytes_: Count
    complete: bool
    by_caller: Sequence[HiddenShareDocument]


def area_keys(area: Area) -> dict[str, Any]:
    """Return the keys of an area's document, for it and for documents that are more."""
    return {
        "start": hex(area.start),
        "end": hex(area.end),
        "size": area.footprint if _whole_module(area) else area.size,
        "guard": area.guard,
        "type": None if area.type is None else area.type.name,
        "owner": area.owner,
        "region": area.region,
        "state": area.state,
        "window": area.window,
        "caller": area.caller,
        "detail": area.detail,
        "parts": ABSENT if area.parts is None else [part_document(part) for part in area.parts],
    }


def _whole_module(area: Area) -> bool:
    return (
        area.type in (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)
        and area.region is None
        and area.caller is not None
    )


def meter_documents(snapshot: Snapshot) -> dict[str, MeterDocument]:
    """Return the meter of every type, by its name."""
    holes = HoleIndex(snapshot)
    hidden = bool(snapshot.hidden)
    found = {}
    for kind, meter in meters(snapshot, holes).items():
        entry = snapshot.layout.range_of(kind)
        found[kind.name] = MeterDocument(
            used=snapshot.hidden.used(kind, meter.used),
            lazy=None if hidden else meter.lazy,
            free=None if hidden else meter.free,
            largest_hole=None if hidden else holes.largest(entry.start, entry.end),
            at_most=True if snapshot.layout.cut_by_pools(kind) and not hidden else ABSENT,
        )
    return found


def hidden_document(hidden: Hidden) -> HiddenDocument:
    """Return what is known of hidden areas."""
    return HiddenDocument(
        count=hidden.count,
        bytes_=hidden.size,
        complete=hidden.complete,
        by_caller=[
            HiddenShareDocument(
                caller=each.caller,
                count=each.count,
                bytes_=each.size,
                type=None if each.type is None else each.type.name,
                owner=None,
            )
            for each in hidden.by_caller()
        ],
    )


def area_document(area: Area) -> AreaDocument:
    """Return one area."""
    return AreaDocument(**area_keys(area))


def part_document(part: Part) -> PartDocument:
    """Return one used piece of an area."""
    return PartDocument(
        start=hex(part.start),
        end=hex(part.end),
        size=part.size,
        name=part.name,
        state=part.state,
    )

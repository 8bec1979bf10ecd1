"""What a range held when the snapshot was taken.

Holes, with and without a purge, and whose the rest is.
"""

import re
from typing import Final

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes

_OFFSET: Final = re.compile(r"\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?")


@frozen(kw_only=True)
class Room:
    """The free space of a range, in bytes."""

    free: Bytes
    largest_hole: Bytes
    largest_at: Address | None
    holes: int
    holes_that_fit: int
    """Holes that a request of the padded size would fit into."""


@frozen(kw_only=True)
class Holder:
    """Somebody's share of a range; guard pages count."""

    name: str
    areas: int
    size: Bytes


@frozen(kw_only=True)
class Space:
    """A range of one snapshot."""

    start: Address
    end: Address
    now: Room
    purged: Room
    """As it would be if everything freed lazily were given back."""
    used: Bytes
    areas: int
    holders: tuple[Holder, ...]
    """Most bytes first."""


def _room(
    snapshot: Snapshot,
    span: tuple[Address, Address],
    padded: Bytes | None,
    align: Bytes,
    *,
    purged: bool,
) -> Room:
    start, end = span
    taken = [
        (area.start, area.end)
        for area in snapshot.between(start, end)
        if not (purged and area.state is AreaState.LAZY)
    ]
    image = snapshot.layout.image
    if image is not None:
        taken.append(image)
        taken.sort()
    free = largest = holes = fitting = 0
    largest_at: Address | None = None
    at = start
    for first, last in [*taken, (end, end)]:
        hole = min(first, end) - at
        if hole > 0:
            holes += 1
            free += hole
            if hole > largest:
                largest, largest_at = hole, at
            lost = -at % align
            fitting += padded is not None and hole - lost >= padded
        at = max(at, min(last, end))
    return Room(
        free=free,
        largest_hole=largest,
        largest_at=largest_at,
        holes=holes,
        holes_that_fit=fitting,
    )


def holder_of(area: Area) -> str:
    """Return whose an area is, as a list of holders names it: owner, else caller, else its kind."""
    if area.state is not AreaState.LIVE:
        return "freed, not yet purged"
    if area.type is not None and area.owner is not None:
        return area.owner
    caller = area.caller or area.owner
    return area.kind.value if caller is None else _OFFSET.sub("", caller)


def holders(areas: list[Area]) -> tuple[Holder, ...]:
    """Return who holds the areas, most bytes first."""
    found: dict[str, list[int]] = {}
    for area in areas:
        share = found.setdefault(holder_of(area), [0, 0])
        share[0] += 1
        share[1] += area.footprint
    return tuple(
        Holder(name=name, areas=count, size=size)
        for name, (count, size) in sorted(found.items(), key=lambda each: (-each[1][1], each[0]))
    )


def space_of(
    snapshot: Snapshot, start: Address, end: Address, padded: Bytes | None, align: Bytes = 1
) -> Space:
    """Return what [start, end) held.

    Args:
        snapshot: with real addresses.
        start: of the range, inclusive.
        end: of the range, exclusive.
        padded: the request with its guard page, to count the holes that fit; None if unknown.
        align: that the request asks for, in bytes.
    """
    areas = list(snapshot.between(start, end))
    now = _room(snapshot, (start, end), padded, align, purged=False)
    return Space(
        start=start,
        end=end,
        now=now,
        purged=_room(snapshot, (start, end), padded, align, purged=True),
        used=end - start - now.free,
        areas=len(areas),
        holders=holders(areas),
    )

"""What is remarkable about a machine at one moment.

One table of checks, each with its category, its count and its place.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.in_the_way import in_the_way
from execmem_tui.analysis.permissions import tells_of_permissions, writable_code
from execmem_tui.analysis.reach import call_reach
from execmem_tui.analysis.room import Room, Shortage, room_in
from execmem_tui.history import History
from execmem_tui.model.areas import ROX_OWNER, Area, AreaState
from execmem_tui.model.ranges import ExecmemType, Provenance, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import KIB, MIB, Address, Bytes, format_size

_PROBE: Final = (64 * KIB, 2 * MIB)
"""Bytes with guard: a small module, and one of the larger ones. What does not fit makes a
finding."""

_PIN: Final = 100
"""A hole is pinned if less than a hundredth of it is in use."""

_LARGER: Final = 12
"""Tenths: a hole that would be a fifth larger than the largest there is."""

_WORTH: Final[Bytes] = 4 * MIB
"""Smaller holes are not worth a word."""


class Category(StrEnum):
    """What a finding is about."""

    FALLBACK = "fallback in use"
    EXHAUSTED = "window exhausted"
    FRAGMENTED = "window fragmented"
    WRITABLE_CODE = "writable and executable"
    HELD_BLOCK = "ROX block held by one area"
    PINNED = "hole pinned by little"
    DUPLICATE = "loaded more than once"
    HIDDEN = "addresses hidden"
    FAR_WINDOW = "KASLR: no direct calls"
    ASSUMED = "ranges assumed"
    NOTE = "not known"


@frozen(kw_only=True)
class Found:
    """One finding."""

    category: Category
    count: int
    """Of areas, blocks, modules."""
    text: str
    """One printable sentence."""
    at: Address | None = None
    """Where to look; None where it has no place."""


Check = Callable[["Moment"], Iterator[Found]]


@frozen
class Moment:
    """What checks look at: a snapshot, its holes, and the history that led there."""

    snapshot: Snapshot
    holes: HoleIndex
    history: History | None = None

    def live(self) -> Iterator[Area]:
        """Yield the live areas of execmem, ascending."""
        for area in self.snapshot.areas:
            if area.type is not None and area.state is AreaState.LIVE:
                yield area

    def room(self) -> Room | None:
        """Return the room of the preferred window of modules, None where that is not known."""
        entry = self.snapshot.layout.range_of(ExecmemType.MODULE_TEXT)
        if entry.end <= entry.start or self.snapshot.hidden:
            return None
        return room_in(self.snapshot.layout, self.holes, entry.start, entry.end)


def _fallback(moment: Moment) -> Iterator[Found]:
    spilled = [area for area in moment.live() if area.window is Window.FALLBACK]
    if spilled:
        size = format_size(sum(area.footprint for area in spilled))
        yield Found(
            category=Category.FALLBACK,
            count=len(spilled),
            text=f"{_count(spilled, 'area')}, {size}, in the fallback window: {_names(spilled)}",
            at=spilled[0].start,
        )


def _shortage(moment: Moment) -> Iterator[Found]:
    room = moment.room()
    if room is None:
        return
    for need in _PROBE:
        shortage = room.shortage(need)
        if shortage is Shortage.NONE:
            continue
        exhausted = shortage is Shortage.EXHAUSTED
        yield Found(
            category=Category.EXHAUSTED if exhausted else Category.FRAGMENTED,
            count=room.holes,
            text=(
                f"{format_size(need)} fit nowhere near: {format_size(room.free)} are left, the"
                f" largest hole is {format_size(room.largest)}"
            ),
            at=moment.snapshot.layout.range_of(ExecmemType.MODULE_TEXT).start,
        )
        return


def _writable_code(moment: Moment) -> Iterator[Found]:
    history, layout = moment.history, moment.snapshot.layout
    if history is None:
        return
    strict = layout.capability.strict_module_rwx
    if strict and not tells_of_permissions(history):
        return
    areas = writable_code(history, moment.snapshot.step)
    if areas:
        why = "" if strict else f": {layout.arch} has no STRICT_MODULE_RWX"
        yield Found(
            category=Category.WRITABLE_CODE,
            count=len(areas),
            text=f"{_count(areas, 'area')} may be written and run at once{why}: {_names(areas)}",
            at=areas[0].start,
        )


def _held_blocks(moment: Moment) -> Iterator[Found]:
    pmd = moment.snapshot.layout.pmd_size
    blocks: dict[Address, list[Area]] = {}
    for area in moment.snapshot.areas:
        cached = area.state is AreaState.CACHE_FREE or (
            area.type is not None and moment.snapshot.layout.range_of(area.type).rox_cached
        )
        if cached and area.end - area.start <= pmd + area.guard:
            blocks.setdefault(area.start // pmd, []).append(area)
    held: list[Area] = []
    for pieces in blocks.values():
        used = [area for area in pieces if area.state is AreaState.LIVE]
        free = sum(area.size for area in pieces if area.owner == ROX_OWNER)
        if len(used) == 1 and free >= pmd // 2:
            held.append(used[0])
    if held:
        yield Found(
            category=Category.HELD_BLOCK,
            count=len(held),
            text=(
                f"{_count(held, 'ROX block')} cannot be given back for one area each:"
                f" {_names(held)}"
            ),
            at=held[0].start,
        )


def _pinned(moment: Moment) -> Iterator[Found]:
    room = moment.room()
    if room is None:
        return
    snapshot = moment.snapshot
    entry = snapshot.layout.range_of(ExecmemType.MODULE_TEXT)
    need = max(room.largest * _LARGER // 10, _WORTH)
    way = in_the_way(snapshot, entry.start, entry.end, need)
    if way is not None and way.cost * _PIN < way.leaves:
        yield Found(
            category=Category.PINNED,
            count=len(way.areas),
            text=(
                f"{format_size(way.cost)} of {_names(way.areas)} keep {format_size(way.leaves)}"
                f" from being one hole; the largest is {format_size(room.largest)}"
            ),
            at=way.areas[0].start,
        )


def _duplicates(moment: Moment) -> Iterator[Found]:
    texts = [area for area in moment.live() if area.region == "MOD_TEXT" and area.owner]
    counts = Counter(area.owner for area in texts)
    twice = [area for area in texts if counts[area.owner] > 1]
    owners = list(dict.fromkeys(area.owner or "" for area in twice))
    if owners:
        more = f" and {len(owners) - 3:,} more" if len(owners) > 3 else ""
        yield Found(
            category=Category.DUPLICATE,
            count=len(owners),
            text=f"more than one text of {', '.join(owners[:3])}{more}: loads at once, or a leak",
            at=twice[0].start,
        )


def _hidden(moment: Moment) -> Iterator[Found]:
    hidden = moment.snapshot.hidden
    if hidden:
        count = f"{hidden.count:,} area{'' if hidden.count == 1 else 's'}"
        size = format_size(hidden.size)
        yield Found(
            category=Category.HIDDEN,
            count=hidden.count,
            text=f"{count}, {size}, have no place here: {hidden.why or 'hidden'}",
        )


def _far_window(moment: Moment) -> Iterator[Found]:
    layout = moment.snapshot.layout
    image, reach = layout.image, call_reach(layout)
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    if image is None or reach is None or layout.plt is None or entry.end <= entry.start:
        return
    if layout.kaslr in ("off", "n/a"):
        return
    ends = (entry.start, entry.end - 4)
    if not any(reach.reaches(end, place) for end in ends for place in (image[0], image[1] - 4)):
        yield Found(
            category=Category.FAR_WINDOW,
            count=1,
            text=(
                f"this draw leaves no place in {reach.name} of the kernel: every module calls"
                f" through a {layout.plt.word}"
            ),
            at=entry.start,
        )


def _assumed(moment: Moment) -> Iterator[Found]:
    assumed = [
        kind.name
        for kind, entry in moment.snapshot.layout.types.items()
        if entry.provenance in (Provenance.ASSUMED, Provenance.UNKNOWN)
    ]
    if assumed:
        yield Found(
            category=Category.ASSUMED,
            count=len(assumed),
            text=f"where these may lie is not stated: {', '.join(assumed)}",
        )


def _notes(moment: Moment) -> Iterator[Found]:
    for note in moment.snapshot.layout.notes:
        yield Found(category=Category.NOTE, count=1, text=note)


CHECKS: Final[tuple[Check, ...]] = (
    _fallback,
    _shortage,
    _writable_code,
    _held_blocks,
    _pinned,
    _duplicates,
    _hidden,
    _far_window,
    _assumed,
    _notes,
)
"""The one table, the most alarming first."""


def findings(
    snapshot: Snapshot, history: History | None = None, holes: HoleIndex | None = None
) -> list[Found]:
    """Return what is remarkable about a snapshot.

    Args:
        snapshot: the moment.
        history: that it is of, for what only events tell; None leaves that out.
        holes: of the snapshot, where they are at hand.
    """
    moment = Moment(snapshot, HoleIndex(snapshot) if holes is None else holes, history)
    return [found for check in CHECKS for found in check(moment)]


def counts(snapshot: Snapshot, history: History) -> Iterator[int]:
    """Yield how much each check finds, one after the other.

    What is merely not known is no finding.
    """
    moment = Moment(snapshot, HoleIndex(snapshot), history)
    for check in CHECKS:
        yield sum(found.category is not Category.NOTE for found in check(moment))


def _count(areas: Sequence[Area], word: str) -> str:
    return f"{len(areas):,} {word}{'' if len(areas) == 1 else 's'}"


def _names(areas: Sequence[Area]) -> str:
    names = list(dict.fromkeys(area.owner or area.name for area in areas))
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"

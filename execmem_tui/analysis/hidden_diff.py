"""Two snapshots where one hides its addresses: what can be said, and nothing more.

What is hidden is not free and not freed, so areas cannot be paired by address. Counts and bytes by
caller can be compared always. Two hashed lists of one boot say more: there equal hashes are equal
addresses (lib/vsprintf.c: ptr_to_hashval, one key a boot), so areas are paired by hash and size.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Bytes

LAZY: Final = "unpurged vm_area"
"""What /proc/vmallocinfo says of areas that wait for a purge."""
_SAME_BOOT: Final = 0.5
"""So great a part of the hashes of the smaller list is in the other one, if both are of one boot:
the rest came and went. Of two boots, equal hashes are one in four billion."""


@frozen(kw_only=True)
class CallerChange:
    """One caller's lines of /proc/vmallocinfo on both sides; bytes with guards."""

    caller: str
    before: Bytes
    after: Bytes
    areas_before: int
    areas_after: int


@frozen(kw_only=True)
class HiddenDifference:
    """What can be said."""

    complete: bool
    """Both lists are whole; where the kernel refused one, nothing can be compared."""
    same_boot: bool
    """Both are hashed with one key."""
    came: int | None = None
    went: int | None = None
    """Areas that were allocated and freed between two lists of one boot;
    None where only counts are known."""
    callers: tuple[CallerChange, ...] = ()
    """Those whose lines differ, largest change first."""


def hidden_difference(before: Snapshot, after: Snapshot) -> HiddenDifference:
    """Compare two snapshots of which at least one has hidden areas."""
    if not (before.hidden.complete and after.hidden.complete):
        return HiddenDifference(complete=False, same_boot=False)
    hashes = _hashes(before.hidden), _hashes(after.hidden)
    shared = (hashes[0] & hashes[1]).total()
    least = min(each.total() for each in hashes)
    same_boot = shared > 0 and shared >= _SAME_BOOT * least
    sides = _callers(before), _callers(after)
    changes = []
    for caller in {**sides[0], **sides[1]}:
        old, new = (side.get(caller, (0, 0)) for side in sides)
        if old != new:
            changes.append(
                CallerChange(
                    caller=caller,
                    before=old[0],
                    after=new[0],
                    areas_before=old[1],
                    areas_after=new[1],
                )
            )
    changes.sort(key=lambda each: (-abs(each.after - each.before), each.caller))
    return HiddenDifference(
        complete=True,
        same_boot=same_boot,
        came=(hashes[1] - hashes[0]).total() if same_boot else None,
        went=(hashes[0] - hashes[1]).total() if same_boot else None,
        callers=tuple(changes),
    )


def _hashes(hidden: Hidden) -> "Counter[tuple[int, Bytes]]":
    """Return the live areas: what waits for a purge was freed."""
    return Counter(
        (area.hash, area.size) for area in hidden.areas if area.hash and area.caller != LAZY
    )


def _callers(snapshot: Snapshot) -> dict[str, tuple[Bytes, int]]:
    """Return (bytes, lines) by caller, of what is hidden and of what has a place and a line."""
    sums: dict[str, tuple[Bytes, int]] = {}
    hidden = ((area.caller, area.size, 1) for area in snapshot.hidden.areas)
    for caller, size, lines in (*hidden, *_placed(snapshot.areas, snapshot.hidden)):
        known = sums.get(caller, (0, 0))
        sums[caller] = known[0] + size, known[1] + lines
    return sums


def _placed(areas: Iterable[Area], hidden: Hidden) -> Iterable[tuple[str, Bytes, int]]:
    """Yield the areas that are lines of the list themselves.

    Beside hidden ones, an area without a caller is told by sections or symbols: its line is among
    the hidden. Of an area that was cut into pieces the last one has the guard, and counts.
    """
    for area in areas:
        if area.state is AreaState.POOLED or (hidden and not area.caller):
            continue
        lazy = area.state is AreaState.LAZY
        caller = LAZY if lazy and not area.caller else (area.caller or "unknown").partition("+")[0]
        owned = area.type is not None or area.state is AreaState.CACHE_FREE
        piece = owned and not area.guard and not lazy
        yield caller, area.size + area.guard, 0 if piece else 1

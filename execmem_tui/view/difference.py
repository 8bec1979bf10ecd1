"""The lens *difference*: what of this moment was not there at the pinned one, moved, grew, or is the same."""

from typing import Final

from attrs import define, field

from execmem_tui.analysis.superpose import Difference, Place, Superposition, place
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Bytes, format_size
from execmem_tui.view.paint import LensName

_LOOKS: Final = {
    Difference.ONLY_B: "only-b",
    Difference.MOVED: "moved",
    Difference.GROWN: "grown",
    Difference.SAME: "same",
}


@define(eq=False)
class DifferenceLens:
    """Compares each area with the pinned snapshot. One for a pin: it is compared by identity.

    An area is found again at its place in its window, else anywhere by owner and region.

    Args:
        before: the pinned snapshot.
        layout: of the snapshots that are painted.
    """

    before: Snapshot
    layout: Layout
    name: LensName = field(default=LensName.DIFFERENCE, init=False)
    _known: dict[tuple[str, str], dict[Place, Bytes]] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._known = {}
        for area in self.before.areas:
            if area.type is not None and area.state is AreaState.LIVE:
                mine = self._known.setdefault((area.owner or "", area.region or ""), {})
                mine[place(self.before.layout, area)] = area.size

    def __call__(self, area: Area) -> str:
        """Return ``same``, ``moved``, ``grown`` or ``only-b``; what is not compared keeps its kind."""
        if area.type is None or area.state is not AreaState.LIVE:
            return area.kind.value
        return _LOOKS[self._difference(area)]

    def _difference(self, area: Area) -> Difference:
        mine = self._known.get((area.owner or "", area.region or ""))
        if mine is None:
            return Difference.ONLY_B
        there = mine.get(place(self.layout, area))
        if there is not None:
            return Difference.SAME if there == area.size else Difference.GROWN
        return Difference.MOVED if area.size in mine.values() else Difference.GROWN


def difference_text(before: Snapshot, after: Snapshot) -> str:
    """Return what differs in one line: ``since step 120: 13 only B · 1 moved, 2.1M more``."""
    found = Superposition(before, after)
    delta = sum(each.delta for each in found.pairings)
    more = f", {format_size(abs(delta))} {'more' if delta > 0 else 'less'}" if delta else ""
    return f"since step {before.step:,}: {found.text}{more}"

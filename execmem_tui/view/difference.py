"""The lens *difference*: what of this moment was not there at the pinned one, moved, grew, or is the same."""

from typing import Final

from execmem_tui.analysis.superpose import Difference, Sum, Superposition
from execmem_tui.model.areas import Area
from execmem_tui.model.blocks import Block
from execmem_tui.model.records import define, field
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes, format_size
from execmem_tui.view.paint import Ghost, LensName

LOOKS: Final = {
    Difference.ONLY_A: "only-a",
    Difference.ONLY_B: "only-b",
    Difference.MOVED: "moved",
    Difference.GROWN: "grown",
    Difference.SAME: "same",
}
"""How each difference looks."""

_RETIRED: Final = 256
"""Blocks that are remembered because they may come back."""


@define(eq=False)
class DifferenceLens:
    """Colours what became of each area since the pinned snapshot.

    Blocks remember what a lens made of them, so one lens serves many steps: as long as all that
    differs otherwise than before lies in blocks that are new. It is compared by identity.
    """

    found: Superposition
    """Of the pinned snapshot and the one that is shown."""
    name: LensName = field(default=LensName.DIFFERENCE, init=False)
    _retired: set[Block] = field(factory=set, init=False, repr=False)
    """What it painted and is gone: should it come back, what it remembers may be out of date."""

    def __call__(self, area: Area) -> str:
        """Return ``same``, ``moved``, ``grown`` or ``only-b``; what is not compared keeps its kind."""
        found = self.found.of(area)
        return area.kind.value if found is None else LOOKS[found]

    def ghosts(self, start: Address, end: Address) -> tuple[Ghost, ...]:
        """Return what is only in A and would touch [start, end), ascending."""
        return tuple(
            Ghost(each.at, each.at + each.area.size, LOOKS[Difference.ONLY_A], each.area)
            for each in self.found.gone_within(start, end)
        )

    def then(self, after: Snapshot) -> "DifferenceLens":
        """Return the lens for another snapshot: this one, if what blocks remember of it holds."""
        found = Superposition(self.found.before, after, self.found)
        back = not self._retired.isdisjoint(found.added)
        if found.stirred or back or len(self._retired) > _RETIRED:
            return DifferenceLens(found)
        if found.after.layout is not self.found.after.layout:
            return DifferenceLens(found)
        self._retired.update(found.retired)
        self.found = found
        return self


def difference_text(before: Snapshot, after: Snapshot) -> str:
    """Return what differs in one line: ``since step 120: 13 only B · 1 moved, 2.1M more``."""
    return f"since step {before.step:,}: {sums_text(Superposition(before, after))}"


def sums_text(found: Superposition) -> str:
    """Return ``13 only B 2.1M · 1 moved · 530 same: 2.1M more`` of two snapshots laid over each other."""
    parts = [_sum_text(name, found.sums[name]) for name in Difference if found.sums[name].areas]
    more = found.delta
    whole = f": {format_size(abs(more))} {'more' if more > 0 else 'less'}" if more else ""
    return f"{' · '.join(parts) or 'nothing to compare'}{whole}"


def _sum_text(name: Difference, found: Sum) -> str:
    size: Bytes = abs(found.delta)
    words = f"{found.areas:,} {name.value}"
    return f"{words} {format_size(size)}" if size else words

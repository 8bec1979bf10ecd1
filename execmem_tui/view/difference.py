"""The lens *difference*.

What of this moment was not there at the pinned one, moved, grew, or is the same.
"""

from typing import Final

from attrs import field

from execmem_tui.analysis.superpose import Difference, Superposition
from execmem_tui.model.areas import Area
from execmem_tui.model.records import define
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address
from execmem_tui.view.ghost import Ghost
from execmem_tui.view.kinds import GONE
from execmem_tui.view.paint import LensName

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
class BeforeLens:
    """Colours the pinned snapshot itself: what will become of each area. Compared by identity."""

    found: Superposition
    name: LensName = field(default=LensName.DIFFERENCE, init=False)
    token: object = field(factory=object, init=False, repr=False)

    def __call__(self, area: Area) -> str:
        """Return ``same``, ``moved``, ``grown`` or ``only-a``.

        What is not compared keeps its kind.
        """
        found = self.found.of_before(area)
        return area.kind.value if found is None else LOOKS[found]

    def then(self, found: Superposition) -> "BeforeLens":
        """Return the lens for the next step of B: this one, if all of A looks as before."""
        if found.echoed:
            return BeforeLens(found)
        self.found = found
        return self


@define(eq=False)
class DifferenceLens:
    """Colours what became of each area since the pinned snapshot.

    Blocks remember what a lens made of them, so one lens serves many steps: as long as all that
    differs otherwise than before lies in blocks that are new. It is compared by identity.
    """

    found: Superposition
    """Of the pinned snapshot and the one that is shown."""
    name: LensName = field(default=LensName.DIFFERENCE, init=False)
    token: object = field(factory=object, init=False, repr=False)
    echo: BeforeLens = field(init=False)
    """The lens of the pinned snapshot's own map."""
    _retired: set[object] = field(factory=set, init=False, repr=False)
    """Tokens of the blocks that it painted and that are gone: should one come back, what it
    remembers may be out of date."""

    def __attrs_post_init__(self) -> None:
        self.echo = BeforeLens(self.found)

    def __call__(self, area: Area) -> str:
        """Return ``same``, ``moved``, ``grown`` or ``only-b``.

        What is not compared keeps its kind.
        """
        found = self.found.of(area)
        return area.kind.value if found is None else LOOKS[found]

    def ghosts(self, start: Address, end: Address) -> tuple[Ghost, ...]:
        """Return what is only in A and would touch [start, end), ascending."""
        return tuple(
            Ghost(each.at, each.at + each.area.size, GONE, each.area)
            for each in self.found.gone_within(start, end)
        )

    def then(self, after: Snapshot) -> "DifferenceLens":
        """Return the lens for another snapshot: this one, if what blocks remember of it holds."""
        found = Superposition(self.found.before, after, self.found)
        if found.after.layout is not self.found.after.layout:
            return DifferenceLens(found)
        echo = self.echo.then(found)
        back = not self._retired.isdisjoint(block.token for block in found.added)
        if found.stirred or back or len(self._retired) > _RETIRED:
            fresh = DifferenceLens(found)
            fresh.echo = echo
            return fresh
        self.echo = echo
        self._retired.update(block.token for block in found.retired)
        self.found = found
        return self

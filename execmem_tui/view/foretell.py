"""A map on which something lies that is not there yet: dashed, until it is done or left alone."""

from collections.abc import Iterable
from typing import Final

from attrs import evolve, field

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.blocks import AreaShelf
from execmem_tui.model.ranges import Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.view.kinds import FORETOLD, FORETOLD_FAR
from execmem_tui.view.paint import LensName, Paint

_MARK: Final = "not there yet"
"""The detail of an area that is foretold."""


@frozen
class ForetoldLens:
    """The kinds, but for what is not there yet."""

    name: LensName = field(default=LensName.KIND, init=False)

    def __call__(self, area: Area) -> str:
        """Return the kind, ``foretold``, or ``foretold-far`` for the fallback window."""
        if area.detail != _MARK:
            return area.kind.value
        return FORETOLD_FAR if area.caller == FORETOLD_FAR else FORETOLD


PAINT: Final = Paint(lens=ForetoldLens())


def foretold(snapshot: Snapshot, areas: Iterable[Area]) -> Snapshot:
    """Return the snapshot with `areas` where they would lie.

    What is lazy or pooled there gives way.
    """
    shelf = AreaShelf(snapshot.areas)
    for area in areas:
        for old in tuple(shelf.areas().between(area.start, area.end)):
            if old.state is not AreaState.LIVE:
                shelf.remove(old)
                # the rest of a free piece of a ROX block stays what it is
                if old.start < area.start:
                    shelf.add(evolve(old, size=area.start - old.start, guard=0))
                if area.end < old.end:
                    rest = old.end - area.end
                    shelf.add(evolve(old, start=area.end, size=rest, guard=0))
        far = FORETOLD_FAR if area.window is Window.FALLBACK else None
        shelf.add(evolve(area, detail=_MARK, caller=far, window=None, parts=None))
    return evolve(snapshot, areas=shelf.areas())

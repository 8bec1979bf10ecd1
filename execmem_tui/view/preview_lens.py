"""A map on which something lies that is not there yet: dashed, until it is done or left alone."""

from collections.abc import Iterable
from typing import Final

from attrs import evolve, field

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.blocks import MutableAreas
from execmem_tui.model.ranges import Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.view.kinds import PREVIEWED, PREVIEWED_FAR
from execmem_tui.view.paint import LensName, Paint

_MARK: Final = "not there yet"
"""The detail of an area that is previewed."""


@frozen
class PreviewLens:
    """The kinds, but for what is not there yet."""

    name: LensName = field(default=LensName.KIND, init=False)
    token: str = field(default="preview", init=False)

    def __call__(self, area: Area) -> str:
        """Return the kind, ``previewed``, or ``previewed-far`` for the fallback window."""
        if area.detail != _MARK:
            return area.kind.value
        return PREVIEWED_FAR if area.caller == PREVIEWED_FAR else PREVIEWED


PAINT: Final = Paint(lens=PreviewLens())


def with_preview(snapshot: Snapshot, areas: Iterable[Area]) -> Snapshot:
    """Return the snapshot with `areas` where they would lie.

    What is lazy or pooled there gives way.
    """
    found = MutableAreas(snapshot.areas)
    for area in areas:
        for old in tuple(found.areas().between(area.start, area.end)):
            if old.state is not AreaState.LIVE:
                found.remove(old)
                # the rest of a free piece of a ROX block stays what it is
                if old.start < area.start:
                    found.add(evolve(old, size=area.start - old.start, guard=0))
                if area.end < old.end:
                    rest = old.end - area.end
                    found.add(evolve(old, start=area.end, size=rest, guard=0))
        far = PREVIEWED_FAR if area.window is Window.FALLBACK else None
        found.add(evolve(area, detail=_MARK, caller=far, window=None, parts=None))
    return evolve(snapshot, areas=found.areas())

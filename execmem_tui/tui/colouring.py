"""From lens, filter, origin and pinned moment to what the cells of the map show."""

from typing import TYPE_CHECKING

from execmem_tui.analysis.reach import kernel_origin
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import Side
from execmem_tui.tui.stage import Stage
from execmem_tui.view.paint import KINDS, Lens, LensName, OwnerLens, Paint, ReachLens, parse_filter
from execmem_tui.view.shown import Shown

if TYPE_CHECKING:
    from execmem_tui.view.difference import DifferenceLens


class Colouring:
    """Makes the paint of a snapshot from what the stage asks for.

    Lenses that are compared by identity are kept: what blocks remember of one holds only for it.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._reach: ReachLens | None = None
        self._difference: DifferenceLens | None = None
        self._other: Shown | None = None
        """What the map beside shows."""

    def shown(self, snapshot: Snapshot, before: Shown | None = None) -> Shown:
        """Return the models of a snapshot as it is to be shown now."""
        stage = self._stage
        if stage.pinned is None:
            return Shown(snapshot, before, self.paint(snapshot))
        from execmem_tui.view.compared import compared

        found = self._difference_on(stage.pinned.snapshot, snapshot).found
        words = compared(stage.pinned, Side(snapshot, stage.source.title), found)
        paint = self.paint(snapshot)
        beside = self._beside(stage.pinned.snapshot) if stage.side_by_side else None
        return Shown(snapshot, before, paint, beside, words)

    def _beside(self, pinned: Snapshot) -> Shown:
        """Return what the map beside shows: the same object while it is the same."""
        wanted = parse_filter(self._stage.filter)
        lens: Lens | None = OwnerLens() if self._stage.lens is LensName.OWNER else None
        if self._stage.lens is LensName.DIFFERENCE and self._difference is not None:
            lens = self._difference.echo
        paint = KINDS if lens is None and wanted is None else Paint(filter=wanted)
        if lens is not None:
            paint = Paint(lens=lens, filter=wanted)
        known = self._other
        if known is None or known.snapshot is not pinned or known.paint != paint:
            known = self._other = Shown(pinned, known, paint)
        return known

    def paint(self, snapshot: Snapshot) -> Paint:
        """Return lens and filter for a snapshot: the same object while they are the same."""
        wanted = parse_filter(self._stage.filter)
        lens = self._lens(snapshot)
        if lens is None:
            return Paint(filter=wanted) if wanted else KINDS
        return Paint(lens=lens, filter=wanted)

    def _lens(self, snapshot: Snapshot) -> Lens | None:
        """Return the lens that is asked for; None for kinds, and where there is nothing to tell."""
        stage = self._stage
        if stage.lens is LensName.OWNER:
            return OwnerLens()
        if stage.lens is LensName.REACH:
            return self._reach_on(snapshot.layout)
        if stage.lens is LensName.DIFFERENCE and stage.pinned is not None:
            return self._difference_on(stage.pinned.snapshot, snapshot)
        return None

    def _reach_on(self, layout: Layout) -> ReachLens | None:
        origin = self._stage.shown.origin_at(self._stage.origin) or kernel_origin(layout)
        lens = self._reach
        if origin is not None and (
            lens is None or lens.origin != origin or lens.layout is not layout
        ):
            lens = self._reach = ReachLens(layout, origin)
        return None if origin is None else lens

    def _difference_on(self, pinned: Snapshot, snapshot: Snapshot) -> "DifferenceLens":
        from execmem_tui.analysis.superpose import Superposition
        from execmem_tui.view.difference import DifferenceLens

        lens = self._difference
        if lens is None or lens.found.before is not pinned:
            lens = DifferenceLens(Superposition(pinned, snapshot))
        elif lens.found.after is not snapshot:
            lens = lens.then(snapshot)
        self._difference = lens
        return lens

"""What the stage asks for, as what the cells of the map show."""

from execmem_tui.analysis.reach import kernel_origin
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import Side, Source
from execmem_tui.tui.stage import Stage
from execmem_tui.view.paint import KINDS, Lens, LensName, Paint
from execmem_tui.view.painter import Painter, Wanted
from execmem_tui.view.shown import Shown


class Colouring:
    """Makes the paint of a snapshot from the stage's lens, filter, origin and pinned moment."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._painter = Painter()
        self._other: Shown | None = None
        """What the map beside shows."""

    def shown(
        self, snapshot: Snapshot, before: Shown | None = None, source: Source | None = None
    ) -> Shown:
        """Return the models of a snapshot as it is to be shown now.

        Args:
            snapshot: a step.
            before: what was shown before it, whose counters go on.
            source: of the snapshot; the stage's where it is left out.
        """
        stage = self._stage
        paint = self.paint(snapshot, source)
        if stage.pinned is None:
            return Shown(snapshot, before, paint)
        from execmem_tui.view.compared import compared

        title = (source or stage.source).title
        found = self._painter.difference(stage.pinned.snapshot, snapshot).found
        words = compared(stage.pinned, Side(snapshot, title), found)
        beside = self._beside(stage.pinned.snapshot) if stage.side_by_side else None
        return Shown(snapshot, before, paint, beside, words)

    def _beside(self, pinned: Snapshot) -> Shown:
        """Return what the map beside shows: the same object while it is the same."""
        from execmem_tui.view.filter import parse_filter
        from execmem_tui.view.lenses import OwnerLens

        wanted = parse_filter(self._stage.filter)
        lens: Lens | None = OwnerLens() if self._stage.lens is LensName.OWNER else None
        if self._stage.lens is LensName.DIFFERENCE:
            lens = self._painter.echo
        paint = KINDS if lens is None and wanted is None else Paint(filter=wanted)
        if lens is not None:
            paint = Paint(lens=lens, filter=wanted)
        known = self._other
        if known is None or known.snapshot is not pinned or known.paint != paint:
            known = self._other = Shown(pinned, known, paint)
        return known

    def paint(self, snapshot: Snapshot, source: Source | None = None) -> Paint:
        """Return the paint of a snapshot; of another source than the stage's where one is given."""
        stage = self._stage
        origin = None
        if stage.lens is LensName.REACH:
            origin = stage.shown.origin_at(stage.origin) or kernel_origin(snapshot.layout)
        pinned = None if stage.pinned is None else stage.pinned.snapshot
        wanted = Wanted(lens=stage.lens, filter=stage.filter, origin=origin, pinned=pinned)
        return self._painter.paint(snapshot, source or stage.source, wanted)

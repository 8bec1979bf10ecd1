"""What the application asks for, as what the cells of the map show."""

from execmem_tui.analysis.reach import kernel_origin
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import Side, Source
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.view.paint import KINDS, Lens, LensName, Paint
from execmem_tui.view.painter import Painter, Wanted
from execmem_tui.view.shown import Shown


class Colouring:
    """Makes the paint of a snapshot from the lens, filter, origin and pinned moment asked for."""

    def __init__(self, app: AppProtocol) -> None:
        self._app = app
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
            source: of the snapshot; the application's where it is left out.
        """
        app = self._app
        paint = self.paint(snapshot, source)
        if app.pinned is None:
            return Shown(snapshot, before, paint)
        from execmem_tui.view.compared import compared

        title = (source or app.source).title
        found = self._painter.difference(app.pinned.snapshot, snapshot).found
        words = compared(app.pinned, Side(snapshot, title), found)
        beside = self._beside(app.pinned.snapshot) if app.side_by_side else None
        return Shown(snapshot, before, paint, beside, words)

    def _beside(self, pinned: Snapshot) -> Shown:
        """Return what the map beside shows: the same object while it is the same."""
        from execmem_tui.view.filter import parse_filter
        from execmem_tui.view.lenses import OwnerLens

        wanted = parse_filter(self._app.filter)
        lens: Lens | None = OwnerLens() if self._app.lens is LensName.OWNER else None
        if self._app.lens is LensName.DIFFERENCE:
            lens = self._painter.echo
        paint = KINDS if lens is None and wanted is None else Paint(filter=wanted)
        if lens is not None:
            paint = Paint(lens=lens, filter=wanted)
        known = self._other
        if known is None or known.snapshot is not pinned or known.paint != paint:
            known = self._other = Shown(pinned, known, paint)
        return known

    def paint(self, snapshot: Snapshot, source: Source | None = None) -> Paint:
        """Return the paint of a snapshot, of the source that is shown unless another is given."""
        app = self._app
        origin = None
        if app.lens is LensName.REACH:
            origin = app.shown.origin_at(app.origin) or kernel_origin(snapshot.layout)
        pinned = None if app.pinned is None else app.pinned.snapshot
        wanted = Wanted(lens=app.lens, filter=app.filter, origin=origin, pinned=pinned)
        return self._painter.paint(snapshot, source or app.source, wanted)

"""From lens, filter, origin and pinned moment to what the cells of the map show."""

from typing import TYPE_CHECKING, NamedTuple

from execmem_tui.analysis.reach import Origin
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import Source
from execmem_tui.view.paint import KINDS, Lens, LensName, Paint

if TYPE_CHECKING:  # each comes with the first paint that needs it
    from execmem_tui.view.difference import DifferenceLens
    from execmem_tui.view.filter import Filter
    from execmem_tui.view.lens_tables import LensTables
    from execmem_tui.view.lenses import ReachLens


class Wanted(NamedTuple):
    """What the map is to show of a moment."""

    lens: LensName = LensName.KIND
    filter: str = ""
    """As typed."""
    origin: Origin | None = None
    """Where reach counts from; None where that is not known."""
    pinned: Snapshot | None = None
    """What the lens *difference* compares with."""


class Painter:
    """Makes the paint of a snapshot.

    Lenses that are compared by identity are kept: what blocks remember of one holds only for it.
    """

    def __init__(self) -> None:
        self._tables: LensTables | None = None
        self._reach: ReachLens | None = None
        self._difference: DifferenceLens | None = None

    def paint(self, snapshot: Snapshot, source: Source, wanted: Wanted) -> Paint:
        """Return lens and filter for a snapshot of a source.

        The same object while they are the same.
        """
        asked = _filter(snapshot, source, wanted.filter)
        lens = self._lens(snapshot, source, wanted)
        if lens is None:
            return Paint(filter=asked) if asked else KINDS
        return Paint(lens=lens, filter=asked)

    def _lens(self, snapshot: Snapshot, source: Source, wanted: Wanted) -> Lens | None:
        """Return the lens that is asked for; None for kinds, and where there is nothing to tell."""
        match wanted.lens:
            case LensName.OWNER:
                from execmem_tui.view.lenses import OwnerLens

                return OwnerLens()
            case LensName.PERMISSION:
                return self._of_events().permission(source, snapshot.step)
            case LensName.AGE:
                return self._of_events().age(source, snapshot.step)
            case LensName.REACH if wanted.origin is not None:
                return self._reach_on(snapshot.layout, wanted.origin)
            case LensName.DIFFERENCE if wanted.pinned is not None:
                return self.difference(wanted.pinned, snapshot)
        return None

    def _of_events(self) -> "LensTables":
        from execmem_tui.view.lens_tables import LensTables

        if self._tables is None:
            self._tables = LensTables()
        return self._tables

    def _reach_on(self, layout: Layout, origin: Origin) -> "ReachLens":
        from execmem_tui.view.lenses import ReachLens

        lens = self._reach
        if lens is None or lens.origin != origin or lens.layout is not layout:
            lens = self._reach = ReachLens(layout, origin)
        return lens

    @property
    def echo(self) -> Lens | None:
        """The lens of the other side of the newest difference."""
        return None if self._difference is None else self._difference.echo

    def difference(self, pinned: Snapshot, snapshot: Snapshot) -> "DifferenceLens":
        """Return the lens that compares a snapshot with a pinned one."""
        from execmem_tui.analysis.superpose import Superposition
        from execmem_tui.view.difference import DifferenceLens

        lens = self._difference
        if lens is None or lens.found.before is not pinned:
            lens = DifferenceLens(Superposition(pinned, snapshot))
        elif lens.found.after is not snapshot:
            lens = lens.then(snapshot)
        self._difference = lens
        return lens


def _filter(snapshot: Snapshot, source: Source, text: str) -> "Filter | None":
    if not text:
        return None
    from execmem_tui.view.filter import parse_filter

    if "rwx" not in text.lower().split():
        return parse_filter(text)
    from execmem_tui.analysis.permissions import writable_code
    from execmem_tui.view.lens_tables import knows_rights

    if not knows_rights(source):
        return parse_filter(text)
    areas = writable_code(source.history, snapshot.step)
    return parse_filter(text, frozenset(area.start for area in areas))

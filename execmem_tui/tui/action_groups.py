"""What the keys do, in parts: each is made, and imported, when the first of its keys is pressed.

None of it is on the first frame, which would wait for all of it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from execmem_tui.tui.app import ExecmemApp
    from execmem_tui.tui.comparing import CompareActions
    from execmem_tui.tui.exporting import ExportActions
    from execmem_tui.tui.flashing import Flashing
    from execmem_tui.tui.highlighting import Highlighting
    from execmem_tui.tui.kernel import KernelActions
    from execmem_tui.tui.looking import LookActions
    from execmem_tui.tui.noting import NoteActions
    from execmem_tui.tui.opening import OpenActions
    from execmem_tui.tui.presenting import PresenterActions
    from execmem_tui.tui.showing import Showing
    from execmem_tui.tui.source_jobs import SourceJobs
    from execmem_tui.tui.timeline import TimeActions
    from execmem_tui.tui.touring import TourActions
    from execmem_tui.tui.why import WhyActions


class ActionGroups:
    """Where a key looks for its action, one after the other; each is there when it is its turn.

    Args:
        app: has them all.
    """

    def __init__(self, app: "ExecmemApp") -> None:
        self._app = app

    def __iter__(self) -> Iterator[object]:
        """Yield them."""
        app = self._app
        yield app.kernel
        yield app.time
        yield app.look
        yield app.opens
        yield app.whys
        yield app.compares
        yield app.tours
        yield app.presenter
        yield app.exports
        yield app.noting
        yield app


def highlighting(app: "ExecmemApp") -> "Highlighting":
    """Return what stands out on the map for a while."""
    from execmem_tui.tui.highlighting import Highlighting

    return Highlighting(app)


def kernel(app: "ExecmemApp") -> "KernelActions":
    """Return what is done to a simulated kernel."""
    from execmem_tui.tui.kernel import KernelActions

    return KernelActions(app, app.highlighting.preview)


def time(app: "ExecmemApp") -> "TimeActions":
    """Return what moves in time."""
    from execmem_tui.tui.timeline import TimeActions

    return TimeActions(app)


def whys(app: "ExecmemApp") -> "WhyActions":
    """Return what explains."""
    from execmem_tui.tui.why import WhyActions

    return WhyActions(app, app.highlighting.ring)


def look(app: "ExecmemApp") -> "LookActions":
    """Return what looks elsewhere."""
    from execmem_tui.tui.looking import LookActions

    return LookActions(app, app.time.goto_time, app.whys.tenant, app.time.goto_step)


def opens(app: "ExecmemApp") -> "OpenActions":
    """Return what opens another source."""
    from execmem_tui.tui.opening import OpenActions

    return OpenActions(app, app.jobs.open)


def presenter(app: "ExecmemApp") -> "PresenterActions":
    """Return the presenter's view."""
    from execmem_tui.tui.presenting import PresenterActions

    return PresenterActions(app)


def exports(app: "ExecmemApp") -> "ExportActions":
    """Return what writes to a file."""
    from execmem_tui.tui.exporting import ExportActions

    return ExportActions(app)


def noting(app: "ExecmemApp") -> "NoteActions":
    """Return what keeps a notebook."""
    from execmem_tui.tui.noting import NoteActions

    return NoteActions(app)


def compares(app: "ExecmemApp") -> "CompareActions":
    """Return what compares."""
    from execmem_tui.tui.comparing import CompareActions

    return CompareActions(app, lambda: app.size.width, app.jobs.compare)


def tours(app: "ExecmemApp") -> "TourActions":
    """Return the guided tours."""
    from execmem_tui.tui.touring import TourActions

    return TourActions(app)


def jobs(app: "ExecmemApp") -> "SourceJobs":
    """Return what is opened and read off the event loop."""
    from execmem_tui.tui.source_jobs import SourceJobs

    return SourceJobs(app)


def showing(app: "ExecmemApp") -> "Showing":
    """Return what knows the source before."""
    from execmem_tui.tui.showing import Showing

    return Showing(app, app.colouring)


def flashing(app: "ExecmemApp") -> "Flashing":
    """Return what lets stand out what a step changed."""
    from execmem_tui.tui.flashing import Flashing

    return Flashing(app)

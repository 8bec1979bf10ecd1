"""Keys that compare.

Pin a moment, compare with another machine, two maps, from difference to difference.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from execmem_tui.files.regular import user_path
from execmem_tui.model.errors import UsageError
from execmem_tui.sources.base import Progress, Side
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.view.split import WIDE

if TYPE_CHECKING:
    from execmem_tui.analysis.superpose import Pairing
    from execmem_tui.view.compared import Compared


class CompareActions:
    """What is compared with, and how it is shown.

    Args:
        app: what is compared.
        columns: of the terminal.
        read: reads off the event loop what is to be compared with, and pins it when it is there.
    """

    def __init__(
        self,
        app: AppProtocol,
        columns: Callable[[], int],
        read: Callable[[str, Iterator[Progress | Side]], None],
    ) -> None:
        self._app = app
        self._columns = columns
        self._read = read
        self._chosen: bool | None = None
        """Whether two maps were asked for; None: as the terminal has room."""

    @property
    def side_by_side(self) -> bool:
        """Whether what is compared with has a map of its own."""
        if self._app.pinned is None:
            return False
        return self._columns() >= WIDE if self._chosen is None else self._chosen

    def action_pin(self) -> None:
        """Pin this moment, then let it go."""
        from execmem_tui.view.compared import moment

        app = self._app
        snapshot = app.shown.snapshot
        if app.pinned is None:
            app.pin(Side(snapshot, app.source.title))
            app.say(f"{moment(snapshot)} is pinned as A: go elsewhere, = lets it go")
        else:
            self._chosen = None
            app.pin(None)
            app.say("nothing is compared any more")

    def action_compare(self) -> None:
        """Ask with what to compare."""
        from execmem_tui.tui.screens.dialogs import AskLine

        what = "kernel=6.12, arch=x86, kaslr=7, step=0, a path, RUN:PHASE"
        self._app.ask(AskLine("Compare with", self.compare, what=what))

    def compare(self, line: str) -> None:
        """Compare with another machine, kernel, moment or source from here on.

        With a source once it is read.

        Raises:
            UsageError: it is none.
        """
        from execmem_tui.sources.against import against, names_source, read_side

        if names_source(line):
            user_path(line)  # said in the dialog, not after it has gone
            self._read(line, read_side(line))
        else:
            self._app.pin(against(line, self._app.source))

    def action_beside(self) -> None:
        """Give what is compared with a map of its own, or lay it under the one map again."""
        if self._app.pinned is None:
            raise UsageError(
                "there is nothing to show beside this", hint="= pins this moment, C compares"
            )
        self._chosen = not self.side_by_side
        self._app.paint_anew()

    def action_next_difference(self) -> None:
        """Go to the next difference, then round."""
        self._step(forward=True)

    def action_previous_difference(self) -> None:
        """Go to the previous difference, then round."""
        self._step(forward=False)

    def _step(self, *, forward: bool) -> None:
        app = self._app
        found = self._compared().found
        start, end = app.shown.span(app.pane)
        here = [each for each in found.differences if start <= each.at < end] or list(
            found.differences
        )
        if not here:
            app.say("nothing differs")
            return
        near = found.neighbour(app.cursor, forward=forward)
        if near is None or near not in here:
            near = here[0 if forward else -1]
            app.say(f"round to the {'first' if forward else 'last'} difference")
        app.look_at(near.at)

    def action_differences(self) -> None:
        """List all that differs; Enter goes there."""
        from execmem_tui.tui.screens.differences import DifferenceSheet

        self._app.ask(DifferenceSheet(self._compared(), self.go_to))

    def go_to(self, pairing: "Pairing") -> None:
        """Go to a difference, in the pane whose map has it."""
        from execmem_tui.analysis.superpose import Difference

        pane = self._app.shown.pane_of_type(pairing.area.type, self._app.pane)
        self._app.look_at(pairing.at, pane=pane)
        if pairing.difference is Difference.ONLY_A:
            self._app.say("only A has it: it is not there in B")

    def _compared(self) -> "Compared":
        compared = self._app.shown.compared
        if compared is None:
            raise UsageError(
                "nothing is compared", hint="= pins this moment, C compares with another machine"
            )
        return compared

"""What one does to the simulated kernel: allocate, insert, free, purge, undo, redo."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.events import Allocated
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Bytes
from execmem_tui.sources.base import Commanded
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.view.panes import pane_type

if TYPE_CHECKING:
    from execmem_tui.commands.preview import Preview

TEXT: Final = ExecmemType.MODULE_TEXT
_NO_COMMAND: Final = "nothing was commanded here: [ and { go back in time, ] and } on"
_MOST_PREVIEWED: Final = 1000
"""Requests that a preview makes at most: it follows what is typed."""


class KernelActions:
    """Keys that change what is simulated; each is one undoable command.

    Args:
        app: what they act on.
        preview: shows on the map, dashed, what would lie where; nothing for the map as it is.
    """

    def __init__(self, app: AppProtocol, preview: Callable[[Sequence[Area]], None]) -> None:
        self._app = app
        self._show_preview = preview

    @property
    def _source(self) -> Commanded:
        source = self._app.source
        assert isinstance(source, Commanded)  # the registry offers these keys for no other source
        return source

    def do(self, command: Callable[[], None]) -> None:
        """Do something to the simulated kernel and show it.

        Raises:
            ExecmemTuiError: it cannot be done; nothing changed.
        """
        history = self._app.source.history
        before = min(history.step, history.steps)
        command()
        self._app.touched()
        self._app.show_step()
        self._look_at_result(before)

    def try_to(self, command: Callable[[], None]) -> None:
        """Do it, or say why it cannot be done."""
        try:
            self.do(command)
        except ExecmemTuiError as error:
            self._app.say(error.hint or error.title, error.title if error.hint else "", "warning")

    def _look_at_result(self, before: int) -> None:
        """Look at what was allocated since step `before`.

        What spilled first, a module's text before its data. What only its start needed is gone
        again. The sentence under the title tells what happened; a notice would say it again, over
        the map.
        """
        history = self._app.source.history
        events = history.events(before, history.step)
        allocated = [event for event in events if isinstance(event, Allocated)]
        snapshot = self._app.shown.snapshot
        there = [event for event in allocated if snapshot.area_at(event.area.start) is not None]
        spilled = [event for event in there if event.fallback]
        texts = [event for event in there if event.area.region == "MOD_TEXT"]
        if allocated:
            result = (spilled or texts[-1:] or there[-1:] or allocated[-1:])[0]
            self._app.look_at(result.area.start)

    def allocate(
        self, kind: ExecmemType, size: Bytes | None = None, count: int = 1, owner: str | None = None
    ) -> None:
        """Make requests of one type."""
        self.do(partial(self._source.allocate, kind, size, count=count, owner=owner))

    def action_allocate(self) -> None:
        """Allocate in the focused pane, its usual size."""
        self.try_to(partial(self._source.allocate, pane_type(self._app.pane)))

    def action_allocate_as(self) -> None:
        """Ask for type, size, count and name.

        Of what takes no commands a simulation goes on from here: `u` brings back what was shown.
        """
        from execmem_tui.tui.screens.dialogs import AllocateDialog, AllocateRequest

        source, branched = self._app.source, False
        if not isinstance(source, Commanded):
            from execmem_tui.sources.what_if import what_if

            try:
                source, branched = what_if(self._app.shown.snapshot, source.title), True
            except ExecmemTuiError as error:
                self._app.say(error.title, severity="warning")
                return
        kinds = [kind for kind in ExecmemType if not source.why_not_allocate(kind)]
        if not kinds:
            self._app.say(source.why_not_allocate(ExecmemType.MODULE_TEXT), severity="warning")
            return
        chosen = pane_type(self._app.pane)

        def go(request: AllocateRequest) -> None:
            if not branched:
                self.allocate(request.kind, request.size, request.count, request.owner)
                return
            source.preview_allocate(request.kind, request.size, request.count)  # or it is wrong
            self._app.show_source(source)
            source.allocate(request.kind, request.size, count=request.count, owner=request.owner)
            self._app.show_step()
            self._look_at_result(0)

        sizes = {kind: source.usual_size(kind) for kind in kinds}
        chosen = chosen if chosen in kinds else kinds[0]

        def watch(request: AllocateRequest) -> str:
            count = min(request.count, _MOST_PREVIEWED)
            return self._preview(
                partial(source.preview_allocate, request.kind, request.size, count)
            )

        title = "What if this were allocated" if branched else "Allocate"
        self._app.ask(AllocateDialog(kinds, chosen, sizes, go, watch, title=title))

    def action_insert(self) -> None:
        """Let the consumer of the focused pane ask for memory; for the loader, choose a module."""
        from execmem_tui.tui.screens.chooser import Chooser
        from execmem_tui.view.finding import Entry

        source = self._source
        kind = pane_type(self._app.pane)
        if kind is not ExecmemType.MODULE_TEXT:
            self.try_to(partial(source.insert, kind))
            return
        names = source.loadable()
        if not names:
            self._app.say(
                "no catalogue of modules for this architecture and kernel", severity="warning"
            )
            return
        chooser = Chooser(
            "Load a module",
            [Entry(name) for name in names],
            lambda index: self.do(partial(source.load, names[index])),
            watch=lambda index: chooser.note(
                "" if index is None else self._preview(partial(source.preview_load, names[index]))
            ),
        )
        self._app.ask(chooser)

    def _preview(self, look: "Callable[[], Preview]") -> str:
        """Show where something would lie, and say how much that is, or why it cannot be."""
        try:
            found = look()
        except ExecmemTuiError as error:
            self._show_preview(())
            return error.title
        # a module's text is what one wants to see first
        self._show_preview(sorted(found.areas, key=lambda area: area.type is not TEXT))
        return found.text

    def action_free(self) -> None:
        """Free what is under the cursor."""
        cursor = self._app.cursor
        if self._app.shown.snapshot.area_at(cursor) is None:
            self._app.say("there is no area under the cursor", severity="warning")
            return
        self.try_to(partial(self._source.free, cursor))

    def action_free_as(self) -> None:
        """Choose what to free by name."""
        from execmem_tui.tui.screens.chooser import Chooser
        from execmem_tui.view.area_list import area_entries

        source = self._source
        areas = [
            area
            for area in self._app.shown.snapshot.areas
            if area.type is not None and area.state is AreaState.LIVE
        ]

        def go(index: int) -> None:
            self.do(partial(source.free, areas[index].start))

        self._app.ask(Chooser("Free", area_entries(areas), go))

    def action_fill(self) -> None:
        """Fill the module window until something spills or fails."""
        self._app.pane = 1
        self.try_to(self._source.fill)

    def action_purge(self) -> None:
        """Purge lazy areas now."""
        self._source.purge()
        self._app.show_step()

    def action_undo(self) -> None:
        """Take back the last command; right after another source was shown, that."""
        if self._app.show_before():
            return
        if not isinstance(self._app.source, Commanded):
            self._app.say(_NO_COMMAND)  # without what was read there is nothing to see
        elif self._app.source.history.undo():
            self._app.show_step()
        else:
            self._app.say("nothing to take back")

    def action_redo(self) -> None:
        """Do it again."""
        if not isinstance(self._app.source, Commanded):
            self._app.say(_NO_COMMAND)
        elif self._app.source.history.redo():
            self._app.show_step()
        else:
            self._app.say("nothing to do again")

"""What one does to the simulated kernel, and to the application.

Allocate, free, purge, choose, open, export.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from execmem_tui.model.areas import AreaState
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.events import Allocated, Failed, HazardFound
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes
from execmem_tui.sources.base import Followed, Source
from execmem_tui.tui.base import AppPart
from execmem_tui.tui.state import Shown, commanded, pane_type
from execmem_tui.view.plain import plain_map


class KernelCommands(AppPart):
    """Actions that change something."""

    def action_allocate(self) -> None:
        """Allocate in the focused pane, its usual size."""
        self.allocate(pane_type(self.pane_number))

    def allocate(
        self, kind: ExecmemType, size: Bytes | None = None, count: int = 1, owner: str | None = None
    ) -> None:
        """Make requests of one type."""
        source = commanded(self.source)
        if source is not None:
            self.command(partial(source.allocate, kind, size, count=count, owner=owner))

    def command(self, command: Callable[[], None]) -> None:
        """Do something to the simulated kernel, show it, and say so where a fallback was used or nothing fitted."""
        before = min(self.source.history.step, self.source.history.steps)
        try:
            command()
        except ExecmemTuiError as error:
            self.notify(error.hint, title=error.title, severity="warning", markup=False)
            return
        self.show_snapshot()
        self._tell(before)

    def _tell(self, before: int) -> None:
        """Notify of fallbacks, failures and hazards since step `before`, and look at the newest area."""
        history = self.source.history
        events = history.events(before, history.step)
        spilled = [event for event in events if isinstance(event, Allocated) and event.fallback]
        allocated = [event for event in events if isinstance(event, Allocated)]
        if allocated and self.map.viewport is not None:
            self.map.viewport = self.map.viewport.goto(allocated[-1].area.start)
        if spilled:
            newest = spilled[-1]
            more = f" (and {len(spilled) - 1} more)" if len(spilled) > 1 else ""
            self.notify(
                f"{newest.reason}. n and N jump between fallbacks.",
                title=f"▲ FALLBACK at {newest.area.start:x}{more}",
                severity="warning",
                markup=False,
            )
        for event in events:
            if isinstance(event, Failed) and not event.attempt:
                self.notify(
                    event.reason,
                    title="execmem: unable to allocate memory",
                    severity="error",
                    markup=False,
                )
            elif isinstance(event, HazardFound):
                self.notify(
                    event.message, title=f"hazard {event.rule}", severity="error", markup=False
                )

    def action_allocate_as(self) -> None:
        """Ask for type, size, count and name."""
        from execmem_tui.tui.screens.dialogs import AllocateDialog, AllocateRequest

        source = commanded(self.source)
        if source is None:
            return
        kinds = [kind for kind in ExecmemType if not source.why_not_allocate(kind)]
        if not kinds:
            self.notify(
                source.why_not_allocate(ExecmemType.MODULE_TEXT), severity="warning", markup=False
            )
            return
        chosen = pane_type(self.pane_number)

        def go(request: AllocateRequest | None) -> None:
            if request is not None:
                self.allocate(request.kind, request.size, request.count, request.owner)

        sizes = {kind: source.usual_size(kind) for kind in kinds}
        self.push_screen(AllocateDialog(kinds, chosen if chosen in kinds else kinds[0], sizes), go)

    def action_insert(self) -> None:
        """Let the consumer of the focused pane ask for memory; for the loader, choose a module."""
        from execmem_tui.tui.screens.dialogs import FindDialog

        source = commanded(self.source)
        if source is None:
            return
        kind = pane_type(self.pane_number)
        if kind is not ExecmemType.MODULE_TEXT:
            self.command(partial(source.insert, kind))
            return
        names = source.loadable()
        if not names:
            self.notify(
                "no catalogue of modules for this architecture and kernel",
                severity="warning",
                markup=False,
            )
            return

        def go(number: int | None) -> None:
            if number is not None:
                self.command(partial(source.load, names[number]))

        self.push_screen(
            FindDialog("Load a module", [(name, number) for number, name in enumerate(names)]), go
        )

    def action_free(self) -> None:
        """Free what is under the cursor."""
        if self.shown.snapshot.area_at(self.cursor) is None:
            self.notify(
                "there is no area under the cursor", severity="warning", markup=False, timeout=3
            )
            return
        self.free(self.cursor)

    def free(self, address: Address) -> None:
        """Free what covers `address`."""
        source = commanded(self.source)
        if source is None:
            return
        self.command(partial(source.free, address))

    def action_free_as(self) -> None:
        """Choose what to free by name."""
        from execmem_tui.tui.screens.dialogs import FindDialog

        names = [
            (f"{area.name}  {area.start:x}", area.start)
            for area in self.shown.snapshot.areas
            if area.type is not None and area.state is AreaState.LIVE
        ]

        def go(address: Address | None) -> None:
            if address is not None:
                self.free(address)

        self.push_screen(FindDialog("Free", names), go)

    def action_purge(self) -> None:
        """Purge lazy areas now."""
        source = commanded(self.source)
        if source is not None:
            source.purge()
            self.show_snapshot()

    def show_source(self, source: Source) -> None:
        """Show another source from here on."""
        if isinstance(self.source, Followed):
            self.source.close()
        self.source = source
        self.follow_source()
        self.shown = Shown(source.history.snapshot())
        self.origin = None
        self.pane_number = 1
        self.refresh_bindings()
        self.show_snapshot(anew=True)

    def action_choose(self) -> None:
        """Choose what to simulate."""
        from execmem_tui.sources.booted import open_booted
        from execmem_tui.tui.screens.choose import Choice, ChooseLayout

        def go(choice: Choice | None) -> None:
            if choice is None:
                return
            try:
                source = open_booted(choice.arch, choice.kernel, choice.variant, choice.kaslr)
            except ExecmemTuiError as error:
                self.notify(error.hint, title=error.title, severity="error", markup=False)
                return
            self.show_source(source)

        self.push_screen(ChooseLayout(self.shown.snapshot.layout), go)

    def action_export(self) -> None:
        """Write the map as text, or the screen as SVG."""
        from execmem_tui.tui.screens.dialogs import AskLine

        def go(line: str | None) -> None:
            if line is not None:
                self.export(line)

        self.push_screen(AskLine("Write to (.txt, or .svg for a picture)", "execmem-map.txt"), go)

    def export(self, line: str) -> None:
        """Write to the path `line`; an existing file is not overwritten."""
        path = Path(line).expanduser()
        try:
            with path.open("x", encoding="utf-8") as file:
                if path.suffix == ".svg":
                    file.write(self.export_screenshot())
                else:
                    text = plain_map(self.shown.snapshot, self.source.title, width=120)
                    file.write("\n".join(text) + "\n")
        except OSError as error:
            self.notify(f"{printable(line)}: {error.strerror}", severity="error", markup=False)
            return
        self.notify(f"wrote {printable(line)}", markup=False)

"""Where one looks: panes, cursor, zoom, find, reach origin, sheets."""

from importlib.resources import files

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.units import Address, hex_address, parse_address
from execmem_tui.tui.base import AppPart
from execmem_tui.tui.widgets.range_pane import RangePane
from execmem_tui.view.actions import keys_markdown
from execmem_tui.view.viewport import Viewport


class Navigation(AppPart):
    """Actions that change nothing but the view."""

    def focus_pane(self, number: int, address: Address | None = None) -> None:
        """Show a pane in the detail map, and an address of it."""
        anew = number != self.pane_number
        self.pane_number = number
        self.show_snapshot(anew=anew)
        if address is None and anew:
            types = self.shown.pane(number).types
            address = next(
                (area.start for area in self.shown.snapshot.areas if area.type in types), None
            )
        if address is not None:
            self.look_at(address)

    def look_at(self, address: Address) -> None:
        """Put the cursor on `address`."""
        if self.map.viewport is not None:
            self.map.viewport = self.map.viewport.goto(address)

    def on_range_pane_chosen(self, message: RangePane.Chosen) -> None:
        """A click on a pane focuses it and goes there."""
        self.focus_pane(message.number, message.address)

    def action_pane_1(self) -> None:
        """Focus the module pane."""
        self.focus_pane(1)

    def action_pane_2(self) -> None:
        """Focus the kprobes pane."""
        self.focus_pane(2)

    def action_pane_3(self) -> None:
        """Focus the ftrace pane."""
        self.focus_pane(3)

    def action_pane_4(self) -> None:
        """Focus the BPF pane."""
        self.focus_pane(4)

    def action_next_pane(self) -> None:
        """Focus the next pane; in a dialog, the next field."""
        if len(self.screen_stack) > 1:
            self.screen.focus_next()
        else:
            self.focus_pane(self.pane_number % 4 + 1)

    def action_maximise(self) -> None:
        """Give the detail map all rows, or give them back."""
        self.screen.toggle_class("maximised")

    def action_side(self) -> None:
        """Show or hide the side panel; on a narrow terminal it is a sheet."""
        self.screen.toggle_class("side-sheet" if self.screen.has_class("-narrow") else "no-side")

    def _view(self, view: Viewport | None) -> None:
        if view is not None:
            self.map.viewport = view

    def _moved(self, columns: int, rows: int) -> None:
        view = self.map.viewport
        self._view(None if view is None else view.moved(columns, rows))

    def action_left(self) -> None:
        """One cell left."""
        self._moved(-1, 0)

    def action_right(self) -> None:
        """One cell right."""
        self._moved(1, 0)

    def action_up(self) -> None:
        """One row up."""
        self._moved(0, -1)

    def action_down(self) -> None:
        """One row down."""
        self._moved(0, 1)

    def action_page_up(self) -> None:
        """One screen up."""
        view = self.map.viewport
        self._view(None if view is None else view.paged(-1))

    def action_page_down(self) -> None:
        """One screen down."""
        view = self.map.viewport
        self._view(None if view is None else view.paged(1))

    def action_zoom_in(self) -> None:
        """Zoom in about the cursor."""
        view = self.map.viewport
        self._view(None if view is None else view.zoomed(1))

    def action_zoom_out(self) -> None:
        """Zoom out about the cursor."""
        view = self.map.viewport
        self._view(None if view is None else view.zoomed(-1))

    def action_whole(self) -> None:
        """Show the whole span of the pane."""
        view = self.map.viewport
        if view is not None:
            self._view(view.fit(view.start, view.end).goto(view.cursor))

    def action_fit(self) -> None:
        """Zoom to the area under the cursor."""
        self.map.fit_cursor()

    def _neighbour(self, step: int) -> None:
        area = self.shown.neighbour(self.cursor, step)
        if area is not None:
            self.look_at(area.start)

    def action_next_area(self) -> None:
        """Go to the next area."""
        self._neighbour(1)

    def action_previous_area(self) -> None:
        """Go to the previous area."""
        self._neighbour(-1)

    def action_origin(self) -> None:
        """Count reach from the cursor, or from kernel text again."""
        self.origin = self.cursor if self.origin is None else None
        self.show_snapshot()

    def action_copy_address(self) -> None:
        """Copy the cursor's address."""
        text = hex_address(self.cursor, self.shown.snapshot.layout.word_bits)
        self.copy_to_clipboard(text)
        self.notify(f"copied {text}", markup=False, timeout=2)

    def action_goto(self) -> None:
        """Ask for an address and go there."""
        from execmem_tui.tui.screens.dialogs import AskLine

        def go(line: str | None) -> None:
            if line is None:
                return
            try:
                address = parse_address(line)
            except ExecmemTuiError as error:
                self.notify(str(error), severity="error", markup=False)
                return
            self.look_at(address)

        self.push_screen(AskLine("Go to address"), go)

    def action_find(self) -> None:
        """Find an area by a part of its name."""
        from execmem_tui.tui.screens.dialogs import FindDialog

        names = [(f"{area.name}  {area.start:x}", area.start) for area in self.shown.snapshot.areas]
        self.push_screen(FindDialog("Find", names), self.find_address)

    def find_address(self, address: Address | None) -> None:
        """Show an address in the pane that can.

        The focused one, or the first whose span holds it.
        """
        if address is None:
            return
        area = self.shown.snapshot.area_at(address)
        number = self.pane_number
        for model in self.shown.panes:
            if area is not None and area.type in model.types:
                number = model.number
        self.focus_pane(number, address)

    def action_help(self) -> None:
        """Help on what has focus, then the map, the keys and the words."""
        from execmem_tui.tui.screens.sheets import HelpSheet

        folder = files("execmem_tui") / "tui" / "help"
        pages = [(folder / name).read_text(encoding="utf-8") for name in ("map.md", "words.md")]
        focused = getattr(self.focused, "HELP", None) or ""
        self.push_screen(
            HelpSheet("\n\n".join([pages[0], focused, "## Keys", keys_markdown(), pages[1]]))
        )

    def action_ranges(self) -> None:
        """Show the table of resolved ranges."""
        from execmem_tui.tui.screens.sheets import TextSheet
        from execmem_tui.view.ranges_table import layout_lines

        self.push_screen(TextSheet(layout_lines(self.shown.snapshot.layout)))

    def action_explain(self) -> None:
        """Show how the focused pane's range comes about."""
        from execmem_tui.arch import explain
        from execmem_tui.tui.screens.sheets import TextSheet
        from execmem_tui.view.ranges_table import explanation_lines

        layout = self.shown.snapshot.layout
        kind = self.shown.pane(self.pane_number).types[0]
        if not layout.macros:
            self.notify(
                "this layout was not computed: nothing to explain", severity="warning", markup=False
            )
            return
        fixed = {name: value for name, value in layout.symbols.items() if name in ("_text", "_end")}
        kaslr = layout.kaslr if layout.kaslr != "unknown" else "off"
        steps = explain(
            layout.arch, layout.kernel, layout.variant, kaslr, {} if kaslr != "off" else fixed
        )
        self.push_screen(
            TextSheet([f"{kind.name} of {layout.id}", "", *explanation_lines(steps, kind)])
        )

"""The application: one screen over one source.

Keys and help come from the registry in view/actions.py.
"""

import asyncio
import signal
import sys
from collections.abc import Iterable
from typing import ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Footer

from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import PermissionsChanged
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address
from execmem_tui.sources.base import Captioned, Source
from execmem_tui.tui.commands import KernelCommands
from execmem_tui.tui.following import Following
from execmem_tui.tui.navigation import Navigation
from execmem_tui.tui.state import Shown, commanded, recent
from execmem_tui.tui.themes import DEFAULT, SIXTEEN_COLOURS, MapTheme, shipped, users
from execmem_tui.tui.timeline import Timeline
from execmem_tui.tui.widgets.detail_map import DetailMap
from execmem_tui.tui.widgets.panels import EVENTS_SHOWN, Caption, Legend, SidePanel, TitleLine
from execmem_tui.tui.widgets.range_pane import RangePane
from execmem_tui.view.actions import ACTIONS
from execmem_tui.view.inspect import inspect_lines


class ExecmemApp(Navigation, Timeline, Following, KernelCommands, App[int]):
    """Four panes, a detail map, a side panel, a legend and a footer."""

    TITLE = "execmem-tui"
    CSS = """
    #left { width: 1fr; }
    #body { height: 1fr; }
    Footer { height: 1; }
    Screen.-narrow SidePanel { display: none; }
    Screen.-narrow.side-sheet SidePanel { display: block; layer: sheet; dock: right; width: 44; background: $surface; }
    Screen.no-side SidePanel { display: none; }
    Screen.maximised RangePane { display: none; }
    Screen { layers: base sheet; }
    """
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual's own form
        (0, "-narrow"),
        (110, "-wide"),
        (160, "-very-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            action.keys,
            action.id,
            action.title,
            id=action.id,
            show=action.footer,
            tooltip=action.help,
            priority=action.id == "next_pane",
        )
        for action in ACTIONS
    ]
    COMMAND_PALETTE_BINDING = "ctrl+p"

    pane_number: reactive[int] = reactive(1)
    """The focused pane, 1 to 4."""
    origin: reactive[Address | None] = reactive(None)
    """Where reach counts from; None is kernel text."""

    def __init__(self, source: Source, *, theme: str | None = None) -> None:
        self._themes: dict[str, MapTheme] = {DEFAULT: next(shipped(DEFAULT))}
        super().__init__()
        self.register_theme(self._themes[DEFAULT].theme)
        self.source = source
        self.shown = Shown(source.history.snapshot())
        self.set_reactive(App.theme, self._first_theme(theme))
        dark = self.current_theme.dark
        self.update_classes({"-dark-mode": dark, "-light-mode": not dark}, update=False)
        self.stylesheet.set_variables(self.get_css_variables())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give Textual's own themes the default theme's kinds."""
        return {**super().get_theme_variable_defaults(), **self._themes[DEFAULT].theme.variables}

    def compose(self) -> ComposeResult:
        """Build the one screen."""
        yield TitleLine()
        with Horizontal(id="body"):
            with Vertical(id="left"):
                for number in (1, 2, 3, 4):
                    yield RangePane(number)
                yield DetailMap(id="map")
            yield SidePanel()
        yield Caption()
        yield Legend()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show the source; the other themes are read after the first paint."""
        self._leave_on_signals()
        if len(self._themes) == 1:
            self.call_after_refresh(self.load_themes)
        self.query_one("#map", DetailMap).focus()
        self.theme_changed_signal.subscribe(
            self, lambda _: self.call_after_refresh(self.show_snapshot)
        )
        self.show_snapshot(anew=True)
        self.call_after_refresh(self.show_frame)
        self.follow_source()
        self.call_after_refresh(self.tell_notes)

    def _leave_on_signals(self) -> None:
        """Leave on SIGTERM and SIGHUP as on `q`, so that what a source took is given back.

        Windows has neither SIGHUP nor handlers in its loop: there the default stays.
        """
        if sys.platform == "win32":
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit, None, 128 + number)

    def _first_theme(self, asked: str | None) -> str:
        """Return the theme to begin with, registered.

        A theme set before the first paint costs no second style pass.
        """
        few = self.console.color_system == "standard" and not self.no_color
        wanted = asked or (SIXTEEN_COLOURS if few else DEFAULT)
        if wanted != DEFAULT:
            self.load_themes()
        if wanted not in self.available_themes:
            names = ", ".join(sorted(self._themes))
            raise UsageError(f"no theme {printable(wanted)!r}", hint=f"there are: {names}")
        return wanted

    def load_themes(self) -> None:
        """Register all shipped themes and the user's; say which of the latter are broken."""
        mine, bad = users()
        for each in (*shipped(), *mine):
            self._themes[each.theme.name] = each
            self.register_theme(each.theme)
        for line in bad:
            self.call_later(self.notify, line, title="theme", severity="warning", markup=False)

    @property
    def letters(self) -> bool:
        """Whether cells show letters: without colour, or where the theme says so."""
        theme = self._themes.get(self.theme)
        return self.no_color or (theme is not None and theme.letters)

    @property
    def map(self) -> DetailMap:
        """The detail map."""
        return self.screen_stack[0].query_one("#map", DetailMap)

    @property
    def cursor(self) -> Address:
        """The address under the cursor."""
        view = self.map.viewport
        return self.shown.focus(self.pane_number)[0] if view is None else view.cursor

    def show_snapshot(self, *, anew: bool = False) -> None:
        """Show the history's step; `anew` also begins the detail map anew."""
        snapshot = self.source.history.snapshot()
        if self.shown.snapshot is not snapshot:
            self.shown = Shown(snapshot)
        shown, number = self.shown, self.pane_number
        detail = self.map
        detail.letters = self.letters
        for pane in self.screen_stack[0].query(RangePane):
            pane.show(shown.pane(pane.number), shown.index, letters=self.letters)
        detail.show(
            shown.index,
            shown.window(self.origin),
            shown.pane(number).favour,
            shown.span(number),
            shown.focus(number) if anew else None,
        )
        self.show_frame()

    def show_frame(self) -> None:
        """Show title, legend, side panel and brackets.

        All that depends on cursor and step but not on cells.
        """
        base = self.screen_stack[0]
        base.query_one(TitleLine).show(
            self.shown.snapshot,
            self.source.kind,
            self.source.title,
            playing=self.playing or self.following,
        )
        base.query_one(Legend).show(self.map.palette)
        source = self.source
        base.query_one(Caption).show(
            source.caption(source.history.step) if isinstance(source, Captioned) else ""
        )
        panel = base.query_one(SidePanel)
        panel.show_reach(self.shown.reach(self.origin), self.shown.snapshot.layout.image)
        events = [
            each
            for each in recent(self.source, 8 * EVENTS_SHOWN)
            if not isinstance(each[1], PermissionsChanged)
        ]
        panel.show_events(events, self.map.palette)
        self.show_cursor()

    def show_cursor(self) -> None:
        """Show what is under the cursor, and the brackets."""
        base, view = self.screen_stack[0], self.map.viewport
        layout = self.shown.snapshot.layout
        origin = layout.text if self.origin is None else self.origin
        lines = inspect_lines(self.shown.snapshot, self.shown.holes, self.cursor, origin)
        base.query_one(SidePanel).show_selected(lines)
        for pane in base.query(RangePane):
            pane.focused_pane = pane.number == self.pane_number
            pane.shown = None if view is None else (view.top, view.bottom)

    def on_detail_map_cursor_moved(self) -> None:
        """Follow the cursor."""
        self.show_cursor()

    def on_resize(self) -> None:
        """Title and legend are laid out for a width."""
        self.call_after_refresh(self.show_frame)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what this source cannot do."""
        del parameters
        if commanded(self.source) is None and any(
            each.id == action and each.commanded for each in ACTIONS
        ):
            return None
        return True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every action in the palette, beside Textual's own commands."""
        yield from super().get_system_commands(screen)
        for action in ACTIONS:
            if self.check_action(action.id, ()):
                yield SystemCommand(
                    f"{action.group}: {action.title}",
                    action.help,
                    getattr(self, f"action_{action.id}"),
                )


def run_app(source: Source, *, theme: str | None = None) -> int:
    """Show `source` until the user leaves; return the exit code."""
    app = ExecmemApp(source, theme=theme)
    result = app.run()
    return app.return_code or (result or 0)

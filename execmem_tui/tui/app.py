"""The application: a source, its history's cursor, and what the screen shows of them.

Attributes go down to the screen and its widgets, messages come up. What keys do lies beside the
widgets (map) or in classes that act on a `Stage`: kernel, time, sources, where one looks.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen
from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.command import Provider
from textual.driver import Driver
from textual.reactive import reactive
from textual.screen import Screen
from textual.timer import Timer

from execmem_tui.analysis.reach import kernel_origin
from execmem_tui.files.memory import remember, remembered
from execmem_tui.files.regular import user_path
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address
from execmem_tui.sources.base import Commanded, Followed, Progress, Source, SourceKind
from execmem_tui.tui.jobs import Job
from execmem_tui.tui.kernel import KernelActions
from execmem_tui.tui.looking import LookActions
from execmem_tui.tui.opening import OpenActions, nothing
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.presenting import PresenterActions
from execmem_tui.tui.screens.dialog import Dialog
from execmem_tui.tui.screens.main import MainScreen
from execmem_tui.tui.screens.overlay import Overlay
from execmem_tui.tui.shown import Shown
from execmem_tui.tui.stage import Severity
from execmem_tui.tui.themes import (
    CONSOLE,
    DEFAULT,
    SIXTEEN_COLOURS,
    MapTheme,
    UnknownThemeError,
    shipped,
    users,
)
from execmem_tui.tui.timeline import PLAY_INTERVAL, TimeActions
from execmem_tui.tui.touring import TourActions
from execmem_tui.tui.why import WhyActions
from execmem_tui.tui.widgets.area_list import AreaList
from execmem_tui.tui.widgets.events import EventsView
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.tui.widgets.pane import Panes
from execmem_tui.tui.widgets.time import Sought
from execmem_tui.view.actions import rebound
from execmem_tui.view.axis import MapView
from execmem_tui.view.foretell import PAINT as PREVIEW
from execmem_tui.view.foretell import foretold
from execmem_tui.view.light import Light
from execmem_tui.view.paint import KINDS, LensName, OwnerLens, Paint, ReachLens, parse_filter
from execmem_tui.view.tour_card import Card

if TYPE_CHECKING:
    from execmem_tui.view.difference import DifferenceLens


def _given() -> Any:
    raise AssertionError("given to the constructor")


def _provider() -> type[Provider]:
    from execmem_tui.tui.providers import Everything  # with the palette, not with the first paint

    return Everything


_LAST_SECONDS = 2.0
"""From a signal to the end, at the most."""

_CARD = "try-card"
"""What is remembered of the card of things to try."""


@frozen
class Opening:
    """A source that is read after the first paint."""

    name: str
    """Printable."""
    opener: Iterator[Progress]
    words: tuple[str, ...]
    """Of the command line that opens it."""


@frozen(kw_only=True)
class Start:
    """Where to look at first."""

    step: int | None = None
    at: str | None = None
    """A place as `g` takes it."""
    tour: str | None = None
    """A tour to take: its name, or a file."""


class ExecmemApp(App[int]):
    """Shows one source at a time."""

    TITLE = "execmem-tui"
    CSS = ""
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual's own form
        (0, "-narrow"),
        (110, "-wide"),
        (160, "-very-wide"),
        (240, "-huge"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = []
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = App.COMMANDS | {_provider}

    source: reactive[Source] = reactive(_given, repaint=False)
    """What feeds the map."""
    shown: reactive[Shown] = reactive(_given, repaint=False)
    """The models of the history's step."""
    pane: reactive[int] = reactive(1, repaint=False)
    """The focused pane, 1 to 4."""
    origin: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach counts from; None is kernel text."""
    lens: reactive[LensName] = reactive(LensName.KIND, repaint=False)
    """What colour tells."""
    filter: reactive[str] = reactive("", repaint=False)
    """What is asked for, as typed; the rest is dimmed. "" asks for all."""
    viewport: reactive[MapView | None] = reactive(None, repaint=False)
    """What the detail map displays."""
    palette: reactive[Palette] = reactive(_given, repaint=False)
    """The styles of the theme."""
    follows: reactive[bool] = reactive(False, repaint=False)
    """Whether the map goes where each event is."""
    playing: reactive[bool] = reactive(False, repaint=False)
    """Whether the events are being played."""
    following: reactive[bool] = reactive(False, repaint=False)
    """Whether the running kernel is read again and again."""
    play_interval = PLAY_INTERVAL
    """Seconds between two ticks of the player."""
    interval: reactive[float] = reactive(1.0, repaint=False)
    """Seconds between two reads of it."""

    def __init__(
        self,
        source: Source,
        *,
        theme: str | None = None,
        keymap: Mapping[str, str] | None = None,
        opening: Opening | None = None,
        start: Start | None = None,
    ) -> None:
        self.actions = rebound(keymap or {})
        self._themes: dict[str, MapTheme] = {DEFAULT: next(shipped(DEFAULT))}
        super().__init__()
        self.register_theme(self._themes[DEFAULT].theme)
        self.set_reactive(App.theme, self._first_theme(theme))
        dark = self.current_theme.dark
        self.update_classes({"-dark-mode": dark, "-light-mode": not dark}, update=False)
        self.stylesheet.set_variables(self.get_css_variables())
        if keymap:
            self.set_keymap(dict(keymap))
        self.set_reactive(ExecmemApp.source, source)
        self.set_reactive(ExecmemApp.shown, Shown(source.history.snapshot()))
        self.set_reactive(ExecmemApp.palette, Palette(self, letters=self.letters))
        self.kernel = KernelActions(self)
        self.time = TimeActions(self)
        self.look = LookActions(self)
        self.opens = OpenActions(self)
        self.whys = WhyActions(self)
        self.tours = TourActions(self)
        self.presenter = PresenterActions(self)
        self._player: Timer | None = None
        self._follower: Timer | None = None
        self._opening: Job | None = None
        self._reading: Job | None = None
        self._first = opening
        self._start = start
        self.opened: Sequence[str] | None = None
        self._before: tuple[Source, Sequence[str] | None] | None = None
        """What was shown before, until something is done to what is shown now."""
        self._opened: Source | None = None
        self._words: tuple[str, ...] = ()
        self.failure: Exception | None = None
        """Why the first source could not be opened."""
        self._reach_lens: ReachLens | None = None
        self._difference: DifferenceLens | None = None
        """Of the pinned moment."""
        self.pinned: Snapshot | None = None
        self._early: list[events.Key] = []
        self._handlers: dict[int, Any] = {}
        """Of signals, as they were before."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give Textual's own themes the default theme's kinds."""
        return {**super().get_theme_variable_defaults(), **self._themes[DEFAULT].theme.variables}

    def get_driver_class(self) -> type[Driver]:
        """Return Textual's driver, or our own for a browser: it ends with its server."""
        found = super().get_driver_class()
        if found.__module__ != "textual.drivers.web_driver":
            return found
        from execmem_tui.tui.served import ServedDriver

        return ServedDriver

    def get_default_screen(self) -> MainScreen:
        """Return the main screen, bound to the application's attributes."""
        cls = ExecmemApp
        screen = MainScreen(
            (
                self.kernel,
                self.time,
                self.look,
                self.opens,
                self.whys,
                self.tours,
                self.presenter,
                self,
            )
        )
        return screen.data_bind(
            cls.source,
            cls.shown,
            cls.pane,
            cls.origin,
            cls.viewport,
            cls.palette,
            cls.lens,
            cls.filter,
        )

    def on_mount(self) -> None:
        """Take signals and follow the source; the other themes are read after the first paint."""
        self._leave_on_signals()
        if len(self._themes) == 1:
            self.call_after_refresh(self.load_themes)
        self.theme_changed_signal.subscribe(self, lambda _: self.call_after_refresh(self._paint))
        self.main.actions = self.actions
        self._offer()
        if self._first is not None:
            self.main.waiting = True
            # after the first paint: a thread that imports and computes would hold it up
            self.call_after_refresh(
                self.work, self._first.name, self._first.opener, self._first.words
            )
        else:
            self.call_after_refresh(self._go_to_start)
        self.following = isinstance(self.source, Followed)

    def _offer(self) -> None:
        """Show things to try, to somebody who never tried one, where they can be done."""
        self.main.offers = isinstance(self.source, Commanded) and _CARD not in remembered()

    def _leave_on_signals(self) -> None:
        """Leave on SIGTERM and SIGHUP as on `q`, so that what a source took is given back.

        Windows has neither SIGHUP nor handlers in its loop: there the default stays.
        """
        if sys.platform == "win32":
            return
        loop = asyncio.get_running_loop()

        def leave(number: int, _: object) -> None:
            # Not a handler of the loop: it must run while the loop waits for a dead terminal.
            self.end_soon(128 + number)
            loop.call_soon_threadsafe(self.exit, None, 128 + number)

        for number in (signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, leave)

    def end_soon(self, code: int) -> None:
        """End the process in two seconds, whatever it waits for then.

        Where the terminal is gone, the thread that writes to it has died; Textual then waits for
        ever for room in its queue (textual/drivers/_writer_thread.py: MAX_QUEUED_WRITES).
        """
        if not self.is_headless:
            last = threading.Timer(_LAST_SECONDS, os._exit, (code,))
            last.daemon = True
            last.start()

    def on_unmount(self) -> None:
        """Give back what the source took, and wait for nothing."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for job in (self._opening, self._reading):
            if job is not None:
                job.stop()
        if isinstance(self.source, Followed):
            self.source.close()

    # Themes

    def _first_theme(self, asked: str | None) -> str:
        """Return the theme to begin with, registered.

        A theme set before the first paint costs no second style pass.
        """
        few = self.console.color_system == "standard" and not self.no_color
        own = CONSOLE if os.environ.get("TERM") == "linux" else SIXTEEN_COLOURS
        wanted = asked or (own if few else DEFAULT)
        if wanted != DEFAULT:
            self.load_themes()
        if wanted not in self.available_themes:
            names = ", ".join(sorted(self._themes))
            raise UnknownThemeError(f"no theme {printable(wanted)!r}", hint=f"there are: {names}")
        return wanted

    def load_themes(self) -> None:
        """Register all shipped themes and the user's; say which of the latter are broken."""
        mine, bad = users()
        for each in (*shipped(), *mine):
            self._themes[each.theme.name] = each
            self.register_theme(each.theme)
        for line in bad:
            self.call_later(self.say, line, "theme", "warning")

    @property
    def letters(self) -> bool:
        """Whether cells show letters: without colour, or where the theme says so."""
        theme = self._themes.get(self.theme)
        return self.no_color or (theme is not None and theme.letters)

    def _paint(self) -> None:
        self.palette = Palette(self, letters=self.letters)

    # What the keys act on

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever lies over it."""
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    @property
    def cursor(self) -> Address:
        """The address under the cursor."""
        view = self.main.map.viewport
        return self.shown.span(self.pane)[0] if view is None else view.cursor

    def show_step(self) -> None:
        """Show the step that the history is at."""
        snapshot = self.source.history.snapshot()
        if self.shown.snapshot is not snapshot:
            self.shown = Shown(snapshot, self.shown, self._paint_for(snapshot))

    def _paint_for(self, snapshot: Snapshot) -> Paint:
        """Return lens and filter for a snapshot: the same object while they are the same."""
        wanted = parse_filter(self.filter)
        if self.lens is LensName.OWNER:
            return Paint(lens=OwnerLens(), filter=wanted)
        if self.lens is LensName.REACH:
            layout = snapshot.layout
            origin = self.shown.origin_at(self.origin) or kernel_origin(layout)
            if origin is not None:
                if self._reach_lens is None or self._reach_lens.origin != origin:
                    self._reach_lens = ReachLens(layout, origin)
                if self._reach_lens.layout is not layout:
                    self._reach_lens = ReachLens(layout, origin)
                return Paint(lens=self._reach_lens, filter=wanted)
        if self.lens is LensName.DIFFERENCE and self.pinned is not None:
            return Paint(lens=self._difference_for(self.pinned, snapshot.layout), filter=wanted)
        return Paint(filter=wanted) if wanted else KINDS

    def pin(self, snapshot: Snapshot | None) -> None:
        """Compare with a moment from here on; with None, no more."""
        self.pinned = snapshot
        wanted = LensName.KIND if snapshot is None else LensName.DIFFERENCE
        if self.lens is wanted:
            self._paint_anew()
        self.lens = wanted

    def _difference_for(self, pinned: Snapshot, layout: Layout) -> "DifferenceLens":
        """Return the one lens of a pin on a layout: what blocks remember of it holds."""
        from execmem_tui.view.difference import DifferenceLens

        lens = self._difference
        if lens is None or lens.before is not pinned or lens.layout is not layout:
            lens = self._difference = DifferenceLens(pinned, layout)
        return lens

    def _paint_anew(self) -> None:
        snapshot = self.shown.snapshot
        self.shown = Shown(snapshot, self.shown, self._paint_for(snapshot))

    def watch_lens(self) -> None:
        """Colour the map anew."""
        if self.is_running:
            self._paint_anew()

    def watch_filter(self) -> None:
        """Dim anew what does not match, and list only what does."""
        if self.is_running:
            self._paint_anew()
            self.main.wanted = parse_filter(self.filter)

    def watch_origin(self) -> None:
        """Reach is counted from elsewhere."""
        if self.is_running and self.lens is LensName.REACH:
            self._paint_anew()

    def show_source(self, source: Source) -> None:
        """Show another source from here on; `u` brings back what was shown before."""
        self.following = self.playing = False
        if isinstance(self.source, Followed):
            self.source.close()
        self._before = None if self._is_gone else (self.source, self.opened)
        self.opened = None
        self._show(source)

    @property
    def _is_gone(self) -> bool:
        """Whether what is shown cannot be shown again: nothing yet, or a kernel no longer followed."""
        return self.main.waiting or isinstance(self.source, Followed)

    def _show(self, source: Source) -> None:
        self.origin = None
        self.pane = 1
        snapshot = source.history.snapshot()
        self.shown = Shown(snapshot, None, self._paint_for(snapshot))
        self.source = source
        self.following = isinstance(source, Followed)

    def show_before(self) -> bool:
        """Show again what was shown before the source; False where that is no longer to be had."""
        if self._before is None:
            return False
        source, self.opened = self._before
        self._before = None
        self._show(source)
        self.say(f"back to {source.title}")
        return True

    def touched(self) -> None:
        """Something was done to the source: from here on `u` takes that back."""
        self._before = None

    def _go_to_start(self) -> None:
        """Go where the command line said, as soon as that is there."""
        start, self._start = self._start, None
        if start is None:
            return
        with self.guarded():
            if start.step is not None:
                self.time.seek(start.step)
            if start.at is not None:
                self.look.goto(start.at)
            if start.tour is not None:
                self.tours.begin(start.tour)

    def seek_time(self, seconds: float) -> None:
        """Go to the last event up to a time of the trace's clock."""
        self.time.goto_time(seconds)

    def look_at(self, address: Address, *, pane: int | None = None) -> None:
        """Put the cursor on an address, in a pane."""
        if pane is not None:
            self.pane = pane
        self.main.map.look_at(address)

    def guide(self, card: Card | None, light: Light) -> None:
        """Show the card of a tour, or none, and light the map."""
        self.main.card = card
        self.main.map.light = light

    def enlarge(self, *, on: bool) -> None:
        """Leave out what a hall does not need and set the sentence in a frame, or undo that."""
        self.main.set_class(on, "presenting")

    def open_fold(self) -> None:
        """Show the rows of the fold under the cursor."""
        self.main.map.action_open_fold()

    def watch_shown(self) -> None:
        """A tour looks whether its goal is reached."""
        self.tours.follow()

    def watch_source(self) -> None:
        """Another source is not the tour's."""
        self.tours.follow()

    def on_main_screen_acted(self, message: MainScreen.Acted) -> None:
        """A tour's hints answer what was done."""
        self.tours.acted(message.action)

    def on_main_screen_tour_left(self) -> None:
        """Leave the tour."""
        self.tours.leave()

    def foretell(self, areas: Sequence[Area]) -> None:
        """Show on the map, dashed, what would lie where; nothing for the map as it is."""
        if not areas:
            self.main.map.shown = self.shown
            return
        snapshot = foretold(self.shown.snapshot, areas)
        self.main.map.shown = Shown(snapshot, self.shown, PREVIEW)
        self.main.map.look_at(areas[0].start)

    def ask(self, dialog: Screen[Any]) -> None:
        """Show a dialog or a sheet."""
        self.push_screen(dialog)

    def say(self, text: str, title: str = "", severity: Severity = "information") -> None:
        """Tell something in passing. `text` is printable."""
        timeout = 2 if severity == "information" and not title else None
        self.notify(text, title=title, severity=severity, markup=False, timeout=timeout)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, and say so."""
        self.copy_to_clipboard(text)
        self.say(f"copied {text}")

    def work(self, name: str, opener: Iterator[Progress], words: Sequence[str]) -> None:
        """Open a source off the event loop and show it as soon as there is one.

        What was being opened before is dropped.
        """
        if self._opening is not None:
            self._opening.stop()
        self._opened = None
        self._words = tuple(words)
        self.main.fraction = 0.0
        self.main.work = f"opening {printable(name, 80)}"
        self._opening = Job(self, "open", opener).start()

    def action_stop(self) -> None:
        """Stop what is being opened; else leave a list, a sheet, the card of things to try.

        Where nothing was shown before, leave the application.
        """
        if self._opening is not None:
            self._opening.stop()
            self._end_opening()
        elif not self.main.waiting:
            self.main.dismiss_one()
        if self.main.waiting:
            self.exit(0)

    def _end_opening(self) -> None:
        self._opening = self._opened = None
        self.main.work = ""

    # What moves by itself

    def watch_playing(self) -> None:
        """Start or stop the player."""
        if self.playing and self.source.kind is SourceKind.SCENARIO:
            self.follows = True  # a story is told where it happens
        if self._player is not None:
            self._player.stop()
        self._player = self.set_interval(self.play_interval, self._tick) if self.playing else None
        self._show_moving()

    def _tick(self) -> None:
        with self.guarded():
            self.time.tick()

    def watch_following(self) -> None:
        """Begin or cease to read the running kernel."""
        if self._follower is not None:
            self._follower.stop()
        self._follower = self.set_interval(self.interval, self.read) if self.following else None
        self._show_moving()

    def watch_interval(self) -> None:
        """Read more or less often."""
        if self.following:
            self.watch_following()

    def _show_moving(self) -> None:
        if self.screen_stack:
            self.main.moving = self.playing or self.following

    def read(self) -> None:
        """Read the running kernel once, unless a read is under way."""
        source = self.source
        if isinstance(source, Followed) and self._reading is None:
            self._reading = Job(self, "read", (source.read() for _ in range(1))).start()

    def on_job_brought(self, message: Job.Brought) -> None:
        """Show what a job brought."""
        with self.guarded():
            if message.job is self._opening:
                self._show_progress(message.thing)
            elif message.job is self._reading and self.source.history.append(message.thing):
                self.show_step()

    def _show_progress(self, progress: Progress) -> None:
        self.main.fraction = progress.fraction
        if progress.source is None:
            return
        if self._opened is None:
            # A trace begins at its beginning, however much of it is read already.
            progress.source.history.extend(progress.events, follow=False)
            if progress.source.kind is SourceKind.SCENARIO:
                progress.source.history.seek(0)  # it is there to be played
            self._opened = progress.source
            self.show_source(progress.source)
            self.main.waiting = False
            self.opened = self._words or None
            self._offer()
        elif progress.events:
            self._opened.history.extend(progress.events, follow=False)
            if self._opened is self.source:
                self.show_step()
        step = None if self._start is None else self._start.step
        if step is not None and self._opened.history.steps >= step:
            self.call_after_refresh(self._go_to_start)

    def on_job_ended(self, message: Job.Ended) -> None:
        """Say what went wrong with a job, if anything did."""
        if message.job is self._opening:
            self._end_opening()
            self.call_after_refresh(self._go_to_start)
            if message.error is not None and self.main.waiting:
                self.failure = message.error
                self.exit(2)
                return
        elif message.job is self._reading:
            self._reading = None
            if message.error is not None:
                self.following = False
        else:
            return
        if message.error is not None:
            self.show_error(message.error)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Show what is raised inside, and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the application must outlive its faults
            self.show_error(error)

    def show_error(self, error: Exception) -> None:
        """Say what was expected to go wrong at times; show a sheet for what was not."""
        if isinstance(error, ExecmemTuiError | OSError):
            self.say(printable(str(error), 500), severity="error")
            return
        from execmem_tui.tui.screens.sheets import ErrorSheet

        self.push_screen(ErrorSheet(error))

    def on_main_screen_broke(self, message: MainScreen.Broke) -> None:
        """An action broke: show it and go on."""
        self.show_error(message.error)

    def on_dialog_broke(self, message: Dialog.Broke) -> None:
        """What a dialog asked for broke: show it and go on."""
        self.show_error(message.error)

    # Messages of widgets

    def on_detail_map_moved(self, message: DetailMap.Moved) -> None:
        """Show what is under the cursor now."""
        self.viewport = message.viewport
        self.main.address = message.viewport.cursor

    def on_panes_chosen(self, message: Panes.Chosen) -> None:
        """Focus a pane that was clicked, and go there."""
        self.look.focus_pane(message.number, message.address)

    def on_sought(self, message: Sought) -> None:
        """Go to a moment that was chosen, and to the address where one was chosen with it."""
        self.time.seek(message.step)
        if message.address is not None:
            self.look_at(message.address)

    def on_events_view_chosen(self, message: EventsView.Chosen) -> None:
        """Go to an event that was clicked."""
        self.time.seek(message.step)

    def on_area_list_chosen(self, message: AreaList.Chosen) -> None:
        """Go to an area that was chosen."""
        self.look.find_address(message.address)

    def on_main_screen_card_closed(self) -> None:
        """The card need not be shown again."""
        remember(_CARD)

    async def on_event(self, event: events.Event) -> None:
        """Hold keys back while the screen or a dialog opens that will want them."""
        top = self.screen_stack[-1] if self.screen_stack else None
        opens = top is None or (isinstance(top, Overlay | MainScreen) and not top.ready)
        if isinstance(event, events.Key) and not event.is_forwarded and opens:
            self._early.append(event)
            return
        await super().on_event(event)

    async def on_overlay_ready(self, message: Overlay.Ready) -> None:
        """Give the dialog the keys that were typed ahead of it."""
        message.overlay.ready = True
        await self._give_early_keys()

    async def on_main_screen_ready(self) -> None:
        """Give the screen the keys that were typed while the terminal was still dark."""
        await self._give_early_keys()

    async def _give_early_keys(self) -> None:
        early, self._early = self._early, []
        for event in early:
            await self.on_event(event)

    # Keys of the application itself

    def action_export(self) -> None:
        """Write the map, or the screen as SVG."""
        from execmem_tui.cli.export import WHAT
        from execmem_tui.tui.screens.dialogs import AskLine

        self.ask(AskLine("Write to", self.export, "execmem-map.txt", what=WHAT))

    def export(self, line: str) -> None:
        """Write to the path `line`; what is there already is not overwritten.

        Raises:
            UsageError: it is no path, its suffix says what cannot be written, or it is there.
            OSError: it cannot be written.
        """
        from execmem_tui.cli.export import check_export, exported

        path = user_path(line)
        check_export(path)
        if path.suffix == ".svg":
            # The dialog that asked for the path is still there; the picture is taken without it.
            self.call_after_refresh(self._write_picture, path)
        else:
            self._write(path, exported(self.shown.snapshot, self.source.title, path.suffix))

    def _write_picture(self, path: Path) -> None:
        with self.guarded():
            self._write(path, self.export_screenshot())

    def _write(self, path: Path, text: str) -> None:
        from execmem_tui.files.publish import write_new

        write_new(path, text)
        self.say(f"wrote {printable(str(path))}")

    def action_suspend(self) -> None:
        """Go to the background, as ctrl+z does everywhere."""
        self.action_suspend_process()


def run_app(
    source: Source,
    *,
    theme: str | None = None,
    keymap: Mapping[str, str] | None = None,
    start: Start | None = None,
) -> int:
    """Show `source` until the user leaves; return the exit code.

    `keymap` gives actions other keys, `start` says where to look at first.
    """
    app = ExecmemApp(source, theme=theme, keymap=keymap, start=start)
    result = app.run()
    return app.return_code or (result or 0)


def run_opening(
    opening: Opening,
    *,
    theme: str | None = None,
    keymap: Mapping[str, str] | None = None,
    start: Start | None = None,
) -> int:
    """Paint first, then open a source and show it; return the exit code.

    Raises:
        ExecmemTuiError, OSError: it cannot be opened.
    """
    source = nothing(opening.name)
    app = ExecmemApp(source, theme=theme, keymap=keymap, opening=opening, start=start)
    result = app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or (result or 0)

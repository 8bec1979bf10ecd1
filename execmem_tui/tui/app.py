"""The application: a source, its history's cursor, and what the screen shows of them.

Attributes go down to the screen and its widgets, messages come up. The application holds both ends
and hands over: what keys do lies beside the widgets (map) or in classes that act on an
`AppProtocol`, and so do what is opened, what moves by itself, what colour tells, and what is done
when it goes wrong.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.command import Provider
from textual.reactive import reactive
from textual.timer import Timer

from execmem_tui.files.memory import remember, remembered
from execmem_tui.model.areas import Area
from execmem_tui.model.units import Address
from execmem_tui.sources.base import Commanded, Followed, Side, Source
from execmem_tui.tui import action_groups
from execmem_tui.tui.colouring import Colouring
from execmem_tui.tui.counting import REST, Counting, Handle
from execmem_tui.tui.fault_tolerant_app import FaultTolerantApp
from execmem_tui.tui.leaving import Signals
from execmem_tui.tui.moving import PLAY_INTERVAL, Moving
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.screens.main import MainScreen
from execmem_tui.tui.start import Opening, Start
from execmem_tui.tui.startup import Startup
from execmem_tui.tui.theme_registry import ThemeRegistry
from execmem_tui.tui.widgets.events import EventsView
from execmem_tui.tui.widgets.pane import Panes
from execmem_tui.tui.widgets.reach import ReachPanel
from execmem_tui.tui.widgets.time import Sought
from execmem_tui.view.actions import rebound
from execmem_tui.view.changes import Changes
from execmem_tui.view.highlight import Highlight
from execmem_tui.view.paint import LensName
from execmem_tui.view.shown import Shown

if TYPE_CHECKING:  # what sends these comes when it is needed
    from execmem_tui.bundles.several import SeveralCapturesError
    from execmem_tui.tui.jobs import Job
    from execmem_tui.tui.touring import TourActions
    from execmem_tui.tui.widgets.area_list import AreaList
    from execmem_tui.tui.widgets.other_map import OtherMap
    from execmem_tui.view.tour_card import Card


def _given() -> Any:
    raise AssertionError("given to the constructor")


def _provider() -> type[Provider]:
    from execmem_tui.tui.providers import Everything  # with the palette, not with the first paint

    return Everything


_SENT = 0.05
"""Seconds after which the first frame is on its way to the terminal."""
_CARD = "try-card"
"""What is remembered of the card of things to try."""


class ExecmemApp(FaultTolerantApp):
    """Shows one source at a time."""

    TITLE = "execmem-tui"
    BINDINGS: ClassVar[list[BindingType]] = []
    COMMANDS: ClassVar[set[Any]] = {_provider}
    """Not Textual's own: help, picture and quitting are keys here, and maximising is another."""

    source: reactive[Source] = reactive(_given, repaint=False)
    """What feeds the map."""
    shown: reactive[Shown] = reactive(_given, repaint=False)
    """The models of the history's step."""
    pane: reactive[int] = reactive(1, repaint=False)
    """The focused pane, 1 to 4."""
    origin: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach counts from; None is kernel text."""
    second: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach is counted from too, to compare; None for nowhere."""
    lens: reactive[LensName] = reactive(LensName.KIND, repaint=False)
    """What colour tells."""
    filter: reactive[str] = reactive("", repaint=False)
    """What is asked for, as typed; the rest is dimmed. "" asks for all."""
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
    rest: float | None = REST
    """Seconds that a step is looked at before its findings are counted; None counts them never."""
    interval: reactive[float] = reactive(1.0, repaint=False)
    """Seconds between two reads of it."""

    # What keys do, and what that shows on the map: made with the first of them.
    highlighting = cached_property(action_groups.highlighting)
    kernel = cached_property(action_groups.kernel)
    time = cached_property(action_groups.time)
    whys = cached_property(action_groups.whys)
    look = cached_property(action_groups.look)
    opens = cached_property(action_groups.opens)
    presenter = cached_property(action_groups.presenter)
    exports = cached_property(action_groups.exports)
    noting = cached_property(action_groups.noting)
    compares = cached_property(action_groups.compares)
    tours = cached_property(action_groups.tours)
    # What else is not on the first frame.
    jobs = cached_property(action_groups.jobs)
    _showing = cached_property(action_groups.showing)
    _flashing = cached_property(action_groups.flashing)

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
        self._theme_registry = ThemeRegistry(self)
        super().__init__()
        self._tell_broken_themes(self._theme_registry.apply_first(theme))
        if keymap:
            self.set_keymap(dict(keymap))
        self.set_reactive(ExecmemApp.source, source)
        self.set_reactive(ExecmemApp.shown, Shown(source.history.snapshot()))
        self.set_reactive(ExecmemApp.palette, Palette(self, letters=self.letters))
        self.opened: Sequence[str] | None = None
        self.pinned: Side | None = None
        self.failure: Exception | None = None
        """Why the first source could not be opened."""
        self.colouring = Colouring(self)
        self.counting = Counting(self)
        self._moving = Moving(self, self._tick, self.read)
        self._signals = Signals(lambda code: self.exit(return_code=code), lambda: self.is_headless)
        self._startup = Startup(self, opening, start)
        self._painted = False

    def get_default_screen(self) -> MainScreen:
        """Return the main screen, bound to the application's attributes."""
        cls = ExecmemApp
        first = self.shown.first_of(self.pane)
        cursor = None if first is None else first.start
        bits = self.shown.snapshot.layout.word_bits
        groups = action_groups.ActionGroups(self)
        return MainScreen(groups, self.size.width, cursor, bits).data_bind(
            cls.source,
            cls.shown,
            cls.pane,
            cls.origin,
            cls.second,
            cls.palette,
            cls.lens,
            cls.filter,
        )

    def on_mount(self) -> None:
        """Take signals and follow the source."""
        self._signals.take()
        self.theme_changed_signal.subscribe(self, lambda _: self.call_after_refresh(self._paint))
        self.main.actions = self.actions
        self._offer()
        self.main.waiting = self._startup.starts_empty
        self.following = isinstance(self.source, Followed)

    def on_main_screen_painted(self) -> None:
        """Do what the first frame did not wait for.

        A thread that imports and computes would have held it up. What nobody waits for comes a
        moment later still: the thread that writes to the terminal waits for whoever computes.
        """
        if not gc.isenabled():
            gc.freeze()  # what is there by now stays
            gc.enable()
        self._painted = True
        self.counting.follow()
        self.set_timer(_SENT, self._read_themes)
        self._startup.begin()

    def _read_themes(self) -> None:
        """Read one theme, and the others one by one: a key pressed meanwhile waits for one."""
        if self._theme_registry.read_one():
            self.call_later(self._read_themes)
        else:
            self.load_themes()

    def _offer(self) -> None:
        """Show things to try, to somebody who never tried one, where they can be done."""
        self.main.offers = isinstance(self.source, Commanded) and _CARD not in remembered()

    def on_unmount(self) -> None:
        """Give back what the source took, and wait for nothing."""
        self._signals.give_back()
        self.counting.close()
        for made in ("jobs", "_flashing", "tours"):
            if made in vars(self):
                getattr(self, made).close()
        if isinstance(self.source, Followed):
            self.source.close()

    # Themes

    def get_css_variables(self) -> dict[str, str]:
        """Return the colours of the theme: none before one is put on, as nothing is styled yet."""
        return super().get_css_variables() if self._theme_registry.applied else {}

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give Textual's own themes the default theme's kinds."""
        return {**super().get_theme_variable_defaults(), **self._theme_registry.defaults}

    def load_themes(self) -> None:
        """Register all shipped themes and the user's; say which of the latter are broken."""
        self._tell_broken_themes(self._theme_registry.read())

    def _tell_broken_themes(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.call_later(self.say, line, "theme", "warning")

    @property
    def letters(self) -> bool:
        """Whether cells show letters: without colour, or where the theme says so."""
        return self._theme_registry.shows_letters

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

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to show yet."""
        return self.main.waiting

    def show_step(self) -> None:
        """Show the step that the history is at."""
        snapshot = self.source.history.snapshot()
        if self.shown.snapshot is not snapshot:
            self.shown = self.colouring.shown(snapshot, self.shown)
            self._flashing.follow()

    def show_source(self, source: Source) -> None:
        """Show another source from here on; `u` brings back what was shown before."""
        self._showing.show(source)

    def show_whole(self, part: Source, whole: Source) -> None:
        """Show a source in the place of a part of it, where one looks already."""
        self._showing.show_whole(part, whole)

    def show_before(self) -> bool:
        """Show again what was shown before the source; False where that is no longer to be had."""
        return self._showing.show_before()

    def touched(self) -> None:
        """Something was done to the source: from here on `u` takes that back."""
        self._showing.touched()

    def look_at(self, address: Address, *, pane: int | None = None) -> None:
        """Put the cursor on an address, in a pane."""
        if pane is not None:
            self.pane = pane
        self.main.looked_from = None
        self.main.map.look_at(address)

    def look_at_area(self, area: Area) -> None:
        """Put the cursor on an area, all of which is in sight then."""
        self.main.map.find(area)

    def show_map(self) -> None:
        """Bring the map back where address x time has its place."""
        self.main.panels.show_map()

    def guide(self, card: "Card | None", highlight: Highlight) -> None:
        """Show the card of a tour, or none, and light the map."""
        self.main.card = card
        self.main.map.highlight = highlight

    def open_fold(self) -> None:
        """Show the rows of the fold under the cursor."""
        self.main.map.action_open_fold()

    def enlarge(self, *, on: bool) -> None:
        """Make what an audience looks at large and leave out the rest, or undo that."""
        self.main.present(on=on)

    def turn(self, *, forward: bool) -> None:
        """Go on or back: by a stop of the tour, a sentence of the scenario, a mark."""
        tours = self.touring
        if tours is None or not tours.turn(forward=forward):
            self.time.turn(forward=forward)

    # What colour tells

    def pin(self, side: Side | None) -> None:
        """Compare with a moment or a machine from here on; with None, no more."""
        self.pinned = side
        wanted = LensName.KIND if side is None else LensName.DIFFERENCE
        if self.lens is wanted:
            self.paint_anew()
        self.lens = wanted

    @property
    def side_by_side(self) -> bool:
        """Whether what is compared with has a map of its own."""
        return self.pinned is not None and self.compares.side_by_side

    def paint_anew(self) -> None:
        """Show the step as it is to be shown now."""
        self.shown = self.colouring.shown(self.shown.snapshot, self.shown)

    def on_main_screen_resized(self) -> None:
        """Another width has room for two maps, or no more."""
        if (self.shown.beside is not None) is not self.side_by_side:
            self.paint_anew()

    def on_other_map_chosen(self, message: "OtherMap.Chosen") -> None:
        """Go where the map beside was clicked."""
        self.look_at(message.address)

    def watch_lens(self) -> None:
        """Colour the map anew."""
        if self.is_running:
            self.paint_anew()

    def watch_filter(self) -> None:
        """Dim anew what does not match, and list only what does."""
        if self.is_running:
            self.paint_anew()

    def watch_origin(self) -> None:
        """Reach is counted from elsewhere."""
        if self.is_running and self.lens is LensName.REACH:
            self.paint_anew()

    # What is done off the event loop, and what moves by itself

    def offer_captures(self, error: "SeveralCapturesError", path: str) -> None:
        """Ask which of several captures is meant."""
        self.opens.choose_capture(error, path)

    def start_job(self, title: str, work: Iterator[Any]) -> "Job":
        """Start a job whose messages come here."""
        from execmem_tui.tui.jobs import Job

        return Job(self, title, work).start()

    def show_work(self, work: str, fraction: float) -> None:
        """Show what is being done, "" for nothing, and how far it is, 0 to 1."""
        self.main.fraction = fraction
        self.main.work = work

    def arrived(self, words: Sequence[str]) -> None:
        """A source that was being opened is shown; `words` of the command line open it."""
        self.main.waiting = False
        self.opened = words or None
        self._offer()

    def on_job_brought(self, message: "Job.Brought") -> None:
        """Show what a job brought."""
        with self.guarded():
            self.jobs.brought(message.job, message.thing)
            self._startup.go_if_there()

    def on_job_ended(self, message: "Job.Ended") -> None:
        """Say what went wrong with a job; where there is nothing to show then, give up."""
        if message.job is self.jobs.opening and message.error is not None and self.waiting:
            self.failure = message.error
            self.exit(2)
        elif self.jobs.ended(message.job, message.error):
            self.call_after_refresh(self._startup.go)

    def read(self) -> None:
        """Read the running kernel once, unless a read is under way."""
        self.jobs.read()

    def action_stop(self) -> None:
        """Stop what is being opened.

        Else leave a list, a sheet, the card of things to try, the filter. Where nothing was shown
        before, leave the application.
        """
        if not self.jobs.stop() and not self.waiting and not self.main.dismiss_one():
            self.filter = ""
        if self.waiting:
            self.exit(0)

    def every(self, seconds: float, do: Callable[[], None]) -> Timer:
        """Do something again and again until the timer is stopped."""
        return self.set_interval(seconds, do)

    def after(self, seconds: float, do: Callable[[], None]) -> Handle:
        """Do something once."""
        return asyncio.get_running_loop().call_later(seconds, self.call_later, do)

    def show_findings(self, count: int | None) -> None:
        """Tell how much is remarkable; None while that is not known."""
        if self.screen_stack:
            self.main.findings = count

    def show_changes(self, found: Changes) -> None:
        """Let stand out on the map what a step changed, or nothing."""
        if self.screen_stack:
            self.main.map.changes = found

    def show_moving(self, *, moving: bool) -> None:
        """Tell whether time moves by itself."""
        if self.screen_stack:
            self.main.moving = moving

    def watch_playing(self) -> None:
        """Start or stop the player."""
        self._moving.play()

    def _tick(self) -> None:
        with self.guarded():
            self.time.tick()

    def watch_following(self) -> None:
        """Begin or cease to read the running kernel."""
        self._moving.follow()

    def watch_interval(self) -> None:
        """Read more or less often."""
        if self.following:
            self._moving.follow()

    @property
    def shows_faults(self) -> bool:
        """Whether the screen is there by now."""
        return bool(self.screen_stack) and self.main.ready

    def on_main_screen_broke(self, message: MainScreen.Broke) -> None:
        """An action broke: show it and go on."""
        self.show_error(message.error)

    # Messages of the screen and its widgets

    def on_panes_chosen(self, message: Panes.Chosen) -> None:
        """Focus a pane that was clicked, and go there."""
        self.look.focus_pane(message.number, message.address)

    def on_reach_panel_chosen(self, message: ReachPanel.Chosen) -> None:
        """Go to a place that was clicked on the axis of reach."""
        self.look_at(message.address)

    def on_sought(self, message: Sought) -> None:
        """Go to a moment that was chosen, and to the address where one was chosen with it."""
        self.time.seek(message.step)
        if message.address is not None:
            self.look_at(message.address)

    def on_events_view_chosen(self, message: EventsView.Chosen) -> None:
        """Go to an event that was clicked."""
        self.time.seek(message.step)

    def on_area_list_chosen(self, message: "AreaList.Chosen") -> None:
        """Go to an area that was chosen."""
        self.look.find_address(message.address)

    def on_main_screen_card_closed(self) -> None:
        """The card need not be shown again."""
        remember(_CARD)

    # Tours follow what the listener does

    @property
    def touring(self) -> "TourActions | None":
        """The keys of tours, once one of them was asked for."""
        return vars(self).get("tours")

    def watch_shown(self) -> None:
        """What is asked for may be other areas now; a tour looks whether its goal is reached."""
        if self.screen_stack:
            self.main.wanted = self.shown.paint.filter
            if self._painted:  # on a slow machine the count would come before the first frame
                self.counting.follow()
        if self.touring is not None:
            self.touring.follow()

    def watch_source(self) -> None:
        """Another source is not the tour's."""
        if self.touring is not None:
            self.touring.follow()

    def on_main_screen_acted(self, message: MainScreen.Acted) -> None:
        """A tour's hints answer what was done."""
        if self.touring is not None:
            self.touring.acted(message.action)

    def on_main_screen_tour_left(self) -> None:
        """Leave the tour."""
        if self.touring is not None:
            self.touring.leave()

    # Keys

    async def on_event(self, event: events.Event) -> None:
        """Give a tour the letters of the holes while it asks for one."""
        if not self._votes(event):
            await super().on_event(event)

    def _votes(self, event: events.Event) -> bool:
        """Whether a tour took the key."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            return False
        if not self.shows_faults or self.screen is not self.main:
            return False
        tours = self.touring
        if tours is None or self.main.focused is not self.main.map:
            return False
        with self.guarded():
            return tours.vote(event.key)
        return True

    async def on_main_screen_ready(self) -> None:
        """Give the screen the keys that were typed while the terminal was still dark."""
        await self.give_typed()

    def action_suspend(self) -> None:
        """Go to the background, as ctrl+z does everywhere."""
        self.action_suspend_process()

"""The main screen: where everything lies, and which key means what."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from inspect import isawaitable
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual._styles_cache import StylesCache
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from execmem_tui.model.units import Address
from execmem_tui.sources.base import Source
from execmem_tui.tui.line_cache import CachedRender, Unpainted
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.panels import PanelActions
from execmem_tui.tui.screens.first_frame import FirstFrame, Laid, Painting
from execmem_tui.tui.screens.lazy_widgets import LazyWidgets
from execmem_tui.tui.widgets.hints import HintsLine
from execmem_tui.tui.widgets.legend import Legend
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.tui.widgets.pane import Panes
from execmem_tui.tui.widgets.sentence import Sentence
from execmem_tui.tui.widgets.side import SidePanel
from execmem_tui.tui.widgets.time import TimeStrip
from execmem_tui.tui.widgets.title import TitleLine
from execmem_tui.view.actions import ACTIONS, Action
from execmem_tui.view.hints import Hint, hints, situation
from execmem_tui.view.legend import Sight
from execmem_tui.view.map_view import MapView
from execmem_tui.view.paint import LensName
from execmem_tui.view.shown import Shown
from execmem_tui.view.split import NARROW, Halves, list_width, one_map, side_width, two_maps
from execmem_tui.view.title import PALETTE

if TYPE_CHECKING:  # most of these come when they are needed
    from execmem_tui.tui.widgets.other_map import OtherMap
    from execmem_tui.tui.widgets.time_map import TimeMapView
    from execmem_tui.tui.widgets.try_card import TryCard
    from execmem_tui.view.filter import Filter
    from execmem_tui.view.tour_card import Card

_BY_ID = {action.id: action for action in ACTIONS}


class Beside(Unpainted, Horizontal):
    """The map and what stands beside it."""


class Under(Unpainted, Vertical):
    """The panes and the map under them."""


class Maps(Unpainted, Horizontal):
    """The map, and another one beside it."""


class MainScreen(CachedRender, Screen[None]):
    """Title, sentence, four panes, the map with its side panel, time, legend and hints.

    Its attributes are the application's, bound; it hands them down to the widgets. A key is looked
    up here and done by whichever of `action_groups` has the action.

    Args:
        action_groups: where actions are looked for, beside the map and the screen itself.
        columns: of the terminal.
        address: where the cursor will be at first, where that is known before the map has a size:
            the side panel then takes its room once.
        word_bits: of an address that is shown at first.
    """

    DEFAULT_CSS = """
    MainScreen { layers: base sheet; }
    MainScreen #body { height: 1fr; }
    MainScreen #left { width: 1fr; }
    MainScreen.-narrow SidePanel { display: none; }
    MainScreen.-narrow.side-sheet SidePanel {
        display: block; layer: sheet; dock: right; width: 44; background: $surface;
    }
    MainScreen.no-side SidePanel { display: none; }
    MainScreen.no-room SidePanel { display: none; }
    MainScreen.-narrow.no-room.side-sheet SidePanel { display: block; }
    MainScreen Maps { height: 1fr; }
    MainScreen.comparing ComparisonLine { display: block; }
    MainScreen OtherMap { display: none; margin-right: 1; }
    MainScreen.beside OtherMap { display: block; }
    MainScreen.-narrow AreaList.open { layer: sheet; dock: right; background: $surface; }
    MainScreen.-narrow HelpPanel.open { layer: sheet; dock: right; background: $surface; }
    MainScreen.listing SidePanel, MainScreen.helping SidePanel { display: none; }
    MainScreen.helping AreaList { display: none; }
    MainScreen.-huge.listing SidePanel, MainScreen.-huge.helping SidePanel { display: block; }
    MainScreen.waiting #body, MainScreen.waiting TimeStrip { display: none; }
    MainScreen.waiting Legend { display: none; }
    MainScreen.waiting Sentence { height: 1fr; max-height: 100%; }
    MainScreen.waiting Bar { dock: bottom; }
    MainScreen TimeMapView { display: none; }
    MainScreen.time-map TimeMapView { display: block; }
    MainScreen.time-map Maps, MainScreen.time-map ComparisonLine { display: none; }
    MainScreen.time-map DetailMap { display: none; }
    MainScreen.maximised Panes { display: none; }
    MainScreen.presenting SidePanel, MainScreen.presenting Legend { display: none; }
    MainScreen.presenting TimeStrip { display: none; }
    MainScreen.presenting Sentence { border: heavy $accent; max-height: 50%; }
    MainScreen.presenting Sentence.beside { border: none; max-height: 4; }
    MainScreen.presenting TourCard { border: heavy $accent; text-style: bold; }
    MainScreen.presenting.touring Panes { display: none; }
    MainScreen.touring TryCard { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            action.keys,
            f"act('{action.id}')",
            action.title,
            id=action.id,
            show=action.footer,
            tooltip=action.help,
            # The application itself does these before it looks at the next key: what is typed
            # fast after a key that opens a dialog then finds the dialog and not the map.
            priority=True,
        )
        for action in ACTIONS
    ]

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual's own form
        (0, "-narrow"),
        (NARROW, "-wide"),
        (160, "-very-wide"),
        (240, "-huge"),
    ]

    class Broke(Message):
        """An action raised something."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    class Ready(Message):
        """The widgets are there: keys find what they act on."""

    class Painted(Message):
        """The first frame is on the terminal."""

    class TourLeft(Message):
        """Escape was pressed with nothing else to leave than the tour."""

    class Acted(Message):
        """An action was asked for."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    class CardClosed(Message):
        """The card of things to try was closed."""

    # These are handed down: what they change is drawn by the widgets they are bound to. A repaint
    # of the screen itself would draw everything at each move of the cursor.
    source: reactive[Source | None] = reactive(None, repaint=False)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None, repaint=False)
    """The models of the history's step."""
    pane: reactive[int] = reactive(1, repaint=False)
    """The focused pane, 1 to 4."""
    origin: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach counts from; None is kernel text."""
    second: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach is counted from too; None for nowhere."""
    viewport: reactive[MapView | None] = reactive(None, repaint=False)
    """What the detail map displays."""
    address: reactive[Address | None] = reactive(None, repaint=False)
    """The address under the cursor."""
    palette: reactive[Palette | None] = reactive(None, repaint=False)
    """The styles of the theme."""
    sight: reactive[Sight] = reactive(Sight(), repaint=False)
    """What the map shows, for the legend."""
    moving: reactive[bool] = reactive(False, repaint=False)
    """Whether time moves by itself."""
    lens: reactive[LensName] = reactive(LensName.KIND, repaint=False)
    """What colour tells."""
    filter: reactive[str] = reactive("", repaint=False)
    """What is asked for, as typed."""
    wanted: "reactive[Filter | None]" = reactive(None, repaint=False)
    """What is asked for, read."""
    card: "reactive[Card | None]" = reactive(None, repaint=False)
    """What the tour says that is being taken."""
    findings: reactive[int | None] = reactive(None, repaint=False)
    """How much is remarkable; None while that is not known."""
    work: reactive[str] = reactive("", repaint=False)
    """What is being done off the event loop, "" for nothing."""
    fraction: reactive[float] = reactive(0.0, repaint=False)
    """How far it has come, 0 to 1."""
    waiting: reactive[bool] = reactive(False, toggle_class="waiting")
    """There is nothing to show yet."""
    hints: reactive[tuple[Hint, ...]] = reactive((), repaint=False)
    """The keys that are hinted at."""
    offers: reactive[bool] = reactive(False, repaint=False)
    """Whether the card of things to try is there."""
    actions: reactive[tuple[Action, ...]] = reactive(ACTIONS, repaint=False)
    """All actions, with the user's keys."""
    last: reactive[str] = reactive("", repaint=False)
    """The action before."""

    def __init__(
        self,
        action_groups: Iterable[object],
        columns: int,
        address: Address | None = None,
        word_bits: int = 64,
    ) -> None:
        super().__init__()
        self.set_reactive(MainScreen.address, address)
        # Laid out for the terminal from the first: Textual tells a screen of its columns when all
        # of it has been styled, and it would be styled again.
        width = self._get_breakpoint_classes(columns, self.HORIZONTAL_BREAKPOINTS)
        self.update_classes(dict.fromkeys(width, True), update=False)
        self._columns = columns
        self._word_bits = word_bits
        self._compositor = Laid()
        self.lazy = LazyWidgets(self)
        self.panels = PanelActions(self)
        self._action_groups = action_groups
        self.ready = False
        """Whether the widgets are there."""
        self.looked_from: Address | None = None
        """Where the cursor was before a dialog previewed something
        elsewhere, until something is done."""
        self.stand_ins: Mapping[str, str] = {}
        """Actions that others stand in for."""
        self.first_frame = FirstFrame()

    def compose(self) -> ComposeResult:
        """Build the screen from top to bottom."""
        cls = MainScreen
        yield TitleLine().data_bind(
            cls.source,
            cls.shown,
            cls.palette,
            cls.lens,
            cls.filter,
            cls.findings,
            playing=cls.moving,
        )
        yield Sentence().data_bind(cls.source, cls.shown)
        with Beside(id="body"):
            with Under(id="left"):
                yield Panes().data_bind(cls.shown, cls.pane, cls.viewport, cls.palette)
                with Maps(id="maps"):
                    yield DetailMap(id="map").data_bind(
                        cls.source, cls.shown, cls.pane, cls.origin, cls.second, cls.palette
                    )
            if list_width(self._columns):
                yield self.lazy.make("AreaList")
            panel = SidePanel()
            side = side_width(self._columns, self._word_bits)
            if side:
                panel.styles.width = side
            yield panel.data_bind(
                cls.source,
                cls.shown,
                cls.origin,
                cls.second,
                cls.address,
                cls.palette,
                cls.offers,
                cls.actions,
            )
        yield TimeStrip().data_bind(cls.source, cls.shown, cls.pane, cls.palette)
        yield Legend().data_bind(cls.sight, cls.palette)
        yield HintsLine().data_bind(cls.hints)

    def bound(self) -> AbstractContextManager[None]:
        """Return a context in which what is bound to a screen's attribute is bound to this."""
        return self._context()

    def _follow(self, viewport: MapView | None) -> None:
        """Show what the map displays elsewhere too, and what is under the cursor."""
        if viewport is not None:
            self.viewport = viewport
            self.address = viewport.cursor
            if "AreaList" in self.lazy:
                self.panels.list.follow(viewport.cursor)

    def on_detail_map_seen(self, message: DetailMap.Seen) -> None:
        """Explain what is in sight."""
        if not self.has_class("time-map"):
            self.sight = message.sight

    def on_time_map_view_seen(self, message: "TimeMapView.Seen") -> None:
        """Explain what is in sight in the map's place."""
        if self.has_class("time-map"):
            self.sight = message.sight

    class Resized(Message):
        """The terminal has another width."""

    def on_resize(self, event: events.Resize) -> None:
        """Share the columns anew."""
        del event
        self.post_message(self.Resized())
        self._share()

    def _share(self) -> None:
        """Give the side panel what the rows of one map, or of two, leave."""
        width, shown, panel = self.size.width, self.shown, self.query_one(SidePanel)
        if shown is not None:
            self._word_bits = shown.snapshot.layout.word_bits
        shares = one_map(width, self._word_bits)
        if shown is not None and shown.beside is not None:
            from execmem_tui.view.beside import gutter

            letters = gutter(shown.span(self.pane), shown.offsets_from(self.pane))
            shares = two_maps(width, letters, shown.snapshot.layout.word_bits)
            if shares.halves is not None:
                self._share_with_other(shares.halves, letters)
        split = shares.halves
        self.set_class(split is not None, "beside")
        self.set_class(split is not None and not split.side, "no-room")
        if shares.listed:
            self.lazy.mount("AreaList")
        if "AreaList" in self.lazy:
            self.panels.list.stand(shares.listed)
        if shares.side:
            panel.styles.width = shares.side
        else:
            panel.styles.clear_rule("width")
        self.map.bare = shares.bare
        self.tell_place()
        if split is None:
            self.map.styles.clear_rule("width")
        else:
            self.map.styles.width = split.own

    def tell_place(self) -> None:
        """Let the map say what is under the cursor where no side panel does."""
        hidden = self.has_class("no-side") or self.has_class("no-room")
        self.map.alone = hidden or self.size.width < NARROW

    def _share_with_other(self, split: Halves, letters: int) -> None:
        """Give the map beside its columns, `letters` of them for offsets."""
        from execmem_tui.tui.widgets.other_map import OtherMap

        self.lazy.mount("OtherMap")
        other = self.query_one(OtherMap)
        other.letters = letters
        other.styles.width = split.other

    def _screen_resized(self, size: Size) -> None:
        """Lay out for another size: of the one it has, Textual tells three times at the start.

        Of a terminal that tells no size (a serial console: 0 by 0), rich and the driver each think
        of another one. Each layout would tell the screen of its size again, the two in turn without
        end: what the application does not have any more is passed over.
        """
        if self.app.size == size != self.outer_size:
            super()._screen_resized(size)

    def _compositor_refresh(self) -> None:
        """Paint, once the map knows its size."""
        if self.first_frame.waits(self._hear):
            return
        if self.first_frame.comes():
            # Asked for before there was anything: it would come twice.
            self._repaint_required = False
            super()._compositor_refresh()
            self.post_message(self.Painted())
        else:
            super()._compositor_refresh()

    def _hear(self) -> bool:
        return self.map.call_later(self._begin_painting)  # behind its size

    def _begin_painting(self) -> None:
        self.first_frame.heard()
        self.refresh()

    def on_mount(self) -> None:
        """Keys go to the map at first."""
        # Not a message: it would come when the map is painted already, and the rest after it.
        self.watch(self.map, "viewport", self._follow, init=False)
        self.map.focus()
        self.ready = True
        self.post_message(self.Ready())

    @property
    def map(self) -> DetailMap:
        """The detail map."""
        return self.query_one("#map", DetailMap)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave to a list or a text that has the focus the keys that it has a use for."""
        if action != "act" or self.focused is None or self.focused is self.map:
            return True
        return self.panels.leaves(_BY_ID[str(parameters[0])])

    def why_not(self, name: str) -> str:
        """Return "" if an action does something now, else why not."""
        from execmem_tui.view.availability import why_not

        return "" if self.source is None else why_not(_BY_ID[name], self.source)

    @property
    def action_groups(self) -> Iterator[object]:
        """Where actions are looked for; each is in one place, and there when it is its turn."""
        return chain((self.map, self.panels), self._action_groups)

    async def action_act(self, name: str) -> None:
        """Do an action of the registry, or say why it does nothing."""
        reason = self.why_not(name)
        if reason:
            self.notify(reason, markup=False, timeout=4)
            return
        name = self.stand_ins.get(name, name)
        if self.panels.takes(name):
            return
        self.last = name
        self.post_message(self.Acted(name))
        group = next(group for group in self.action_groups if hasattr(group, f"action_{name}"))
        try:
            done = getattr(group, f"action_{name}")()
            if isawaitable(done):
                await done
        except Exception as error:  # noqa: BLE001 - the application shows it and goes on
            self.app.post_message(self.Broke(error))

    async def on_hints_line_pressed(self, message: HintsLine.Pressed) -> None:
        """Do what a hint says."""
        await self.action_act(message.action)

    async def on_title_line_pressed(self, message: TitleLine.Pressed) -> None:
        """Do what a part of the title stands for."""
        if message.action == PALETTE:
            self.app.action_command_palette()
        else:
            await self.action_act(message.action)

    async def on_try_card_pressed(self, message: "TryCard.Pressed") -> None:
        """Do what a line of the card says."""
        await self.action_act(message.action)

    def watch_card(self) -> None:
        """Show a tour's card. An audience gets it for the sentence: the map needs the room."""
        if self.is_mounted:
            self.set_class(self.card is not None, "touring")
            if self.card is not None:
                self.lazy.mount("TourCard")
            self.query_one(Sentence).beside = self.card is not None
            self.choose_hints()

    def watch_work(self) -> None:
        """Show what is being done."""
        if self.work and self.is_mounted:
            self.lazy.mount("Bar")

    def watch_last(self) -> None:
        """Hint at what goes on with it; the card has done its work once its advice was taken."""
        if self.offers:
            from execmem_tui.tui.widgets.try_card import TryCard

            if self.last in TryCard.KEYS:
                self.close_card()
        self.choose_hints()

    def watch_moving(self) -> None:
        """The key that plays pauses, or the other way round."""
        self.choose_hints()

    def watch_shown(self, before: Shown | None, after: Shown | None) -> None:
        """Hint at what can be done now; make room for a second map, or take it back."""
        self.choose_hints()
        if not self.is_mounted:
            return
        compares = after is not None and after.compared is not None
        if compares:
            self.lazy.mount("ComparisonLine")
        self.set_class(compares, "comparing")
        other = after is not None and after.snapshot.layout.word_bits != self._word_bits
        if other or (after and after.beside) is not (before and before.beside):
            self._share()

    def watch_pane(self) -> None:
        """Offsets of another window may be longer."""
        if self.has_class("beside"):
            self._share()

    def on_other_map_wheeled(self, message: "OtherMap.Wheeled") -> None:
        """Pan both maps."""
        self.map.pan(message.lines)

    def watch_source(self) -> None:
        """Hint at what can be done with it."""
        self.last = ""
        self.choose_hints()

    def on_descendant_focus(self) -> None:
        """Hint at what the keys do now."""
        self.choose_hints()

    def close_card(self) -> None:
        """Take the card of things to try away, for good."""
        if self.offers:
            self.offers = False
            self.post_message(self.CardClosed())

    def choose_hints(self) -> None:
        """Hint at what the keys can do now."""
        if self.source is None or self.shown is None or not self.is_mounted:
            return
        places = 0 if self.card is None else self.card.places
        now = situation(
            self.source,
            self.shown,
            focus=self.panels.focus,
            places=places,
            last=self.last,
            moving=self.moving,
        )
        self.hints = hints(self.actions, now)

    def dismiss_one(self) -> bool:
        """Leave what Escape leaves: what is open, the tour, the card of things to try; one a press.

        False where there was nothing to leave.
        """
        if self.panels.leave_one():
            return True
        if self.card is not None:
            self.post_message(self.TourLeft())
            return True
        left = self.offers
        self.close_card()
        return left

    def on_time_map_view_chosen(self) -> None:
        """The map comes back where a moment and an address were chosen."""
        self.panels.show_map()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """What a dialog previewed on the map is gone with it, and so are its lines.

        Textual 8.2 remembers colours by widget, for the last 1,024 of them, and with a dead widget
        all that was painted of it: each dialog cost 200 KiB (textual/_styles_cache.py:
        get_inner_outer).
        """
        if self.first_frame.painting is Painting.NONE:
            event.refresh_styles = False  # all of it was styled a moment ago
        StylesCache.get_inner_outer.cache_clear()
        if self.is_mounted and self.shown is not None:
            self.map.shown = self.shown
            before, self.looked_from = self.looked_from, None
            if before is not None:
                self.map.look_at(before)

    def present(self, *, on: bool) -> None:
        """Make what an audience looks at large and leave out the rest, or undo that."""
        from execmem_tui.tui.presenting import CLICKER

        self.set_class(on, "presenting")
        self.stand_ins = CLICKER if on else {}
        self.query_one(Sentence).large = on
        self.map.large = on

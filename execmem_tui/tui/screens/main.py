"""The main screen: where everything lies, and which key means what."""

from collections.abc import Sequence
from inspect import isawaitable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from execmem_tui.model.units import Address
from execmem_tui.sources.base import Source
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.shown import Shown, commanded
from execmem_tui.tui.widgets.bar import Bar
from execmem_tui.tui.widgets.hints import Hints
from execmem_tui.tui.widgets.legend import Legend
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.tui.widgets.pane import PaneView
from execmem_tui.tui.widgets.sentence import Sentence
from execmem_tui.tui.widgets.side import SidePanel
from execmem_tui.tui.widgets.time import TimeStrip
from execmem_tui.tui.widgets.title import TitleLine
from execmem_tui.view.actions import ACTIONS, MOVE, Action
from execmem_tui.view.viewport import Viewport

_BY_ID = {action.id: action for action in ACTIONS}


class MainScreen(Screen[None]):
    """Title, sentence, four panes, the map with its side panel, time, legend and hints.

    Its attributes are the application's, bound; it hands them down to the widgets. A key is looked
    up here and done by whichever of `doers` has the action.
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
    MainScreen.waiting #body, MainScreen.waiting TimeStrip, MainScreen.waiting Legend { display: none; }
    MainScreen.waiting Bar { dock: bottom; }
    MainScreen.maximised PaneView { display: none; }
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

    class Broke(Message):
        """An action raised something."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    source: reactive[Source | None] = reactive(None)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None)
    """The models of the history's step."""
    pane: reactive[int] = reactive(1)
    """The focused pane, 1 to 4."""
    origin: reactive[Address | None] = reactive(None)
    """Where reach counts from; None is kernel text."""
    viewport: reactive[Viewport | None] = reactive(None)
    """What the detail map displays."""
    address: reactive[Address | None] = reactive(None)
    """The address under the cursor."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""
    moving: reactive[bool] = reactive(False)
    """Whether time moves by itself."""
    work: reactive[str] = reactive("")
    """What is being done off the event loop, "" for nothing."""
    fraction: reactive[float] = reactive(0.0)
    """How far it has come, 0 to 1."""
    waiting: reactive[bool] = reactive(False, toggle_class="waiting")
    """There is nothing to show yet."""
    hints: reactive[tuple[Action, ...]] = reactive(())
    """The keys that are hinted at."""

    def __init__(self, doers: Sequence[object]) -> None:
        super().__init__()
        self._doers = doers

    def compose(self) -> ComposeResult:
        """Build the screen from top to bottom."""
        cls = MainScreen
        yield TitleLine().data_bind(cls.source, cls.shown, playing=cls.moving)
        yield Bar().data_bind(cls.work, cls.fraction, cls.palette)
        yield Sentence().data_bind(cls.source, cls.shown)
        with Horizontal(id="body"):
            with Vertical(id="left"):
                for number in (1, 2, 3, 4):
                    yield PaneView(number).data_bind(cls.shown, cls.pane, cls.viewport, cls.palette)
                yield DetailMap(id="map").data_bind(
                    cls.source, cls.shown, cls.pane, cls.origin, cls.palette
                )
            yield SidePanel().data_bind(cls.source, cls.shown, cls.origin, cls.address, cls.palette)
        yield TimeStrip().data_bind(cls.source, cls.shown, cls.pane, cls.palette)
        yield Legend().data_bind(cls.palette)
        yield Hints().data_bind(cls.palette, actions=cls.hints)

    def on_mount(self) -> None:
        """Keys go to the map at first."""
        self.map.focus()

    @property
    def map(self) -> DetailMap:
        """The detail map."""
        return self.query_one("#map", DetailMap)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys that move to a list that has the focus; grey what the source cannot do."""
        if action != "act":
            return True
        wanted = _BY_ID[str(parameters[0])]
        if wanted.group == MOVE and self.focused is not None and self.focused is not self.map:
            return False
        if wanted.commanded and (self.source is None or commanded(self.source) is None):
            return None
        return True

    @property
    def doers(self) -> tuple[object, ...]:
        """Where actions are looked for; each is in one place."""
        return (self.map, self, *self._doers)

    async def action_act(self, name: str) -> None:
        """Do an action of the registry."""
        for doer in self.doers:
            action = getattr(doer, f"action_{name}", None)
            if action is not None:
                try:
                    done = action()
                    if isawaitable(done):
                        await done
                except Exception as error:  # noqa: BLE001 - the application shows it and goes on
                    self.app.post_message(self.Broke(error))
                return
        raise LookupError(name)

    async def on_hints_pressed(self, message: Hints.Pressed) -> None:
        """Do what a hint says."""
        if self.check_action("act", (message.action.id,)):
            await self.action_act(message.action.id)

    def action_maximise(self) -> None:
        """Give the detail map all rows, or give them back."""
        self.toggle_class("maximised")

    def action_side(self) -> None:
        """Show or hide the side panel; on a narrow terminal it is a sheet."""
        self.toggle_class("side-sheet" if self.has_class("-narrow") else "no-side")

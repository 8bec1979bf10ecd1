"""The side panel: reach, what is selected, the newest events."""

from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.model.units import Address
from execmem_tui.sources.base import Source
from execmem_tui.tui.line_cache import CachedRender
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.widgets.events import EventsView
from execmem_tui.tui.widgets.inspector import Inspector
from execmem_tui.tui.widgets.reach import ReachPanel
from execmem_tui.view.actions import ACTIONS, Action
from execmem_tui.view.shown import Shown

_HIGH: Final = 60
"""Rows of a terminal in which a panel without blocks of a ROX cache has no need of a bar."""


class Heading(CachedRender, Static):
    """Begins a section."""

    DEFAULT_CSS = "Heading { color: $accent; text-style: bold; height: 1; }"


class SidePanel(CachedRender, VerticalScroll, can_focus=False):
    """Three sections, one under the other; hands its attributes down to them."""

    DEFAULT_CSS = """
    SidePanel { width: 39; border-left: solid $panel; padding: 0 0 0 1; }
    SidePanel { scrollbar-size-vertical: 1; }
    SidePanel > * { padding-right: 1; }
    """

    source: reactive[Source | None] = reactive(None, repaint=False)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None, repaint=False)
    """The models of the step."""
    origin: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach counts from; None is kernel text."""
    second: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach is counted from too; None for nowhere."""
    address: reactive[Address | None] = reactive(None, repaint=False)
    """The address under the cursor."""
    palette: reactive[Palette | None] = reactive(None, repaint=False)
    """The styles of the theme."""

    offers: reactive[bool] = reactive(False, repaint=False)
    """Whether the card of things to try is there."""
    actions: reactive[tuple[Action, ...]] = reactive(ACTIONS, repaint=False)
    """All actions, with the user's keys."""

    def __init__(self) -> None:
        super().__init__()
        # Few terminals are as high as what there is to say. Where the bar comes, or goes, after
        # the first layout, all lines are cut a second time, and there is a second frame.
        barred = self.app.size.height < _HIGH
        self.set_reactive(SidePanel.show_vertical_scrollbar, barred)

    def compose(self) -> ComposeResult:
        """Headings and sections."""
        yield Heading("REACH")
        yield ReachPanel().data_bind(
            SidePanel.shown,
            SidePanel.origin,
            SidePanel.second,
            SidePanel.address,
            SidePanel.palette,
        )
        yield Heading("SELECTED")
        yield Inspector().data_bind(SidePanel.shown, SidePanel.origin, SidePanel.address)
        yield Heading("EVENTS")
        yield EventsView().data_bind(SidePanel.source, SidePanel.shown, SidePanel.palette)

    def watch_offers(self) -> None:
        """Show things to try."""
        if not self.offers or not self.is_attached:
            return
        from execmem_tui.tui.widgets.try_card import TryCard

        if not self.query(TryCard):
            with self._context():  # what it is bound to is this panel's, whoever sets it
                card = TryCard().data_bind(SidePanel.offers, SidePanel.actions)
            self.mount(card)

"""What is opened beside the map or in its place, and what Escape leaves, one at a press.

Which of it is there is a class of the screen: the layout follows from the screen's rules.
"""

from typing import TYPE_CHECKING, Final

from execmem_tui.model.errors import UsageError
from execmem_tui.tui.widgets.events import EventsView
from execmem_tui.tui.widgets.side import SidePanel
from execmem_tui.tui.widgets.time import TimeStrip
from execmem_tui.view.actions import MOVE, Action

if TYPE_CHECKING:  # the panels come with their keys
    from execmem_tui.tui.screens.main import MainScreen
    from execmem_tui.tui.widgets.area_list import AreaList
    from execmem_tui.tui.widgets.help import HelpPanel
    from execmem_tui.tui.widgets.time_map import TimeMapView

_PAGES: Final = {"page_down": 1, "page_up": -1}
_OF_THE_MAP: Final = frozenset(
    {"zoom_in", "zoom_out", "whole", "fit", "next_area", "previous_area"}
)
"""What can only be seen on the map: it comes back from behind address x time."""


class PanelActions:
    """Keys that open, give the keys to, and close what stands beside the map or in its place.

    Args:
        screen: where it stands.
    """

    def __init__(self, screen: "MainScreen") -> None:
        self._screen = screen

    # The list of areas

    @property
    def list(self) -> "AreaList":
        """The list of areas, which came with its key."""
        from execmem_tui.tui.widgets.area_list import AreaList

        return self._screen.query_one(AreaList)

    @property
    def in_list(self) -> bool:
        """Whether the list has the keys."""
        return "AreaList" in self._screen.lazy and self._screen.focused is self.list.lines

    async def action_list(self) -> None:
        """Show the areas as a list, give it the keys, or close it."""
        if self.in_list:
            self._close_list()
        else:
            from execmem_tui.tui.widgets.area_list import AreaList

            areas = await self._screen.lazy.get(AreaList)
            self._screen.add_class("listing")
            areas.open(self._screen.address)
        self._screen.choose_hints()

    def _close_list(self) -> None:
        self._screen.remove_class("listing")
        self.list.close()  # one that stands there by itself stays
        self._screen.map.focus()

    # The newest events

    @property
    def in_events(self) -> bool:
        """Whether the events of the side panel have the keys."""
        return isinstance(self._screen.focused, EventsView)

    def action_recent(self) -> None:
        """Give the keys to the newest events in the side panel, or back to the map.

        Raises:
            UsageError: the screen is a presenter's.
        """
        screen = self._screen
        self._require_panel()
        if self.in_events:
            self._leave_events()
            return
        screen.remove_class("no-side", "listing", "helping")
        screen.tell_place()
        screen.set_class(screen.has_class("-narrow"), "side-sheet")
        # a panel that comes with this key has no place yet, and what has none takes no focus
        screen.call_after_refresh(screen.query_one(EventsView).focus)

    def _leave_events(self) -> None:
        """Give the keys to the map; the panel begins with reach again."""
        self._screen.map.focus()
        self._screen.query_one(SidePanel).scroll_home(animate=False)

    # Help

    @property
    def help(self) -> "HelpPanel":
        """What the keys do; it came with its key."""
        from execmem_tui.tui.widgets.help import HelpPanel

        return self._screen.query_one(HelpPanel)

    @property
    def in_help(self) -> bool:
        """Whether help has the keys."""
        return self._screen.has_class("helping") and self._screen.focused is self.help

    async def action_help(self) -> None:
        """Show what the keys do, beside the map, or close that."""
        if self._screen.has_class("helping"):
            self._close_help()
        else:
            from execmem_tui.tui.widgets.help import HelpPanel

            panel = await self._screen.lazy.get(HelpPanel)
            self._screen.add_class("helping")
            panel.open()
        self._screen.choose_hints()

    def _close_help(self) -> None:
        self._screen.remove_class("helping")
        self.help.close()
        self._screen.map.focus()

    # Address x time

    @property
    def time_map(self) -> "TimeMapView":
        """Address x time, which may take the map's place; it came with its key."""
        from execmem_tui.tui.widgets.time_map import TimeMapView

        return self._screen.query_one(TimeMapView)

    @property
    def in_time_map(self) -> bool:
        """Whether address x time has the keys."""
        return self._screen.has_class("time-map") and self._screen.focused is self.time_map

    async def action_time_map(self) -> None:
        """Give the map's place to address x time, or take it back."""
        from execmem_tui.tui.widgets.time_map import TimeMapView

        screen = self._screen
        view = await screen.lazy.get(TimeMapView)
        screen.toggle_class("time-map")
        if screen.has_class("time-map"):
            screen.query_one(TimeStrip).alone = False
            view.focus()
            screen.call_after_refresh(view.begin, screen.address or 0)
        else:
            self._back_to_map()

    def show_map(self) -> None:
        """Take the map's place back from address x time."""
        if self._screen.has_class("time-map"):
            self._screen.remove_class("time-map")
            self._back_to_map()

    def _back_to_map(self) -> None:
        self._screen.query_one(TimeStrip).alone = True
        self._screen.map.focus()
        self._screen.sight = self._screen.map.sight

    async def action_seconds(self) -> None:
        """Divide time by seconds, or by events again, in the strip and in the map of time alike.

        Raises:
            UsageError: no event has a time.
        """
        from execmem_tui.tui.widgets.time_map import TimeMapView

        view = await self._screen.lazy.get(TimeMapView)
        if not view.timed:
            raise UsageError("no event here has a time: columns are divided by events")
        view.toggle_scale()
        self._screen.query_one(TimeStrip).scale = view.scale

    # The map and the side panel

    def action_maximise(self) -> None:
        """Give the detail map all rows, or give them back."""
        self._screen.toggle_class("maximised")

    def action_side(self) -> None:
        """Show or hide the side panel; on a narrow terminal it is a sheet.

        Raises:
            UsageError: the screen is a presenter's.
        """
        self._require_panel()
        narrow = self._screen.has_class("-narrow")
        self._screen.toggle_class("side-sheet" if narrow else "no-side")
        self._screen.tell_place()

    def _require_panel(self) -> None:
        """Refuse what would be seen only later."""
        if self._screen.has_class("presenting"):
            raise UsageError("a presenter's screen has no side panel", hint="P leaves it")

    def _turns_sheet(self, name: str) -> bool:
        """Scroll the side panel where it is a sheet longer than the terminal; whether it was."""
        if name not in _PAGES or not self._screen.has_class("side-sheet"):
            return False
        panel = self._screen.query_one(SidePanel)
        panel.scroll_relative(y=_PAGES[name] * max(1, panel.size.height - 2), animate=False)
        return panel.max_scroll_y > 0

    # Keys meet what is open

    @property
    def focus(self) -> str:
        """What of it has the keys, as the hints name it: list, events, help; "" for the map."""
        if self.in_list:
            return "list"
        return "events" if self.in_events else "help" if self.in_help else ""

    def leaves(self, action: Action) -> bool:
        """Whether a key is left to the screen by what has the focus, which is not the map."""
        if self.in_time_map and action.id in _OF_THE_MAP:
            return True
        return action.group != MOVE and not (self.in_list and action.id in self.list.CLAIMS)

    def takes(self, name: str) -> bool:
        """Bring the map into sight for what is only seen on it; whether the action is done then."""
        if name in _OF_THE_MAP:
            self.show_map()
        return self._turns_sheet(name)

    def leave_one(self) -> bool:
        """Leave one of what is open; False where there is nothing.

        Help, the list's keys, the list, the sheet, address x time, a map that has all rows.
        """
        if self._screen.has_class("helping"):
            self._close_help()
        elif self.in_events:
            self._leave_events()
        elif self.in_list:
            self._screen.map.focus()
        elif self._screen.has_class("listing"):
            self._close_list()
        elif self._screen.has_class("side-sheet"):
            self._screen.remove_class("side-sheet")
        elif self._screen.has_class("time-map"):
            self.show_map()
        elif self._screen.has_class("maximised"):
            self.action_maximise()
        else:
            return False
        return True

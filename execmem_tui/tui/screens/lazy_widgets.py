"""Widgets of the main screen that few starts need: each is mounted when it is needed.

Were they there from the beginning, they would be imported, styled, measured and told of everything
before the first frame.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from textual.widget import AwaitMount, Widget

if TYPE_CHECKING:
    from execmem_tui.tui.screens.main import MainScreen

    Screen = type[MainScreen]

_W = TypeVar("_W", bound=Widget)


def _bar(screen: "Screen") -> Widget:
    from execmem_tui.tui.widgets.bar import Bar

    return Bar().data_bind(screen.work, screen.fraction, screen.palette)


def _time_map(screen: "Screen") -> Widget:
    from execmem_tui.tui.widgets.time_map import TimeMapView

    view = TimeMapView(id="timemap")
    return view.data_bind(screen.source, screen.shown, screen.pane, screen.palette)


def _comparison(screen: "Screen") -> Widget:
    from execmem_tui.tui.widgets.comparison import ComparisonLine

    return ComparisonLine().data_bind(screen.shown)


def _other_map(screen: "Screen") -> Widget:
    from execmem_tui.tui.widgets.other_map import OtherMap

    return OtherMap().data_bind(screen.shown, screen.pane, screen.viewport, screen.palette)


def _area_list(screen: "Screen") -> Widget:
    from execmem_tui.tui.widgets.area_list import AreaList

    return AreaList().data_bind(screen.shown, screen.wanted)


def _help_panel(screen: "Screen") -> Widget:
    from execmem_tui.tui.widgets.help import HelpPanel

    return HelpPanel().data_bind(screen.actions)


def _tour_card(screen: "Screen") -> Widget:
    from execmem_tui.tui.widgets.tour_card import TourCard

    return TourCard().data_bind(screen.card)


_LAZY: Final[Mapping[str, tuple[Callable[["Screen"], Widget], str]]] = {
    "Bar": (_bar, "Sentence"),
    "TimeMapView": (_time_map, "Maps"),
    "ComparisonLine": (_comparison, "Maps"),
    "OtherMap": (_other_map, "DetailMap"),
    "AreaList": (_area_list, "SidePanel"),
    "HelpPanel": (_help_panel, "SidePanel"),
    "TourCard": (_tour_card, "TimeStrip"),
}
"""How each is made, and before which it is mounted."""


class LazyWidgets:
    """Which of these widgets are mounted on a screen.

    Args:
        screen: theirs: what they show is bound to its attributes.
    """

    def __init__(self, screen: "MainScreen") -> None:
        self._screen = screen
        self._mounted: set[str] = set()

    def __contains__(self, kind: str) -> bool:
        """Whether the widget of that class is mounted."""
        return kind in self._mounted

    def make(self, kind: str) -> Widget:
        """Return such a widget for a screen that is being composed: it is there from the first."""
        self._mounted.add(kind)
        return _LAZY[kind][0](type(self._screen))

    def mount(self, kind: str) -> AwaitMount:
        """Mount a widget, unless it was mounted before."""
        screen = self._screen
        if kind in self._mounted or not screen.is_attached:
            return AwaitMount(screen, [])
        with screen.bound():
            widget = self.make(kind)
        return screen.mount(widget, before=screen.query_one(_LAZY[kind][1]))

    async def get(self, kind: type[_W]) -> _W:
        """Return such a widget, mounted and with the values that it is bound to."""
        if kind.__name__ not in self._mounted:
            await self.mount(kind.__name__)
            bound = asyncio.Event()
            if self._screen.query_one(kind).call_later(bound.set):
                await bound.wait()
        return self._screen.query_one(kind)

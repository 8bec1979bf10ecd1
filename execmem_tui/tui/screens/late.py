"""Widgets of the main screen that few starts need: each comes when it is needed.

Were they there from the beginning, they would be imported, styled, measured and told of everything
before the first frame.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from textual.widget import Widget

if TYPE_CHECKING:
    from execmem_tui.tui.screens.main import MainScreen

    Screen = type[MainScreen]


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


LATE: Final[Mapping[str, tuple[Callable[["Screen"], Widget], str]]] = {
    "Bar": (_bar, "Sentence"),
    "TimeMapView": (_time_map, "Maps"),
    "ComparisonLine": (_comparison, "Maps"),
    "OtherMap": (_other_map, "DetailMap"),
    "AreaList": (_area_list, "SidePanel"),
    "HelpPanel": (_help_panel, "SidePanel"),
    "TourCard": (_tour_card, "TimeStrip"),
}
"""How each is made, and before which it comes."""

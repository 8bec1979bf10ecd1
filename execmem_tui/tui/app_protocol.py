"""What the keys act on: the application as its actions see it, small enough to fake in a test."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from textual.screen import Screen

from execmem_tui.model.areas import Area
from execmem_tui.model.units import Address
from execmem_tui.sources.base import Side, Source
from execmem_tui.tui.palette import Palette
from execmem_tui.view.actions import Action
from execmem_tui.view.paint import LensName
from execmem_tui.view.shown import Shown

Severity = Literal["information", "warning", "error"]


class AppProtocol(Protocol):
    """A source, what is shown of it, where one looks, and the means to ask and to say something."""

    source: Source
    """What feeds the map."""
    shown: Shown
    """The models of the history's step."""
    pane: int
    """The focused pane, 1 to 4."""
    origin: Address | None
    """Where reach counts from; None is kernel text."""
    second: Address | None
    """Where reach is counted from too, to compare; None for nowhere."""
    lens: LensName
    """What colour tells."""
    pinned: Side | None
    """What the lens *difference* compares with."""
    filter: str
    """What is asked for, as typed; the rest is dimmed. "" asks for all."""
    follows: bool
    """Whether the map goes where each event is."""
    playing: bool
    """Whether the events are being played."""
    following: bool
    """Whether the running kernel is read again and again."""
    actions: tuple[Action, ...]
    """All actions, with the user's keys."""
    interval: float
    """Seconds between two reads of it."""

    palette: Palette
    """The styles of the theme."""

    opened: Sequence[str] | None
    """The words of the command line that opened the source; None where its layout says them."""

    @property
    def cursor(self) -> Address:
        """The address under the cursor."""

    def show_step(self) -> None:
        """Show the step that the history is at."""

    def show_source(self, source: Source) -> None:
        """Show another source from here on."""

    def look_at(self, address: Address, *, pane: int | None = None) -> None:
        """Put the cursor on an address, in a pane."""

    def look_at_area(self, area: Area) -> None:
        """Put the cursor on an area, all of which is in sight then."""

    def show_map(self) -> None:
        """Bring the map back where address x time has its place."""

    def pin(self, side: Side | None) -> None:
        """Compare with a moment or a machine from here on; with None, no more."""

    @property
    def side_by_side(self) -> bool:
        """Whether what is compared with has a map of its own."""

    def paint_anew(self) -> None:
        """Show the step as it is to be shown now."""

    def ask(self, dialog: Screen[Any]) -> None:
        """Show a dialog or a sheet."""

    def say(self, text: str, title: str = "", severity: Severity = "information") -> None:
        """Tell something in passing. `text` is printable."""

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, and say so."""

    def show_before(self) -> bool:
        """Show again what was shown before the source; False where that is no longer to be had."""

    def touched(self) -> None:
        """Something was done to the source: from here on `u` takes that back."""

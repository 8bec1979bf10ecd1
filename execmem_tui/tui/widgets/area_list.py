"""The areas as a list beside the map."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.model.areas import Area
from execmem_tui.model.units import Address, signed_size
from execmem_tui.tui.line_cache import CachedRender
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.view.area_list import KEYS, Listing, Order, area_line, count_line
from execmem_tui.view.shown import Shown


class AreaList(CachedRender, Vertical):
    """Every area on a line, sorted; Enter or a click goes there."""

    HELP = "Enter goes to an area, `s` sorts otherwise, Escape returns to the map, `L` closes."
    CLAIMS: ClassVar[frozenset[str]] = frozenset({"scenario"})
    """Actions whose keys mean something else here."""
    DEFAULT_CSS = """
    AreaList { width: 46; border-left: solid $panel; display: none; }
    AreaList.open, AreaList.standing { display: block; }
    AreaList > #count { height: 1; color: $accent; text-style: bold; padding: 0 1; }
    AreaList > LineList { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "sort", "Sort")]

    shown: reactive[Shown | None] = reactive(None)
    """The models of the step."""
    wanted: reactive[Callable[[Area], bool] | None] = reactive(None)
    """Which areas are listed; None for all."""
    order: reactive[Order] = reactive(Order.ADDRESS)
    """What they are sorted by."""

    class Chosen(Message):
        """An area was chosen."""

        def __init__(self, address: Address) -> None:
            super().__init__()
            self.address = address

    def __init__(self) -> None:
        super().__init__()
        self._listing = Listing()
        self._areas: Sequence[Area] = ()
        self._places: dict[Address, int] | None = None
        """Where the area of a start stands, once it is asked for."""

    def compose(self) -> ComposeResult:
        """How many there are, and they."""
        yield Static(id="count", markup=False)
        yield LineList(empty="no area")

    @cached_property
    def lines(self) -> LineList:
        """The lines."""
        return self.query_one(LineList)

    def watch_shown(self) -> None:
        """List another step."""
        self.refill()

    def watch_wanted(self) -> None:
        """List other areas."""
        self.refill()

    def watch_order(self) -> None:
        """List them in another order."""
        self.refill()

    def refill(self, here: Address | None = None) -> None:
        """List the areas, the highlighted one or that of `here` highlighted.

        Nothing while closed.
        """
        if self.shown is None or not self.listing or not self.is_mounted:
            return
        index = self.lines.highlighted
        if here is None and index < len(self._areas):
            here = self._areas[index].start
        snapshot = self.shown.snapshot
        compared = self.shown.compared
        if compared is None and self.order is Order.DELTA:
            self.set_reactive(AreaList.order, Order.ADDRESS)
        delta = None if compared is None else compared.found.delta_of
        self._areas = self._listing.of(snapshot, self.order, self.wanted, delta)
        self._places = None
        at = self._index_of(here)
        self.lines.fill(len(self._areas), self._line, at)
        self.query_one("#count", Static).update(
            count_line(len(self._areas), len(snapshot.areas), self.order)
        )

    @property
    def listing(self) -> bool:
        """Whether it is to be seen."""
        return self.has_class("open") or self.standing

    @property
    def standing(self) -> bool:
        """Whether it is there although nobody opened it: the terminal has room to spare."""
        return self.has_class("standing")

    def stand(self, width: int) -> None:
        """Be there by itself, so wide; with 0, no more."""
        was = self.standing
        self.set_class(width > 0, "standing")
        if width:
            self.styles.width = width
        else:
            self.styles.clear_rule("width")
        if self.standing and not was:
            self.refill()

    def follow(self, address: Address) -> None:
        """Highlight what the map's cursor is on, while nobody chooses here."""
        if self.standing and self.shown is not None and not self.lines.has_focus:
            area = self.shown.snapshot.area_at(address)
            if area is not None:
                self.lines.leaps = True
                self.lines.highlighted = self._index_of(area.start, self.lines.highlighted)
                self.lines.leaps = False

    def _index_of(self, start: Address | None, otherwise: int = 0) -> int:
        """Return where an area stands in the list."""
        areas = self._areas
        if start is None or self.shown is None:
            return otherwise
        key = KEYS.get(self.order)
        if key is None:
            if self._places is None:
                starts = (area.start for area in reversed(areas))
                self._places = dict(zip(starts, range(len(areas) - 1, -1, -1), strict=True))
            return self._places.get(start, otherwise)
        area = self.shown.snapshot.area_at(start)
        at = len(areas) if area is None else bisect_left(areas, key(area), key=key)
        return at if at < len(areas) and areas[at].start == start else otherwise

    def _line(self, index: int) -> str:
        assert self.shown is not None
        bits = self.shown.snapshot.layout.word_bits
        area, compared, size = self._areas[index], self.shown.compared, ""
        if self.order is Order.DELTA and compared is not None:
            size = signed_size(compared.found.delta_of(area))
        return area_line(area, bits, self.lines.columns, size)

    def open(self, here: Address | None) -> None:
        """Be there, the area at `here` highlighted, and take the keys."""
        self.add_class("open")
        self.refill(here)
        self.lines.focus()

    def close(self) -> None:
        """Go away."""
        self.remove_class("open")

    def action_sort(self) -> None:
        """Sort by the next thing."""
        compared = self.shown is not None and self.shown.compared is not None
        self.order = self.order.next(compared=compared)

    def on_line_list_chosen(self, message: LineList.Chosen) -> None:
        """Go to an area."""
        message.stop()
        self.post_message(self.Chosen(self._areas[message.index].start))

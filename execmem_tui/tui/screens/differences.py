"""The table of differences as a sheet: Enter goes to one."""

from collections.abc import Callable
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from execmem_tui.analysis.superpose import Pairing
from execmem_tui.tui.screens.sheet import Sheet
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.view.compared import (
    Compared,
    DifferenceOrder,
    compared_text,
    table,
    table_head,
    table_line,
)

_HINTS: Final = "Enter goes there · s sorts by the next thing · ↑ ↓ choose · Esc back to the map"


class DifferenceSheet(Sheet):
    """Owner, region, A, B and delta of all that differs."""

    DEFAULT_CSS = """
    DifferenceSheet Static { height: 1; }
    DifferenceSheet #head { color: $foreground 65%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ampersand", "leave", "Back"),
        Binding("s", "sort", "Sort"),
        Binding("enter", "choose", "Go there", show=True),
    ]

    def __init__(self, compared: Compared, go: Callable[[Pairing], None]) -> None:
        super().__init__("Differences", _HINTS)
        self._compared = compared
        self._go = go
        self._order = DifferenceOrder.DELTA
        self._rows: list[Pairing] = []

    def content(self) -> ComposeResult:
        """The sums, the head, the rows."""
        yield Static(id="sums", markup=False)
        yield Static(id="head", markup=False)
        yield LineList(empty="nothing differs")

    def on_mount(self) -> None:
        """Begin with the largest."""
        self._fill()

    def on_resize(self) -> None:
        """Cut the names to the width."""
        self._tell()

    def _fill(self) -> None:
        self._rows = table(self._compared.found, self._order)
        self.query_one(LineList).fill(len(self._rows), self._line)
        self._tell()

    def _tell(self) -> None:
        width = max(20, self.size.width - 4)
        self.query_one("#sums", Static).update(Text(compared_text(self._compared, width)))
        self.query_one("#head", Static).update(Text(table_head(self._order, width), no_wrap=True))

    def _line(self, index: int) -> str:
        bits = self._compared.found.after.layout.word_bits
        return table_line(self._rows[index], bits, self.query_one(LineList).size.width)

    def action_sort(self) -> None:
        """Sort by the next thing."""
        self._order = self._order.next()
        self._fill()

    def action_choose(self) -> None:
        """Go to the highlighted one."""
        self.query_one(LineList).action_choose()

    def on_line_list_chosen(self, message: LineList.Chosen) -> None:
        """Go to one."""
        if not self.finished:
            self.action_leave()
            self._go(self._rows[message.index])

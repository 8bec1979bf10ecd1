"""One chooser for everything that has a name: modules, areas, symbols, scenarios."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.fuzzy import FuzzySearch
from textual.widgets import Input, Static

from execmem_tui.model.text import printable
from execmem_tui.tui.screens.dialog import Dialog
from execmem_tui.tui.screens.overlay import LEAVE
from execmem_tui.tui.theme_registry import dim_style
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.view.finding import Entry, Ranking, finish, nearest, ranking, spelled

_NAME: Final = 34
"""Columns that names take at most where something stands beside them."""
_GAP: Final = 2
_LEAST_NAME: Final = 20
"""Columns that names keep whatever stands beside them."""
_ALIGNED: Final = 500
"""Names that are measured: nobody scrolls further."""
_HIGHEST: Final = 20
_LOW: Final = 30
"""Rows of a terminal in which a list with a preview would cover what it previews."""
_FRAME: Final = 4
"""Rows of the box that are no entries: its borders, the field, and one for what is wrong."""
_TOLD: Final = 4
"""Rows below the list: all of what is highlighted, and a blank one above it."""
_EDGES: Final = 5
"""Columns of the box that are no entries: its borders and their padding, the scroll bar."""
_QUOTED: Final = 20
"""Columns of what was typed where it is said that there is none."""
_NARROW: Final = 72
_WIDE: Final = 100
"""Columns of the box: what is beside a name is to be read whole, and the eye finds its line."""


class Chooser(Dialog[int]):
    """Choose one of many: the list narrows while one types, the best first.

    Args:
        title: in the border.
        entries: what there is to choose from.
        do: gets the index of the entry.
        begin: the index highlighted at first.
        watch: called with the index of what is highlighted, None for nothing.
        told: the detail of what is highlighted stands below the list, all of it.
    """

    DEFAULT_CSS = """
    Chooser.previews #box { height: 12; }
    Chooser.previews.low #box { height: 8; }
    Chooser LineList { height: 1fr; }
    Chooser #told { height: 4; padding: 1 0 0 0; color: $foreground 80%; }
    """
    fits_entries: ClassVar = True
    """Whether few entries make a low box."""
    BINDINGS: ClassVar[list[BindingType]] = [
        *LEAVE,
        Binding("down", "pick(1)", "Next", priority=True),
        Binding("up", "pick(-1)", "Previous", priority=True),
        Binding("pagedown", "pick(10)", "Next page", priority=True),
        Binding("pageup", "pick(-10)", "Previous page", priority=True),
    ]

    def __init__(
        self,
        title: str,
        entries: Sequence[Entry],
        do: Callable[[int], None],
        *,
        hints: str = "↑ ↓ choose · Enter · Esc leaves",
        begin: int = 0,
        watch: Callable[[int | None], None] | None = None,
        told: bool = False,
    ) -> None:
        super().__init__(title, do, hints)
        self._told = told
        self._entries = entries
        self._begin = begin
        self._found: list[int] = []
        self._name_width = 0
        """Columns of the names; a longer one moves what stands beside it."""
        self._detail_width = 0
        """Columns of what stands beside them."""
        self._seeking: tuple[str, Ranking] | None = None
        """What is being searched for, while that takes more than a moment."""
        self._search = FuzzySearch()
        self._watch = watch
        self.set_class(watch is not None, "previews")  # leaves the map in sight

    def fields(self) -> ComposeResult:
        """A field and the list."""
        yield Input(id="line", compact=True, placeholder=f"type to find, of {len(self._entries):,}")
        yield LineList(id="found")
        if self._told:
            yield Static(id="told", markup=False)

    def on_mount(self) -> None:
        """Show all at first, in a box that is no higher than they need."""
        if self.fits_entries and self._watch is None:
            rows = _FRAME + len(self._entries) + (_TOLD if self._told else 0)
            self.query_one("#box").styles.height = min(_HIGHEST, rows)
            self.query_one("#box").styles.width = max(_NARROW, min(_WIDE, self._wanted()))
        self.set_class(self.app.size.height < _LOW, "low")
        self.lines.can_focus = False
        self.narrow("")
        self.lines.highlighted = self._begin

    def _wanted(self) -> int:
        """Return the columns in which every entry stands whole."""
        first = self._entries[:_ALIGNED]
        names = min(_NAME, max((len(entry.name) for entry in first), default=0))
        return names + max((len(entry.detail) for entry in first), default=0) + _GAP + _EDGES

    @property
    def lines(self) -> LineList:
        """The list."""
        return self.query_one(LineList)

    @on(Input.Changed)
    def changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self.narrow(event.value)

    def narrow(self, query: str) -> None:
        """List what matches, and say so where nothing does.

        Among very many it takes a while: what was listed stays until then, and keys are taken.
        """
        self.wrong("")
        steps = ranking(query, self._entries, lambda one, two: self._search.match(one, two)[0])
        self._seeking = query, steps
        self._seek(steps)

    def _seek(self, steps: Ranking) -> None:
        """Do a piece of the search, unless another one has begun."""
        if self._seeking is None or self._seeking[1] is not steps or not self.is_attached:
            return
        query = self._seeking[0]
        try:
            done = next(steps)
        except StopIteration as stop:
            self._seeking = None
            self._list(query, stop.value)
        else:
            self.query_one("#box").border_title = f"{self._title}: {done:.0%} searched"
            self.call_later(self._seek, steps)

    def _sought(self) -> None:
        """End a search that goes on: what it finds is asked for."""
        if self._seeking is not None:
            query, steps = self._seeking
            self._seeking = None
            self._list(query, finish(steps))

    def _list(self, query: str, found: list[int]) -> None:
        self._found = found
        self.query_one("#box").border_title = Text(self._title + self._doubt(query)).markup
        empty = "there is nothing to choose from"
        if query.strip() and not self._found:
            close = nearest(query, self._entries)
            empty = f"nothing matches {query}" + (f"; there is {close}" if close else "")
        first = [self._entries[index] for index in self._found[:_ALIGNED]]
        self._name_width = min(_NAME, max((len(entry.name) for entry in first), default=0))
        self._detail_width = max((len(entry.detail) for entry in first), default=0)
        self.lines.fill(len(self._found), self._line, empty=empty)

    def _doubt(self, query: str) -> str:
        """Say where Enter would take what only has the same letters: i915 is in isl29125."""
        if not self._found or spelled(query, self._entries[self._found[0]]):
            return ""
        return f": no {printable(query.strip(), _QUOTED)}; these have its letters"

    def _line(self, index: int) -> Text:
        return self.line_of(self._entries[self._found[index]])

    def line_of(self, entry: Entry) -> Text:
        """Return an entry as it is listed."""
        if not entry.detail:
            return Text(entry.name)
        width, room = self._name_width, self.lines.columns - self._detail_width - _GAP
        name = entry.name
        if _LEAST_NAME <= room < width:  # columns are whole; a sentence may end with the line
            width = room
            name = name if len(name) <= room else f"{name[: room - 1]}…"
        return Text.assemble(f"{name:<{width}}{' ' * _GAP}", (entry.detail, dim_style()))

    def on_line_list_highlighted(self, message: LineList.Highlighted) -> None:
        """Tell who watches, and all of what a line has no room for."""
        if self._told:
            chosen = self._entries[self._found[message.index]].detail if self._found else ""
            self.query_one("#told", Static).update(chosen)
        if self._watch is not None:
            self._watch(self._found[message.index] if self._found else None)

    def action_pick(self, step: int) -> None:
        """Move in the list without leaving the field."""
        count = len(self._found)
        if count and abs(step) == 1:
            self.lines.highlighted = (self.lines.highlighted + step) % count
        elif count:
            self.lines.highlighted += step

    @on(Input.Submitted)
    def accept(self) -> None:
        """Hand over what is highlighted; say so where nothing is, and stay."""
        self._sought()
        if self._found:
            self.tell(self._found[self.lines.highlighted])
            return
        query = self.query_one(Input).value
        close = nearest(query, self._entries)
        self.wrong(f"nothing matches {query}" + (f"; did you mean {close}?" if close else ""))

    def on_line_list_chosen(self, message: LineList.Chosen) -> None:
        """Hand over what was clicked."""
        if self._found:
            self.tell(self._found[message.index])

"""Small questions: an allocation, a line of text, a choice from a list."""

from typing import ClassVar

from attrs import frozen
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList, Select, Static
from textual.widgets.option_list import Option

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Bytes, format_size, parse_size

_CSS = """
ModalScreen { align: center middle; }
#box { width: 64; max-width: 95%; height: auto; max-height: 95%; border: round $primary; background: $surface; padding: 0 1; }
#box Label { height: 1; margin-top: 1; }
#box Input, #box Select { height: 3; }
#box #wrong { color: $error; height: auto; }
#box Horizontal { height: 3; margin-top: 1; align-horizontal: right; }
#box OptionList { height: auto; max-height: 16; }
"""
_LEAVE: list[BindingType] = [Binding("escape", "dismiss(None)", "Cancel")]


@frozen
class AllocateRequest:
    """What the dialog was told."""

    kind: ExecmemType
    size: Bytes
    count: int
    owner: str | None


class AllocateDialog(ModalScreen[AllocateRequest | None]):
    """Allocate…: type, size with units, count, name."""

    CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = _LEAVE

    def __init__(
        self, kinds: list[ExecmemType], chosen: ExecmemType, sizes: dict[ExecmemType, Bytes]
    ) -> None:
        super().__init__()
        self._kinds = kinds
        self._chosen = chosen
        self._sizes = sizes

    def compose(self) -> ComposeResult:
        """Four fields and two buttons."""
        with Vertical(id="box"):
            yield Label("Type")
            yield Select(
                [(kind.name, kind) for kind in self._kinds],
                value=self._chosen,
                allow_blank=False,
                id="kind",
            )
            yield Label("Size, for example 64K or 2M")
            yield Input(format_size(self._sizes[self._chosen]), id="size")
            yield Label("Count")
            yield Input("1", type="integer", id="count")
            yield Label("Name (may be empty)")
            yield Input("", id="owner", max_length=60)
            yield Static("", id="wrong", markup=False)
            with Horizontal():
                yield Button("Allocate", variant="primary", id="ok")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        """The size is what one wants to change."""
        self.query_one("#size", Input).focus()

    @on(Select.Changed, "#kind")
    def suggest_size(self, event: Select.Changed) -> None:
        """Offer the type's usual size."""
        if isinstance(event.value, ExecmemType):
            self.query_one("#size", Input).value = format_size(self._sizes[event.value])

    @on(Button.Pressed, "#cancel")
    def cancel(self) -> None:
        """Leave without a request."""
        self.dismiss(None)

    @on(Button.Pressed, "#ok")
    @on(Input.Submitted)
    def accept(self) -> None:
        """Read the fields; say what is wrong with them and stay."""
        kind = self.query_one("#kind", Select).value
        try:
            size = parse_size(self.query_one("#size", Input).value)
            count = int(self.query_one("#count", Input).value or "0")
        except (ExecmemTuiError, ValueError) as error:
            self.query_one("#wrong", Static).update(str(error))
            return
        if not isinstance(kind, ExecmemType):
            return
        owner = self.query_one("#owner", Input).value.strip() or None
        self.dismiss(AllocateRequest(kind, size, count, owner))


class AskLine(ModalScreen[str | None]):
    """One line of text: an address, a path."""

    CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = _LEAVE

    def __init__(self, question: str, value: str = "") -> None:
        super().__init__()
        self._question = question
        self._value = value

    def compose(self) -> ComposeResult:
        """The question and one field."""
        with Vertical(id="box"):
            yield Label(self._question)
            yield Input(self._value, id="line")

    @on(Input.Submitted)
    def accept(self, event: Input.Submitted) -> None:
        """Return the line."""
        self.dismiss(event.value.strip() or None)


class FindDialog(ModalScreen[int | None]):
    """Find something by a part of its line; the list narrows while one types."""

    CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        *_LEAVE,
        Binding("down", "pick(1)", "Next", priority=True),
        Binding("up", "pick(-1)", "Previous", priority=True),
    ]
    MOST = 200

    def __init__(self, question: str, lines: list[tuple[str, int]]) -> None:
        super().__init__()
        self._question = question
        self._lines = lines
        self._found: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        """A field and the list."""
        with Vertical(id="box"):
            yield Label(self._question)
            yield Input(id="line")
            yield OptionList(id="found", markup=False)

    def on_mount(self) -> None:
        """Show the first at once."""
        self.narrow("")

    @on(Input.Changed)
    def changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self.narrow(event.value.lower())

    def narrow(self, part: str) -> None:
        """List what contains `part`."""
        self._found = [entry for entry in self._lines if part in entry[0].lower()][: self.MOST]
        listing = self.query_one(OptionList)
        listing.clear_options()
        listing.add_options([Option(line) for line, _ in self._found])
        if self._found:
            listing.highlighted = 0

    def action_pick(self, step: int) -> None:
        """Move in the list without leaving the field."""
        listing = self.query_one(OptionList)
        if self._found:
            listing.highlighted = ((listing.highlighted or 0) + step) % len(self._found)

    @on(Input.Submitted)
    def accept(self) -> None:
        """Return the number of the highlighted line."""
        highlighted = self.query_one(OptionList).highlighted
        self.dismiss(
            None if highlighted is None or not self._found else self._found[highlighted][1]
        )

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Return the number of the clicked line."""
        self.dismiss(self._found[event.option_index][1])

"""Small questions: an allocation, a line of text."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label, Select

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Bytes, format_size, parse_size
from execmem_tui.tui.screens.dialog import Dialog


@frozen
class AllocateRequest:
    """What the dialog was told."""

    kind: ExecmemType
    size: Bytes
    count: int
    owner: str | None


class AllocateDialog(Dialog[AllocateRequest]):
    """Allocate…: type, size with units, count, name."""

    DEFAULT_CSS = """
    AllocateDialog Horizontal { height: 1; margin-bottom: 1; }
    AllocateDialog Horizontal Label { width: 18; }
    AllocateDialog Input, AllocateDialog Select { width: 1fr; }
    """

    def __init__(
        self,
        kinds: list[ExecmemType],
        chosen: ExecmemType,
        sizes: dict[ExecmemType, Bytes],
        do: Callable[[AllocateRequest], None],
        watch: Callable[[AllocateRequest], str] | None = None,
        *,
        title: str = "Allocate",
    ) -> None:
        super().__init__(title, do, "Enter allocates · Tab next field · Esc leaves")
        self._watch = watch
        self.set_class(watch is not None, "previews")  # leaves the map in sight
        self._kinds = kinds
        self._chosen = chosen
        self._sizes = sizes

    def fields(self) -> ComposeResult:
        """Four fields, each on a line of its own."""
        with Horizontal():
            yield Label("Type")
            yield Select(
                [(kind.name, kind) for kind in self._kinds],
                value=self._chosen,
                allow_blank=False,
                id="kind",
                compact=True,
            )
        with Horizontal():
            yield Label("Size: 64K, 2M")
            yield Input(format_size(self._sizes[self._chosen]), id="size", compact=True)
        with Horizontal():
            yield Label("Count")
            yield Input("1", type="integer", id="count", compact=True)
        with Horizontal():
            yield Label("Name, or nothing")
            yield Input("", id="owner", max_length=60, compact=True)
        with Horizontal():
            yield Button("Allocate", variant="primary", id="ok", compact=True)

    def on_mount(self) -> None:
        """The size is what one wants to change."""
        self.query_one("#size", Input).focus()

    @on(Select.Changed, "#kind")
    def suggest_size(self, event: Select.Changed) -> None:
        """Offer the type's usual size."""
        if isinstance(event.value, ExecmemType) and event.value is not self._chosen:
            self._chosen = event.value
            self.query_one("#size", Input).value = format_size(self._sizes[event.value])

    @on(Select.Changed)
    @on(Input.Changed)
    def preview(self) -> None:
        """Say what would come of it while it is typed.

        What cannot be read yet is no mistake yet.
        """
        if self._watch is None:
            return
        try:
            request = self._read()
        except (ExecmemTuiError, ValueError):
            self.note("")
        else:
            self.note(self._watch(request))

    def _read(self) -> AllocateRequest:
        """Return what the fields say.

        Raises:
            UsageError: no size.
            ValueError: no count.
        """
        kind = self.query_one("#kind", Select).value
        assert isinstance(kind, ExecmemType)  # a blank is not allowed
        size = parse_size(self.query_one("#size", Input).value)
        count = int(self.query_one("#count", Input).value or "0")
        owner = self.query_one("#owner", Input).value.strip() or None
        return AllocateRequest(kind, size, count, owner)

    @on(Button.Pressed, "#ok")
    @on(Input.Submitted)
    def accept(self) -> None:
        """Read the fields; say what is wrong with them and stay."""
        try:
            request = self._read()
        except (ExecmemTuiError, ValueError) as error:
            self.wrong(str(error))
            return
        self.tell(request)


class AskLine(Dialog[str]):
    """One line of text: an address, a path."""

    def __init__(
        self,
        title: str,
        do: Callable[[str], None],
        value: str = "",
        *,
        what: str = "",
        may_be_empty: bool = False,
    ) -> None:
        super().__init__(title, do, "Enter · Esc leaves")
        self._value = value
        self._what = what
        self._may_be_empty = may_be_empty

    def fields(self) -> ComposeResult:
        """The question and one field."""
        if self._what:
            yield Label(self._what)
        yield Input(self._value, id="line", compact=True)

    @on(Input.Submitted)
    def accept(self, event: Input.Submitted) -> None:
        """Hand the line over."""
        line = event.value.strip()
        if line or self._may_be_empty:
            self.tell(line)
        else:
            self.wrong("nothing was typed")

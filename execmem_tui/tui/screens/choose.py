"""Choose architecture, variant, kernel and KASLR."""

from typing import ClassVar

from attrs import frozen
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from execmem_tui.arch import KERNELS, architecture, architectures
from execmem_tui.model.layouts import Layout


@frozen
class Choice:
    """What was chosen."""

    arch: str
    variant: str
    kernel: str
    kaslr: str


class ChooseLayout(ModalScreen[Choice | None]):
    """What to simulate next."""

    CSS = """
    ChooseLayout { align: center middle; }
    #box { width: 64; max-width: 95%; height: auto; border: round $primary; background: $surface; padding: 0 1; }
    #box Label { height: 1; }
    #box Horizontal { height: 3; align-horizontal: right; }
    #box #wrong { color: $error; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        known = layout.arch in architectures()
        self._arch = layout.arch if known else architectures()[0]
        names = [variant.name for variant in architecture(self._arch).variants]
        self._variant = (
            layout.variant if layout.variant in names else architecture(self._arch).default_variant
        )
        self._kernel = layout.kernel if layout.kernel in KERNELS else KERNELS[-1]
        self._kaslr = (
            "off" if layout.kaslr in ("n/a", "unknown") else layout.kaslr.removeprefix("seed-")
        )

    def compose(self) -> ComposeResult:
        """Three lists and a field."""
        with Vertical(id="box"):
            yield Label("Architecture")
            yield Select(
                [(name, name) for name in architectures()],
                value=self._arch,
                allow_blank=False,
                id="arch",
            )
            yield Label("Variant")
            yield Select(
                self._variants(self._arch), value=self._variant, allow_blank=False, id="variant"
            )
            yield Label("Kernel")
            yield Select(
                [(name, name) for name in KERNELS],
                value=self._kernel,
                allow_blank=False,
                id="kernel",
            )
            yield Label("KASLR: off, example, or a number as seed")
            yield Input(self._kaslr, id="kaslr")
            yield Static("", id="wrong", markup=False)
            with Horizontal():
                yield Button("Boot", variant="primary", id="ok")
                yield Button("Cancel", id="cancel")

    @staticmethod
    def _variants(arch: str) -> list[tuple[str, str]]:
        return [(variant.name, variant.name) for variant in architecture(arch).variants]

    @on(Select.Changed, "#arch")
    def list_variants(self, event: Select.Changed) -> None:
        """Each architecture has its own variants."""
        name = str(event.value)
        variants = self.query_one("#variant", Select)
        if name != self._arch:
            self._arch = name
            variants.set_options(self._variants(name))
            variants.value = architecture(name).default_variant

    @on(Button.Pressed, "#cancel")
    def cancel(self) -> None:
        """Keep what is."""
        self.dismiss(None)

    @on(Button.Pressed, "#ok")
    @on(Input.Submitted)
    def accept(self) -> None:
        """Return the choice."""
        arch, variant, kernel = (
            str(self.query_one(f"#{name}", Select).value) for name in ("arch", "variant", "kernel")
        )
        self.dismiss(
            Choice(arch, variant, kernel, self.query_one("#kaslr", Input).value.strip() or "off")
        )

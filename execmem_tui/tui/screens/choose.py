"""Choose architecture, variant, kernel and KASLR."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label, Select

from execmem_tui.arch import architecture, architectures
from execmem_tui.model.layouts import Layout
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import MODELS, READ
from execmem_tui.tui.screens.dialog import Dialog


@frozen
class Choice:
    """What was chosen."""

    arch: str
    variant: str
    kernel: str
    kaslr: str


class ChooseLayout(Dialog[Choice]):
    """What to simulate next."""

    DEFAULT_CSS = """
    ChooseLayout Horizontal { height: 1; margin-bottom: 1; }
    ChooseLayout Horizontal Label { width: 18; }
    ChooseLayout Input, ChooseLayout Select { width: 1fr; }
    """

    def __init__(self, layout: Layout, do: Callable[[Choice], None]) -> None:
        super().__init__(
            "Choose a machine", do, "Tab next field · Enter opens a list, or boots · Esc leaves"
        )
        known = layout.arch in architectures()
        self._arch = layout.arch if known else architectures()[0]
        names = [variant.name for variant in architecture(self._arch).variants]
        self._variant = (
            layout.variant if layout.variant in names else architecture(self._arch).default_variant
        )
        self._kernel = layout.rules.short if layout.rules.short in READ else MODELS[-1]
        self._kaslr = (
            "off" if layout.kaslr in ("n/a", "unknown") else layout.kaslr.removeprefix("seed-")
        )

    def fields(self) -> ComposeResult:
        """Three lists and a field."""
        known = [(name, name) for name in architectures()]
        lists = (
            ("Architecture", "arch", known, self._arch),
            ("Variant", "variant", self._variants(self._arch), self._variant),
            ("Kernel", "kernel", [(name, name) for name in READ], self._kernel),
        )
        for label, name, options, value in lists:
            with Horizontal():
                yield Label(label)
                yield Select(options, value=value, allow_blank=False, id=name, compact=True)
        with Horizontal():
            yield Label("KASLR")
            yield Input(
                self._kaslr, placeholder="off, example, or a seed", id="kaslr", compact=True
            )
        with Horizontal():
            yield Button("Boot", variant="primary", id="ok", compact=True)

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

    @on(Button.Pressed, "#ok")
    @on(Input.Submitted)
    def accept(self) -> None:
        """Hand the choice over."""
        arch, variant, kernel = (
            str(self.query_one(f"#{name}", Select).value) for name in ("arch", "variant", "kernel")
        )
        kaslr = self.query_one("#kaslr", Input).value.strip() or "off"
        self.tell(Choice(arch, variant, kernel, kaslr))

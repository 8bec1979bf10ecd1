"""The library of scenarios in two panes.

The names by group, and what the highlighted one is about.
"""

from collections.abc import Callable, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from execmem_tui.scenarios.scenario import Scenario
from execmem_tui.tui.screens.chooser import Chooser
from execmem_tui.tui.theme_registry import dim_style
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.view.finding import Entry
from execmem_tui.view.scenario_groups import GROUPS, about, group_of


class ScenarioBrowser(Chooser):
    """Choose a scenario; `do` gets its name."""

    DEFAULT_CSS = """
    ScenarioBrowser #box { width: 100; height: 80%; min-height: 16; }
    ScenarioBrowser Horizontal { height: 1fr; }
    ScenarioBrowser LineList { width: 36; }
    ScenarioBrowser VerticalScroll { width: 1fr; padding: 0 0 0 2; }
    """

    fits_entries = False

    def __init__(self, scenarios: Sequence[Scenario], do: Callable[[str], None]) -> None:
        order = sorted(scenarios, key=lambda each: (GROUPS.index(group_of(each)), each.name))
        entries = [Entry(each.name, group_of(each)) for each in order]
        super().__init__(
            "Scenarios",
            entries,
            lambda index: do(order[index].name),
            hints="↑ ↓ choose · Enter plays · Esc leaves",
            watch=self._show_about,
        )
        self._scenarios = order
        self.remove_class("previews")  # what is told is in the box, not on the map

    def fields(self) -> ComposeResult:
        """A field, the names, and what one is about."""
        yield Input(id="line", compact=True, placeholder=f"type to find, of {len(self._scenarios)}")
        with Horizontal():
            yield LineList(id="found")
            with VerticalScroll(can_focus=False):
                yield Static(id="about", markup=False)

    def line_of(self, entry: Entry) -> Text:
        """Return a name, its group before it."""
        return Text.assemble((f"{entry.detail:<9}", dim_style()), entry.name)

    def _show_about(self, index: int | None) -> None:
        lines = [] if index is None else about(self._scenarios[index])
        text = Text("\n".join(lines))
        if lines:
            text.stylize("bold", 0, len(lines[0]))
        self.query_one("#about", Static).update(text)

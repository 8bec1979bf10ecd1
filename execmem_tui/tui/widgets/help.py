"""Help beside the map: what the keys do, grouped, then how to read the map, then the words."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from execmem_tui.help import page
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.view.actions import ACTIONS, Action
from execmem_tui.view.help import help_groups, word_lines

_WIDTH = 46
"""Columns of the panel, its border and its scroll bar among them."""


class HelpPanel(VerticalScroll, can_focus=True):
    """Keys by what one wants: move, change, time, ask.

    The arrows scroll it while it has the keys.
    """

    DEFAULT_CSS = """
    HelpPanel { width: 46; border-left: solid $panel; padding: 0 1; display: none; }
    HelpPanel { scrollbar-size-vertical: 1; }
    HelpPanel.open { display: block; }
    HelpPanel > .heading { color: $accent; text-style: bold; height: 1; }
    HelpPanel > .keys { height: auto; margin-bottom: 1; }
    """

    actions: reactive[tuple[Action, ...]] = reactive(ACTIONS)
    """All actions, with the user's keys."""

    def compose(self) -> ComposeResult:
        """Nothing until it is opened: how to read the map is Markdown, 90 ms to import."""
        yield from ()

    def open(self) -> None:
        """Be there, and take the keys."""
        self.add_class("open")
        if not self.children:
            self.mount_all(self._content())
        self.focus()

    def _content(self) -> list[Widget]:
        from textual.widgets import Markdown

        content: list[Widget] = []
        for heading, lines in help_groups(self.actions, _WIDTH - 4):
            text = Text("\n").join(Text.assemble((keys, "bold"), what) for keys, what in lines)
            content += [Static(heading, classes="heading"), Static(text, classes="keys")]
        content.append(Markdown(DetailMap.HELP))
        words = Text("\n").join(
            Text(line) if indented else Text(line, "bold")
            for line, indented in word_lines(page("words"), _WIDTH - 4)
        )
        return [*content, Static("WORDS", classes="heading"), Static(words, classes="keys")]

    def close(self) -> None:
        """Go away."""
        self.remove_class("open")

"""The command palette, and that of themes.

As Textual has them, but for keys that come faster than they open or leave.
"""

import asyncio
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.theme import ThemeProvider
from textual.widgets import Input, OptionList

from execmem_tui.tui.screens.overlay import Overlay


class Commands(CommandPalette):
    """What ctrl+p opens. It has no id of its own: one may open while the last one still leaves."""

    DEFAULT_CSS = """
    Commands > Vertical {
        width: 84; max-width: 100%; margin-top: 2; background: $surface;
    }
    Commands #--input {
        border: round $accent; border-title-color: $accent; border-title-style: bold;
        border-subtitle-color: $foreground 70%; background: $surface; padding: 0 1;
    }
    Commands #--input.--list-visible { border-bottom: none; }
    Commands SearchIcon { display: none; }
    Commands CommandInput, Commands CommandInput:focus { height: 1; border: none; padding: 0; }
    Commands CommandList, Commands CommandList.--populating {
        border: round $accent; border-top: none; border-subtitle-color: $foreground 70%;
        padding: 0; max-height: 60vh; background: $surface; scrollbar-size-vertical: 1;
    }
    Commands CommandList > .option-list--option { padding: 0 1; }
    Commands CommandList > .option-list--option-highlighted {
        background: $accent 35%; color: $foreground;
    }
    Commands CommandList:ansi > .option-list--option-highlighted {
        background: ansi_blue; color: $foreground;
    }
    Commands:ansi > .command-palette--help-text { color: $foreground; text-style: none; }
    """

    about = "Find an action, a module, a symbol, an address"
    """Its title."""
    ready = False
    """Whether its field takes keys; they wait until then."""
    _finished = False

    def compose(self) -> ComposeResult:
        """As Textual's."""
        yield from super().compose()
        self.call_after_refresh(self._tell_ready)

    def on_mount(self) -> None:
        """Give it the title and the keys that dialogs have."""
        self.query_one("#--input").border_title = self.about
        self.query_one(CommandList).border_subtitle = "↑ ↓ choose · Enter · Esc leaves"

    async def _tell_ready(self) -> None:
        """Say so once the field is there; in between the event loop turns, as for an `Overlay`."""
        if self.app.focused is not None:
            self.app.post_message(Overlay.Ready(self))
        else:
            await asyncio.sleep(0)
            self.call_after_refresh(self._tell_ready)

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Leave, once: a second time would take the screen below away, or find none."""
        if self._finished:
            return AwaitComplete()
        self._finished = True
        return super().dismiss(result)

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _once(self, event: Input.Submitted | OptionList.OptionSelected) -> None:
        """Keep a second Enter from doing the same again."""
        if self._finished:
            event.prevent_default()
            event.stop()

    def _action_command_list(self, action: str) -> None:
        """Move in the list, where there is room for one: without, Textual's knows no line."""
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)


class ThemeChoice(Commands):
    """What chooses a theme."""

    about = "Choose a theme"

    def __init__(self) -> None:
        super().__init__(providers=[ThemeProvider], placeholder="Search for themes…")

"""The command palette, as Textual has it, but for keys that come faster than it opens or leaves."""

import asyncio
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.widgets import Input, OptionList

from execmem_tui.tui.screens.overlay import Overlay


class Commands(CommandPalette):
    """What ctrl+p opens. It has no id of its own: one may open while the last one still leaves."""

    ready = False
    """Whether its field takes keys; they wait until then."""
    _finished = False

    def compose(self) -> ComposeResult:
        """As Textual's."""
        yield from super().compose()
        self.call_after_refresh(self._tell_ready)

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

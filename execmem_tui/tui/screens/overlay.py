"""What lies over the main screen: dialogs and sheets.

It leaves once, and takes keys when it is there.
"""

import asyncio
from typing import ClassVar, Protocol

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen

LEAVE: list[BindingType] = [Binding("escape", "leave", "Leave")]


class Awaited(Protocol):
    """A screen that keys wait for."""

    ready: bool
    """Whether keys find what they are for; they wait until then."""


class Overlay(ModalScreen[None]):
    """A screen over the main one. Keys that come before it is there wait in the application."""

    BINDINGS: ClassVar[list[BindingType]] = LEAVE

    class Ready(Message):
        """The overlay takes keys from here on."""

        def __init__(self, overlay: Awaited) -> None:
            super().__init__()
            self.overlay = overlay

    ready = False
    """Whether keys find what they are for; they wait until then."""
    _finished = False

    def on_screen_resume(self) -> None:
        """Ask for what was typed ahead, now that a field has the focus."""
        self.call_after_refresh(self._tell_ready)

    async def _tell_ready(self) -> None:
        """Say so once every field is mounted: a Select composes its list later than itself.

        Between two looks the event loop turns: a callback that only asks for the next one never
        lets it, and nothing is mounted for ever. A notice that shows itself is nothing to wait for.
        """
        own = (each for each in self.children if not each.has_class("-textual-system"))
        if all(each.is_mounted for top in own for each in (top, *top.query("*"))):
            self.app.post_message(self.Ready(self))
        else:
            await asyncio.sleep(0)
            self.call_after_refresh(self._tell_ready)

    @property
    def finished(self) -> bool:
        """Whether it is leaving: the second Enter or Escape of two in one write finds it so."""
        return self._finished

    def action_leave(self) -> None:
        """Leave, once."""
        if not self._finished:
            self._finished = True
            self.dismiss()

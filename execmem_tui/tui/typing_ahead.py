"""Keys that are typed while the screen or a dialog opens that will want them."""

from collections.abc import Awaitable, Callable

from textual import events
from textual.screen import Screen


class TypingAhead:
    """Keys held back until what is on top takes them."""

    def __init__(self) -> None:
        self._early: list[events.Key] = []

    def holds(self, event: events.Event, top: Screen[object] | None) -> bool:
        """Keep a key that came too early for the screen on top; whether that was done.

        Screens that can be too early for a key say so by an attribute `ready`.
        """
        opens = top is None or not getattr(top, "ready", True)
        if isinstance(event, events.Key) and not event.is_forwarded and opens:
            self._early.append(event)
            return True
        return False

    async def give(self, to: Callable[[events.Event], Awaitable[None]]) -> None:
        """Hand over all keys that were held back, in their order."""
        early, self._early = self._early, []
        for event in early:
            await to(event)

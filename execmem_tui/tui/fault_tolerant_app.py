"""Textual's application, as any screen of ours wants it: it outlives what breaks and loses no key.

What is overridden here is Textual's and knows nothing of sources, maps or time.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from rich.terminal_theme import SVG_EXPORT_THEME
from textual import events
from textual.app import App
from textual.color import BLACK
from textual.dom import DOMNode
from textual.driver import Driver
from textual.message import Message
from textual.notifications import Notification, Notify
from textual.screen import Screen
from textual.widget import Widget

from execmem_tui.tui.app_protocol import Severity
from execmem_tui.tui.fault_guards import guard_widget
from execmem_tui.tui.faults import Faults
from execmem_tui.tui.theme_registry import is_console
from execmem_tui.tui.typing_ahead import TypingAhead

if TYPE_CHECKING:  # what sends these comes when it is needed
    from execmem_tui.tui.screens.dialog import Dialog
    from execmem_tui.tui.screens.overlay import Overlay


_BRIEF: Final = 0.1
"""Seconds that a notice is shown at least."""


class Notice(Notification):
    """A notification that a screen may show at any moment, also at that of its end.

    Textual asks whether it has expired, and a moment later how long to show it. Of a time below
    zero its timer goes round for ever without waiting, and nothing else is done any more
    (textual/timer.py: Timer._run); of one that is next to nothing it may end without a tick.
    """

    @property
    def time_left(self) -> float:
        """Seconds to show it."""
        return max(super().time_left, _BRIEF)

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return super().time_left <= 0


class FaultTolerantApp(App[int]):
    """An application that goes on after a fault.

    It keeps keys for the screen that will want them.
    """

    # with the terminal's own colours Textual leaves its background alone, which may be white, while
    # cells are drawn on the theme's background
    CSS = """
    Screen:ansi { background: $background; color: $foreground; }
    ModalScreen:ansi { background: transparent; }
    SelectCurrent:ansi, Input:ansi { background: $surface; color: $foreground; }
    ToastRack { margin-bottom: 2; scrollbar-size-vertical: 0; }
    Toast { width: auto; max-width: 100%; margin-top: 0; padding: 0 1; }
    """
    COMMAND_PALETTE_BINDING = "ctrl+p"

    def __init__(self) -> None:
        super().__init__()
        self.faults = Faults(self)
        self._typed = TypingAhead()

    def get_driver_class(self) -> type[Driver]:
        """Return Textual's driver, or our own for a browser, or for the few glyphs of a console."""
        found = super().get_driver_class()
        if found.__module__ == "textual.drivers.web_driver":
            from execmem_tui.tui.served import ServedDriver

            return ServedDriver
        if found.__module__ == "textual.drivers.linux_driver":
            from execmem_tui.tui.odd_bytes import take_odd_bytes

            take_odd_bytes()
            if is_console():
                from execmem_tui.tui.console import ConsoleDriver

                return ConsoleDriver
        return found

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """Return what is shown as SVG; black is black, where Rich draws a terminal's as grey."""
        drawn = super().export_screenshot(title=title, simplify=simplify)
        if not self.current_theme.ansi:
            return drawn
        return drawn.replace(SVG_EXPORT_THEME.ansi_colors[0].hex, BLACK.hex)

    # What goes wrong

    @property
    def shows_faults(self) -> bool:
        """Whether there is a screen by now that a fault can be shown over."""
        return bool(self.screen_stack)

    @property
    def in_error_sheet(self) -> bool:
        """Whether a fault is being read."""
        from execmem_tui.tui.screens.sheets import ErrorSheet

        return isinstance(self.screen, ErrorSheet)

    def _register_child(
        self, parent: DOMNode, child: Widget, before: int | None, after: int | None
    ) -> None:
        """Let every widget outlive what breaks in it."""
        guard_widget(child, self._handle_exception)
        super()._register_child(parent, child, before, after)

    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        """Let scroll bars, which come by another way, outlive the same."""
        guard_widget(widget, self._handle_exception)
        super()._start_widget(parent, widget)

    async def _dispatch_message(self, message: Message) -> None:
        """Outlive what breaks in a handler of ours."""
        try:
            await super()._dispatch_message(message)
        except Exception as error:  # noqa: BLE001 - shown
            self._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        """Show what nobody caught and go on.

        Before there is a screen, and while leaving, end as Textual does.
        """
        if self._running and not self._exit and self.shows_faults:
            self.call_later(self.faults.show_once, error)
        else:
            super()._handle_exception(error)

    def guarded(self) -> AbstractContextManager[None]:
        """Show what is raised inside, and go on."""
        return self.faults.guarded()

    def show_error(self, error: Exception) -> None:
        """Say what was expected to go wrong at times; show a sheet for what was not."""
        self.faults.show(error)

    def on_dialog_broke(self, message: "Dialog.Broke") -> None:
        """What a dialog asked for broke: show it and go on."""
        self.show_error(message.error)

    # What is asked and said

    def ask(self, dialog: Screen[Any]) -> None:
        """Show a dialog or a sheet."""
        self.push_screen(dialog)

    def say(self, text: str, title: str = "", severity: Severity = "information") -> None:
        """Tell something in passing. `text` is printable."""
        timeout = 2 if severity == "information" and not title else None
        self.notify(text, title=title, severity=severity, markup=False, timeout=timeout)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Severity = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """As Textual's, but the newest of a kind takes the place of the one before.

        More would cover the map.
        """
        for each in list(self._notifications):
            if (each.severity, each.title) == (severity, title):
                self._unnotify(each, refresh=False)
        self._clear_holders()
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        self.post_message(Notify(Notice(message, title, severity, seconds, markup)))

    def _clear_holders(self) -> None:
        """Remove the boxes whose message is gone.

        Of one that another took the place of, Textual removes the toast and leaves the box around
        it on the screen for good (textual/widgets/_toast.py: ToastRack.show). One that is not
        mounted yet has no toast yet either.
        """
        for screen in self.screen_stack:
            for holder in screen.query("ToastHolder"):
                if holder.is_mounted and not holder.children:
                    holder.remove()

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, and say so."""
        self.copy_to_clipboard(text)
        self.say(f"copied {text}")

    # Keys that are typed ahead

    async def on_event(self, event: events.Event) -> None:
        """Hold keys back while the screen or a dialog opens that will want them."""
        top = self.screen_stack[-1] if self.screen_stack else None
        if not self._typed.holds(event, top):
            await super().on_event(event)

    async def give_typed(self) -> None:
        """Give the screen on top the keys that were typed ahead of it."""
        await self._typed.give(self.on_event)

    async def on_overlay_ready(self, message: "Overlay.Ready") -> None:
        """Give the dialog the keys that were typed ahead of it."""
        message.overlay.ready = True
        await self.give_typed()

    # The palette

    def action_command_palette(self) -> None:
        """Show the palette; not over a dialog, where what it does would not be seen."""
        from execmem_tui.tui.screens.commands import Commands

        if isinstance(self.screen, Commands):
            return
        if len(self.screen_stack) > 1:
            self.say("the palette is of the map: Escape leaves this first")
            return
        self.push_screen(Commands())

    def search_themes(self) -> None:
        """Show the palette of themes."""
        from execmem_tui.tui.screens.commands import ThemeChoice

        self.push_screen(ThemeChoice())

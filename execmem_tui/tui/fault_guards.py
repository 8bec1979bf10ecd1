"""Lets a widget outlive what breaks in it: drawing, measuring, watching, handling messages.

By itself Textual ends the application on any of them (8.2: `App._handle_exception`), and a message
pump whose handler raised takes no more messages. All widgets pass the application once, ours and
Textual's, those of dialogs too, before they get their first message: there they are given guards.
A base class would not do: half of the widgets on the screen are Textual's own.
"""

from collections.abc import Awaitable, Callable
from types import MethodType
from typing import Any

from rich.segment import Segment
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.tui.faults import said_in_place

Report = Callable[[Exception], None]


def guard_widget(widget: Widget, report: Report) -> None:
    """Put guards around what Textual calls of a widget, once.

    Args:
        widget: not yet started.
        report: told each exception.
    """
    if "render_line" in vars(widget):
        return  # it was mounted before
    dispatch = widget._dispatch_message  # noqa: SLF001 - no public way
    guards: dict[str, Callable[..., Any]] = {
        "render_line": _Lines(widget.render_line, report),
        "render_lines": _block(widget, report),
        "get_content_height": _height(widget.get_content_height, report),
        "_dispatch_message": _dispatch(dispatch, report),
    }
    for name in type(widget)._reactives:  # noqa: SLF001 - a `dir` of each class is slow
        watch = getattr(widget, f"watch_{name}", None)
        if watch is not None:
            guards[f"watch_{name}"] = _watch(watch, report)
    # On the object and not on its class: Textual's own classes are left as they are.
    vars(widget).update(guards)


class _Lines:
    """Draws a line, or says that it cannot be drawn: once for lines that follow each other."""

    def __init__(self, draw: Callable[[int], Strip], report: Report) -> None:
        self._draw = draw
        self._report = report
        self._broken: dict[int, str] = {}

    def __call__(self, y: int) -> Strip:
        try:
            strip = self._draw(y)
        except Exception as error:  # noqa: BLE001 - shown by the application
            self._report(error)
            text = said_in_place(error)
            self._broken[y] = text
            return Strip([Segment("" if self._broken.get(y - 1) == text else text)])
        self._broken.pop(y, None)
        return strip


def _block(widget: Widget, report: Report) -> Callable[[Region], list[Strip]]:
    draw = widget.render_lines

    def render_lines(crop: Region) -> list[Strip]:
        try:
            return draw(crop)
        except Exception as error:  # noqa: BLE001 - shown by the application
            report(error)
            told = Strip([Segment(said_in_place(error).ljust(crop.x + crop.width))])
            blank = Strip.blank(crop.width)
            lines = [told.crop(crop.x, crop.x + crop.width), *([blank] * crop.height)]
            return lines[: crop.height]

    return render_lines


def _height(measure: Callable[..., int], report: Report) -> Callable[..., int]:
    """Guard a measure: a layout that failed would leave every widget where it was."""

    def measured(*sizes: Any) -> int:
        try:
            return measure(*sizes)
        except Exception as error:  # noqa: BLE001 - shown by the application
            report(error)
            return 1

    return measured


def _dispatch(
    dispatch: Callable[[Message], Awaitable[None]], report: Report
) -> Callable[[Message], Awaitable[None]]:
    async def outlived(message: Message) -> None:
        try:
            await dispatch(message)
        except Exception as error:  # noqa: BLE001 - shown by the application
            report(error)

    return outlived


def _watch(watch: MethodType, report: Report) -> Callable[..., Any]:
    """Guard a watcher: what else is bound to the attribute must hear of the change."""
    parameters = watch.__func__.__code__.co_argcount - 1  # without self

    def watched(*values: Any) -> Any:
        try:
            return watch(*values)
        except Exception as error:  # noqa: BLE001 - shown by the application
            report(error)
            return None

    # Textual gives it as many values as it has parameters, and counts those by `inspect`: of every
    # guard anew, 0.1 ms each, as guards are of one object only.
    watched._param_count = parameters  # type: ignore[attr-defined]  # noqa: SLF001
    return watched

"""A tour as a recording, made without a terminal: an asciinema cast, or an SVG that moves.

Nothing in it depends on when or where it is made, so the same tour is the same bytes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Final

from execmem_tui.model.records import frozen
from execmem_tui.tours.run import TourRun
from execmem_tui.tours.tour import StopKind, Tour
from execmem_tui.view.plain import detail_lines, pane_lines
from execmem_tui.view.shown import Shown
from execmem_tui.view.tour_text import card

COLUMNS: Final = 100
ROWS: Final = 30
_CLEAR: Final = "\x1b[2J\x1b[H"
_HALF: Final = 2
"""The answer to a guess is shown for a part of the stop's time."""
_CELL: Final = 8
_LINE: Final = 17
"""Pixels of a column and of a row."""


@frozen(kw_only=True)
class Frame:
    """One picture of a recording."""

    seconds: int
    """How long it stays."""
    lines: tuple[str, ...]
    """At most `ROWS` of at most `COLUMNS` characters, printable."""
    marker: str
    """Of the stop, for players that stop at each; "" within one."""


def frames(tour: Tour) -> Iterator[Frame]:
    """Yield the pictures of a tour: each stop, and after a guess or a goal what came of it.

    Raises:
        UsageError, InputError, OSError: a step cannot be done, or what it opens cannot be read.
    """
    run = TourRun(tour)
    while True:
        asked = run.stop.kind is not StopKind.OBSERVE
        seconds = run.stop.seconds // _HALF if asked else run.stop.seconds
        yield Frame(seconds=seconds, lines=_lines(run), marker=f"{run.index + 1}/{len(tour.stops)}")
        if asked:
            run.show_me()
            yield Frame(seconds=run.stop.seconds - seconds, lines=_lines(run), marker="")
        if not run.next():
            return


def _lines(run: TourRun) -> tuple[str, ...]:
    said = card(run)
    shown = Shown(run.source.history.snapshot())
    model = shown.pane(run.stop.pane)
    lines = [
        said.title,
        "",
        *wrap(said.text, COLUMNS),
        *wrap(said.task, COLUMNS),
        "",
        *pane_lines(shown, model, COLUMNS),
        "",
        *detail_lines(shown, [model], COLUMNS),
    ]
    return tuple(line[:COLUMNS].rstrip() for line in lines[:ROWS])


def cast(title: str, found: Sequence[Frame]) -> str:
    """Return the frames as an asciinema cast, version 2, with a marker at each stop."""
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": title}
    events: list[tuple[int, str, str]] = []
    at = 0
    for frame in found:
        if frame.marker:
            events.append((at, "m", frame.marker))
        events.append((at, "o", _CLEAR + "\r\n".join(frame.lines)))
        at += frame.seconds
    events.append((at, "o", ""))
    rows = [header, *([*event] for event in events)]
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def moving_svg(found: Sequence[Frame], palette: Mapping[str, str]) -> str:
    """Return the frames as one SVG in which they follow each other for ever.

    Args:
        found: of a tour.
        palette: the colours ``background`` and ``foreground`` of a theme.
    """
    width, height = COLUMNS * _CELL + 2 * _CELL, (ROWS + 1) * _LINE
    total = sum(frame.seconds for frame in found)
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'"
        f" font-family='ui-monospace, monospace' font-size='13' fill='{palette['foreground']}'>"
    )
    parts = [
        head,
        f"<rect width='{width}' height='{height}' fill='{palette['background']}'/>",
    ]
    at = 0
    for frame in found:
        parts.append("<g visibility='hidden'>" + _animation(at, frame.seconds, total))
        for row, line in enumerate(frame.lines, 1):
            # each line as wide as its columns, whatever font is there
            stretch = f"textLength='{len(line) * _CELL}' lengthAdjust='spacingAndGlyphs'"
            if line:
                parts.append(
                    f"<text x='{_CELL}' y='{row * _LINE}' xml:space='preserve' {stretch}>"
                    f"{escape(line)}</text>"
                )
        parts.append("</g>")
        at += frame.seconds
    return "\n".join([*parts, "</svg>", ""])


def _animation(start: int, seconds: int, total: int) -> str:
    """Return what shows a frame from its second on, and hides it again."""
    steps = [(0.0, "hidden")] if start else []
    steps.append((start / total, "visible"))
    if start + seconds < total:
        steps.append(((start + seconds) / total, "hidden"))
    values = ";".join(value for _, value in steps)
    times = ";".join(f"{time:.6g}" for time, _ in steps)
    return (
        f"<animate attributeName='visibility' values='{values}' keyTimes='{times}' dur='{total}s'"
        " calcMode='discrete' repeatCount='indefinite'/>"
    )

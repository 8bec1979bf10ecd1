"""Make the pictures of this folder anew: ``python screenshots/make.py [NAME…]``.

Deterministic; needs no terminal. ``spill.svg`` moves: a window fills, the next module spills, and
the keys show where and why.
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from compacting import compact
from textual.pilot import Pilot

from execmem_tui.arch import architectures
from execmem_tui.sources.base import Source
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.tours.progress import TourProgress
from execmem_tui.tours.reader import open_tour
from execmem_tui.tours.run import TourRun
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.themes import shipped
from execmem_tui.tui.touring import TourActions

HERE: Final = Path(__file__).resolve().parent
DATA: Final = HERE.parent / "tests" / "data"
WIDE: Final = (120, 40)
DARK: Final = "execmem-dark"
MOVING: Final = (100, 30)
"""Cells of the moving picture: a README shows it at this size without scaling."""
SECONDS: Final = 1.6
"""That each frame of the moving picture stays; the last one stays three times as long."""


def booted(name: str = "arm64") -> Callable[[], Source]:
    """Return a maker of one architecture after boot."""

    def make() -> Source:
        return open_booted(name)

    return make


def capture() -> Source:
    """A real x86-64 kernel with a ROX cache, opened from /proc files."""
    return open_path(str(DATA / "captures" / "amd64-7.2.13-kaslr"), phase="1-modules")


def replay() -> Source:
    """The trace of a real arm64 kernel, at its end."""
    source = open_path(str(DATA / "traces" / "arm64-7.2.13-nokaslr" / "trace.txt.xz"))
    source.history.seek(source.history.steps)
    return source


@frozen(kw_only=True)
class Picture:
    """One picture: what is opened, its size in cells, its theme, keys pressed, text typed after."""

    make: Callable[[], Source]
    size: tuple[int, int] = WIDE
    theme: str = DARK
    keys: tuple[str, ...] = ()
    no_colour: bool = False


PICTURES: Final[dict[str, Picture]] = {
    "first": Picture(make=booted()),
    "first-80x24": Picture(make=booted(), size=(80, 24)),
    "spilled": Picture(make=booted(), keys=("B",)),
    "why": Picture(make=booted(), size=(160, 45), keys=("B", "N", "W")),
    "preview": Picture(make=booted(), keys=("i", *"amdgpu")),
    "address-time": Picture(make=replay, size=(160, 45), keys=("H",)),
    "replay": Picture(make=replay, size=(160, 45)),
    "capture-x86": Picture(make=capture, size=(160, 45)),
    "compare": Picture(make=booted(), size=(160, 45), keys=("equals_sign", "B", "vertical_line")),
    "wide": Picture(make=lambda: play_scenario("all-modules-arm64"), size=(240, 60)),
    "no-colour": Picture(make=booted(), keys=("B",), no_colour=True),
    **{
        theme.theme.name.replace("execmem-", "theme-"): Picture(
            make=booted(), theme=theme.theme.name, keys=("B",)
        )
        for theme in shipped()
        if theme.theme.name != DARK
    },
    **{f"arch-{name}": Picture(make=booted(name), size=(110, 30)) for name in architectures()},
}


@frozen
class Moment:
    """The best moment of a tour.

    Its stop, from 1, and what is pointed at there, or the keys pressed.
    """

    stop: int
    belief: str = ""
    """Of the place that is guessed."""
    keys: tuple[str, ...] = ()


TOURS: Final[dict[str, Moment]] = {
    "what-is-execmem": Moment(4, belief="behind_last"),
    "windows": Moment(4),
    "fallback": Moment(2, keys=("B",)),
    "plt": Moment(4),
    "holes": Moment(3, belief="too_small"),
    "exhausted-or-fragmented": Moment(2),
    "lazy-free": Moment(3, belief="just_freed"),
    "rox-cache": Moment(2, belief="right"),
    "seven-regions": Moment(3),
    "bpf-packs": Moment(4, belief="best_fit"),
    "april-2024": Moment(3),
    "before-and-after": Moment(5),
}


async def _still(pilot: Pilot[Any]) -> None:
    """Wait until the screen has shown what it was told, the number of findings last."""
    for _ in range(4):
        await pilot.pause()
    app = pilot.app
    while isinstance(app, ExecmemApp) and app.counting.counts:
        await pilot.pause()


async def _take(name: str, picture: Picture) -> str:
    app = ExecmemApp(picture.make(), theme=picture.theme)
    async with app.run_test(size=picture.size) as pilot:
        await _still(pilot)
        for key in picture.keys:
            await pilot.press(key)
            await _still(pilot)
        return compact(app.export_screenshot(title=f"execmem-tui: {name}", simplify=True))


async def _moment(name: str, moment: Moment) -> str:
    run = TourRun(open_tour(name))
    app = ExecmemApp(run.source, theme=DARK)
    app.tours = TourActions(app, TourProgress(None))
    async with app.run_test(size=MOVING) as pilot:
        app.tours.begin(name)
        await _still(pilot)
        for _ in range(moment.stop - 1):
            await pilot.press("K")
            await _still(pilot)
        taken = app.tours.run
        assert taken is not None
        letters = [
            chr(ord("a") + at)
            for at, each in enumerate(taken.offered)
            if each.belief == moment.belief
        ]
        for key in (*letters, *moment.keys):
            await pilot.press(key)
            await _still(pilot)
        assert bool(letters) == bool(moment.belief), f"nobody is offered {moment.belief} there"
        return compact(app.export_screenshot(title=f"execmem-tui tour {name}", simplify=True))


async def _frames() -> list[str]:
    """The first screen, the window filling up, the spill, and why."""
    app = ExecmemApp(open_booted("arm64"), theme=DARK)
    frames: list[str] = []

    async with app.run_test(size=MOVING) as pilot:
        history = app.source.history

        async def show() -> None:
            await _still(pilot)
            svg = app.export_screenshot(title="execmem-tui", simplify=True)
            frames.append(compact(svg, f"t{len(frames)}"))

        await show()
        before = history.steps
        await pilot.press("B")
        await _still(pilot)
        after = history.steps
        for quarter in (1, 2, 3):
            history.seek(before + (after - before) * quarter // 4)
            app.show_step()
            await show()
        history.seek(before)
        app.show_step()
        await pilot.press("n")
        await show()
        await pilot.press("W")
        await show()
    return frames


def _moving(frames: Sequence[str]) -> str:
    """Return the frames as one SVG that shows one after the other, for ever.

    Each frame has its own class names; the window's frame and the fonts are the first one's.
    """
    box = re.search(r'viewBox="([^"]+)"', frames[0])
    assert box is not None
    lengths = [SECONDS] * (len(frames) - 1) + [3 * SECONDS]
    whole = sum(lengths)
    parts = []
    rules = []
    at = 0.0
    for number, (frame, seconds) in enumerate(zip(frames, lengths, strict=True)):
        first, last = 100 * at / whole, 100 * (at + seconds) / whole
        begin = "" if number == 0 else f"0%{{visibility:hidden}}{first:.3f}%{{visibility:visible}}"
        end = "" if number == len(frames) - 1 else f"{last:.3f}%{{visibility:hidden}}"
        start = "0%{visibility:visible}" if number == 0 else begin
        finish = "100%{visibility:hidden}" if end else "100%{visibility:visible}"
        rules.append(f"@keyframes f{number}{{{start}{end}{finish}}}")
        rules.append(f".f{number}{{animation:f{number} {whole:.1f}s step-end infinite}}")
        body = frame[frame.index(">", frame.index("<svg")) + 1 : frame.rindex("</svg>")]
        parts.append(f'<g class="f{number}">{body}</g>')
        at += seconds
    return (
        f'<svg class="rich-terminal" viewBox="{box[1]}" xmlns="http://www.w3.org/2000/svg">'
        f"<style>{''.join(rules)}</style>{''.join(parts)}</svg>\n"
    )


def main(names: Sequence[str]) -> None:
    """Take the pictures named, or all."""
    for name, picture in PICTURES.items():
        if names and name not in names:
            continue
        if picture.no_colour:
            os.environ["NO_COLOR"] = "1"
        svg = asyncio.run(_take(name, picture))
        os.environ.pop("NO_COLOR", None)
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")
        print(name)
    for name, moment in TOURS.items():
        if not names or f"tour-{name}" in names or "tours" in names:
            svg = asyncio.run(_moment(name, moment))
            (HERE / f"tour-{name}.svg").write_text(svg, encoding="utf-8")
            print(f"tour-{name}")
    if not names or "spill" in names:
        (HERE / "spill.svg").write_text(_moving(asyncio.run(_frames())), encoding="utf-8")
        print("spill")


if __name__ == "__main__":
    ExecmemApp.rest = 0.0
    os.environ.setdefault("COLORTERM", "truecolor")
    os.environ.setdefault("TERM", "xterm-256color")
    main(sys.argv[1:])

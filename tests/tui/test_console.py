"""A Linux console: eight colours of its own, and a font of few glyphs."""

import codecs
import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich.color import Color
from rich.terminal_theme import SVG_EXPORT_THEME
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.console import GLYPHS, SAFE, ConsoleDriver, spoken
from execmem_tui.view.large import large

from .driving import press

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the terminal a Linux console."""
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)


def _text(app: ExecmemApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "".join(strip.text for strip in strips)


def test_a_sign_becomes_one_that_every_console_has() -> None:
    assert all(len(sign) == 1 and (sign.isascii() or sign in SAFE) for sign in GLYPHS.values())
    assert not set(GLYPHS) & SAFE
    assert spoken("▲ 1 spilled △ 2 so far ✗ ⋯ nvme… ▁▅▇") == "▲ 1 spilled ^ 2 so far x · nvme» ░▒█"


def test_only_a_console_gets_its_driver(console: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del console
    app = ExecmemApp(open_booted("arm64"))
    assert app.get_driver_class() is ConsoleDriver
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda _self, data: written.append(data))
    ConsoleDriver.write(ConsoleDriver.__new__(ConsoleDriver), "\x1b[1m━ ⋯ text")
    assert written == ["\x1b[1m═ · text"]
    monkeypatch.setenv("TERM", "xterm-256color")
    assert app.get_driver_class() is LinuxDriver


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
@pytest.mark.parametrize(
    "keys",
    [
        ("B", "N", "W"),
        ("B", "v", "P"),
        ("i", *"amdgpu"),
        ("A", *"abc", "enter"),
        ("equals_sign", "B", "vertical_line", "semicolon", "r", "O"),
        ("ctrl+p", *"fill"),
        ("H",),
        ("question_mark",),
        ("s",),
        ("c",),
        ("B", "asterisk"),
        ("backslash", *"nf", "enter"),
    ],
    ids=lambda keys: keys[-1],
)
async def test_all_that_is_drawn_is_in_a_console_s_font(
    console: None, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    del console
    app = ExecmemApp(open_booted("arm64"))
    async with app.run_test(size=size, notifications=True) as pilot:
        await press(pilot, *keys)
        drawn = spoken(_text(app))
    assert {sign for sign in drawn if not sign.isascii()} <= SAFE


async def test_what_a_capture_shows_is_in_a_console_s_font(console: None) -> None:
    del console
    app = ExecmemApp(open_path(str(DATA / "captures" / "amd64-7.2.13-kaslr"), phase="1-modules"))
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await press(pilot, "exclamation_mark")
        drawn = spoken(_text(app))
    assert {sign for sign in drawn if not sign.isascii()} <= SAFE


async def test_a_console_is_told_its_own_colours(console: None) -> None:
    """A bright colour, 90 to 97, or one of sixteen million is not what the theme says."""
    del console
    app = ExecmemApp(open_booted("arm64"))
    assert app.theme == "execmem-console"
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "B")
        strips = app.screen._compositor.render_strips()
        styles = [each.style for strip in strips for each in strip if each.style is not None]
    colours = {each for style in styles for each in (style.color, style.bgcolor) if each}
    assert {each.number for each in colours if not each.is_default} <= set(range(8))


@pytest.mark.parametrize("theme", ["execmem-ansi", "execmem-console"])
@pytest.mark.parametrize("key", ["B", "c", "question_mark", "ctrl+p"])
async def test_words_of_the_terminal_s_colours_have_the_theme_s_ground(
    theme: str, key: str
) -> None:
    """The terminal's own may be white, and the words are."""
    app = ExecmemApp(open_booted("arm64"), theme=theme)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, key)
        strips = app.screen._compositor.render_strips()
        styles = [each.style for strip in strips for each in strip if each.style]
        drawn = app.export_screenshot()
    assert styles
    white = Color.parse("white")
    bare = [style for style in styles if style.bgcolor is None or style.bgcolor.is_default]
    assert not [style for style in bare if style.color == white]
    assert len(bare) < 30, "a button, at most, which Textual leaves the terminal's ground"
    assert "#000000" in drawn
    assert SVG_EXPORT_THEME.ansi_colors[0].hex not in drawn


async def test_a_hall_with_a_console_reads_plain_letters(console: None) -> None:
    del console
    assert large("a", 40) is not None  # of half blocks, which a console has not
    app = ExecmemApp(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "B", "P")
        assert "placed far away" in _text(app)
        assert app.theme == "execmem-console"
        await press(pilot, "P")
        assert app.theme == "execmem-console"


def test_bytes_that_are_no_text_do_not_end_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's thread of keys ended at the first, and with it every way out of the application."""
    monkeypatch.setattr(linux_driver, "getincrementaldecoder", codecs.getincrementaldecoder)
    with pytest.raises(UnicodeDecodeError):
        LinuxDriver.run_input_thread(typing(b"a\xffb"))
    app = ExecmemApp(open_booted("arm64"))
    assert app.get_driver_class() is LinuxDriver
    driver = typing(b"a\xff\xc3", b"\xa4b")
    LinuxDriver.run_input_thread(driver)
    keys = [call.args[0].character for call in driver.process_message.call_args_list]
    assert keys == ["a", "\ufffd", "ä", "b"], "a character may come in two pieces"


def typing(*pieces: bytes) -> Any:
    """Return a driver whose terminal gives these bytes, and is closed then."""
    reader, writer = os.pipe()
    driver = Mock(fileno=reader, _debug=False)
    waiting = list(pieces)

    def is_over() -> bool:
        if waiting:
            os.write(writer, waiting.pop(0))
            return False
        os.close(writer)
        return True

    driver.exit_event.is_set.side_effect = is_over
    return driver

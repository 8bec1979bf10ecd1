"""A demo: the same keys give the same bytes, and nothing moves by itself."""

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from execmem_tui.cli.main import main
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.tui.demo import COLUMNS, ROWS, DemoApp
from execmem_tui.tui.start import Start
from tests.tui.driving import press, shown_text

PATIENCE = 60
"""Seconds after which a demo that should have settled has not."""


class Recorder:
    """A pseudo-terminal that keeps what is written to it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.got = b""

    def press(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    def wait(self, text: str) -> None:
        """Wait until a text was written."""
        while text.encode() not in self.got:
            assert select.select([self._descriptor], [], [], PATIENCE)[0], self.got[-2000:]
            self.got += os.read(self._descriptor, 1 << 16)

    def to_the_end(self) -> bytes:
        """Read until nobody has the terminal open any more, and return all of it."""
        try:
            while True:
                assert select.select([self._descriptor], [], [], PATIENCE)[0], self.got[-2000:]
                self.got += os.read(self._descriptor, 1 << 16)
        except OSError:  # Linux says EIO there
            return self.got


@contextmanager
def recorder(columns: int, rows: int, state: Path, *words: str) -> Iterator[Recorder]:
    """Yield a terminal in which the application was started."""
    termios = pytest.importorskip("termios", reason="needs pseudo-terminals")
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (rows, columns))
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "XDG_STATE_HOME": str(state),
        "XDG_CONFIG_HOME": str(state),
        "XDG_RUNTIME_DIR": str(state.parent),
    }
    for told in ("COLUMNS", "LINES"):  # before the terminal's own size, where they are set
        environment.pop(told, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "execmem_tui", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    try:
        yield Recorder(ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def recorded(state: Path, columns: int, rows: int) -> bytes:
    keys = [b"\r", b"i", b"x", b"f", b"s", b"\x1b[B", b"\r", b"t", b"B", b"\r", b"P"]
    with recorder(columns, rows, state, "--demo", "fallback") as found:
        found.wait("settled 0")
        for number, key in enumerate(keys, 1):
            found.press(key)
            found.wait(f"settled {number}")
        found.press(b"q")
        return found.to_the_end()


def test_a_demo_recorded_twice_is_the_same_to_the_byte(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (second / "execmem-tui").mkdir(parents=True)
    (second / "execmem-tui" / "config.toml").write_text('theme = "execmem-light"\n')
    (second / "execmem-tui" / "tours.json").write_text('{"fallback": {"stop": 3, "done": true}}')
    once = recorded(first, COLUMNS, ROWS)
    assert b"GOAL" in once
    again = recorded(second, COLUMNS + 40, ROWS + 9)
    assert once == again, "neither a clock nor a setting nor the terminal's size is in it"
    assert not (first / "execmem-tui").exists(), "and nothing is kept"


def test_a_small_terminal_and_a_pipe_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with recorder(80, 24, tmp_path, "--demo", "holes") as found:
        text = found.to_the_end().decode()
    assert "a demo needs 100 columns and 30 rows" in text
    assert "80 and 24" in text
    assert main(["--demo", "holes"]) == 2
    assert "--demo needs a terminal" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["x.tar"], ["--arch", "x86"], ["--step", "0"], ["--plain"]])
def test_a_demo_takes_nothing_else(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "holes", *words]) == 2
    assert "--demo takes a tour or a scenario" in capsys.readouterr().err


async def test_nothing_moves_by_itself() -> None:
    play = play_scenario("laptop-arm64")
    play.history.seek(0)
    app = DemoApp(play, "laptop-arm64")
    async with app.run_test(size=(COLUMNS, ROWS), notifications=True) as pilot:
        await press(pilot, "space")
        assert not app.playing
        assert "in a demo nothing moves by itself" in shown_text(app)
        await press(pilot, "right_square_bracket")
        assert "in a demo nothing moves" not in shown_text(app), "a notice stays until the next key"
        assert app.source.history.step == 1
        await press(pilot, "g")
        assert re.search(r"settled 3$", app.mark)
        app.following = True
        await pilot.pause()
        assert not app.following


async def test_a_demo_begins_at_the_first_stop() -> None:
    from execmem_tui.tours.reader import open_tour
    from execmem_tui.tours.run import TourRun

    app = DemoApp(TourRun(open_tour("holes")).source, "holes", start=Start(tour="holes"))
    async with app.run_test(size=(140, 50)) as pilot:
        await press(pilot, "enter", "enter")
        assert app.size.width == COLUMNS
        assert app.tours.run is not None
        assert app.tours.run.index == 2
        assert app.tours.progress.all() == {}

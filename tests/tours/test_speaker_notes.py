"""A second terminal with the speaker's notes follows the first, and ends with it."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from execmem_tui.cli import tour as command
from execmem_tui.cli.main import main
from execmem_tui.files.runtime import runtime_folder
from execmem_tui.model.errors import SourceError
from execmem_tui.tours.reader import open_tour
from execmem_tui.tours.speaker_notes import (
    LONGEST,
    TourPosition,
    follow,
    parse_position,
    socket_path,
)
from execmem_tui.view.tour_notes import Notes

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in folders here")


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short name: a socket's path has at most 107 characters."""
    with TemporaryDirectory() as made:
        monkeypatch.setenv("XDG_RUNTIME_DIR", made)
        yield Path(made)


class Speaker(threading.Thread):
    """Somebody who takes a tour: says lines to the first listener and hangs up."""

    def __init__(self, path: Path, *lines: bytes) -> None:
        super().__init__()
        self._lines = lines
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()

    def run(self) -> None:
        with self._socket, self._socket.accept()[0] as listener:
            listener.sendall(b"".join(self._lines))


def refuse() -> None:
    raise AssertionError("somebody is there: nobody waits")


def test_a_listener_follows_and_ends_with_the_tour() -> None:
    path = socket_path("holes")
    said = [
        TourPosition(stop=0, done=True),
        TourPosition(stop=1),
        TourPosition(stop=1, done=True, guess="B"),
    ]
    speaker = Speaker(path, *(each.line() for each in said))
    speaker.start()
    assert list(follow(path, 5, refuse)) == said
    speaker.join()


def test_a_listener_that_comes_first_waits() -> None:
    path = socket_path("holes")
    moments = []

    def wait() -> None:
        moments.append(1)
        if len(moments) == 3:
            Speaker(path, TourPosition(stop=2).line()).start()

    assert list(follow(path, 5, wait)) == [None, TourPosition(stop=2)]
    assert len(moments) == 3


def test_what_a_killed_tour_left_is_nobody() -> None:
    path = socket_path("holes")
    Speaker(path)._socket.close()
    assert path.exists()

    def wait() -> None:
        path.unlink()
        Speaker(path, TourPosition(stop=1).line()).start()

    assert list(follow(path, 5, wait)) == [None, TourPosition(stop=1)]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[" * LONGEST,
        b"\x1b[31m",
        b'{"stop": 5, "done": true, "guess": ""}',
        b'{"stop": -1, "done": true, "guess": ""}',
        b'{"stop": true, "done": true, "guess": ""}',
        b'{"stop": 1, "done": 1, "guess": ""}',
        b'{"stop": 1, "done": true, "guess": "\\u001b[2J"}',
        b'{"stop": 1, "done": true, "guess": ["A"]}',
        b'"' + b"9" * LONGEST,
    ],
)
def test_what_is_not_understood_is_refused(line: bytes) -> None:
    with pytest.raises(SourceError, match="not understood"):
        parse_position(line, 5)
    path = socket_path("holes")
    speaker = Speaker(path, line + b"\n")
    speaker.start()
    with pytest.raises(SourceError, match="not understood"):
        list(follow(path, 5, refuse))
    speaker.join()


def test_nobody_else_can_enter_the_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "execmem-tui").mkdir(mode=0o755)
    assert runtime_folder() == place / "execmem-tui"
    assert stat.S_IMODE(runtime_folder().stat().st_mode) == 0o700
    runtime_folder().rmdir()
    (place / "execmem-tui").symlink_to(place)
    with pytest.raises(PermissionError, match="not a folder of this user"):
        runtime_folder()
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    (place / "execmem-tui").unlink()
    assert runtime_folder() == place / "execmem-tui" / "run"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PermissionError, match="not a folder of this user"):
        runtime_folder()


def test_any_name_has_a_meeting_point() -> None:
    names = ("holes", "../../x", "a/b", "ü" * 60, "")
    points = {socket_path(name) for name in names}
    assert len(points) == len(names)
    assert {point.parent for point in points} == {runtime_folder()}
    assert max(len(point.name) for point in points) < 30


def test_notes_say_what_comes_and_what_the_hall_said() -> None:
    tour = open_tour("holes")
    notes = Notes(tour, 80)
    at = next(number for number, stop in enumerate(tour.stops) if stop.guess)
    lines = list(notes.lines(TourPosition(stop=at)))
    assert f"{at + 1}/{len(tour.stops)}" in lines[1]
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "They read: " in text
    assert ": right." in text
    assert "Next: " in text
    letter = next(line.split()[0] for line in lines if line.endswith(": largest."))
    assert list(notes.lines(TourPosition(stop=at, done=True, guess=letter))) == [
        f"  The hall said {letter}: largest."
    ]
    goal = next(number for number, stop in enumerate(tour.stops) if stop.goal)
    assert "They do it with keys" in "\n".join(notes.lines(TourPosition(stop=goal)))
    assert list(notes.lines(TourPosition(stop=goal, done=True))) == ["  Done."]
    last = list(notes.lines(TourPosition(stop=len(tour.stops) - 1, done=True)))
    assert not any(line.startswith("Next: ") for line in last)


def test_the_command_follows_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    path = socket_path("holes")
    monkeypatch.setattr(
        command, "sleep", lambda _: Speaker(path, TourPosition(stop=1, done=True).line()).start()
    )
    assert main(["tour", "holes", "--notes"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Waiting for: execmem-tui tour holes")
    assert "2/" in out
    assert out.endswith("The tour was left.\n")

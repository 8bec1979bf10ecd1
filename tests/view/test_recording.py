"""Recordings of tours: the same bytes each time, every stop in them, nothing too wide."""

import errno
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from execmem_tui.cli.main import main
from execmem_tui.tours.reader import library, open_tour
from execmem_tui.view.recording import COLUMNS, ROWS, Frame, cast, frames, moving_svg

COLOURS = {"foreground": "black", "background": "white"}


@pytest.mark.parametrize("name", ["holes", "fallback"])
def test_a_recording_is_the_same_twice(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in ("cast", "svg"):
        pair = [tmp_path / f"{number}.{ending}" for number in (1, 2)]
        for path in pair:
            assert main(["tour", name, "--record", str(path)]) == 0
        assert pair[0].read_bytes() == pair[1].read_bytes()
        assert "frames" in capsys.readouterr().err


def test_a_cast_tells_every_stop_in_time() -> None:
    tour = open_tour("holes")
    header, *events = map(json.loads, cast(tour.title, list(frames(tour))).splitlines())
    assert header == {"version": 2, "width": COLUMNS, "height": ROWS, "title": tour.title}
    times = [event[0] for event in events]
    assert times == sorted(times)
    assert times[-1] == tour.seconds
    markers = [event[2] for event in events if event[1] == "m"]
    assert markers == [f"{number}/{len(tour.stops)}" for number in range(1, len(tour.stops) + 1)]
    asked = sum(stop.kind.value != "observe" for stop in tour.stops)
    assert sum(event[1] == "o" for event in events) == len(tour.stops) + asked + 1


@pytest.mark.parametrize("name", list(library()))
def test_a_frame_fits(name: str) -> None:
    for frame in frames(open_tour(name)):
        assert len(frame.lines) <= ROWS
        assert max(map(len, frame.lines)) <= COLUMNS
        assert frame.seconds > 0


def test_each_frame_is_visible_in_its_time_alone() -> None:
    three = [Frame(seconds=each, lines=("<&", ""), marker="") for each in (1, 2, 5)]
    svg = ET.fromstring(moving_svg(three, COLOURS))  # noqa: S314 - our own text
    space = "{http://www.w3.org/2000/svg}"
    found = [
        (each.get("values"), each.get("keyTimes"), each.get("dur"))
        for each in svg.iter(f"{space}animate")
    ]
    assert found == [
        ("visible;hidden", "0;0.125", "8s"),
        ("hidden;visible;hidden", "0;0.125;0.375", "8s"),
        ("hidden;visible", "0;0.375", "8s"),
    ]
    assert [text.text for text in svg.iter(f"{space}text")] == ["<&"] * 3


def test_other_endings_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tour", "holes", "--record", str(tmp_path / "a.gif")]) == 2
    assert "a .cast or an .svg" in capsys.readouterr().err
    assert main(["tour", "--notes"]) == 2


def test_a_recording_takes_nobodys_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file was written over, a FIFO waited for without end, a link written through."""
    there, link = tmp_path / "a.cast", tmp_path / "b.svg"
    there.write_text("mine")
    link.symlink_to(there)
    for path in (there, link):
        assert main(["tour", "holes", "--record", str(path)]) == 2
        assert "is there already" in capsys.readouterr().err
    assert there.read_text() == "mine"


def test_a_recording_without_room_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    file = tmp_path / "a.cast"
    assert main(["tour", "holes", "--record", str(file)]) == 2
    assert capsys.readouterr().err == f"execmem-tui: {file}: No space left on device\n"
    assert list(tmp_path.iterdir()) == []

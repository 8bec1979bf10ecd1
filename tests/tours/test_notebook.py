"""A notebook: what it can keep, and that it is a tour."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.tours.notebook import Note, Notebook, header
from execmem_tui.tours.reader import open_tour, read_tour
from execmem_tui.tours.run import TourRun

DATA = Path(__file__).resolve().parents[1] / "data"
NOTE = Note(say="s", step=3, at=0xFFFF, area=(0xF000, 0x10000), pane=2, lens="reach")
SCENARIO = {"scenario": "laptop-arm64"}


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(WORDS, WORDS)
def test_any_text_can_be_read_again(title: str, say: str) -> None:
    note = Note(say=say, step=0, at=0, area=None, pane=1, lens="")
    tour = read_tour(Notebook(title, SCENARIO, [note]).text().encode(), "n.toml", "n")
    assert tour.title.isprintable()
    assert tour.stops[0].say.isprintable()


def test_a_notebook_is_a_tour() -> None:
    tour = read_tour(Notebook("a \x7f title", SCENARIO, [NOTE]).text().encode(), "n.toml", "n")
    assert tour.title.startswith("Notes on a ")
    assert tour.scenario == "laptop-arm64"
    stop = tour.stops[0]
    assert (stop.say, stop.step, stop.at, stop.pane, stop.lens) == ("s", 3, 0xFFFF, 2, "reach")
    assert [look.span for look in stop.look] == [(0xF000, 0x10000)]


def test_moments_of_a_scenario_are_gone_to_again() -> None:
    play = play_scenario("laptop-arm64")
    notes = [Note(say=str(at), step=at, at=0, area=None, pane=1, lens="") for at in (700, 40)]
    text = Notebook(play.title, header(play, ["--scenario", "laptop-arm64"]), notes).text()
    run = TourRun(read_tour(text.encode(), "n.toml", "n"))
    assert run.source.history.step == 700
    areas = run.source.history.snapshot().areas
    play.history.seek(700)
    assert list(areas) == list(play.history.snapshot().areas)
    run.next()
    assert run.source.history.step == 40


def test_a_machine_after_boot_is_booted_again_whatever_the_listener_does() -> None:
    booted = open_booted("riscv")
    kept = header(booted, ())
    assert kept == {
        "arch": "riscv",
        "kernel": "7.1",
        "variant": booted.history.layout.variant,
        "kaslr": "off",
        "booted": True,
    }
    notes = [Note(say=str(at), step=at, at=0, area=None, pane=1, lens="") for at in (9, 50)]
    run = TourRun(read_tour(Notebook("t", kept, notes).text().encode(), "n.toml", "n"))
    first = run.source
    assert isinstance(first, type(booted))
    first.allocate(ExecmemType.MODULE_TEXT)
    assert first.history.steps < 50, "a command in the past forgets what came then"
    run.next()
    assert run.source is not first
    assert run.source.history.step == 50
    booted.allocate(ExecmemType.MODULE_TEXT)
    with pytest.raises(UsageError, match="by hand"):
        header(booted, ())
    booted.history.undo()
    assert header(booted, ()) == kept


def test_an_empty_machine_is_one() -> None:
    empty = open_simulation("x86", "6.12", None, "7")
    kept = header(empty, ())
    assert "booted" not in kept
    assert kept["kaslr"] == "7"
    note = Note(say="nothing yet", step=None, at=0, area=None, pane=1, lens="")
    run = TourRun(read_tour(Notebook("t", kept, [note]).text().encode(), "n.toml", "n"))
    assert run.source.history.layout == empty.history.layout


def test_a_notebook_and_what_it_is_about_can_be_sent(tmp_path: Path) -> None:
    capture = DATA / "captures" / "amd64-7.2.13-kaslr"
    phase = "1-modules"
    words = [str(capture), "--phase", phase]
    play = play_scenario("arm64-64k-bpf")  # any source: the words decide
    kept = header(play, words)
    assert kept == {"open": [str(capture)], "phase": phase}
    note = Note(say="here", step=None, at=0xFFFFFFFFC0000000, area=None, pane=1, lens="")
    (tmp_path / "n.toml").write_text(
        Notebook("t", kept, [note]).text().replace(str(DATA), "/nowhere")
    )
    shutil.copytree(capture, tmp_path / capture.name)
    run = TourRun(open_tour(str(tmp_path / "n.toml")))
    assert run.source.history.layout.arch == "x86"


@pytest.mark.parametrize("words", [["live"], ["-"], ["x.tar", "--arch", "arm"]])
def test_what_cannot_be_opened_again_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="a notebook"):
        header(open_booted("arm64"), words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('title = "t"\nopen = "a"\nscenario = "b"\n[[stops]]\nsay = "s"', "shows one thing"),
        ('title = "t"\nscenario = "b"\nbooted = true\n[[stops]]\nsay = "s"', "shows one thing"),
        ('title = "t"\nscenario = "b"\narch = "arm"\n[[stops]]\nsay = "s"', "opens something or"),
        ('title = "t"\nscenario = "b"\n[[stops]]\nsay = "s"\nat = "here"', "an address is wanted"),
        ('title = "t"\nscenario = "b"\n[[stops]]\nsay = "s"\ngoal = "a > 1"', "goal"),
    ],
)
def test_errors_name_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_tour(text.encode(), "n.toml", "n")


def test_a_step_that_is_not_there_is_an_error() -> None:
    text = Notebook("t", SCENARIO, [Note(say="s", step=10**6, at=0, area=None, pane=1, lens="")])
    with pytest.raises(InputError, match="step: there are"):
        TourRun(read_tour(text.text().encode(), "n.toml", "n"))

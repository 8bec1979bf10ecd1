"""The key of the notebook: from a moment to a tour and back to the moment."""

from pathlib import Path

import pytest
from textual.widgets import Input

from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.tours.progress import TourProgress
from execmem_tui.tui.noting import notebooks
from execmem_tui.view.paint import LensName
from tests.tui.driving import make_app, press, shown_text


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def kept() -> list[Path]:
    return sorted(notebooks().iterdir())


async def test_moments_are_kept_and_the_notebook_is_a_tour() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.show_source(play_scenario("laptop-arm64"))
        app.opened = ["--scenario", "laptop-arm64"]
        app.time.seek(300)
        area = app.shown.snapshot.areas[5]
        app.look_at(area.start)
        app.lens = LensName.REACH
        await press(pilot, "m")
        line = app.screen.query_one(Input)
        assert line.value == app.source.caption(300)  # type: ignore[attr-defined]
        line.value = 'here it "begins"'
        await press(pilot, "enter")
        assert "note 1 kept: execmem-tui tour" in shown_text(app)
        app.lens = LensName.KIND
        app.time.seek(900)
        await press(pilot, "m", "enter")
        (path,) = kept()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.name.startswith("laptop-arm64")
    other = make_app()
    other.tours._progress = TourProgress(None)
    async with other.run_test(size=(120, 40)) as pilot:
        other.tours.begin(str(path))
        await pilot.pause()
        assert 'here it "begins"' in shown_text(other)
        assert other.source.history.step == 300
        assert other.cursor == area.start
        assert other.lens is LensName.REACH
        assert other.main.map.highlight.lit == ((area.start, area.end),)
        await press(pilot, "enter")
        assert other.source.history.step == 900
        assert other.lens.value == "kind"


async def test_another_source_has_another_notebook() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "m")
        app.screen.query_one(Input).value = "an empty machine"
        await press(pilot, "enter")
        app.show_source(play_scenario("arm64-64k-bpf"))
        app.opened = ["--scenario", "arm64-64k-bpf"]
        await press(pilot, "m", "enter")
        assert len(kept()) == 2


async def test_what_cannot_be_kept_is_told(tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "a", "m")
        assert "a notebook cannot keep what was done by hand" in shown_text(app)
        assert len(app.screen_stack) == 1
        app.clear_notifications()
        await press(pilot, "u", "m", "x")
        (tmp_path / "execmem-tui").write_text("in the way")
        await press(pilot, "enter")
        assert len(app.screen_stack) == 2, "the sentence is not lost"
        (tmp_path / "execmem-tui").unlink()
        await press(pilot, "enter")
        assert len(kept()) == 1


async def test_a_notice_below_one_as_wide_as_the_screen_is_seen() -> None:
    """The bar of their rack took two columns, and one line more lay under legend and hints."""
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.say("a " + "word " * 22 + "end.", title="119 columns with its edges")
        await press(pilot, "right")
        app.say("what comes next")
        await press(pilot, "right")
        assert "what comes next" in shown_text(app)
        assert "end." in shown_text(app)

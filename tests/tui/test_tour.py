"""One tour on the screen: lit, guessed, ringed; a goal; hints; the card lies below dialogs."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.tours.progress import Reached, TourProgress
from execmem_tui.tours.speaker_notes import TourPosition, parse_position, socket_path
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.touring import TourActions
from execmem_tui.tui.widgets.tour_card import TourCard
from tests.tui.driving import make_app, press, shown_text


def touring_app(progress: TourProgress) -> ExecmemApp:
    app = make_app(open_simulation("arm64", "7.1", "va48-4k", "off"))
    app.tours._progress = progress
    return app


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short name: a socket's path has at most 107 characters."""
    with TemporaryDirectory() as made:
        monkeypatch.setenv("XDG_RUNTIME_DIR", made)
        yield Path(made) / "execmem-tui"


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def card_of(app: ExecmemApp) -> str:
    return str(app.main.query_one(TourCard).render())


async def test_a_tour_is_chosen_guessed_and_left(tmp_path: object) -> None:
    del tmp_path
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(100, 30)) as pilot:
        before = app.source
        await press(pilot, "t")
        assert "6 min  What execmem is" in shown_text(app)
        await press(pilot, *"what-is", "enter")
        assert app.source is not before
        assert "1/11" in shown_text(app)
        assert app.main.map.highlight.lit == ((0xFFFFFFFFC0000000, 0xFFFFFFFFFF000000),)
        assert app.focused is app.main.map, "the card takes no focus"
        await press(pilot, "enter", "enter", "enter")
        assert "GUESS" in card_of(app)
        run = app.tours.run
        assert run is not None
        answer = run.question().right
        assert not answer[0] <= app.cursor < answer[1], "the cursor does not give it away"
        narrow = next(each.start for each in run.choices() if each.belief == "best_fit")
        app.look_at(narrow)
        await press(pilot, "enter")
        assert "Not there. The narrow hole" in card_of(app)
        ring = app.main.map.highlight.ring
        assert ring is not None
        assert ring[0] == narrow, "the guess stays ringed"
        assert app.cursor == run.guessed.took.start  # type: ignore[union-attr]
        await press(pilot, "backspace", "enter")
        assert "GUESS" in card_of(app), "the stop begins anew"
        await press(pilot, "K", "enter")
        assert app.pane == 2
        await press(pilot, "c")
        assert len(app.screen_stack) == 2, "dialogs lie above the card"
        await press(pilot, "escape", "escape")
        assert app.tours.run is None
        assert not app.main.query_one(TourCard).display
        assert not app.main.map.highlight.lit
        await press(pilot, "backspace")
        assert app.tours.run is None


async def test_a_letter_is_the_vote_of_the_hall() -> None:
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.tours.begin("holes")
        await press(pilot, "K", "K")
        run = app.tours.run
        assert run is not None
        offered = run.choices()
        assert [each.belief for each in offered] == ["too_small", "right", "largest"]
        screen = shown_text(app)
        assert all(screen.count(sign) == 2 for sign in "ⓐⓑⓒ"), "on the map and in the card"
        assert "ⓑ 13.7M at bf046000" in screen
        assert "a b c that hole   Enter the hole at the cursor" in screen
        assert "a allocate" not in screen, "that is no key to be hinted at now"
        await press(pilot, "d")
        assert "there are 3 places" in shown_text(app)
        assert run.guessed is None
        assert isinstance(app.source, Simulation)
        before = app.source.commands
        await press(pilot, "a")
        assert app.source.commands == before + 1, "nothing but the request was made"
        assert "Not there. The hole has 68K" in card_of(app)
        ring = app.main.map.highlight.ring
        assert ring is not None
        assert ring[0] == offered[0].start
        assert app.cursor == offered[1].start
        assert "ⓐ" in shown_text(app), "the letters stay, to be talked about"
        assert "a allocate" in shown_text(app)
        await press(pilot, "a")
        assert app.source.commands == before + 2, "and a has its own meaning again"


async def test_a_letter_in_a_dialog_or_list_is_no_vote() -> None:
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(100, 30)) as pilot:
        app.tours.begin("holes")
        await press(pilot, "K", "K")
        run = app.tours.run
        assert run is not None
        await press(pilot, "slash", "a", "escape", "L", "a")
        assert run.guessed is None


async def test_without_colour_letters_have_no_circles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(100, 30)) as pilot:
        app.tours.begin("holes")
        await press(pilot, "K", "K")
        screen = shown_text(app)
        assert not set("ⓐⓑⓒ") & set(screen)
        assert "B 13.7M at bf046000" in screen
        assert "bf010000 ||||||||A" in screen


async def test_a_goal_is_told_as_soon_as_it_is_reached() -> None:
    progress = TourProgress(None)
    app = touring_app(progress)
    async with app.run_test(size=(100, 30)) as pilot:
        app.tours.begin("fallback")
        await pilot.pause()
        await press(pilot, "enter")
        assert "GOAL: one area in the far window" in card_of(app)
        assert app.main.map.highlight.ghost
        await press(pilot, "enter")
        assert "2/5" in app.main.query_one(TourCard).card.title  # type: ignore[union-attr]
        await press(pilot, "a", "t")
        assert "Hint: a asks for 64K" in card_of(app)
        assert "1 key so far" in card_of(app)
        await press(pilot, "B")
        assert "√ GOAL reached with 2 keys, par is 1." in card_of(app)
        assert not app.main.map.highlight.ghost
        await press(pilot, "u", "u")
        assert "GOAL: one area in the far window" in card_of(app)
        await press(pilot, "t", "t", "t")
        assert "So it is done." in card_of(app)
        await press(pilot, "enter")
        assert "3/5" in app.main.query_one(TourCard).card.title  # type: ignore[union-attr]


async def test_a_tour_goes_on_where_it_was_left_and_ends() -> None:
    kept: dict[str, Reached] = {"fallback": Reached(stop=4)}

    class Kept(TourProgress):
        def all(self) -> dict[str, Reached]:
            return dict(kept)

        def keep(self, name: str, reached: Reached) -> None:
            kept[name] = reached

    app = touring_app(Kept(None))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.tours.begin("fallback")
        await pilot.pause()
        assert "5/5" in shown_text(app)
        await press(pilot, "enter")
        assert "that was the tour" in shown_text(app)
        assert kept["fallback"] == Reached(stop=0, done=True)


async def test_after_a_tour_t_points_at_the_next_one() -> None:
    kept = {"what-is-execmem": Reached(done=True)}

    class Kept(TourProgress):
        def all(self) -> dict[str, Reached]:
            return dict(kept)

    app = touring_app(Kept(None))
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "t")
        assert "in this order, if all is new to you" in shown_text(app)
        await press(pilot, "enter")
        assert app.tours.run is not None
        assert app.tours.run.tour.name == "windows"


async def test_another_source_ends_the_tour() -> None:
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(80, 24)) as pilot:
        app.tours.begin("holes")
        await pilot.pause()
        app.show_source(open_simulation("x86", "7.1", None, "off"))
        await pilot.pause()
        assert app.tours.run is None
        assert app.main.card is None


async def test_enter_opens_a_fold_where_no_tour_is_taken() -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "a")
        view = app.main.map.viewport
        assert view is not None
        fold = next(line for line in view.lines() if line.fold is not None)
        app.look_at(fold.start)
        await pilot.pause()
        before = app.main.map.viewport
        await press(pilot, "enter")
        assert app.main.map.viewport != before
    assert TourActions(app).leave() is False


async def test_a_terminal_with_notes_hears_of_every_move(runtime: Path) -> None:
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(100, 30)) as pilot:
        app.tours.begin("holes")
        await press(pilot, "enter")
        assert stat.S_IMODE(socket_path("holes").stat().st_mode) == 0o600
        reader, writer = await asyncio.open_unix_connection(socket_path("holes"))

        async def heard() -> TourPosition:
            return parse_position(await reader.readline(), 9)

        run = app.tours.run
        assert run is not None
        assert (await heard()).stop == 1
        while not run.stop.guess:
            await press(pilot, "K")
            assert (await heard()).stop == run.index
        app.look_at(run.choices()[1].start)
        await press(pilot, "enter")
        assert await heard() == TourPosition(stop=run.index, done=True, guess="B")
        await press(pilot, "backspace")
        assert (await heard()).stop == run.index
        await press(pilot, "escape")
        assert await reader.read() == b"", "it ends with the tour"
        assert left(runtime) == []
        writer.close()
        await writer.wait_closed()
        app.tours.begin("plt")
        await pilot.pause()
        assert socket_path("plt").exists()
    assert left(runtime) == [], "and with the application"


async def test_a_newer_terminal_s_tour_is_not_taken_away(runtime: Path) -> None:
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(100, 30)) as pilot:
        app.tours.begin("holes")
        await pilot.pause()
        socket_path("holes").unlink()
        socket_path("holes").write_text("another process")
        await press(pilot, "escape")
    assert len(left(runtime)) == 1


async def test_a_tour_needs_no_place_for_notes(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.parent.joinpath("file").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime.parent / "file"))
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(100, 30)) as pilot:
        app.tours.begin("holes")
        await press(pilot, "enter", "escape")
        assert app.tours.run is None


async def test_a_tour_has_no_card_of_things_to_try() -> None:
    """It said `t  tour` beside a card on which `t` is the hint, and lay over what is selected."""
    app = touring_app(TourProgress(None))
    async with app.run_test(size=(120, 40)) as pilot:
        app.main.offers = True
        await pilot.pause()
        assert "TRY" in shown_text(app)
        app.tours.begin("holes")
        await pilot.pause()
        assert "Guard pages and holes" in shown_text(app)
        assert "TRY" not in shown_text(app)
        await press(pilot, "escape")
        assert "TRY" in shown_text(app)

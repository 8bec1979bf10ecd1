"""The presenter's view: large, pointed at, and gone through with the two keys of a clicker."""

from pathlib import Path

import pytest
from textual.strip import Strip

from execmem_tui.scenarios.reader import read_scenario
from execmem_tui.sources.scenario_play import ScenarioPlay
from execmem_tui.tours.progress import TourProgress
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.tui.widgets.pane import Panes
from execmem_tui.tui.widgets.sentence import Sentence
from execmem_tui.tui.widgets.side import SidePanel
from execmem_tui.tui.widgets.time import TimeStrip
from execmem_tui.view.large import large
from tests.tui.driving import make_app, press, shown_text

STORY = b"""
title = "a story"
text = "In the beginning nothing was loaded."
arch = "arm64"
kernel = "7.1"
steps = [
    { say = "One came." },
    { alloc = "MODULE_TEXT", size = "64K", owner = "one" },
    { say = "Then two more." },
    { alloc = "MODULE_TEXT", size = "64K", owner = "two" },
    { alloc = "MODULE_TEXT", size = "64K", owner = "three" },
]
"""


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def sentence_of(app: ExecmemApp) -> str:
    return str(app.main.query_one(Sentence).render())


def pointed(app: ExecmemApp) -> set[tuple[int, int]]:
    """Return column and row, on the map, of the cells of the cross."""
    found = app.main.map
    colour = app.palette.pointer.bgcolor
    cells = set()
    for row in range(1, found.size.height):
        strip: Strip = found.render_line(row)
        column = 0
        for text, style, _ in strip:
            if style is not None and style.bgcolor == colour:
                cells |= {(column + at, row) for at in range(len(text))}
            column += len(text)
    return {(column - found.margin, row) for column, row in cells if column >= found.margin}


async def test_what_the_cross_covers_can_be_read() -> None:
    """The name under the cursor is turned round: the cross was yellow letters on white there."""
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "P")
        accent = app.palette.colour("accent")
        covered = [
            style
            for row in range(1, app.main.map.size.height)
            for _, style, _ in app.main.map.render_line(row)
            if style is not None and style.bgcolor == accent.rich_color
        ]
        assert any(style.underline for style in covered), "it lies over a name"
        for style in covered:
            assert not style.reverse
            assert style.color == accent.get_contrast_text(1.0).rich_color


async def test_a_presenter_has_the_sentence_large_and_gets_back_what_was() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")
        theme, said = app.theme, sentence_of(app)
        cell = app.main.map.viewport.axis.cell  # type: ignore[union-attr]
        await press(pilot, "P")
        sentence = app.main.query_one(Sentence)
        assert app.theme == "execmem-contrast"
        assert app.follows
        drawn = large(said, sentence.size.width)
        assert drawn is not None
        assert sentence_of(app) == "\n".join(drawn)
        assert "\n".join(drawn).split("\n")[0].strip() in shown_text(app)
        assert not app.main.query_one(SidePanel).display
        assert not app.main.query_one(TimeStrip).display
        view = app.main.map.viewport
        assert view is not None
        area = app.shown.snapshot.area_at(view.cursor)
        assert area is not None
        assert (area.end - area.start) / view.axis.cell >= 12, "its name can be read"
        await press(pilot, "P")
        assert (app.theme, app.follows) == (theme, False)
        assert sentence_of(app) == said
        assert app.main.query_one(SidePanel).display
        assert app.main.map.viewport.axis.cell == cell  # type: ignore[union-attr]


async def test_a_line_of_a_hall_is_two_rows_and_says_its_words_once() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "P")
        found = app.main.map
        assert found.viewport is not None
        assert found.viewport.rows == (found.size.height - 1) // 2
        top = 1 + 2 * found.viewport.cursor_place[1]
        first, second = (found.render_line(row).text for row in (top, top + 1))
        assert first.startswith("ffff80007b000000")
        assert not second[: found.margin - 1].strip()
        words = [at for at, char in enumerate(first) if char.isalpha() and at >= found.margin]
        assert words
        assert all(second[at] == " " for at in words)


async def test_a_click_finds_its_line_and_the_cross_follows_the_mouse() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "a", "a")
        assert pointed(app) == set(), "no cross without a hall"
        await press(pilot, "P")
        place = (found := app.main.map).margin + 30, 2 * 2 + 1
        view = found.viewport
        assert view is not None
        await pilot.click(DetailMap, offset=place)
        assert app.cursor == view.address_at(30, 2)
        await pilot.hover(DetailMap, offset=(place[0] + 12, 2 * 3 + 2))
        cells = pointed(app)
        assert (42, 7) not in cells, "open at its centre"
        assert {(42, 6), (42, 9), (39, 7), (45, 7), (39, 8)} <= cells
        assert {column for column, row in cells if row == 7} == {*range(32, 40), *range(45, 53)}
        await press(pilot, "right")
        assert app.main.map._mouse is None, "a key takes the cross to the cursor"


async def test_a_clicker_goes_by_sentences() -> None:
    play = ScenarioPlay(read_scenario(STORY, "story.toml", "story"))
    play.play_all()
    play.history.seek(0)
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.show_source(play)
        await press(pilot, "P")
        seen = []
        for _ in range(3):
            seen.append((play.caption(play.history.step), len(app.shown.snapshot.areas)))
            await press(pilot, "pagedown")
        assert [words for words, _ in seen] == [
            "In the beginning nothing was loaded.",
            "One came.",
            "Then two more.",
        ]
        count = seen[0][1]
        assert [areas for _, areas in seen] == [count, count + 1, count + 3], "with what it tells"
        assert "that is the last sentence" in shown_text(app)
        await press(pilot, "pageup")
        assert play.caption(play.history.step) == "One came."
        await press(pilot, "pageup", "pageup")
        assert "that is the first sentence" in shown_text(app)
        await press(pilot, "P", "pagedown")
        assert play.caption(play.history.step).startswith("In the"), "a screen down, as ever"


async def test_a_clicker_takes_a_tour_and_never_guesses() -> None:
    app = make_app()
    app.tours._progress = TourProgress(None)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.tours.begin("holes")
        await press(pilot, "P", "pagedown", "pagedown")
        run = app.tours.run
        assert run is not None
        assert run.stop.guess
        assert not app.main.query_one(Panes).display, "the map has their room"
        assert "ⓐ" in shown_text(app)
        await press(pilot, "pagedown")
        assert "a letter is the hall's vote" in shown_text(app)
        assert run.guessed is None
        await press(pilot, "b")
        assert run.guessed is not None
        await press(pilot, "pagedown")
        assert run.index == 3
        await press(pilot, "pageup")
        assert run.index == 2
        await press(pilot, "escape")
        assert app.main.query_one(Panes).display


async def test_a_clicker_goes_by_marks_where_nothing_is_told() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "a", "P", "pageup")
        assert app.source.history.step == app.source.history.first_step
        await press(pilot, "pagedown")
        assert app.source.history.at_end


@pytest.mark.parametrize("key", ["v", "R"])
async def test_keys_of_the_side_panel_say_that_a_presenter_has_none(key: str) -> None:
    """`v` did nothing to be seen, and the panel was gone once `P` was left."""
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "P", key)
        assert "a presenter's screen has no side panel" in shown_text(app)
        await press(pilot, "P")
        assert app.main.query_one(SidePanel).display

"""What dialogs, lists and the palette take and refuse, and that they stay where it was wrong."""

import pytest
from textual.command import CommandList
from textual.widgets import Input, Label

from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.screens.commands import Commands
from tests.tui.driving import history, make_app, press, shown_text


@pytest.mark.fault(5)
async def test_a_module_of_exactly_that_name(tmp_path: object) -> None:
    del tmp_path
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i", *"xfs", "enter")
        owners = {area.owner for area in app.shown.snapshot.areas}
        assert "xfs" in owners
        assert "freevxfs" not in owners


@pytest.mark.parametrize("key", ["A", "C", "c", "o", "e", "g", "m", "backslash"])
async def test_no_question_is_cut_at_80_columns(key: str) -> None:
    """`C` ended with "RUN:P"."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, key)
        assert len(app.screen_stack) == 2
        for label in app.screen.query(Label):
            assert str(label.render()) in shown_text(app)


@pytest.mark.fault(14)
@pytest.mark.parametrize("key", ["i", "F", "slash", "s"])
async def test_nothing_matches_and_the_dialog_stays(key: str) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "a", key, *"zzqqzz", "enter")
        assert len(app.screen_stack) == 2
        assert "nothing matches zzqqzz" in shown_text(app)
        assert app.screen.query_one(Input).value == "zzqqzz"


@pytest.mark.fault(14)
async def test_where_nothing_matches_the_nearest_name_is_named() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i", *"nouveauu")
        assert "nothing matches nouveauu; there is nouveau" in shown_text(app)
        await press(pilot, "enter")
        assert "did you mean nouveau?" in shown_text(app)


async def test_a_name_that_is_not_there_is_said_to_be_not_there() -> None:
    """Enter would load a module that only has the letters of what was typed."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i", *"i915")
        assert "no i915; these have its letters" in shown_text(app)
        await press(pilot, "backspace", "backspace", "backspace")
        assert "these have its letters" not in shown_text(app)
        await press(pilot, "backspace", *"[b]snd")
        assert "these have its letters" not in shown_text(app)


@pytest.mark.fault(15, 16)
async def test_a_wrong_place_keeps_its_text_and_one_outside_is_said() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for text, said in (
            ("zzz", "no place is called zzz"),
            ("0", "lies outside of every map"),
            ("@1", "nothing here has a time"),
        ):
            await press(pilot, "g")
            app.screen.query_one(Input).value = text
            await press(pilot, "enter")
            assert said in shown_text(app)
            assert app.screen.query_one(Input).value == text
            await press(pilot, "escape")
        await press(pilot, "g")
        app.screen.query_one(Input).value = "ffff800083001000"
        await press(pilot, "enter")
        assert app.cursor == 0xFFFF800083001000


@pytest.mark.fault(13, 15)
async def test_an_allocation_that_means_nothing_is_said_where_it_is_seen() -> None:
    """On 80 x 24 the error lay below the edge."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "A", *"abc", "enter")
        text = shown_text(app)
        assert "abc" in text
        assert "not a size" in text or "no size" in text, text
        assert "Esc leaves" in text


@pytest.mark.fault(20)
async def test_a_picture_that_cannot_be_drawn_is_refused(tmp_path: object) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e")
        app.screen.query_one(Input).value = f"{tmp_path}/m.pdf"
        await press(pilot, "enter")
        assert "cannot write .pdf" in shown_text(app)
        app.screen.query_one(Input).value = f"{tmp_path}/m.svg"
        await press(pilot, "enter")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        with open(f"{tmp_path}/m.svg", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123 - a test
            assert "MODULE" in file.read()


@pytest.mark.fault(21)
async def test_another_machine_can_be_taken_back() -> None:
    """What was simulated was gone."""
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "a", "a")
        before = app.source
        app.opens.boot("x86")
        await pilot.pause()
        assert app.shown.snapshot.layout.arch == "x86"
        await press(pilot, "u")
        assert app.source is before
        assert app.shown.snapshot.counters.allocations == 3
        app.opens.boot("x86")
        await press(pilot, "a", "u", "u")
        assert app.shown.snapshot.layout.arch == "x86"


@pytest.mark.fault(24)
async def test_the_example_image_is_nobodys_choice() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "x")
        text = shown_text(app)
        assert "_text" in text
        assert "set by you" not in text


@pytest.mark.fault(29)
async def test_the_palette_finds_places_modules_and_machines() -> None:
    from execmem_tui.tui.providers import Everything

    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")

        async def found(query: str) -> list[str]:
            provider = Everything(app.screen)
            return [str(hit.text or hit.prompt) async for hit in provider.search(query)]

        assert any("Fill up" in text for text in await found("fill up"))
        assert any(text == "Load ext4" for text in await found("ext4"))
        assert any(text == "Boot x86" for text in await found("x86"))
        assert any(text == "Play laptop-arm64" for text in await found("laptop-arm64"))
        assert any(text.startswith("Go to") for text in await found("ffff80007b000000"))
        assert any("Pin" in text for text in await found("compare others"))
        assert len(await found("i")) < len(await found("in")), "one letter explains nothing"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_scenario_is_told_about_in_lines_of_a_readable_length(
    size: tuple[int, int],
) -> None:
    """The box was that of a dialog that leaves the map in sight: four words a line."""
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await press(pilot, "s")
        box = app.screen.query_one("#box")
        assert box.outer_size.width == min(100, size[0])
        about = app.screen.query_one("#about")
        assert about.size.width >= 36
        assert abs(box.region.x - (size[0] - box.region.right)) <= 1, "in the middle"


async def test_lists_are_filtered_and_sorted() -> None:
    app = make_app(history())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "backslash")
        app.screen.query_one(Input).value = "ext4"
        await press(pilot, "enter", "L")
        text = shown_text(app)
        assert " of " in text
        assert "areas by address" in text
        await press(pilot, "s")
        assert "areas by size" in shown_text(app)
        first = app.main.panels.list.lines.highlighted
        await press(pilot, "down", "enter")
        assert app.main.panels.list.lines.highlighted == first + 1 or first > 0
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert area.owner == "ext4"
        await press(pilot, "L", "backslash")
        app.screen.query_one(Input).value = "<abc"
        await press(pilot, "enter")
        assert len(app.screen_stack) == 2
        app.screen.query_one(Input).value = ""
        await press(pilot, "enter")
        assert app.filter == ""


async def test_the_lower_border_of_a_dialog_gives_keys_way_not_the_way_out() -> None:
    """Seen at 80 and 100 columns: ``Esc leav…``."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("i", "A"):
            await press(pilot, key)
            await pilot.pause()
            text = shown_text(app)
            assert "allocation" in text
            assert "Esc leaves" in text
            await press(pilot, "escape")


@pytest.mark.fault(29)
@pytest.mark.parametrize("key", ["g", "T"])
async def test_over_a_dialog_or_a_sheet_the_palette_says_that_it_has_nothing(key: str) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, key, "ctrl+p")
        assert len(app.screen_stack) == 2
        assert [each.message for each in app._notifications] == [
            "the palette is of the map: Escape leaves this first"
        ]
        await press(pilot, "escape", "ctrl+p")
        assert isinstance(app.screen, Commands)
        await press(pilot, "ctrl+p")
        assert len(app.screen_stack) == 2, "not over itself either"


async def test_the_palette_begins_with_a_command_of_its_own_and_ends_with_the_theme() -> None:
    """Textual's own came first, and began with the theme, of which nobody thinks first."""
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "ctrl+p")
        await app.workers.wait_for_complete()
        offered = app.screen.query_one(CommandList)
        titles = [str(option.prompt).splitlines()[0] for option in offered.options]
        assert titles[0].startswith("Allocate")
        assert titles[-1] == "Theme"
        assert not [title for title in titles if title.startswith(("Keys", "Quit  ctrl+q"))]

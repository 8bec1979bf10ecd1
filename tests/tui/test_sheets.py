"""Sheets say what they are and how one leaves, at any size."""

import pytest

from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.screens.sheets import PictureSheet
from tests.tui.driving import make_app, press, shown_text


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("E", "Events: "),
        ("T", "Ranges: arm64"),
        ("x", "MODULE_TEXT of 7.1.8/arm64"),
        ("U", "Where every architecture"),
        ("ampersand", "Differences"),
    ],
)
async def test_a_sheet_has_a_title_and_the_keys_that_leave_it(
    size: tuple[int, int], key: str, title: str
) -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=size) as pilot:
        await press(pilot, "equals_sign", "a", key)
        lines = shown_text(app).splitlines()
        assert title in lines[0]
        assert "Esc back to the map" in lines[-1]
        await press(pilot, "q")
        assert len(app.screen_stack) == 1


async def test_the_page_of_all_architectures_has_the_colours_of_the_map() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "U")
        assert isinstance(app.screen, PictureSheet)
        text = app.screen.text(114)
        assert app.palette is not None
        styles = {span.style for span in text.spans}
        assert {
            app.palette.sign_style("module"),
            app.palette.sign_style("bpf"),
            app.palette.faint,
        } <= styles

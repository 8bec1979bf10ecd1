"""How much is remarkable: in the title when time has stood still, and never in the way of a
step."""

import pytest

from execmem_tui.analysis.findings import Category, findings
from execmem_tui.sources.base import Recording, SourceKind
from execmem_tui.sources.booted import open_booted
from execmem_tui.tui import counting
from execmem_tui.tui.app import ExecmemApp
from tests.tui.driving import PutOff, make_app, press, shown_text


def expected(app: ExecmemApp) -> int:
    found = findings(app.shown.snapshot, app.source.history)
    return sum(each.category is not Category.NOTE for each in found)


async def test_the_number_is_in_the_title_once_a_step_has_rested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put = PutOff(monkeypatch)
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(160, 45)) as pilot:
        await press(pilot, "B")
        assert [seconds for seconds, _ in put.waiting] == [counting.REST], "one, of the last step"
        assert "finding" not in shown_text(app).split("\n")[0]
        checks = 0
        while put.waiting:
            assert app.main.findings is None, "not before all are made"
            put.pass_time()
            checks += 1
        await pilot.pause()
        assert checks > 5, "the application takes keys between them"
        count = expected(app)
        assert count > 1
        assert f"* {count} findings" in shown_text(app).split("\n")[0]
        await press(pilot, "V")
        assert not put.waiting, "another lens changes nothing of it"
        assert app.main.findings == count
        await press(pilot, "left_square_bracket")
        assert app.main.findings is None
        await press(pilot, "asterisk")
        assert f"Findings: {expected(app)}" in shown_text(app)


async def test_nothing_is_counted_before_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine the time of rest was over before it."""
    put = PutOff(monkeypatch)
    painted = ExecmemApp.on_main_screen_painted
    before: list[int] = []

    def look(app: ExecmemApp) -> None:
        before.append(len(put.waiting))
        painted(app)

    monkeypatch.setattr(ExecmemApp, "on_main_screen_painted", look)
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert before == [0]
        assert [seconds for seconds, _ in put.waiting] == [counting.REST]


async def test_a_step_in_between_ends_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    put = PutOff(monkeypatch)
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        put.pass_time()
        put.pass_time()
        late = put.waiting[0][1]
        await press(pilot, "left_square_bracket")
        late()
        assert [seconds for seconds, _ in put.waiting] == [counting.REST]
        assert app.main.findings is None


async def test_a_clock_of_its_own_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExecmemApp, "rest", 0.0)
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(160, 45)) as pilot:
        await press(pilot, "B")
        for _ in range(50):
            if app.main.findings is None:
                await pilot.pause()
        assert app.main.findings == expected(app)


async def test_what_is_too_large_is_counted_on_request_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "_MOST_AREAS", 10)
    put = PutOff(monkeypatch)
    booted = open_booted("arm64")
    app = ExecmemApp(Recording(SourceKind.CAPTURE, "large", booted.history), theme="execmem-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert not put.waiting

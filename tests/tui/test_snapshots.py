"""The screen as pictures: a machine after boot, filled up until it spills, at four sizes in three
themes.

Look at a picture before it is kept: ``pytest tests/tui/test_snapshots.py --snapshot-update``, then
open ``tests/tui/__snapshots__``.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from compacting import compact
from textual.pilot import Pilot

from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp

SIZES = ((80, 24), (120, 40), (160, 45), (200, 50))
THEMES = ("execmem-dark", "execmem-light", "execmem-contrast")


@pytest.fixture(autouse=True)
def _kept_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared is the picture; what cannot be seen of it would be two thirds of its
    bytes."""
    small = partial(compact, prefix="terminal")  # the report of what differs wants these names
    monkeypatch.setattr("pytest_textual_snapshot.normalize_svg", small)


@pytest.fixture(autouse=True)
def _nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card of things to try is there as on the first start, and no file of the user's is
    read."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


async def _spill(pilot: Pilot[int]) -> None:
    await pilot.pause()
    await pilot.press("B")
    await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_spill(snap_compare: Callable[..., bool], size: tuple[int, int], theme: str) -> None:
    app = ExecmemApp(open_booted("arm64"), theme=theme)
    assert snap_compare(app, terminal_size=size, run_before=_spill)

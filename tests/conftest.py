"""Fixtures that several folders use."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

# The same examples each time, and no clock: a busy machine is no failure. `tests/fuzz` looks
# further.
settings.register_profile("execmem", deadline=None, derandomize=True)
settings.load_profile("execmem")


@pytest.fixture(autouse=True)
def no_faults(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where the application outlived a fault that the test did not ask for."""
    module = sys.modules.get("execmem_tui.tui.faults")
    if module is None or request.node.get_closest_marker("breaks") is not None:
        yield
        return
    seen: list[Exception] = []
    once, show = module.Faults.show_once, module.Faults.show

    def note_once(self: Any, error: Exception) -> None:
        seen.append(error)
        once(self, error)

    def note(self: Any, error: Exception) -> None:
        if not isinstance(error, module.ExecmemTuiError | OSError):
            seen.append(error)
        show(self, error)

    monkeypatch.setattr(module.Faults, "show_once", note_once)
    monkeypatch.setattr(module.Faults, "show", note)
    yield
    if seen:
        raise seen[0]


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no clock decide when the title tells the number of findings."""
    module = sys.modules.get("execmem_tui.tui.app")
    if module is not None:
        monkeypatch.setattr(module.ExecmemApp, "rest", None)


@pytest.fixture(scope="module")
def small_blocks() -> Iterator[None]:
    """Blocks of four areas, so that small examples have many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("execmem_tui.model.blocks._MOST", 4)
        yield

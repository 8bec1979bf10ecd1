"""Every shipped scenario holds on the simulator: the cited numbers come out of it."""

import pytest

from execmem_tui.scenarios.reader import library, open_scenario
from execmem_tui.scenarios.runner import Runner


@pytest.mark.parametrize("name", library())
def test_a_shipped_scenario_holds(name: str) -> None:
    outcome = Runner(open_scenario(name), with_map=False).run()
    assert [found for found in outcome.expectations if not found.passed] == []
    assert outcome.expectations

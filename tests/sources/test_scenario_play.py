"""A scenario as a source: groups, captions as marks, and the same end as a run without a map."""

import pytest

from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Noted
from execmem_tui.scenarios.reader import open_scenario
from execmem_tui.scenarios.runner import Runner
from execmem_tui.scenarios.steps import Expect
from execmem_tui.sources.scenario_play import ScenarioPlay, play_scenario


def test_steps_are_played_one_by_one() -> None:
    scenario = open_scenario("ppc32-fallback-noise")
    play = ScenarioPlay(scenario)
    assert play.history.steps == 0
    seen = []
    while (played := play.advance()) is not None:
        seen.append(type(played.step).__name__)
        assert play.history.at_end
    assert seen == ["Alloc", "Expect", "Alloc", "Say", "Expect"]
    marks = [
        event.message for event in play.history.events() if isinstance(event, Noted) and event.mark
    ]
    # what only checks is no moment to stop at
    assert marks == [step.text for step in scenario.steps if not isinstance(step, Expect)]
    assert "No failure: only the first attempt found no room." in marks
    assert play.outcome == Runner(scenario, with_map=False).run()


def test_a_step_can_be_taken_back_on_the_map() -> None:
    play = play_scenario("ppc32-fallback-noise", {"variant": "ppc32-book3s"})
    end = play.history.snapshot()
    assert end.counters.fallbacks == 1
    for _ in range(3):
        assert play.history.undo()
    assert play.history.snapshot().counters.fallbacks == 0
    assert play.history.seek(end.step).areas == end.areas


def test_modules_show_on_the_map_by_region() -> None:
    play = play_scenario("cloud-arm64")
    areas = play.history.snapshot().areas
    assert {area.region for area in areas if area.owner == "ext4"} >= {
        "MOD_TEXT",
        "MOD_DATA",
        "MOD_RODATA",
    }
    assert any(area.parts for area in areas)


def test_a_knob_that_means_nothing() -> None:
    with pytest.raises(UsageError, match="no input"):
        play_scenario("cloud-arm64", {"nonsense": "3"})

"""A scenario as a source: each step played is one group of the history, and a mark on it."""

from bisect import bisect_right
from collections.abc import Generator, Mapping

from execmem_tui.history import History
from execmem_tui.model.work import Work
from execmem_tui.scenarios.reader import open_scenario
from execmem_tui.scenarios.runner import Outcome, Played, Runner, limited_work
from execmem_tui.scenarios.scenario import Scenario
from execmem_tui.scenarios.settings import Settings
from execmem_tui.scenarios.steps import Say
from execmem_tui.sources.base import Progress, SourceKind


class ScenarioPlay:
    """A run of a scenario that keeps its map.

    Each step is one group of the history and begins with a mark: its caption. Nothing is played
    until `advance` is called.

    Args:
        scenario: what to play.
        settings: on which kernel; None: the scenario's own.
        work: counts and limits what is done; its `cancel` ends a play that runs in another thread.
    """

    kind = SourceKind.SCENARIO

    def __init__(
        self, scenario: Scenario, settings: Settings | None = None, work: Work | None = None
    ) -> None:
        self.scenario = scenario
        self._runner = Runner(scenario, settings, work=work)
        self._steps = self._runner.play()
        self._history = History(self._runner.layout, self._runner.kernel.machine.areas())
        self._said = " ".join(scenario.text.split()) or scenario.title
        self._captions: dict[int, str] = {0: self._said}
        """By the step of the history from which each holds, ascending."""
        self._spoken: list[int] = []
        """The steps at which the scenario said something, ascending."""

    @property
    def title(self) -> str:
        """Name and title of the scenario."""
        return f"{self.scenario.name}: {self.scenario.title}"

    @property
    def history(self) -> History:
        """What was played so far."""
        return self._history

    @property
    def outcome(self) -> Outcome:
        """Counters, meters and expectations so far."""
        return self._runner.outcome()

    def advance(self) -> Played | None:
        """Play one more step onto the end of the history; None when there is none left.

        Raises:
            UsageError: the step cannot be done; names its file and line.
        """
        played = next(self._steps, None)
        if played is not None:
            self._history.append(played.events)
            if isinstance(played.step, Say):
                self._said = " ".join(played.step.say.split())
                self._spoken.append(self._history.steps)
            found = [
                f"{'√' if each.passed else '✗'} {each.text} (it is {each.got})"
                for each in played.expectations
            ]
            if found or isinstance(played.step, Say):
                self._captions[self._history.steps] = "\n".join((self._said, *found))
        return played

    def again(self, changes: Mapping[str, str]) -> "ScenarioPlay":
        """Return the scenario played to its end under other settings.

        Raises:
            UsageError: a change means nothing, or a step cannot be done there.
        """
        settings = self._runner.settings.changed(changes)
        play = ScenarioPlay(self.scenario, settings, limited_work(with_map=True))
        play.play_all()
        return play

    def caption(self, step: int) -> str:
        """Return what was last said up to a step of the history, and what was checked since."""
        starts = list(self._captions)
        return self._captions[starts[bisect_right(starts, step) - 1]]

    @property
    def turns(self) -> list[int]:
        """The steps at which all of what one sentence tells was done, ascending: one for each."""
        return sorted({*(start - 1 for start in self._spoken), self._history.steps})

    def play_all(self) -> Outcome:
        """Play every step that is left."""
        while self.advance() is not None:
            pass
        return self.outcome


def play_scenario(
    name: str, changes: Mapping[str, str] | None = None, work: Work | None = None
) -> ScenarioPlay:
    """Open a scenario of the library, or a file, and play all of it.

    Args:
        name: of either.
        changes: knobs to turn before (see `Settings.changed`).
        work: see `ScenarioPlay`.

    Raises:
        UsageError: there is none of that name, or a step cannot be done.
        InputError: the file is broken.
        CancelledError: `work` was cancelled.
    """
    scenario = open_scenario(name)
    play = ScenarioPlay(scenario, scenario.settings.changed(changes or {}), work)
    play.play_all()
    return play


def read_scenario(name: str) -> Generator[Progress, None, None]:
    """Play a scenario of the library, or a file, and say after each step how far it has come.

    For a screen that paints first; the last `Progress` has the source, played to its end.

    Raises:
        UsageError: there is none of that name, or a step cannot be done.
        InputError: the file is broken.
    """
    play = ScenarioPlay(open_scenario(name))
    steps, played = len(play.scenario.steps), 0
    while play.advance() is not None:
        played += 1
        yield Progress(fraction=played / steps)
    yield Progress(fraction=1.0, source=play)

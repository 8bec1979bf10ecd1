"""Which source comes next: choose a machine, play a scenario, open a path."""

from collections.abc import Callable
from functools import partial

from execmem_tui.sources.base import Source
from execmem_tui.tui.jobs import Job
from execmem_tui.tui.stage import Stage


def _first_step(name: str) -> Source:
    """Play a scenario and return to its beginning."""
    from execmem_tui.sources.scenario_play import play_scenario

    play = play_scenario(name)
    play.history.seek(0)
    return play


class OpenActions:
    """Keys that bring another source."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def action_choose(self) -> None:
        """Choose what to simulate."""
        from execmem_tui.sources.booted import open_booted
        from execmem_tui.tui.screens.choose import Choice, ChooseLayout

        def go(choice: Choice) -> None:
            self._stage.show_source(
                open_booted(choice.arch, choice.kernel, choice.variant, choice.kaslr)
            )

        self._stage.ask(ChooseLayout(self._stage.shown.snapshot.layout, go))

    def action_open(self) -> None:
        """Open a capture, a bundle, a trace, a /proc file, or the running kernel."""
        from execmem_tui.tui.screens.dialogs import AskLine

        what = "a capture folder, a bundle, a trace, a vmallocinfo, or: live"
        self._stage.ask(AskLine("Open", self.open, what=what))

    def open(self, line: str) -> None:
        """Open a path off the event loop."""
        from execmem_tui.sources.opening import open_path

        self._stage.work(line, _alone(partial(open_path, line, follow=True)))

    def action_scenario(self) -> None:
        """List the scenarios; play one."""
        from execmem_tui.scenarios.reader import library, open_scenario
        from execmem_tui.tui.screens.dialogs import FindDialog

        names = list(library())
        lines = [
            (f"{name}: {open_scenario(name).title}", number) for number, name in enumerate(names)
        ]

        def go(number: int) -> None:
            self._stage.work(names[number], _alone(partial(_first_step, names[number])))

        self._stage.ask(FindDialog("Play a scenario", lines, go))


def _alone(opener: Callable[[], Source]) -> Callable[[Job], Source]:
    def work(_: Job) -> Source:
        return opener()

    return work

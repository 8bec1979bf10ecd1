"""The simulated kernel of a tour: a `Simulation` that can also be told steps of a scenario.

Listener and tour work on the same kernel, so what the tour's steps named (owners, programs,
probes) has to go where the kernel goes: into its copies, and back with an undo.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final, Self

from attrs import fields

from execmem_tui.analysis.placement_classes import proposed_layout
from execmem_tui.consumers.counts import Counts
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.ledger import Ledger
from execmem_tui.consumers.observers import Observer
from execmem_tui.model.errors import InputError
from execmem_tui.model.records import frozen
from execmem_tui.scenarios.runner import Runner, boot, modules_of
from execmem_tui.scenarios.scenario import Scenario
from execmem_tui.scenarios.settings import Settings
from execmem_tui.scenarios.state import State
from execmem_tui.scenarios.steps import Step
from execmem_tui.sources.simulation import Simulation

_OF_A_RUN: Final = ("kernel", "counts", "settings", "concurrent", "requests")
_NAMED: Final = tuple(field.name for field in fields(State) if field.name not in _OF_A_RUN)


class StepNames(Observer):
    """What steps named, kept with the kernel: an observer is copied with its machine."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def clone(self) -> Self:
        """Return an equal memory."""
        copy = self.__class__()
        copy.named = deepcopy(self.named)
        return copy


def open_tour(settings: Settings, *, proposed: bool = False) -> Simulation:
    """Return a freshly booted simulated kernel that steps of a scenario can be done on.

    Args:
        settings: of the kernel.
        proposed: with the placement classes of April 2024 in the place of its types' ranges.

    Raises:
        UsageError: there is no such kernel.
    """
    layout = settings.layout()
    if proposed:
        layout = proposed_layout(layout)
    kernel = boot(settings, layout, (Ledger(layout), Counts(layout), StepNames()))
    kernel.loader = modules_of(settings, kernel.machine)
    return Simulation(layout, kernel=kernel)


def state_of(kernel: Kernel, settings: Settings) -> State:
    """Return what steps know of a kernel that `open_tour` booted."""
    _, counts, memory = kernel.machine.observers
    assert isinstance(counts, Counts)
    assert isinstance(memory, StepNames)
    return State(kernel, counts, settings, **memory.named)


@frozen
class StepsCommand:
    """Steps of a tour as one undoable command."""

    settings: Settings
    steps: Sequence[Step]
    path: str
    """Of the tour's file, for errors."""
    name: str

    def __call__(self, kernel: Kernel) -> None:
        """Do them.

        Raises:
            UsageError: one cannot be done; names its file and line.
            InputError: an expectation among them does not hold.
        """
        state = state_of(kernel, self.settings)
        scenario = Scenario(
            name=self.name,
            path=self.path,
            title="",
            text="",
            source="",
            settings=self.settings,
            steps=tuple(self.steps),
        )
        runner = Runner(scenario, state=state)
        runner.do_all()
        for found in runner.outcome().expectations:
            if not found.passed:
                what = f"expect: {found.text} does not hold, it is {found.got}"
                raise InputError(self.path, found.line, what)
        memory = kernel.machine.observers[2]
        assert isinstance(memory, StepNames)
        memory.named = {name: getattr(state, name) for name in _NAMED}

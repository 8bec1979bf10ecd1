"""The simulated kernel of a tour: a `Simulation` that can also be told steps of a scenario.

Listener and tour work on the same kernel, so what the tour's steps named (owners, programs,
probes) has to go where the kernel goes: into its copies, and back with an undo.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, Self

from attrs import evolve, fields

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
    """What steps named, kept with the kernel: an observer is copied with its machine.

    Args:
        strict: whether what the steps expect has to hold; it is said of the tour's own kernel.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.strict = strict
        self.named: dict[str, Any] = {}

    def clone(self) -> Self:
        """Return an equal memory."""
        copy = self.__class__(strict=self.strict)
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
    return _booted(settings, proposed=proposed, strict=True)


def _booted(settings: Settings, *, proposed: bool, strict: bool) -> Simulation:
    layout = settings.layout()
    if proposed:
        layout = proposed_layout(layout)
    kernel = boot(settings, layout, (Ledger(layout), Counts(layout), StepNames(strict=strict)))
    kernel.loader = modules_of(settings, kernel.machine)
    simulation = Simulation(layout, kernel=kernel, cpus=settings.cpus)
    simulation.booted_under = lambda changes: _booted(
        _elsewhere(settings, changes), proposed=proposed, strict=False
    )
    return simulation


def _elsewhere(settings: Settings, changes: Mapping[str, str]) -> Settings:
    """Return settings under changes; another architecture has its own variant, draw and symbols."""
    if changes.get("arch", settings.arch) != settings.arch:
        settings = evolve(settings, variant=None, kaslr="off", overrides={}, ranges={})
    return settings.changed(changes)


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
        memory = kernel.machine.observers[2]
        assert isinstance(memory, StepNames)
        for found in runner.outcome().expectations if memory.strict else ():
            if not found.passed:
                what = f"expect: {found.text} does not hold, it is {found.got}"
                raise InputError(self.path, found.line, what)
        memory.named = {name: getattr(state, name) for name in _NAMED}

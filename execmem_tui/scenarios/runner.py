"""Plays a scenario on a simulated kernel, step by step.

Steps in, events, expectations and numbers out.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from attrs import asdict

from execmem_tui.consumers.catalogue import open_catalogue
from execmem_tui.consumers.counts import Counts
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.ledger import Ledger
from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.modules import Modules
from execmem_tui.consumers.observers import Observer
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Event
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Counters
from execmem_tui.model.text import printable
from execmem_tui.model.work import MAP_LIMIT, RUN_LIMIT, LimitError, Work
from execmem_tui.scenarios import steps
from execmem_tui.scenarios.actions import ACTIONS
from execmem_tui.scenarios.expressions import ExpressionError, Value
from execmem_tui.scenarios.growth import GrownCatalogue
from execmem_tui.scenarios.meters import meters
from execmem_tui.scenarios.names import read
from execmem_tui.scenarios.scenario import Scenario
from execmem_tui.scenarios.settings import Settings
from execmem_tui.scenarios.state import State


@frozen(kw_only=True)
class Expectation:
    """One expectation and what came of it."""

    text: str
    passed: bool
    got: Value
    line: int


@frozen(kw_only=True)
class Played:
    """One step that was played."""

    step: steps.Step
    events: tuple[Event, ...]
    """What it did to the map; empty where only counts are kept."""
    expectations: tuple[Expectation, ...]
    """What it checked."""


@frozen(kw_only=True)
class Outcome:
    """The end of a run. Plain data: it travels between processes."""

    scenario: str
    settings: Settings
    passed: bool
    expectations: tuple[Expectation, ...]
    counters: Counters
    meters: dict[str, dict[str, int]]
    values: dict[str, Value]
    """More of the named values, see `OUTCOME_NAMES`."""


_LOOKED_AT: Final = 8
"""So many areas are looked at in the time of one request."""

NEVER: Final = 1 << 30
"""So many loads wait for the deferred free of init memory: it never runs by itself."""

OUTCOME_NAMES: Final = (
    "areas.total",
    "loaded",
    "plt.reserved",
    "packs",
    "bpf.programs",
    "insn_pages",
    "optinsn_pages",
    "trampolines",
    "rox.blocks",
    "rox.free",
    "set_memory",
    "vmalloc.used",
    "failed_loads",
    "wasted",
    "peak",
)
"""Named values that every outcome tells."""


def boot(settings: Settings, layout: Layout, observers: Sequence[Observer]) -> Kernel:
    """Return the freshly booted kernel of `settings`.

    Args:
        settings: of the kernel.
        layout: theirs.
        observers: who is told what it does.
    """
    knobs = settings.knobs
    machine = Machine(layout, cpus=settings.cpus, seed=settings.seed, observers=observers)
    machine.execmem.areas.pmd_mappings_supported = knobs.huge_pages
    kernel = Kernel(
        layout,
        cpus=settings.cpus,
        seed=settings.seed,
        nodes=settings.nodes,
        packs=knobs.packs,
        machine=machine,
    )
    if knobs.bpf_jit_limit is not None:
        kernel.bpf.limit = knobs.bpf_jit_limit
    return kernel


def limited_work(limit: int | None = None, *, with_map: bool = False) -> Work:
    """Return the counter of one run.

    `limit`, else `MAP_LIMIT` for a run with a map and `RUN_LIMIT` without.
    """
    if limit is None:
        limit = MAP_LIMIT if with_map else RUN_LIMIT
    return Work(
        limit,
        what="steps and requests",
        hint="repeat less often, or allow more with --limit",
    )


class StepError(UsageError):
    """A step that cannot be done; names its file and line."""


def modules_of(settings: Settings, machine: Machine) -> Modules:
    """Return the loader of `machine`.

    It has no catalogue where none knows the architecture's modules.
    """
    layout, knobs = machine.layout, settings.knobs
    catalogue = open_catalogue(settings.catalogue or layout.arch, layout.kernel, layout.variant)
    if catalogue is not None and knobs.module_growth != 1:
        catalogue = GrownCatalogue(catalogue, knobs.module_growth)
    batch = 1 if knobs.init_frees else NEVER
    return Modules(machine, catalogue, duplicates_wait=layout.rules.idempotent_load, batch=batch)


def _booted(settings: Settings, work: Work, *, with_map: bool) -> State:
    layout = settings.layout()
    counts = Counts(layout, work)
    observers = (Ledger(layout), counts) if with_map else (counts,)
    kernel = boot(settings, layout, observers)
    kernel.loader = modules_of(settings, kernel.machine)
    return State(kernel, counts, settings)


class Runner:
    """One run of a scenario.

    Args:
        scenario: what to play.
        settings: on which kernel; None: the scenario's own.
        with_map: keep a map and its events; without, only counts, several times faster.
        work: counts and limits what is done, and may stop it; None: `limited_work`.
        state: of a kernel that is there already, and what earlier steps named: nothing is booted or
            prepared, and `settings` and `with_map` are its own.

    Raises:
        UsageError: there is no such kernel.
    """

    def __init__(
        self,
        scenario: Scenario,
        settings: Settings | None = None,
        *,
        with_map: bool = True,
        work: Work | None = None,
        state: State | None = None,
    ) -> None:
        self.scenario = scenario
        self.work = limited_work(with_map=with_map) if work is None else work
        fresh = state is None
        if state is None:
            state = _booted(settings or scenario.settings, self.work, with_map=with_map)
        self.settings = state.settings
        self.kernel = state.kernel
        self._machine = state.machine
        self._counts = state.counts
        self._state = state
        self._random = Random(f"{scenario.name}/{self.settings.seed}")
        self._expectations: list[Expectation] = []
        self._checked = 0
        if fresh:
            self._prepare()

    @property
    def layout(self) -> Layout:
        """Where everything may live."""
        return self._machine.layout

    def do_all(self) -> None:
        """Do every step, the events being left to whoever has the kernel.

        What only checks leaves no note: it would be the last that is told of.
        """
        for step in self.scenario.steps:
            if not isinstance(step, steps.Expect):
                self._begin(step)
            for _ in self._do(step):
                pass

    def _begin(self, step: steps.Step) -> None:
        """Note the step.

        One that only checks is no moment to stop at, and its text no name for one.
        """
        self._machine.note(step.text, mark=not isinstance(step, steps.Expect))

    def _prepare(self) -> None:
        """Fill windows, close the preferred ones, and arm the injected fault, as the knobs say."""
        knobs = self.settings.knobs
        if knobs.fill is not None:
            for _ in ACTIONS[steps.Fill](
                self._state, steps.Fill(fill=ExecmemType.MODULE_TEXT, to=knobs.fill)
            ):
                pass
        if knobs.force_fallback:
            self._machine.force_fallback(on=True)
        self._machine.fail_in = knobs.fail_nth or 0

    def play(self) -> Iterator[Played]:
        """Play the steps one by one."""
        for step in self.scenario.steps:
            self._begin(step)
            for _ in self._do(step):
                pass
            fresh = tuple(self._expectations[self._checked :])
            self._checked = len(self._expectations)
            for found in fresh:
                self._machine.note(
                    f"{'holds' if found.passed else 'FAILS'}: {found.text}; it is {found.got}"
                )
            events = tuple(self.kernel.take_events())
            yield Played(step=step, events=events, expectations=fresh)

    def run(self) -> Outcome:
        """Play everything that is left and return the outcome."""
        for _ in self.play():
            pass
        return self.outcome()

    def outcome(self) -> Outcome:
        """Return how things stand."""
        return Outcome(
            scenario=self.scenario.name,
            settings=self.settings,
            passed=all(found.passed for found in self._expectations),
            expectations=tuple(self._expectations),
            counters=self._counts.counters,
            meters={
                kind.name: asdict(meter, recurse=False)
                for kind, meter in meters(self._machine, self._counts).items()
            },
            values={name: read(self._state, name) for name in OUTCOME_NAMES},
        )

    def _do(self, step: steps.Step) -> Iterator[None]:
        """Run one step; yields where another CPU may go on."""
        try:
            self.work.spend()
            match step:
                case steps.Repeat():
                    yield from self._repeat(step)
                case steps.Concurrently():
                    self._concurrently(step)
                case steps.Expect():
                    self._expect(step)
                case steps.Say():
                    pass
                case _:
                    for _ in ACTIONS[type(step)](self._state, step):
                        self.work.spend()  # what fits into a pack or a page asks no allocator
                        yield
        except StepError:
            raise
        except (UsageError, LimitError) as error:
            raise StepError(
                f"{printable(self.scenario.path, 300)}:{step.line}: {error.title}", hint=error.hint
            ) from error

    def _all(self, nested: tuple[steps.Step, ...]) -> Iterator[None]:
        for step in nested:
            yield from self._do(step)

    def _repeat(self, step: steps.Repeat) -> Iterator[None]:
        for _ in range(step.repeat):
            before = self._counts.counters.failures
            yield from self._all(step.steps)
            if step.until_failure and self._counts.counters.failures > before:
                return

    def _concurrently(self, step: steps.Concurrently) -> None:
        """Interleave one thread per CPU; which goes on is drawn."""
        machine = self._machine
        threads = [(cpu, self._all(step.steps)) for cpu in range(step.concurrently)]
        home, outer = machine.cpu, self._state.concurrent
        self._state.concurrent = True
        while threads:
            index = self._random.randrange(len(threads))
            machine.cpu = threads[index][0]
            if next(threads[index][1], self) is self:
                del threads[index]
        machine.cpu, self._state.concurrent = home, outer

    def _expect(self, step: steps.Expect) -> None:
        for comparison in step.expect:
            self.work.spend(1 + len(self._counts.held) // _LOOKED_AT)
            try:
                passed, got = comparison.check(lambda name: read(self._state, name))
            except ExpressionError as error:
                raise UsageError(f"{comparison.text}: {error}") from None
            self._expectations.append(
                Expectation(text=comparison.text, passed=passed, got=got, line=step.line)
            )

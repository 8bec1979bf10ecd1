"""A tour being taken: stops, goals, guesses, hints; without a screen.

Every stop begins in one state, whatever the listener did before: what he did at a stop is dropped
when he leaves it, and the tour's own way to the goal is gone instead. So texts can name addresses,
and back, skip and show me need no second way.
"""

from collections.abc import Sequence
from typing import Final

from attrs import field

from execmem_tui.consumers.kernel import Kernel
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Event
from execmem_tui.model.intervals import Interval
from execmem_tui.model.records import define, frozen
from execmem_tui.model.units import Address
from execmem_tui.scenarios.names import read
from execmem_tui.scenarios.settings import Settings
from execmem_tui.scenarios.steps import Step
from execmem_tui.sources.base import Source
from execmem_tui.sources.simulation import Simulation
from execmem_tui.tours.acts import Act
from execmem_tui.tours.fewest_acts import fewest
from execmem_tui.tours.guess import SENTENCES, Choice, Question
from execmem_tui.tours.look import spans, still_free
from execmem_tui.tours.opened import open_source
from execmem_tui.tours.reader import HINTS, tour_error
from execmem_tui.tours.simulation import StepsCommand, open_tour, state_of
from execmem_tui.tours.tour import Belief, Stop, StopKind, Tour

DEFAULT: Final = "default"
"""Key of the hints that go with no act."""

_CHANGING: Final = ("allocate", "allocate_as", "insert", "free", "free_as", "fill", "purge")
"""Acts that `u` takes back."""


@frozen(kw_only=True)
class Guessed:
    """A guess and what came of it."""

    address: Address | None
    """Where the listener pointed; None: he let it be shown."""
    belief: Belief | None
    place: Interval | None
    """The hole he pointed at; it stays ringed."""
    took: Area
    """What the kernel took."""


@define
class _Visit:
    """One stay at a stop."""

    began: int
    """Step of the history before what is done on arrival."""
    arrived: int
    """Step after it."""
    finished: int | None = None
    """Step after the guess was resolved, or the goal shown."""
    shown: bool = False
    """The tour showed how."""
    guessed: Guessed | None = None
    question: Question | None = None
    """Of a guess, once somebody asked for it: it is that of the arrival."""
    hints: int = 0
    """Given so far."""
    last_act: str = DEFAULT


@define
class TourRun:
    """One tour being taken.

    Args:
        tour: which.
        at: index of the stop to begin with.

    Raises:
        UsageError, InputError, OSError: a step cannot be done, or what it opens cannot be read.
    """

    tour: Tour
    at: int = 0
    source: Source = field(init=False)
    """What is shown; another object after a stop that boots another kernel."""
    index: int = field(init=False, default=0)
    """Of the stop, from 0."""
    _settings: Settings | None = field(init=False, default=None)
    _visit: _Visit = field(init=False)
    _visits: dict[int, _Visit] = field(init=False, factory=dict)
    """Of the stops so far that show the same source."""
    _pars: dict[int, int | None] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._begin(0)
        self.go(min(self.at, len(self.tour.stops) - 1))

    # Where we are

    @property
    def stop(self) -> Stop:
        """The stop we are at."""
        return self.tour.stops[self.index]

    @property
    def is_last(self) -> bool:
        """Whether no stop follows."""
        return self.index == len(self.tour.stops) - 1

    @property
    def minutes_left(self) -> int:
        """How long the rest takes, rounded up."""
        left = sum(stop.seconds for stop in self.tour.stops[self.index :])
        return -(-left // 60)

    @property
    def guessed(self) -> Guessed | None:
        """The guess of this stop, once it was made."""
        return self._visit.guessed

    @property
    def shown(self) -> bool:
        """Whether the tour showed how it is done."""
        return self._visit.shown

    @property
    def done(self) -> bool:
        """Whether nothing is left to do at this stop."""
        if self.stop.kind is StopKind.GUESS:
            return self.guessed is not None
        return self.stop.kind is StopKind.OBSERVE or self.shown or self.reached

    @property
    def reached(self) -> bool:
        """Whether the goal holds now."""
        return bool(self.stop.goal) and self._simulation.ask(self._holds)

    @property
    def moves(self) -> int:
        """Commands of the listener at this stop."""
        simulation = self._simulation
        history = simulation.history
        here = simulation.commands
        before = history.step
        history.seek(self._visit.arrived)
        count = here - simulation.commands
        history.seek(before)
        return count

    # Moving

    def go(self, index: int) -> None:
        """Go to a stop, in the state that it begins with.

        Raises:
            UsageError: a step on the way cannot be done.
        """
        first = max(
            (at for at in range(index + 1) if self.tour.stops[at].boot is not None), default=0
        )
        before = self._visits.get(index)
        if index <= self.index and before is not None:
            self.source.history.seek(before.arrived)
            self._enter(index, _Visit(before.began, before.arrived))
            return
        if not first <= self.index <= index:
            self._begin(first)
        while self.index < index:
            self._leave()
            self._arrive(self.index + 1)

    def next(self) -> bool:
        """Go on; False at the last stop.

        Raises:
            UsageError: something is left to do here.
        """
        if not self.done:
            what = "guess first" if self.stop.kind is StopKind.GUESS else "the goal is not reached"
            raise UsageError(what, hint="or let it be shown, or skip it")
        return self.skip()

    def skip(self) -> bool:
        """Go on, whatever is left to do; False at the last stop."""
        if self.is_last:
            return False
        self.go(self.index + 1)
        return True

    def back(self) -> bool:
        """Go back to the stop before; False at the first."""
        if not self.index:
            return False
        self.go(self.index - 1)
        return True

    def again(self) -> None:
        """Begin this stop anew."""
        self.go(self.index)

    def _begin(self, index: int) -> None:
        """Boot the kernel, or open the source, that a stop begins with."""
        stop = self.tour.stops[index]
        if self.tour.settings is None or self.tour.booted:
            self.source = open_source(self.tour)
        else:
            self._settings = self.tour.settings.changed(stop.boot or {})
            self.source = open_tour(self._settings, proposed=stop.proposed)
            self.source.title = f"tour {self.tour.name}: {self.source.title}"
        self._visits.clear()
        self._arrive(index, fresh=True)

    def _arrive(self, index: int, *, fresh: bool = False) -> None:
        stop = self.tour.stops[index]
        if stop.boot is not None and not fresh:
            self._begin(index)
            return
        history = self.source.history
        began = history.step
        if stop.step is not None and history.steps < stop.step:
            # the listener did something in the past, which forgot what came then
            if fresh:
                raise tour_error(self.tour, stop, f"step: there are {history.steps}")
            self._begin(index)
            return
        if stop.step is not None:
            history.seek(stop.step)
        self._do(stop.do)
        self._enter(index, _Visit(began, history.step))

    def _enter(self, index: int, visit: _Visit) -> None:
        self.index = index
        self._visit = self._visits[index] = visit

    def _leave(self) -> None:
        """Drop what the listener did; do what the stop is about, where that was not done."""
        visit, stop = self._visit, self.stop
        self.source.history.seek(visit.arrived if visit.finished is None else visit.finished)
        if visit.finished is None:
            self._do(stop.guess or stop.solution)

    def _do(self, steps: Sequence[Step]) -> None:
        if steps:
            assert self._settings is not None
            command = StepsCommand(self._settings, steps, self.tour.path, self.tour.name)
            self._simulation.do(command)

    @property
    def _simulation(self) -> Simulation:
        assert isinstance(self.source, Simulation)  # the reader refuses such stops elsewhere
        return self.source

    # Goals

    def _holds(self, kernel: Kernel) -> bool:
        assert self._settings is not None
        state = state_of(kernel, self._settings)
        return all(each.check(lambda name: read(state, name))[0] for each in self.stop.goal)

    @property
    def par(self) -> int | None:
        """How few of the keys taught so far reach the goal; None: not found in a few tries."""
        if self.index not in self._pars:
            known: dict[Act, None] = {}
            for stop in self.tour.stops[: self.index + 1]:
                known.update(dict.fromkeys(stop.teaches))
            commands = [act.command(self.stop.pane) for act in known]
            history = self.source.history
            before = history.step
            history.seek(self._visit.arrived)
            self._pars[self.index] = self._simulation.ask(
                lambda kernel: fewest(kernel, commands, self._holds)
            )
            history.seek(before)
        return self._pars[self.index]

    def show_me(self) -> None:
        """Do what the listener is asked for: the tour's way to the goal, or the request.

        Raises:
            UsageError: there is nothing to be shown here.
        """
        if self.stop.kind is StopKind.GUESS:
            self._resolve(None)
            return
        if self.stop.kind is StopKind.OBSERVE:
            raise UsageError("there is nothing to do at this stop")
        self.source.history.seek(self._visit.arrived)
        self._do(self.stop.solution)
        self._visit.finished = self.source.history.step
        self._visit.shown = True

    # Guesses

    def question(self) -> Question:
        """Return what is asked at this stop, with the simulator's answer.

        Raises:
            InputError: its step places nothing.
        """
        if self._visit.question is None:
            self._visit.question = self._ask()
        return self._visit.question

    def _ask(self) -> Question:
        history = self.source.history
        assert self._settings is not None
        command = StepsCommand(self._settings, self.stop.guess, self.tour.path, self.tour.name)

        def first(kernel: Kernel) -> Area | None:
            twin = kernel.clone()
            twin.take_events()
            command(twin)
            placed = (event for event in twin.take_events() if isinstance(event, Allocated))
            return next((event.area for event in placed if event.area.type is not None), None)

        before = history.step
        history.seek(self._visit.arrived)
        answer = self._simulation.ask(first)
        snapshot = history.snapshot()
        history.seek(before)
        if answer is None:
            raise tour_error(self.tour, self.stop, "guess: its step places nothing")
        events = history.events(history.first_step, self._visit.arrived)
        return Question(snapshot, events, answer)

    def choices(self) -> list[Choice]:
        """Return the places that are offered at a guess, ascending by address."""
        return self.question().choices()

    @property
    def offered(self) -> list[Choice]:
        """Likewise; none where nothing is guessed."""
        return self.choices() if self.stop.kind is StopKind.GUESS else []

    @property
    def chosen(self) -> int | None:
        """Which of the offered places was pointed at; None: none of them, or nothing yet."""
        address = None if self.guessed is None else self.guessed.address
        if address is None:
            return None
        offered = enumerate(self.choices())
        return next((at for at, each in offered if each.start <= address < each.end), None)

    def guess(self, address: Address) -> Guessed:
        """Point at a place; the kernel then makes the request.

        Raises:
            UsageError: there is nothing to guess, or it was guessed.
        """
        if self.stop.kind is not StopKind.GUESS:
            raise UsageError("there is nothing to guess at this stop")
        if self.guessed is not None:
            raise UsageError("that was guessed", hint="begin the stop again, or go on")
        return self._resolve(address)

    def _resolve(self, address: Address | None) -> Guessed:
        question = self.question()
        history = self.source.history
        history.seek(self._visit.arrived)
        self._do(self.stop.guess)
        self._visit.finished = history.step
        self._visit.shown = address is None
        guessed = Guessed(
            address=address,
            belief=None if address is None else question.belief(address),
            place=None if address is None else question.place(address) or (address, address + 1),
            took=question.answer,
        )
        self._visit.guessed = guessed
        return guessed

    def verdict(self) -> str:
        """Return what is said to the guess, "" before it."""
        guessed = self.guessed
        if guessed is None:
            return ""
        if guessed.belief is None or guessed.belief is Belief.RIGHT:
            return self.stop.right or SENTENCES[Belief.RIGHT]
        return self.stop.wrong.get(guessed.belief, SENTENCES[guessed.belief])

    # Hints

    def acted(self, action: str) -> None:
        """Note a key that the listener pressed; the hints answer it."""
        if action in _CHANGING or action in self.stop.hints:
            self._visit.last_act = action

    def hint(self) -> str:
        """Return the next hint, for what was done last; "" after three, or all that there are."""
        visit = self._visit
        given = self.stop.hints.get(visit.last_act) or self.stop.hints.get(DEFAULT, ())
        if visit.hints >= min(HINTS, len(given)):
            return ""
        hint = given[visit.hints]
        visit.hints += 1
        taught = {act.action for stop in self.tour.stops[: self.index + 1] for act in stop.teaches}
        if visit.last_act in _CHANGING and visit.last_act not in taught:
            hint += " u takes back what you did."
        return hint

    # What is seen

    @property
    def newest(self) -> Sequence[Event]:
        """The events of this stop's own steps: the arrival's, or the guess's."""
        visit = self._visit
        start, end = visit.began, visit.arrived
        if visit.finished is not None:
            start, end = visit.arrived, visit.finished
        return self.source.history.events(start, end)

    @property
    def lit(self) -> list[Interval]:
        """What to look at, ascending; nothing: all of it.

        After a guess, what the kernel took too.
        """
        found = spans(self.stop.look, self.source.history.snapshot(), self.newest)
        if self.guessed is not None and found:
            took = self.guessed.took
            found = sorted({*found, (took.start, took.end)})
        return found

    @property
    def ghost(self) -> list[Interval]:
        """Where the goal will be seen, until it is reached."""
        if self.done:
            return []
        return still_free(self.stop.ghost, self.source.history.snapshot(), self.newest)

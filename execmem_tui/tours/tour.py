"""A tour and its stops, as the file states them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import field

from execmem_tui.model.records import frozen
from execmem_tui.scenarios.expressions import Comparison
from execmem_tui.scenarios.settings import Settings
from execmem_tui.scenarios.steps import Step
from execmem_tui.tours.acts import Act
from execmem_tui.tours.look import Look

_WORDS_A_MINUTE: Final = 150
"""So fast is a text read that one wants to understand."""


class StopKind(StrEnum):
    """What the listener does at a stop."""

    OBSERVE = "observe"
    GOAL = "goal"
    GUESS = "guess"


_SECONDS: Final = {StopKind.OBSERVE: 6, StopKind.GOAL: 25, StopKind.GUESS: 20}
"""Beside the reading."""


class Belief(StrEnum):
    """What somebody believes who points at a place: the kernel's rule, or a known misconception."""

    RIGHT = "right"
    BEHIND_LAST = "behind_last"
    BEST_FIT = "best_fit"
    LARGEST = "largest"
    NEAREST = "nearest_kernel"
    FREED = "just_freed"
    CACHE = "cache_piece"
    TAKEN = "taken"
    TOO_SMALL = "too_small"
    OUTSIDE = "outside"
    OTHER = "other"


@frozen(kw_only=True)
class Stop:
    """One stop: what is done on arrival, what is said, and what the listener does."""

    say: str
    """Two or three sentences."""
    line: int = 0
    """Where it stands in its file."""
    source: str = ""
    """Where its facts are from."""
    notes: str = ""
    """For the speaker alone."""
    look: tuple[Look, ...] = ()
    """Lit on the map; the rest is dimmed. Nothing: all is lit."""
    pane: int = 1
    """1 to 4."""
    boot: Mapping[str, str] | None = None
    """From here on another kernel, freshly booted: changes to the tour's settings."""
    proposed: bool = False
    """The other kernel has the placement classes proposed in April 2024, which no kernel has."""
    step: int | None = None
    """Of the source that the tour opens: the moment of its history."""
    at: int | None = None
    """Address of the cursor on arrival."""
    lens: str = ""
    """What colour tells from here on; "" leaves it as it is."""
    do: tuple[Step, ...] = ()
    """Done on arrival."""
    teaches: tuple[Act, ...] = ()
    """Keys that are known from here on."""
    goal: tuple[Comparison, ...] = ()
    """Holds when the listener got there."""
    task: str = ""
    """The goal in words; "" leaves that to the comparisons."""
    ghost: tuple[Look, ...] = ()
    """Of a goal: where it will be seen."""
    solution: tuple[Step, ...] = ()
    """Of a goal: one way to it."""
    guess: tuple[Step, ...] = ()
    """The request whose place is to be guessed."""
    right: str = ""
    """Said to a right guess."""
    wrong: Mapping[Belief, str] = field(factory=dict)
    """Said to a wrong one, by what it shows; what is left out has a sentence of its own."""
    hints: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Up to three, by the key that did not help (its action), or ``default``."""

    @property
    def goal_text(self) -> str:
        """What is to be reached, in words where the file has some."""
        return self.task or ", ".join(each.text for each in self.goal)

    @property
    def kind(self) -> StopKind:
        """What the listener does."""
        if self.guess:
            return StopKind.GUESS
        return StopKind.GOAL if self.goal else StopKind.OBSERVE

    @property
    def seconds(self) -> int:
        """How long it takes: the reading, and the doing."""
        words = len(f"{self.say} {self.right}".split())
        return words * 60 // _WORDS_A_MINUTE + _SECONDS[self.kind]


@frozen(kw_only=True)
class Tour:
    """One tour."""

    name: str
    """File name without its ending."""
    path: str
    title: str
    text: str
    source: str
    settings: Settings | None
    """Of the kernel that it begins with; None: it opens something."""
    open: tuple[str, ...] = ()
    """What it opens instead: paths, as on the command line."""
    phase: str | None = None
    """Of a capture that it opens."""
    scenario: str = ""
    """What it plays instead, all of it, before the first stop."""
    booted: bool = False
    """Its kernel is shown as it is after boot; nothing is done to it."""
    stops: tuple[Stop, ...]
    order: int | None = None
    """Place in the list, from 1: what a newcomer takes first. None: behind those that have one."""

    @property
    def seconds(self) -> int:
        """How long it takes."""
        return sum(stop.seconds for stop in self.stops)

    @property
    def minutes(self) -> int:
        """Likewise, rounded up."""
        return -(-self.seconds // 60)

"""Which keys are hinted at: at most eight, chosen by what has the focus and what just happened."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from execmem_tui.sources.base import Commanded, Followed, Source, SourceKind
from execmem_tui.view.actions import Action, spelled
from execmem_tui.view.highlight import LETTERS
from execmem_tui.view.shown import Shown

MOST: Final = 8
"""Hints: more of them nobody reads."""


class Hint(NamedTuple):
    """A key and what it does now."""

    key: str
    word: str
    action: str | None = None
    """What a click does; None where the key belongs to what has the focus."""


class Situation(NamedTuple):
    """What the choice hangs on."""

    focus: str = "map"
    """What has the keys: map, list, events, help; on the map also guess, in a tour.

    While nothing is read yet it is opening.
    """
    places: int = 0
    """Of a guess."""
    commanded: bool = True
    """The source takes commands."""
    followed: bool = False
    """The source grows by itself."""
    timed: bool = False
    """There is something to step through."""
    moving: bool = False
    """Time moves by itself."""
    spilled: bool = False
    """Something used a fallback range up to here."""
    failed: bool = False
    compared: bool = False
    """There is something to compare with."""
    last: str = ""
    """The action before."""


def situation(
    source: Source,
    shown: Shown,
    *,
    focus: str = "",
    places: int = 0,
    last: str = "",
    moving: bool = False,
) -> Situation:
    """Return what the choice hangs on for what is shown of a source.

    Args:
        source: what feeds the map.
        shown: the models of its step.
        focus: what has the keys, "" for the map.
        places: of the guess that a tour asks for.
        last: the action before.
        moving: time moves by itself.
    """
    counters = shown.snapshot.counters
    if source.kind is SourceKind.OPENING:
        focus = focus or "opening"
    return Situation(
        focus=focus or ("guess" if places else "map"),
        places=places,
        commanded=isinstance(source, Commanded),
        followed=isinstance(source, Followed),
        timed=source.history.steps - source.history.first_step > 1,
        moving=moving,
        spilled=counters.fallbacks > 0,
        failed=counters.failures > 0,
        compared=shown.compared is not None,
        last=last,
    )


_WORDS: Final = {
    "allocate": "allocate",
    "fill": "fill up",
    "insert": "load…",
    "free": "free",
    "undo": "undo",
    "redo": "redo",
    "next_fallback": "next spill",
    "next_failure": "next failure",
    "find": "find",
    "goto": "go to",
    "list": "list",
    "log": "all events",
    "origin": "origin",
    "play": "play",
    "step_on": "step",
    "last_step": "next mark",
    "scenario": "scenarios",
    "choose": "machine",
    "open": "open",
    "maximise": "all panes",
    "why": "why here",
    "lens": "lens",
    "faster": "faster",
    "next_difference": "next difference",
    "differences": "table",
    "beside": "side by side",
    "pin": "compare no more",
    "tour": "hint",
    "tour_skip": "skip",
    "quit": "quit",
}
_AFTER: Final[Mapping[str, tuple[str, ...]]] = {
    "undo": ("redo", "undo"),
    "redo": ("undo", "redo"),
    "maximise": ("maximise",),
    "next_fallback": ("next_fallback", "why"),
    "previous_fallback": ("next_fallback", "why"),
    "next_failure": ("next_failure", "why"),
    "play": ("play", "faster"),
    "allocate": ("allocate", "undo"),
    "allocate_as": ("why", "undo", "next_fallback"),
    "fill": ("why", "undo", "next_fallback"),
    "insert": ("undo",),
}
"""The key that goes on with what was begun comes first."""


def hints(actions: Sequence[Action], now: Situation) -> tuple[Hint, ...]:
    """Return the hints, the most useful first; those of keys that there are."""
    if now.focus == "list":
        return (
            Hint("Enter", "go there"),
            Hint("s", "sort"),
            Hint("Esc", "back to the map", "stop"),
            *_named(actions, ("list", "find", "quit")),
        )
    if now.focus == "events":
        return (
            Hint("↑ ↓", "choose"),
            Hint("Enter", "go there"),
            Hint("Esc", "back to the map", "stop"),
            *_named(actions, ("log", "quit")),
        )
    if now.focus == "help":
        return (
            Hint("↑ ↓", "scroll"),
            Hint("Esc", "back to the map", "stop"),
            *_named(actions, ("quit",)),
        )
    if now.focus == "opening":
        return (Hint("Esc", "stop", "stop"), *_named(actions, ("quit",)))
    if now.focus == "guess":
        return (
            Hint(" ".join(LETTERS[: now.places].lower()), "that hole"),
            Hint("Enter", "the hole at the cursor", "go_on"),
            *_named(actions, ("tour", "tour_skip", "find", "quit")),
        )
    words = {"play": "pause"} if now.moving else {}
    none = {
        "next_fallback": not now.spilled,
        "next_failure": not now.failed,
        "undo": not now.commanded,
        "redo": not now.commanded,
    }
    wanted = [name for name in _AFTER.get(now.last, ()) if not none.get(name)]
    if now.compared:
        wanted += ["next_difference", "differences", "beside", "pin"]
    if now.commanded:
        wanted += ["fill", "insert", "allocate"]
        wanted += ["next_fallback"] if now.spilled else []
        wanted += ["free", "undo"]
    elif now.followed:
        wanted += ["play", "list"]
    elif now.timed:
        wanted += ["play", "step_on", "last_step"]
        wanted += ["next_fallback"] if now.spilled else []
        wanted += ["next_failure"] if now.failed else []
    wanted += ["find", "why", "list", "lens", "goto", "scenario", "choose", "open"]
    return (*_named(actions, wanted, words)[: MOST - 1], *_named(actions, ("quit",)))


def _named(
    actions: Sequence[Action], names: Sequence[str], words: Mapping[str, str] = _WORDS
) -> tuple[Hint, ...]:
    by_id = {action.id: action for action in actions}
    return tuple(
        Hint(spelled(by_id[name].keys).split()[0], words.get(name, _WORDS[name]), name)
        for name in dict.fromkeys(names)
        if name in by_id
    )

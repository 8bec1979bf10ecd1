"""Do to a simulation what words say, as a command line gives them: what keys do, done again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from execmem_tui.commands.by_hand import Again
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import UsageError
from execmem_tui.model.numbers import decimal
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.model.units import parse_address, parse_size
from execmem_tui.sources.simulation import Simulation

FORMS: Final = (
    "alloc TYPE SIZE [COUNT [NAME]]",
    "load MODULE",
    "insert TYPE",
    "fill",
    "free ADDRESS",
    "purge [aliases, drain, reclaim]",
    "room ADDRESS,… TYPE SIZE NAME [MODULE]",
)
"""What can be said."""


def perform(simulation: Simulation, act: str) -> None:
    """Do one act.

    Args:
        simulation: to do it to.
        act: in one of the `FORMS`.

    Raises:
        UsageError: it cannot be read, or cannot be done.
    """
    verb, *words = act.split() or [""]
    done = _VERBS.get(verb)
    if done is None:
        known = ", ".join(_VERBS)
        raise UsageError(f"no act begins with {printable(verb)!r}", hint=f"there are: {known}")
    least, most, do = done
    if not least <= len(words) <= most:
        form = next(form for form in FORMS if form.startswith(verb))
        raise UsageError(f"cannot read the act {printable(act)!r}", hint=f"it is: {form}")
    do(simulation, words)


def _kind(word: str) -> ExecmemType:
    try:
        return ExecmemType[word]
    except KeyError:
        names = ", ".join(kind.name for kind in ExecmemType)
        raise UsageError(f"no type {printable(word)!r}", hint=f"there are: {names}") from None


def _alloc(simulation: Simulation, words: Sequence[str]) -> None:
    count = decimal(words[2]) if len(words) > 2 else 1
    if count is None:
        raise UsageError(f"not a count: {printable(words[2])!r}")
    owner = words[3] if len(words) > 3 else None
    simulation.allocate(_kind(words[0]), parse_size(words[1]), count=count, owner=owner)


def _room(simulation: Simulation, words: Sequence[str]) -> None:
    snapshot = simulation.history.snapshot()
    areas: list[Area] = []
    for word in words[0].split(","):
        area = snapshot.area_at(parse_address(word))
        if area is None:
            raise UsageError(f"there is no area at {printable(word)}")
        areas.append(area)
    module = words[4] if len(words) > 4 else None
    again = Again(
        kind=_kind(words[1]), size=parse_size(words[2]), owner=printable(words[3], 60),
        module=module,
    )  # fmt: skip
    simulation.make_room(areas, again)


_Do = Callable[[Simulation, Sequence[str]], None]
_VERBS: Final[Mapping[str, tuple[int, int, _Do]]] = {
    "alloc": (2, 4, _alloc),
    "load": (1, 1, lambda simulation, words: simulation.load(words[0])),
    "insert": (1, 1, lambda simulation, words: simulation.insert(_kind(words[0]))),
    "fill": (0, 0, lambda simulation, _words: simulation.fill()),
    "free": (1, 1, lambda simulation, words: simulation.free(parse_address(words[0]))),
    "purge": (0, 1, lambda simulation, words: simulation.purge(*words)),
    "room": (4, 5, _room),
}
"""By verb: how many words follow at least and at most, and what does it."""

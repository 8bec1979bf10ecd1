"""What matches a few typed letters: exact before prefix before part before fuzzy."""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from itertools import islice
from math import prod

from execmem_tui.model.records import value

Score = Callable[[str, str], float]
"""How well a query matches a text, 0 for not at all: Textual's matcher."""

_ENOUGH = 50
"""So many better matches, and nobody looks for fuzzy ones."""

_WAYS = 4096
"""A matcher that tries every way in which letters can be found is not asked beyond so many."""


_SPELLED = 20_000
"""Names that are compared letter by letter: it takes 2 microseconds each."""


@value
class Entry:
    """One thing to choose."""

    name: str
    """What is typed to find it."""
    detail: str = ""
    """What is shown beside it, and found too, after all names."""


def rank(query: str, entries: Sequence[Entry], score: Score) -> list[int]:
    """Return the indices of the entries that match, the best first; all of them for no query.

    Among equals the order of `entries` stays.
    """
    wanted = query.strip().lower()
    if not wanted:
        return list(range(len(entries)))
    found: list[tuple[int, int]] = []
    rest: list[int] = []
    for index, entry in enumerate(entries):
        level = _level(wanted, entry)
        if level is None:
            rest.append(index)
        else:
            found.append((level, index))
    found.sort()
    indices = [index for _, index in found]
    if len(indices) >= _ENOUGH:
        return indices
    in_order = re.compile(".*?".join(map(re.escape, wanted)), re.DOTALL).search
    names = ((index, entries[index].name.lower()) for index in rest)
    fuzzy = [(_scored(wanted, name, score), index) for index, name in names if in_order(name)]
    fuzzy = sorted((pair for pair in fuzzy if pair[0] > 0), key=lambda pair: -pair[0])
    return indices + [index for _, index in fuzzy]


def nearest(query: str, entries: Sequence[Entry]) -> str:
    """Return the name that is spelled most like `query`, or "".

    Of very many, only the first are looked at.
    """
    names = [entry.name for entry in islice(entries, _SPELLED)]
    close = get_close_matches(query.strip(), names, 1, 0.5)
    return close[0] if close else ""


def _level(wanted: str, entry: Entry) -> int | None:
    name = entry.name.lower()
    if name == wanted:
        return 0
    if name.startswith(wanted):
        return 1
    at = name.find(wanted)
    if at > 0:
        return 3 if name[at - 1].isalnum() else 2
    return 4 if wanted in entry.detail.lower() else None


def _scored(wanted: str, name: str, score: Score) -> float:
    places = [[at for at, char in enumerate(name) if char == letter] for letter in wanted]
    if not all(places):
        return 0.0
    last = -1
    for letter in places:
        index = bisect_left(letter, last + 1)
        if index == len(letter):
            return 0.0
        last = letter[index]
    ways = prod(len(letter) for letter in places)
    return score(wanted, name) if ways <= _WAYS else 0.1

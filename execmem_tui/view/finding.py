"""What matches a few typed letters: exact before prefix before part before fuzzy."""

import re
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from difflib import get_close_matches
from itertools import chain, islice
from math import prod

from execmem_tui.model.records import value

Score = Callable[[str, str], float]
"""How well a query matches a text, 0 for not at all: Textual's matcher."""

_ENOUGH = 50
"""So many better matches, and nobody looks for fuzzy ones."""

_WAYS = 4096
"""A matcher that tries every way in which letters can be found is not asked beyond so many."""

_PIECE = 10_000
"""Names that are looked at before keys are: 5 ms."""

_LOOSE = 4096
"""Names with the letters here and there that are told apart by a score."""

_FEW = 256
"""Names whose letters are scored before keys are looked at."""

_LEAST = 0.1
"""Points of what matches in a way that is not looked into."""

_LEVELS = 5
"""How many kinds of match `_level` tells apart."""

_SPELLED = 20_000
"""Names that are compared letter by letter: it takes 2 microseconds each."""


@value
class Entry:
    """One thing to choose."""

    name: str
    """What is typed to find it."""
    detail: str = ""
    """What is shown beside it, and found too, after all names."""


Ranking = Generator[float, None, list[int]]
"""Yields how far it has come, 0 to 1, after each piece of work; returns what was found."""


def rank(query: str, entries: Sequence[Entry], score: Score) -> list[int]:
    """Return the indices of the entries that match, the best first; all of them for no query.

    Among equals the order of `entries` stays.
    """
    return finish(ranking(query, entries, score))


def finish(steps: Ranking) -> list[int]:
    """Do the rest of a ranking at once, and return what it found."""
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        found: list[int] = stop.value
        return found


def ranking(query: str, entries: Sequence[Entry], score: Score) -> Ranking:
    """Rank as `rank` does, in pieces of some 10 ms, between which keys may be looked at.

    Of what has the letters here and there only the first `_LOOSE` are told apart: more of that kind
    nobody reads, and each costs 30 microseconds.
    """
    wanted = _plain(query)
    if not wanted:
        return list(range(len(entries)))
    levels: list[list[int]] = [[] for _ in range(_LEVELS)]
    rest: list[int] = []
    for first in range(0, len(entries), _PIECE):
        if first:
            yield first / len(entries) / 2
        for index, entry in enumerate(islice(entries, first, first + _PIECE), first):
            level = _level(wanted, entry)
            (rest if level is None else levels[level]).append(index)
    indices = list(chain.from_iterable(levels))
    if len(indices) >= _ENOUGH:
        return indices
    return indices + (yield from _loosely(wanted, entries, rest, score))


def _loosely(wanted: str, entries: Sequence[Entry], rest: Sequence[int], score: Score) -> Ranking:
    """Rank those of `rest` that have the letters of `wanted` in their order."""
    in_order = re.compile(".*?".join(map(re.escape, wanted)), re.DOTALL).search
    fuzzy: list[tuple[float, int]] = []
    scored = 0
    for at, index in enumerate(rest):
        if at and not at % _PIECE:
            yield (1 + at / len(rest)) / 2
        name = _plain(entries[index].name)
        if not in_order(name):
            continue
        scored += 1
        if scored <= _LOOSE and not scored % _FEW:
            yield (1 + at / len(rest)) / 2
        points = _scored(wanted, name, score) if scored <= _LOOSE else _LEAST
        if points > 0:
            fuzzy.append((points, index))
    fuzzy.sort(key=lambda pair: -pair[0])
    return [index for _, index in fuzzy]


def nearest(query: str, entries: Sequence[Entry]) -> str:
    """Return the name that is spelled most like `query`, or "".

    Of very many, only the first are looked at.
    """
    names = [entry.name for entry in islice(entries, _SPELLED)]
    close = get_close_matches(query.strip(), names, 1, 0.5)
    return close[0] if close else ""


def spelled(query: str, entry: Entry) -> bool:
    """Whether `query` stands in the entry as it is typed, not its letters here and there."""
    return _level(_plain(query), entry) is not None


def _plain(text: str) -> str:
    """Return `text` as it is compared: modprobe, too, takes a dash for an underscore."""
    return text.strip().lower().replace("-", "_")


def _level(wanted: str, entry: Entry) -> int | None:
    name = _plain(entry.name)
    if name == wanted:
        return 0
    if name.startswith(wanted):
        return 1
    at = name.find(wanted)
    if at > 0:
        return 3 if name[at - 1].isalnum() else 2
    return 4 if wanted in _plain(entry.detail) else None


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
    return score(wanted, name) if ways <= _WAYS else _LEAST

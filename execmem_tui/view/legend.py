"""The legend: only what is in sight, each with its sign, its name, and the shades of free space."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from execmem_tui.model.reach import Verdict
from execmem_tui.view.cells import Cell, Run
from execmem_tui.view.kinds import (
    FALLBACK,
    FORBIDDEN,
    FREE,
    GONE,
    GUARD,
    LENS_LOOKS,
    LOOKS,
    Look,
    look,
)
from execmem_tui.view.words import Piece, Tone, Word, width_of

_ORDER: Final = (*LOOKS, *LENS_LOOKS)
_FREE: Final = {
    Verdict.DIRECT: "direct",
    Verdict.PLT: "PLT",
    Verdict.UNREACHABLE: "out of reach",
    None: "free",
}


class Sight(NamedTuple):
    """What is to be seen somewhere on the screen."""

    looks: frozenset[str] = frozenset()
    free: frozenset[Verdict | None] = frozenset()
    """How free space that is in sight is reached."""

    def __or__(self, other: "Sight") -> "Sight":
        return Sight(self.looks | other.looks, self.free | other.free)


def sight_of(pieces: Iterable[Piece]) -> Sight:
    """Return what the cells of a line show."""
    looks: set[str] = set()
    free: set[Verdict | None] = set()
    for piece in pieces:
        if isinstance(piece, Word):
            continue
        cell = piece.cell
        if cell.kind == FREE:
            free.add(cell.reach)
        else:
            looks.add(FALLBACK if cell.fallback else cell.kind)
    return Sight(frozenset(looks), frozenset(free))


def legend(sight: Sight, width: int) -> list[Piece]:
    """Return the legend in at most `width` columns; names shorten, then the last go."""
    seen = [look(name) for name in _ORDER if name in sight.looks]
    verdicts = [verdict for verdict in _FREE if verdict in sight.free]
    for short in (False, True):
        entries = [*_entries(seen, short=short), *_free_entries(verdicts)]
        if sum(map(width_of, entries)) <= width:
            break
    while entries and sum(map(width_of, entries)) > width:
        entries.pop()
    return [piece for entry in entries for piece in entry]


def _entries(looks: list[Look], *, short: bool) -> list[list[Piece]]:
    owners = 0
    entries: list[list[Piece]] = []
    for each in looks:
        if each.name.startswith("owner-"):
            owners += 1
            if owners > 1:
                # eight hues mean nothing by themselves: one stands for all
                continue
        cell = Cell(each.name, 8)
        sign: Piece = (
            Run(cell, 1) if each.name in (FORBIDDEN, GONE, GUARD) else Run(cell, 1, each.letter)
        )
        words = each.short if short else each.label
        if owners and each.name.startswith("owner-"):
            words = "owner" if short else "an owner, never as its neighbours"
        entries.append([sign, Word(f" {words}  ")])
    return entries


def _free_entries(verdicts: list[Verdict | None]) -> list[list[Piece]]:
    if not verdicts:
        return []
    head: list[list[Piece]] = [] if verdicts == [None] else [[Word("free: ", Tone.MUTED)]]
    return head + [
        [Run(Cell(FREE, 0, reach=verdict), 2), Word(f" {_FREE[verdict]}  ")] for verdict in verdicts
    ]

"""The legend: only what is in sight, each with its sign, its name, and the shades of free space.

Of address x time it says what brightness tells, and what is marked.
"""

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
    UNSEEN,
    Look,
    look,
)
from execmem_tui.view.labels import REGION_LETTERS, TextStyle, region_word
from execmem_tui.view.timeline import PLAYHEAD, SIGNS
from execmem_tui.view.timemap import MarkKind
from execmem_tui.view.words import Piece, Tone, Word, width_of

_ORDER: Final = (*LOOKS, *LENS_LOOKS)
_FREE: Final = {
    Verdict.DIRECT: "direct",
    Verdict.PLT: "PLT",
    Verdict.UNREACHABLE: "out of reach",
    None: "free",
}
_REGIONS: Final = {letter: region_word(region) for region, letter in REGION_LETTERS.items()}
"""What a letter behind the edge of an area says."""


class TimeSight(NamedTuple):
    """What of address x time is in sight, beside the kinds."""

    marks: frozenset[MarkKind] = frozenset()
    future: bool = False
    """Something is still to come, and dim."""


class Sight(NamedTuple):
    """What is to be seen somewhere on the screen."""

    looks: frozenset[str] = frozenset()
    free: frozenset[Verdict | None] = frozenset()
    """How free space that is in sight is reached."""
    regions: frozenset[str] = frozenset()
    """The letters of regions."""
    time: TimeSight | None = None
    """Of address x time, where that has the map's place."""

    def __or__(self, other: "Sight") -> "Sight":
        return Sight(
            self.looks | other.looks,
            self.free | other.free,
            self.regions | other.regions,
            self.time or other.time,
        )


def sight_of(pieces: Iterable[Piece]) -> Sight:
    """Return what the cells of a line show."""
    looks: set[str] = set()
    free: set[Verdict | None] = set()
    regions: set[str] = set()
    for piece in pieces:
        if isinstance(piece, Word):
            continue
        cell = piece.cell
        if cell.kind == FREE:
            free.add(cell.reach)
        else:
            looks.add(FALLBACK if cell.fallback else cell.kind)
            if piece.style is TextStyle.REGION and piece.text.strip() in _REGIONS:
                regions.add(piece.text.strip())
    return Sight(frozenset(looks), frozenset(free), frozenset(regions))


def legend(sight: Sight, width: int, *, letters: bool = False) -> list[Piece]:
    """Return the legend in at most `width` columns; names shorten, then the last go.

    Args:
        sight: what is explained.
        width: columns there are.
        letters: whether cells are letters, for want of colours.
    """
    seen = [look(name) for name in _ORDER if name in sight.looks]
    verdicts = [verdict for verdict in _FREE if verdict in sight.free]
    # short words of a lens say less than those of kinds: there the letters of regions go first
    regions = _region_entries(sight.regions, letters=letters)
    lens = any(each.name in LENS_LOOKS for each in seen)
    last = [] if lens else regions
    for short, brief, named in (
        (False, False, regions),
        (False, True, regions),
        (False, True, last),
        (True, True, last),
    ):
        entries = [
            *_entries(seen, short=short),
            *_free_entries(verdicts),
            *named,
            *_time_entries(sight.time, letters=letters, short=brief),
        ]
        if sum(map(width_of, entries)) <= width:
            break
    while entries and (sum(map(width_of, entries)) > width or entries[-1] == _FREE_HEAD):
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
            Run(cell, 1)
            if each.name in (FORBIDDEN, GONE, GUARD, UNSEEN)
            else Run(cell, 1, each.letter)
        )
        words = each.short if short else each.label
        if owners and each.name.startswith("owner-"):
            words = "owner" if short else "an owner, never as its neighbours"
        entries.append([sign, Word(f" {words}  ")])
    return entries


def _free_entries(verdicts: list[Verdict | None]) -> list[list[Piece]]:
    if not verdicts:
        return []
    head = [] if verdicts == [None] else [_FREE_HEAD]
    return head + [
        [Run(Cell(FREE, 0, reach=verdict), 2), Word(f" {_FREE[verdict]}  ")] for verdict in verdicts
    ]


_FREE_HEAD: Final[list[Piece]] = [Word("free: ", Tone.MUTED)]


def _region_entries(regions: frozenset[str], *, letters: bool) -> list[list[Piece]]:
    """Say what the letters of an owner's regions are.

    Where cells are `letters` too, one of a region is known by the edge before it.
    """
    edge = "|" if letters else ""
    return [
        [Word(f"{edge}{letter}", Tone.STRONG), Word(f" {word}  ", Tone.MUTED)]
        for letter, word in _REGIONS.items()
        if letter in regions
    ]


def _time_entries(sight: TimeSight | None, *, letters: bool, short: bool) -> list[list[Piece]]:
    """Say what brightness tells, or a small letter, and what is marked."""
    if sight is None:
        return []
    part, future = ("share used", "dim: to come") if short else (
        "how much of it is in use", "dim: still to come"
    )  # fmt: skip
    shade = "small letter: less than half in use" if letters else f"░▒▓█ {part}"
    entries: list[list[Piece]] = [[Word(f"{shade}  ")]]
    if sight.future:
        entries.append([Word(f"{future}  ")])
    entries.append([Word(PLAYHEAD, Tone.ACCENT), Word(" step shown  ")])
    return entries + [
        [Word(sign), Word(f" {kind.value}  ")]
        for kind, sign in SIGNS.items()
        if kind in sight.marks
    ]

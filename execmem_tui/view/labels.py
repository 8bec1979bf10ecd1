"""Names in a row: the owner once for a group of neighbours, one letter for each region."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from execmem_tui.model.units import Address

LEAST: Final = 4
"""Letters below which a part of a name tells nothing."""

REGION_LETTERS: Final = {
    "MOD_TEXT": "t",
    "MOD_DATA": "d",
    "MOD_RODATA": "r",
    "MOD_RO_AFTER_INIT": "a",
    "MOD_INIT_TEXT": "T",
    "MOD_INIT_DATA": "D",
    "MOD_INIT_RODATA": "R",
}


def region_word(region: str | None) -> str:
    """Return ``text`` for MOD_TEXT, ``init text`` for MOD_INIT_TEXT; "" where there is none."""
    return "" if region is None else region.removeprefix("MOD_").lower().replace("_", " ")


class TextStyle(StrEnum):
    """How a text is written."""

    NONE = ""
    NAME = "name"
    REGION = "region"
    """Dim."""


class Named(NamedTuple):
    """Something that may carry a name in a row."""

    start: Address
    first: int
    """Column of the first letter: behind its edge."""
    stop: int
    """The column after the last that it fills whole."""
    owner: str
    region: str = ""


class Label(NamedTuple):
    """A text and the column of its first letter."""

    column: int
    text: str
    style: TextStyle


def labels(named: Sequence[Named], full: Sequence[bool]) -> Iterator[Label]:
    """Yield what is written into a row.

    Args:
        named: what lies in the row, ascending.
        full: of each column, whether a text may be written there.
    """
    groups = [list(group) for _, group in groupby(named, key=lambda each: each.owner)]
    for members, after in pairwise([*groups, []]):
        owner = members[0].owner
        free = [_room(each, full) for each in members]
        best = _best(owner, free)
        limit = after[0].first - 1 if after else len(full)
        across = _across(members, full, limit) if best is None else 0
        if across >= min(LEAST, len(owner)):
            yield Label(members[0].first, _padded(_cut(owner, across), across), TextStyle.NAME)
            continue
        for number, (member, room) in enumerate(zip(members, free, strict=True)):
            at, end = member.first, member.first + room
            if number == best:
                text = _padded(_cut(owner, room), room)
                yield Label(at, text, TextStyle.NAME)
                at += len(text)
            letter = REGION_LETTERS.get(member.region, "")
            if letter and at < end:
                yield Label(at, _padded(letter, end - at), TextStyle.REGION)


def _room(each: Named, full: Sequence[bool]) -> int:
    """Return how many letters fit behind the edge of something."""
    columns = full[each.first : each.stop]
    return columns.index(False) if False in columns else len(columns)


def _best(owner: str, free: list[int]) -> int | None:
    """Return which of a group carries the name.

    The first with room for all of it, else the widest.
    """
    for number, room in enumerate(free):
        if room >= len(owner):
            return number
    widest = max(range(len(free)), key=free.__getitem__)
    return widest if free[widest] >= LEAST else None


def _across(members: Sequence[Named], full: Sequence[bool], limit: int) -> int:
    """Return how many letters fit across a group, over its edges, before the next one's edge."""
    return _room(Named(0, members[0].first, min(members[-1].stop, limit), ""), full)


_PROGRAM: Final = re.compile(r"bpf_prog_(?!pack$)(?:(?P<tag>[0-9a-f]{16})(?:_|$))?(?P<name>.*)")
"""Of kallsyms: the tag, and the name that the program was loaded with (kernel/bpf/core.c:
bpf_get_prog_name); the simulator numbers them instead."""
_NUMBERED: Final = re.compile(r"(.+) (\d+)( \(.+\))?")
"""What the simulator numbers: ``module 12``, ``bpf_prog_seccomp 3 (classic)``."""


def _telling(owner: str) -> Iterator[str]:
    """Yield what tells one of many of a kind from others, the longer first; nothing of all else.

    Of a BPF program that is its name and its tag, of what the simulator numbers its number, too.
    """
    found, name = _PROGRAM.fullmatch(owner), owner
    if found is not None:
        name = found["name"]
        if found["tag"]:
            yield f"{name} {found['tag']}".strip()
            return
        yield name
    numbered = _NUMBERED.fullmatch(name)
    if numbered is not None:
        yield f"{numbered[1]} {numbered[2]}"


def _padded(text: str, room: int) -> str:
    """Return a text with the blank that parts it from what follows, where there is room."""
    return f"{text} " if len(text) < room else text


def _cut(owner: str, room: int) -> str:
    if len(owner) <= room:
        return owner
    least = owner
    for least in _telling(owner):
        if len(least) <= room:
            return least
    numbered = _NUMBERED.fullmatch(least)
    if numbered is not None and len(numbered[2]) < room:
        # a number before the word it counts would read as a count of such
        return f"{numbered[1][: room - 1 - len(numbered[2])]}…{numbered[2]}"
    return least[:room] if room <= LEAST else least[: room - 1] + "…"

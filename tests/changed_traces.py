"""Traces as they might as well have been told: the same events, in another order or with gaps."""

import re
from collections.abc import Callable, Sequence
from random import Random

_LINE = re.compile(r"\s*\S.{0,39}?-(\d+)\s+\[(\d+)\] \S+\s+(\d+\.\d+): (\w+):")
_NEAR = 0.0005
"""Seconds between two events that may change places."""
Allowed = Callable[[str, str], bool]


def swapped(
    lines: Sequence[str], random: Random, part: float, allowed: Allowed = lambda *_: True
) -> tuple[list[str], int]:
    """Let neighbours of different tasks change places; return the lines and how many did.

    Args:
        lines: of a trace.
        random: draws.
        part: of all that may change places, how many do.
        allowed: whether two events may, by their names.
    """
    told = list(lines)
    at = done = 0
    while at < len(told) - 1:
        first, second = _LINE.match(told[at]), _LINE.match(told[at + 1])
        may = (
            first is not None
            and second is not None
            and first[1] != second[1]
            and float(second[3]) - float(first[3]) < _NEAR
            and "tracing_mark_write" not in (first[4], second[4])
            and allowed(first[4], second[4])
        )
        if may and random.random() < part:
            told[at : at + 2] = told[at + 1], told[at]
            done += 1
            at += 1
        at += 1
    return told, done


def late_frees(lines: Sequence[str], random: Random, part: float, by: int) -> tuple[list[str], int]:
    """Let frees be told behind the `by` events of other tasks that follow; as `swapped`."""
    told = list(lines)
    at = done = 0
    while at < len(told) - by:
        free = _LINE.match(told[at])
        if free is not None and free[4] == "free_vmap_area_noflush" and random.random() < part:
            others = [_LINE.match(text) for text in told[at + 1 : at + 1 + by]]
            if all(
                other is not None and other[1] != free[1] and other[4] != "tracing_mark_write"
                for other in others
            ):
                told[at : at + by + 1] = [*told[at + 1 : at + 1 + by], told[at]]
                done += 1
                at += by
        at += 1
    return told, done

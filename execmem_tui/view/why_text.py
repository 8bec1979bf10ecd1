"""*Why* as a few lines: what was left, what the purge did, where it went, who is in the way."""

from collections.abc import Iterator, Sequence
from typing import Final

from execmem_tui.analysis.in_the_way import InTheWay
from execmem_tui.analysis.reach import area_verdict
from execmem_tui.analysis.room import Room, Shortage
from execmem_tui.analysis.why import Look, Passed, Why
from execmem_tui.model.areas import Area
from execmem_tui.model.intervals import Interval
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.reach import Verdict
from execmem_tui.model.units import Bytes, exact_size, format_size, hex_address
from execmem_tui.view.window_words import window_word

_LABEL: Final = 11
_LEAST_BAR: Final = 12
"""Columns below which a bar tells nothing."""
_NAMED: Final = 4
"""Areas, else owners, in the way that are named one by one."""


def why_title(why: Why) -> str:
    """Return ``sctp.text, 276K + guard, 55.949 s``."""
    name = why.owner or f"a request of {why.type.name}"
    time = "" if why.time is None else f", {why.time:.3f} s"
    return f"{name}, {format_size(why.requested)} + guard{time}"


def why_lines(layout: Layout, why: Why) -> list[str]:
    """Return the answer, one fact a line, each with a word in front that says what it is about."""
    lines = [_line(window_word(layout, why.type, Window.PREFERRED), _preferred(layout, why))]
    if why.preferred.found is None:
        lines.append(_line("purge", _purge(why)))
    lines.append(_line("took" if why.actual is not None else "goes", _outcome(layout, why)))
    if not why.agrees:
        predicted = "nowhere" if why.found is None else hex_address(why.found, layout.word_bits)
        lines.append(
            _line("but", f"the rules give {predicted}: something was there that is not known here")
        )
    if why.in_the_way is not None:
        lines.append(_line("in the way", in_the_way_text(why.in_the_way)))
        if why.cheapest is not None and why.cheapest != why.in_the_way:
            lines.append(_line("or", _cheaper(why.cheapest, why.in_the_way)))
    elif why.shortage is not Shortage.NONE:
        lines.append(_line("in the way", "no module whose going would make room"))
    return lines


def attempt_words(owners: Sequence[str], users: Sequence[str]) -> str:
    """Return ``unload sunrpc and what uses it, and try again``.

    Args:
        owners: in the way; nothing where what is in the way belongs to no module.
        users: modules that use them.
    """
    if not owners:
        return "free it and try again"
    more = f" and {len(owners) - 1:,} more" if len(owners) > 1 else ""
    them = "them" if more else "it"
    used = f" and what uses {them}," if set(users) - set(owners) else ""
    return f"unload {owners[0]}{more}{used} and try again"


def largest_hole(why: Why) -> Look | None:
    """Return the largest hole of the window that had none large enough.

    None where one fitted, or none is.
    """
    if why.preferred.found is not None:
        return None
    holes = [
        look for look in why.preferred.looks if look.passed in (Passed.TOO_SMALL, Passed.MISALIGNED)
    ]
    return max(holes, key=lambda look: look.end - look.start, default=None)


def request_span(why: Why) -> Interval | None:
    """Return where the request would have had to fit.

    From the start of the largest hole, as long as it is.
    """
    hole = largest_hole(why)
    return None if hole is None else (hole.start, hole.start + why.need)


def scale_lines(why: Why, width: int) -> list[str]:
    """Return the largest hole against the request, two bars of one scale.

    Nothing where it fitted.
    """
    hole = largest_hole(why)
    if hole is None:
        return []
    size = hole.end - hole.start
    words = f" {format_size(size)}, {format_size(hole.short_by)} short"
    asked = f" {format_size(why.need)} with its guard"
    room = width - _LABEL - max(len(words), len(asked))
    if room < _LEAST_BAR:
        return []
    unit = max(size, why.need)
    filled = min(room - 1, max(1, room * size // unit)) if size < why.need else room
    wanted = max(1, room * why.need // unit)
    return [
        _line("hole", f"{'█' * filled}{'░' * (wanted - filled)}{words}"),
        _line("asked", f"{'█' * wanted}{asked}"),
    ]


def _line(word: str, text: str) -> str:
    return f"{word:<{_LABEL}}{text}"


def _preferred(layout: Layout, why: Why) -> str:
    room = why.room
    if why.preferred.found is None:
        short = f"{format_size(room.short_by(why.need))} short"
        other = {
            Shortage.EXHAUSTED: "EXHAUSTED, not fragmented",
            Shortage.FRAGMENTED: "FRAGMENTED, not exhausted",
            Shortage.NONE: f"none aligned to {format_size(_alignment(layout, why))}",
        }[why.shortage]
        return f"{format_size(room.free)} left, {_holes(room)}, {short}: {other}"
    if why.preferred.cache:
        count = len(why.preferred.looks) - 1
        passed_over = (
            f", {count:,} before it {'is' if count == 1 else 'are'} too small" if count else ""
        )
        return f"a free piece of a ROX block takes it{passed_over}"
    passed = [look for look in why.preferred.looks if look.passed is not Passed.TAKEN]
    if not passed:
        return f"the first hole takes it; {format_size(room.free)} left"
    return f"{len(passed):,} lower {'hole is' if len(passed) == 1 else 'holes are'} passed over"


def _alignment(layout: Layout, why: Why) -> Bytes:
    return max(layout.range_of(why.type).alignment, layout.page_size)


def _holes(room: Room) -> str:
    if room.holes == 1:
        return "1 hole"
    return f"{room.holes:,} holes, the largest {format_size(room.largest)}"


def _purge(why: Why) -> str:
    if why.purged is None:
        return "gives back nothing that helps"
    count = why.purged.purged
    if not count:
        return "gave back nothing: nothing was lazy"
    near = why.preferred
    here = sum(near.start <= area.start < near.end for area in why.purged.removed)
    gave = f"gave back {count:,} area{'' if count == 1 else 's'}"
    return f"{gave}, {'none of it' if not here else f'{here:,} of them'} here"


def _outcome(layout: Layout, why: Why) -> str:
    found = why.found if why.actual is None else why.actual.start
    if found is None:
        second = layout.range_of(why.type).has_fallback
        return f"nowhere: it FAILS{', the far window has no hole either' if second else ''}"
    window = layout.range_of(why.type).window_of(found)
    word = window_word(layout, why.type, window or Window.PREFERRED)
    where = hex_address(found, layout.word_bits)
    if window is not Window.FALLBACK:
        return f"{word} {where}: the lowest hole that fits"
    return f"{word} {where}{_cost(layout, why)}"


def _cost(layout: Layout, why: Why) -> str:
    area = why.actual
    if area is None or area.type is not ExecmemType.MODULE_TEXT or layout.plt is None:
        return ""
    if area_verdict(layout, area) is not Verdict.PLT:
        return ""
    return f": calls to the kernel through a {layout.plt.word.removesuffix(' entry')}"


def in_the_way_text(way: InTheWay) -> str:
    """Return ``bnxt_en data 76K · rodata 52K · ro_after_init 4K → would leave 324K``."""
    words = _by_area(way.areas) if len(way.areas) <= _NAMED else _by_owner(way)
    return f"{' · '.join(words)} → would leave {format_size(way.leaves)}"


def _cheaper(cheapest: InTheWay, way: InTheWay) -> str:
    """Return ``81 smaller ones from snd_sof on, 12K less in all``."""
    less = way.cost - cheapest.cost
    words = f"{exact_size(less)} less" if less else "the same"
    owners = cheapest.owners
    return f"{len(owners):,} smaller ones from {owners[0]} on, {words} in all"


def _by_area(areas: Sequence[Area]) -> list[str]:
    """Name each area, the owner only where it changes."""
    words: list[str] = []
    owner: str | None = None
    for area in areas:
        region = (area.region or "").removeprefix("MOD_").lower()
        again = region and area.owner == owner
        words.append(f"{region if again else area.name} {format_size(area.size)}")
        owner = area.owner
    return words


def _by_owner(way: InTheWay) -> list[str]:
    """Name the owners with all that they have there."""
    sums: dict[str, Bytes] = {}
    for area in way.areas:
        name = area.owner or "unknown"
        sums[name] = sums.get(name, 0) + area.footprint
    words = [f"{name} {format_size(size)}" for name, size in list(sums.items())[:_NAMED]]
    more = len(sums) - _NAMED
    words[-1] += f" and {more:,} more" if more > 0 else ""
    count = len(way.areas)
    words[-1] += f", {format_size(way.cost)} in {count:,} areas"
    return words


def looks(why: Why) -> Iterator[tuple[Look, str]]:
    """Yield what was looked at in its order, each with what is said of it: one step a key."""
    for each in why.tries:
        for look in each.looks:
            yield look, look_text(look)


def look_text(look: Look) -> str:
    """Return what is said of one hole: ``68K: too small by 212K``."""
    size = format_size(look.end - look.start)
    if look.passed is Passed.TAKEN:
        return f"{size}: takes it, at its lower end"
    if look.passed in (Passed.TOO_SMALL, Passed.MISALIGNED):
        return f"{size}: {look.passed.value} by {format_size(look.short_by)}"
    return f"{size}: {look.passed.value}"

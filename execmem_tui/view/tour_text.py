"""A tour in words: the card beside the map, and the whole as a script for a speaker."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from execmem_tui.model.units import format_size, hex_address
from execmem_tui.tours.guess import Choice
from execmem_tui.tours.run import TourRun
from execmem_tui.tours.tour import Belief, StopKind, Tour
from execmem_tui.view.highlight import CIRCLED, LETTERS
from execmem_tui.view.tour_card import Card


def card(run: TourRun, hint: str = "", *, circled: bool = True) -> Card:
    """Return what the card says now.

    Args:
        run: the tour.
        hint: the newest one.
        circled: letters of places are drawn in circles.
    """
    tour, stop = run.tour, run.stop
    left = run.minutes_left
    title = f"{tour.title} · {run.index + 1}/{len(tour.stops)} · {left} min left"
    guessed = run.guessed
    if guessed is not None:
        bits = run.source.history.layout.word_bits
        where = hex_address(guessed.took.start, bits)
        text = f"{run.verdict()} It took {where}."
        if guessed.belief not in (None, Belief.RIGHT):
            text = f"Not there. {text}"
        return Card(title=title, text=text, task="", hint="")
    task = _task(run, circled=circled)
    said = "" if run.done else hint
    return Card(title=title, text=stop.say, task=task, hint=said, places=len(run.offered))


def _task(run: TourRun, *, circled: bool) -> str:
    stop = run.stop
    if stop.kind is StopKind.GUESS:
        asked = "GUESS: press a letter, or put the cursor on the hole, then Enter."
        return f"{asked}\n{_offered(run, circled=circled)}"
    if stop.kind is StopKind.OBSERVE:
        return ""
    if run.shown:
        return "So it is done."
    moves = f"{run.moves} key{'' if run.moves == 1 else 's'}"
    if run.reached:
        par = f", par is {run.par}" if run.par else ""
        return f"√ GOAL reached with {moves}{par}."
    return f"GOAL: {stop.goal_text}" + (f" · {moves} so far" if run.moves else "")


def _offered(run: TourRun, *, circled: bool) -> str:
    """Return the places by their letters: some lie out of sight."""
    bits = run.source.history.layout.word_bits
    found = []
    for letter, each in zip(LETTERS, run.choices(), strict=False):
        where, size = hex_address(each.start, bits), format_size(each.end - each.start)
        found.append(f"{CIRCLED[letter] if circled else letter} {size} at {where}")
    return " · ".join(found)


def _choice(letter: str, each: Choice, bits: int) -> str:
    where, size = hex_address(each.start, bits), format_size(each.end - each.start)
    mark = "√" if each.belief is Belief.RIGHT else each.belief.value.replace("_", " ")
    return f"  {letter} {where} {size}: {mark}"


def _paragraph(text: str, width: int, indent: str = "") -> Sequence[str]:
    return wrap(text, width, initial_indent=indent, subsequent_indent=indent)


def script(tour: Tour, width: int = 100) -> Iterator[str]:
    """Yield a tour as lines.

    What is said, its sources, the questions with their answers, the notes. It is played through for
    that: answers are the simulator's.

    Raises:
        UsageError, InputError, OSError: a step cannot be done, or what it opens cannot be read.
    """
    run = TourRun(tour)
    yield tour.title
    yield from _paragraph(tour.text, width)
    while True:
        stop = run.stop
        yield ""
        yield f"{run.index + 1}/{len(tour.stops)} {stop.kind.value}, {run.minutes_left} min left"
        yield from _paragraph(stop.say, width)
        if stop.kind is StopKind.GUESS:
            bits = run.source.history.layout.word_bits
            for letter, each in zip(LETTERS, run.choices(), strict=False):
                yield _choice(letter, each, bits)
            run.show_me()
            yield from _paragraph(run.verdict(), width, "  ")
        elif stop.kind is StopKind.GOAL:
            yield f"  goal: {stop.goal_text}" + (f", par {run.par}" if run.par else "")
            run.show_me()
        if stop.notes:
            yield from _paragraph(f"Notes: {stop.notes}", width)
        if stop.source:
            yield from _paragraph(f"Source: {stop.source}", width)
        if not run.next():
            return

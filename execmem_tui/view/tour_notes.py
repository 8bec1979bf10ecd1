"""What a speaker sees of a stop.

Notes first, then what the hall reads, the answers, what comes next.
"""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from execmem_tui.model.units import format_size, hex_address
from execmem_tui.tours.run import TourRun
from execmem_tui.tours.speaker_notes import TourPosition
from execmem_tui.tours.tour import Belief, Stop, StopKind, Tour
from execmem_tui.view.highlight import LETTERS

_RULE: Final = "─"
_DOES: Final = {
    StopKind.OBSERVE: "Nothing to do: Enter goes on.",
    StopKind.GOAL: "They do it with keys; t gives a hint, then shows it.",
    StopKind.GUESS: "They guess: a letter is the hall's vote.",
}


class Notes:
    """The notes of one tour.

    Args:
        tour: which. It is played along: the answers are the simulator's.
        width: columns.
    """

    def __init__(self, tour: Tour, width: int) -> None:
        self._run = TourRun(tour)
        self._width = width
        self._stop: int | None = None

    def lines(self, now: TourPosition) -> Iterator[str]:
        """Yield what is new: all of a stop on arrival, then what came of it."""
        run = self._run
        if now.stop != self._stop:
            self._stop = now.stop
            run.go(now.stop)
            yield from self._arrival(run.stop)
        if now.guess:
            yield f"  The hall said {now.guess}{self._meaning(now.guess)}"
        elif now.done and run.stop.kind is not StopKind.OBSERVE:
            yield "  Done."

    def _arrival(self, stop: Stop) -> Iterator[str]:
        run, tour = self._run, self._run.tour
        head = f"{tour.title} · {run.index + 1}/{len(tour.stops)} · {run.minutes_left} min left "
        yield ""
        yield head + _RULE * max(0, self._width - len(head))
        yield from self._said("", stop.notes or "No notes.")
        yield from self._said("They read: ", stop.say)
        if stop.kind is StopKind.GUESS:
            yield from self._answers()
        yield from self._said("", _DOES[stop.kind])
        yield from self._said("Source: ", stop.source)
        if not run.is_last:
            yield from self._said("Next: ", tour.stops[run.index + 1].say.partition(". ")[0])

    def _answers(self) -> Iterator[str]:
        bits = self._run.source.history.layout.word_bits
        for letter, each in zip(LETTERS, self._run.choices(), strict=False):
            where, size = hex_address(each.start, bits), format_size(each.end - each.start)
            yield f"  {letter} {where} {size}{self._meaning(letter)}"

    def _meaning(self, letter: str) -> str:
        choices = self._run.choices()
        at = LETTERS.index(letter)
        if self._run.stop.kind is not StopKind.GUESS or at >= len(choices):
            return "."
        belief = choices[at].belief
        return ": right." if belief is Belief.RIGHT else f": {belief.value.replace('_', ' ')}."

    def _said(self, before: str, text: str) -> Iterator[str]:
        if text:
            yield from wrap(f"{before}{text}", self._width)

"""A tour in lines, for screen readers: what is said, what is asked, and the keys of the screen."""

from collections.abc import Iterator, Sequence

from execmem_tui.model.errors import UsageError
from execmem_tui.model.units import format_size, hex_address
from execmem_tui.tours.run import TourRun
from execmem_tui.tours.tour import StopKind
from execmem_tui.view.actions import ACTIONS, Action
from execmem_tui.view.talk import Talk
from execmem_tui.view.tour_text import card

_LETTERS = "abcd"


class TourTalk(Talk):
    """One tour as a conversation; an empty line goes on, at a guess a letter chooses a place.

    Args:
        run: the tour that is taken.
        actions: all actions, with the user's keys.
    """

    def __init__(self, run: TourRun, actions: Sequence[Action] = ACTIONS) -> None:
        super().__init__(run.source, actions)
        self.run = run
        self._does = {
            **self._does,
            "go_on": self._go_on,
            "tour": self._hint,
            "tour_back": lambda _: self._went(run.back(), "this is the first stop"),
            "tour_skip": lambda _: self._on(more=run.skip()),
        }
        self.pane = run.stop.pane

    def greeting(self) -> Iterator[str]:
        """Yield the first stop, and how to go on."""
        yield (
            "An empty line goes on, t gives a hint, K skips, backspace goes back, ? lists the keys."
        )
        yield from self.stop()

    def stop(self) -> Iterator[str]:
        """Yield what is said at the stop, and what there is to do."""
        shown = card(self.run)
        yield f"{shown.title}."
        yield from shown.text.splitlines()
        if self._asked:
            bits = self.source.history.layout.word_bits
            for letter, each in zip(_LETTERS, self.run.choices(), strict=False):
                yield (
                    f"{letter}: {hex_address(each.start, bits)},"
                    f" {format_size(each.end - each.start)}."
                )
            yield "Which place will the kernel take? A letter guesses."
        elif shown.task:
            yield shown.task

    @property
    def _asked(self) -> bool:
        return self.run.stop.kind is StopKind.GUESS and self.run.guessed is None

    def answer(self, line: str) -> Iterator[str]:
        """Do what a line says; yield what is to be said."""
        word = line.strip()
        if self._asked and len(word) == 1 and word in _LETTERS:
            choices = self.run.choices()
            at = _LETTERS.index(word)
            if at >= len(choices):
                yield f"There are {len(choices)} places."
                return
            self.run.guess(choices[at].start)
            yield card(self.run).text
            return
        action = self._keys.get(word.partition(" ")[0] or "enter")
        if action is not None:
            self.run.acted(action.id)
        yield from super().answer(line if word else "enter")
        if action is not None and action.commanded and self.run.stop.kind is StopKind.GOAL:
            yield card(self.run).task

    def _go_on(self, _: str) -> Iterator[str]:
        return self._on(more=self.run.next())

    def _on(self, *, more: bool) -> Iterator[str]:
        if not more:
            self.over = True
            return iter(["That was the tour."])
        return self._went(True, "")

    def _went(self, went: bool, why: str) -> Iterator[str]:
        if not went:
            raise UsageError(why)
        self.source, self.pane = self.run.source, self.run.stop.pane
        return self.stop()

    def _hint(self, _: str) -> Iterator[str]:
        run = self.run
        if run.done:
            raise UsageError("nothing is asked for here: an empty line goes on")
        hint = run.hint()
        if not hint:
            run.show_me()
        return iter([f"Hint: {hint}"]) if hint else self.stop()

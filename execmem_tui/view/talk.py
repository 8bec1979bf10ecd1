"""The application in lines, for screen readers.

A key and what it is about, and short sentences back. Keys are those of the screen. What a key asks
for in a dialog there stands behind it here: ``i xfs``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from re import sub
from typing import Final

from execmem_tui.analysis.superpose import Superposition
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import ExecmemTuiError, UsageError
from execmem_tui.model.events import Allocated
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address
from execmem_tui.sources.base import Commanded, Side, Source
from execmem_tui.view.actions import ACTIONS, Action, spelled
from execmem_tui.view.availability import why_not
from execmem_tui.view.compared import difference_lines, moment, table_line
from execmem_tui.view.inspect import inspect_lines
from execmem_tui.view.panes import PANES, pane_type
from execmem_tui.view.places import parse_place
from execmem_tui.view.sentence import said
from execmem_tui.view.shown import Shown

_BEHIND: Final = {"goto": " PLACE", "insert": " MODULE", "compare": " WHAT"}
"""What stands behind a key."""


def _typed(action: Action) -> Iterator[str]:
    """Yield how the keys of an action may be typed: ``backspace`` and ``Backspace`` are one."""
    yield from spelled(action.keys).split(" ")
    yield from action.keys.split(",")


class Talk:
    """One conversation about a source.

    Args:
        source: what it is about.
        actions: all actions, with the user's keys.
    """

    def __init__(self, source: Source, actions: Sequence[Action] = ACTIONS) -> None:
        self.source = source
        self.pane = 1
        """1 to 4."""
        self.cursor: Address = Shown(self._snapshot).span(1)[0]
        self.pinned: Side | None = None
        """What is compared with."""
        self.over = False
        """Whether the last key said so."""
        self._keys = {key: each for each in actions for key in _typed(each)}
        self._does: Mapping[str, Callable[[str], Iterator[str]]] = {
            "pane_1": lambda _: self._focus(1),
            "pane_2": lambda _: self._focus(2),
            "pane_3": lambda _: self._focus(3),
            "pane_4": lambda _: self._focus(4),
            "next_pane": lambda _: self._focus(self.pane % len(PANES) + 1),
            "next_area": lambda _: self._neighbour(on=True),
            "previous_area": lambda _: self._neighbour(on=False),
            "goto": self._goto,
            "allocate": lambda _: self._command(partial(self._commanded.allocate, self._type)),
            "insert": self._insert,
            "free": lambda _: self._command(partial(self._commanded.free, self.cursor)),
            "fill": self._fill,
            "purge": lambda _: self._command(self._commanded.purge),
            "undo": lambda _: self._moved(self.source.history.undo(), "nothing to take back"),
            "redo": lambda _: self._moved(self.source.history.redo(), "nothing to do again"),
            "step_back": lambda _: self._seek(self.source.history.step - 1),
            "step_on": lambda _: self._seek(self.source.history.step + 1),
            "first": lambda _: self._seek(self.source.history.first_step),
            "last": lambda _: self._seek(self.source.history.steps),
            "pin": self._pin,
            "compare": self._compare,
            "differences": self._differences,
            "next_difference": lambda _: self._difference(forward=True),
            "previous_difference": lambda _: self._difference(forward=False),
            "help": self._help,
            "quit": self._quit,
        }
        self._all = actions

    @property
    def _actions(self) -> list[Action]:
        """Those that do something here."""
        return [each for each in self._all if each.id in self._does]

    @property
    def _snapshot(self) -> Snapshot:
        return self.source.history.snapshot()

    @property
    def _commanded(self) -> Commanded:
        assert isinstance(self.source, Commanded)  # `why_not` was asked
        return self.source

    @property
    def _type(self) -> ExecmemType:
        return pane_type(self.pane)

    def compare(self, what: str) -> None:
        """Compare with something from here on.

        Raises:
            ExecmemTuiError: it means nothing here.
        """
        from execmem_tui.sources.against import against  # the scenarios: 60 ms

        self.pinned = against(what, self.source)

    def greeting(self) -> Iterator[str]:
        """Yield what is looked at, and how to go on."""
        help_key = next(spelled(each.keys) for each in self._actions if each.id == "help")
        yield (
            f"{self.source.title}. {help_key} lists the keys, an empty line says how things stand."
        )
        yield from self.state()

    def state(self) -> Iterator[str]:
        """Yield the sentence, the pane and the step."""
        history, model = self.source.history, Shown(self._snapshot).pane(self.pane)
        yield said(history).text
        count = "nothing" if not model.areas and not model.hidden else model.counted
        spilled = f", {model.spilled:,} spilled" if model.spilled else ""
        yield f"Pane {self.pane}, {model.title}: {model.message or f'{count}{spilled}'}."
        yield f"Step {history.step} of {history.steps}."

    def here(self) -> Iterator[str]:
        """Yield what lies at the cursor."""
        shown = Shown(self._snapshot)
        lines = inspect_lines(shown.snapshot, shown.holes, self.cursor, None)
        # a range is read as one number where it is written with a dash
        yield sub(r"(?<=; )([0-9a-f]+)-(?=[0-9a-f]+;)", r"\1 to ", "; ".join(lines))

    def answer(self, line: str) -> Iterator[str]:
        """Do what a line says; yield what is to be said."""
        key, _, about = line.strip().partition(" ")
        if not key:
            yield from self.state()
            return
        action = self._keys.get(key)
        if action is None:
            yield f"No key is called {printable(key, 20)}."
            return
        does = self._does.get(action.id)
        if does is None:
            yield f"{action.title}: that key works on the screen only."
            return
        if action.commanded and not isinstance(self.source, Commanded):
            yield "Only a simulation takes commands, and this is none."
            return
        reason = why_not(action, self.source)
        if reason:
            yield reason
            return
        try:
            yield from does(about.strip())
        except ExecmemTuiError as error:
            hint = f" ({error.hint})" if error.hint else ""
            yield f"{error.title}{hint}."

    # What keys do

    def _command(self, command: Callable[[], None]) -> Iterator[str]:
        history = self.source.history
        before = min(history.step, history.steps)
        command()
        came = [e for e in history.events(before, history.step) if isinstance(e, Allocated)]
        there = self._snapshot.area_at
        placed = [e for e in came if there(e.area.start) is not None]  # not a module's init parts
        if placed:
            self.cursor = next((e for e in placed if e.fallback), placed[-1]).area.start
        yield from self.state()
        yield from self.here()

    def _help(self, _: str) -> Iterator[str]:
        for action in self._actions:
            behind = _BEHIND.get(action.id, "")
            yield f"{spelled(action.keys)}{behind}: {action.help}."

    def _quit(self, _: str) -> Iterator[str]:
        self.over = True
        yield from ()

    def _focus(self, number: int) -> Iterator[str]:
        self.pane = number
        yield from self.state()

    def _neighbour(self, *, on: bool) -> Iterator[str]:
        """Go to the next area of the pane's map, or to the one before."""
        start, end = Shown(self._snapshot).span(self.pane)
        areas: Sequence[Area] = list(self._snapshot.between(start, end))
        if on:
            found = next((area for area in areas if area.start > self.cursor), None)
        else:
            found = next((area for area in reversed(areas) if area.start < self.cursor), None)
        if found is None:
            raise UsageError("there is no further area that way")
        self.cursor = found.start
        return self.here()

    def _goto(self, about: str) -> Iterator[str]:
        place = parse_place(about, self._snapshot, self.cursor)
        if place.address is None:
            raise UsageError("a moment cannot be gone to here", hint="[ and ] go by events")
        self.cursor = place.address
        self.pane = Shown(self._snapshot).pane_of(place.address, self.pane)
        return self.here()

    def _insert(self, about: str) -> Iterator[str]:
        if self._type is not ExecmemType.MODULE_TEXT:
            return self._command(partial(self._commanded.insert, self._type))
        if not about:
            raise UsageError("which module?", hint="its name behind the key")
        return self._command(partial(self._commanded.load, about))

    def _fill(self, _: str) -> Iterator[str]:
        self.pane = 1
        return self._command(self._commanded.fill)

    def _pin(self, _: str) -> Iterator[str]:
        if self.pinned is not None:
            self.pinned = None
            yield "Nothing is compared any more."
            return
        self.pinned = Side(self._snapshot, self.source.title)
        yield f"{moment(self._snapshot)} is pinned as A."

    def _compare(self, about: str) -> Iterator[str]:
        self.compare(about)
        yield from self._differences("")

    def _differences(self, _: str) -> Iterator[str]:
        if self.pinned is None:
            raise UsageError("nothing is compared", hint="= pins this moment, C compares")
        yield from difference_lines(self.pinned, Side(self._snapshot, self.source.title))

    def _difference(self, *, forward: bool) -> Iterator[str]:
        """Go to the next difference, or to the one before, and say what it is."""
        if self.pinned is None:
            raise UsageError("nothing is compared", hint="= pins this moment, C compares")
        found = Superposition(self.pinned.snapshot, self._snapshot)
        near = found.neighbour(self.cursor, forward=forward)
        if near is None:
            raise UsageError("there is no further difference that way")
        self.cursor = near.at
        yield table_line(near, self._snapshot.layout.word_bits)

    def _moved(self, moved: bool, why: str) -> Iterator[str]:
        if not moved:
            raise UsageError(why)
        return self.state()

    def _seek(self, step: int) -> Iterator[str]:
        history = self.source.history
        if not history.first_step <= step <= history.steps:
            raise UsageError("there is no further event that way")
        history.seek(step)
        return self.state()

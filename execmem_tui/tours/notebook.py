"""A notebook: moments that somebody kept, each with a sentence. As TOML it is a tour."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from execmem_tui.files.regular import user_path
from execmem_tui.model.errors import UsageError
from execmem_tui.model.intervals import Interval
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address
from execmem_tui.sources.base import Source, SourceKind
from execmem_tui.sources.simulation import Simulation

Header = Mapping[str, str | bool | Sequence[str]]
"""Keys of a tour's file that say what it shows."""

_NEVER_AGAIN: Final = ("live", "-")


@frozen(kw_only=True)
class Note:
    """One moment."""

    say: str
    """What is to be seen here."""
    step: int | None
    """Of the history; None: before anything happened."""
    at: Address
    """Where the cursor was."""
    area: Interval | None
    """What it was on."""
    pane: int
    """1 to 4."""
    lens: str
    """What colour told; "" for nothing that could be told again."""


def header(source: Source, opened: Sequence[str]) -> Header:
    """Return what shows a source again.

    Args:
        source: what is shown.
        opened: the words of the command line that opened it; none for a simulated machine.

    Raises:
        UsageError: it cannot be shown again.
    """
    if opened:
        return _opened(opened)
    if not isinstance(source, Simulation) or source.kind is not SourceKind.SIMULATE:
        raise UsageError("a tour is being taken: its file is there already")
    if source.history.step > source.born:
        raise UsageError(
            "a notebook cannot keep what was done by hand",
            hint="u takes it back; a scenario keeps it: execmem-tui help scenarios",
        )
    layout = source.history.layout
    kaslr = layout.kaslr.removeprefix("seed-").replace("on-example", "example")
    found: dict[str, str | bool] = {
        "arch": layout.arch,
        "kernel": layout.kernel.rpartition(".")[0] or layout.kernel,
        "variant": layout.variant,
        "kaslr": "off" if kaslr in ("n/a", "unknown") else kaslr,
    }
    return found | {"booted": True} if source.born else found


def _opened(words: Sequence[str]) -> Header:
    rest, found, paths = iter(words), {}, []
    for word in rest:
        if word == "--scenario":
            return {"scenario": next(rest)}
        if word == "--phase":
            found["phase"] = next(rest)
        elif word.startswith("--"):
            raise UsageError(f"a notebook cannot keep {printable(word, 20)}")
        elif word in _NEVER_AGAIN:
            raise UsageError("a notebook needs what can be opened again", hint="capture it first")
        else:
            paths.append(str(user_path(word).absolute()))
    return {"open": paths, **found}


@define
class Notebook:
    """Notes on one source.

    Args:
        title: printable; of the source.
        header: of `header`.
    """

    title: str
    header: Header
    notes: list[Note] = field(factory=list)

    def text(self) -> str:
        """Return it as the file of a tour."""
        lines = [f"title = {_value(f'Notes on {self.title}')}"]
        lines += [f"{key} = {_value(value)}" for key, value in self.header.items()]
        for note in self.notes:
            lines += ["", "[[stops]]", f"say = {_value(note.say)}", f"pane = {note.pane}"]
            lines += [] if note.step is None else [f"step = {note.step}"]
            lines += [f'at = "{note.at:#x}"']
            if note.area is not None:
                lines += [f'look = ["{note.area[0]:#x}-{note.area[1]:#x}"]']
            lines += [f"lens = {_value(note.lens)}"] if note.lens else []
        return "\n".join(lines) + "\n"


def _value(value: str | bool | Sequence[str]) -> str:
    """Return a value as TOML has it: JSON's strings and lists, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

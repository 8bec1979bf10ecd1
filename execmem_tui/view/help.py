"""The help: keys by what one wants to do."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

from execmem_tui.view.actions import APP, KERNEL, LOOK, MAP, MOVE, TIME, Action, spelled

_KEYS: Final = 9
"""Columns of the keys."""

FIRST: Final = (
    "fill",
    "allocate",
    "free",
    "undo",
    "why",
    "next_fallback",
    "find",
    "choose",
    "open",
    "tour",
)
"""The ten keys that one begins with."""

_HEADINGS: Final = (
    ("MOVE", (MOVE, MAP)),
    ("CHANGE", (KERNEL,)),
    ("TIME", (TIME,)),
    ("ASK", (LOOK,)),
    ("THE PROGRAM", (APP,)),
)


def help_groups(actions: Sequence[Action], width: int) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (heading, lines) of the groups; a line is the keys, padded, and what they do.

    Ten keys to begin with come first; each is in its group, too. A text too long for
    `width` columns goes on in lines without keys.
    """
    named = {action.id: action for action in actions}
    ten = [named[name] for name in FIRST if name in named]
    groups = [("TEN KEYS TO BEGIN WITH", [line for each in ten for line in _lines(each, width)])]
    for heading, names in _HEADINGS:
        members = [action for action in actions if action.group in names]
        groups.append((heading, [line for each in members for line in _lines(each, width)]))
    return groups


def _lines(action: Action, width: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of one action."""
    keys = spelled(action.keys)
    first, *rest = wrap(action.help, max(10, width - max(_KEYS, len(keys)) - 1))
    yield f"{keys:<{_KEYS}} ", first
    for more in rest:
        yield " " * (_KEYS + 1), more


def word_lines(text: str, width: int) -> Iterator[tuple[str, bool]]:
    """Yield the page of words for a narrow panel: (line, whether it is a meaning).

    A table of two columns would leave 22 of 42 to what is to be read.

    Args:
        text: the page, a table in Markdown.
        width: columns.
    """
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    for word, meaning in rows[1:]:
        yield word, False
        for line in wrap(meaning.replace("`", "").replace("*", ""), width - 2):
            yield f"  {line}", True

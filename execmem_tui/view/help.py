"""The help: keys by what one wants to do."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

from execmem_tui.view.actions import APP, KERNEL, LOOK, MAP, MOVE, TIME, Action, spelled

_KEYS: Final = 9
"""Columns of the keys."""

_HEADINGS: Final = (
    ("MOVE", (MOVE, MAP)),
    ("CHANGE", (KERNEL,)),
    ("TIME", (TIME,)),
    ("ASK", (LOOK,)),
    ("THE PROGRAM", (APP,)),
)


def help_groups(actions: Sequence[Action], width: int) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (heading, lines) of the groups; a line is the keys, padded, and what they do.

    A text too long for `width` columns goes on in lines without keys.
    """
    groups = []
    for heading, names in _HEADINGS:
        lines: list[tuple[str, str]] = []
        for action in actions:
            if action.group in names:
                keys = spelled(action.keys)
                room = max(10, width - max(_KEYS, len(keys)) - 1)
                first, *rest = wrap(action.help, room)
                lines.append((f"{keys:<{_KEYS}} ", first))
                lines += [(" " * (_KEYS + 1), more) for more in rest]
        groups.append((heading, lines))
    return groups


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

"""A conversation over standard input and output."""

import sys
from itertools import count
from typing import Final

from execmem_tui.cli.output import flush, write_lines
from execmem_tui.model.errors import InputError
from execmem_tui.view.talk import Talk

_LONGEST: Final = 1 << 16


def converse(talk: Talk) -> None:
    """Answer each line of standard input until it ends, or a key says so.

    Raises:
        InputError: a line is longer than any that is typed; it may have no end.
    """
    write_lines(talk.greeting())
    flush()
    for number in count(1):
        line = sys.stdin.readline(_LONGEST)
        if len(line) == _LONGEST:
            raise InputError("stdin", number, "line too long")
        if not line:
            return
        write_lines(talk.answer(line))
        flush()
        if talk.over:
            return

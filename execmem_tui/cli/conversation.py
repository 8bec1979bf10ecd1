"""A conversation over standard input and output."""

import sys

from execmem_tui.cli.output import flush, write_lines
from execmem_tui.view.talk import Talk


def converse(talk: Talk) -> None:
    """Answer each line of standard input until it ends, or a key says so."""
    write_lines(talk.greeting())
    flush()
    for line in sys.stdin:
        write_lines(talk.answer(line))
        flush()
        if talk.over:
            return

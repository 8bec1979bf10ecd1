"""Lines of coloured text, decided without a screen.

Words with a tone, cells, and both as plain text.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from execmem_tui.model.units import Bytes
from execmem_tui.view.cells import Cell, Run
from execmem_tui.view.kinds import FALLBACK, FREE, LOOKS, letter


class Tone(StrEnum):
    """How a word is written. Themes say what each looks like."""

    PLAIN = ""
    MUTED = "muted"
    STRONG = "strong"
    ACCENT = "accent"
    ALARM = "alarm"
    GOOD = "good"
    KERNEL = "kernel"


class Word(NamedTuple):
    """A piece of text in one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Piece: TypeAlias = Word | Run
"""What a line is made of."""


def percent(part: Bytes, whole: Bytes) -> str:
    """Return ``48 %``, rounded down: what holds a block is never 0 % of it, nor is it full."""
    share = part * 100 // whole
    return "<1 %" if part and not share else f"{share} %"


def cut_at_end(text: str, width: int) -> str:
    """Return as much of a text as `width` columns hold, ``…`` where something is left out."""
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"


def cut_before_end(text: str, width: int) -> str:
    """Return the first word of a text and as much of its end as `width` columns hold.

    Of a path the end tells most: ``opening …nokaslr-exhaust/trace.txt.gz``.
    """
    word, _, rest = text.partition(" ")
    room = width - len(word) - 2
    if len(text) <= width or room < 1:
        return cut_at_end(text, width)
    return f"{word} …{rest[-room:]}"


def cut_at_word(text: str, width: int) -> str:
    """Return as much of a text as `width` columns hold.

    Whole words, ``…`` where some are left out; no ``·`` before it, with nothing behind.
    """
    if len(text) <= width:
        return text
    if width <= 0:
        return ""
    cut = text[: width - 1]
    if text[width - 1] != " " and " " in cut.strip():
        cut = cut[: cut.rfind(" ")]
    return f"{cut.rstrip(' ·')}…"


def lower_border(note: str, keys: str, width: int) -> str:
    """Return what a dialog's lower border says: a note and the keys, of which the first give way.

    Args:
        note: "" for none.
        keys: joined by `` · ``; the last, how one leaves, stays longest.
        width: columns of the border's text.
    """
    parts = [*([note] if note else []), *keys.split(" · ")]
    first = 1 if note else 0
    while len(parts) > first + 1 and len(" · ".join(parts)) > width:
        del parts[first]
    return cut_at_word(" · ".join(parts), width)


def width_of(pieces: Iterable[Piece]) -> int:
    """Return the columns that a line takes."""
    return sum(len(each.text) if isinstance(each, Word) else each.width for each in pieces)


def cell_letter(cell: Cell) -> str:
    """Return the letter that stands for a cell where there is no colour."""
    if cell.fallback:
        return LOOKS[FALLBACK].letter
    if cell.kind == FREE and cell.reach is not None:
        return {"direct": ".", "plt": "~", "unreachable": "-"}[cell.reach.value]
    return letter(cell.kind, cell.eighths)


def plain_text(pieces: Iterable[Piece]) -> str:
    """Return a line without colour: cells by their letters, an edge as ``|``."""
    parts = []
    for piece in pieces:
        if isinstance(piece, Word):
            parts.append(piece.text)
        elif piece.text:
            parts.append(piece.text.ljust(piece.width, cell_letter(piece.cell)))
        else:
            parts.append(("|" if piece.cell.edge else cell_letter(piece.cell)) * piece.width)
    return "".join(parts)

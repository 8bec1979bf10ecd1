"""Numbers in text from strangers: decimal and hexadecimal, never longer than a machine word.

Python refuses texts of more than 4,300 digits with a `ValueError` of its own and reads much else
(signs, underscores, blanks, digits of other scripts) that no kernel prints.
"""

import re
from typing import Final

_DECIMAL: Final = re.compile(r"[0-9]{1,20}")
_HEXADECIMAL: Final = re.compile(r"(?:0x)?([0-9a-f]{1,16})", re.IGNORECASE)
WORD_END: Final = 1 << 64
"""No number of a kernel is as large."""


def decimal(text: str) -> int | None:
    """Return the number that `text` is in decimal, below 2**64; None where it is none."""
    value = int(text) if _DECIMAL.fullmatch(text) else WORD_END
    return value if value < WORD_END else None


def hexadecimal(text: str) -> int | None:
    """Return the number that `text` is in hexadecimal, with or without 0x.

    None where it is none.
    """
    match = _HEXADECIMAL.fullmatch(text)
    return None if match is None else int(match[1], 16)


def number(text: str) -> int | None:
    """Return the number that `text` is: hexadecimal with 0x, else decimal.

    None where it is none.
    """
    return hexadecimal(text) if text[:2].lower() == "0x" else decimal(text)

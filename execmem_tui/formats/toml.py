"""TOML from strangers: bounded in size, depth and digits before Python's reader sees it.

tomllib raises plain errors of its own on numbers of more than 4,300 digits, takes quadratic time
for long dotted keys, and meets the end of Python's stack in deep lists.
"""

import re
import tomllib
from typing import Any, Final

from execmem_tui.model.errors import InputError
from execmem_tui.model.text import printable

_MAX_DOTS: Final = 100
"""Dots of one line outside quotes; no key has as many parts."""
# Compiled where they are used: most files need neither.
_QUOTED: Final = r'"[^"\n]*"|\'[^\'\n]*\''
_LONG_NUMBER: Final = r"(?<![\w\"'])[+-]?(?:0[xob][0-9a-fA-F_]{17,}|\d[\d_]{19,})"
_WORD: Final = 64


def parse_toml(path: str, data: bytes, limit: int) -> dict[str, Any]:
    """Return what a TOML file says; every whole number in it has at most 64 bits.

    Args:
        path: to be named in errors.
        data: the file, or `limit` + 1 bytes of it.
        limit: how many bytes it may have.

    Raises:
        InputError: it is no TOML, or too big, too deep or too long somewhere.
    """
    if len(data) > limit:
        raise InputError(path, None, f"more than {limit:,} bytes, which is far too big")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InputError(path, data.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MAX_DOTS and re.sub(_QUOTED, "", line).count(".") > _MAX_DOTS:
            raise InputError(path, number, "nested too deeply")
    try:
        table = tomllib.loads(text)
        _check_numbers(table)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(path, str(error), text) from None
    except RecursionError:
        raise InputError(path, None, "nested too deeply") from None
    except ValueError:
        found = re.search(_LONG_NUMBER, text)
        line_of = None if found is None else text.count("\n", 0, found.start()) + 1
        raise InputError(path, line_of, f"a number of more than {_WORD} bits") from None
    return table


def _check_numbers(value: object) -> None:
    if isinstance(value, dict):
        for each in value.values():
            _check_numbers(each)
    elif isinstance(value, list):
        for each in value:
            _check_numbers(each)
    elif isinstance(value, int) and value.bit_length() > _WORD:
        raise ValueError("too long")


def _syntax_error(path: str, message: str, text: str) -> InputError:
    what, _, place = message.rpartition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    if len(words) == 4 and words[0] == "line":
        return InputError(path, int(words[1]), printable(what), column=int(words[3]))
    if place == "end of document)":
        return InputError(path, len(text.splitlines()) or 1, printable(what))
    return InputError(path, None, printable(message))

"""Readers of single values of a scenario file: from what TOML gives to what a step holds.

BadValueError says what is wrong.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from execmem_tui.mm.vmalloc import Purge
from execmem_tui.model.errors import UsageError
from execmem_tui.model.numbers import hexadecimal
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes, parse_size
from execmem_tui.scenarios.expressions import MAX_LENGTH, Comparison, ExpressionError, parse

MAX_COUNT: Final = 1_000_000
"""Of anything in one step."""

MAX_CPUS: Final = 8192

_TEXT_LIMIT: Final = 4000

_DIGITS: Final = 70
"""Characters of a number: 64 bits in binary, with a prefix and a sign."""


class BadValueError(ValueError):
    """A value that a key cannot have."""


def _shown(value: Any) -> str:
    return printable(repr(value), 60)


def caption(value: Any) -> str:
    """Text for people, made printable; lines are joined.

    Raises:
        BadValueError: not a text.
    """
    if not isinstance(value, str):
        raise BadValueError(f"a text is wanted, not {_shown(value)}")
    return printable(" ".join(value.split()), _TEXT_LIMIT)


def word(value: Any) -> str:
    """A name.

    Raises:
        BadValueError: not a text, or empty.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadValueError(f"a name is wanted, not {_shown(value)}")
    return printable(value, 100)


def names(value: Any) -> tuple[str, ...]:
    """One name or a list of them.

    Raises:
        BadValueError: neither.
    """
    found = tuple(word(entry) for entry in (value if isinstance(value, list) else [value]))
    if not found:
        raise BadValueError("the list is empty")
    return found


def boolean(value: Any) -> bool:
    """True or false.

    Raises:
        BadValueError: neither.
    """
    if not isinstance(value, bool):
        raise BadValueError(f"true or false is wanted, not {_shown(value)}")
    return value


def integer(value: Any) -> int:
    """A whole number, also as a text in hexadecimal.

    Raises:
        BadValueError: not a whole number of at most 64 bits.
    """
    try:
        number = int(value, 0) if isinstance(value, str) and len(value) <= _DIGITS else value
    except ValueError:
        raise BadValueError(f"a whole number is wanted, not {_shown(value)}") from None
    if (
        not isinstance(number, int)
        or isinstance(number, bool)
        or not -(1 << 63) <= number < 1 << 64
    ):
        raise BadValueError(f"a whole number is wanted, not {_shown(value)}")
    return number


def count(value: Any) -> int:
    """How many: 1 to a million.

    Raises:
        BadValueError: not such a number.
    """
    return _up_to(value, MAX_COUNT, f"{MAX_COUNT:,}")


def cpus(value: Any) -> int:
    """How many CPUs: 1 to 8192.

    Raises:
        BadValueError: not such a number.
    """
    return _up_to(value, MAX_CPUS, str(MAX_CPUS))


def _up_to(value: Any, most: int, told: str) -> int:
    number = integer(value)
    if not 1 <= number <= most:
        raise BadValueError(f"{number} is out of range: 1 to {told}")
    return number


def address(value: Any) -> Address:
    """A kernel address.

    Raises:
        BadValueError: not a number of 64 bits, or negative.
    """
    number = integer(value)
    if number < 0:
        raise BadValueError(f"an address is wanted, not {_shown(value)}")
    return number


def distance(value: Any) -> int:
    """A signed number of bytes.

    Raises:
        BadValueError: not a whole number.
    """
    return integer(value)


def size(value: Any) -> Bytes:
    """Bytes: a number, or a text such as 64K.

    Raises:
        BadValueError: not a size, or not above 0.
    """
    try:
        number = parse_size(value) if isinstance(value, str) else integer(value)
    except UsageError as error:
        raise BadValueError(error.title) from None
    if not 0 < number < 1 << 62:
        raise BadValueError(f"{number} is no size: it is at least one byte")
    return number


def percentage(value: Any) -> float:
    """A percentage, above 0 and at most 100.

    Raises:
        BadValueError: not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise BadValueError(f"a percentage above 0 and up to 100 is wanted, not {_shown(value)}")
    return float(value)


def execmem_type(value: Any) -> ExecmemType:
    """A type of `enum execmem_type`.

    Raises:
        BadValueError: there is none of that name.
    """
    if isinstance(value, str) and value in ExecmemType.__members__:
        return ExecmemType[value]
    raise BadValueError(f"no execmem type {_shown(value)}: {', '.join(ExecmemType.__members__)}")


def purge(value: Any) -> str:
    """A kind of purge.

    Raises:
        BadValueError: there is none of that name.
    """
    kinds = [kind.value for kind in Purge]
    if value in kinds:
        return str(value)
    raise BadValueError(f"no purge {_shown(value)}: {', '.join(kinds)}")


def comparisons(value: Any) -> tuple[Comparison, ...]:
    """One comparison or a list of them; names are checked by the reader of the file.

    Raises:
        BadValueError: one cannot be read.
    """
    found = []
    for text in value if isinstance(value, list) else [value]:
        try:
            found.append(parse(printable(text, MAX_LENGTH + 1) if isinstance(text, str) else ""))
        except ExpressionError as error:
            raise BadValueError(f"{_shown(text)}: {error}") from None
    if not found:
        raise BadValueError("the list is empty")
    return tuple(found)


def nested(value: Any) -> list[Mapping[str, Any]]:
    """A list of step tables; the reader of the file turns them into steps.

    Raises:
        BadValueError: something else.
    """
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(entry, dict) for entry in value)
    ):
        raise BadValueError("a list of steps is wanted")
    return value


def factor(value: Any) -> float:
    """A factor, 0.1 to 100.

    Raises:
        BadValueError: not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 100:
        raise BadValueError(f"a factor of 0.1 to 100 is wanted, not {_shown(value)}")
    return float(value)


def draw(value: Any) -> str:
    """A draw: off, example or a seed.

    Raises:
        BadValueError: neither a text nor a whole number.
    """
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else word(value)


def occupied(value: Any) -> tuple[tuple[Address, Address, str], ...]:
    """A list of ``START-END owner`` with hexadecimal addresses, as /proc/vmallocinfo writes them.

    Sorted.

    Raises:
        BadValueError: one cannot be read, or two overlap.
    """
    found = []
    for text in names(value):
        place, _, owner = text.partition(" ")
        first, separator, last = place.partition("-")
        start, end = hexadecimal(first) or 0, hexadecimal(last) or 0
        if not separator or not 0 < start < end:
            raise BadValueError(f"not START-END owner: {_shown(text)}")
        found.append((start, end, owner.strip() or "vmalloc"))
    found.sort()
    for before, after in pairwise(found):
        if after[0] < before[1]:
            raise BadValueError(f"{after[0]:#x} lies in the area that starts at {before[0]:#x}")
    return tuple(found)

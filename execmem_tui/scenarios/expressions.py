"""The little language of `expect`: two sums of names and numbers with a comparison between them.

Nothing is evaluated as code.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from execmem_tui.model.records import frozen

Value = int | float | str | bool | None
"""What a name can mean: a count, bytes, an address, a word, true or false, or none."""

Reader = Callable[[str], Value]
"""From a name to its value now."""

MAX_LENGTH: Final = 300
"""Characters of one expression, which bounds its nesting too."""

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>0x[0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9]+)?(?P<unit>[KMGT]i?B?)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_][\w.]*)|(?P<word>'[^']*')|(?P<operator>==|!=|<=|>=|//|[-+*<>()]))"
)
_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_CONSTANTS: Final[Mapping[str, Value]] = {"true": True, "false": False, "none": None}
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: Final[Mapping[str, Callable[[int | float, int | float], int | float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
}


class ExpressionError(ValueError):
    """An expression that cannot be read, or that compares what cannot be compared."""


@frozen
class Number:
    """A literal: a number, a quoted word, true, false or none."""

    value: Value

    def get(self, read: Reader) -> Value:
        """Return the value."""
        del read
        return self.value

    def names(self) -> Iterator[str]:
        """Yield nothing."""
        return iter(())


@frozen
class Name:
    """A named value."""

    name: str

    def get(self, read: Reader) -> Value:
        """Ask `read`."""
        return read(self.name)

    def names(self) -> Iterator[str]:
        """Yield the name."""
        yield self.name


@frozen
class Operation:
    """Two terms and + - * or //."""

    sign: str
    left: "Term"
    right: "Term"

    def get(self, read: Reader) -> Value:
        """Compute.

        Raises:
            ExpressionError: a term is no number, or a division by zero.
        """
        left, right = self.left.get(read), self.right.get(read)
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise ExpressionError(f"cannot compute {left!r} {self.sign} {right!r}")
        if self.sign == "//" and right == 0:
            raise ExpressionError("division by zero")
        return _ARITHMETIC[self.sign](left, right)

    def names(self) -> Iterator[str]:
        """Yield the names of both terms."""
        yield from self.left.names()
        yield from self.right.names()


Term = Number | Name | Operation


@frozen
class Comparison:
    """One expectation: `text` as written and what it means."""

    text: str
    left: Term
    sign: str
    right: Term

    def check(self, read: Reader) -> tuple[bool, Value]:
        """Return whether it holds, and the value on the left.

        Raises:
            ExpressionError: the two sides have no order.
        """
        left, right = self.left.get(read), self.right.get(read)
        try:
            return _COMPARISONS[self.sign](left, right), left
        except TypeError:
            raise ExpressionError(f"{left!r} and {right!r} have no order") from None

    def names(self) -> Iterator[str]:
        """Yield every name in it."""
        yield from self.left.names()
        yield from self.right.names()


def parse(text: str) -> Comparison:
    """Read one comparison, such as ``meters.MODULE_TEXT.largest_hole < 2M``.

    Raises:
        ExpressionError: it is none.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    parser = _Parser(text)
    left = parser.sum()
    sign = parser.take()
    if sign is None or sign not in _COMPARISONS:
        raise ExpressionError("a comparison needs ==, !=, <, <=, > or >= between two values")
    right = parser.sum()
    rest = parser.take()
    if rest is not None:
        raise ExpressionError(f"nothing may follow the comparison: {rest!r}")
    return Comparison(text.strip(), left, sign, right)


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._tokens: list[re.Match[str]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise ExpressionError(f"cannot read {text[at:].strip()[:20]!r}")
            self._tokens.append(match)
            at = match.end()
        self._at = 0

    def _peek(self) -> str | None:
        return self._tokens[self._at].group().strip() if self._at < len(self._tokens) else None

    def take(self) -> str | None:
        """Return the next token's text and go on, or None at the end."""
        found = self._peek()
        self._at += found is not None
        return found

    def sum(self) -> Term:
        """Products with + and - between them."""
        term = self._product()
        while self._peek() in ("+", "-"):
            sign = self.take()
            assert sign is not None
            term = Operation(sign, term, self._product())
        return term

    def _product(self) -> Term:
        term = self._atom()
        while self._peek() in ("*", "//"):
            sign = self.take()
            assert sign is not None
            term = Operation(sign, term, self._atom())
        return term

    def _atom(self) -> Term:
        text = self.take()
        if text is None:
            raise ExpressionError("a value is missing at the end")
        match = self._tokens[self._at - 1]
        if match["number"]:
            return Number(_number(match))
        if match["name"]:
            return Number(_CONSTANTS[text]) if text in _CONSTANTS else Name(text)
        if match["word"]:
            return Number(text[1:-1])
        if text == "-":
            return Operation("-", Number(0), self._atom())
        if text == "(":
            term = self.sum()
            if self.take() != ")":
                raise ExpressionError("a closing parenthesis is missing")
            return term
        raise ExpressionError(f"a value is missing before {text!r}")


def _number(match: re.Match[str]) -> int | float:
    unit = match["unit"]
    text = match["number"].replace("_", "")
    if text.startswith("0x"):
        return int(text, 16)
    scale = 1
    if unit:
        text, scale = text[: -len(unit)], _UNITS[unit[0]]
    if "." not in text:
        return int(text) * scale
    value = float(text) * scale
    return int(value) if unit and value.is_integer() else value

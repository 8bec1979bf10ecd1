"""The language of expectations: a model in Python, and everything that is no expression refused."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.scenarios.expressions import ExpressionError, Value, parse

NAMES: dict[str, Value] = {"a": 7, "b.c_D": -3, "word": "fallback", "flag": True, "nothing": None}
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
sums = st.recursive(
    st.one_of(
        st.integers(0, 1 << 50).map(lambda number: (str(number), number)),
        st.integers(0, 1 << 50).map(lambda number: (hex(number), number)),
        st.sampled_from(
            [("a", 7), ("b.c_D", -3), ("3K", 3072), ("1.5M", 3 << 19), ("12_000", 12000)]
        ),
    ),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda parts: (
            f"({parts[0][0]} {parts[1]} {parts[2][0]})",
            {"+": operator.add, "-": operator.sub, "*": operator.mul}[parts[1]](
                parts[0][1], parts[2][1]
            ),
        )
    ),
    max_leaves=6,
)


@given(sums, st.sampled_from(list(COMPARE)), sums)
def test_arithmetic_is_that_of_whole_numbers(
    left: tuple[str, int], sign: str, right: tuple[str, int]
) -> None:
    text = f"{left[0]} {sign} {right[0]}"
    if len(text) > 300:
        return
    assert parse(text).check(NAMES.__getitem__) == (COMPARE[sign](left[1], right[1]), left[1])


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("1 + 2 * 3 == 7", True),
        ("10 - 3 - 2 == 5", True),
        ("a // 2 == 3", True),
        ("-a == -7", True),
        ("word == 'fallback'", True),
        ("word != 'preferred'", True),
        ("flag == true", True),
        ("nothing == none", True),
        ("nothing == 0", False),
        ("1008M == 1056964608", True),
        ("2MiB == 0x200000", True),
        ("a<8", True),
    ],
)
def test_what_is_written(text: str, holds: bool) -> None:
    assert parse(text).check(NAMES.__getitem__)[0] is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a ==",
        "== 3",
        "a == 1 == 2",
        "a = 3",
        "(a == 3",
        "(a < 3) == 1",
        "__import__('os') == 1",
        "a[0] == 1",
        "a; b == 1",
        "'open == 1",
        "1..2 == 3",
        "3X == 3",
        "a == 1" + " " * 300,
        "(" * 120 + "1" + ")" * 120 + " == 1" * 2,
    ],
)
def test_what_is_no_comparison_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize("text", ["word < 3", "nothing + 1 == 1", "a // 0 == 1", "'x' >= 1"])
def test_what_has_no_order_says_so(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text).check(NAMES.__getitem__)

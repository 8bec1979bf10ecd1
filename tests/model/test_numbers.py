"""Numbers in text from strangers."""

import pytest

from execmem_tui.model.numbers import decimal, hexadecimal, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("18446744073709551615", (1 << 64) - 1),
        ("18446744073709551616", None),
        ("0" * 21, None),
        ("9" * 5000, None),
        ("", None),
        ("-1", None),
        ("1_0", None),
        (" 1", None),
        ("٣", None),
        ("0x1", None),
    ],
)
def test_decimal(text: str, value: int | None) -> None:
    assert decimal(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ffff", 0xFFFF),
        ("0xFFFF", 0xFFFF),
        ("f" * 16, (1 << 64) - 1),
        ("f" * 17, None),
        ("0x", None),
        ("", None),
        ("ff ff", None),
        ("-1", None),
    ],
)
def test_hexadecimal(text: str, value: int | None) -> None:
    assert hexadecimal(text) == value


def test_number_goes_by_its_prefix() -> None:
    assert (number("10"), number("0x10"), number("0X10"), number("ff")) == (10, 16, 16, None)

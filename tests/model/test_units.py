"""Sizes and addresses: what is read is what was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.text import printable
from execmem_tui.model.units import (
    align_down,
    align_up,
    exact_size,
    format_size,
    hex_address,
    parse_address,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("64K", 65536),
        ("64KiB", 65536),
        ("1.5M", 1572864),
        ("0x1000", 4096),
        ("2g", 2 << 30),
        ("1T", 1 << 40),
        ("7P", 7 << 50),
        ("1.5E", 3 << 59),
    ],
)
def test_sizes_are_read_in_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "K", "4 apples", "-4K", "0.3", "1e6", "0x", "12\x1b[31m", "9" * 4400, "0." + "9" * 4400,
     "0x" + "f" * 4400, "\u0663"],
)  # fmt: skip
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_size(text)
    assert "\x1b" not in str(caught.value)


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_an_address_survives_printing(address: int) -> None:
    assert parse_address(hex_address(address)) == address
    assert parse_address(hex(address)) == address


@pytest.mark.parametrize("text", ["", "_", "xyz", "1" * 17, "0x" + "f" * 17, "-1"])
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


@given(st.integers(min_value=0, max_value=2**50), st.integers(min_value=0, max_value=30))
def test_alignment_brackets_the_value(value: int, shift: int) -> None:
    down, up = align_down(value, 1 << shift), align_up(value, 1 << shift)
    assert down <= value <= up
    assert up - down in (0, 1 << shift)
    assert down % (1 << shift) == up % (1 << shift) == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (512, "512B"),
        (4096, "4K"),
        (1153434, "1.1M"),
        (128 << 20, "128M"),
        (2**47 - 2**31, "128T"),
        (512 << 40, "512T"),
        (7339904 << 40, "7E"),
        (-4096, "-4K"),
    ],
)
def test_sizes_are_printed_short(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1, "1B"),
        (1536, "1.5K"),
        (1 << 20, "1M"),
        (1152 << 10, "1152K"),
        (2304 << 10, "2304K"),
        (3 << 19, "1.5M"),
        (1 << 59, "512P"),
    ],
)
def test_a_scale_is_printed_to_the_byte(size: int, text: str) -> None:
    """A row of 1152K read ``1.1M``, and its neighbour's address did not agree."""
    assert exact_size(size) == text


@given(st.text(max_size=300))
def test_printable_text_cannot_steer_a_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_input_errors_name_file_line_and_column() -> None:
    assert str(InputError("a\x1bb", 3, "broken", column=7)) == "a\\x1bb:3:7: broken"

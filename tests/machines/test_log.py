"""Which machine a kernel log comes from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.arch import architecture, architectures
from execmem_tui.machines.log import LogWitness

MARKS = [
    (name, word, pattern)
    for name in architectures()
    for word, pattern in architecture(name).log_marks
]


@settings(max_examples=20)
@given(st.data())
@pytest.mark.parametrize(("name", "word", "pattern"), MARKS)
def test_a_mark_holds_the_word_by_which_it_is_found(
    name: str, word: str, pattern: str, data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(pattern))
    assert word in text
    witness = LogWitness()
    assert list(witness.watch([(1, "before"), (2, text)])) == [(1, "before"), (2, text)]
    assert witness.machine().arch in (name, None)  # None: others print it, too


def test_a_machine_is_told_by_any_of_its_lines() -> None:
    witness = LogWitness()
    lines = [(number, "usb 1-1: new device") for number in range(1, 3000)]
    lines[1500] = (1501, "Krnl PSW : 0704c00180000000")
    assert list(witness.watch(lines)) == lines
    assert witness.machine().arch == "s390"

"""Where the vmalloc window lies, as /proc/meminfo measures it and percpu chunks end it."""

import pytest
from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.arch.estimates import is_as_measured, window_under_percpu
from execmem_tui.model.facts import Facts

LAYOUT = resolve("loongarch", "7.1")
TOTAL = LAYOUT.vmalloc_end - LAYOUT.vmalloc_start
ALIGNMENT = LAYOUT.pmd_size


@pytest.mark.parametrize(
    ("below", "measured"),
    [(0, True), (4096, True), (ALIGNMENT - 1, True), (ALIGNMENT, False), (-1, False)],
)
def test_the_percpu_chunks_lie_right_under_the_end_up_to_their_alignment(
    below: int, measured: bool
) -> None:
    facts = Facts(percpu_end=LAYOUT.vmalloc_end - below)
    assert is_as_measured(LAYOUT, facts, TOTAL) is measured


def test_meminfo_counts_in_kib() -> None:
    assert is_as_measured(LAYOUT, Facts(), TOTAL)
    assert is_as_measured(evolve(LAYOUT, vmalloc_end=LAYOUT.vmalloc_end + 1023), Facts(), TOTAL)
    assert not is_as_measured(LAYOUT, Facts(), TOTAL - 1024)


def test_the_chunks_end_a_window_that_was_measured() -> None:
    assert window_under_percpu(Facts(percpu_end=1 << 40), 1 << 30) == (
        (1 << 40) - (1 << 30),
        1 << 40,
    )
    assert window_under_percpu(Facts(), 1 << 30) is None

"""Where the vmalloc window lies, as /proc/meminfo measures it and percpu chunks end it."""

import pytest
from attrs import evolve

from execmem_tui.arch import architecture, resolve
from execmem_tui.arch.estimates import is_as_measured, window_under_percpu
from execmem_tui.model.facts import Facts
from execmem_tui.model.ranges import ExecmemType

GIB = 1 << 30
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


@pytest.mark.parametrize(
    ("lowest", "moved"), [(0, 0), (GIB - 4096, 0), (GIB, GIB), (5 * GIB + 4096, 5 * GIB)]
)
def test_the_lowest_area_of_x86_64_is_in_the_first_gib_of_vmalloc(lowest: int, moved: int) -> None:
    """vmalloc_base is drawn in steps of 1 GiB (arch/x86/mm/kaslr.c: kernel_randomize_memory)."""
    layout = resolve("x86", "7.1")
    size = layout.vmalloc_end - layout.vmalloc_start
    facts = Facts(addresses=(layout.vmalloc_start + lowest, 0xFFFFFFFFC0000000))
    start, end = architecture("x86").measured_vmalloc(layout, facts, size)
    assert (start - layout.vmalloc_start, end - start) == (moved, size)


@pytest.mark.parametrize(
    ("width", "fallback"), [(128 << 20, True), (2 * GIB - 4096, True), (2 * GIB, False)]
)
def test_one_window_of_2_gib_is_arm64_s_full_region(width: int, fallback: bool) -> None:
    entry = resolve("arm64", "7.1").range_of(ExecmemType.MODULE_TEXT)
    found = architecture("arm64").requested(entry, [(1 << 47, (1 << 47) + width)])
    assert (found.start, found.end - found.start) == (1 << 47, width)
    assert found.has_fallback is fallback

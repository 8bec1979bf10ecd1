"""The vmalloc window as the requests of a trace state it."""

import pytest
from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.machines.recognise import recognise
from execmem_tui.machines.trace_windows import vmalloc_window
from execmem_tui.model.facts import Facts
from execmem_tui.model.ranges import ExecmemType, Provenance


@pytest.mark.parametrize(("numerator", "taken"), [(4, True), (3, False)])
def test_the_widest_request_is_the_window_only_if_it_is_at_least_half_as_wide(
    numerator: int, *, taken: bool
) -> None:
    """A trace may hold requests for modules alone.

    Their window lies in or beside vmalloc's, but it is much smaller.
    """
    layout = resolve("mips64el", "7.1")
    old = (layout.vmalloc_start, layout.vmalloc_end)
    asked = (old[0], old[0] + (old[1] - old[0]) * numerator // 8)
    found = vmalloc_window(layout, Facts(windows=(asked,)))
    assert found == (asked if taken else old)


def test_a_request_elsewhere_is_not_the_window_however_wide() -> None:
    layout = resolve("mips64el", "7.1")
    width = layout.vmalloc_end - layout.vmalloc_start
    elsewhere = (layout.vmalloc_end, layout.vmalloc_end + 2 * width)
    assert vmalloc_window(layout, Facts(windows=(elsewhere,))) == (
        layout.vmalloc_start,
        layout.vmalloc_end,
    )


@pytest.mark.parametrize(("more", "taken"), [(0, True), (1024, False)])
def test_no_window_begins_below_zero(more: int, *, taken: bool) -> None:
    """VmallocTotal of a stranger's file may be any number."""
    layout = resolve("arm", "6.12")
    total = layout.vmalloc_end + more
    start, end = vmalloc_window(layout, Facts(vmalloc_total=total))
    assert end == layout.vmalloc_end
    assert start == (0 if taken else layout.vmalloc_start)


def test_what_requests_state_is_no_guess() -> None:
    """x86-64 7.3.4 with KASLR: the lowest area lies where the requests of the trace begin."""
    areas = (0xFF6CC12BC0000000, 0xFFFFFFFFC03CD000)
    facts = Facts(
        arch="amd64",
        release="7.3.4+deb13-amd64",
        symbols={"_text": 0xFFFFFFFF9C800000},
        addresses=areas,
        executable={areas[1]: "module"},
    )
    asked = (0xFFFFFFFFC03CD000, 0xFFFFFFFFFF000000)
    seen, told = recognise(facts), recognise(evolve(facts, windows=(asked,)))
    text = ExecmemType.MODULE_TEXT
    assert seen.range_of(text).provenance is Provenance.ASSUMED
    assert "is the lowest area seen" in " ".join(seen.notes)
    assert (told.range_of(text).start, told.range_of(text).end) == asked
    assert told.range_of(text).provenance is Provenance.READ
    assert "lowest" not in " ".join(told.notes)

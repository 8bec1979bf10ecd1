"""The vmalloc window as the requests of a trace state it."""

import pytest

from execmem_tui.arch import resolve
from execmem_tui.machines.trace_windows import vmalloc_window
from execmem_tui.model.facts import Facts


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

"""Where the rules of a replay begin and end."""

import pytest

from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import Event, event_of
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.vmalloc import Vmalloc
from execmem_tui.model.rules import rules_of
from execmem_tui.replay.model import Replay
from execmem_tui.replay.request_classes import in_bounds
from execmem_tui.replay.results import Cause

PAGE = 4096
START = 0xFFFF_8000_8000_0000
END = 0xFFFF_FDFF_BF80_0000


@pytest.mark.parametrize(
    ("start", "inside"),
    [(0x4000, True), (0x20000, True), (0x10000, True), (0x3000, False), (0x24000, False)],
)
def test_the_bounds_of_an_aligned_answer_belong_to_it(start: int, inside: bool) -> None:
    """Both L and C can be the answer: L where the tree shows that area, C where it does not."""
    space = FreeSpace(PAGE, [(0, 0x4000), (0x8000, 0x20000), (0x40000, 1 << 40)], 1 << 40)
    vmalloc = Vmalloc(rules=rules_of("7.1.8"), page_size=PAGE, vmalloc_start=START, vmalloc_end=END)
    vmalloc.space = space
    request = vmalloc.request(0x4000, 0x4000, 0x1000, END)
    assert request.need > 0x4000  # 16 KiB at 0x4000 fit, but the padded size only at 0x20000
    assert in_bounds(space, request, start) is inside


def events(lines: list[str]) -> list[Event]:
    text = [
        f"  {task} [000] .....  {1 + n / 1000:.6f}: {rest}"
        for n, (task, rest) in enumerate(line.split("|") for line in lines)
    ]
    return [event_of(line) for line in parse_trace("t", enumerate(text, 1))]


def alloc(start: int, size: int, failed: int = 0, low: int = START, high: int = END) -> str:
    return (
        f"alloc_vmap_area: va_start: {start} size={size} align=1 vstart=0x{low:x} vend=0x{high:x}"
        f" failed={failed}"
    )


def test_only_the_purge_right_after_a_failed_attempt_is_full() -> None:
    """alloc_vmap_area() empties the pools once; a later purge of the same task only decays them."""
    first = START + 8 * PAGE
    lines = [
        f"a-1|{alloc(START, 2 * PAGE)}",
        f"a-1|{alloc(1, PAGE, failed=1, low=PAGE, high=2 * PAGE)}",
        "a-1|purge_vmap_area_lazy: start=0xffffffffffffffff end=0x0 num_purged=0",
        f"b-2|free_vmap_area_noflush: va_start=0x{START:x} nr_lazy=2 nr_lazy_max=8192",
        f"a-1|purge_vmap_area_lazy: start=0x{START:x} end=0x{first:x} num_purged=1",
    ]
    replay = Replay(rules=rules_of("7.1.8"), page_size=PAGE, window=(START, END), cpus=2)
    replay.run(events(lines))
    assert list(replay.vmalloc.pooled()) == [(START, START + 2 * PAGE)]
    # the first purge itself is full: had the area been lazy by then, nothing would be parked
    early = [lines[0], lines[3], lines[1], lines[4]]
    replay = Replay(rules=rules_of("7.1.8"), page_size=PAGE, window=(START, END), cpus=2)
    replay.run(events(early))
    assert list(replay.vmalloc.pooled()) == []
    assert replay.vmalloc.nr_lazy == 0


def test_areas_of_a_garbled_snapshot_may_overlap() -> None:
    """All that is lazy can be given back, and what counts is busy before what is lazy."""
    at = [START + number * PAGE for number in range(16)]
    replay = Replay(
        rules=rules_of("6.1"),
        page_size=PAGE,
        window=(START, END),
        cpus=1,
        busy=[(at[4], at[6]), (at[5], at[8]), (at[4], at[6])],
        lazy=[(at[0], at[5]), (at[8], at[12]), (at[9], at[10])],
    )
    assert {area.start: area.end for area in replay.vmalloc.busy.values()} == {at[4]: at[6]}
    assert [(area.start, area.end) for area in replay.vmalloc.lazy()] == [(at[8], at[12])]
    replay.vmalloc.give_back(full=True)
    assert replay.vmalloc.space.take(at[8], at[12])


def test_without_the_shape_an_allocation_may_be_overtaken_within_bounds() -> None:
    """armhf, a storm of four CPUs: two stacks are told in the other order.

    The first has one of two places of which only the tree's shape tells which; both are above the
    place that the second had before it.
    """
    at = [START + number * PAGE for number in range(40)]
    replay = Replay(
        rules=rules_of("7.1.8"),
        page_size=PAGE,
        window=(START, END),
        cpus=1,
        busy=[(at[0], at[8]), (at[15], at[20]), (at[23], at[28])],
        shaped=False,
    )
    stack = [
        alloc(place, 3 * PAGE).replace("align=1 ", f"align={4 * PAGE} ")
        for place in (at[20], at[8])
    ]
    found = replay.run(events([f"a-1|{stack[0]}", f"b-2|{stack[1]}"]))
    (miss,) = found.misses
    assert (miss.predicted, miss.request.start) == (at[8], at[20])
    assert miss.cause is Cause.OVERTAKEN

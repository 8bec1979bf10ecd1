"""Text of a trace: three printers, probes of old kernels, lost events, hostile lines."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.formats.trace import (
    TraceReader,
    parse_trace,
)
from execmem_tui.formats.trace_event import (
    EVERYTHING,
    Alloc,
    Event,
    Free,
    Header,
    Lost,
    Other,
    Purge,
    TraceLine,
    full,
)
from execmem_tui.model.errors import InputError

ALLOC = (
    "alloc_vmap_area: va_start: 18446603338452434944 size=20480 align=4096 vstart=0x1000 vend=0xff"
    " failed=0"
)


def parse(*lines: str) -> list[TraceLine]:
    """Return what lines say: one by one, and the same all at once."""
    found = list(parse_trace("t", enumerate(lines, 1)))
    if not any("\n" in line for line in lines):
        events: list[Event] = []
        TraceReader("t").read(1, "".join(f"{line}\n" for line in lines), events)
        assert [full(event) for event in events] == found
    return found


@pytest.mark.parametrize(
    "line",
    [
        f"          insmod-99      [002] .....     4.627222: {ALLOC}",
        f"          insmod-99      (   99) [002] d..1.     4.627222: {ALLOC}",
        f"          insmod-99    [002]     4.627222: {ALLOC.replace(': ', ':      ', 1)}",
        f"insmod    99 [002]     4.627222: vmalloc:{ALLOC}",
        f"insmod    99/101 [002]     4.627222:  vmalloc:{ALLOC}",
    ],
    ids=["tracefs", "record-tgid", "trace-cmd", "perf", "perf with tid"],
)
def test_printers_agree(line: str) -> None:
    assert parse(line) == [
        Alloc(
            1,
            4.627222,
            "insmod-99",
            2,
            18446603338452434944,
            20480,
            4096,
            0x1000,
            0xFF,
            failed=False,
        )
    ]


def test_task_names_with_spaces_and_dashes() -> None:
    (line,) = parse("  kworker/0:1-ev t-23 [000] ..... 1.000000: module_put: xfs refcnt=1")
    assert isinstance(line, Other)
    assert (line.task, line.name) == ("kworker/0:1-ev t-23", "module_put")


def test_free_purge_and_header() -> None:
    assert parse(
        "# entries-in-buffer/entries-written: 10/12   #P:2",
        "a-1 [000] ..... 1.5: free_vmap_area_noflush: va_start=0xff00 nr_lazy=5 nr_lazy_max=8192",
        "a-1 [001] ..... 1.6: purge_vmap_area_lazy: start=0xff00 end=0xff80 num_purged=2",
        "CPU:1 [LOST 17 EVENTS]",
        "CPU:1 [18 EVENTS DROPPED]",
    ) == [
        Header(1, 12, 10, 2),
        Free(2, 1.5, "a-1", 0, 0xFF00, 5),
        Purge(3, 1.6, "a-1", 1, 0xFF00, 0xFF80, 2),
        Lost(4, 17),
        Lost(5, 18),
    ]


def test_probes_say_the_same_where_there_are_no_events() -> None:
    lines = parse(
        "a-1 [000] ..... 1.0: ava: (alloc_vmap_area+0x0/0x7b0) size=8192 align=1 vstart=0xf77fe000"
        " vend=0xfeffe000",
        "b-2 [001] ..... 1.1: ava: (alloc_vmap_area+0x0/0x7b0) size=4096 align=1 vstart=0xf77fe000"
        " vend=0xfeffe000",
        "a-1 [000] ..... 1.2: ava_ret: (f+0x8c/0x120 <- alloc_vmap_area) va_start=0xf780d000"
        " va_end=0xf7812000",
        "b-2 [001] ..... 1.3: ava_ret: (f+0x8c/0x120 <- alloc_vmap_area) va_start=(fault)"
        " va_end=(fault)",
        "a-1 [000] ..... 1.4: fn: (free_vmap_area_noflush+0x0/0x2d0) va_start=0xf780d000"
        " va_end=0xf7812000",
        "a-1 [000] ..... 1.5: purge: (__purge_vmap_area_lazy+0x0/0x660) start=0xffffffff end=0x0",
    )
    assert lines == [
        Alloc(3, 1.2, "a-1", 0, 0xF780D000, 8192, 1, 0xF77FE000, 0xFEFFE000, failed=False),
        Alloc(4, 1.3, "b-2", 1, 0, 4096, 1, 0xF77FE000, 0xFEFFE000, failed=True),
        Free(5, 1.4, "a-1", 0, 0xF780D000, 0),
        Purge(6, 1.5, "a-1", 0, 0, 0, EVERYTHING),
    ]


@pytest.mark.parametrize(
    "said",
    [
        "purge_vmap_area_lazy: start=0x1 end=0x2 num_purged=0",
        "purge_vmap_area_lazy: start=0xffffffffffffffff end=0x0 num_purged=0",
        "free_vmap_area_noflush: va_start=0xff00 nr_lazy=5 nr_lazy_max=8192",
        ALLOC,
    ],
)
def test_probes_do_not_count_beside_events(said: str) -> None:
    native = f"a-1 [000] ..... 1.0: {said}"
    probe = (
        "a-1 [000] ..... 1.5: purge: (__purge_vmap_area_lazy+0x0/0x660) start=0xffffffff end=0x0"
    )
    assert isinstance(parse(probe, native, probe)[0], Purge)
    assert isinstance(parse(native, probe)[1], Other)


def test_a_cut_event_names_its_line() -> None:
    with pytest.raises(InputError, match="t:2: a alloc_vmap_area event that is cut"):
        parse("# x", "a-1 [000] ..... 1.0: alloc_vmap_area: va_start: 184466033384")


def test_what_is_no_trace_is_refused() -> None:
    with pytest.raises(InputError, match="not a line of a trace"):
        parse(*["hello"] * 200)


def test_a_hundred_foreign_lines_may_stand_before_the_first_event() -> None:
    """A console or an e-mail around a trace is no reason to refuse it; a whole file of them is."""
    event = "a-1 [000] ..... 1.0: purge_vmap_area_lazy: start=0x1 end=0x2 num_purged=0"
    assert len(parse(*["[ 1.0] a console"] * 100, event)) == 1
    with pytest.raises(InputError, match="t:101: not a line of a trace"):
        parse(*["[ 1.0] a console"] * 101, event)


def test_no_control_character_gets_through() -> None:
    (line,) = parse("\x1b[31ma-1 [000] ..... 1.0: tracing_mark_write: \x1b]0;x\x07 hi")
    assert isinstance(line, Other)
    assert not any(char < " " for char in line.task + line.text)


@given(st.lists(st.text(max_size=120), max_size=50))
def test_any_text_parses_or_is_refused(lines: list[str]) -> None:
    with suppress(InputError):
        parse(*lines)


@pytest.mark.parametrize(
    "said",
    [
        "va_start: 18446744073709551615 size=20480 align=4096 vstart=0x1 vend=0x2 failed=0",
        "va_start: 4096 size=18446744073709551615 align=4096 vstart=0x1 vend=0x2 failed=0",
        "va_start: 4096 size=0 align=4096 vstart=0x1 vend=0x2 failed=0",
        "va_start: 4096 size=4095 align=4096 vstart=0x1 vend=0x2 failed=0",
        "va_start: 4096 size=4096 align=3 vstart=0x1 vend=0x2 failed=0",
        "va_start: 0 size=4096 align=1 vstart=0x1 vend=0x2 failed=0",
        "va_start: 4097 size=4096 align=1 vstart=0x1 vend=0x2 failed=0",
    ],
)
def test_events_that_no_kernel_prints_are_refused(said: str) -> None:
    good = (
        "a-1 [000] ..... 1.000000: alloc_vmap_area: va_start: 8192 size=4096 align=4096 vstart=0x1"
        " vend=0x2 failed=0"
    )
    bad = f"a-1 [000] ..... 1.000000: alloc_vmap_area: {said}"
    for before in ([], [good], [good, good]):  # the first of a kind is read by another road
        lines = [*before, bad]
        with pytest.raises(InputError, match=rf"f:{len(lines)}: "):
            list(parse_trace("f", enumerate(lines, 1)))
    failed = good.replace("failed=0", "failed=1").replace("8192", "18446744073709551604")
    assert len(list(parse_trace("f", enumerate([good, failed], 1)))) == 2


@pytest.mark.parametrize(
    "line",
    [
        "CPU:0 [LOST " + "9" * 4400 + " EVENTS]",
        "# entries-in-buffer/entries-written: " + "9" * 30 + "/1   #P:2",
    ],
)
def test_numbers_without_end_are_refused(line: str) -> None:
    with pytest.raises(InputError, match="f:1: a number longer"):
        list(parse_trace("f", [(1, line)]))


def test_long_lines_cost_little() -> None:
    """Blanks and halves of a line without end: a pattern that goes back and forth would not end."""
    lines = [" " * 60_000, "a-" + "1" * 60_000, ("a 1 " * 15_000), "PERF_RECORD_LOST " * 3800]
    assert list(parse_trace("f", enumerate(lines, 1))) == []


def test_empty_lines_stand_anywhere_and_count() -> None:
    event = "a-1 [000] ..... 1.0: purge_vmap_area_lazy: start=0x1 end=0x2 num_purged=0"
    found = parse("", "#", event, *[""] * 500, event, "#", event)
    assert [line.line for line in found] == [3, 504, 506]
    with pytest.raises(InputError, match="not a line of a trace"):
        parse(*[""] * 500, *["hello"] * 200)


@pytest.mark.parametrize("odd", ["\xad", "\u202e", "\x1b[31m", "\x9b", "\u200b"])
def test_no_name_of_a_task_steers_a_terminal(odd: str) -> None:
    lines = [
        (
            f"  {odd}sh-1 [000] ..... 1.5: alloc_vmap_area: va_start: 3204448256 size=8192 align=1"
            " vstart=0xbf000000 vend=0xbfe00000 failed=0"
        ),
        (
            f"  {odd}sh-1 [000] ..... 1.6: free_vmap_area_noflush: va_start=0xbf000000 nr_lazy=2"
            " nr_lazy_max=4"
        ),
        (
            f"  {odd}sh-1 [000] ..... 1.7: purge_vmap_area_lazy: start=0xbf000000 end=0xbf002000"
            " num_purged=1"
        ),
        f"  {odd}sh-1 [000] ..... 1.8: module_load: m",
    ]
    found = list(parse_trace("trace", enumerate(lines, 1)))
    assert len(found) == 4
    for line in found:
        assert not isinstance(line, Lost | Header)
        assert line.task.isprintable()
        assert line.task.endswith("sh-1")

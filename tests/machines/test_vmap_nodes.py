"""The number of vmap nodes, from the order of /proc/vmallocinfo.

What a replay starts from where little is stated.
"""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.machines.vmap_nodes import MAX_NODES, vmap_nodes

PAGE = 4096
ZONE = 16 * PAGE


def entry(start: int, *, lazy: bool = False) -> VmallocEntry:
    return VmallocEntry(
        start=start,
        end=start + 2 * PAGE,
        size=2 * PAGE,
        caller=None,
        flags=(),
        pages=1,
        phys=None,
        lazy=lazy,
        line=1,
    )


def listed(starts: set[int], nodes: int) -> list[VmallocEntry]:
    """The order in which a kernel with so many nodes lists its areas."""
    return [
        entry(start) for start in sorted(starts, key=lambda start: (start // ZONE % nodes, start))
    ]


@given(st.integers(1, MAX_NODES), st.sets(st.integers(0, 1 << 16), min_size=1, max_size=60))
def test_the_number_is_told_or_nothing_is(nodes: int, pages: set[int]) -> None:
    told = vmap_nodes([listed({page * PAGE for page in pages}, nodes)], PAGE)
    assert told in (nodes, None)


@given(st.integers(1, 16))
def test_many_areas_tell_it(nodes: int) -> None:
    files = [listed({number * ZONE for number in range(300)}, nodes)]
    assert vmap_nodes(files, PAGE) == nodes


def test_lazy_areas_come_last_whatever_their_place() -> None:
    entries = [*listed({number * ZONE for number in range(300)}, 2), entry(5 * PAGE, lazy=True)]
    assert vmap_nodes([entries], PAGE) == 2
    assert vmap_nodes([[entry(9 * ZONE), entry(8 * ZONE), entry(7 * ZONE)], entries], PAGE) is None


def test_of_windows_as_wide_the_one_asked_for_most_is_vmallocs(tmp_path: Path) -> None:
    line = (
        "  task-1  [000] .....  0.{0:06d}: alloc_vmap_area: va_start: {1} size=8192 align=1 {2}"
        " failed=0\n"
    )
    wide = (
        "vstart=0xc00a000000000000 vend=0xc00b000000000000",
        "vstart=0xc008000000000000 vend=0xc009000000000000",
    )
    starts = (0xC00A_0000_0000_0000, 0xC008_0000_0000_0000, 0xC008_0000_0000_2000)
    text = "# tracer: nop\n# entries-in-buffer/entries-written: 3/3   #P:3\n"
    text += "".join(
        line.format(number, start, wide[number > 0]) for number, start in enumerate(starts)
    )
    (tmp_path / "trace.txt").write_text(text)
    (tmp_path / "version").write_text("Linux version 6.12.107 (gcc) #1\n")
    run = read_trace_run(tmp_path)
    assert run.window == (0xC008_0000_0000_0000, 0xC009_0000_0000_0000)
    assert (run.cpus, run.kernel, run.page_size) == (3, "6.12.107", 4096)

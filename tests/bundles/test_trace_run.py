"""What a replay starts from."""

from pathlib import Path

import pytest

from execmem_tui.bundles.trace_run import read_trace_run


@pytest.mark.parametrize(
    ("counts", "seconds", "from_boot"),
    [("1/1", 2.9, True), ("1/5", 2.9, False), ("1/1", 3.0, False)],
)
def test_a_lone_trace_is_from_boot_if_it_begins_early_and_lost_nothing(
    tmp_path: Path, counts: str, seconds: float, *, from_boot: bool
) -> None:
    """What was overwritten had shaped the tree; a trace that begins late was switched on late."""
    trace = tmp_path / "trace.txt"
    trace.write_text(
        f"# tracer: nop\n#\n# entries-in-buffer/entries-written: {counts}   #P:2\n"
        f"  sh-1 [000] ..... {seconds}: alloc_vmap_area: va_start: 3204448256 size=8192 align=1"
        " vstart=0xbf000000 vend=0xbfe00000 failed=0\n"
    )
    run = read_trace_run(trace)
    assert run.begins.from_boot is from_boot
    assert run.cpus == 2

"""Small runs of which the right answer is known: what no event told must be found out."""

from pathlib import Path
from typing import Final

import pytest

from execmem_tui.analysis.trace_verify import TraceVerdict, verify_trace
from execmem_tui.replay.results import Cause

CASES: Final = Path(__file__).parents[1] / "data" / "replay-cases"


def counts(verdict: TraceVerdict) -> tuple[int, int, int]:
    return (
        verdict.found.exact.total(),
        verdict.found.checked.total(),
        len(verdict.unexplained),
    )


@pytest.mark.parametrize(
    ("case", "exact", "busy", "lazy"),
    [
        # an insn page taken before the first event, busy in the next snapshot
        ("1-unseen-alloc", 4, 4, 0),
        # a stack that is gone in the next snapshot and whose place was taken
        ("2-unseen-free", 2, 2, 0),
        # a trampoline: making it read-only purged what was lazy
        ("3-unseen-purge", 1, 3, 0),
    ],
)
def test_what_happened_before_the_first_event_is_found_out(
    case: str, exact: int, busy: int, lazy: int
) -> None:
    verdict = verify_trace(CASES / case)
    assert counts(verdict) == (exact, exact, 0)
    assert len(verdict.run.begins.busy) == busy
    assert len(verdict.run.begins.lazy) == lazy


def test_an_insn_page_of_arm64_purges_nothing(tmp_path: Path) -> None:
    """It is mapped PAGE_KERNEL_ROX at once; only x86 changes the permissions of a mapped page."""
    run = tmp_path / "run"
    for name in ("0-boot", "1-modules"):
        (run / name).mkdir(parents=True)
        text = (CASES / "3-unseen-purge" / name / "vmallocinfo").read_text()
        (run / name / "vmallocinfo").write_text(text)
    source = CASES / "3-unseen-purge"
    (run / "trace.txt").write_text((source / "trace.txt").read_text())
    meta = (source / "meta.toml").read_text().replace("amd64", "arm64")
    (run / "meta.toml").write_text(meta)
    assert len(verify_trace(run).run.begins.lazy) == 1


def test_pools_may_have_decayed_before_anything_was_given_back() -> None:
    verdict = verify_trace(CASES / "6-decay-of-a-purge-under-way")
    assert counts(verdict) == (10, 11, 0)
    (miss,) = verdict.found.misses
    assert miss.cause is Cause.DECAY_AHEAD
    assert miss.request.start & 0xFFFFF == 0x0C000
    assert not miss.certain  # a purge of another CPU was under way


# ppc64le with pages of 64K, 7.2.13, from boot: I/O space lies above the vmalloc window
_IO_SPACE = """\
# tracer: nop
<idle>-0 [000] d..1. 0.000000: alloc_vmap_area: va_start: 13837872807196753920 size=131072 IO
init-1 [000] ..... 0.247262: alloc_vmap_area: va_start: 13837872807196884992 size=131072 IO
init-1 [000] ..... 0.366194: alloc_vmap_area: va_start: 13837309855095848960 size=131072 WIDE
init-1 [000] ..... 0.716943: alloc_vmap_area: va_start: 13837309855095980032 size=131072 WIDE
"""


def test_a_window_of_io_space_is_none_of_modules(tmp_path: Path) -> None:
    text = _IO_SPACE.replace(
        "IO\n", "align=65536 vstart=0xc00a000080000000 vend=0xc00bfffffe000000 failed=0\n"
    ).replace("WIDE", "align=1 vstart=0xc008000000000000 vend=0xc00a000000000000 failed=0")
    (tmp_path / "trace.txt").write_text(text)
    (tmp_path / "meta.toml").write_text(
        'arch = "ppc64el"\nkernel = "7.2.13+deb14-powerpc64le-64k"\npage_size = 65536\nsmp = 2\n'
    )
    checked = verify_trace(tmp_path).found.checked
    assert checked == {"other window": 2, "vmalloc page tree": 2}

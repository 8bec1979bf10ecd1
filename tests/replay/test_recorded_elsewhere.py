"""Traces recorded under conditions that the others lack: four CPUs in a storm, probes on 6.1."""

from pathlib import Path
from typing import Final

import pytest

from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.replay.results import Cause

TRACES: Final = Path(__file__).parents[1] / "data" / "traces"


@pytest.mark.parametrize(
    ("name", "begins", "checked", "differ", "causes"),
    [
        # eight shells insert and remove modules, three tasks load BPF programs, all at once
        (
            "amd64-7.3-storm",
            "boot",
            1734,
            4,
            {Cause.DECAY_AHEAD, Cause.DECAY_LATE, Cause.OVERTAKEN},
        ),
        # KASLR, two CPUs; the probes that stand for events were made after the snapshot
        ("arm64-6.1-kaslr", "0-boot", 366, 1, {Cause.UNSEEN}),
    ],
)
def test_every_miss_has_a_cause(
    name: str, begins: str, checked: int, differ: int, causes: set[Cause]
) -> None:
    verdict = verify_trace(TRACES / name)
    assert verdict.run.begins.name == begins
    assert verdict.unexplained == []
    assert verdict.wrong_loads == []
    assert verdict.found.checked.total() == checked
    assert len(verdict.found.misses) <= differ
    assert causes <= {miss.cause for miss in verdict.found.misses}
    # only what was freed before the first event could not be known
    certain = {miss.cause for miss in verdict.found.misses if miss.certain}
    assert certain == ({Cause.UNSEEN} if "6.1" in name else set())
    assert "module window" not in {miss.kind for miss in verdict.found.misses}

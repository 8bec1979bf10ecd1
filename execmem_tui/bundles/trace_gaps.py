"""Where events of a trace are missing: at its beginning on some CPUs, or somewhere within.

Every CPU has a ring buffer of its own. A full one overwrites its oldest events, so that it begins
later than the others: the kernel then prints ``##### CPU 1 buffer started ####`` before the first
event that is left of it (kernel/trace/trace.c: test_cpu_buff_start, only where there were
overruns). ``[LOST 5 EVENTS]`` stands before the next event of the CPU, and the events were lost
anywhere between that and the one before. perf's ``PERF_RECORD_LOST`` is written by the CPU that
lost them; where the text names no CPU, it may be any.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.model.numbers import decimal
from execmem_tui.model.records import frozen

STARTED: Final = "buffer started ####"
_STARTED: Final = re.compile(r"##### CPU (\d{1,6}) buffer started ####")
_LOST: Final = re.compile(r"CPU:(\d{1,6}) \[(?:LOST )?(?:\d+ )?EVENTS")
_LOST_SOMEWHERE: Final = re.compile(r"\bPERF_RECORD_LOST")
_EVENT: Final = re.compile(r"\s*\S.{0,60}?\[(\d{1,6})\]\s")
_CPU: Final = re.compile(r"# cpu(\d{1,6})\s*$")
_COUNTER: Final = re.compile(r"\s*(overrun|dropped events|commit overrun): (\d{1,18})\s*$")


@frozen(kw_only=True)
class RingBuffers:
    """What ``trace_stats_final`` counts."""

    overrun: Mapping[int, int]
    """Overwritten events by CPU: they lie before the first one that is left of it."""
    lost: int = 0
    """Events that were never taken, of all CPUs."""


def ring_buffers(folder: Path) -> RingBuffers:
    """Return the counters beside a trace; empty ones where there are none.

    They are those of ``per_cpu/cpu*/stats``, one file behind the other as a shell lists them, each
    perhaps below a line ``# cpu0``.
    """
    file = find_file(folder, "trace_stats_final") if folder.is_dir() else None
    overrun: dict[int, int] = {}
    counts: list[int] = []
    lost, named = 0, None
    for _, text in () if file is None else read_lines(file):
        name, count = _CPU.match(text), _COUNTER.match(text)
        if name is not None:
            named = decimal(name[1])
        elif count is not None and count[1] != "overrun":
            lost += decimal(count[2]) or 0
        elif count is not None:
            counts.append(decimal(count[2]) or 0)
            if named is not None:
                overrun[named] = counts[-1]
    if not overrun:
        overrun = dict(zip(sorted(range(len(counts)), key=str), counts, strict=True))
    return RingBuffers(overrun=overrun, lost=lost)


@frozen
class Loss:
    """Events that are missing behind line `after` and before line `told`, which says so."""

    after: int
    told: int


@frozen(kw_only=True)
class Gaps:
    """Lines of a trace."""

    begun: int = 0
    """From here on no event was overwritten on any CPU."""
    losses: tuple[Loss, ...] = ()
    """In the order in which they are told."""


def find_gaps(lines: Iterable[tuple[int, str]], overrun: Mapping[int, int]) -> Gaps:
    """Look for the marks that the kernel, or perf, leaves where events are missing.

    Args:
        lines: of the trace.
        overrun: overwritten events by CPU; of a CPU that is not in it any may have been.
    """
    begun = 0
    losses: list[Loss] = []
    last: dict[str, int] = {}
    for number, text in lines:
        event = _EVENT.match(text)
        # first, for what perf tells of a loss looks like an event of the CPU
        if _LOST_SOMEWHERE.search(text) is not None:
            if event is None:
                losses.append(Loss(min(last.values(), default=0), number))
            else:
                losses.append(Loss(last.get(event[1].lstrip("0"), 0), number))
                last[event[1].lstrip("0")] = number
        elif event is not None:
            last[event[1].lstrip("0")] = number
        elif (started := _STARTED.search(text)) is not None:
            if overrun.get(int(started[1]), 1):
                begun = number
        elif (lost := _LOST.search(text)) is not None:
            losses.append(Loss(last.get(lost[1].lstrip("0"), 0), number))
    return Gaps(begun=begun, losses=tuple(losses))

"""The rules of a verdict, in the order in which they are asked: the first that answers decides.

What a message says by itself comes first (a symbol at 0 is no lack of space, however full the range
is), then the size against the range, then what a snapshot shows of the range. Without one, only
what arithmetic proves is said.
"""

from collections.abc import Callable
from typing import Final

from execmem_tui.analysis.diagnosis.case import SNAPSHOT, Case, room_remedy
from execmem_tui.analysis.diagnosis.finding import Judgement, Verdict
from execmem_tui.analysis.diagnosis.no_room import (
    by_size_alone,
    cannot_be_full,
    duplicate_loads,
    shown_by_snapshot,
    size_against_range,
    size_zero,
)
from execmem_tui.analysis.diagnosis.too_far import reach_of_relocation
from execmem_tui.formats.failures import Form


def _no_space(case: Case) -> Judgement | None:
    incident = case.incident
    if incident.form is Form.NOT_SPACE:
        return Judgement(verdict=Verdict.NOT_SPACE, evidence=(incident.why,))
    if incident.form is Form.PERCPU:
        return Judgement(
            verdict=Verdict.NOT_SPACE,
            evidence=(
                (
                    f"the percpu allocator had no {incident.requested or 0:,} bytes left in its"
                    " chunk: it is neither the module area nor vmalloc space"
                ),
            ),
            remedy="percpu_alloc=page, or a larger PERCPU_MODULE_RESERVE",
        )
    if incident.why.startswith("failed to allocate page") or "page order" in incident.why:
        return Judgement(
            verdict=Verdict.NOT_SPACE,
            evidence=(
                f"the kernel says «{incident.why}»: the address was found, pages were missing",
            ),
            remedy="memory, not address space",
            collect=("/proc/meminfo",),
        )
    return None


def _jit_limit(case: Case) -> Judgement | None:
    if case.incident.form is not Form.JIT_LIMIT:
        return None
    return Judgement(
        verdict=Verdict.JIT_LIMIT,
        evidence=(
            (
                "errno 524 is ENOTSUPP of the BPF JIT: what programs may take together"
                " (bpf_jit_limit) is used up; the address space is not"
            ),
            "seccomp filters of containers are BPF programs too",
        ),
        remedy="raise net.core.bpf_jit_limit, and find who never gives programs back",
        collect=(
            "sysctl net.core.bpf_jit_limit net.core.bpf_jit_enable net.core.bpf_jit_harden",
            "the bpf_jit rows of /proc/vmallocinfo",
        ),
    )


def _unknown(case: Case) -> Judgement:
    incident = case.incident
    if incident.form is Form.VMALLOC_SPACE:
        told = "vmalloc space is used up; these kernels print neither size nor range"
    elif case.padded is None and incident.execmem:
        told = (
            "every window was tried; size and range are not printed (the message is rate limited)"
        )
    elif case.padded is None:
        told = "neither size nor range is printed"
    else:
        told = "whether the range is used up or cut up only a snapshot tells"
    return Judgement(
        verdict=Verdict.CANNOT_TELL,
        evidence=(told,),
        remedy=room_remedy(case),
        collect=SNAPSHOT,
    )


_RULES: Final[tuple[Callable[[Case], Judgement | None], ...]] = (
    _no_space,
    _jit_limit,
    size_zero,
    reach_of_relocation,
    size_against_range,
    cannot_be_full,
    duplicate_loads,
    shown_by_snapshot,
    by_size_alone,
)


def judge(case: Case) -> Judgement:
    """Return the verdict on one incident."""
    for rule in _RULES:
        found = rule(case)
        if found is not None:
            return found
    return _unknown(case)

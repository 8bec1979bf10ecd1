"""The rules of a verdict, in the order in which they are asked: the first that answers decides.

What a message says by itself comes first (a symbol at 0 is no lack of space, however full the range
is), then the size against the range, then what a snapshot shows of the range. Without one, only
what arithmetic proves is said.
"""

from collections.abc import Callable
from typing import Final

from execmem_tui.analysis.diagnosis.asker import EXECMEM, Asker, AskerKind
from execmem_tui.analysis.diagnosis.finding import Judgement, Verdict
from execmem_tui.analysis.diagnosis.incidents import Incident
from execmem_tui.analysis.diagnosis.relocations import Distance
from execmem_tui.analysis.diagnosis.space import Space
from execmem_tui.arch import architecture
from execmem_tui.formats.failures import Form
from execmem_tui.model.reach import ReachKind
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Bytes, format_size

_SNAPSHOT: Final = (
    "/proc/vmallocinfo",
    "/proc/modules",
    "/proc/kallsyms",
    "the boot configuration",
)
_ONE_LOAD: Final = (
    "a kernel that loads a file once (idempotent finit_module, 6.5), or udev with fewer workers"
)
_CANNOT_FILL: Final = 20
"""A range of more than 2^20 times the request is not filled by anything a machine has."""
_TINY: Final = 256
"""A range without a hole for 1/256 of it is used up; splitting it so finely by chance takes more
areas than it has room for."""
_MANY: Final = 8
"""Equal requests of different tasks that make a race of duplicate loads: udev starts one per
CPU."""
_LEAK_AREAS: Final = 1000
_LEAK_SHARE: Final = 2
"""A leak: more areas than any driver needs, and at least half of what is used."""
_IMPLAUSIBLE: Final = 1 << 46
"""No machine has as much memory to put there: a size read from a device, or a negative number."""


@frozen(kw_only=True)
class Case:
    """All that is known of one incident when it is judged."""

    incident: Incident
    asker: Asker
    arch: str | None
    page_size: Bytes | None
    padded: Bytes | None
    module_areas: tuple[Bytes, ...]
    """Sizes that the architecture's module area has, by configuration, ascending; one where a
    snapshot tells."""
    space: Space | None
    distance: Distance | None
    fallback: bool | None

    @property
    def wants_module_area(self) -> bool:
        """Whether executable memory was asked for."""
        return self.asker.kind in EXECMEM

    @property
    def width(self) -> Bytes | None:
        """Bytes of the range that was searched, or None."""
        if self.incident.width is not None:
            return self.incident.width
        return None if self.space is None else self.space.end - self.space.start


def _amount(size: Bytes) -> str:
    return f"{size:,} bytes ({format_size(size)})"


def _room_remedy(case: Case) -> str:
    """Return what makes room where the request went: advice that helps there, and no other."""
    arch = None if case.arch is None else architecture(case.arch)
    if case.wants_module_area:
        advice = "" if arch is None else arch.room_advice
        advice = advice or "a smaller module (strip it, or build it in)"
        return advice + (
            f"; {arch.vmalloc_advice}" if arch is not None and arch.vmalloc_advice else ""
        )
    if case.asker.kind is AskerKind.MODULE_INIT:
        return f"a wider range in the driver{_of(case.asker.name)}, which asks for its own"
    general = "find who holds the vmalloc area (its owners below), or a 64-bit kernel"
    if arch is not None and arch.vmalloc_advice:
        return f"{general}; {arch.vmalloc_advice}"
    return (
        general
        if arch is not None
        else (
            f"{general}; vmalloc=512M enlarges the vmalloc area on x86-32 and arm, and only there"
        )
    )


def _of(name: str | None) -> str:
    return "" if name is None else f" {name}"


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


def _zero(case: Case) -> Judgement | None:
    if case.incident.requested != 0 or case.incident.form is not Form.NO_MEMORY:
        return None
    return Judgement(
        verdict=Verdict.ZERO_SIZE,
        evidence=("0 bytes were asked for: nothing can be short of that",),
        remedy="the caller must not ask: an empty section, or a size that was never set",
    )


def _relocation(case: Case) -> Judgement | None:
    distance = case.distance
    if distance is None:
        return None
    if distance.target == 0 and distance.place is None and distance.distance is None:
        return Judgement(
            verdict=Verdict.SYMBOL_ZERO,
            evidence=(
                (
                    f"the symbol of this {distance.type} resolved to address 0: it is undefined or"
                    " weak and absent"
                ),
            ),
            remedy="the module and the kernel it is loaded into are of different builds",
        )
    if distance.past == 0:
        return _in_reach(case, distance)
    if distance.past is not None:
        return _out_of_reach(case, distance)
    return _not_measurable(case, distance)


def _in_reach(case: Case, distance: Distance) -> Judgement:
    reached = f"{abs(distance.distance or 0):,} bytes lie between them, well in reach"
    if distance.code and distance.target is not None:
        return Judgement(
            verdict=Verdict.THUMB_BIT,
            evidence=(
                reached,
                (
                    f"bit 0 of the target {distance.target:x} is {distance.target & 1}: the branch"
                    " would change to the other instruction set, which this relocation cannot do"
                ),
            ),
            remedy="assemble the function for the kernel's instruction set and mark it a function"
            " (.type NAME, %function; .thumb_func)",
        )
    return Judgement(verdict=Verdict.CANNOT_TELL, evidence=(reached,), collect=_sections(case))


def _sections(case: Case) -> tuple[str, ...]:
    module = case.incident.relocation.module if case.incident.relocation is not None else None
    return (
        (
            f"/sys/module/{module or 'NAME'}/sections/* of a load that works, or readelf -S of the"
            " file"
        ),
        "kernel version and configuration",
    )


def _out_of_reach(case: Case, distance: Distance) -> Judgement:
    assert distance.distance is not None
    assert distance.past is not None
    assert distance.limit is not None
    counted = (
        f", counted from {distance.counted_from} bytes ahead as the PC is"
        if distance.counted_from
        else ""
    )
    arch = None if distance.arch is None else architecture(distance.arch)
    advice = "a smaller kernel image" if arch is None else arch.far_advice
    data = distance.reach is not None and not distance.reach.call and not distance.code
    remedy = (
        "keep the section beside the text it describes: a kernel that places it there, or another"
        " split of user and kernel space"
        if data
        else advice
    )
    return Judgement(
        verdict=Verdict.OUT_OF_REACH,
        evidence=(
            f"{distance.type} reaches {distance.limit:+,} bytes, {distance.distance:+,} are needed",
            f"{distance.past:,} bytes past the last that can be reached{counted}",
        ),
        remedy=remedy,
        collect=_sections(case),
    )


def _not_measurable(case: Case, distance: Distance) -> Judgement:
    incident = case.incident
    arch = None if distance.arch is None else architecture(distance.arch)
    words = frozenset() if arch is None else arch.absolute_words
    if incident.hint is not None or (distance.type in words and distance.target):
        return Judgement(
            verdict=Verdict.CODE_MODEL,
            evidence=(
                (
                    f"{distance.type} holds an address in 32 bits, {distance.target or 0:x} has"
                    " more: code of the kernel never has it"
                ),
            ),
            remedy="build the module with the kernel's own flags (-mcmodel=kernel)",
        )
    if (
        distance.place is None
        and distance.reach is not None
        and arch is not None
        and (arch.refused_reach in distance.reach.relocations)
    ):
        return Judgement(
            verdict=Verdict.OUT_OF_REACH,
            evidence=(
                (
                    f"the loader says that {distance.target or 0:x} is out of reach; from where is"
                    " hashed, so the distance cannot be computed"
                ),
            ),
            remedy="a kernel whose module area lies within reach of its image",
            collect=_sections(case),
        )
    absolute = distance.reach is not None and distance.reach.kind is not ReachKind.RELATIVE
    why = "an address in few bits" if absolute else "the value is an address, not a distance"
    return Judgement(
        verdict=Verdict.CANNOT_TELL,
        evidence=(
            f"{distance.type}: {why}; from where it is counted is not printed",
            "kernel and toolchain may not match; no allocation failed here",
        ),
        collect=_sections(case),
    )


def _size_against_range(case: Case) -> Judgement | None:
    width, padded = case.width, case.padded
    if padded is None:
        return None
    if width is None:
        if padded < _IMPLAUSIBLE:
            return None
        return Judgement(
            verdict=Verdict.IMPLAUSIBLE_SIZE,
            evidence=(f"{_amount(padded)}: no machine has that to give",),
            remedy="where does the caller have this size from? A device's register, often",
        )
    if padded > width:
        return Judgement(
            verdict=Verdict.LARGER_THAN_RANGE,
            evidence=(
                (
                    f"the range is {_amount(width)} wide, the request with its guard"
                    f" {_amount(padded)}: it cannot fit even when nothing else is there"
                ),
            ),
            remedy="the size is the fault: where does the caller have it from?",
        )
    if padded == width:
        return Judgement(
            verdict=Verdict.RANGE_FITS_ONE,
            evidence=(
                (
                    f"the range is as wide as one request with its guard, {_amount(width)}: any"
                    " area in it makes the request fail"
                ),
            ),
            remedy=_room_remedy(case),
            collect=("the source of that driver",)
            if case.asker.kind is AskerKind.MODULE_INIT
            else _SNAPSHOT,
        )
    return None


def _cannot_be_full(case: Case) -> Judgement | None:
    width, padded, align = case.width, case.padded, case.incident.align
    if padded is None or width is None or case.space is not None:
        return None
    if align is not None and align > padded and padded + align > width:
        return Judgement(
            verdict=Verdict.IMPOSSIBLE_ALIGNMENT,
            evidence=(f"aligned to {_amount(align)} it has no place in {_amount(width)}",),
        )
    if padded < width >> _CANNOT_FILL:
        return Judgement(
            verdict=Verdict.IMPOSSIBLE_ALIGNMENT,
            evidence=(
                (
                    f"the range is {format_size(width)} wide: nothing fills that, so {padded:,}"
                    " bytes would fit somewhere"
                ),
                "either the alignment asked for cannot be had, or it is a test that wants to fail",
            ),
            remedy="none: no space is short",
        )
    return None


def _duplicates(case: Case) -> Judgement | None:
    incident = case.incident
    tasks = len(set(incident.tasks))
    if incident.form is Form.DUPLICATES:
        return Judgement(
            verdict=Verdict.DUPLICATE_LOADS,
            evidence=(
                (
                    f"loads that came to nothing took {incident.why} bytes for a while: the same"
                    " modules, requested once per CPU"
                ),
            ),
            remedy=_ONE_LOAD,
            collect=_SNAPSHOT,
        )
    if not case.wants_module_area or case.asker.kind is not AskerKind.MODULE_LOADER:
        return None
    if incident.times < _MANY or (incident.tasks and tasks < _MANY):
        return None
    if case.padded is not None and case.width is not None and case.padded * 2 > case.width:
        return None
    return Judgement(
        verdict=Verdict.DUPLICATE_LOADS,
        evidence=(
            f"{incident.times} loads asked for the same {_amount(case.padded or 0)}"
            + (f", by {tasks} tasks" if tasks else ""),
            (
                "one module is loaded once per CPU at the same time: each copy takes its space"
                " before the kernel sees that it is a duplicate"
            ),
        ),
        remedy=_ONE_LOAD,
        collect=("debugfs modules/stats", *_SNAPSHOT),
    )


def _seen(case: Case) -> Judgement | None:
    """Judge by the snapshot: who has the space, and is it short or cut up."""
    space, padded = case.space, case.padded
    if space is None or padded is None:
        return None
    top = space.holders[0] if space.holders else None
    owners = tuple(
        f"{each.name}: {_amount(each.size)} in {each.areas:,} area{'' if each.areas == 1 else 's'}"
        for each in space.holders[:3]
    )
    room = (
        f"{_amount(space.now.free)} are free in {space.now.holes:,} holes; the largest has"
        f" {space.now.largest_hole:,}"
    )
    if space.now.largest_hole < padded:
        room += f", {padded - space.now.largest_hole:,} bytes short"
    helped = space.purged.largest_hole >= padded > space.now.largest_hole
    purge = ("a purge would make it fit",) if helped else ()
    evidence = (room, *purge, *owners)
    if (
        top is not None
        and top.areas >= _LEAK_AREAS
        and top.size * _LEAK_SHARE >= space.used
        and space.now.largest_hole < padded
    ):
        return Judgement(
            verdict=Verdict.LEAKING_OWNER,
            evidence=(f"{top.name} holds {top.areas:,} areas, {_amount(top.size)}", *evidence),
            remedy=f"find out why {top.name} does not give back",
            collect=("/proc/vmallocinfo again after an hour",),
        )
    if space.now.largest_hole >= padded:
        return Judgement(
            verdict=Verdict.CANNOT_TELL,
            evidence=(
                (
                    f"{space.now.holes_that_fit:,} holes would take it now: the snapshot is of"
                    " another moment, or the request was aligned"
                ),
                *evidence,
            ),
            collect=("the files again at the moment of the failure",),
        )
    verdict = Verdict.EXHAUSTED if space.now.free < padded else Verdict.FRAGMENTED
    return Judgement(verdict=verdict, evidence=evidence, remedy=_room_remedy(case))


def _by_size_alone(case: Case) -> Judgement | None:
    """Judge what arithmetic tells without a snapshot."""
    padded = case.padded
    if padded is None:
        return None
    areas = case.module_areas if case.wants_module_area else ()
    width = case.width if case.width is not None else max(areas, default=None)
    if width is None:
        return None
    if padded > width:
        return Judgement(
            verdict=Verdict.LARGER_THAN_RANGE,
            evidence=(f"the module area has {_amount(width)}, this asks for {_amount(padded)}",),
            remedy=_room_remedy(case),
        )
    if padded * 8 > width * 7:
        smaller = [area for area in areas if padded > area]
        never = tuple(
            f"where the configuration leaves {_amount(area)} it is {padded - area:,} bytes short"
            " even if nothing else is there"
            for area in smaller[-1:]
        )
        return Judgement(
            verdict=Verdict.EXHAUSTED,
            evidence=(
                (
                    f"this asks for {_amount(padded)} of an area of {_amount(width)}: all others"
                    f" together may hold {width - padded:,} bytes"
                ),
                *never,
                "with a second window this may be the first try alone: did the load fail?",
            ),
            remedy=_room_remedy(case),
            collect=_SNAPSHOT,
        )
    if padded * _TINY <= width:
        return Judgement(
            verdict=Verdict.EXHAUSTED,
            evidence=(
                (
                    f"not even {_amount(padded)} fit into {_amount(width)}: it is used up, and an"
                    " owner that never gives back is likely"
                ),
            ),
            remedy=_room_remedy(case),
            collect=_SNAPSHOT,
        )
    return None


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
        remedy=_room_remedy(case),
        collect=_SNAPSHOT,
    )


_RULES: Final[tuple[Callable[[Case], Judgement | None], ...]] = (
    _no_space,
    _jit_limit,
    _zero,
    _relocation,
    _size_against_range,
    _cannot_be_full,
    _duplicates,
    _seen,
    _by_size_alone,
)


def judge(case: Case) -> Judgement:
    """Return the verdict on one incident."""
    for rule in _RULES:
        found = rule(case)
        if found is not None:
            return found
    return _unknown(case)

"""The rules on room: what arithmetic proves of size and range, and what a snapshot shows."""

from typing import Final

from execmem_tui.analysis.diagnosis.asker import AskerKind
from execmem_tui.analysis.diagnosis.case import SNAPSHOT, Case, amount, room_remedy
from execmem_tui.analysis.diagnosis.finding import Judgement, Verdict
from execmem_tui.formats.failures import Form
from execmem_tui.model.units import format_size

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


def size_zero(case: Case) -> Judgement | None:
    """Judge a request of nothing: no range is too small for that."""
    if case.incident.requested != 0 or case.incident.form is not Form.NO_MEMORY:
        return None
    return Judgement(
        verdict=Verdict.ZERO_SIZE,
        evidence=("0 bytes were asked for: nothing can be short of that",),
        remedy="the caller must not ask: an empty section, or a size that was never set",
    )


def size_against_range(case: Case) -> Judgement | None:
    """Judge a size that no range of this width could hold, whatever else is there."""
    width, padded = case.width, case.padded
    if padded is None:
        return None
    if width is None:
        if padded < _IMPLAUSIBLE:
            return None
        return Judgement(
            verdict=Verdict.IMPLAUSIBLE_SIZE,
            evidence=(f"{amount(padded)}: no machine has that to give",),
            remedy="where does the caller have this size from? A device's register, often",
        )
    if padded > width:
        return Judgement(
            verdict=Verdict.LARGER_THAN_RANGE,
            evidence=(
                (
                    f"the range is {amount(width)} wide, the request with its guard"
                    f" {amount(padded)}: it cannot fit even when nothing else is there"
                ),
            ),
            remedy="the size is the fault: where does the caller have it from?",
        )
    if padded == width:
        return Judgement(
            verdict=Verdict.RANGE_FITS_ONE,
            evidence=(
                (
                    f"the range is as wide as one request with its guard, {amount(width)}: any"
                    " area in it makes the request fail"
                ),
            ),
            remedy=room_remedy(case),
            collect=("the source of that driver",)
            if case.asker.kind is AskerKind.MODULE_INIT
            else SNAPSHOT,
        )
    return None


def cannot_be_full(case: Case) -> Judgement | None:
    """Judge a range that nothing could have filled: the alignment is the fault."""
    width, padded, align = case.width, case.padded, case.incident.align
    if padded is None or width is None or case.space is not None:
        return None
    if align is not None and align > padded and padded + align > width:
        return Judgement(
            verdict=Verdict.IMPOSSIBLE_ALIGNMENT,
            evidence=(f"aligned to {amount(align)} it has no place in {amount(width)}",),
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


def duplicate_loads(case: Case) -> Judgement | None:
    """Judge equal requests of many tasks: one module, requested once per CPU."""
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
            collect=SNAPSHOT,
        )
    if case.asker.kind is not AskerKind.MODULE_LOADER:
        return None
    if incident.times < _MANY or (incident.tasks and tasks < _MANY):
        return None
    if case.padded is not None and case.width is not None and case.padded * 2 > case.width:
        return None
    return Judgement(
        verdict=Verdict.DUPLICATE_LOADS,
        evidence=(
            f"{incident.times} loads asked for the same {amount(case.padded or 0)}"
            + (f", by {tasks} tasks" if tasks else ""),
            (
                "one module is loaded once per CPU at the same time: each copy takes its space"
                " before the kernel sees that it is a duplicate"
            ),
        ),
        remedy=_ONE_LOAD,
        collect=("debugfs modules/stats", *SNAPSHOT),
    )


def shown_by_snapshot(case: Case) -> Judgement | None:
    """Judge by the snapshot: who has the space, and is it short or cut up."""
    space, padded = case.space, case.padded
    if space is None or padded is None:
        return None
    top = space.holders[0] if space.holders else None
    owners = tuple(
        f"{each.name}: {amount(each.size)} in {each.areas:,} area{'' if each.areas == 1 else 's'}"
        for each in space.holders[:3]
    )
    room = (
        f"{amount(space.now.free)} are free in {space.now.holes:,} holes; the largest has"
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
            evidence=(f"{top.name} holds {top.areas:,} areas, {amount(top.size)}", *evidence),
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
    return Judgement(verdict=verdict, evidence=evidence, remedy=room_remedy(case))


def by_size_alone(case: Case) -> Judgement | None:
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
            evidence=(f"the module area has {amount(width)}, this asks for {amount(padded)}",),
            remedy=room_remedy(case),
        )
    if padded * 8 > width * 7:
        smaller = [area for area in areas if padded > area]
        never = tuple(
            f"where the configuration leaves {amount(area)} it is {padded - area:,} bytes short"
            " even if nothing else is there"
            for area in smaller[-1:]
        )
        return Judgement(
            verdict=Verdict.EXHAUSTED,
            evidence=(
                (
                    f"this asks for {amount(padded)} of an area of {amount(width)}: all others"
                    f" together may hold {width - padded:,} bytes"
                ),
                *never,
                "with a second window this may be the first try alone: did the load fail?",
            ),
            remedy=room_remedy(case),
            collect=SNAPSHOT,
        )
    if padded * _TINY <= width:
        return Judgement(
            verdict=Verdict.EXHAUSTED,
            evidence=(
                (
                    f"not even {amount(padded)} fit into {amount(width)}: it is used up, and an"
                    " owner that never gives back is likely"
                ),
            ),
            remedy=room_remedy(case),
            collect=SNAPSHOT,
        )
    return None

"""The rule on relocations: the symbol is absent, or lies where the instruction cannot reach."""

from execmem_tui.analysis.diagnosis.case import Case
from execmem_tui.analysis.diagnosis.finding import Judgement, Verdict
from execmem_tui.analysis.diagnosis.relocations import Distance
from execmem_tui.arch import architecture
from execmem_tui.model.reach import ReachKind


def reach_of_relocation(case: Case) -> Judgement | None:
    """Judge a relocation by its distance, or by why that cannot be measured."""
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

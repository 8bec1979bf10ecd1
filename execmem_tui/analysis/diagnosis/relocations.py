"""How far a refused relocation had to reach, and how far it reaches on its architecture."""

from typing import Final

from execmem_tui.arch import architecture, architectures
from execmem_tui.formats.failures import Record
from execmem_tui.model.reach import Reach, ReachKind
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address


@frozen(kw_only=True)
class Distance:
    """A relocation measured. Addresses and bytes; None where it is not known."""

    type: str
    """R_ARM_CALL …, or as printed."""
    arch: str | None
    place: Address | None
    target: int | None
    distance: int | None
    """Signed, target - place, as the two addresses stand."""
    limit: int | None
    """The last distance in that direction that the relocation can hold, counted as it counts (from
    the PC that the instruction sees)."""
    past: int | None
    """Bytes beyond that limit; 0 where it is in reach."""
    reach: Reach | None
    counted_from: int = 0
    """Bytes that the PC is ahead of the instruction: 8 in ARM state, 4 in Thumb state."""
    code: bool = False
    """A branch, whose target's lowest bit would tell Thumb code."""


_OFFSET32: Final = "32-bit offset"


def _candidates(record: Record) -> list[str]:
    """Return the architectures whose loader prints this form and knows this number."""
    name = record.relocation or ""
    found = []
    for arch in architectures():
        each = architecture(arch)
        known = each.relocations
        form = each.refusal
        told = (
            name in known.values()
            or (name.isdecimal() and int(name) in known)
            or any(name in reach.relocations for reach in _reaches(arch))
        )
        if name.startswith("R_"):
            if told:
                found.append(arch)
        elif form is not None and form in record.text and (told or name == _OFFSET32):
            found.append(arch)
    return found


def _reaches(arch: str) -> tuple[Reach, ...]:
    each = architecture(arch)
    default = next(v for v in each.variants if v.name == each.default_variant)
    return each.reach(default)


def arch_of(record: Record) -> str | None:
    """Return the only architecture that says it in this way, or None."""
    found = _candidates(record)
    return found[0] if len(found) == 1 else None


def measured(record: Record, arch: str | None) -> Distance:
    """Return a relocation's distance, its limit and how far past that it is.

    Args:
        record: of form RELOCATION.
        arch: the machine's architecture, None if only the text tells.
    """
    arch = arch_of(record) or arch
    name = record.relocation or "unknown"
    ahead = 0
    reach = None
    if arch is not None:
        each = architecture(arch)
        if name.isdecimal():
            name = each.relocations.get(int(name), name)
        ahead = each.pc_ahead.get(name, 0)
        wanted = each.refused_reach if name == _OFFSET32 else name
        reach = next((r for r in _reaches(arch) if wanted in r.relocations), None)
    distance = record.distance
    target = record.target
    if distance is None and record.place is not None and target is not None:
        distance = target - record.place
    elif distance is None and target is not None and name in _relative_values(arch):
        distance = target - (1 << 64) if target >> 63 else target
        target = None
    low, high = _limits(record, reach)
    limit, past = _past(distance, ahead, low, high)
    return Distance(
        type=name,
        arch=arch,
        place=record.place,
        target=target,
        distance=distance,
        limit=limit,
        past=past,
        reach=reach,
        counted_from=ahead,
        code=(reach is not None and reach.call) or bool(ahead),
    )


def _relative_values(arch: str | None) -> frozenset[str]:
    """Return the relocations whose printed `val` is already a distance."""
    return frozenset() if arch is None else architecture(arch).refused_distances


def _limits(record: Record, reach: Reach | None) -> tuple[int | None, int | None]:
    if record.low is not None and record.high is not None:
        return record.low, record.high
    if reach is not None and reach.kind is ReachKind.RELATIVE:
        return reach.low, reach.high
    return None, None


def _past(
    distance: int | None, ahead: int, low: int | None, high: int | None
) -> tuple[int | None, int | None]:
    if distance is None or low is None or high is None:
        return None, None
    counted = distance - ahead
    limit = high if counted >= 0 else low
    beyond = counted - high if counted > high else low - counted if counted < low else 0
    return limit, beyond

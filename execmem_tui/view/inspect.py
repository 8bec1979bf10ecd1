"""What the inspector says about the address under the cursor."""

from typing import Final

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.places import hole_at, window_at
from execmem_tui.analysis.reach import verdicts
from execmem_tui.model.areas import Area, AreaState, Part, PartState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Verdict
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, format_size, hex_address
from execmem_tui.view.address_space import divided, piece_at

_MARKS = {Verdict.DIRECT: "√", Verdict.PLT: "~", Verdict.UNREACHABLE: "✗"}
_WORDS = {Verdict.DIRECT: "", Verdict.PLT: " through a PLT", Verdict.UNREACHABLE: " out of reach"}
LONGEST_SYMBOL: Final = 64 << 10
"""Bytes: no function of the kernel is longer."""


def distance(layout: Layout, address: Address) -> int | None:
    """Return the signed distance in bytes from the kernel image, 0 inside it.

    None where the image is unknown.
    """
    image = layout.image
    if image is None:
        return None
    if address < image[0]:
        return address - image[0]
    return 0 if address < image[1] else address - image[1] + 1


def inside_at(snapshot: Snapshot, address: Address) -> tuple[Address, str] | None:
    """Return (start, name) of the program or symbol that begins at or below an address.

    It is in the address's area, or in the image. A symbol that is farther below than any function
    is long does not name the address: what lies between is not among the symbols. Programs have no
    such limit.
    """
    area = snapshot.area_at(address)
    if area is not None and area.type is not None:
        part = area.part_at(address)
        if part is not None:
            return part.start, part.name
        found = area.inside_at(address) if address < area.start + area.size else None
        return found if area.type is ExecmemType.BPF else _near(found, address)
    image = snapshot.layout.image
    if image is not None and image[0] <= address < image[1]:
        return _near(snapshot.layout.image_symbol_at(address), address)
    return None


def _near(found: tuple[Address, str] | None, address: Address) -> tuple[Address, str] | None:
    return found if found is not None and address - found[0] < LONGEST_SYMBOL else None


def inspect_lines(
    snapshot: Snapshot, holes: HoleIndex, address: Address, origin: Address | None
) -> list[str]:
    """Return the lines for `address`: the area there, or the hole."""
    layout = snapshot.layout
    area = snapshot.area_at(address)
    lines = [hex_address(address, layout.word_bits)]
    lines += (
        _hole_lines(snapshot, holes, address)
        if area is None
        else _area_lines(layout, area, address)
    )
    inside = inside_at(snapshot, address)
    if inside is not None and (area is None or (inside[1] != area.owner and area.parts is None)):
        lines.append(f"{inside[1]}+{address - inside[0]:#x}")
    away = distance(layout, address)
    if away is not None:
        lines.append(
            "inside the kernel image"
            if away == 0
            else f"from kernel {'+' if away > 0 else ''}{format_size(away)}"
        )
    if origin is not None:
        lines += [
            f"{_MARKS[verdict]} {reach.name}{_WORDS[verdict]}"
            for reach, verdict in verdicts(layout, address, origin)
        ]
    return lines


def place_text(snapshot: Snapshot, address: Address) -> str:
    """Return what lies at `address`, in a few words; "" for what is free and for the image."""
    area = snapshot.area_at(address)
    if area is None:
        return ""
    if divided(area):
        return f"{area.owner or area.name}: {piece_at(area, address)[2] or 'unused'}"
    return f"{area.name} {format_size(area.size)}"


def _area_lines(layout: Layout, area: Area, address: Address) -> list[str]:
    bits = layout.word_bits
    kind = area.type.name if area.type is not None else "not execmem"
    lines = [area.name, _span(area.start, area.end, bits)]
    guard = f" + {format_size(area.guard)} guard" if area.guard else ""
    lines.append(f"{format_size(area.size)} ({area.size:,} B){guard}")
    window = f", {area.window} range" if area.window is not None else ""
    lines.append(f"{kind}{window}")
    if area.state is not AreaState.LIVE:
        lines.append(
            {
                AreaState.LAZY: "freed, waits for a purge",
                AreaState.POOLED: "parked in a node's pool",
                AreaState.CACHE_FREE: "free piece of the ROX cache",
            }[area.state]
        )
    if area.caller:
        lines.append(f"caller {area.caller}")
    if area.type is not None:
        lines.append(layout.range_of(area.type).pgprot)
    if area.detail:
        lines.append(area.detail)
    if area.parts is not None and address < area.start + area.size:
        lines += _part_lines(bits, area.part_at(address))
    return lines


def _span(start: Address, end: Address, bits: int) -> str:
    """Return where something lies; of 64 bits it just fits the panel of a small terminal."""
    return f"{hex_address(start, bits)}-{hex_address(end, bits)}"


def _part_lines(bits: int, part: Part | None) -> list[str]:
    if part is None:
        return ["unused here"]
    waits = ", dirty: waits for collection" if part.state is PartState.DIRTY else ""
    return [
        f"here {part.name}",
        _span(part.start, part.end, bits),
        f"{part.size:,} B{waits}",
    ]


def _hider(snapshot: Snapshot) -> str:
    """Return what hides areas, in few words: how to mend it stands in the notes."""
    return (snapshot.hidden.why or "addresses are hidden").partition(":")[0]


def _hole_lines(snapshot: Snapshot, holes: HoleIndex, address: Address) -> list[str]:
    layout = snapshot.layout
    image = layout.image
    if image is not None and image[0] <= address < image[1]:
        return ["kernel image"]
    hole = hole_at(layout, holes, address)
    if hole is None:
        return ["not seen" if snapshot.hidden else "free"]
    bits = layout.word_bits
    start, end = hole
    where = _window_name(layout, address)
    if snapshot.hidden:  # areas whose place nobody tells may lie there
        return [
            f"not seen in {where}: {format_size(end - start)}" if where else "not seen",
            _span(start, min(end, (1 << bits) - 1), bits),
            f"used or free: {_hider(snapshot)}",
        ]
    fits = max(0, end - start - layout.page_size)
    return [
        f"free in {where}: {format_size(end - start)}" if where else "free",
        _span(start, min(end, (1 << bits) - 1), bits),
        f"largest request {format_size(fits)}",
    ]


def _window_name(layout: Layout, address: Address) -> str:
    """Return what the smallest window is called that takes `address` in; "" where none does."""
    found = window_at(layout, address)
    if found is None:
        return ""
    kind, number, window = found
    if kind is not None and layout.range_of(kind).has_fallback:
        return f"the {('near', 'far')[number]} window"
    whole = window == (layout.vmalloc_start, layout.vmalloc_end)
    return "vmalloc space" if whole else "the module area"

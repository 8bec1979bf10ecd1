"""How full each window of each type is, for one machine or thousands: what an alert is made of."""

from collections.abc import Sequence
from typing import Final

from execmem_tui.analysis.holes import HoleIndex, meters
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes


@frozen(kw_only=True)
class WindowMeter:
    """One window. Bytes; what holes are is None where addresses are hidden."""

    start: Address
    end: Address
    free: Bytes | None
    largest_hole: Bytes | None
    holes: dict[Bytes, int] | None
    """Holes by the largest power of two that fits into them."""
    fragmentation: float | None
    """1 - largest hole / free: 0 is one piece; None too where nothing is free."""


@frozen(kw_only=True)
class TypeMeter:
    """One execmem type. Bytes, guards included."""

    used: Bytes | None
    """As `Hidden.used` tells it."""
    lazy: Bytes | None
    """Freed and not yet purged inside its windows; None where addresses are hidden."""
    pooled: Bytes | None
    """Parked in pools inside its windows; None where addresses are hidden."""
    windows: dict[Window, WindowMeter]
    fallbacks: int | None
    """Live areas of the type in its fallback window; None where addresses are hidden."""
    failures: int
    """Requests that found no room, of all types, as far as the source tells events."""


@frozen(kw_only=True)
class MachineMeters:
    """One source at one moment."""

    types: dict[ExecmemType, TypeMeter]
    bpf_jit_used: Bytes | None
    """Pages of BPF's executable memory, guards left out (kernel/bpf/core.c: bpf_jit_current);
    as `Hidden.used` tells it."""
    bpf_jit_limit: Bytes | None
    hidden: int | None
    """Areas whose place is not known; None where the kernel refuses the list."""


_NONE: Final = WindowMeter(
    start=0, end=0, free=None, largest_hole=None, holes=None, fragmentation=None
)


def measured(snapshot: Snapshot) -> MachineMeters:
    """Return the meters of a snapshot."""
    holes = HoleIndex(snapshot)
    hidden = bool(snapshot.hidden)
    told = meters(snapshot, holes)
    live = [
        area for area in snapshot.areas if area.state is AreaState.LIVE and area.type is not None
    ]
    pooled = [area for area in snapshot.areas if area.state is AreaState.POOLED]
    types = {
        kind: TypeMeter(
            used=snapshot.hidden.used(kind, told[kind].used),
            lazy=None if hidden else told[kind].lazy,
            pooled=None if hidden else _inside(snapshot, kind, pooled),
            windows=_windows(snapshot, kind, holes, hidden=hidden),
            fallbacks=None if hidden else _spilled(live, kind),
            failures=snapshot.counters.failures,
        )
        for kind in ExecmemType
    }
    jit = sum(area.size for area in live if area.type is ExecmemType.BPF)
    return MachineMeters(
        types=types,
        bpf_jit_used=snapshot.hidden.used(ExecmemType.BPF, jit),
        bpf_jit_limit=snapshot.layout.bpf_jit_limit,
        hidden=snapshot.hidden.count if snapshot.hidden.complete else None,
    )


def _spilled(live: Sequence[Area], kind: ExecmemType) -> int:
    return sum(area.type is kind and area.window is Window.FALLBACK for area in live)


def _inside(snapshot: Snapshot, kind: ExecmemType, areas: Sequence[Area]) -> Bytes:
    entry = snapshot.layout.range_of(kind)
    return sum(area.footprint for area in areas if entry.window_of(area.start) is not None)


def _windows(
    snapshot: Snapshot, kind: ExecmemType, holes: HoleIndex, *, hidden: bool
) -> dict[Window, WindowMeter]:
    entry = snapshot.layout.range_of(kind)
    found = {Window.PREFERRED: (entry.start, entry.end)}
    if entry.has_fallback:
        found[Window.FALLBACK] = (entry.fallback_start, entry.fallback_end)
    return {
        name: _window(holes, start, end, hidden=hidden)
        for name, (start, end) in found.items()
        if end > start
    }


def _window(holes: HoleIndex, start: Address, end: Address, *, hidden: bool) -> WindowMeter:
    if hidden:
        return WindowMeter(
            start=start, end=end, free=None, largest_hole=None, holes=None, fragmentation=None
        )
    sizes = [last - first for first, last in holes.within(start, end)]
    by_power: dict[Bytes, int] = {}
    for size in sizes:
        power = 1 << (size.bit_length() - 1)
        by_power[power] = by_power.get(power, 0) + 1
    free, largest = sum(sizes), max(sizes, default=0)
    return WindowMeter(
        start=start,
        end=end,
        free=free,
        largest_hole=largest,
        holes=dict(sorted(by_power.items())),
        fragmentation=None if not free else round(1 - largest / free, 6),
    )


def value_of(meters_: MachineMeters, name: str) -> float | None:
    """Return one figure by its name: ``module.largest_hole``, ``bpf.used``, ``bpf_jit.used``.

    A window may stand between type and figure: ``module.fallback.free``.

    Raises:
        KeyError: there is no such figure.
    """
    head, *rest = name.lower().split(".")
    if head == "bpf_jit":
        return {"used": meters_.bpf_jit_used, "limit": meters_.bpf_jit_limit}[".".join(rest)]
    meter = meters_.types[TYPES[head]]
    if len(rest) == 1 and rest[0] in ("used", "lazy", "pooled", "fallbacks", "failures"):
        figure: float | None = getattr(meter, rest[0])
        return figure
    window = Window(rest[0]) if len(rest) == 2 and rest[0] in set(Window) else Window.PREFERRED
    if rest[-1] not in ("free", "largest_hole", "fragmentation") or len(rest) > 2:
        raise KeyError(name)
    shown: float | None = getattr(meter.windows.get(window, _NONE), rest[-1])
    return shown


TYPES: Final = {
    "module": ExecmemType.MODULE_TEXT,
    "module_text": ExecmemType.MODULE_TEXT,
    "module_data": ExecmemType.MODULE_DATA,
    "data": ExecmemType.MODULE_DATA,
    "kprobes": ExecmemType.KPROBES,
    "ftrace": ExecmemType.FTRACE,
    "bpf": ExecmemType.BPF,
}
"""Names of types in thresholds."""

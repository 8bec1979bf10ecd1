"""The steps that ask the allocator itself.

Requests, frees, purges, faults, and questions of reach.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from execmem_tui.mm.vmap_node import VM_IOREMAP
from execmem_tui.model.errors import UsageError
from execmem_tui.model.reach import ReachKind, Verdict
from execmem_tui.model.text import printable
from execmem_tui.scenarios import steps
from execmem_tui.scenarios.state import MAX_REQUESTS, State

Action = Callable[[State, Any], Iterator[None]]
"""Runs one step; yields where another CPU may go on."""

_UNPURGED: Final = "unpurged"
"""What /proc/vmallocinfo calls lazy areas."""


def _alloc(state: State, step: steps.Alloc) -> Iterator[None]:
    machine = state.machine
    if not machine.layout.range_of(step.alloc).used:
        raise UsageError(machine.why_unused(step.alloc))
    size = machine.usual_size(step.alloc) if step.size is None else step.size
    mine = state.owners.setdefault(step.owner or step.alloc.name, [])
    state.count = 0
    for _ in range(step.count):
        state.request()
        start = machine.request(step.alloc, size, owner=step.owner)
        if start is None:
            break
        mine.append((start, True))
        state.count += 1
        yield


def _vmalloc(state: State, step: steps.VmallocStep) -> Iterator[None]:
    machine = state.machine
    mine = state.owners.setdefault(step.owner, [])
    state.count = 0
    flags = VM_IOREMAP if step.ioremap else 0
    for _ in range(step.count):
        state.request()
        start = machine.vmalloc(step.vmalloc, owner=step.owner, align=step.align, flags=flags)
        machine.run_deferred()
        if start is None:
            break
        mine.append((start, False))
        state.count += 1
        yield


def _occupy(state: State, step: steps.Occupy) -> Iterator[None]:
    for start, end, owner in step.occupy:
        state.machine.occupy(start, end, owner)
        if owner == _UNPURGED:
            state.machine.vfree(start)
        else:
            state.owners.setdefault(owner, []).append((start, False))
    yield


def _free(state: State, step: steps.Free) -> Iterator[None]:
    mine = state.owners.get(step.free)
    if mine is None:
        raise UsageError(f"nothing was allocated for {printable(step.free)!r}")
    chosen = mine[step.every - 1 :: step.every][: step.count]
    gone = set(chosen)
    state.owners[step.free] = [entry for entry in mine if entry not in gone]
    for start, exec_memory in chosen:
        if exec_memory:
            state.machine.release(start)
        else:
            state.machine.vfree(start)
            state.machine.run_deferred()
        yield


def _purge(state: State, step: steps.PurgeStep) -> Iterator[None]:
    state.machine.purge(step.purge)
    yield


def _fail(state: State, step: steps.Fail) -> Iterator[None]:
    state.machine.fail_in = step.fail
    yield


def _fill(state: State, step: steps.Fill) -> Iterator[None]:
    """Fill until the type's windows are used to the percentage, or nothing fits any more."""
    machine = state.machine
    pairs = machine.layout.range_of(step.fill).windows
    room = max(pairs[-1][1], pairs[0][1]) - min(pairs[0][0], pairs[-1][0]) if pairs else 0
    least = room * (1 - step.to / 100)
    mine = state.owners.setdefault(step.owner, [])
    free = state.meter(step.fill).free
    state.count = 0
    if (free - least) // step.size > MAX_REQUESTS:
        raise UsageError(
            f"that would take more than {MAX_REQUESTS:,} requests", hint="a greater size will do"
        )
    while free > least:
        state.request()
        start = machine.request(step.fill, step.size, owner=step.owner)
        if start is None:
            break
        free -= state.counts.held[start].footprint
        mine.append((start, True))
        state.count += 1
        yield


def _force_fallback(state: State, step: steps.ForceFallback) -> Iterator[None]:
    state.machine.force_fallback(on=step.force_fallback)
    yield


def _reach(state: State, step: steps.ReachStep) -> Iterator[None]:
    layout = state.machine.layout
    found = [reach for reach in layout.reach if step.reach in reach.relocations]
    if not found:
        names = [name for reach in layout.reach for name in reach.relocations]
        raise UsageError(
            f"{layout.arch} has no relocation {step.reach!r}", hint=f"it has: {', '.join(names)}"
        )
    reach = found[0]
    if step.distance is not None:
        origin = layout.text or 0
        target = origin + step.distance
    elif step.origin is not None and step.target is not None:
        origin, target = step.origin, step.target
    else:
        raise UsageError("reach needs origin and target, or distance")
    state.distance = target - origin
    if reach.reaches(origin, target):
        state.past, state.verdict = 0, Verdict.DIRECT.value
        yield
        return
    extended = reach.call and layout.plt is not None and layout.plt.reaches(origin, target)
    state.verdict = (Verdict.PLT if extended else Verdict.UNREACHABLE).value
    value = state.distance if reach.kind is ReachKind.RELATIVE else target
    state.past = max(reach.low - value, value - reach.high)
    yield


RAW: Final[dict[type[steps.Step], Action]] = {
    steps.Alloc: _alloc,
    steps.VmallocStep: _vmalloc,
    steps.Occupy: _occupy,
    steps.Free: _free,
    steps.PurgeStep: _purge,
    steps.Fail: _fail,
    steps.Fill: _fill,
    steps.ForceFallback: _force_fallback,
    steps.ReachStep: _reach,
}
"""By the class of the step."""

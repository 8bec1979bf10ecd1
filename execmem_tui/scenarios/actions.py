"""What each step does.

Those that ask the allocator itself, and those of modules, probes and BPF.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from execmem_tui.consumers.catalogue import Catalogue
from execmem_tui.consumers.load_sequence import areas_of
from execmem_tui.consumers.modules import LoadOutcome, Modules, drained
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


_RAW: Final[dict[type[steps.Step], Action]] = {
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


def _modules(state: State) -> tuple[Modules, Catalogue]:
    catalogue = state.modules.catalogue
    if catalogue is None:
        layout = state.machine.layout
        raise UsageError(f"there is no module catalogue for {layout.arch} {layout.variant}")
    return state.modules, catalogue


def _names(catalogue: Catalogue, wanted: tuple[str, ...]) -> Iterator[str]:
    """Yield module names; ``@all`` and ``@LIST`` stand for many."""
    for name in wanted:
        if name == "@all":
            yield from catalogue.names
        elif name.startswith("@"):
            yield from catalogue.list_of(name[1:])
        else:
            yield catalogue.module(name).name


def _load(state: State, step: steps.Load) -> Iterator[None]:
    modules, catalogue = _modules(state)
    state.count = 0
    for name in _names(catalogue, step.load):
        state.request()
        for each in catalogue.closure(name) if step.dependencies else (name,):
            if each in modules.loaded and not (state.concurrent and each == name):
                continue
            yield from _load_one(state, each, step, asked=each == name)


def _load_one(state: State, name: str, step: steps.Load, *, asked: bool) -> Iterator[None]:
    modules, catalogue = _modules(state)
    loading = modules.load_steps(
        name, init_fails=step.init_fails and asked, fail_at=step.fail_at if asked else None
    )
    # with nobody to go on meanwhile, a way through six generators for each region is for nothing
    outcome = (yield from loading) if state.concurrent else drained(loading)
    if outcome is LoadOutcome.LOADED:
        state.count += 1
    elif outcome is not LoadOutcome.EXISTS:
        state.failed_loads += 1
    elif not modules.duplicates_wait:
        page = state.machine.layout.page_size
        split = state.machine.layout.rules.split_modules
        state.failed_loads += 1
        state.wasted += sum(
            size + page for size in areas_of(catalogue.module(name), page, split=split).values()
        )
    state.machine.run_deferred()
    if state.settings.knobs.init_frees:
        modules.run_init_frees()
    yield


def _unload(state: State, step: steps.Unload) -> Iterator[None]:
    modules, catalogue = _modules(state)
    for name in _names(catalogue, step.unload):
        modules.unload(name)
        yield


def _init_frees(state: State, step: steps.InitFrees) -> Iterator[None]:
    if step.init_frees:
        state.modules.run_init_frees()
    yield


def _taken(queues: dict[str, deque[str]], name: str, count: int | None) -> Iterator[str]:
    """Take names of one step's things, oldest first."""
    mine = queues.get(name)
    if not mine:
        raise UsageError(f"nothing is called {printable(name)!r}")
    for _ in range(len(mine) if count is None else min(count, len(mine))):
        yield mine.popleft()


def _named(
    queues: dict[str, deque[str]], name: str, count: int
) -> Iterator[tuple[deque[str], str]]:
    """Yield the queue and a fresh name for each of `count` things."""
    mine = queues.setdefault(name, deque())
    first = len(mine)
    for number in range(first, first + count):
        yield mine, f"{name} {number}" if count > 1 or number else name


def _probe(state: State, step: steps.Probe) -> Iterator[None]:
    state.count = 0
    for mine, name in _named(state.probes, step.probe, step.count):
        state.request()
        if not state.kernel.kprobes.register(name, entry=step.entry, optimised=step.optimised):
            break
        mine.append(name)
        state.count += 1
        yield


def _unprobe(state: State, step: steps.Unprobe) -> Iterator[None]:
    for name in _taken(state.probes, step.unprobe, step.count):
        state.kernel.kprobes.unregister(name)
        yield


def _trace(state: State, step: steps.Trace) -> Iterator[None]:
    ftrace = state.kernel.ftrace
    state.count = 0
    for mine, name in _named(state.ops, step.trace, step.count):
        state.request()
        if step.fprobe:
            ftrace.fprobe(name)
        else:
            ftrace.register(name, regs=step.regs)
        mine.append(name)
        state.count += 1
        yield


def _untrace(state: State, step: steps.Untrace) -> Iterator[None]:
    for name in _taken(state.ops, step.untrace, step.count):
        if step.fprobe:
            state.kernel.ftrace.remove_fprobe(name)
        else:
            state.kernel.ftrace.unregister(name)
        yield


def _bpf(state: State, step: steps.Bpf) -> Iterator[None]:
    state.count = 0
    for mine, name in _named(state.programs, step.bpf, step.count):
        state.request()
        loaded = state.kernel.bpf.load(
            name, step.size, cbpf=step.classic, capable=step.capable, needs_jit=step.needs_jit
        )
        state.errno = loaded.errno
        if loaded.start is None:
            break
        mine.append(name)
        state.count += 1
        yield


def _unbpf(state: State, step: steps.Unbpf) -> Iterator[None]:
    for name in _taken(state.programs, step.unbpf, step.count):
        state.kernel.bpf.unload(name)
        yield


def _attach(state: State, step: steps.Attach) -> Iterator[None]:
    state.count = 0
    for mine, name in _named(state.targets, step.attach, step.count):
        state.request()
        attached = state.kernel.bpf.attach(name, size=step.size)
        state.errno = attached.errno
        if attached.start is None:
            break
        mine.append(name)
        state.count += 1
        yield


def _detach(state: State, step: steps.Detach) -> Iterator[None]:
    for name in _taken(state.targets, step.detach, step.count):
        state.kernel.bpf.detach(name)
        yield


def _struct_ops(state: State, step: steps.StructOps) -> Iterator[None]:
    state.count = 0
    for mine, name in _named(state.programs, step.struct_ops, 1):
        state.request()
        made = state.kernel.bpf.struct_ops(name, [step.size] * step.methods)
        state.errno = made.errno
        if made.start is not None:
            mine.append(name)
            state.count = 1
        yield


def _xdp(state: State, step: steps.Xdp) -> Iterator[None]:
    for _ in range(step.xdp):
        state.request()
        state.kernel.bpf.xdp()
        yield


_CONSUMERS: Final[dict[type[steps.Step], Action]] = {
    steps.Load: _load,
    steps.Unload: _unload,
    steps.InitFrees: _init_frees,
    steps.Probe: _probe,
    steps.Unprobe: _unprobe,
    steps.Trace: _trace,
    steps.Untrace: _untrace,
    steps.Bpf: _bpf,
    steps.Unbpf: _unbpf,
    steps.Attach: _attach,
    steps.Detach: _detach,
    steps.StructOps: _struct_ops,
    steps.Xdp: _xdp,
}
"""By the class of the step."""


ACTIONS: Final[dict[type[steps.Step], Action]] = {**_RAW, **_CONSUMERS}
"""By the class of the step."""

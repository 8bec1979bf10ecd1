"""The steps of the consumers: modules, kprobes, ftrace, BPF."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from execmem_tui.consumers.catalogue import Catalogue
from execmem_tui.consumers.load_sequence import areas_of
from execmem_tui.consumers.modules import Modules, Outcome
from execmem_tui.model.errors import UsageError
from execmem_tui.model.text import printable
from execmem_tui.scenarios import steps
from execmem_tui.scenarios.actions import Action
from execmem_tui.scenarios.state import State


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
    outcome = yield from modules.load_steps(
        name, init_fails=step.init_fails and asked, fail_at=step.fail_at if asked else None
    )
    if outcome is Outcome.LOADED:
        state.count += 1
    elif outcome is not Outcome.EXISTS:
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


CONSUMERS: Final[dict[type[steps.Step], Action]] = {
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

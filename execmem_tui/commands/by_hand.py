"""What a simulated kernel can be told by hand.

Load a module, register a probe, remove a program.
"""

from collections.abc import Callable, Sequence
from typing import Final

from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.modules import LoadOutcome
from execmem_tui.model.areas import Area, Part
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Bytes

PROGRAM_SIZE: Final[Bytes] = 1024
"""A typical BPF program after the JIT compiler."""

Command = Callable[[Kernel], object]


@frozen(kw_only=True)
class Again:
    """A request to be made once more."""

    kind: ExecmemType
    size: Bytes
    owner: str
    module: str | None = None
    """Of a module's region: the module, which is loaded anew."""


def load_module(name: str) -> Command:
    """Return the command that loads a module, and what it depends on, and frees its init memory."""

    def command(kernel: Kernel) -> None:
        kernel.machine.note(f"modprobe {name}", mark=True)
        outcome = kernel.modules.load(name)
        if outcome is LoadOutcome.EXISTS:
            raise UsageError(f"{name} is loaded already")
        kernel.modules.run_init_frees()

    return command


def users_of(kernel: Kernel, owner: str) -> tuple[str, ...]:
    """Return the loaded modules that use a module, the first that was loaded first."""
    loaded = kernel.modules.loaded
    return tuple(name for name, each in loaded.items() if owner in each.module.deps)


def unload_with_users(kernel: Kernel, owner: str) -> None:
    """Unload a module, and before it all that use it.

    Raises:
        UsageError: it is not loaded.
    """
    loaded = kernel.modules.loaded
    for name in reversed(users_of(kernel, owner)):
        if name in loaded:
            unload_with_users(kernel, name)
    kernel.modules.unload(owner)


def make_room(areas: Sequence[Area], again: Again) -> Command:
    """Return the command that gives `areas` back and then makes a request again.

    A loaded module goes whole, and what uses it with it; anything else is freed by its address.
    """

    def command(kernel: Kernel) -> None:
        owners = dict.fromkeys(area.owner or "" for area in areas)
        kernel.machine.note(f"make room for {again.owner}", mark=True)
        for area in areas:
            owner = area.owner or ""
            if owner in kernel.modules.loaded:
                unload_with_users(kernel, owner)
            elif kernel.machine.area_at(area.start) == area:
                kernel.machine.release(area.start)
        if again.module is None or again.module in owners:
            kernel.machine.request(again.kind, again.size, owner=again.owner)
            return
        if again.module in kernel.modules.loaded:
            unload_with_users(kernel, again.module)
        kernel.modules.load(again.module)
        kernel.modules.run_init_frees()

    return command


def insert(kind: ExecmemType, number: int) -> Command:
    """Return the command by which a consumer other than the module loader asks for memory.

    `number` makes its name unique.

    Raises:
        UsageError: (the command) nobody does that here.
    """

    def command(kernel: Kernel) -> None:
        if kind is ExecmemType.KPROBES:
            if kernel.kprobes.why_none:
                raise UsageError(kernel.kprobes.why_none)
            kernel.kprobes.register(f"probe_{number}")
        elif kind is ExecmemType.FTRACE:
            if kernel.ftrace.why_none:
                raise UsageError(kernel.ftrace.why_none)
            kernel.ftrace.register(f"tracer_{number}")
        else:
            kernel.bpf.load(f"program_{number}", PROGRAM_SIZE)

    return command


def remove(kernel: Kernel, area: Area, part: Part | None) -> Command | None:
    """Return the command that removes the module of an area, or a part of it.

    None if it is nobody's.
    """
    owner = area.owner or ""
    if area.region is not None and owner in kernel.modules.loaded:
        return lambda it: it.modules.unload(owner)
    if area.parts is None:
        return None
    if part is None:
        raise UsageError(
            f"{area.name} is in use", hint="put the cursor on one of its parts, or free those first"
        )
    key = part.key
    if area.type is ExecmemType.BPF and key in kernel.bpf.programs:
        return lambda it: it.bpf.unload(key)
    if area.type is ExecmemType.KPROBES and kernel.kprobes.registered(key):
        return lambda it: it.kprobes.unregister(key)
    if area.type is ExecmemType.FTRACE and key in kernel.ftrace.pages:
        return lambda it: it.ftrace.unregister(key)
    raise UsageError(f"{part.name} cannot be removed by hand")

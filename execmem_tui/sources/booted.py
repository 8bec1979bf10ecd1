"""A machine as it is after boot: its modules loaded, a few programs, probes and tracers in place.

What is loaded is a profile of `scenarios/library` where the architecture has one, else as much of
the same list as Debian builds for it, else the list with another architecture's sizes: the title
says which. The profiles' own numbers hold for the first kind (tests compare them area by area).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from execmem_tui.arch import resolve
from execmem_tui.consumers.catalogue import Catalogue, open_catalogue
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.modules import Modules
from execmem_tui.consumers.reasons import why_no_trampolines, why_unused
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.rules import JitMemory
from execmem_tui.model.units import Address, Bytes
from execmem_tui.sources.simulation import Simulation, checked_cpus

if TYPE_CHECKING:
    from execmem_tui.commands.by_hand import Command

CPUS: Final = 8
"""Possible CPUs of the profiles."""

_LIST: Final = "laptop"
_LENDERS: Final = {32: "arm", 64: "arm64"}
"""Whose module sizes stand in where there is no catalogue, by word size."""

_SERVICES: Final = ("sd_fw", 600, 40, False)
_FILTERS: Final = ("seccomp", 1800, 10, True)
"""Name, bytes, count and whether classic: the programs of the laptop profiles."""

_PROBES: Final = 8
"""Kprobes of a machine that follows no profile."""


class _Plan(NamedTuple):
    """What boot loads."""

    modules: tuple[str, ...]
    catalogue: Catalogue
    profile: bool
    """The list was made for this very kernel."""
    lent: bool
    """The sizes are another architecture's."""

    def title(self, layout: Layout, loaded: int) -> str:
        """Return one line that says what is looked at and how true it is."""
        if self.profile:
            return f"simulated {layout.arch} laptop after boot · {loaded} modules"
        if self.lent:
            sizes = self.catalogue.id.partition("-")[0]
            return f"simulated {layout.arch}, made up: {loaded} modules, sizes of {sizes}"
        return f"simulated {layout.arch} after boot · {loaded} modules of a laptop's list"


def open_booted(
    arch: str,
    kernel: str = "7.1",
    variant: str | None = None,
    kaslr: str = "off",
    *,
    overrides: Mapping[str, int] | None = None,
    cpus: int | None = None,
) -> Simulation:
    """Return a simulated kernel after boot, its history at the end.

    Every module and every group of programs is one undoable command.

    Args:
        arch: architecture, also by a distribution's name.
        kernel: version.
        variant: configuration, None for what Debian ships.
        kaslr: ``off``, ``example`` or a seed.
        overrides: inputs of the layout to fix.
        cpus: possible CPUs; None: those of the profile.

    Raises:
        UnknownLayoutError: no such architecture, variant, kernel or draw.
        UsageError: a CPU count that no kernel has.
    """
    layout = resolve(arch, kernel, variant, kaslr, dict(overrides or {}))
    return boot(layout, CPUS if cpus is None else cpus)


def boot(layout: Layout, cpus: int = CPUS, *, packs: bool | None = None) -> Simulation:
    """Return a simulated kernel of a layout after boot, its history at the end.

    Raises:
        UsageError: a CPU count that no kernel has.
    """
    plan = _plan(layout)
    simulation = Simulation(layout, cpus=checked_cpus(cpus), packs=packs, catalogue=plan.catalogue)
    simulation.do_all(_commands(layout, plan))
    simulation.born = simulation.history.steps
    simulation.title = plan.title(layout, simulation.loaded_modules)
    simulation.booted = simulation.commands
    return simulation


def again(source: Simulation, other: Simulation) -> int:
    """Do all that was done to a simulation, up to its cursor, to one that was booted as it was.

    Returns:
        How many commands cannot be done there.
    """
    left_out = 0
    for command in source.commands_since(source.booted):
        try:
            other.do(command)
        except ExecmemTuiError:
            left_out += 1
    return left_out


def anew(source: Simulation, layout: Layout, cpus: int, *, packs: bool | None = None) -> Simulation:
    """Boot as a simulation was booted, on another layout.

    Raises:
        UsageError: a CPU count that no kernel has.
    """
    if source.booted:
        return boot(layout, cpus, packs=packs)
    return Simulation(layout, cpus=checked_cpus(cpus), packs=packs)


def _plan(layout: Layout) -> _Plan:
    catalogue = open_catalogue(layout.arch, layout.kernel, layout.variant)
    if catalogue is not None:
        profile = _LIST in catalogue.lists
        names = catalogue.list_of(_LIST) if profile else _shared_names(catalogue)
        return _Plan(modules=names, catalogue=catalogue, profile=profile, lent=False)
    lender = open_catalogue(_LENDERS[layout.word_bits], layout.kernel)
    assert lender is not None
    return _Plan(modules=_shared_names(lender), catalogue=lender, profile=False, lent=True)


def _shared_names(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the names of x86's list that another catalogue has too."""
    model = open_catalogue("x86", "7.1")
    assert model is not None
    return tuple(name for name in model.list_of(_LIST) if name in catalogue)


def _commands(layout: Layout, plan: _Plan) -> "Iterator[Command]":
    for number, name in enumerate(plan.modules):
        yield _load(name, first=number == 0, half=not plan.profile)
    capability = layout.capability
    if capability.bpf_alloc is not JitMemory.NONE and not why_unused(layout, ExecmemType.BPF):
        yield _programs
    if plan.profile:
        return
    if capability.have_kprobes and not why_unused(layout, ExecmemType.KPROBES):
        yield _probes
    if not why_no_trampolines(layout):
        yield _tracer


def _load(name: str, *, first: bool, half: bool) -> "Command":
    """Return the command that loads a module, what it needs, and frees its init memory.

    With `half`, a module is left out that would take the preferred window beyond its half: small
    windows (arm's 14M) boot with room to look at.
    """

    def command(kernel: Kernel) -> None:
        if first:
            kernel.machine.note("boot: modules", mark=True)
        if half and _taken(kernel) + _size(kernel.modules, name) > _window(kernel.layout) // 2:
            return
        kernel.modules.load(name)
        kernel.modules.run_init_frees()

    return command


def _taken(kernel: Kernel) -> Bytes:
    """Return the bytes that the regions of all loaded modules take."""
    return sum(sum(each.sizes.values()) for each in kernel.modules.loaded.values())


def _size(modules: Modules, name: str) -> Bytes:
    catalogue = modules.catalogue
    assert catalogue is not None
    return sum(
        sum(catalogue[each].sizes.values())
        for each in catalogue.closure(name)
        if each not in modules.loaded
    )


def _window(layout: Layout) -> Address:
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    return entry.end - entry.start


def _programs(kernel: Kernel) -> None:
    kernel.machine.note("boot: programs of services, filters of system calls", mark=True)
    for name, size, count, classic in (_SERVICES, _FILTERS):
        for number in range(count):
            kernel.bpf.load(f"{name} {number}", size, cbpf=classic)


def _probes(kernel: Kernel) -> None:
    kernel.machine.note("boot: probes", mark=True)
    kernel.kprobes.register("probe", count=_PROBES)


def _tracer(kernel: Kernel) -> None:
    kernel.machine.note("boot: a tracer", mark=True)
    kernel.ftrace.register("tracer")

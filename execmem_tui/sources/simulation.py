"""The simulator as a source: commands in, groups of events out, undo and redo without limit.

The kernel itself, its allocator and its consumers, is imported and booted when the first command or
question needs it: a third of the time of ``execmem-tui map`` and ``whatis``, which look at the
layout that the kernel boots with and at nothing else.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from execmem_tui.arch import resolve
from execmem_tui.commands.act_words import allocate_act, room_act
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.errors import ExecmemTuiError, UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes, hex_address
from execmem_tui.sources.base import SourceKind

if TYPE_CHECKING:
    from execmem_tui.commands.by_hand import Again, Command
    from execmem_tui.commands.preview import Preview
    from execmem_tui.consumers.catalogue import Catalogue
    from execmem_tui.consumers.kernel import Kernel

_T = TypeVar("_T")

_CHECKPOINT_EVERY: Final = 64
"""Commands between two copies of the kernel: an undo replays at most this many."""

MAX_COUNT: Final = 100_000
"""Requests in one allocate command."""


class Simulation:
    """One simulated kernel and its history.

    A command given while the cursor is not at the end forgets what lies after it: the history is
    cut after the command that the cursor is in, and the kernel is brought to that state by
    replaying commands from the nearest checkpoint.

    Args:
        layout: where everything may live.
        cpus: possible CPUs.
        seed: of whatever is random.
        nodes: possible NUMA nodes.
        packs: BPF program packs; None is what the architecture does.
        catalogue: sizes of modules; None: the architecture's own, where there is one.
        areas: what is there from the beginning, beside the layout's early areas.
        kernel: booted already, with the same layout; the other arguments are then its own affair.
    """

    kind = SourceKind.SIMULATE

    def __init__(
        self,
        layout: Layout,
        *,
        cpus: int = 2,
        seed: int = 0,
        nodes: int = 1,
        packs: bool | None = None,
        catalogue: "Catalogue | None" = None,
        areas: Iterable[Area] = (),
        kernel: "Kernel | None" = None,
    ) -> None:
        self.title = f"simulated {layout.arch} {layout.kernel} {layout.variant}"
        self.born = 0
        """The step at which it was handed over: what came before is the same each time."""
        """What is simulated, in one line."""
        self._checkpoints: dict[int, Kernel] = {}

        def boot() -> "Kernel":
            from execmem_tui.consumers.kernel import Kernel
            from execmem_tui.consumers.modules import Modules

            booted = kernel or Kernel(layout, cpus=cpus, seed=seed, nodes=nodes, packs=packs)
            booted.machine.adopt(areas)
            if catalogue is not None:
                booted.loader = Modules(booted.machine, catalogue)
            self._checkpoints[0] = booted.clone()
            return booted

        self._boot = boot
        untouched = kernel is None and not areas
        self._history = History(
            layout, layout.early_areas if untouched else self._kernel.machine.areas()
        )
        self._commands: list[Command] = []
        self._acts: list[str] = []
        self._steps: list[int] = [0]
        self.cpus = cpus
        """Possible CPUs."""
        self.booted_under: Callable[[Mapping[str, str]], Simulation] | None = None
        """Boots the same under other settings (`scenarios.settings.Settings.changed`), where more
        than a layout tells how; nothing is done to it."""
        self.booted = 0
        """How many of the commands booting took."""
        self._inserted = 0
        """Probes, tracers and programs so far: each has a name of its own, also after an undo."""

    @cached_property
    def _kernel(self) -> "Kernel":
        """The kernel after the newest command."""
        return self._boot()

    @property
    def history(self) -> History:
        """The events so far."""
        return self._history

    def do(self, command: "Command", act: str = "") -> int:
        """Run `command` on the kernel as one undoable group; return the number of events it caused.

        The command must depend on nothing but the kernel: it is run again after an undo.

        Args:
            command: what is done.
            act: the words by which `acts.perform` does it, "" where there are none.
        """
        self._return_to_cursor()
        return self._run(command, follow=True, act=act)

    def _run(self, command: "Command", *, follow: bool, act: str = "") -> int:
        try:
            command(self._kernel)
        except ExecmemTuiError:
            self._rebuild(len(self._commands))
            raise
        events = self._kernel.take_events()
        if not events:
            return 0
        self._commands.append(command)
        self._acts.append(act)
        self._history.append(events, follow=follow)
        self._steps.append(self._history.steps)
        if len(self._commands) % _CHECKPOINT_EVERY == 0:
            self._checkpoints[len(self._commands)] = self._kernel.clone()
        return len(events)

    @property
    def commands(self) -> int:
        """How many commands led to the cursor's step."""
        return bisect_left(self._steps, self._history.step)

    def commands_since(self, count: int) -> "tuple[Command, ...]":
        """Return the commands after the first `count`, up to the cursor's step."""
        return tuple(self._commands[count : self.commands])

    def acts(self, step: int) -> tuple[str, ...]:
        """Return what was done by hand since boot, up to a step, in the words of `acts.perform`.

        "" stands for what has none.
        """
        return tuple(self._acts[self.booted : bisect_left(self._steps, step)])

    def act_steps(self) -> dict[int, str]:
        """Return the words of what was done by hand, by the step of its first event."""
        return {self._steps[at] + 1: act for at, act in enumerate(self._acts) if at >= self.booted}

    def end_of(self, step: int) -> int:
        """Return the last step of the command that a step lies in."""
        return self._steps[bisect_left(self._steps, step)]

    def is_whole(self, step: int) -> bool:
        """Whether the last command up to a step is done with all of its events."""
        return self.end_of(step) == step

    def ask(self, question: "Callable[[Kernel], _T]") -> _T:
        """Answer a question about the kernel at the cursor's step; it must not be changed."""
        return question(self._kernel_here())

    def do_all(self, commands: "Iterable[Command]") -> None:
        """Run many commands, each an undoable group.

        The history goes to the end in one stride: most of what a load takes is free again after it.
        """
        self._return_to_cursor()
        try:
            for command in commands:
                self._run(command, follow=False)
        finally:
            self._history.seek(self._history.steps)

    @property
    def loaded_modules(self) -> int:
        """How many modules are loaded after the newest command."""
        return len(self._kernel.modules.loaded)

    def usual_size(self, kind: ExecmemType) -> Bytes:
        """What this consumer typically asks for in one request."""
        return self._kernel.machine.usual_size(kind)

    def why_not_allocate(self, kind: ExecmemType) -> str:
        """Return "" or the reason why nobody allocates `kind` here."""
        return self._kernel.machine.why_unused(kind)

    def allocate(
        self,
        kind: ExecmemType,
        size: Bytes | None = None,
        *,
        count: int = 1,
        owner: str | None = None,
    ) -> None:
        """Make `count` requests; stop at the first that fails.

        Raises:
            UsageError: nobody allocates this type here, or the size or count makes no sense.
        """
        wanted = self.usual_size(kind) if size is None else size
        self.do(self._request(kind, size, count, owner), allocate_act(kind, wanted, count, owner))

    def _request(
        self, kind: ExecmemType, size: Bytes | None, count: int, owner: str | None
    ) -> "Command":
        reason = self.why_not_allocate(kind)
        if reason:
            raise UsageError(reason)
        wanted = self.usual_size(kind) if size is None else size
        if not 0 < wanted < 1 << 62:
            raise UsageError(f"cannot allocate {wanted} bytes", hint="a size is at least one byte")
        if not 0 < count <= MAX_COUNT:
            raise UsageError(f"cannot make {count} requests at once", hint=f"1 to {MAX_COUNT:,}")
        name = None if owner is None else printable(owner, 60)

        def command(kernel: "Kernel") -> None:
            for _ in range(count):
                if kernel.machine.request(kind, wanted, owner=name) is None:
                    break

        return command

    def loadable(self) -> tuple[str, ...]:
        """Return the modules that can be loaded by name; () where no catalogue has this kernel."""
        catalogue = self._kernel.modules.catalogue
        return () if catalogue is None else catalogue.names

    def load(self, name: str) -> None:
        """Load a module and what it depends on.

        Raises:
            UsageError: there is no such module, or it is loaded.
        """
        from execmem_tui.commands.by_hand import load_module

        self.do(load_module(name), f"load {name}")

    def insert(self, kind: ExecmemType) -> None:
        """Let a consumer ask: register a probe or a tracer, load a BPF program.

        Raises:
            UsageError: nobody does that here.
        """
        from execmem_tui.commands.by_hand import insert

        reason = self.why_not_allocate(kind)
        if reason:
            raise UsageError(reason)
        self._inserted += 1
        self.do(insert(kind, self._inserted), f"insert {kind.name}")

    def why_not_fill(self) -> str:
        """Return "" or the reason why the module window cannot be filled."""
        from execmem_tui.commands.fill import why_not_fill

        return why_not_fill(self._history.layout)

    def fill(self) -> None:
        """Fill the module window until something spills or fails.

        Raises:
            UsageError: it is too large for that.
        """
        from execmem_tui.commands.fill import fill

        self.do(fill, "fill")

    def free(self, address: Address) -> None:
        """Free the module, probe, tracer or program that covers `address`, else the area.

        Raises:
            UsageError: there is nothing that can be freed.
        """
        from execmem_tui.commands.by_hand import remove

        area = self._history.snapshot().area_at(address)
        if area is None or area.state is not AreaState.LIVE or area.type is None:
            raise UsageError(
                f"nothing to free at {hex_address(address)}",
                hint="only live areas of execmem can be freed; choose one on the map",
            )
        self._return_to_cursor()
        start, part = area.start, area.part_at(address)
        command = remove(self._kernel, area, part) or (lambda kernel: kernel.machine.release(start))
        self.do(command, f"free {address:x}")

    def purge(self, kind: str = "aliases") -> None:
        """Purge lazy areas: aliases, drain or reclaim."""
        if kind not in ("aliases", "drain", "reclaim"):
            raise UsageError(f"no such purge: {printable(kind)}", hint="aliases, drain or reclaim")

        def command(kernel: "Kernel") -> None:
            kernel.machine.purge(kind)

        self.do(command, f"purge {kind}")

    def preview_load(self, name: str) -> "Preview":
        """Say where the regions of a module and of what it needs would lie.

        Raises:
            UsageError: there is no such module, or it is loaded.
        """
        from execmem_tui.commands.by_hand import load_module
        from execmem_tui.commands.preview import preview

        return preview(self._kernel_here(), load_module(name))

    def preview_allocate(self, kind: ExecmemType, size: Bytes, count: int = 1) -> "Preview":
        """Say where `count` requests would lie.

        Raises:
            UsageError: nobody allocates this type here, or the size or count makes no sense.
        """
        from execmem_tui.commands.preview import preview

        return preview(self._kernel_here(), self._request(kind, size, count, None))

    def needed_by(self, module: str) -> tuple[str, ...]:
        """Return a module and what it depends on; nothing where no such module is known."""
        catalogue = self._kernel.modules.catalogue
        known = catalogue is not None and module in catalogue
        return catalogue.closure(module) if catalogue is not None and known else ()

    def users_of(self, module: str) -> tuple[str, ...]:
        """Return the modules that use one at the cursor's step: they are unloaded before it."""
        from execmem_tui.commands.by_hand import users_of

        return users_of(self._kernel_here(), module)

    def make_room(self, areas: Sequence[Area], again: "Again") -> None:
        """Give areas back, modules whole, and make a request again: one undoable command.

        Raises:
            UsageError: one of them cannot be given back.
        """
        from execmem_tui.commands.by_hand import make_room

        self.do(make_room(tuple(areas), again), room_act(areas, again))

    def _kernel_here(self) -> "Kernel":
        """Return the kernel as it is after the command that the cursor is in; not to be changed."""
        if self._history.at_end:
            return self._kernel
        count = bisect_left(self._steps, self._history.step)
        return self._kernel if count >= len(self._commands) else self._kernel_after(count)

    def _return_to_cursor(self) -> None:
        if self._history.at_end:
            return
        step = self._history.truncate()
        keep = max(index for index, end in enumerate(self._steps) if end <= step)
        del self._commands[keep:]
        del self._acts[keep:]
        del self._steps[keep + 1 :]
        self._checkpoints = {
            count: kernel for count, kernel in self._checkpoints.items() if count <= keep
        }
        self._rebuild(keep)

    def _rebuild(self, count: int) -> None:
        """Bring the kernel to the state after the first `count` commands."""
        self._kernel = self._kernel_after(count)

    def _kernel_after(self, count: int) -> "Kernel":
        nearest = max(at for at in self._checkpoints if at <= count)
        kernel = self._checkpoints[nearest].clone()
        for command in self._commands[nearest:count]:
            command(kernel)
            kernel.take_events()
        return kernel


def open_simulation(
    arch: str,
    kernel: str,
    variant: str | None,
    kaslr: str,
    *,
    overrides: Mapping[str, int] | None = None,
    cpus: int = 2,
) -> Simulation:
    """Return a freshly booted simulated kernel.

    Raises:
        UnknownLayoutError: no such architecture, variant, kernel or draw.
        UsageError: a CPU count that no kernel has.
    """
    layout = resolve(arch, kernel, variant, kaslr, dict(overrides or {}))
    return Simulation(layout, cpus=checked_cpus(cpus))


def checked_cpus(cpus: int) -> int:
    """Return a count of possible CPUs.

    Raises:
        UsageError: no kernel has so many.
    """
    if not 1 <= cpus <= 8192:
        raise UsageError(f"cannot simulate {cpus} CPUs", hint="1 to 8192")
    return cpus

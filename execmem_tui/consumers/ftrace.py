"""Ftrace's executable memory.

One trampoline page per ftrace_ops on x86-64, nothing anywhere else.
"""

from typing import Final

from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.reasons import why_no_trampolines
from execmem_tui.model.areas import Part
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes, align_up

STATIC_OPS: Final = frozenset(
    {
        "global_ops",
        "graph_ops",
        "trace_ops",
        "kprobe_ftrace_ops",
        "kprobe_ipmodify_ops",
        "fprobe_ftrace_ops",
        "tmp_ops",
    }
)
"""ftrace_ops inside core kernel data: they keep their trampoline for good (ftrace_shutdown frees
FTRACE_OPS_FL_DYNAMIC only). global_ops is the top instance's tracer, trace_ops the stack tracer,
tmp_ops that of modify_ftrace_direct()."""

_REGS_EXTRA: Final = 133
"""More bytes with FTRACE_OPS_FL_SAVE_REGS: ftrace_regs_caller (345 bytes) against ftrace_caller
(212)."""


class Ftrace:
    """The ftrace_ops of one kernel and the trampolines they own.

    arch/x86/kernel/ftrace.c: create_trampoline.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._active: dict[str, int] = {}
        self._static: set[str] = set()
        self._pages: dict[str, Address] = {}
        self._fresh: dict[Address, Part] = {}

    def clone(self, machine: Machine) -> "Ftrace":
        """Return an equal state on `machine`, a clone of this one's."""
        copy = Ftrace(machine)
        copy._active = dict(self._active)
        copy._static = set(self._static)
        copy._pages = dict(self._pages)
        copy._fresh = dict(self._fresh)
        return copy

    @property
    def why_none(self) -> str:
        """Return "" where ops have trampolines, else a sentence that says why they have none."""
        return why_no_trampolines(self._machine.layout)

    @property
    def pages(self) -> dict[str, Address]:
        """Address of the trampoline of each ops that has one.

        Static ops that are off now keep theirs.
        """
        return dict(self._pages)

    def register(
        self, name: str, *, regs: bool = False, static: bool | None = None
    ) -> Address | None:
        """register_ftrace_function() of the ops `name`: its first time makes a trampoline page.

        Args:
            name: of the ops.
            regs: FTRACE_OPS_FL_SAVE_REGS.
            static: an ops in core kernel data, which keeps its page; None: if `name` is one of
                `STATIC_OPS`.

        Returns:
            The trampoline, or None where there is none: the ops then uses the shared caller
            (create_trampoline returning 0 is no error).

        Raises:
            UsageError: a dynamic ops of that name is registered.
        """
        fixed = name in STATIC_OPS if static is None else static
        count = self._active.get(name, 0)
        if count and not fixed:
            raise UsageError(
                f"ftrace_ops {printable(name)!r} is registered",
                hint="unregister it, or choose another name",
            )
        self._active[name] = count + 1
        if fixed:
            self._static.add(name)
        if name in self._pages:
            self._machine.note(f"ftrace_ops {printable(name, 60)} on: its trampoline was kept")
        elif self.why_none:
            self._machine.note(f"ftrace_ops {printable(name, 60)} on: {self.why_none}")
        else:
            self._create_trampoline(name, regs=regs)
        self._machine.run_deferred()
        return self._pages.get(name)

    def unregister(self, name: str) -> None:
        """unregister_ftrace_function().

        A dynamic ops gives its trampoline back (arch_ftrace_trampoline_free).

        Raises:
            UsageError: no such ops is registered.
        """
        count = self._active.get(name, 0)
        if not count:
            raise UsageError(f"no ftrace_ops {printable(name)!r} is registered")
        if count > 1:
            self._active[name] = count - 1
        else:
            del self._active[name]
        address = self._pages.get(name)
        if address is None:
            self._machine.note(f"ftrace_ops {printable(name, 60)} off: it had no trampoline")
        elif name in self._static or name in self._active:
            self._machine.note(f"ftrace_ops {printable(name, 60)} off: its trampoline is kept")
        else:
            del self._pages[name]
            self._fresh.pop(address, None)
            self._machine.exec_free(address)
        self._machine.run_deferred()

    def fprobe(self, name: str, *, returns: bool = False) -> Address | None:
        """register_fprobe(), also a BPF kprobe_multi link.

        It has an ops of its own, or all share one (`Rules.shared_fprobe_ops`).

        Args:
            name: of the fprobe.
            returns: it has an exit handler; where ops are shared, such fprobes use fgraph's
                graph_ops (kernel/trace/fprobe.c).
        """
        if not self._machine.layout.rules.shared_fprobe_ops:
            return self.register(f"fprobe {name}", regs=True)
        return self.register("graph_ops" if returns else "fprobe_ftrace_ops")

    def remove_fprobe(self, name: str, *, returns: bool = False) -> None:
        """unregister_fprobe() of what `fprobe` registered with the same arguments."""
        if not self._machine.layout.rules.shared_fprobe_ops:
            self.unregister(f"fprobe {name}")
        else:
            self.unregister("graph_ops" if returns else "fprobe_ftrace_ops")

    def flush(self) -> None:
        """Tell the machine what its new pages hold."""
        fresh, self._fresh = self._fresh, {}
        for start, part in fresh.items():
            self._machine.divide(start, (part,), f"trampoline of {part.size} bytes")

    def _create_trampoline(self, name: str, *, regs: bool) -> None:
        machine = self._machine
        size: Bytes = machine.layout.rules.ftrace_trampoline + (_REGS_EXTRA if regs else 0)
        start = machine.exec_alloc(
            ExecmemType.FTRACE, size, owner=f"ftrace {printable(name, 60)}", rw=True
        )
        if start is None:
            machine.note(
                f"ftrace_ops {printable(name, 60)} goes through the list caller: no trampoline"
            )
            return
        machine.set_memory(start, align_up(size, machine.layout.page_size), "rox")
        self._pages[name] = start
        self._fresh[start] = Part(start, size, printable(name, 60), key=name)

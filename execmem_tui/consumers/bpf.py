"""BPF's executable memory.

Programs, trampolines, struct_ops images, the XDP dispatcher, and the limit on it all.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from attrs import field

from execmem_tui.consumers.bpf_memory import ENOMEM, EPERM, Binary, BpfMemory
from execmem_tui.consumers.bpf_sizes import binary_request, jit_limit, pack_request, trampoline_size
from execmem_tui.consumers.ftrace import Ftrace
from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.packs import Packs
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import define
from execmem_tui.model.rules import JitMemory
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes

E2BIG: Final = 7
ENOTSUPP: Final = 524
"""The kernel's own number, which user space prints as "errno 524" (__bpf_prog_select_runtime)."""

MAX_PROGLEN: Final = 1 << 30
"""Bytes of one program that the simulator takes."""

_MAX_TRAMP_IMAGE_PAGES: Final = 8
"""struct_ops images of one map (include/linux/bpf.h)."""
_DISPATCHER: Final = "bpf_dispatcher_xdp"
_RW_IMAGE: Final = "bpf_dispatcher_xdp rw_image"


class Loaded(NamedTuple):
    """What a load came to."""

    start: Address | None
    """Of the binary; None where the program is interpreted or refused."""
    size: Bytes
    """Charged, bytes."""
    errno: int = 0
    """What bpf(BPF_PROG_LOAD) fails with, 0 if it succeeds."""

    @property
    def jited(self) -> bool:
        """Whether it runs native."""
        return self.start is not None


@define
class _Target:
    """struct bpf_trampoline: programs attached, and the image now."""

    programs: int
    image: Binary | None


@define
class _State:
    binaries: dict[str, list[Binary]] = field(factory=dict)
    """By program, or struct_ops map: all that it holds."""
    targets: dict[str, _Target] = field(factory=dict)
    dispatcher: bool = False
    """Whether the XDP dispatcher has its images: never given back."""


class Bpf:
    """BPF on one kernel.

    Args:
        machine: what it allocates from.
        nodes: possible NUMA nodes; a pack is 2 MiB for each.
        packs: False gives every program pages of its own; None is what the kernel does.
        always_on: CONFIG_BPF_JIT_ALWAYS_ON: no interpreter to fall back on.
        limit: net.core.bpf_jit_limit, bytes; None is the default.
        ftrace: for the page that the first change of an ftrace-managed trampoline takes; None for
            one of its own.
    """

    def __init__(
        self,
        machine: Machine,
        nodes: int = 1,
        *,
        packs: bool | None = None,
        always_on: bool = False,
        limit: Bytes | None = None,
        ftrace: Ftrace | None = None,
    ) -> None:
        layout = machine.layout
        capability = layout.capability
        self._machine = machine
        self._ftrace = Ftrace(machine) if ftrace is None else ftrace
        self.jit_enabled = True
        """net.core.bpf_jit_enable."""
        self.always_on = always_on
        self.has_jit = capability.bpf_alloc is not JitMemory.NONE
        self.has_trampolines = capability.bpf_trampoline is not JitMemory.NONE
        self.memory = BpfMemory(
            machine,
            nodes,
            packed=capability.bpf_alloc is JitMemory.PACK if packs is None else packs,
            limit=jit_limit(layout) if limit is None else limit,
        )
        self._trampolines_packed = self.packed and capability.bpf_trampoline is JitMemory.PACK
        self._state = _State()

    def clone(self, machine: Machine, ftrace: Ftrace | None = None) -> "Bpf":
        """Return an equal state on `machine` and `ftrace`, clones of this one's."""
        copy = Bpf(
            machine,
            always_on=self.always_on,
            ftrace=self._ftrace.clone(machine) if ftrace is None else ftrace,
        )
        copy.jit_enabled = self.jit_enabled
        copy.memory = self.memory.clone(machine)
        copy._trampolines_packed = self._trampolines_packed
        state = self._state
        copy._state = _State(
            {name: list(binaries) for name, binaries in state.binaries.items()},
            {
                name: _Target(target.programs, target.image)
                for name, target in state.targets.items()
            },
            state.dispatcher,
        )
        return copy

    @property
    def charged(self) -> Bytes:
        """bpf_jit_current: bytes charged against the limit."""
        return self.memory.charged

    @property
    def limit(self) -> Bytes:
        """net.core.bpf_jit_limit, bytes."""
        return self.memory.limit

    @limit.setter
    def limit(self, limit: Bytes) -> None:
        self.memory.limit = limit

    @property
    def packed(self) -> bool:
        """Whether programs that fit into a pack share one."""
        return self.memory.packed

    @property
    def packs(self) -> Packs:
        """The packs."""
        return self.memory.packs

    @property
    def programs(self) -> tuple[str, ...]:
        """Names of what is JITed now, oldest first."""
        return tuple(self._state.binaries)

    @property
    def targets(self) -> dict[str, int]:
        """Programs attached to each target that has a trampoline."""
        return {name: target.programs for name, target in self._state.targets.items()}

    def load(
        self,
        name: str,
        proglen: Bytes,
        *,
        cbpf: bool = False,
        capable: bool = True,
        needs_jit: bool = False,
    ) -> Loaded:
        """Load a program, or one subprogram of one: each has a binary of its own.

        The part on the map is the binary; the program starts at a random place within its first
        chunk.

        Args:
            name: of the program.
            proglen: what its JIT asks for (`program_length`), bytes.
            cbpf: a classic filter (socket filter, seccomp): goes the same way, but /proc/kallsyms
                does not list it.
            capable: the caller has CAP_BPF: the limit does not stop it.
            needs_jit: the interpreter cannot run it (kfunc calls, a deep stack).

        Raises:
            UsageError: a program of that name is loaded, or the size makes no sense.
        """
        self._check_name(name)
        if not 0 < proglen <= MAX_PROGLEN:
            raise UsageError(
                f"cannot load a program of {proglen} bytes", hint=f"1 to {MAX_PROGLEN:,}"
            )
        label = printable(f"bpf_prog_{name}" + (" (classic)" if cbpf else ""), 60)
        size, binary, errno = 0, None, 0
        if self.jit_enabled and self.has_jit:
            size = (
                pack_request(proglen)
                if self.packed
                else binary_request(self._machine.layout, proglen)
            )
            binary, errno = self.memory.charge(
                size, label, key=name, capable=capable, packed=self.packed
            )
        if binary is not None:
            self._state.binaries[name] = [binary]
            loaded = Loaded(start=binary.start, size=size)
        else:
            refused = self.always_on or needs_jit
            loaded = Loaded(start=None, size=0, errno=ENOTSUPP if refused else 0)
            why = {EPERM: "over bpf_jit_limit", ENOMEM: "no memory"}.get(errno, "no JIT")
            self._machine.note(
                f"{label}: {why}, {'refused with errno 524' if refused else 'interpreted'}"
            )
        self._machine.run_deferred()
        return loaded

    def unload(self, name: str) -> None:
        """Give back all of a program or a struct_ops map (bpf_jit_free, after its grace period).

        Raises:
            UsageError: nothing of that name is JITed.
        """
        binaries = self._state.binaries.pop(name, None)
        if binaries is None:
            raise UsageError(f"no BPF program {printable(name)!r} is JITed")
        for binary in binaries:
            self.memory.uncharge(binary)
        self._machine.run_deferred()

    def attach(self, target: str, *, size: Bytes | None = None, capable: bool = True) -> Loaded:
        """Attach one more fentry, fexit or LSM program to `target`.

        A new trampoline image, then the old one is freed.

        Args:
            target: the kernel function.
            size: of the new image, bytes; None for a typical one.
            capable: the caller has CAP_BPF.
        """
        state = self._state.targets.get(target)
        return self._update(
            target, 1 if state is None else state.programs + 1, size, capable=capable
        )

    def detach(self, target: str, *, size: Bytes | None = None) -> Loaded:
        """Detach one program from `target`; the last takes the trampoline with it.

        Raises:
            UsageError: nothing is attached there.
        """
        state = self._state.targets.get(target)
        if state is None:
            raise UsageError(f"no BPF program is attached to {printable(target)!r}")
        return self._update(target, state.programs - 1, size, capable=True)

    def struct_ops(self, name: str, methods: Sequence[Bytes], *, capable: bool = True) -> Loaded:
        """Register a struct_ops map.

        Its methods' trampolines share images of a page (bpf_struct_ops_prepare_trampoline).

        Args:
            name: of the map; `unload` takes it.
            methods: bytes of each method's trampoline.
            capable: the caller has CAP_BPF.

        Raises:
            UsageError: a program of that name is loaded.
        """
        self._check_name(name)
        page = self._machine.layout.page_size
        images: list[Binary] = []
        errno, room = 0 if self.has_trampolines else ENOTSUPP, 0
        for size in methods if self.has_trampolines else ():
            if not self._sized():
                errno = ENOMEM
            elif size > room:
                image = None
                errno = E2BIG if size > page or len(images) == _MAX_TRAMP_IMAGE_PAGES else 0
                if not errno:
                    label = printable(f"struct_ops {name}", 60)
                    image, errno = self.memory.charge(
                        page, label, key=name, capable=capable, packed=self._trampolines_packed
                    )
                if image is not None:
                    images.append(image)
                    room = page
            if errno:
                break
            room -= size
        if errno:
            for image in images:
                self.memory.uncharge(image)
            self._machine.note(f"struct_ops {printable(name, 60)} refused with errno {errno}")
        elif images:
            self._state.binaries[name] = images
        self._machine.run_deferred()
        done = bool(images) and not errno
        return Loaded(
            start=images[0].start if done else None,
            size=page * len(images) if done else 0,
            errno=errno,
        )

    def xdp(self) -> bool:
        """bpf_prog_change_xdp(): the first XDP program makes the dispatcher's images.

        They stay for good.

        Returns:
            Whether this kernel has a dispatcher with images now.
        """
        layout = self._machine.layout
        if self._state.dispatcher:
            self._machine.note(f"{_DISPATCHER}: has its images")
        elif not layout.capability.bpf_dispatcher:
            self._machine.note(
                f"no XDP dispatcher on {layout.arch}: programs are called through a pointer"
            )
        else:
            image = self.memory.alloc(layout.page_size, _DISPATCHER, packed=self.packed)
            rw_image = None
            if image is not None:
                rw_image = (
                    self._machine.vmalloc(layout.page_size, owner=_RW_IMAGE)
                    if layout.rules.dispatcher_image_in_vmalloc
                    else self._machine.exec_alloc(
                        ExecmemType.BPF, layout.page_size, owner=_RW_IMAGE
                    )
                )
                if rw_image is None:
                    self.memory.free(image)
            self._state.dispatcher = rw_image is not None
        self._machine.run_deferred()
        return self._state.dispatcher

    def flush(self) -> None:
        """Tell the machine what is inside the packs and areas that changed since the last call."""
        self.memory.flush()

    def _check_name(self, name: str) -> None:
        if name in self._state.binaries:
            raise UsageError(
                f"BPF program {printable(name)!r} is loaded",
                hint="unload it, or choose another name",
            )

    def _update(self, target: str, programs: int, size: Bytes | None, *, capable: bool) -> Loaded:
        """bpf_trampoline_update()."""
        state = self._state.targets.get(target)
        old = None if state is None else state.image
        label = printable(f"bpf_trampoline_{target}", 60)
        image, errno, wanted = None, 0, 0
        if not self.has_trampolines:
            errno = ENOTSUPP
        elif programs:
            more = self._machine.layout.rules.trampoline_bytes_more
            wanted = trampoline_size(programs, more) if size is None else size
            if not self._sized():
                errno = ENOMEM
            elif not 0 < wanted <= self._machine.layout.page_size:
                errno = E2BIG
            else:
                image, errno = self.memory.charge(
                    wanted, label, capable=capable, packed=self._trampolines_packed, whole_page=True
                )
        if errno:
            self._machine.note(f"{label}: refused with errno {errno}")
        else:
            if old is not None:
                if image is not None:
                    self._modify_direct()
                self.memory.uncharge(old)
            if image is None:
                self._state.targets.pop(target, None)
            else:
                self._state.targets[target] = _Target(programs, image)
        self._machine.run_deferred()
        return Loaded(
            start=None if image is None else image.start,
            size=0 if image is None else wanted,
            errno=errno,
        )

    def _modify_direct(self) -> None:
        """modify_ftrace_direct() registers a static ops for a moment.

        The first time, it takes a trampoline page.
        """
        if not self._ftrace.why_none and "tmp_ops" not in self._ftrace.pages:
            self._ftrace.register("tmp_ops")
            self._ftrace.unregister("tmp_ops")

    def _sized(self) -> bool:
        """arch_bpf_trampoline_size(): x86 sizes into a scratch page.

        False if it cannot have one.
        """
        layout = self._machine.layout
        if not layout.capability.bpf_scratch:
            return True
        kind = ExecmemType.MODULE_DATA if layout.rules.bpf_scratch_is_data else ExecmemType.BPF
        start = self._machine.exec_alloc(kind, layout.page_size, owner="trampoline scratch")
        if start is None:
            return False
        self._machine.exec_free(start)
        return True

"""The steps of a scenario.

One class per verb, one field per key, each with the reader of its value.

In a file a step is a table whose first key is the verb: ``{ alloc = "MODULE_TEXT", size = "64K",
count = 3 }``.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from attrs import field

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes
from execmem_tui.scenarios import values
from execmem_tui.scenarios.expressions import Comparison


def _by(read: Callable[[Any], Any]) -> dict[str, Any]:
    """Metadata of a key: the reader of its value."""
    return {"read": read}


@frozen(kw_only=True)
class Step:
    """Base of all steps."""

    verb: ClassVar[str]
    line: int = 0
    """Where it stands in its file; not a key."""

    @property
    def text(self) -> str:
        """The step in a few words, for a caption."""
        value = getattr(self, self.verb)
        return self.verb if value is True else f"{self.verb} {value}"


@frozen(kw_only=True)
class Load(Step):
    """Load modules as modprobe does; ``@laptop`` a list of the catalogue, ``@all`` every module."""

    verb: ClassVar = "load"
    load: tuple[str, ...] = field(metadata=_by(values.names))
    dependencies: bool = field(default=True, metadata=_by(values.boolean))
    """Load what the modules need first."""
    init_fails: bool = field(default=False, metadata=_by(values.boolean))
    """Init() returns an error; everything is freed again."""
    fail_at: str | None = field(default=None, metadata=_by(values.word))
    """This region's allocation fails: MOD_TEXT …"""

    @property
    def text(self) -> str:
        """The names, or the first of many."""
        return f"load {', '.join(self.load[:4])}{' …' if len(self.load) > 4 else ''}"


@frozen(kw_only=True)
class Unload(Step):
    """Remove modules."""

    verb: ClassVar = "unload"
    unload: tuple[str, ...] = field(metadata=_by(values.names))

    @property
    def text(self) -> str:
        """The names, or the first of many."""
        return f"unload {', '.join(self.unload[:4])}{' …' if len(self.unload) > 4 else ''}"


@frozen(kw_only=True)
class Probe(Step):
    """Register kprobes."""

    verb: ClassVar = "probe"
    probe: str = field(metadata=_by(values.word))
    """Name of the probes, for unprobe; a number is added to each."""
    count: int = field(default=1, metadata=_by(values.count))
    entry: bool = field(default=False, metadata=_by(values.boolean))
    """At a function's entry, else in its middle."""
    optimised: bool | None = field(default=None, metadata=_by(values.boolean))
    """Can be a jump; default: where there are any."""


@frozen(kw_only=True)
class Unprobe(Step):
    """Unregister the kprobes of that name."""

    verb: ClassVar = "unprobe"
    unprobe: str = field(metadata=_by(values.word))
    count: int | None = field(default=None, metadata=_by(values.count))
    """Only so many of them, oldest first."""


@frozen(kw_only=True)
class Trace(Step):
    """Register ftrace_ops."""

    verb: ClassVar = "trace"
    trace: str = field(metadata=_by(values.word))
    """Name of the ops, for untrace; a number is added to each."""
    count: int = field(default=1, metadata=_by(values.count))
    regs: bool = field(default=False, metadata=_by(values.boolean))
    """Wants all registers (FTRACE_OPS_FL_SAVE_REGS)."""
    fprobe: bool = field(default=False, metadata=_by(values.boolean))
    """Through fprobe: BPF kprobe_multi."""


@frozen(kw_only=True)
class Untrace(Step):
    """Unregister the ftrace_ops of that name."""

    verb: ClassVar = "untrace"
    untrace: str = field(metadata=_by(values.word))
    count: int | None = field(default=None, metadata=_by(values.count))
    fprobe: bool = field(default=False, metadata=_by(values.boolean))
    """They came through fprobe."""


@frozen(kw_only=True)
class Bpf(Step):
    """Load BPF programs; stops at the first that gets no memory."""

    verb: ClassVar = "bpf"
    bpf: str = field(metadata=_by(values.word))
    """Name of the programs, for unbpf; a number is added to each."""
    size: Bytes = field(default=1024, metadata=_by(values.size))
    """JITed bytes of each."""
    count: int = field(default=1, metadata=_by(values.count))
    capable: bool = field(default=True, metadata=_by(values.boolean))
    """The caller has CAP_BPF: bpf_jit_limit does not stop it."""
    classic: bool = field(default=False, metadata=_by(values.boolean))
    """A socket or seccomp filter."""
    needs_jit: bool = field(default=False, metadata=_by(values.boolean))
    """No interpreter can run it: failing is errno 524."""


@frozen(kw_only=True)
class Unbpf(Step):
    """Unload BPF programs of that name."""

    verb: ClassVar = "unbpf"
    unbpf: str = field(metadata=_by(values.word))
    count: int | None = field(default=None, metadata=_by(values.count))


@frozen(kw_only=True)
class Attach(Step):
    """Attach a BPF program to each of so many kernel functions.

    Fentry, one trampoline image per function.
    """

    verb: ClassVar = "attach"
    attach: str = field(metadata=_by(values.word))
    """Name of the functions, for detach; a number is added to each."""
    count: int = field(default=1, metadata=_by(values.count))
    size: Bytes | None = field(default=None, metadata=_by(values.size))
    """Bytes of each image; default: a typical one."""


@frozen(kw_only=True)
class Detach(Step):
    """Detach them again."""

    verb: ClassVar = "detach"
    detach: str = field(metadata=_by(values.word))
    count: int | None = field(default=None, metadata=_by(values.count))


@frozen(kw_only=True)
class StructOps(Step):
    """Register a BPF struct_ops map, for instance a congestion control; unbpf removes it."""

    verb: ClassVar = "struct_ops"
    struct_ops: str = field(metadata=_by(values.word))
    methods: int = field(default=1, metadata=_by(values.count))
    size: Bytes = field(default=256, metadata=_by(values.size))
    """Bytes of each method's trampoline."""


@frozen(kw_only=True)
class Xdp(Step):
    """Attach XDP programs to devices: the first makes the dispatcher's images (x86-64)."""

    verb: ClassVar = "xdp"
    xdp: int = field(metadata=_by(values.count))


@frozen(kw_only=True)
class Occupy(Step):
    """Take address space that a real machine had taken: ``START-END owner``.

    ``unpurged`` as owner makes it lazy.
    """

    verb: ClassVar = "occupy"
    occupy: tuple[tuple[Address, Address, str], ...] = field(metadata=_by(values.occupied))

    @property
    def text(self) -> str:
        """How many."""
        return f"occupy {len(self.occupy)} areas"


@frozen(kw_only=True)
class Alloc(Step):
    """Ask execmem directly; stops at the first request that fails."""

    verb: ClassVar = "alloc"
    alloc: ExecmemType = field(metadata=_by(values.execmem_type))
    size: Bytes | None = field(default=None, metadata=_by(values.size))
    """Usable bytes of each; default: the consumer's usual."""
    count: int = field(default=1, metadata=_by(values.count))
    owner: str | None = field(default=None, metadata=_by(values.word))
    """Who asks; also the name for free."""

    @property
    def text(self) -> str:
        """The type and the owner."""
        return (
            f"alloc {self.alloc.name}{f' x {self.count}' if self.count > 1 else ''}"
            f" {self.owner or ''}".rstrip()
        )


@frozen(kw_only=True)
class VmallocStep(Step):
    """Another user of the vmalloc window; stops at the first request that fails."""

    verb: ClassVar = "vmalloc"
    vmalloc: Bytes = field(metadata=_by(values.size))
    count: int = field(default=1, metadata=_by(values.count))
    owner: str = field(default="vmalloc", metadata=_by(values.word))
    ioremap: bool = field(default=False, metadata=_by(values.boolean))
    """Aligned to its size, as ioremap() is."""
    align: Bytes = field(default=1, metadata=_by(values.size))


@frozen(kw_only=True)
class Free(Step):
    """Free what `alloc` or `vmalloc` got for this owner."""

    verb: ClassVar = "free"
    free: str = field(metadata=_by(values.word))
    every: int = field(default=1, metadata=_by(values.count))
    """1: all of them; 2: every second one, which leaves holes between the others."""
    count: int | None = field(default=None, metadata=_by(values.count))


@frozen(kw_only=True)
class PurgeStep(Step):
    """Purge lazy areas: aliases, drain, reclaim or shrink."""

    verb: ClassVar = "purge"
    purge: str = field(metadata=_by(values.purge))


@frozen(kw_only=True)
class Repeat(Step):
    """Run steps again and again."""

    verb: ClassVar = "repeat"
    repeat: int = field(metadata=_by(values.count))
    steps: tuple[Step, ...] = field(metadata=_by(values.nested))
    until_failure: bool = field(default=False, metadata=_by(values.boolean))
    """Stop after a turn in which a request failed."""

    @property
    def text(self) -> str:
        """The count."""
        return f"repeat {self.repeat} times"


@frozen(kw_only=True)
class Concurrently(Step):
    """Run the same steps on so many CPUs at once.

    Who goes on next is drawn from the scenario's seed.
    """

    verb: ClassVar = "concurrently"
    concurrently: int = field(metadata=_by(values.cpus))
    steps: tuple[Step, ...] = field(metadata=_by(values.nested))

    @property
    def text(self) -> str:
        """The count."""
        return f"on {self.concurrently} CPUs at once"


@frozen(kw_only=True)
class Fail(Step):
    """Fault injection: the Nth execmem request from here finds no pages."""

    verb: ClassVar = "fail"
    fail: int = field(metadata=_by(values.count))


@frozen(kw_only=True)
class Fill(Step):
    """Fill the windows of a type to a percentage of their bytes."""

    verb: ClassVar = "fill"
    fill: ExecmemType = field(metadata=_by(values.execmem_type))
    to: float = field(metadata=_by(values.percentage))
    size: Bytes = field(default=1 << 16, metadata=_by(values.size))
    """Usable bytes of each area."""
    owner: str = field(default="filler", metadata=_by(values.word))

    @property
    def text(self) -> str:
        """The type and the percentage."""
        return f"fill {self.fill.name} to {self.to:g} %"


@frozen(kw_only=True)
class ForceFallback(Step):
    """From here on no preferred window can be used; false: it can again."""

    verb: ClassVar = "force_fallback"
    force_fallback: bool = field(metadata=_by(values.boolean))


@frozen(kw_only=True)
class InitFrees(Step):
    """Run the queued frees of init memory now (do_free_init)."""

    verb: ClassVar = "init_frees"
    init_frees: bool = field(metadata=_by(values.boolean))


@frozen(kw_only=True)
class ReachStep(Step):
    """Ask whether a relocation at one address can name another.

    Sets last.distance, last.past and last.verdict.
    """

    verb: ClassVar = "reach"
    reach: str = field(metadata=_by(values.word))
    """A relocation of the architecture: R_AARCH64_CALL26 …"""
    origin: Address | None = field(default=None, metadata=_by(values.address))
    target: Address | None = field(default=None, metadata=_by(values.address))
    distance: int | None = field(default=None, metadata=_by(values.distance))
    """Instead of two addresses."""


@frozen(kw_only=True)
class Expect(Step):
    """State what must be true here."""

    verb: ClassVar = "expect"
    expect: tuple[Comparison, ...] = field(metadata=_by(values.comparisons))

    @property
    def text(self) -> str:
        """All of it."""
        return "expect " + ", ".join(comparison.text for comparison in self.expect)


@frozen(kw_only=True)
class Say(Step):
    """A caption."""

    verb: ClassVar = "say"
    say: str = field(metadata=_by(values.caption))

    @property
    def text(self) -> str:
        """The caption itself."""
        return self.say


STEPS: Final[dict[str, type[Step]]] = {
    step.verb: step
    for step in (
        Load,
        Unload,
        Probe,
        Unprobe,
        Trace,
        Untrace,
        Bpf,
        Unbpf,
        Attach,
        Detach,
        StructOps,
        Xdp,
        Occupy,
        Alloc,
        VmallocStep,
        Free,
        PurgeStep,
        Repeat,
        Concurrently,
        Fail,
        Fill,
        ForceFallback,
        InitFrees,
        ReachStep,
        Expect,
        Say,
    )
}
"""Every verb."""

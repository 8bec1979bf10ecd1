"""The settings of a run: which kernel is simulated, and the knobs that may be turned to compare."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import asdict, evolve, field, fields

from execmem_tui.arch import resolve
from execmem_tui.model.errors import UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import EXECMEM_ROX_CACHE, ExecmemRange, ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import JitMemory, Rules, Writable
from execmem_tui.model.text import printable
from execmem_tui.scenarios import values

RANGE_KEYS: Final = ("start", "end", "fallback_start", "fallback_end", "alignment")
"""What a scenario may say of a type's range; addresses and bytes."""

_TRUE: Final = ("on", "yes", "true", "1")
_FALSE: Final = ("off", "no", "false", "0")


@frozen(kw_only=True)
class Knobs:
    """What can be turned without another kernel. None: as the architecture has it."""

    rox_cache: bool | None = None
    rox_block: int | None = None
    """Bytes that a block of the ROX cache is a multiple of: a power of two, PMD_SIZE everywhere."""
    rox_flush: bool = False
    """Dropped blocks are purged at once, as proposed after 7.3 (VM_FLUSH_RESET_PERMS)."""
    rox_exact_retry: bool | None = None
    """A block of the exact size is tried where none of whole PMDs fits; off as proposed after
    7.3."""
    packs: bool | None = None
    """BPF program packs."""
    bpf_jit_limit: int | None = None
    """net.core.bpf_jit_limit, bytes."""
    huge_pages: bool = True
    """2 MiB mappings can be had."""
    module_growth: float = 1.0
    """All module sections are so many times as big: KASAN, KCOV."""
    idempotent_load: bool | None = None
    """One load of a module at a time (finit_module since 6.5); false: every CPU takes space before
    duplicates are noticed."""
    fail_nth: int | None = None
    """Fault injection: this request of the run finds no pages."""
    force_fallback: bool = False
    """No preferred window of a type that has a second one can be used."""
    fill: float | None = None
    """Before the run, areas of 64 KiB fill the windows of MODULE_TEXT to this percentage."""
    init_frees: bool = True
    """The deferred frees of init memory run after each load; false: only where a step says so."""


_KNOBS: Final = tuple(each.name for each in fields(Knobs))


@frozen(kw_only=True)
class Settings:
    """One kernel to simulate."""

    arch: str
    kernel: str = "7.1"
    variant: str | None = None
    kaslr: str = "off"
    cpus: int = 2
    nodes: int = 1
    """Possible NUMA nodes: a BPF program pack is 2 MiB for each."""
    seed: int = 0
    catalogue: str | None = None
    """Name of a module catalogue where it is not the architecture's own: amd64cloud."""
    overrides: Mapping[str, int] = field(factory=dict)
    ranges: Mapping[ExecmemType, Mapping[str, int]] = field(factory=dict)
    """Ranges of kernels whose rules are not built in, by type."""
    knobs: Knobs = Knobs()

    def with_seed(self, seed: int) -> "Settings":
        """Return the same with another draw and other random choices."""
        return evolve(self, kaslr=str(seed), seed=seed)

    def changed(self, changes: Mapping[str, str]) -> "Settings":
        """Return the same with some knobs turned.

        Names of knobs, of settings, else inputs of the layout (``--set``).

        Raises:
            UsageError: a value means nothing.
        """
        turned: dict[str, Any] = {}
        plain: dict[str, Any] = {}
        overrides = dict(self.overrides)
        for name, text in changes.items():
            if name in _KNOBS:
                turned[name] = _knob(name, text)
            elif name in ("cpus", "nodes", "seed"):
                plain[name] = _integer(name, text)
            elif name in ("arch", "kernel", "variant", "kaslr", "catalogue"):
                plain[name] = text
            else:
                overrides[name] = _integer(name, text)
        settings = evolve(self, knobs=evolve(self.knobs, **turned), overrides=overrides, **plain)
        try:
            settings.layout()
        except UsageError as error:
            knobs = f"knobs: {', '.join(_KNOBS)}"
            raise UsageError(
                error.title, hint=f"{error.hint}; {knobs}" if error.hint else knobs
            ) from None
        return settings

    def layout(self) -> Layout:
        """Resolve where everything may live, knobs and stated ranges included.

        Raises:
            UnknownLayoutError: there is no such kernel.
            UsageError: an override names nothing, or a knob that this kernel has no code for.
        """
        layout = resolve(self.arch, self.kernel, self.variant, self.kaslr, self.overrides)
        types = dict(layout.types)
        for kind, stated in self.ranges.items():
            followers = [kind]
            if kind is ExecmemType.MODULE_TEXT:
                followers += [
                    other for other in types if types[other].inherited and other not in self.ranges
                ]
            for other in followers:
                types[other] = _restated(types[other], stated, layout)
        layout = evolve(layout, types=types, rules=self._turned(layout))
        return self._with_rox(layout)

    def _turned(self, layout: Layout) -> Rules:
        """Return the kernel's rules with the knobs that change one."""
        knobs = self.knobs
        if knobs.rox_block is not None and (
            knobs.rox_block & (knobs.rox_block - 1) or knobs.rox_block < layout.page_size
        ):
            raise UsageError(
                f"a block is a power of two of whole pages, not {knobs.rox_block} bytes",
                key="knobs",
            )
        turned: dict[str, Any] = {
            "rox_block": knobs.rox_block,
            "rox_blocks_flush": knobs.rox_flush or None,
            "rox_exact_retry": knobs.rox_exact_retry,
            "idempotent_load": knobs.idempotent_load,
        }
        return evolve(
            layout.rules, **{name: value for name, value in turned.items() if value is not None}
        )

    def _with_rox(self, layout: Layout) -> Layout:
        wanted = self.knobs.rox_cache
        has = any(entry.rox_cached for entry in layout.types.values())
        if wanted is None or wanted == has:
            return layout
        if wanted and layout.rules.alloc_rw is Writable.NONE:
            raise UsageError(
                f"{layout.kernel} has no ROX cache",
                hint="rox_cache=on needs the code of 6.15 or later: kernel 7.1",
                key="knobs",
            )
        types = dict(layout.types)
        for kind in layout.rules.rox_types:
            entry = types[kind]
            flags = tuple(flag for flag in entry.flags if flag != EXECMEM_ROX_CACHE)
            types[kind] = evolve(
                entry, flags=(*flags, EXECMEM_ROX_CACHE) if wanted and entry.used else flags
            )
        capability = evolve(layout.capability, execmem_rox=wanted or layout.capability.execmem_rox)
        return evolve(layout, types=types, capability=capability)

    def hypothetical(self) -> tuple[str, ...]:
        """Say what of this no kernel does, one sentence each."""
        layout = resolve(self.arch, self.kernel, self.variant, self.kaslr, self.overrides)
        found = []
        if self.knobs.rox_cache and not any(entry.rox_cached for entry in layout.types.values()):
            found.append(f"hypothetical: {layout.arch} {layout.kernel} has no ROX cache")
        if self.knobs.rox_block not in (None, layout.pmd_size):
            found.append("hypothetical: blocks of the ROX cache are multiples of PMD_SIZE")
        if self.knobs.rox_flush:
            found.append("hypothetical: a dropped ROX block is lazy until somebody else purges")
        if self.knobs.rox_exact_retry is False and layout.rules.rox_exact_retry:
            found.append("hypothetical: this kernel tries a block of the exact size too")
        if self.knobs.packs and layout.capability.bpf_alloc is not JitMemory.PACK:
            found.append(f"hypothetical: {layout.arch} {layout.kernel} has no BPF program packs")
        return tuple(found)

    def describe(self) -> str:
        """Say in a few words what is simulated."""
        layout = self.layout()
        turned = [
            f"{name}={_word(value)}"
            for name, value in asdict(self.knobs, recurse=False).items()
            if value != getattr(Knobs(), name)
        ]
        inputs = [f"{name}={value:#x}" for name, value in self.overrides.items()]
        return " ".join(
            (layout.arch, layout.kernel, layout.variant, f"kaslr={layout.kaslr}", *turned, *inputs)
        )


def _restated(entry: ExecmemRange, stated: Mapping[str, int], layout: Layout) -> ExecmemRange:
    fields: dict[str, Any] = dict(stated)
    changed = evolve(entry, **fields)
    if not 0 <= changed.start <= changed.end <= 1 << layout.word_bits:
        raise UsageError(f"a range cannot be {changed.start:#x}-{changed.end:#x}", key="ranges")
    if changed.alignment < 1 or changed.alignment & (changed.alignment - 1):
        raise UsageError(f"an alignment is a power of two, not {changed.alignment}", key="ranges")
    window = layout.vmalloc_start, layout.vmalloc_end
    return evolve(
        changed, pool_eligible=layout.word_bits == 64 and (changed.start, changed.end) == window
    )


KNOB_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "module_growth": values.factor,
    "bpf_jit_limit": values.size,
    "rox_block": values.size,
    "fail_nth": values.count,
    "fill": values.percentage,
}
"""How the knobs that are no switches are read."""


def _knob(name: str, text: str) -> bool | float:
    read = KNOB_READERS.get(name)
    if read is None:
        if text.lower() in (*_TRUE, *_FALSE):
            return text.lower() in _TRUE
        raise UsageError(f"{name} is on or off, not {printable(text)!r}")
    try:
        value: float = read(
            text if read is values.size else float(text) if "." in text else int(text)
        )
    except ValueError as error:
        raise UsageError(f"{name}={printable(text)}: {error}") from None
    return value


def _integer(name: str, text: str) -> int:
    try:
        return values.integer(text)
    except values.BadValueError:
        try:
            return values.size(text)
        except values.BadValueError:
            raise UsageError(f"{printable(name)}={printable(text)!r} is no number") from None


def _word(value: object) -> str:
    return (
        {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )

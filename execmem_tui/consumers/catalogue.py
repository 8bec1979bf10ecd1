"""What Debian's modules ask for.

Sizes per region, PLT entries and dependencies of every module, per kernel.

Computed from the module files of linux-image packages as the loader would (kernel/module/main.c:
layout_sections, layout_symtab; arch: module_frob_arch_sections), not measured. Each
``data/NAME-KERNEL.gz`` is one kernel: two members of gzip, first the modules that lists name and
what those need, then all others. Each is text, one line per column, its name first, values divided
by tabs, rows ascending by module name; ``a53_`` columns (arm64 with erratum 843419) hold
differences. Lines of the first that begin with ``list:`` are the kernel's lists, in load order.

A start reads one module in ten; unpacking and dividing the others would take it as long as a frame.
"""

import zlib
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Final, NamedTuple

from execmem_tui.arch import find
from execmem_tui.model.errors import UsageError
from execmem_tui.model.rules import MODELS, rules_of
from execmem_tui.model.text import printable
from execmem_tui.model.units import Bytes

_GZIP: Final = 31
"""What zlib calls the form; `gzip` would be another import."""
REGIONS: Final = (
    "MOD_TEXT",
    "MOD_DATA",
    "MOD_RODATA",
    "MOD_RO_AFTER_INIT",
    "MOD_INIT_TEXT",
    "MOD_INIT_DATA",
    "MOD_INIT_RODATA",
)
"""enum mod_mem_type (include/linux/module.h), which is the order of allocation."""

_CATALOGUES: Final = {
    "x86": ("amd64", ("6.12.107", "7.2.13")),
    "x86-cloud": ("amd64cloud", ("7.2.13",)),
    "arm64": ("arm64", ("6.12.107", "7.2.13")),
    "arm": ("armhf", ("6.12.107", "7.2.13")),
    "loongarch": ("loong64", ("7.2.13",)),
    "powerpc": ("ppc64el", ("6.12.107", "7.2.13")),
    "riscv": ("riscv64", ("6.12.107", "7.2.13")),
    "s390": ("s390x", ("6.12.107", "7.2.13")),
}
"""Architecture -> Debian's name, kernels."""
_OTHER_WORD_SIZE: Final = ("x86_32", "rv32", "ppc32")
"""Variants that no catalogue is for."""


class Module(NamedTuple):
    """One module file. Sizes are bytes before page alignment; 0 means no allocation."""

    name: str
    sizes: Mapping[str, Bytes]
    """By region, in the loader's order, zeros left out."""
    plt_core: int
    """PLT entries that the loader reserves in MOD_TEXT."""
    plt_init: int
    """The same in MOD_INIT_TEXT."""
    got: int
    percpu: Bytes
    """From the percpu allocator, no execmem."""
    mcount: int
    """Ftrace call sites."""
    ftrace_tramp: Bytes
    """s390: the EXECMEM_FTRACE area of its hotpatch trampolines, page aligned."""
    deps: tuple[str, ...]
    """As in modules.dep: loaded from right to left before the module."""
    softdep: str

    @property
    def plt_reserved(self) -> int:
        """PLT entries reserved in all, used or not."""
        return self.plt_core + self.plt_init


_NUMBERS: Final = ("plt_core", "plt_init", "got", "percpu", "mcount", "ftrace_tramp")
"""Fields of a module that are columns."""


class _Table:
    """Rows of modules, by columns that are divided when they are first asked for."""

    def __init__(self, text: str) -> None:
        lines = (line.partition("\t") for line in text.split("\n"))
        self.lines = {name: values for name, _, values in lines}
        self._columns: dict[str, list[str]] = {}
        self._known: dict[bool, list[tuple[str, list[str], list[str]]]] = {}
        self.index = {name: index for index, name in enumerate(self.column("name"))}

    def column(self, name: str) -> list[str]:
        column = self._columns.get(name)
        if column is None:
            line = self.lines.get(name)
            column = [] if line is None else line.split("\t")
            self._columns[name] = column
        return column

    def module(self, index: int, *, erratum: bool) -> Module:
        numbers = {
            name: int(column[index]) + (int(more[index]) if more else 0)
            for name, column, more in self._numbers(erratum=erratum)
        }
        sizes = {region: size for region in REGIONS if (size := numbers.pop(region))}
        return Module(
            name=self.column("name")[index],
            sizes=sizes,
            deps=tuple(self.column("deps")[index].split()),
            softdep=self.column("softdep")[index],
            **numbers,
        )

    def _numbers(self, *, erratum: bool) -> list[tuple[str, list[str], list[str]]]:
        """Return each number's field or region, its column, and what the erratum adds to that."""
        if erratum not in self._known:
            zeros = ["0"] * len(self.index)
            self._known[erratum] = [
                (
                    name,
                    self.column(name.removeprefix("MOD_").lower()) or zeros,
                    self.column(f"a53_{name.removeprefix('MOD_').lower()}") if erratum else [],
                )
                for name in (*REGIONS, *_NUMBERS)
            ]
        return self._known[erratum]


class Catalogue(Mapping[str, Module]):
    """All modules of one kernel; a name's '-' and '_' are equal.

    Args:
        id: the name of its file: ``arm64-7.2.13``.
        erratum_843419: sizes on an arm64 CPU with that erratum (Cortex-A53 up to r0p4).
    """

    def __init__(self, id: str, *, erratum_843419: bool = False) -> None:  # noqa: A002
        self.id = id
        self.erratum_843419 = erratum_843419
        self._modules: dict[str, Module] = {}
        self._listed, self._packed_rest = _unpacked(f"{id}.gz")

    @cached_property
    def _rest(self) -> _Table:
        """The modules that no list needs."""
        return _Table(zlib.decompress(self._packed_rest, wbits=_GZIP).decode())

    @property
    def has_erratum(self) -> bool:
        """Whether sizes on CPUs with erratum 843419 are known too."""
        return any(name.startswith("a53_") for name in self._listed.lines)

    @property
    def names(self) -> tuple[str, ...]:
        """Every module's name, ascending."""
        return tuple(self)

    @property
    def lists(self) -> tuple[str, ...]:
        """The names of the lists that are made for this kernel."""
        found = (name.partition(":") for name in self._listed.lines)
        return tuple(name for kind, _, name in found if kind == "list")

    def __getitem__(self, name: str) -> Module:
        known = self._modules.get(name)
        if known is None:
            known = self._modules[name] = self._read(name)
        return known

    def _read(self, name: str) -> Module:
        wanted = name.replace("-", "_")
        table = self._listed if wanted in self._listed.index else self._rest
        return table.module(table.index[wanted], erratum=self.erratum_843419)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted((*self._listed.index, *self._rest.index)))

    def __len__(self) -> int:
        return len(self._listed.index) + len(self._rest.index)

    def module(self, name: str) -> Module:
        """Return a module.

        Raises:
            UsageError: this kernel has none of that name.
        """
        try:
            return self[name]
        except KeyError:
            raise UsageError(
                f"no module {printable(name)!r} in {self.id}", hint="names are as lsmod shows them"
            ) from None

    def closure(self, name: str) -> tuple[str, ...]:
        """Return what modprobe loads for `name`, in its order.

        Dependencies from right to left, then the module.

        Raises:
            UsageError: this kernel has no such module.
        """
        module = self.module(name)
        return (*(self[dep].name for dep in reversed(module.deps) if dep in self), module.name)

    def list_of(self, scenario: str) -> tuple[str, ...]:
        """Return the module names of a shipped list, in load order.

        Raises:
            UsageError: there is no such list, or none for this kernel.
        """
        if scenario in self.lists:
            return tuple(self._listed.column(f"list:{scenario}"))
        others = [_load(f"{name}-{kernel}", False) for name, kernel in _every()]
        lists = dict.fromkeys(name for each in others for name in each.lists)
        if scenario not in lists:
            raise UsageError(
                f"no module list {printable(scenario)!r}", hint=f"there are: {', '.join(lists)}"
            )
        known = [each.id for each in others if scenario in each.lists]
        raise UsageError(
            f"no module list {scenario} for {self.id}", hint=f"for: {', '.join(known)}"
        )


def open_catalogue(
    arch: str, kernel: str, variant: str = "", *, erratum_843419: bool = False
) -> Catalogue | None:
    """Return the catalogue of the nearest kernel, or None if this architecture has none.

    Args:
        arch: as the kernel or a distribution calls it; ``amd64cloud`` is Debian's cloud flavour.
        kernel: version or release: up to 6.12 as 6.12.107, newer as 7.2.13.
        variant: of the layout, to tell 32-bit ones.
        erratum_843419: for an arm64 CPU with that erratum.

    Raises:
        UnknownLayoutError: no such architecture, or not a kernel version.
    """
    if arch == "amd64cloud" or "-cloud-" in kernel:
        known, implied = "x86-cloud", None
    else:
        found, implied = find(arch)
        known = found.name
    if known not in _CATALOGUES or (variant or implied or "").startswith(_OTHER_WORD_SIZE):
        return None
    name, kernels = _CATALOGUES[known]
    nearest = kernels[0] if rules_of(kernel).model == MODELS[0] else kernels[-1]
    return _load(f"{name}-{nearest}", erratum_843419)


@cache
def _load(name: str, erratum: bool) -> Catalogue:
    return Catalogue(name, erratum_843419=erratum)


def _every() -> Iterator[tuple[str, str]]:
    for name, kernels in _CATALOGUES.values():
        for kernel in kernels:
            yield name, kernel


def _unpacked(name: str) -> tuple[_Table, bytes]:
    """Return the first member of a file, and the second as it is."""
    # Of the packers xz makes them a tenth smaller, and takes four times as long at each start.
    unpacker = zlib.decompressobj(wbits=_GZIP)
    data = Path(__file__).with_name("data") / name
    text = unpacker.decompress(data.read_bytes())
    return _Table(text.decode()), unpacker.unused_data

"""Makes a collected run folder fit to be shown: addresses are shifted, hosts and files forgotten.

Every kernel address is shifted by one hidden constant. All distances and alignments stay: the
constant is a multiple of 1 GiB (16 MiB on 32-bit) and of the machine's count of vmap nodes, so that
an area stays with its node. It is drawn from the system's entropy and kept nowhere. Lines that are
not known to be harmless are left out, and so is a line whose address lies where no other does.

The constant hides addresses from a glance, not from whoever knows the architecture: where that
fixes an address, the difference is the constant (`fixed_address`).
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from attrs import evolve, field

from execmem_tui.files.packed import read_lines
from execmem_tui.formats.dmesg import (
    Banner,
    CommandLine,
    ExecmemError,
    Message,
    NoSpace,
    RelocationError,
    VmallocError,
    parse_dmesg,
)
from execmem_tui.formats.manifest import StatedLayout, StatedRange
from execmem_tui.model.errors import UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import ReachKind
from execmem_tui.model.records import define, frozen
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes

UNIT: Final = {64: 1 << 30, 32: 16 << 20}
"""The constant is a multiple of this, by word size: bytes."""
DROPPED: Final = ("iomem", "kprobes_list", "kprobe_events", "enabled_functions")
"""Files that are left out: physical addresses, and lines of many forms."""
_DRAWS: Final = 256
_TOP: Final = 4096
"""So many addresses below the end of a word are error codes and markers, not addresses."""

_AREA: Final = re.compile(
    r"(0x[0-9a-f]{1,16}|\(_*ptrval_*\))-(0x[0-9a-f]{1,16}|\(_*ptrval_*\))([ \t]+\d+)(.*)", re.ASCII
)
_AREA_REST: Final = re.compile(
    r"(?: [\w.$]+\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?| \[\w+\]"
    r"| (?:ioremap|sparse|vmalloc|vmap|user|dma-coherent|vpages|vm_map_ram)| unpurged vm_area|"
    r" pages=\d+| N\d+=\d+)",
    re.ASCII,
)
_SYMBOL: Final = re.compile(r"([0-9a-f]{8,16})( \S [\w.$]+(?:[ \t]+\[[\w.]+\])?)[ \t]*", re.ASCII)
_MODULE: Final = re.compile(
    r"([\w-]+ \d+ [\d-]+ [\w,\[\]-]+ \w+) 0x([0-9a-f]{1,16})( \(\w*\))?[ \t]*", re.ASCII
)
_SECTION: Final = re.compile(r"([\w-]+ [\w.$]+) 0x([0-9a-f]{1,16})[ \t]*", re.ASCII)
_TRACE: Final = re.compile(
    r"[ \t]*(\S.{0,39}?)-(\d+)([ \t]+(?:\([ \d-]+\)[ \t]+)?\[\d+\][ \t]+[\w.#]+[ \t]+\d+\.\d+:"
    r" )(\w+): (.*)",
    re.ASCII,
)
_ALLOC: Final = re.compile(
    r"(va_start: )(\d+)( size=\d+ align=\d+ vstart=0x)([0-9a-f]+)( vend=0x)([0-9a-f]+)("
    r" failed=[01])[ \t]*",
    re.ASCII,
)
_FREE: Final = re.compile(r"(va_start=0x)([0-9a-f]+)( nr_lazy=\d+ nr_lazy_max=\d+)[ \t]*", re.ASCII)
_PURGE: Final = re.compile(
    r"(start=0x)([0-9a-f]+)( end=0x)([0-9a-f]+)( num_purged=\d+)[ \t]*", re.ASCII
)
_MARK: Final = re.compile(r"snapshot [\w-]+ (?:begin|end)[ \t]*", re.ASCII)
_MODULE_EVENT: Final = re.compile(
    r"[\w.,:*()+-]+(?: (?:refcnt=\d+|wait=[01]|call_site=[A-Za-z_]\w*|[A-Z]+))*[ \t]*", re.ASCII
)
_COMMENT: Final = re.compile(r"#[ \w:/,#|>_=.-]*|CPU:\d+ \[LOST \d+ EVENTS\]", re.ASCII)
_CONFIG: Final = re.compile(
    r"CONFIG_\w+=(?:[ymn]|\d+|0x[0-9a-f]{1,8})|# CONFIG_\w+ is not set", re.ASCII
)
_NUMBER: Final = re.compile(r"#? ?[\w/().-]+(?: [\w/().-]+)*:?[ \t]*[\d.-]*(?: kB)?", re.ASCII)
_BUILDER: Final = re.compile(r"\([^()\s]*@[^()\s]*\)", re.ASCII)
_PLAIN: Final = re.compile(r"[\w.,:*+-]*", re.ASCII)
_PLT: Final = re.compile(
    r"\d+ pages in range for (?:non-)?PLT usage|2G module region forced by"
    r" RANDOMIZE_MODULE_REGION_FULL",
    re.ASCII,
)
_ARGUMENTS: Final = frozenset((
    "nokaslr", "kaslr", "vmalloc", "mem", "no_hash_pointers", "hash_pointers", "kasan", "no5lvl",
    "nosmp", "maxcpus", "nr_cpus", "possible_cpus", "debug_pagealloc", "nopti", "pti",
    "mitigations", "lockdown", "rodata", "noexec", "nox2apic", "loglevel", "trace_event",
    "trace_clock", "trace_buf_size", "hugepages", "transparent_hugepage", "percpu_alloc", "ftrace",
    "sysctl.kernel.kptr_restrict", "indirect_target_selection", "retbleed", "spectre_v2", "noxsave",
    "cfi", "nohugevmalloc", "nohugeiomap",
))  # fmt: skip
"""Arguments of the kernel that are kept: none of them names a host or a file."""

_INSIDE_WORDS: Final = 4
"""Letters of a host's name that is taken out of words too;
a shorter one only where it stands alone."""
_TASKS: Final = re.compile(
    r"(?:swapper|kworker|kthreadd|ksoftirqd|migration|rcu\w*|modprobe|insmod|rmmod"
    r"|\(?udev-worker\)?|systemd-udevd|bpftool|perf|execmem-tui)(?:/[\w:.+-]*)?",
    re.ASCII,
)
"""Names of tasks that every machine has; another one may be a program of somebody's own."""
_MAX_LINE: Final = 4096
"""Characters of a line that is looked at: no line of these files is longer."""
_FIXED: Final = {
    "arm64": "the vmalloc and module areas of arm64 lie where the page size and VA_BITS say",
    "arm": "modules of arm lie right below PAGE_OFFSET, and its vmalloc area ends at ff800000",
    "x86": "the module area of x86 lies at the same place in every kernel",
    "s390": "without KASLR the module area of s390 lies where the size of memory says",
}
"""What an architecture fixes, KASLR or not."""
_DRAWN: Final = frozenset(("s390",))
"""Architectures whose KASLR moves all areas together (arch/s390/boot/startup.c:
setup_kernel_memory_layout)."""
KEPT: Final = "modules, functions, sizes, times, and the kernel's release and compiler"
FORGOTTEN: Final = "hosts, builders, files, and names of tasks that not every machine has"

Shift = Callable[[Address], Address]


def fixed_address(arch: str, kaslr: str) -> str:
    """Return which address tells the constant, one clause; "" where none is known to do so.

    Args:
        arch: as `Layout.arch` names it.
        kaslr: as `Layout.kaslr` does.
    """
    if arch in _DRAWN and kaslr not in ("off", "n/a"):
        return ""
    return _FIXED.get(arch, f"the vmalloc or module area of {arch} lies at a fixed address")


@frozen(kw_only=True)
class Anonymised:
    """What the manifest has to say of a shifted run."""

    layout: StatedLayout | None
    ranges: dict[ExecmemType, StatedRange]
    kernel: str
    foreign: int = 0
    """Lines that were left out because their address lies where no other does."""


@define
class _Words:
    """Takes hosts' names out of text."""

    hosts: tuple[str, ...]

    def scrub(self, text: str) -> str:
        """Return `text` without them; ``user@host`` goes whole."""
        text = _BUILDER.sub("(user@host)", text)
        for host in self.hosts:
            alone = len(host) < _INSIDE_WORDS
            edge = ("(?<![A-Za-z0-9_])", "(?![A-Za-z0-9_])") if alone else ("", "")
            pattern = f"{edge[0]}{re.escape(host)}{edge[1]}"
            text = re.sub(pattern, "host", text, flags=re.IGNORECASE)
        return text

    def task(self, name: str) -> str:
        """Return a task's name, or a word for it where not every machine has such a task."""
        return name if _TASKS.fullmatch(name) else "task"


def anonymise(
    run: Path,
    layout: Layout | None,
    kernel: str,
    *,
    cpus: int,
    hosts: Iterable[str],
    keep_layout: bool = False,
    draw: Callable[[int], int] = secrets.randbelow,
) -> Anonymised:
    """Rewrite the files of a run folder in place.

    Args:
        run: as `collect` leaves it.
        layout: the machine's, computed from the true addresses; None where there is none.
        kernel: its release.
        cpus: possible CPUs, for the count of vmap nodes.
        hosts: names to forget.
        keep_layout: state where the ranges begin and end, which tells the constant at once.
        draw: returns a number below its argument; for tests.

    Raises:
        UsageError: the addresses leave no room to shift them.
    """
    words = _Words(tuple(host for host in hosts if host and host not in ("localhost", "(none)")))
    seen = _Seen()
    for file, rewrite in _files(run):
        for _ in rewrite(_Job(file=file, shift=seen.take, words=words)):
            pass
    if layout is not None:
        _stated(layout, seen.take, 0)
    bits, home = seen.home()
    unit = UNIT[bits] * (cpus if bits == 64 else 1)
    delta = _draw_delta({each for each in seen.addresses if each in home}, bits, unit, draw)
    shifter = _Shifter(bits=bits, home=home, delta=delta)
    foreign = sum(_rewritten(file, rewrite, shifter, words) for file, rewrite in _files(run))
    for name in DROPPED:
        for file in run.rglob(name):
            file.unlink()
    stated: StatedLayout | None = None
    ranges: dict[ExecmemType, StatedRange] = {}
    if layout is not None:
        stated, ranges = _stated(layout, shifter.shift, delta)
        if not keep_layout:
            stated, ranges = _without_edges(stated), {}
    return Anonymised(layout=stated, ranges=ranges, kernel=words.scrub(kernel), foreign=foreign)


def _rewritten(
    file: Path, rewrite: Callable[["_Job"], Iterator[str]], shifter: "_Shifter", words: _Words
) -> int:
    """Rewrite one file; return how many lines had a foreign address, and are left out."""
    foreign = 0
    lines: list[str] = []
    for line in rewrite(_Job(file=file, shift=shifter.shift, words=words)):
        if shifter.met_foreign():
            foreign += 1
        else:
            lines.append(line)
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8", errors="replace")
    return foreign


def _without_edges(stated: StatedLayout) -> StatedLayout:
    """Return a layout that does not say where the windows are."""
    return evolve(
        stated, vmalloc_start=0, vmalloc_end=0, modules_vaddr=None, modules_end=None, reach={}
    )


def _is_address(value: int, bits: int) -> bool:
    return 0 < value < (1 << bits) - _TOP


@define
class _Seen:
    """Remembers addresses instead of shifting them."""

    addresses: set[Address] = field(factory=set)

    def take(self, address: Address) -> Address:
        if _is_address(address, 32) or _is_address(address, 64):
            self.addresses.add(address)
        return address

    def home(self) -> tuple[int, range]:
        """Return the bits of a word, and the half of the address space that most addresses lie in.

        A line of somebody else's, or a garbled one, has an address elsewhere.
        """
        wide = sum(each >= 1 << 32 for each in self.addresses)
        if wide * 2 <= len(self.addresses):
            return 32, range(UNIT[32], (1 << 32) - _TOP)
        half = 1 << 63
        high = sum(each >= half for each in self.addresses)
        home = range(half, (1 << 64) - _TOP) if high * 2 > wide else range(UNIT[64], half)
        return 64, home


@define
class _Shifter:
    """Shifts addresses, and notices those that are none of this machine's."""

    bits: int
    home: range
    delta: int
    _foreign: bool = False

    def shift(self, address: Address) -> Address:
        """Return an address shifted; 0, error codes and small numbers are none."""
        if not _is_address(address, self.bits):
            self._foreign |= address >= 1 << self.bits
            return address
        if address not in self.home:
            self._foreign = True
            return address
        return address + self.delta

    def met_foreign(self) -> bool:
        """Whether one was met since the last time."""
        met, self._foreign = self._foreign, False
        return met


def _draw_delta(addresses: set[Address], bits: int, unit: Bytes, draw: Callable[[int], int]) -> int:
    """Return a multiple of `unit` that keeps all addresses in their half of the address space.

    And none where there was none.
    """
    if not addresses:
        return 0
    low, high = min(addresses), max(addresses)
    half = 1 << (bits - 1)
    floor = half if bits == 64 and low >= half else UNIT[bits]
    ceiling = half if bits == 64 and high < half else (1 << bits) - _TOP
    down, up = max((low - floor) // unit, 0), max((ceiling - 1 - high) // unit, 0)
    for _ in range(_DRAWS if down + up else 0):
        step = draw(down + up + 1) - down
        moved = {address + step * unit for address in addresses}
        if step and not moved & addresses:
            return step * unit
    raise UsageError(
        "the addresses cannot be shifted",
        hint="they fill their whole address space; nothing was written",
    )


def _stated(
    layout: Layout, shift: Shift, delta: int
) -> tuple[StatedLayout, dict[ExecmemType, StatedRange]]:
    ranges = {
        kind: StatedRange(
            start=shift(entry.start),
            end=shift(entry.end),
            fallback_start=shift(entry.fallback_start),
            fallback_end=shift(entry.fallback_end),
            provenance=entry.provenance,
        )
        for kind, entry in layout.types.items()
    }
    stated = StatedLayout(
        variant=layout.variant,
        kaslr=layout.kaslr,
        word_bits=layout.word_bits,
        page_size=layout.page_size,
        vmalloc_start=shift(layout.vmalloc_start),
        vmalloc_end=shift(layout.vmalloc_end),
        modules_vaddr=None if layout.modules_vaddr is None else shift(layout.modules_vaddr),
        modules_end=None if layout.modules_end is None else shift(layout.modules_end),
        symbols={name: shift(address) for name, address in layout.symbols.items()},
        reach={
            each.name: each.low + delta for each in layout.reach if each.kind is ReachKind.ABSOLUTE
        },
    )
    return stated, ranges


@frozen(kw_only=True)
class _Job:
    """One file to be rewritten."""

    file: Path
    shift: Shift
    words: _Words

    def lines(self) -> Iterator[str]:
        return (text for _, text in read_lines(self.file) if len(text) <= _MAX_LINE)

    def hex(self, digits: str) -> str:
        """Return a shifted hexadecimal number, as wide as it was."""
        return f"{self.shift(int(digits, 16)):0{len(digits)}x}"


def _files(run: Path) -> Iterator[tuple[Path, Callable[[_Job], Iterator[str]]]]:
    for file in sorted(each for each in run.rglob("*") if each.is_file()):
        if file.name in _REWRITERS:
            yield file, _REWRITERS[file.name]


def _vmallocinfo(job: _Job) -> Iterator[str]:
    hidden = _is_hidden(job)
    for text in job.lines():
        if found := _AREA.fullmatch(text):
            start, end, size, rest = found.groups()
            if not hidden:
                start, end = f"0x{job.hex(start[2:])}", f"0x{job.hex(end[2:])}"
            yield f"{start}-{end}{size}{''.join(_AREA_REST.findall(rest))}"


def _is_hidden(job: _Job) -> bool:
    """Whether the addresses of a vmallocinfo are hashes, zeros or "(ptrval)".

    Then start and end of most lines do not belong together.
    """
    good = bad = 0
    for text in job.lines():
        if found := _AREA.fullmatch(text):
            if found[1].startswith("(") or found[2].startswith("("):
                return True
            fits = int(found[2], 16) - int(found[1], 16) == int(found[3])
            good, bad = good + fits, bad + (not fits)
    return bad > good


def _kallsyms(job: _Job) -> Iterator[str]:
    for text in job.lines():
        if found := _SYMBOL.fullmatch(text):
            yield job.hex(found[1]) + found[2]


def _modules(job: _Job) -> Iterator[str]:
    for text in job.lines():
        if found := _MODULE.fullmatch(text):
            yield f"{found[1]} 0x{job.hex(found[2])}{found[3] or ''}"


def _sections(job: _Job) -> Iterator[str]:
    for text in job.lines():
        if found := _SECTION.fullmatch(text):
            yield f"{found[1]} 0x{job.hex(found[2])}"


def _trace(job: _Job) -> Iterator[str]:
    for text in job.lines():
        found = _TRACE.fullmatch(text)
        if found is None:
            if _COMMENT.fullmatch(text):
                yield text
            continue
        task, pid, middle, name, rest = found.groups()
        event = _event(job, name, rest)
        if event is not None:
            comm = job.words.task(printable(task, 40))
            yield f"{comm:>16}-{pid}{middle}{name}: {event}"


def _event(job: _Job, name: str, rest: str) -> str | None:
    """Return the shifted text of an event, None for one that may say too much."""
    if name == "alloc_vmap_area" and (found := _ALLOC.fullmatch(rest)):
        start, window, low, to, high, failed = found.groups()[1:]
        return f"{found[1]}{job.shift(int(start))}{window}{job.hex(low)}{to}{job.hex(high)}{failed}"
    if name == "free_vmap_area_noflush" and (found := _FREE.fullmatch(rest)):
        return f"{found[1]}{job.hex(found[2])}{found[3]}"
    if name == "purge_vmap_area_lazy" and (found := _PURGE.fullmatch(rest)):
        return f"{found[1]}{job.hex(found[2])}{found[3]}{job.hex(found[4])}{found[5]}"
    known = (
        _MARK
        if name == "tracing_mark_write"
        else _MODULE_EVENT
        if name.startswith("module_")
        else None
    )
    return rest if known is not None and known.fullmatch(rest) else None


def _config(job: _Job) -> Iterator[str]:
    return (text for text in job.lines() if _CONFIG.fullmatch(text))


def _version(job: _Job) -> Iterator[str]:
    return (job.words.scrub(printable(text, 400)) for text in job.lines())


def _numbers(job: _Job) -> Iterator[str]:
    return (text for text in job.lines() if _NUMBER.fullmatch(text))


def _arguments(text: str, words: _Words) -> str:
    kept = []
    for argument in text.split():
        name, _, value = argument.partition("=")
        if name in _ARGUMENTS and _PLAIN.fullmatch(value):
            kept.append(words.scrub(argument))
    return " ".join(kept)


def _cmdline(job: _Job) -> Iterator[str]:
    return (_arguments(text, job.words) for text in job.lines())


def _dmesg(job: _Job) -> Iterator[str]:
    for message in parse_dmesg(read_lines(job.file)):
        yield f"[{message.time or 0:12.6f}] {_message(message, job)}"
    for text in job.lines():
        if found := _PLT.search(text):
            yield f"[    0.000000] Modules: {found[0]}"


def _message(message: Message, job: _Job) -> str:
    """Return the kernel's words for a record, shifted and without names."""
    scrub, shift = job.words.scrub, job.shift
    text = "a message that was left out"
    match message:
        case Banner(release=release, rest=rest):
            text = scrub(f"Linux version {release} {rest}")
        case CommandLine(text=arguments):
            text = f"Kernel command line: {_arguments(arguments, job.words)}"
        case NoSpace(size=size, start=int() as start, end=int() as end):
            window = f"{shift(start):#x} - {shift(end):#x}"
            text = (
                f"vmalloc_node_range for size {size} failed: Address range restricted to {window}"
            )
        case NoSpace(size=size):
            text = f"vmap allocation for size {size} failed: use vmalloc=<size> to increase size"
        case VmallocError(size=size, task=task):
            text = (
                f"{job.words.task(task or 'unknown')}: vmalloc error: size {size}, vm_struct"
                " allocation failed"
            )
        case ExecmemError(count=1):
            text = "execmem: unable to allocate memory"
        case ExecmemError(count=count):
            text = f"execmem_alloc: {count} callbacks suppressed"
        case RelocationError(
            module=module, relocation=name, origin=int() as origin, target=int() as target
        ):
            text = (
                f"{module}: relocation {name} out of range ({shift(origin):#x} ->"
                f" {shift(target):#x})"
            )
    return text


_REWRITERS: Final[dict[str, Callable[[_Job], Iterator[str]]]] = {
    "vmallocinfo": _vmallocinfo,
    "kallsyms": _kallsyms,
    "modules": _modules,
    "sections": _sections,
    "trace.txt": _trace,
    "config.txt": _config,
    "version": _version,
    "cmdline": _cmdline,
    "meminfo": _numbers,
    "sysctl": _numbers,
    "trace_stats_final": _numbers,
    "dmesg": _dmesg,
}

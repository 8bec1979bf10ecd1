"""What of each file of a run may be shown, with its addresses shifted and its names forgotten.

A line is kept where all of it has a known form; what is not known to be harmless is left out.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from execmem_tui.bundles.shifting import Shift
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
from execmem_tui.model.records import define, frozen
from execmem_tui.model.text import printable

DROPPED: Final = ("iomem", "kprobes_list", "kprobe_events", "enabled_functions")
"""Files that are left out: physical addresses, and lines of many forms."""

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
_NUMBER: Final = re.compile(r"#? ?[\w/().-]++(?: [\w/().-]++)*+:?[ \t]*[\d.-]*+(?: kB)?", re.ASCII)
"""What words took they keep: digits at their end could be tried as the number in as many ways."""
_BUILDER: Final = re.compile(r"\([^()\s]*@[^()\s]*\)", re.ASCII)
_PLAIN: Final = re.compile(r"[\w.,:*+-]*", re.ASCII)
_PLT: Final = re.compile(
    r"(?<!\d)\d+ pages in range for (?:non-)?PLT usage|2G module region forced by"
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
    r"(?:(?:swapper|ksoftirqd|migration|rcu(?:c|b|o[bcgps]))/\d+"
    r"|kworker/u?\d+:\d+H?|kthreadd|rcu_(?:sched|preempt|bh|(?:par_)?gp|(?:tasks|exp)_\w+)"
    r"|modprobe|insmod|rmmod|\(?udev-worker\)?|systemd-udevd|bpftool|perf|execmem-tui)",
    re.ASCII,
)
"""Names of tasks that every machine has; another one may be a program of somebody's own, and
a worker with a name its rescuer: of a volume, of an interface."""
_WORK: Final = re.compile(r"(kworker/u?\d+:\d+H?)[-+].*", re.ASCII | re.DOTALL)
"""A worker, and what it works at: the queue may have somebody's name."""
_INTERFACE: Final = re.compile(r"(netdev-)[^\s]+", re.ASCII)
"""Interfaces are asked for as modules (net/core/dev_ioctl.c: dev_load); theirs are no modules'."""
_MAX_LINE: Final = 4096
"""Characters of a line that is looked at: no line of these files is longer."""


@define
class Words:
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
        name = _WORK.sub(r"\1", name)
        return name if _TASKS.fullmatch(name) else "task"


@frozen(kw_only=True)
class Job:
    """One file to be rewritten."""

    file: Path
    shift: Shift
    words: Words

    def lines(self) -> Iterator[str]:
        """Yield its lines; one that is longer than any of these files has is left out."""
        return (text for _, text in read_lines(self.file) if len(text) <= _MAX_LINE)

    def hex(self, digits: str) -> str:
        """Return a shifted hexadecimal number, as wide as it was."""
        return f"{self.shift(int(digits, 16)):0{len(digits)}x}"


def drop_others(run: Path) -> None:
    """Remove what nothing here knows how to make harmless.

    What `kept_files` yields stays, and ``meta.toml``: who collected the rest writes it anew.
    """
    for file in [each for each in run.rglob("*") if each.is_file()]:
        if file.name not in _REWRITERS and file.name != "meta.toml":
            file.unlink()


def kept_files(run: Path) -> Iterator[tuple[Path, Callable[[Job], Iterator[str]]]]:
    """Yield the files of a run folder that may be shown, each with what rewrites its lines."""
    for file in sorted(each for each in run.rglob("*") if each.is_file()):
        if file.name in _REWRITERS:
            yield file, _REWRITERS[file.name]


def _vmallocinfo(job: Job) -> Iterator[str]:
    hidden = _is_hidden(job)
    for text in job.lines():
        if found := _AREA.fullmatch(text):
            start, end, size, rest = found.groups()
            true = not hidden or _is_true(start, end, size)
            places = "-".join(_place(job, each, true=true) for each in (start, end))
            yield f"{places}{size}{''.join(_AREA_REST.findall(rest))}"


def _place(job: Job, text: str, *, true: bool) -> str:
    """Return a start or an end, shifted where it is true.

    A hash has 32 bits (lib/vsprintf.c: __ptr_to_hashval): a longer number is true in any case.
    """
    if text.startswith("(") or not (true or int(text, 16) >> 32):
        return text
    return f"0x{job.hex(text[2:])}"


def _is_hidden(job: Job) -> bool:
    """Whether the addresses of a vmallocinfo are hashes, zeros or "(ptrval)".

    Then start and end of most lines do not belong together.
    """
    good = bad = 0
    for text in job.lines():
        if found := _AREA.fullmatch(text):
            if found[1].startswith("(") or found[2].startswith("("):
                return True
            fits = _is_true(found[1], found[2], found[3])
            good, bad = good + fits, bad + (not fits)
    return bad > good


def _is_true(start: str, end: str, size: str) -> bool:
    """Whether start and end belong together: of hashes they do not, so these are addresses."""
    if start.startswith("(") or end.startswith("("):
        return False
    return int(end, 16) - int(start, 16) == int(size)


def _kallsyms(job: Job) -> Iterator[str]:
    for text in job.lines():
        if found := _SYMBOL.fullmatch(text):
            yield job.hex(found[1]) + found[2]


def _modules(job: Job) -> Iterator[str]:
    for text in job.lines():
        if found := _MODULE.fullmatch(text):
            yield f"{found[1]} 0x{job.hex(found[2])}{found[3] or ''}"


def _sections(job: Job) -> Iterator[str]:
    for text in job.lines():
        if found := _SECTION.fullmatch(text):
            yield f"{found[1]} 0x{job.hex(found[2])}"


def _trace(job: Job) -> Iterator[str]:
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


def _event(job: Job, name: str, rest: str) -> str | None:
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
    if known is None or not known.fullmatch(rest):
        return None
    if name == "module_request":  # of whatever name somebody asked for
        return job.words.scrub(_INTERFACE.sub(r"\1name", rest))
    return rest


def _config(job: Job) -> Iterator[str]:
    return (text for text in job.lines() if _CONFIG.fullmatch(text))


def _version(job: Job) -> Iterator[str]:
    return (job.words.scrub(printable(text, 400)) for text in job.lines())


def _numbers(job: Job) -> Iterator[str]:
    return (text for text in job.lines() if _NUMBER.fullmatch(text))


def _arguments(text: str, words: Words) -> str:
    kept = []
    for argument in text.split():
        name, _, value = argument.partition("=")
        if name in _ARGUMENTS and _PLAIN.fullmatch(value):
            kept.append(words.scrub(argument))
    return " ".join(kept)


def _cmdline(job: Job) -> Iterator[str]:
    return (_arguments(text, job.words) for text in job.lines())


def _dmesg(job: Job) -> Iterator[str]:
    for message in parse_dmesg(read_lines(job.file)):
        yield f"[{message.time or 0:12.6f}] {_message(message, job)}"
    for text in job.lines():
        if found := _PLT.search(text):
            yield f"[    0.000000] Modules: {found[0]}"


def _message(message: Message, job: Job) -> str:
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


_REWRITERS: Final[dict[str, Callable[[Job], Iterator[str]]]] = {
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

"""Collects what a machine says of its executable memory into a run folder. Reads only.

What cannot be read is noted with the reason, never left out silently.
"""

import errno
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from attrs import field

from execmem_tui.files.packed import MAX_UNPACKED, read_lines
from execmem_tui.files.regular import open_file, read_bounded
from execmem_tui.formats.manifest import Missing
from execmem_tui.formats.procfiles import is_mapping_symbol, telling_symbols
from execmem_tui.kernel.linux import PROC
from execmem_tui.kernel.proc_tree import find_config
from execmem_tui.kernel.reasons import why_refused
from execmem_tui.model.errors import InputError
from execmem_tui.model.records import define, frozen
from execmem_tui.model.text import printable

_COPIED: Final = ("modules", "meminfo")
_ONCE: Final = ("version", "cmdline", "iomem")
_TRACING: Final = (
    ("kprobes_list", "sys/kernel/debug/kprobes/list"),
    ("kprobe_events", "sys/kernel/tracing/kprobe_events"),
    ("enabled_functions", "sys/kernel/tracing/enabled_functions"),
)
_SYSCTLS: Final = (
    "kernel/kptr_restrict", "kernel/perf_event_paranoid", "kernel/ftrace_enabled",
    "kernel/randomize_va_space", "net/core/bpf_jit_enable", "net/core/bpf_jit_harden",
    "net/core/bpf_jit_kallsyms", "net/core/bpf_jit_limit", "debug/kprobes-optimization",
)  # fmt: skip
_SYMBOLS: Final = frozenset((
    "_text", "_stext", "_etext", "_end", "_sinittext", "_einittext", "_sdata", "_edata",
    "__bss_start", "__bss_stop", "execmem_info", "_start",
))  # fmt: skip
_BUILT_IN: Final = ("[bpf]", "[__builtin__kprobes]", "[__builtin__ftrace]")
_PER_MODULE: Final = 200
"""Text symbols kept of a module: the lowest that name something, and both ends."""
_CONFIG: Final = re.compile(
    r"(?:# )?CONFIG_\w*(?:EXECMEM|MODULE|KPROBE|FTRACE|BPF|VMALLOC|VMAP|KASAN|RANDOMIZE"
    r"|RELOCATABLE|PAGE_SIZE|PAGE_SHIFT|_PAGES\b|VA_BITS|PGTABLE|PHYSICAL|SMP\b|NR_CPUS|NUMA\b"
    r"|KALLSYMS|STRICT|LIVEPATCH|CALL_|MITIGATION|PREEMPT|HUGE|LTO|CFI|VMSPLIT|HIGHMEM|LPAE|THUMB2"
    r"|64BIT|KCORE|PTDUMP|DEBUG_PAGEALLOC|UNWIND|FPROBE|X86_KERNEL_IBT|TRACER\b)"
    r"\w*(?:=| is not set)"
)
_RECORD: Final = re.compile(r"\d{1,20},\d{1,20},(\d{1,20}),[^;]*;(.*)")
_PIECE: Final = 1 << 16
_MAX_TEXT: Final = 1 << 16
_MAX_LOG: Final = 64 << 20


@define
class Collector:
    """Reads one machine.

    Args:
        proc: where procfs is; sysfs, /boot and /dev/kmsg are looked for beside it.
        run: the run folder to fill.
    """

    proc: Path
    run: Path
    missing: list[Missing] = field(factory=list)
    _release: str = ""

    @property
    def root(self) -> Path:
        """Where /sys, /boot and /dev are."""
        return self.proc.parent

    def once(self) -> None:
        """Collect what does not change: version, command line, configuration, kernel log."""
        for name in _ONCE:
            self._copy(self.proc / name, self.run / name)
        version = self.run / "version"
        words = _text(version).split() if version.is_file() else []
        self._release = words[2] if len(words) > 2 and re.fullmatch(r"[\w.+~-]+", words[2]) else ""
        self._write("config.txt", self._config)
        self._write("dmesg", lambda: kernel_log(self.root / "dev" / "kmsg"))

    def addresses(self, phase: str) -> None:
        """Collect vmallocinfo, the part of a snapshot that has to be read at one moment."""
        (self.run / phase).mkdir()
        self._copy(self.proc / "vmallocinfo", self.run / phase / "vmallocinfo")

    def rest(self, phase: str) -> None:
        """Collect the rest of a snapshot."""
        for name in _COPIED:
            self._copy(self.proc / name, self.run / phase / name)
        self._write(f"{phase}/kallsyms", lambda: needed_symbols(self.proc / "kallsyms"))
        self._write(f"{phase}/sections", self._sections)
        self._write(f"{phase}/sysctl", self._sysctls)
        for name, place in _TRACING:
            self._copy(self.root / place, self.run / phase / name)

    def snapshot(self, phase: str) -> None:
        """Collect a whole snapshot."""
        self.addresses(phase)
        self.rest(phase)

    def lack(self, name: str, why: str) -> None:
        """Note that something is missing; once."""
        entry = Missing(name=name, why=printable(why))
        if entry not in self.missing:
            self.missing.append(entry)

    def _copy(self, source: Path, target: Path) -> None:
        """Copy one file. What cannot be read is missing; what cannot be written is an error."""
        with target.open("wb") as copy:
            try:
                for piece in _pieces(source):
                    copy.write(piece)
            except _UnreadableError as error:
                self.lack(target.name, _why(error.why))
            else:
                return
        target.unlink()

    def _write(self, name: str, made: Callable[[], Iterable[str]]) -> None:
        target = self.run / name
        try:
            lines = list(made())
        except (OSError, InputError) as error:
            self.lack(target.name, _why(error))
            return
        target.write_text(
            "".join(line + "\n" for line in lines), encoding="utf-8", errors="replace"
        )

    def _config(self) -> Iterator[str]:
        file = find_config(self.proc, self._release)
        if file is None:
            raise FileNotFoundError(errno.ENOENT, "no config.gz, and none in /boot or /lib/modules")
        return (text for _, text in read_lines(file) if _CONFIG.match(text))

    def _sections(self) -> Iterator[str]:
        modules = sorted((self.root / "sys" / "module").iterdir())
        for file in (file for module in modules for file in sorted(module.glob("sections/*"))):
            with suppress(FileNotFoundError):  # unloaded meanwhile
                text = _text(file)
                yield f"{file.parent.parent.name} {file.name} {text}"

    def _sysctls(self) -> Iterator[str]:
        for name in _SYSCTLS:
            file = self.proc / "sys" / name
            with suppress(OSError, InputError):  # not of this kernel, or not for us: not listed
                yield f"/proc/sys/{name}: {_text(file)}"


class _UnreadableError(Exception):
    """A file cannot be read, `why`; not to be taken for an error of the disk that is written to."""

    def __init__(self, why: OSError | InputError) -> None:
        super().__init__(why)
        self.why = why


def _pieces(source: Path) -> Iterator[bytes]:
    try:
        yield from _bounded(source)
    except (OSError, InputError) as error:
        raise _UnreadableError(error) from error


def _bounded(source: Path) -> Iterator[bytes]:
    total = 0
    with open_file(source) as file:
        while piece := file.read(_PIECE):
            total += len(piece)
            if total > MAX_UNPACKED:
                raise InputError(str(source), None, "more than 1 GiB")
            yield piece


def _text(file: Path) -> str:
    """Return what a file of one or a few lines says."""
    return read_bounded(file, _MAX_TEXT).decode("utf-8", "replace").strip()


def _why(error: OSError | InputError) -> str:
    if isinstance(error, InputError):
        return error.message
    return error.strerror or str(error) if error.errno == errno.ENOENT else why_refused(error)


def needed_symbols(kallsyms: Path) -> Iterator[str]:
    """Yield the lines of kallsyms that owners are told by: image, programs, probes, modules' text.

    Raises:
        OSError: it cannot be read.
        InputError: a line is too long.
    """
    modules: dict[str, list[str]] = defaultdict(list)
    for _, line in telling_symbols(read_lines(kallsyms)):
        words = line.split()
        if (len(words) == 3 and words[2] in _SYMBOLS) or (
            len(words) == 4 and words[3] in _BUILT_IN
        ):
            yield line
        elif len(words) == 4 and words[1] in "tT":
            modules[words[3]].append(line)
    for lines in modules.values():
        lines.sort()
        # where it begins and where it ends a mapping symbol may be all there is
        inner = (each for each in lines[1:-1] if not is_mapping_symbol(each.split()[2]))
        yield from (*lines[:1], *islice(inner, _PER_MODULE - 2), *lines[1:][-1:])


def kernel_log(kmsg: Path) -> list[str]:
    """Return the kernel log, as ``dmesg`` prints it, without waiting for more.

    Raises:
        OSError: it cannot be read.
    """
    lines: list[str] = []
    size = 0
    file = os.open(kmsg, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while size < _MAX_LOG:
            try:
                data = os.read(file, 1 << 16)
            except BlockingIOError:
                break
            except BrokenPipeError:  # overwritten while we read; the next read goes on behind it
                continue
            if not data:
                break
            size += len(data)
            for line in data.decode("utf-8", "replace").splitlines():
                record = _RECORD.match(line)
                if record is not None:
                    seconds, micro = divmod(int(record[1]), 1_000_000)
                    lines.append(f"[{seconds:5}.{micro:06}] {printable(record[2], 1000)}")
    finally:
        os.close(file)
    return lines


@frozen(kw_only=True)
class Host:
    """What a capture has to know of where it runs."""

    proc: Path
    machine: str
    """uname -m, "" where nothing tells it."""
    page_size: int | None
    cpus: int
    hosts: tuple[str, ...]


def look_at(proc: Path) -> Host:
    """Return what `proc` and the files beside it tell of the machine.

    If it is the real /proc, system calls tell more.
    """
    real = proc == PROC
    machine = _first_line(proc / "sys" / "kernel" / "arch") or (os.uname().machine if real else "")
    hosts = [_first_line(proc / "sys" / "kernel" / name) for name in ("hostname", "domainname")]
    return Host(
        proc=proc,
        machine=machine,
        page_size=os.sysconf("SC_PAGE_SIZE") if real else None,
        cpus=_count(_first_line(proc.parent / "sys" / "devices" / "system" / "cpu" / "possible")),
        hosts=tuple(
            dict.fromkeys(
                [
                    *hosts,
                    *(host.partition(".")[0] for host in hosts),
                    os.uname().nodename if real else "",
                ]
            )
        ),
    )


def _first_line(file: Path) -> str:
    try:
        return _text(file).partition("\n")[0].strip()
    except (OSError, InputError):  # an older kernel, or a tree without it: then nothing is told
        return ""


def _count(ranges: str) -> int:
    """Return how many CPUs a list such as ``0-3,8`` names; at least 1."""
    total = 0
    for part in ranges.split(","):
        found = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        total += 0 if found is None else int(found[2] or found[1]) - int(found[1]) + 1
    return max(total, 1)

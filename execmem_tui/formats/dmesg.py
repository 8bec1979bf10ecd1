"""A kernel log: the messages that bear on executable memory, as records.

Lines may be bare, or carry a level (``<4>``), a time (``[   12.345678]``, also with ``[T1]``),
journalctl's or syslog's head, or be records of /dev/kmsg. What else a line says is passed over.
arm64's boot lines about PLTs are read by `analysis.bootlines`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from execmem_tui.formats.procfiles import parse_version
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes, format_size

_TIME: Final = re.compile(r"\[\s{0,11}(\d{1,10}\.\d{6})\]|^\d+,\d+,(\d{1,18}),")
_CMDLINE: Final = re.compile(r"(?:Kernel command line|\bCommand line): (.*)")
_LAYOUT: Final = re.compile(
    r"\b(vmalloc|modules) : 0x([0-9a-f]{8,16}) - 0x([0-9a-f]{8,16})\s+\(\s*\d+ [kKMGT]i?B\)"
)
_OLD_SPACE: Final = re.compile(r"\bvmap allocation for size (\d{1,20}) failed\b")
_SPACE: Final = re.compile(
    r"\bvmalloc_node_range for size (\d{1,20}) failed: Address range restricted to "
    r"(?:0x)?([0-9a-f]{1,16}) - (?:0x)?([0-9a-f]{1,16})\b"
)
_REQUEST: Final = re.compile(r"(?:([^\s;]{1,16}): )?vmalloc error: size (\d{1,20}), ([^,]+)")
_OLD_REQUEST: Final = re.compile(
    r"(?:([^\s;]{1,16}): )?vmalloc: allocation failure: (\d{1,20}) bytes"
)
_EXECMEM: Final = re.compile(r"\bexecmem: unable to allocate memory\b")
_SUPPRESSED: Final = re.compile(r"\bexecmem_\w+: (\d{1,9}) callbacks suppressed\b")
_RELOCATION: Final = re.compile(
    r"(?:([\w-]{1,60}): section \d+ reloc \d+ sym '[^']{0,200}': )?\brelocation (\d{1,6}) out of"
    r" range "
    r"\(0x([0-9a-f]{1,16}) -> 0x([0-9a-f]{1,16})\)"
    r"|(?:(\w{1,60}): )?overflow in relocation type (\w+) val ([0-9a-fx]{1,18})"
    r"|(?:(\w{1,60}): )?target ([0-9a-f]{8,16}) can not be addressed by the 32-bit offset"
)
_RELOCATION_WORDS: Final = (
    " out of range (0x",
    "overflow in relocation type ",
    " can not be addressed by the 32-bit offset",
)


@frozen(kw_only=True)
class Message:
    """Base of all records: line from 1, and seconds since boot or None."""

    line: int
    time: float | None


@frozen(kw_only=True)
class Banner(Message):
    """``Linux version RELEASE REST``."""

    release: str
    rest: str


@frozen(kw_only=True)
class CommandLine(Message):
    """The kernel's command line."""

    text: str


@frozen(kw_only=True)
class MemoryRange(Message):
    """A line of «Virtual kernel memory layout»: the kernel's own word on where an area lies.

    arm and x86-32 up to 5.x, arm64 up to 4.x, riscv (arch/*/mm/init.c: mem_init, print_vm_layout).
    """

    name: str
    """``vmalloc`` or ``modules``."""
    start: Address
    end: Address


@frozen(kw_only=True)
class NoSpace(Message):
    """No hole was big enough (mm/vmalloc.c: alloc_vmap_area); `size` includes the guard.

    The range is told since 6.11.
    """

    size: Bytes
    start: Address | None = None
    end: Address | None = None


@frozen(kw_only=True)
class VmallocError(Message):
    """A vmalloc request failed (mm/vmalloc.c: __vmalloc_node_range).

    `size` is as asked, without the guard.
    """

    size: Bytes
    task: str | None
    why: str


@frozen(kw_only=True)
class ExecmemError(Message):
    """``execmem: unable to allocate memory`` after both windows (mm/execmem.c).

    `count` with those that were suppressed.
    """

    count: int = 1


@frozen(kw_only=True)
class RelocationError(Message):
    """A module was refused because something is out of reach."""

    module: str | None
    relocation: str
    origin: Address | None = None
    target: Address | None = None


def parse_dmesg(lines: Iterable[tuple[int, str]]) -> Iterator[Message]:
    """Yield the records of a kernel log, in its order."""
    for number, text in lines:
        message = _message(number, text)
        if message is not None:
            yield message


def _message(number: int, text: str) -> Message | None:
    if "execmem" in text:
        return _execmem(number, text)
    if ": 0x" in text and (found := _LAYOUT.search(text)) is not None:
        return MemoryRange(
            line=number,
            time=_time(text),
            name=found[1],
            start=int(found[2], 16),
            end=int(found[3], 16),
        )
    if "Linux version " in text or "ommand line: " in text:
        return _boot(number, text)
    if "vm" in text:
        return _vmalloc(number, text)
    return _relocation(number, text) if "reloc" in text or "32-bit offset" in text else None


def _boot(number: int, text: str) -> Message | None:
    version = parse_version([(number, text)])
    if version is not None:
        return Banner(line=number, time=_time(text), release=version[0], rest=version[1])
    found = _CMDLINE.search(text)
    return (
        None
        if found is None
        else CommandLine(line=number, time=_time(text), text=printable(found[1], 4096))
    )


def _execmem(number: int, text: str) -> Message | None:
    if _EXECMEM.search(text):
        return ExecmemError(line=number, time=_time(text))
    found = _SUPPRESSED.search(text)
    return (
        None if found is None else ExecmemError(line=number, time=_time(text), count=int(found[1]))
    )


def _time(text: str) -> float | None:
    found = _TIME.search(text)
    if found is None:
        return None
    return float(found[1]) if found[1] else int(found[2]) / 1e6


def _vmalloc(number: int, text: str) -> Message | None:
    time = _time(text)
    if found := _SPACE.search(text):
        return NoSpace(
            line=number,
            time=time,
            size=int(found[1]),
            start=int(found[2], 16),
            end=int(found[3], 16),
        )
    if found := _OLD_SPACE.search(text):
        return NoSpace(line=number, time=time, size=int(found[1]))
    if "vmalloc error: size " in text and (found := _REQUEST.search(text)):
        task = None if found[1] is None else printable(found[1], 20)
        return VmallocError(
            line=number, time=time, size=int(found[2]), task=task, why=printable(found[3], 80)
        )
    if "vmalloc: allocation failure: " in text and (found := _OLD_REQUEST.search(text)):
        task = None if found[1] is None else printable(found[1], 20)
        return VmallocError(
            line=number, time=time, size=int(found[2]), task=task, why="allocation failure"
        )
    return _relocation(number, text)


def _relocation(number: int, text: str) -> Message | None:
    # what may stand before these words makes looking for them slow
    told = any(words in text for words in _RELOCATION_WORDS)
    found = _RELOCATION.search(text) if told else None
    if found is None:
        return None
    module = found[1] or found[5] or found[8]
    name = found[2] or found[6] or "32-bit offset"
    origin, target = found[3], found[4] or found[7] or found[9]
    return RelocationError(
        line=number,
        time=_time(text),
        module=None if module is None else printable(module, 60),
        relocation=name,
        origin=None if origin is None else int(origin, 16),
        target=None if target is None else int(target.removeprefix("0x"), 16),
    )


def findings(messages: Iterable[Message]) -> list[str]:
    """Return what a log says of failures, one line per kind."""
    found: list[str] = []
    failed = space = 0
    biggest: NoSpace | None = None
    refused: dict[str, int] = {}
    for message in messages:
        if isinstance(message, ExecmemError):
            failed += message.count
        elif isinstance(message, NoSpace):
            space += 1
            biggest = message if biggest is None or message.size > biggest.size else biggest
        elif isinstance(message, RelocationError):
            who = message.module or "a module"
            refused[who] = refused.get(who, 0) + 1
    if failed:
        found.append(
            f"dmesg says: execmem: unable to allocate memory, {_times(failed)} (rate limited: a"
            " lower bound)"
        )
    if biggest is not None:
        where = "" if biggest.start is None else f", in {biggest.start:x}-{biggest.end:x}"
        size = f"{biggest.size:,} B ({format_size(biggest.size)}) with guard"
        found.append(
            f"dmesg says: no room found, {_times(space)}; the biggest request {size}{where}"
        )
    for who, count in list(refused.items())[:5]:
        found.append(f"dmesg says: relocation out of reach, {_times(count)}: {who}")
    return found


def _times(count: int) -> str:
    return f"{count} time{'' if count == 1 else 's'}"

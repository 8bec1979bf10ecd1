"""Small files of /proc and /sys.

They are kallsyms, modules, module sections, meminfo, version and the kernel's config.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from execmem_tui.model.errors import InputError
from execmem_tui.model.limits import MODULES, SECTIONS, SYMBOLS, most, too_many
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes

_MAPPING: Final = (".L", "L0", "$")
_FINEST: Final = 12
"""Bits of an address in the smallest page."""
_SYMBOL: Final = re.compile(r"([0-9a-f]{8,16}) (\S) (\S+)(?:\s+\[(\S+)\])?")
_MODULE: Final = re.compile(
    r"(\S+) (\d{1,18}) (\d+|-) (\S+) (Live|Loading|Unloading) 0x([0-9a-f]{1,16})(?: \(\S*\))?\s*"
)
_SECTION: Final = re.compile(r"(\S+) (\S+) 0x([0-9a-f]{1,16})")
_VERSION: Final = re.compile(r"Linux version (\S+) (.*)")
_UNAME: Final = re.compile(r"Linux (\S+) (\d\S*) (#.*)")
_MACHINE: Final = re.compile(r"[a-z][a-z_]*\d[a-z0-9_]*")
_MAX_BAD: Final = 50
Lines = Iterable[tuple[int, str]]


@frozen(kw_only=True)
class Symbol:
    """One line of /proc/kallsyms."""

    address: Address
    kind: str
    name: str
    module: str | None


@frozen(kw_only=True)
class ModuleLine:
    """One line of /proc/modules.

    `size` sums all regions page by page, `base` is the text base (0 if hidden or none).
    """

    name: str
    size: Bytes
    state: str
    base: Address


@frozen(kw_only=True)
class SectionLine:
    """One file of /sys/module/*/sections."""

    module: str
    section: str
    address: Address


class _Printable(dict[str, str]):
    """Names made printable once each, by what the file says."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, name: str) -> str:
        found = self[name] = printable(name, self._limit)
        return found


def _matches(
    path: str, lines: Lines, pattern: re.Pattern[str], what: str, usual: int
) -> Iterable[re.Match[str]]:
    bad = good = 0
    limit = most(usual)
    for number, text in lines:
        match = pattern.fullmatch(text.rstrip())
        if match is not None:
            good += 1
            if good > limit:
                raise too_many(path, number, limit, f"lines of {what}")
            yield match
        elif text.strip():
            bad += 1
            if bad > _MAX_BAD and bad > good:
                raise InputError(path, number, f"not a line of {what}")


def parse_kallsyms(path: str, lines: Lines) -> list[Symbol]:
    """Read /proc/kallsyms, see `telling_symbols`; foreign lines are skipped while they are few.

    Raises:
        InputError: this is no kallsyms.
    """
    return [
        Symbol(
            address=int(match[1], 16),
            kind=match[2],
            name=printable(match[3], 120),
            module=None if match[4] is None else printable(match[4], 80),
        )
        for match in _matches(path, telling_symbols(lines), _SYMBOL, "/proc/kallsyms", SYMBOLS)
    ]


def is_mapping_symbol(name: str) -> bool:
    """Whether a name marks a change of code and data and is nobody's: ``$x``, ``$d.4``, ``.L12``.

    The kernel skips them as well (include/linux/module_symbol.h: is_mapping_symbol). arm64 and arm
    have ``$x``, ``$a``, ``$t`` and ``$d``; riscv and loongarch ``.L`` and ``L0``; riscv puts the
    instruction set behind ``$x``, so all that begins with ``$`` is one since 6.6.
    """
    return name.startswith(_MAPPING)


def telling_symbols(lines: Lines) -> Lines:
    """Yield the lines of kallsyms but those of mapping symbols that tell nothing more.

    One tells whose the memory around it is, so the first in each page of a module stays. riscv's
    modules keep all their labels: a hundred of them have a million, and 2 of 100 lines name more.
    """
    seen: set[tuple[str, str]] = set()
    for line in lines:
        text = line[1]
        digits = text.find(" ")
        if text.startswith(_MAPPING, digits + 3):
            page = text[: digits - _FINEST // 4], text.partition("[")[2]
            if page in seen:
                continue
            seen.add(page)
        yield line


def parse_modules(path: str, lines: Lines) -> list[ModuleLine]:
    """Read /proc/modules.

    Raises:
        InputError: this is no list of modules.
    """
    return [
        ModuleLine(
            name=printable(match[1], 80), size=int(match[2]), state=match[5], base=int(match[6], 16)
        )
        for match in _matches(path, lines, _MODULE, "/proc/modules", MODULES)
    ]


def parse_sections(path: str, lines: Lines) -> list[SectionLine]:
    """Read ``module section address`` lines.

    Raises:
        InputError: this is no list of sections.
    """
    # a hundred names of sections, each of every module
    modules, sections = _Printable(80), _Printable(120)
    return [
        SectionLine(module=modules[match[1]], section=sections[match[2]], address=int(match[3], 16))
        for match in _matches(path, lines, _SECTION, "module sections", SECTIONS)
    ]


def parse_meminfo(lines: Lines) -> dict[str, Bytes]:
    """Read /proc/meminfo into bytes.

    Lines without a size in kB are left out, and sizes that no machine of 64 bits has.
    """
    found: dict[str, Bytes] = {}
    for _, text in lines:
        name, _, rest = text.partition(":")
        words = rest.split()
        if len(words) == 2 and words[0].isdecimal() and words[1] == "kB":
            size = int(words[0][:20]) << 10
            if size < 1 << 64:
                found[name.strip()] = size
    return found


_SYSCTL: Final = re.compile(r"(?:/proc/sys/)?([\w./-]{1,120}?)\s*[:=]\s*(-?\d{1,18})\s*")


def parse_sysctl(lines: Lines) -> dict[str, int]:
    """Return the numbers of ``sysctl -a`` by dotted name.

    Lines like ``/proc/sys/NAME: VALUE`` are understood too.
    """
    found: dict[str, int] = {}
    for _, text in lines:
        match = _SYSCTL.fullmatch(text)
        if match is not None:
            found[match[1].replace("/", ".")] = int(match[2])
    return found


def parse_version(lines: Lines) -> tuple[str, str] | None:
    """Return (release, rest) of /proc/version, or None."""
    for _, text in lines:
        match = _VERSION.search(text)
        if match is not None:
            return printable(match[1], 80), printable(match[2], 300)
    return None


def parse_uname(lines: Lines) -> tuple[str, str] | None:
    """Return (release, machine) of the output of ``uname -a``, or None.

    The machine is "" where none is told.
    """
    for _, text in lines:
        match = _UNAME.match(text.strip())
        if match is not None:
            words = match[3].split()
            machines = [word for word in words[1:] if _MACHINE.fullmatch(word)]
            return printable(match[2], 80), printable(machines[0], 20) if machines else ""
    return None


def parse_config(lines: Lines) -> Mapping[str, str]:
    """Read a kernel configuration: ``CONFIG_X=value``; what is not set is ``n``.

    So is what a kernel without modules has no line for (arch/Kconfig: STRICT_MODULE_RWX depends on
    MODULES); without it x86 has no ROX cache.
    """
    found: dict[str, str] = {}
    for _, text in lines:
        unset = re.fullmatch(r"# (CONFIG_\w+) is not set", text.strip())
        if unset is not None:
            found[unset[1]] = "n"
            continue
        name, separator, value = text.strip().partition("=")
        if separator and name.startswith("CONFIG_"):
            found[name] = value.strip('"')
    if found.get("CONFIG_MODULES") == "n":
        found.setdefault("CONFIG_STRICT_MODULE_RWX", "n")
    return found

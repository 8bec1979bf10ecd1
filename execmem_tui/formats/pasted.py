"""Text as people paste it: what it holds is sorted into the files of /proc that it was copied from.

Lines may come with a kernel log's time, a journal's head, quote marks, indent, `cat -n` numbers or
grep's file name in front; wrapped by a mail program or glued together; several files in one, with
or without `==> NAME <==`, prompts or fences between them. What a line is, its content decides.
Listings of crash (`kmem -v`), drgn and vendors' dumps become lines of vmallocinfo.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final

from attrs import field

from execmem_tui.model.errors import InputError
from execmem_tui.model.limits import AREAS, MODULES, SECTIONS, SYMBOLS, most, too_many
from execmem_tui.model.records import define, frozen

_MOST: Final = 96 << 20
"""Characters that are kept of a text: a thousand times the biggest /proc of a real machine."""
_EACH: Final = 64
"""Characters that a kept line which is no area counts for beside its own: it costs as much."""
_MOST_IDLE: Final = 24 << 20
"""Characters of lines of which nothing is kept, and as many for each as `_EACH_IDLE`."""
_EACH_IDLE: Final = 24
_MOST_JOINED: Final = 8
"""Pieces that a mail program may have made of one line."""


class Kind(StrEnum):
    """A file that lines belong to, by the name a capture has for it."""

    VMALLOCINFO = "vmallocinfo"
    MODULES = "modules"
    KALLSYMS = "kallsyms"
    SECTIONS = "sections"
    MEMINFO = "meminfo"
    VERSION = "version"
    CMDLINE = "cmdline"
    CONFIG = "config"
    IOMEM = "iomem"
    LOG = "dmesg"


@frozen(kw_only=True)
class Pasted:
    """What a text holds, sorted."""

    files: dict[Kind, tuple[str, ...]]
    """The lines of each file found, as the kernel prints them."""
    notes: tuple[str, ...]
    """What had to be mended or passed over, one sentence each."""
    foreign: int
    """Lines that belong to none of them."""
    first: int | None
    """Number, from 1, of the first such line."""


_POINTER: Final = r"(?:0x)?(?:[0-9a-f]{8,16}|\(_*ptrval_*\))|0x[0-9a-f]{1,16}"
_VM: Final = re.compile(
    rf"(?<![\w(])({_POINTER})-({_POINTER})[ \t]+(\d{{1,20}})(?=\s|$)(?:\s+(.*))?",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(
    r"(0x[0-9a-f]{8,16})-(0x[0-9a-f]{8,16}) +(\d{1,20})(?: ([^:\ufeff]*))?", re.ASCII
)
"""A line of /proc/vmallocinfo and nothing else: what else a line may be has a colon in it."""
_REMEMBERED: Final = 4096
_LONG: Final = 250
"""Characters of a line of which the end is not remembered: no kernel prints such."""
_GLUED: Final = re.compile(r"(?=0x[0-9a-f(]{1,20}[^ \t-]{0,16}-0x\S{1,24}[ \t]+\d)", re.IGNORECASE)
_KMEM: Final = re.compile(
    r"^\s*[0-9a-f]{8,16}\s+[0-9a-f]{8,16}\s+([0-9a-f]{8,16}) - ([0-9a-f]{8,16})\s+(\d{1,20})\s*$",
    re.IGNORECASE,
)
_DUMP: Final = re.compile(
    r"\bva:([0-9a-f]{8,16})-([0-9a-f]{8,16}), ?size:0*(\d{1,12}) ?KB(?:, ?alloc:(\S{1,120}))?",
    re.IGNORECASE,
)
_COMPLETE: Final = re.compile(
    r"(?:^|\s)(?:pages=\d|vmalloc\b|vmap\b|ioremap\b|user\b|vm_map_ram\b|unpurged\b|dma-coherent\b)"
)
_REST: Final = re.compile(
    r"(?:[\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+|pages=\d+|phys=|vmalloc\b|vmap\b|ioremap\b|user\b|vpages\b"
    r"|N\d+=\d+|unpurged vm_area|0x[0-9a-f]+/0x[0-9a-f]+)(?:\s|$)",
)
_HEAD: Final = re.compile(
    r"^(?:[>|]+ ?|\s+|<\d+>|\[[\s\d.@T]{6,24}\]\s?|\d+\t"
    r"|(?:[\w./-]*/)?(?:vmallocinfo|modules|kallsyms|meminfo|version|iomem)(?:\.\w+)?:(?:\d+:)?"
    r"|[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ \S+: )+"
)
_HEADER: Final = re.compile(r"^==> (?:.*/)?([\w.-]+) <==$")
_PROMPT: Final = re.compile(
    r"^(?:\S{0,80}[#$%>]\s*)(?:sudo )?(?:cat|tail|head|zcat|grep|more|less|kmem|crash)\b"
    r".*?(?:/(\w+))?$"
)
"""Of a line without blanks at its end: looked for here, they would be looked for at every place."""
_MODULE: Final = re.compile(
    r"^\S+ \d{1,18} (?:\d+|-) \S+ (?:Live|Loading|Unloading) 0x[0-9a-f(]\S*(?: \(\S*\))?$"
)
_SYMBOL: Final = re.compile(r"^[0-9a-f]{8,16} [a-zA-Z?] \S+(?:\s+\[\S+\])?$")
_SECTION: Final = re.compile(r"^\S+ [._]\S+ 0x[0-9a-f]{1,16}$")
_MEMINFO: Final = re.compile(r"^[A-Z][\w()]{1,30}:\s+\d{1,18}(?: kB)?$")
_CONFIG: Final = re.compile(r"^(?:# )?CONFIG_\w+(?:=| is not set)")
_IOMEM: Final = re.compile(r"^\s*[0-9a-f]{8,16}-[0-9a-f]{8,16} : ")
_CMDLINE: Final = re.compile(r"^BOOT_IMAGE=|^(?:ro|rw|root=\S+|console=\S+) ")
_LOG: Final = re.compile(
    r"^(?:<\d+>)?\[[\s\d.]{8,16}\]|^[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ kernel: "
)
_LEFT_OUT: Final = re.compile(r"^\s*(?:\.\.\.|\u2026|\[\.\.\.\]|<snip>|\[snip\])", re.IGNORECASE)
_FENCE: Final = re.compile(r"^\s*(?:```|~~~|-{5,}|={5,}|\*{5,})")

_BY_CONTENT: Final = (
    (Kind.MODULES, _MODULE),
    (Kind.KALLSYMS, _SYMBOL),
    (Kind.SECTIONS, _SECTION),
    (Kind.CONFIG, _CONFIG),
    (Kind.MEMINFO, _MEMINFO),
    (Kind.IOMEM, _IOMEM),
    (Kind.CMDLINE, _CMDLINE),
)


_USUAL: Final = {
    Kind.VMALLOCINFO: AREAS,
    Kind.MODULES: MODULES,
    Kind.KALLSYMS: SYMBOLS,
    Kind.SECTIONS: SECTIONS,
}


@define
class _Sorter:
    """Takes one line after the other."""

    files: dict[Kind, list[str]] = field(factory=dict)
    open: bool = False
    """The last line of vmallocinfo may go on in the next."""
    pieces: int = 0
    """How many it was put together of."""
    named: Kind | None = None
    """The file that a header or a prompt announced."""
    foreign: int = 0
    first: int | None = None
    glued: int = 0
    joined: int = 0
    left_out: int = 0
    foreign_tool: str = ""
    again: int = 0
    repeated: bool = False
    """The last line of vmallocinfo was there before: so was its second half."""
    kept: int = 0
    idle: int = 0
    limits: dict[Kind, int] = field(factory=dict)
    over: Kind | None = None
    """The file that has more lines than its limit."""
    seen: set[str] = field(factory=set)

    def take(self, number: int, line: str) -> None:
        kept = self.kept
        plain = _PLAIN.fullmatch(line)
        if plain is not None and line.count("-0x") == 1:  # as the kernel prints it, which is most
            start, end, size, rest = plain.groups("")
            words, complete = _ending(rest) if len(rest) < _LONG else _end(rest)
            self._add_area(f"{start}-{end} {size} {words}" if words else f"{start}-{end} {size}")
            self.open = not complete
            self.pieces = 1
        else:
            self._sort(number, line.strip("\ufeff\r\n").rstrip())
        if self.kept == kept:
            self.idle += len(line) + _EACH_IDLE

    def refused(self, path: str, number: int) -> InputError | None:
        """Return the error that ends the reading at a line, None while there is none."""
        if self.over is not None:
            told = f"lines of /proc/{self.over.value}"
            return too_many(path, number, self.limits[self.over], told)
        if self.kept > _MOST:
            return InputError(path, number, "longer than what any machine prints")
        if self.idle > _MOST_IDLE:
            return InputError(
                path,
                number,
                "too much before this line that is no line of /proc/vmallocinfo",
                hint="give the part of the text that is one",
            )
        return None

    def _sort(self, number: int, text: str) -> None:
        if not text.strip():
            return
        if self._header(text) or _FENCE.match(text):
            self.open = False
            return
        if _LEFT_OUT.match(text):
            self.left_out += 1
            return
        if self._areas(text) or self._rest(text):
            return
        bare = _HEAD.sub("", text)
        if not self._other(text, bare):
            self.foreign += 1
            self.first = number if self.first is None else self.first

    def _add(self, kind: Kind, line: str) -> None:
        self.kept += len(line) + (0 if kind is Kind.VMALLOCINFO else _EACH)
        lines = self.files.setdefault(kind, [])
        lines.append(line)
        # where nothing else bounds them, there are fewer lines than bytes
        if len(lines) > self.limits.get(kind, _MOST):
            self.over = kind

    def _add_area(self, line: str) -> None:
        """Add a line of vmallocinfo once.

        Two areas are never at one address, unless it is hidden.
        """
        first = line.partition("-")[0]
        if not first.startswith("(") and first.strip("0x"):
            if line in self.seen:
                self.again += 1
                self.repeated = True
                return
            self.repeated = False
            self.seen.add(line)
        self._add(Kind.VMALLOCINFO, line)

    def _header(self, text: str) -> bool:
        found = _HEADER.match(text) or _PROMPT.match(text)
        if found is None:
            return False
        name = (found[1] or "").partition(".")[0].lower()
        self.named = next((kind for kind in Kind if kind == name), None)
        return True

    def _areas(self, text: str) -> bool:
        """Take a line that holds areas: one, several glued together, or of another tool."""
        if "-" not in text:
            return False
        kmem = _KMEM.match(text)
        if kmem is not None:
            self.foreign_tool = "crash's kmem -v tells no callers: owners are unknown"
            self._add_area(f"0x{kmem[1]}-0x{kmem[2]} {kmem[3]}".lower())
            self.open = False
            return True
        dump = _DUMP.search(text)
        if dump is not None:
            start, end = int(dump[1], 16), int(dump[2], 16)
            self._add_area(f"{start:#x}-{end:#x} {end - start} {dump[4] or ''}")
            self.foreign_tool = "a vendor's dump: flags and pages are not told"
            self.open = False
            return True
        pieces = [each for each in _GLUED.split(text) if each.strip()] if "0x" in text else [text]
        taken = 0
        for piece in pieces:
            found = _VM.search(piece)
            if found is not None:
                self._vm(found)
                taken += 1
        self.glued += taken > 1
        return taken > 0

    def _vm(self, found: re.Match[str]) -> None:
        start, end = _pointer(found[1]), _pointer(found[2])
        rest, complete = _end(found[4] or "")
        self._add_area(f"{start}-{end} {found[3]} {rest}".rstrip())
        self.open = not complete
        self.pieces = 1

    def _rest(self, text: str) -> bool:
        """Take the second half of a line that was wrapped."""
        bare = _HEAD.sub("", text)
        if not self.open or _REST.match(bare) is None:
            return False
        if self.repeated:
            return True
        lines = self.files[Kind.VMALLOCINFO]
        self.pieces += 1
        self.kept += len(bare)
        lines[-1] = f"{lines[-1]} {' '.join(bare.split())}"
        self.joined += 1
        self.open = _COMPLETE.search(bare) is None and self.pieces < _MOST_JOINED
        return True

    def _other(self, text: str, bare: str) -> bool:
        if "Linux version " in text:
            # a banner in a log is part of it; alone it is /proc/version
            self._add(Kind.LOG if _LOG.match(text) else Kind.VERSION, text)
            return True
        for kind, pattern in _BY_CONTENT:
            if pattern.match(bare.strip() if kind is not Kind.IOMEM else bare):
                self._add(kind, bare.strip() if kind is not Kind.IOMEM else bare)
                return True
        if _LOG.match(text):
            self._add(Kind.LOG, text)
            return True
        if self.named in (Kind.CMDLINE, Kind.VERSION, Kind.LOG):
            self._add(self.named, text)
            return True
        return False


def _end(rest: str) -> tuple[str, bool]:
    """Return the words behind a size with one blank between, and whether no more will come."""
    words = " ".join(rest.split())
    return words, _COMPLETE.search(words) is not None


_ending = lru_cache(maxsize=_REMEMBERED)(_end)


def _pointer(text: str) -> str:
    if "(" in text:
        return "(ptrval)"
    return "0x" + text.lower().removeprefix("0x")


def sort_pasted(path: str, lines: Iterable[tuple[int, str]]) -> Pasted:
    """Sort a text into the files that it holds.

    Args:
        path: what errors call it.
        lines: (number from 1, text).

    Raises:
        InputError: it is far longer than what any machine prints, or hardly any of it is known.
    """
    sorter = _Sorter(limits={kind: most(usual) for kind, usual in _USUAL.items()})
    for number, line in lines:
        sorter.take(number, line)
        refused = sorter.refused(path, number)
        if refused is not None:
            raise refused
    notes: list[str] = []
    areas = sorter.files.get(Kind.VMALLOCINFO)
    if sorter.again:
        notes.append(f"the text repeats itself: {sorter.again} areas are there again, counted once")
    if sorter.glued:
        notes.append(f"{_lines(sorter.glued)} held several areas glued together: split")
    if sorter.joined:
        notes.append(f"{_lines(sorter.joined)} belonged to the line before: joined")
    if sorter.left_out:
        notes.append("lines are left out of the middle: what was there is unknown, not free")
    if sorter.foreign_tool:
        notes.append(sorter.foreign_tool)
    if sorter.foreign and areas:
        notes.append(f"{_lines(sorter.foreign)} of no known file, passed over")
    return Pasted(
        files={kind: tuple(found) for kind, found in sorter.files.items()},
        notes=tuple(notes),
        foreign=sorter.foreign,
        first=sorter.first,
    )


def _lines(count: int) -> str:
    return f"{count} line{'' if count == 1 else 's'}"

"""What a log says when executable memory, or what is taken for it, could not be had.

One record a line. The texts are those of the kernels' own printk calls from 2.6 to 7.3
(mm/vmalloc.c: warn_alloc and alloc_vmap_area, mm/execmem.c, arch/*/kernel/module.c), of linkers
that refuse the same relocations, and of programs that meet errno 524.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes


class Form(StrEnum):
    """Which of the known texts a line is."""

    NO_HOLE = "no hole"
    """No free range was big enough; the size includes the guard page."""
    NO_MEMORY = "vmalloc error"
    """The request behind it, as asked, without the guard page."""
    EXECMEM = "execmem"
    """Both windows failed (mm/execmem.c: execmem_alloc, 6.10 and later)."""
    RELOCATION = "relocation"
    VMALLOC_SPACE = "vmalloc space"
    """2.6: no size, no range."""
    JIT_LIMIT = "errno 524"
    """ENOTSUPP of the BPF JIT: bpf_jit_limit is reached (kernel/bpf/core.c:
    bpf_jit_charge_modmem)."""
    PERCPU = "percpu"
    DUPLICATES = "module statistics"
    """What duplicate loads wasted (debugfs modules/stats: kernel/module/stats.c)."""
    NOT_SPACE = "not space"
    """A text that is taken for a lack of space and is none; `why` says what it is."""
    NOTE = "note"
    """Belongs to the failure before it: a hint, a suppressed count, a task, a frame."""


@frozen(kw_only=True)
class Record:
    """One line that bears on a failure."""

    form: Form = Form.NOTE
    line: int
    text: str
    """The message without what is in front of it. Printable."""
    size: Bytes | None = None
    align: Bytes | None = None
    start: Address | None = None
    end: Address | None = None
    task: str | None = None
    why: str = ""
    module: str | None = None
    relocation: str | None = None
    """Number or name of the relocation type, as printed."""
    place: Address | None = None
    """Where the relocation is applied; None where it is not printed or hashed."""
    target: int | None = None
    """What it shall name; for `signed` a distance."""
    distance: int | None = None
    low: int | None = None
    high: int | None = None
    """Inclusive limits that the line itself states."""
    suppressed: int = 0
    release: str | None = None
    pid: int | None = None
    symbol: str | None = None
    """Of a frame of the call trace."""
    sure: bool = True
    """False for a frame that the unwinder marks with ?."""


Blank = Callable[..., Record]
"""Makes a record of which line and text are known."""


def _hex(text: str | None) -> int | None:
    return None if text is None else int(text, 16)


def _hole(found: re.Match[str], blank: Blank) -> Record:
    return blank(form=Form.NO_HOLE, size=int(found[1]), start=_hex(found[2]), end=_hex(found[3]))


def _request(found: re.Match[str], blank: Blank) -> Record:
    return blank(
        form=Form.NO_MEMORY,
        task=_name(found[1]),
        size=int(found[2]),
        align=_hex(found[3]),
        why=printable(found[4], 80),
    )


def _old_request(found: re.Match[str], blank: Blank) -> Record:
    return blank(
        form=Form.NO_MEMORY,
        task=_name(found[1]),
        size=int(found[2]),
        why="allocation failure",
    )


def _name(text: str | None) -> str | None:
    return None if text is None else printable(text, 60)


def _arm(found: re.Match[str], blank: Blank) -> Record:
    return blank(
        form=Form.RELOCATION,
        module=_name(found[1]),
        relocation=found[2],
        place=_hex(found[3]),
        target=_hex(found[4]),
    )


def _overflow(found: re.Match[str], blank: Blank) -> Record:
    return blank(
        form=Form.RELOCATION,
        module=_name(found[1]),
        relocation=found[2],
        target=_hex(found[3]),
    )


def _offset32(found: re.Match[str], blank: Blank) -> Record:
    return blank(
        form=Form.RELOCATION,
        module=_name(found[1]),
        relocation="32-bit offset",
        target=_hex(found[2]),
        place=_hex(found[3]),
    )


def _linker(found: re.Match[str], blank: Blank) -> Record:
    return blank(
        form=Form.RELOCATION,
        relocation=found[1],
        distance=int(found[2]),
        low=int(found[3]),
        high=int(found[4]),
    )


def _rel24(found: re.Match[str], blank: Blank) -> Record:
    return blank(
        form=Form.RELOCATION,
        module=_name(found[1]),
        relocation=found[2],
        distance=int(found[3]),
    )


def _jump(found: re.Match[str], blank: Blank) -> Record:
    value = int(found[2], 16)
    return blank(
        form=Form.RELOCATION,
        module=_name(found[1]),
        relocation=found[3],
        distance=value - (1 << 64) if value >> 63 else value,
    )


def _percpu(found: re.Match[str], blank: Blank) -> Record:
    return blank(form=Form.PERCPU, size=int(found[1]), align=int(found[2]))


def _execmem(_: re.Match[str], blank: Blank) -> Record:
    return blank(form=Form.EXECMEM)


def _space(_: re.Match[str], blank: Blank) -> Record:
    return blank(form=Form.VMALLOC_SPACE)


def _limit(_: re.Match[str], blank: Blank) -> Record:
    return blank(form=Form.JIT_LIMIT)


def _suppressed(found: re.Match[str], blank: Blank) -> Record:
    return blank(symbol=found[1], suppressed=int(found[2]))


def _model(found: re.Match[str], blank: Blank) -> Record:
    return blank(module=_name(found[1]), why="mcmodel")


def _task(found: re.Match[str], blank: Blank) -> Record:
    return blank(pid=int(found[1]), task=_name(found[2]), release=found[3])


def _frame(found: re.Match[str], blank: Blank) -> Record:
    return blank(symbol=printable(found[2], 80), module=_name(found[3]), sure=found[1] is None)


def _inserted(found: re.Match[str], blank: Blank) -> Record:
    return blank(form=Form.NO_MEMORY, module=_name(found[1]), why="cannot allocate memory")


def _wasted(found: re.Match[str], blank: Blank) -> Record:
    return blank(form=Form.DUPLICATES, size=int(found[1]))


def _zero(_: re.Match[str], blank: Blank) -> Record:
    return blank(form=Form.NO_MEMORY, size=0, why="asked for 0 bytes")


def _not_space(why: str) -> Callable[[re.Match[str], Blank], Record]:
    def make(_: re.Match[str], blank: Blank) -> Record:
        return blank(form=Form.NOT_SPACE, why=why)

    return make


_TASK: Final = r"(?:([^\s;:]{1,16}(?::[^\s;:]{1,10})?): )?"
_HEX: Final = r"(?:0x)?([0-9a-f]{1,16})"

FORMS: Final = tuple(
    (word, re.compile(pattern, re.IGNORECASE), make)
    for word, pattern, make in (
        (
            "vmalloc_node_range for size",
            (
                r"\bvmalloc_node_range for size (\d{1,20}) failed: Address range restricted to "
                rf"{_HEX} - {_HEX}\b"
            ),
            _hole,
        ),
        ("vmap allocation", r"\bvmap allocation for size (\d{1,20})() ?failed()\b", None),
        (
            "vmalloc error",
            _TASK + r"\bvmalloc error: size (\d{1,20}), (?:align (?:0x)?([0-9a-f]{1,16}), )?"
            r"([^,]{1,200})",
            _request,
        ),
        (
            "allocation failure",
            _TASK + r"\bvmalloc: allocation failure: (\d{1,20}) bytes",
            _old_request,
        ),
        (
            "allocation failure",
            r"\bvmalloc: allocation failure, allocated \d+ of \d+ bytes",
            _not_space("pages ran out, not addresses: look at meminfo"),
        ),
        ("execmem", r"\bexecmem: unable to allocate memory\b", _execmem),
        ("callbacks suppressed", r"\b(\w{1,60}): (\d{1,12}) callbacks suppressed\b", _suppressed),
        (
            "relocation",
            (
                r"(?:([\w-]{1,60}): section \d{1,10} reloc \d{1,10} sym '[^']{0,300}': )?"
                rf"\brelocation (\d{{1,6}}) out of range \({_HEX} -> {_HEX}\)"
            ),
            _arm,
        ),
        (
            "in relocation",
            (
                r"(?:(?:module )?([\w-]{1,60}): )?\boverflow in relocation type (\w{1,40}) val "
                rf"{_HEX}"
            ),
            _overflow,
        ),
        (
            "32-bit offset",
            (
                r"(?:([\w-]{1,60}): )?\btarget (?:0x)?([0-9a-f]{8,16}) can ?not be addressed by"
                r" the 32-bit offset(?: from PC = (?:0x)?([0-9a-f]{8,16})(?![0-9a-f(]))?"
            ),
            _offset32,
        ),
        (
            "relocation",
            (
                r"\brelocation (R_\w{1,40}) out of range: (-?\d{1,20}) is not in "
                r"\[(-?\d{1,20}), (-?\d{1,20})\]"
            ),
            _linker,
        ),
        ("out of range", r"(?:([\w-]{1,60}): )?\b(REL24) (-?\d{1,20}) out of range", _rel24),
        (
            "jump offset",
            (
                r"(?:module ([\w-]{1,60}): )?\bjump offset = (?:0x)?([0-9a-f]{1,16}) overflow"
                r".{0,40}?(R_\w{1,40}|\(\d{1,20}\))"
            ),
            _jump,
        ),
        ("mcmodel", r"`?([\w-]{1,60})'? likely not compiled with -mcmodel", _model),
        ("out of vmalloc space", r"\ballocation failed: out of vmalloc space\b", _space),
        ("524", r"\b(?:errno|error|code:?|err=-?|= -)\s*524\b|\bENOTSUPP\b.{0,40}524", _limit),
        ("unknown error 524", r"\bUnknown error 524\b", _limit),
        ("-524", r"(?:^|[\s=:(])-524\b", _limit),
        (
            "mm/vmalloc.c",
            # WARN_ON_ONCE(!size) is the only warning of that function
            r"WARNING: .{0,80}\bat mm/vmalloc\.c:\d{1,6} __vmalloc_node_range",
            _zero,
        ),
        (
            "allocate memory",
            r"(?:could not|can't) insert(?: module)? '?([\w./-]{1,80})'?: Cannot allocate memory",
            _inserted,
        ),
        ("out of memory", r"could not insert '([\w-]{1,60})': Out of memory", _inserted),
        ("wasted", r"\bvirtual memory wasted bytes\s+(\d{1,20})", _wasted),
        (
            "percpu",
            r"\bpercpu: allocation failed, size=(\d{1,12}) align=(\d{1,12})",
            _percpu,
        ),
        (
            "zero byte",
            r"\bzero[- ]byte (?:module_alloc|vmalloc|allocation)",
            _zero,
        ),
        (
            "vfree",
            r"\bTrying to vfree\(\) (?:nonexistent vm area|bad address)",
            _not_space(
                "memory is given back that vmalloc did not give out, or twice: a bug, not a lack"
                " of space"
            ),
        ),
        (
            "livepatch",
            r"\bSkipping invalid relocation target\b",
            _not_space("a live patch relocates a location that is already patched"),
        ),
        (
            "rela",
            r"\bunsupported RELA relocation\b",
            _not_space("the loader does not know this relocation type: another toolchain"),
        ),
        (
            "nx-protected",
            r"\bkernel tried to execute NX-protected page\b",
            _not_space("code is mapped without execute permission: permissions, not space"),
        ),
        (
            "module_64",
            (
                r"kernel/module_64\.c:\d{1,6}.{0,200}stub|\bstub index \d{1,10} > \d"
                r"|kernel BUG at arch/powerpc/kernel/module_64\.c"
            ),
            _not_space("the module's own stub table was counted too small"),
        ),
        (
            "page allocation failure",
            r"\bpage allocation failure: order:\d+",
            _not_space("no free pages of that order: physical memory, not addresses"),
        ),
        (
            "out of memory:",
            r"\bOut of memory: Kill(?:ed)? process",
            _not_space("physical memory ran out"),
        ),
        (
            "comm:",
            r"\bPID: (\d{1,10}) Comm: (\S{1,16}) .{0,60}?(\d{1,9}\.\d[.\w+~-]{0,60})",
            _task,
        ),
        (
            "(",
            (
                r"(?:^|\s)(\? )?\[?<?[0-9a-f]{0,16}>?\]? ?\(([\w.]{1,80})(?:\+0x[0-9a-f/x]+)?"
                r"(?: \[([\w-]{1,60})\])?\) from\b"
            ),
            _frame,
        ),
        (
            "+0x",
            (
                r"(?:^|\s)(\? )?([a-zA-Z_][\w.]{0,79})\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}"
                r"(?: \[([\w-]{1,60})(?: [\w.-]+)?\])?"
            ),
            _frame,
        ),
    )
)
"""A word that must be in the lower-cased line (cheap), the text, and what it becomes. First match
wins: the order is from the most to the least telling."""

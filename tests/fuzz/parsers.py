"""Each parser by itself, on changed texts: a thousand and more cases a second."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Final

from execmem_tui.analysis.bootlines import decode
from execmem_tui.analysis.diagnosis.diagnose import read_log
from execmem_tui.arch import resolve
from execmem_tui.bundles.collector import kernel_log, needed_symbols
from execmem_tui.cli.config_file import read_config
from execmem_tui.files.archive import is_archive, members
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.dmesg import findings, parse_dmesg
from execmem_tui.formats.failure_log import parse_failures
from execmem_tui.formats.manifest import parse_manifest
from execmem_tui.formats.pasted import sort_pasted
from execmem_tui.formats.procfiles import (
    Lines,
    parse_config,
    parse_kallsyms,
    parse_meminfo,
    parse_modules,
    parse_sections,
    parse_sysctl,
    parse_uname,
    parse_version,
)
from execmem_tui.formats.toml import parse_toml
from execmem_tui.formats.trace import looks_like_trace, parse_trace, trace_windows
from execmem_tui.formats.vmallocinfo import parse_vmallocinfo
from execmem_tui.kernel.kcore import read_ranges
from execmem_tui.machines.iomem import image_symbols_from_iomem
from execmem_tui.machines.log import LogWitness
from execmem_tui.machines.recognise import recognise
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.facts import Facts
from execmem_tui.model.units import parse_address, parse_size
from execmem_tui.model.versions import parse_version as version_numbers
from execmem_tui.owners.evidence import Evidence
from execmem_tui.owners.hashed import phase_areas
from execmem_tui.scenarios.compare import parse_changes
from execmem_tui.scenarios.expressions import ExpressionError, parse
from execmem_tui.scenarios.reader import library, read_scenario
from execmem_tui.scenarios.settings import Settings
from execmem_tui.scenarios.sweep import parse_seeds
from execmem_tui.tours.reader import library as tour_library
from execmem_tui.tours.reader import read_tour
from tests.fuzz.mutate import change, pumped
from tests.fuzz.samples import CONFIG, EXPRESSIONS, SIZES, TEXTS
from tests.test_hostile import lines_of

OfLines = Callable[[Lines], object]
_BY_NAME: Final = {"vmallocinfo": parse_vmallocinfo, "kallsyms": parse_kallsyms,
                   "modules": parse_modules, "sections": parse_sections}  # fmt: skip
_LAYOUTS: Final = ("x86", "arm64", "arm", "s390", "loongarch")
_ANCHORS: Final = {"_text": 0xFFFFFFFF81000000}
_TOURS: Final = tuple(each.read_bytes() for each in tour_library().values())
_SCENARIOS: Final = tuple(each.read_bytes() for each in library().values())


def _named(name: str) -> OfLines:
    return lambda lines: _BY_NAME[name]("f", lines)


OF_LINES: Final[dict[str, tuple[str, OfLines]]] = {
    **{name: (name, _named(name)) for name in _BY_NAME},
    "meminfo": ("meminfo", parse_meminfo),
    "sysctl": ("sysctl", parse_sysctl),
    "config": ("config", parse_config),
    "version": ("version", parse_version),
    "uname": ("uname", parse_uname),
    "iomem": ("iomem", lambda lines: image_symbols_from_iomem(lines, _ANCHORS)),
    "trace": ("trace", lambda lines: list(parse_trace("f", lines))),
    "windows": ("trace", trace_windows),
    "is a trace": ("trace", looks_like_trace),
    "dmesg": ("log", lambda lines: findings(parse_dmesg(lines))),
    "failures": ("log", lambda lines: list(parse_failures(lines))),
    "log": ("log", lambda lines: read_log("f", lines)),
    "machine of a log": ("log", lambda lines: list(LogWitness().watch(lines))),
    "boot lines": ("log", lambda lines: decode(text for _, text in lines)),
    "pasted": ("pasted", lambda lines: sort_pasted("f", lines)),
}
"""Name: what it begins from, and the parser of numbered lines."""


def _recognise(data: bytes) -> None:
    """A machine told by nothing but a release, a compiler and a configuration."""
    lines = list(lines_of(data))
    told = parse_version(lines) or ("", "")
    recognise(Facts(release=told[0], compiler=told[1], config=parse_config(lines)))


def _words(data: bytes) -> None:
    """What is typed behind options."""
    text = data.decode("utf-8", "replace")
    for read in (parse_size, parse_address, version_numbers, parse_seeds, parse_changes):
        with suppress(ExecmemTuiError):
            read(text)
    with suppress(ExecmemTuiError):
        Settings(arch="arm64").changed(
            {"fill": text, "rox_block": text, "kaslr": text, "_end": text}
        )
    with suppress(ExecmemTuiError):
        resolve("arm64", "7.1", None, text)


def _expression(data: bytes) -> None:
    with suppress(ExpressionError):
        comparison = parse(data.decode("utf-8", "replace"))
        comparison.check(len)


OF_BYTES: Final[dict[str, tuple[tuple[bytes, ...], Callable[[bytes], object]]]] = {
    "manifest": (TEXTS["manifest"], lambda data: parse_manifest("f", data)),
    "toml": (TEXTS["toml"], lambda data: parse_toml("f", data, 1 << 20)),
    "recognise": (TEXTS["version"] + TEXTS["config"], _recognise),
    "tour": (_TOURS, lambda data: read_tour(data, "f", "f")),
    "scenario": (_SCENARIOS, lambda data: read_scenario(data, "f", "f")),
    "words": (SIZES, _words),
    "expression": (EXPRESSIONS, _expression),
}
"""Name: what it begins from, and the parser of bytes."""


def _kcore(path: Path) -> None:
    read_ranges(path, (0xFFFFFFFF81000000, 0))


def _members(path: Path) -> None:
    if is_archive(path):
        for _, chunks in members(path, lambda _, regular: regular):
            for _ in chunks:
                pass


OF_FILES: Final[dict[str, Callable[[Path], object]]] = {
    "lines": lambda path: list(read_lines(path)),
    "members": _members,
    "kcore": _kcore,
    "kernel log": kernel_log,
    "symbols": lambda path: list(needed_symbols(path)),
    "settings": read_config,
}
"""Readers that take a file."""


def lines_case(random: Random, _: Path) -> None:
    """A parser of lines: mostly on its own kind of text, at times on another's."""
    sample, parse_lines = OF_LINES[random.choice(tuple(OF_LINES))]
    kind = sample if random.random() < 0.85 else random.choice(tuple(TEXTS))
    with suppress(ExecmemTuiError):
        part = _part(random.choice(TEXTS[kind]), random)
        changed = pumped(part, random) if random.random() < 0.03 else change(part, random)
        parse_lines(lines_of(changed))


def bytes_case(random: Random, _: Path) -> None:
    """A parser of bytes."""
    samples, parse_bytes = OF_BYTES[random.choice(tuple(OF_BYTES))]
    with suppress(ExecmemTuiError):
        parse_bytes(change(random.choice(samples), random))


def files_case(random: Random, place: Path) -> None:
    """A reader of a file, on a text, a packed one, or the head of an ELF core."""
    file = place / "f"
    sample = random.choice((CONFIG, *TEXTS["kallsyms"], *TEXTS["log"], _elf(random)))
    file.write_bytes(change(sample, random))
    with suppress(ExecmemTuiError):
        OF_FILES[random.choice(tuple(OF_FILES))](file)


def owners_case(random: Random, _: Path) -> None:
    """The areas of a snapshot and everything that points into them, one or two files changed."""
    broken = random.sample(tuple(_BY_NAME), random.randint(1, 2))
    number = random.randrange(2)

    def read(name: str) -> Any:
        data = TEXTS[name][number % len(TEXTS[name])]
        return _BY_NAME[name]("f", lines_of(change(data, random) if name in broken else data))

    with suppress(ExecmemTuiError):
        layout = resolve(random.choice(_LAYOUTS), "7.1", None, "off")
        evidence = Evidence(
            modules=read("modules"), sections=read("sections"), symbols=read("kallsyms")
        )
        phase_areas(layout, read("vmallocinfo"), evidence)


def _part(data: bytes, random: Random) -> bytes:
    """Return a few lines of a text: what is wrong with a long one is wrong with a short one."""
    lines = data.splitlines(keepends=True)
    if random.random() < 0.2 or len(lines) < 12:
        return data
    at = random.randrange(len(lines) - 8)
    return b"".join([*lines[:2], *lines[at : at + random.randint(1, 25)]])


def _elf(random: Random) -> bytes:
    """Return an ELF core of one or two segments that hold what kcore is searched for."""

    def words() -> Iterator[int]:
        yield from (1, 4, 0x40 + 56 * count, 0xFFFFFFFF81000000, 0, 400, 400, 4096)

    count = random.randint(1, 2)
    head = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + (4).to_bytes(2, "little") + (62).to_bytes(2, "little")
    )
    head += (1).to_bytes(4, "little") + bytes(8) + (64).to_bytes(8, "little") + bytes(14)
    head += (56).to_bytes(2, "little") + count.to_bytes(2, "little") + bytes(6)
    segment = b"".join(
        value.to_bytes(4 if at < 2 else 8, "little") for at, value in enumerate(words())
    )
    body = (0xFFFFFFFF81000008).to_bytes(8, "little") + bytes(
        random.randrange(256) for _ in range(300)
    )
    return head + segment * count + body

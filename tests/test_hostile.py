"""Broken, cut, interleaved, foreign and hostile files.

An error that names the place or a picture, never a crash or an escape code.

Mutations of real files, seeded: the same every time.
"""

import gzip
import io
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from execmem_tui.analysis.bootlines import decode
from execmem_tui.bundles.record import capture
from execmem_tui.cli.main import main
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.dmesg import findings, parse_dmesg
from execmem_tui.formats.procfiles import (
    Lines,
    parse_config,
    parse_kallsyms,
    parse_meminfo,
    parse_modules,
    parse_sections,
    parse_uname,
    parse_version,
)
from execmem_tui.formats.trace import parse_trace, trace_windows
from execmem_tui.formats.vmallocinfo import parse_vmallocinfo
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.sources.opening import open_path
from execmem_tui.view.plain import plain_map
from tests.packing import packed, tar_of

DATA = Path(__file__).parent / "data"
PHASE = DATA / "captures" / "armhf-6.12.107" / "1-modules"
TRACE = DATA / "traces" / "armhf-6.12.107" / "trace.txt.xz"
NASTY = (
    b"\x1b[31m", b"\x9b", b"\xc2\x9b31m", b"\x00", b"\x07", b"\r", b"\xff\xfe", "\u202e".encode(),
    b"9" * 40, b"0x" + b"f" * 40, b"-", b" ", b"\n", b"\t[", b"]\n", b"18446744073709551616",
    b"\xed\xa0\x80", b"(____ptrval____)", b"[LOST 9 EVENTS]", b"'\"\\", b"\x1c", b"\x0b",
    "\u00b2".encode(), "\u0663".encode(),
)  # fmt: skip
LOG = b"""\
[    0.000000] Linux version 6.12.107 (x@y) (arm-linux-gnueabihf-gcc) #1
[    0.000000] Kernel command line: nokaslr
[    1.000000] Modules: 23952 pages in range for non-PLT usage
[    1.000000] Modules: 515472 pages in range for PLT usage
[    2.000000] vmalloc_node_range for size 839680 failed: \
Address range restricted to 0xf1000000 - 0xf5110000
[    2.000000] modprobe: vmalloc error: size 832096, vm_struct allocation failed
[    3.000000] execmem: unable to allocate memory
"""
UNAME = b"Linux host 6.12.107+deb13-arm64 #1 SMP Debian 6.12.107-1 (2026-10-01) aarch64 GNU/Linux\n"
MANIFEST = b"""\
format = "execmem-tui-capture/1"
tool = "x"
time = "x"
machine = "armv7l"
arch = "armhf"
kernel = "6.12.107"
page_size = 4096
cpus = 1
anonymised = true
phases = ["1-modules"]
[ranges.MODULE_TEXT]
start = "0xaf000000"
end = "0xafe00000"
fallback_start = "0xe0800000"
fallback_end = "0xef800000"
provenance = "read"
[layout]
variant = "x"
kaslr = "n/a"
word_bits = 32
page_size = 4096
vmalloc_start = "0xe0800000"
vmalloc_end = "0xef800000"
[layout.symbols]
_text = "0xb0000000"
"""


def real(path: Path, lines: int) -> bytes:
    return (
        "\n".join(
            text for _, (_, text) in zip(range(lines), read_lines(path), strict=False)
        ).encode()
        + b"\n"
    )


SAMPLES = {
    **{
        name: real(PHASE / f"{name}.gz", 120)
        for name in ("vmallocinfo", "kallsyms", "modules", "sections", "meminfo")
    },
    "config.txt": real(DATA / "captures" / "armhf-6.12.107" / "config.txt", 60),
    "meta.toml": (DATA / "captures" / "armhf-6.12.107" / "meta.toml").read_bytes(),
    "trace.txt": real(TRACE, 150),
    "dmesg": LOG,
    "uname": UNAME,
    "version": b"Linux version 6.12.107 (x@y) (arm-linux-gnueabihf-gcc) #1\n",
    "manifest.toml": MANIFEST,
}


def mutated(data: bytes, random: Random) -> bytes:
    """Change a few places: flip, cut, insert, double, run lines together, swap."""
    found = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at, to = sorted((random.randrange(len(found) + 1), random.randrange(len(found) + 1)))
        match random.randrange(7):
            case 0:
                found[at : at + 1] = bytes([random.randrange(256)])
            case 1:
                del found[at : min(to, at + 200)]
            case 2:
                found[at:at] = random.choice(NASTY)
            case 3:
                found[at:at] = found[at : min(to, at + 200)]
            case 4:
                found[at:to] = found[at:to].replace(b"\n", b"", random.randint(1, 3))
            case 5:
                found[at:to] = bytes(reversed(found[at : min(to, at + 30)])) + bytes(
                    found[min(to, at + 30) : to]
                )
            case _ if random.random() < 0.3:
                del found[to:]
    return bytes(found)


def lines_of(data: bytes) -> Lines:
    return enumerate(data.decode("utf-8", "replace").split("\n"), 1)


PARSERS: dict[str, tuple[str, Callable[[Lines], object]]] = {
    "vmallocinfo": ("vmallocinfo", lambda lines: parse_vmallocinfo("f", lines)),
    "kallsyms": ("kallsyms", lambda lines: parse_kallsyms("f", lines)),
    "modules": ("modules", lambda lines: parse_modules("f", lines)),
    "sections": ("sections", lambda lines: parse_sections("f", lines)),
    "meminfo": ("meminfo", parse_meminfo),
    "config": ("config.txt", parse_config),
    "version": ("version", parse_version),
    "uname": ("uname", parse_uname),
    "trace": ("trace.txt", lambda lines: list(parse_trace("f", lines))),
    "windows": ("trace.txt", trace_windows),
    "dmesg": ("dmesg", lambda lines: findings(parse_dmesg(lines))),
    "boot lines": ("dmesg", lambda lines: decode(text for _, text in lines)),
}


@pytest.mark.parametrize("name", PARSERS)
def test_parsers_refuse_or_read(name: str) -> None:
    sample, parse = PARSERS[name]
    random = Random(name)
    for _ in range(150):
        with suppress(ExecmemTuiError):
            parse(lines_of(mutated(SAMPLES[sample], random)))


def is_clean(lines: list[str]) -> bool:
    return all(char.isprintable() for line in lines for char in line)


def shown(path: Path) -> bool:
    """Whether `path` opens; if so, nothing on its map may steer a terminal."""
    try:
        source = open_path(str(path))
    except (ExecmemTuiError, OSError) as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert is_clean(refusal.split("\n"))
        return False
    snapshot = source.history.snapshot()
    assert is_clean([source.title, *plain_map(snapshot, source.title, width=100)])
    assert is_clean(list(snapshot.layout.notes))
    event = snapshot.event
    assert event is None or is_clean([event.text])
    return True


@pytest.mark.parametrize("name", SAMPLES)
def test_a_capture_with_a_broken_file_opens_or_is_refused(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    phase = run / "1-modules"
    phase.mkdir(parents=True)
    in_phase = ("vmallocinfo", "kallsyms", "modules", "sections", "meminfo")
    for each, data in SAMPLES.items():
        ((phase if each in in_phase else run) / each).write_bytes(data)
    if name == "uname":
        (run / "version").unlink()
    if name != "manifest.toml":
        (run / "manifest.toml").unlink()
    target = (phase if name in in_phase else run) / name
    random = Random(name)
    opened = 0
    for _ in range(12):
        target.write_bytes(mutated(SAMPLES[name], random))
        opened += shown(run)
        shown(run / "trace.txt" if name == "trace.txt" else target)
    target.write_bytes(SAMPLES[name])
    assert shown(run)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.xz", "tar.zst", "tar.bz2", "zip"])
def test_a_broken_archive_is_refused_or_read(tmp_path: Path, kind: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("vmallocinfo", "modules", "sections"):
        (run / name).write_bytes(SAMPLES[name])
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
            for file in sorted(run.iterdir()):
                made.write(file, f"run/{file.name}")
        data = buffer.getvalue()
    else:
        data = packed(tar_of(run), kind.removeprefix("tar"))
    random = Random(kind)
    bundle = tmp_path / "bundle"
    refused = 0
    for number in range(80):
        bundle.write_bytes(
            mutated(data, random) if number % 4 else data[: random.randrange(len(data))]
        )
        refused += not shown(bundle)
    assert refused > 20
    bundle.write_bytes(data)
    assert shown(bundle)


def test_a_member_without_a_name_is_passed_over(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    with zipfile.ZipFile(bundle, "w") as made:
        made.writestr("QQQQ", "nothing")
        made.write(PHASE / "vmallocinfo.gz", "vmallocinfo.gz")
    # names end at their first zero
    bundle.write_bytes(bundle.read_bytes().replace(b"QQQQ", bytes(4)))
    assert open_path(str(bundle)).history.snapshot().areas


def test_captures_of_hostile_machines_can_be_anonymised(tmp_path: Path) -> None:
    random = Random(0)
    for number in range(15):
        root = tmp_path / f"{number}"
        for name in ("vmallocinfo", "kallsyms", "modules", "meminfo", "version"):
            file = root / "proc" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(mutated(SAMPLES[name], random))
        (root / "sys" / "module" / "a\x1b[31m" / "sections").mkdir(parents=True)
        (root / "sys" / "module" / "a\x1b[31m" / "sections" / ".text").write_bytes(
            b"0xbf000000\x1b[31m\nx y z\n"
        )
        bundle = tmp_path / f"{number}.tar.gz"
        with suppress(ExecmemTuiError):
            capture(bundle, proc=root / "proc", hide=True)
            shown(bundle)
            assert b"\x1b" not in gzip.decompress(bundle.read_bytes())
        shutil.rmtree(root)


@pytest.mark.parametrize(
    ("name", "data", "place"),
    [
        ("vmallocinfo", b"\x1b[31mhello\n" * 50, ":1: "),
        ("vmallocinfo", b"x" * 100_000, ":1: line too long"),
        (
            "vmallocinfo",
            gzip.compress(b"0xbf000000-0xbf002000 8192 f\n" * 5000, mtime=0)[:-9],
            "cannot be unpacked",
        ),
        (
            "trace.txt",
            b"# tracer: nop\na-1 [000] ..... 1.0: alloc_vmap_area: va_start: \x1b[31m\n",
            ":2: ",
        ),
        ("meta.toml", b"phases = [\x1b", ": "),
        ("kallsyms", b"\x9bhello\n" * 200, ":51: not a line of /proc/kallsyms"),
    ],
)
@pytest.mark.parametrize("command", [["map"], ["whatis", "bf000000"], ["verify"], []])
def test_the_command_line_names_the_place(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    data: bytes,
    place: str,
    command: list[str],
) -> None:
    for each in ("vmallocinfo", "trace.txt"):
        (tmp_path / each).write_bytes(SAMPLES[each])
    (tmp_path / name).write_bytes(data)
    if (command == ["verify"]) == (name in ("vmallocinfo", "kallsyms")):
        pytest.skip("not read by this command")
    source = tmp_path / name if name == "trace.txt" else tmp_path
    assert main([*command, str(source)]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    first, *rest = streams.err.splitlines()
    assert first.startswith(f"execmem-tui: {tmp_path / name}")
    assert place in first
    assert all(line.startswith("  ") for line in rest)
    assert is_clean(streams.err.split("\n"))

"""What is fuzzed: parsers, whole commands in process, archives, trees of /proc."""

import io
import json
import re
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

from execmem_tui.cli.main import main
from execmem_tui.files.packed import read_lines
from execmem_tui.files.user import theme_root
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.records import frozen
from execmem_tui.scenarios.reader import library, read_scenario
from execmem_tui.tui.themes import read_theme
from tests.fuzz.mutate import TOKENS, amplified, change, pumped
from tests.fuzz.parsers import bytes_case, files_case, lines_case, owners_case
from tests.fuzz.samples import TEXTS
from tests.packing import packed, tar_of
from tests.test_hostile import SAMPLES

DATA: Final = Path(__file__).parents[1] / "data"
_IN_PHASE: Final = ("vmallocinfo", "kallsyms", "modules", "sections", "meminfo")
_LIBRARY: Final = tuple(library().values())
_ADDRESSES: Final = ("bf000000", "ffffffffc0000000", "0", "ffffffffffffffff")
_KINDS: Final = ("", ".gz", ".xz", ".zst", ".bz2")


class FoundError(Exception):
    """Something that must not be. The text says what."""


@frozen
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def run(arguments: list[str], given: bytes = b"") -> Ended:
    """Run a command in this process, its streams caught; `given` is its standard input."""
    out, err = io.BytesIO(), io.BytesIO()
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(given), "utf-8")
    sys.stdout = io.TextIOWrapper(out, "utf-8", newline="\n")
    sys.stderr = io.TextIOWrapper(err, "utf-8", newline="\n")
    try:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
        sys.stderr.flush()
        return Ended(code, out.getvalue().decode(), err.getvalue().decode())
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def check(arguments: list[str], ended: Ended, allowed: tuple[int, ...] = (0, 1, 2)) -> None:
    """Refuse another exit code, anything that steers a terminal, and JSON that is none."""
    if ended.code not in allowed:
        raise FoundError(f"exit code {ended.code}: {ended.err.strip()[-600:]}")
    for name, text in (("stdout", ended.out), ("stderr", ended.err)):
        odd = next((char for char in text if char != "\n" and not char.isprintable()), None)
        if odd is not None:
            raise FoundError(f"{odd!r} on {name}")
    if ended.code == 2 and not ended.err:
        raise FoundError("exit code 2 without a word")
    if "--json" in arguments and ended.code != 2:
        json.loads(ended.out, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise FoundError(f"{name} is no JSON")


def _command(arguments: list[str]) -> None:
    check(arguments, run(arguments))


def _any_sample(random: Random) -> bytes:
    if random.random() < 0.5:
        return SAMPLES[random.choice(sorted(SAMPLES))]
    return random.choice(TEXTS[random.choice(tuple(TEXTS))])


def _file(random: Random, place: Path) -> None:
    """One file of some kind, to a command that opens anything."""
    file = place / random.choice(("vmallocinfo", "trace.txt", "x", "log", "a b\x1b[1m", "é"))
    file.write_bytes(change(_any_sample(random), random, packed=True))
    _command(_opening(random, str(file)))


def _stdin(random: Random, _: Path) -> None:
    """The same through a pipe."""
    arguments = random.choice(
        (["map", "-"], ["diagnose", "-"], ["map", "-", "--json"], ["whatis", "bf000000", "-"])
    )
    check(arguments, run(arguments, change(_any_sample(random), random, packed=True)))


def _mixed(random: Random, place: Path) -> None:
    """A file with lines of others, and one that repeats one of its own to a megabyte."""
    lines = _any_sample(random).split(b"\n")
    for _ in range(random.randint(1, 20)):
        lines[random.randrange(len(lines))] = random.choice(_any_sample(random).split(b"\n"))
    if random.random() < 0.05:
        lines += [random.choice((b"", b"#", b" ", random.choice(lines)))] * 4000
    file = place / random.choice(("vmallocinfo", "trace.txt", "x"))
    file.write_bytes(b"\n".join(lines)[: 1 << 20])
    _command(_opening(random, str(file)))


def _opening(random: Random, name: str) -> list[str]:
    json_ = random.choice(([], ["--json"]))
    return random.choice(
        (
            ["map", name, *json_],
            ["map", name, "--width", str(random.choice((-1, 1, 80, 10**9)))],
            ["map", name, "--arch", random.choice(("arm64", "x86", "armhf", "s390x"))],
            ["whatis", random.choice(_ADDRESSES), name, *json_],
            ["verify", name, *json_],
            ["verify", name, "--self-test"],
            ["diff", name, name, *json_],
            ["diagnose", name, *json_],
            ["meters", name, *random.choice(([], ["--json"], ["--csv"], ["--prometheus"]))],
            ["meters", name, "--warn", random.choice(("module.largest_hole<2M", "bpf.used>1"))],
            ["regions", name, *random.choice((json_, ["--perf-map"]))],
            ["whatis", random.choice(_ADDRESSES), name, "--history"],
            ["map", name, "--step", str(random.choice((0, 1, -1, 7, 10**12)))],
            ["map", name, "--phase", random.choice(("0-boot", "1-modules", "x\x1b[1m"))],
            ["ranges", "--dmesg", name, *json_],
            ["run", name, "--limit", "20000"],
            ["tour", name, "--notes"],
            [name],
        )
    )


def _run_folder(random: Random, place: Path) -> Path:
    """Lay out a run folder; one or two of its files are changed."""
    root = place / "run"
    phases = ("0-boot", "1-modules")[: random.randint(1, 2)]
    broken = random.sample(sorted(SAMPLES), random.randint(1, 2))
    for name, data in SAMPLES.items():
        if name == "manifest.toml" and name not in broken and random.random() < 0.7:
            continue
        content = change(data, random) if name in broken else data
        for folder in [root / phase for phase in phases] if name in _IN_PHASE else [root]:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return root


def _folder(random: Random, place: Path) -> None:
    root = _run_folder(random, place)
    arguments = _opening(random, str(root))
    if random.random() < 0.15:
        arguments = ["diff", str(root), "--phases", "0-boot", "1-modules"]
    elif random.random() < 0.15:
        arguments = ["diff", f"{root}:0-boot", str(_run_folder(random, place / "other"))]
    elif random.random() < 0.1:
        target = place / random.choice(("a.txt", "a.svg", "a.json", "a.html"))
        arguments = ["map", str(root), "--export", str(target)]
    _command(arguments)
    for made in place.glob("a.*"):
        check([], Ended(0, made.read_text("utf-8"), ""))


def _amplified(random: Random, place: Path) -> None:
    """A capture of which one or two files are one line very often: all against all costs."""
    long = random.sample((*_IN_PHASE[:4], "dmesg", "trace.txt"), random.randint(1, 2))
    root = place / "run"
    for name, data in SAMPLES.items():
        content = amplified(data, random) if name in long else data
        if name in long and random.random() < 0.5:
            content += data
        if name == "vmallocinfo" and random.random() < 0.25:
            content = _hidden(content)
        if name != "manifest.toml" and (name in long or random.random() < 0.8):
            folder = root / "0-boot" if name in _IN_PHASE else root
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    _command(_opening(random, str(root)))


def _hidden(data: bytes) -> bytes:
    """Return areas with hashes for addresses, equal ones for equal ones."""
    return re.sub(
        rb"0x[0-9a-f]{8,16}(?=[- ])", lambda found: b"0x%016x" % zlib.crc32(found[0]), data
    )


def _pumped(random: Random, place: Path) -> None:
    """A line with one character as often as fits, to a command that opens anything."""
    file = place / random.choice(("vmallocinfo", "trace.txt", "x", "log"))
    file.write_bytes(pumped(_any_sample(random), random))
    _command(_opening(random, str(file)))


def _archive(random: Random, place: Path) -> None:
    root = _run_folder(random, place)
    kind = random.choice((*_KINDS, ".zip"))
    data = _zip(root, random) if kind == ".zip" else packed(_tar(root, random), kind)
    if random.random() < 0.7:
        data = change(data, random)
    bundle = place / "bundle"
    bundle.write_bytes(data)
    name = str(bundle) + random.choice(("", "", "", "/run", "/run/trace.txt", "/../x"))
    _command(_opening(random, name))


def _tar(root: Path, random: Random) -> bytes:
    if random.random() < 0.5:
        return tar_of(root)
    buffer = io.BytesIO()
    kind = random.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as tar:
        for file in sorted(each for each in root.rglob("*") if each.is_file()):
            info = tarfile.TarInfo(
                random.choice(("run/", "/", "../", "r" * 120 + "/", "")) + file.name
            )
            info.size = file.stat().st_size
            info.type = random.choice((tarfile.REGTYPE,) * 9 + (tarfile.SYMTYPE, tarfile.LNKTYPE))
            info.linkname = "/etc/passwd"
            if random.random() < 0.2:
                info.pax_headers = {"comment": "x" * random.choice((1, 500, 9000))}
            tar.addfile(info, io.BytesIO(file.read_bytes()))
    return buffer.getvalue()


def _zip(root: Path, random: Random) -> bytes:
    buffer = io.BytesIO()
    packing = random.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(buffer, "w", packing) as made:
        for file in sorted(each for each in root.rglob("*") if each.is_file()):
            made.write(file, str(file.relative_to(root.parent)))
    data = buffer.getvalue()
    # names end at their first zero, so that these have none
    return data.replace(b"run/", b"\0un/") if random.random() < 0.1 else data


def _scenario(random: Random, place: Path) -> None:
    data = change(random.choice(_LIBRARY).read_bytes(), random)
    if random.random() < 0.5:
        with suppress(ExecmemTuiError):
            read_scenario(data, "case.toml", "case")
        return
    file = place / "case.toml"
    file.write_bytes(data)
    limit = ["--limit", "30000"]
    _command(
        random.choice(
            (
                ["run", str(file), *limit],
                ["run", str(file), "--json", *limit],
                ["run", str(file), "--against", "rox_cache=on", *limit],
                ["run", str(file), "--seeds", "1..3", "--jobs", "1", *limit],
            )
        )
    )


def _theme(random: Random, place: Path) -> None:
    file = place / "a.toml"
    file.write_bytes(
        change(random.choice(sorted(theme_root().glob("*.toml"))).read_bytes(), random)
    )
    with suppress(ExecmemTuiError):
        name = read_theme(file).theme.name
        if not name.isprintable():
            raise FoundError(f"theme {name!r}")


def _opscript(random: Random, place: Path) -> None:
    source = random.choice(sorted((DATA / "vectors").glob("*.jsonl*")))
    data = b"".join(
        line.encode() + b"\n" for _, (_, line) in zip(range(400), read_lines(source), strict=False)
    )
    file = place / "script.jsonl"
    file.write_bytes(change(data, random))
    _command(["verify", str(file), *random.choice(([], ["--json"]))])


def _tree(random: Random, place: Path) -> None:
    """A /proc of another machine, captured, perhaps hidden, and looked at."""
    proc = place / "proc"
    broken = random.sample(sorted(SAMPLES), random.randint(1, 3))
    for name in (*_IN_PHASE, "version", "kcore", "iomem", "cmdline", "config"):
        data = SAMPLES.get(name, b"\x7fELF\x02\x01" + bytes(80))
        file = proc / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(change(data, random) if name in broken or name == "kcore" else data)
    bundle = place / "out.tar"
    arguments = ["capture", "--proc", str(proc), "-o", str(bundle)]
    arguments += random.choice(([], ["--anonymise"], ["--json"]))
    _command(arguments)
    if bundle.exists():
        _command(_opening(random, str(bundle)))


def _arguments(random: Random, _: Path) -> None:
    """Senseless words on the command line."""
    words = [
        "--json",
        "--arch",
        "x86",
        "--kernel",
        "6.12",
        "--kaslr",
        "--set",
        "--step",
        "--cpus",
        "-",
        "live/x",
    ]
    odd = [token.decode("utf-8", "replace").replace("\0", "") for token in TOKENS]
    command = random.choice(("map", "ranges", "whatis", "keys", "scenarios", "diff", "run"))
    chosen = [random.choice((*words, *odd[:40])) for _ in range(random.randint(1, 4))]
    arguments = [command, *(word for word in chosen if word != "-")]
    ended = run(arguments)
    check([word for word in arguments if word != "--json"], ended)


CASES: Final[dict[str, tuple[int, Callable[[Random, Path], None]]]] = {
    "lines": (60, lines_case),
    "bytes": (20, bytes_case),
    "files": (20, files_case),
    "owners": (8, owners_case),
    "file": (25, _file),
    "stdin": (3, _stdin),
    "mixed": (6, _mixed),
    "folder": (4, _folder),
    "archive": (4, _archive),
    "amplified": (1, _amplified),
    "pumped": (3, _pumped),
    "scenario": (6, _scenario),
    "opscript": (6, _opscript),
    "tree": (1, _tree),
    "theme": (4, _theme),
    "arguments": (8, _arguments),
}
"""Name: how often, and what. What costs most per case comes least often."""

"""A capture told in other words says the same, and with less of
it less is said, never anything else."""

import gzip
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest

from execmem_tui.files.packed import read_lines
from execmem_tui.model.areas import Area
from execmem_tui.model.ranges import ExecmemType, Provenance
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.opening import open_path
from execmem_tui.view.plain import plain_map

CAPTURES: Final = Path(__file__).parents[1] / "data" / "captures"
PHASES: Final = (
    "amd64-7.2.13-kaslr/1-modules",
    "amd64-7.2.13-kaslr/4a-bpf-200",
    "arm64-7.2.13-nokaslr/1-modules",
    "armhf-6.12.107/5-churn4",
    "i386-6.1/4a-bpf-200",
    "loong64-7.2.13/4c-bpf-more",
    "mips64el-6.12.95/1-modules",
)
_TRUTH: Final = ("truth", "owners")
Files = dict[str, bytes]


def _files(name: str) -> Files:
    """Return the files of a phase, and those that lie beside it, unpacked."""
    phase = CAPTURES / name
    found = {}
    for file in (*phase.iterdir(), *(each for each in phase.parent.iterdir() if each.is_file())):
        plain = file.name.removesuffix(".gz").removesuffix(".xz")
        if plain not in _TRUTH:
            text = "".join(line + "\n" for _, line in read_lines(file))
            found[plain if file.parent != phase else f"p/{plain}"] = text.encode()
    return found


def _opened(files: Files, place: Path) -> Snapshot:
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return open_path(str(place), phase="p").history.snapshot()


def _shuffled(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    Random(5).shuffle(lines)
    return b"".join(lines)


_WAYS: Final[dict[str, Callable[[str, bytes], bytes]]] = {
    "crlf": lambda _, data: data.replace(b"\n", b"\r\n"),
    "no last newline": lambda _, data: data.rstrip(b"\n"),
    "empty lines": lambda _, data: data + b"\n\n\n",
    "byte order mark": lambda name, data: data if name.endswith("toml") else b"\xef\xbb\xbf" + data,
    "packed": lambda name, data: data if name.endswith("toml") else gzip.compress(data, mtime=0),
    "shuffled": lambda name, data: (
        _shuffled(data) if name in {"p/modules", "p/sections", "p/kallsyms", "config.txt"} else data
    ),
}


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("name", PHASES)
def test_the_same_in_other_words(tmp_path: Path, name: str, way: str) -> None:
    files = _files(name)
    there = _opened(files, tmp_path / "a")
    told = _opened({each: _WAYS[way](each, data) for each, data in files.items()}, tmp_path / "b")
    assert told.layout == there.layout
    assert [_named(area) for area in told.areas] == [_named(area) for area in there.areas]


def _named(area: Area) -> tuple[object, ...]:
    return area.start, area.end, area.type, area.owner, area.region, area.state, area.inside


@pytest.mark.parametrize(
    "gone",
    [
        ("kallsyms",), ("sections",), ("modules",), ("meminfo",), ("version",), ("config.txt",),
        ("meta.toml",), ("kallsyms", "sections"), ("modules", "sections"), ("kallsyms", "modules"),
        ("kallsyms", "modules", "sections"), ("version", "meta.toml", "config.txt", "kallsyms"),
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("name", PHASES)
def test_with_less_nothing_else_is_said(tmp_path: Path, name: str, gone: tuple[str, ...]) -> None:
    files = _files(name)
    whole = _opened(files, tmp_path / "a")
    kept = {each: data for each, data in files.items() if each.removeprefix("p/") not in gone}
    less = _opened(kept, tmp_path / "b")
    assert less.layout.arch in (whole.layout.arch, "unknown")
    for kind in ExecmemType:
        known, said = whole.layout.range_of(kind), less.layout.range_of(kind)
        if said.provenance in (Provenance.DERIVED, Provenance.READ):
            assert said.windows == known.windows, kind
    for area in less.areas:
        before = whole.area_at(area.start)
        assert before is not None, area
        if area.region is not None:
            assert (area.owner, area.region) == (before.owner, before.region)
        if area.owner is not None and before.region is not None and area.size:
            assert area.owner in (before.owner, "ROX cache"), area


def test_data_of_unknown_owners_are_no_text_where_text_is_cached(tmp_path: Path) -> None:
    """A lone /proc/vmallocinfo of x86-64 counted 412 texts, all direct, in 12 blocks of the
    cache."""
    files = _files("amd64-7.2.13-kaslr/1-modules")
    whole = _opened(files, tmp_path / "a")
    less = _opened({n: d for n, d in files.items() if n != "p/sections"}, tmp_path / "b")
    told = [line for line in plain_map(whole, "x") if "direct" in line or "ROX BLOCKS" in line]
    assert [
        line for line in plain_map(less, "x") if "direct" in line or "ROX BLOCKS" in line
    ] == told
    data = less.area_at(0xFFFFFFFFC044A100)
    assert data is not None
    assert (data.type, data.owner, data.region) == (ExecmemType.MODULE_DATA, None, None)
    assert (
        data.detail == "module memory of an unknown owner: data, or a small block of the ROX cache"
    )


def test_what_may_be_data_is_not_counted_as_text_without_a_word(tmp_path: Path) -> None:
    files = _files("arm64-7.2.13-nokaslr/1-modules")
    bare = {n: d for n, d in files.items() if n not in {"p/sections", "p/modules", "p/kallsyms"}}
    shown = "\n".join(plain_map(_opened(bare, tmp_path), "x"))
    assert "of these may be data: no file names their regions" in shown.replace("\n  ", " ")
    whole = "\n".join(plain_map(_opened(files, tmp_path / "a"), "x"))
    assert "may be data" not in whole


def test_no_version_tells_of_no_cache(tmp_path: Path) -> None:
    """Before 6.15 text of modules is asked for as data is."""
    line = "0xffffffffc0005000-0xffffffffc000a000   20480 execmem_alloc+0x1/0x2 pages=4 vmalloc\n"
    (tmp_path / "vmallocinfo").write_text(line)
    area = open_path(str(tmp_path / "vmallocinfo")).history.snapshot().area_at(0xFFFFFFFFC0005000)
    assert area is not None
    assert area.type is ExecmemType.MODULE_TEXT
    assert area.detail == "module memory of an unknown owner, text or data"


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        ("7.2.13", ExecmemType.MODULE_DATA),
        ("6.12.107", ExecmemType.MODULE_TEXT),
        ("", ExecmemType.MODULE_TEXT),
    ],
)
def test_a_trace_asks_for_data_where_text_is_cached(
    tmp_path: Path, kernel: str, kind: ExecmemType
) -> None:
    (tmp_path / "trace.txt").write_text(
        "# tracer: nop\n#\n  insmod-1 [000] ..... 1.0: alloc_vmap_area: va_start:"
        f" {0xFFFFFFFFC0005000} size=20480 align=4096 vstart=0xffffffffc0005000"
        " vend=0xffffffffff000000 failed=0\n"
    )
    told = f'kernel = "{kernel}"\n' if kernel else ""
    (tmp_path / "meta.toml").write_text(f'arch = "amd64"\n{told}')
    history = open_path(str(tmp_path / "trace.txt")).history
    area = history.snapshot().area_at(0xFFFFFFFFC0005000)
    assert area is not None
    assert (area.type, area.owner) == (kind, None)

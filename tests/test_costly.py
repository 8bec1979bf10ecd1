"""Small files that cost very much where each thing in them is held against each other.

Every one took more than the fuzzer's ten seconds of CPU, some of them hours; now hardly one.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from execmem_tui.arch import resolve
from execmem_tui.bundles.harmless import _NUMBER, _PLT
from execmem_tui.files.packed import MAX_LINE
from execmem_tui.formats.failure_log import parse_failures
from execmem_tui.formats.procfiles import parse_uname
from execmem_tui.formats.trace_parser import _LOST
from execmem_tui.formats.vmallocinfo import parse_vmallocinfo
from execmem_tui.machines.log import standard_layouts, usual_layout
from execmem_tui.machines.vmap_nodes import vmap_nodes
from execmem_tui.model.layouts import Layout
from execmem_tui.scenarios.lines import Lines
from tests.fuzz.__main__ import limited
from tests.fuzz.cases import check, run

AREA = "0xffffffffc0000000-0xffffffffc0005000   20480 move_module+0x2c0/0x8d0 pages=4 vmalloc\n"
VERSION = "Linux version 6.12.107 (x@y) (gcc) #1 SMP\n"
BASE = 0xFFFF_FFFF_C000_0000
END = "ffffc90004e20000"
SCRIPT = {
    "format": "vmalloc-vectors/1", "kernel": "7.1.8", "page_size": 4096, "nr_cpus_config": 8,
    "possible_cpus": 4, "online_cpus": 4, "vmalloc_start": "ffffc90000000000", "vmalloc_end": END,
    "early_areas": [], "windows": [["ffffc90000000000", END]],
}  # fmt: skip


def opened(place: Path, files: dict[str, str], *words: str, code: int = 0) -> str:
    """Lay the files down, run a command on their folder; return what it says."""
    for name, text in files.items():
        (place / name).write_text(text)
    command, *options = words or ("map",)
    arguments = [command, str(place), *options]
    with limited():
        ended = run(arguments)
    check(arguments, ended)
    assert ended.code == code, ended.err
    return ended.out + ended.err


def test_blanks_behind_a_prompt(tmp_path: Path) -> None:
    file = tmp_path / "pasted"
    file.write_text(f"{AREA}x$ cat{' ' * (MAX_LINE - 100)}x\n")
    with limited():
        assert run(["map", str(file)]).code == 0


def test_digits_in_a_machine_s_name() -> None:
    with limited():
        told = parse_uname([(1, f"Linux h 6.1.0 #1 a{'1' * (MAX_LINE - 100)}! aarch64")])
    assert told == ("6.1.0", "aarch64")


@pytest.mark.parametrize(
    "text",
    [
        "kernel/module_64.c:{}",
        "PID: 1 Comm: a PID: 1 Comm: a PID: 1 Comm: a {}",
        "jump offset = 0xf overflow jump offset = 0xf overflow ({}",
    ],
)
def test_digits_in_a_log(text: str) -> None:
    line = text.format("1" * (MAX_LINE - 100))
    with limited():
        assert list(parse_failures([(number, line) for number in range(1, 101)])) == []


def test_blanks_in_the_head_of_a_table() -> None:
    """A scenario or a tour of one line may have a megabyte."""
    with limited():
        lines = Lines(f"[a{' ' * 400_000}\n[[ steps ]] # x\nsize = 1")
    assert lines.find(("steps", 0, "size")) == 3


def test_losses_without_a_number() -> None:
    text = "PERF_RECORD_LOST) " * 450
    found = _LOST.search(f"{text}lost 7")
    assert found is not None
    assert found[2] == "7"
    with limited():
        assert not any(_LOST.search(text) for _ in range(500))


def test_a_list_of_one_area_fits_any_count_of_nodes() -> None:
    line = (1, AREA.strip())
    [entry] = parse_vmallocinfo("f", [line]).entries
    with limited():
        assert vmap_nodes([[entry] * 600_000], 4096) is None


def test_digits_where_a_bundle_is_anonymised() -> None:
    """A line of the longest kind that is looked at; a file has many."""
    line = "4" * 4000
    with limited():
        assert not any(_NUMBER.fullmatch(f"{line}!") for _ in range(200))
        assert not any(_PLT.search(line) for _ in range(2000))
    for kept in (
        "MemTotal:  5 kB",
        "a 12 kB",
        "# cpu0",
        "overrun: 7",
        "net/core (x): 1.5",
        "a: kB",
    ):
        assert _NUMBER.fullmatch(kept)


def test_a_text_of_two_bytes_each_without_an_end(tmp_path: Path) -> None:
    """U+0A05 has a byte that ends lines elsewhere."""
    file = tmp_path / "x"
    file.write_bytes(b"\xff\xfe" + (b"\x05\x0a" + b"a\0" * 15) * 600_000)
    with limited():
        assert "line too long" in run(["map", str(file)]).err


def test_areas_that_overlap(tmp_path: Path) -> None:
    """Every symbol lies in every area."""
    count = 20_000
    areas = (
        f"{start:#x}-{start + (768 << 20):#x} {768 << 20} move_module+0x2/0x8 pages=4 vmalloc\n"
        for start in range(BASE, BASE + count * 4096, 4096)
    )
    symbols = (f"{BASE + (64 << 20) + at * 64:x} t f{at}\t[m{at % 50}]\n" for at in range(count))
    files = {"vmallocinfo": "".join(areas), "version": VERSION, "kallsyms": "".join(symbols)}
    assert "x86 · 6.12.107" in opened(tmp_path, files)


def _hashed(chains: Iterable[int], size: int) -> str:
    """Areas of one size in chains, the addresses hidden."""
    lines = []
    for number, length in enumerate(chains):
        for at in range(length):
            start = 0x1000_0000 + number * 0x1_0000 + at
            lines.append(f"{start:#018x}-{start + 1:#018x} {size} load_module+0x1/0x2 vmalloc\n")
    return "".join(lines)


@pytest.mark.parametrize("length", [1, 4])
def test_hidden_areas_against_sections(
    tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each area is as long as any two sections are apart."""
    monkeypatch.setattr("execmem_tui.owners.hashed._MOST_PAIRS", 1 << 18)
    count = 12_000
    sections = "".join(f"m{at} .text {BASE + at * 8192:#x}\n" for at in range(count))
    info = _hashed([length] * (count // length), 8192)
    files = {"vmallocinfo": info, "sections": sections, "version": VERSION}
    assert "hidden: " in opened(tmp_path, files)


def test_hidden_areas_against_modules(tmp_path: Path) -> None:
    """Each may be any module's: before 6.4 a module was one area."""
    count = 1200
    modules = "".join(f"m{at} 4096 0 - Live {BASE + at * 8192:#x}\n" for at in range(count))
    version = VERSION.replace("6.12.107", "6.1.0")
    files = {"vmallocinfo": _hashed([1] * count, 8192), "modules": modules, "version": version}
    assert "hidden: " in opened(tmp_path, files)


def _script(place: Path, *rows: Iterable[object], end: str = END) -> str:
    file = place / "x.jsonl"
    head = SCRIPT | {"vmalloc_end": end, "windows": [[SCRIPT["vmalloc_start"], end]]}
    file.write_text("".join(json.dumps(row) + "\n" for row in (head, *rows)))
    with limited():
        ended = run(["verify", str(file)])
    check([], ended)
    return ended.err


TOO_MANY = "more than 20,000 pieces of memory to look at"
HOLES = [["area", at, 4096, 8192, 0, None] for at in range(100)]


@pytest.fixture
def few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five millions take some seconds."""
    monkeypatch.setattr("execmem_tui.analysis.op_machine._MOST_LOOKS", 20_000)


@pytest.mark.usefixtures("few_looks")
def test_an_op_script_that_lists_free_memory_again_and_again(tmp_path: Path) -> None:
    assert TOO_MANY in _script(tmp_path, *HOLES, *[["free_list", 1, "x"]] * 200)
    assert TOO_MANY not in _script(tmp_path, *HOLES, *[["free_list", 1, "x"]] * 100)


@pytest.mark.usefixtures("few_looks")
def test_an_op_script_that_lists_the_cache_again_and_again(tmp_path: Path) -> None:
    block = ["range", 0, "ffffc90000000000", END, "0", "0", 4096, True]
    cached = [["exec_alloc", at, 0, 4096, None] for at in range(500)]
    freed = [["exec_free", at, 0] for at in range(0, 500, 2)]
    assert TOO_MANY in _script(tmp_path, block, *cached, *freed, *[["cache", 0, 0]] * 60)
    assert TOO_MANY not in _script(tmp_path, block, *cached, *freed, *[["cache", 0, 0]] * 20)


@pytest.mark.usefixtures("few_looks")
def test_an_op_script_whose_groups_fit_nowhere(tmp_path: Path) -> None:
    """Every hole is a page, and the room behind all of them is taken."""
    end = "ffffc90004000000"
    rest = ["area", 10_000, (64 << 20) - 100 * 8192, 4096, 0, None]
    groups = [0, 16384], [8192, 8192]
    rows = [["percpu", at, 4096, *groups, None] for at in range(20_000, 20_300)]
    assert TOO_MANY in _script(tmp_path, *HOLES, rest, *rows, end=end)
    assert TOO_MANY not in _script(tmp_path, *HOLES, rest, *rows[:20], end=end)


@pytest.mark.usefixtures("few_looks")
def test_an_op_script_whose_alignments_no_hole_has(tmp_path: Path) -> None:
    """Of the many holes, which are a list after a purge, all are large enough."""
    purge = ["purge", "drain", 0, 0]
    rows = [["area", at, 4096, 8192, 0, None] for at in range(1000, 1300)]
    assert TOO_MANY in _script(tmp_path, *rows, purge, *rows)
    assert TOO_MANY not in _script(tmp_path, *rows[:150], purge)


def test_a_log_of_many_failures_with_a_range_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each of them the layouts of all architectures were computed."""
    computed: list[tuple[object, ...]] = []

    def counted(*words: object) -> Layout:
        computed.append(words)
        return resolve(*words)  # type: ignore[arg-type]

    monkeypatch.setattr("execmem_tui.machines.log.resolve", counted)
    standard_layouts.cache_clear()
    usual_layout.cache_clear()
    lines = [
        f"vmalloc_node_range for size 8192 failed: Address range restricted to"
        f" {BASE + at * 4096:#x} - {BASE + 0x800_0000:#x}\n"
        for at in range(300)
    ]
    (tmp_path / "dmesg").write_text("".join(lines))
    found = run(["diagnose", str(tmp_path / "dmesg"), "--json"])
    assert len(json.loads(found.out)["findings"]) == 300
    assert 12 < len(computed) == len(set(computed)) < 100

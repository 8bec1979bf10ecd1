"""What is shown to strangers: distances and owners stay, addresses, hosts and files do not."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.bundles.anonymise import anonymise
from execmem_tui.bundles.harmless import Words
from execmem_tui.bundles.manifest import read_manifest
from execmem_tui.bundles.reader import locate, on_disk
from execmem_tui.bundles.record import capture
from execmem_tui.bundles.shifting import UNIT, fixed_address
from execmem_tui.cli.main import main
from execmem_tui.cli.whatis_document import whatis_document
from execmem_tui.files.archive import members
from execmem_tui.model import documents
from execmem_tui.model.errors import UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.sources.opening import open_path
from tests.bundles.machines import (
    CAPTURES,
    DATA,
    HOST,
    MACHINES,
    Recorded,
    alloc,
    areas,
    member,
    text_of,
    tree,
)


def originals(text: str) -> set[int]:
    return {int(word, 16) for word in re.findall(r"\b[0-9a-f]{8,16}\b", text)} - {0}


@pytest.mark.parametrize("run", MACHINES)
def test_an_anonymised_bundle_keeps_distances_and_owners_and_nothing_else(
    tmp_path: Path, run: str
) -> None:
    proc = tree(tmp_path, run)
    plain, hidden = tmp_path / "plain.tar", tmp_path / "hidden.tar.zst"
    capture(plain, proc=proc)
    manifest = capture(hidden, proc=proc, hide=True, keep_layout=True)
    true, shifted = (open_path(str(path)).history.snapshot() for path in (plain, hidden))
    delta = shifted.areas[0].start - true.areas[0].start
    assert delta
    assert delta % UNIT[true.layout.word_bits] == 0
    assert delta // UNIT[true.layout.word_bits] % manifest.cpus == 0
    assert len(true.areas) == len(shifted.areas)
    for one, other in zip(true.areas, shifted.areas, strict=True):
        assert other.start - one.start == delta
        assert (one.size, one.owner, one.region, one.type, one.window) == (
            other.size, other.owner, other.region, other.type, other.window
        )  # fmt: skip
    assert_same_layout(true.layout, shifted.layout, delta)
    for area in true.areas[::17]:
        mine, theirs = (
            documents.plain(whatis_document(true, area.start)),
            documents.plain(whatis_document(shifted, area.start + delta)),
        )
        for key in ("owner", "region", "type", "window", "distance", "reach"):
            assert mine[key] == theirs[key]
    forbidden = originals(
        "".join(text_of(proc, name) for name in ("vmallocinfo", "kallsyms", "modules"))
    )
    forbidden = {
        address
        for address in forbidden
        if address > (1 << 63 if true.layout.word_bits == 64 else 0xA000_0000)
    }
    seen = ""
    for parts, chunks in members(hidden, lambda _parts, _regular: True):
        text = b"".join(chunks).decode()
        assert HOST not in text, parts
        if parts[-1] != "manifest.toml":
            assert not originals(text) & forbidden, parts
        assert not {f"{address:x}" for address in forbidden} & set(
            re.findall(r"[0-9a-f]+", text)
        ), parts
        assert "/home" not in text
        assert "10.0.0.1" not in text
        seen += text
    assert str(delta) not in seen
    assert f"{abs(delta):x}" not in seen


def assert_same_layout(true: Layout, shifted: Layout, delta: int) -> None:
    for name in ("id", "arch", "variant", "kaslr", "page_size", "word_bits"):
        assert getattr(true, name) == getattr(shifted, name), name
    assert (
        shifted.vmalloc_start - true.vmalloc_start
        == shifted.vmalloc_end - true.vmalloc_end
        == delta
    )
    assert {name: address + delta for name, address in true.symbols.items()} == shifted.symbols
    for kind, entry in true.types.items():
        other = shifted.types[kind]
        assert (entry.start + delta, entry.end + delta) == (other.start, other.end)
        assert entry.has_fallback == other.has_fallback
        if entry.has_fallback:
            assert (entry.fallback_start + delta, entry.fallback_end + delta) == (
                other.fallback_start,
                other.fallback_end,
            )
        assert entry.provenance is other.provenance
    assert any("anonymised" in note for note in shifted.notes)


def replayed(tmp_path: Path, run: str, prepare: Callable[[Path], None]) -> dict[str, object]:
    """Return what verify says of a trace of real events after `prepare` changed its run folder."""
    source = DATA / "traces" / run
    folder = tmp_path / run
    for file in sorted(each for each in source.rglob("*") if each.is_file()):
        target = folder / file.relative_to(source).with_suffix(
            "" if file.suffix == ".xz" else file.suffix
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        # an anonymised trace keeps the markers of snapshots, no others
        target.write_text(
            text_of(file.parent, file.name.removesuffix(".xz")).replace(
                "lab: snapshot ", "snapshot "
            )
        )
    prepare(folder)
    document = verify_trace(folder).document()
    return {
        key: document[key]
        for key in ("checked", "exact", "certain_exact", "classes", "purges", "begins")
    }


@pytest.mark.parametrize("run", ["amd64-7.2.13-kaslr", "armhf-6.12.107"])
def test_a_shifted_trace_replays_to_the_same_figures(tmp_path: Path, run: str) -> None:
    def hide(folder: Path) -> None:
        for file in folder.rglob("vmallocinfo"):
            file.write_text(file.read_text())
        anonymise(folder, None, "7.2", cpus=1, hosts=[HOST], draw=lambda below: below // 3)
        text = (folder / "trace.txt").read_text()
        assert "lab: " not in text

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = replayed(tmp_path / "a", run, lambda _: None)
    assert replayed(tmp_path / "b", run, hide) == before


def test_a_harmless_argument_with_a_telling_value_is_left_out(tmp_path: Path) -> None:
    """A name on the list says nothing of what an owner wrote behind it: a path, a user, a
    password."""
    given = (
        "loglevel=4 mem=user@secret vmalloc=64M trace_event=/home/me/events kasan=a;b rodata=$(id)"
        " ftrace=\xe9 nokaslr trace_clock=global BOOT_IMAGE=/boot/me"
    )
    (tmp_path / "cmdline").write_text(given)
    anonymise(tmp_path, None, "7.1", cpus=1, hosts=())
    assert (
        tmp_path / "cmdline"
    ).read_text() == "loglevel=4 vmalloc=64M nokaslr trace_clock=global\n"


def test_addresses_that_fill_everything_cannot_be_shifted(tmp_path: Path) -> None:
    (tmp_path / "kallsyms").write_text("01000000 t a\nffff0000 t b\n")
    with pytest.raises(UsageError, match="cannot be shifted"):
        anonymise(tmp_path, None, "6.1", cpus=1, hosts=[])


def test_a_shifted_trace_beside_hidden_addresses_keeps_its_windows(tmp_path: Path) -> None:
    proc = tree(tmp_path, "armhf-6.12.107")
    (proc / "vmallocinfo").write_text(text_of(CAPTURES / "zeroed", "vmallocinfo"))
    instance = Recorded(tmp_path / "instance")
    more = iter(
        [
            alloc(50, 0xBF000000).replace("sh-1", f"{HOST}/0-1"),
            alloc(51, 0).replace("failed=0", "failed=1 at 0xbf000000"),
        ]
    )
    instance.close = lambda: None  # type: ignore[method-assign]
    read = instance.read
    instance.read = lambda: read() + list(more)  # type: ignore[method-assign]
    made: Any = instance
    capture(
        tmp_path / "a.tar",
        proc=proc,
        seconds=0,
        hide=True,
        keep_layout=True,
        start_trace=lambda: made,
    )
    source = open_path(str(tmp_path / "a.tar" / "a" / "trace.txt"))
    snapshot = source.history.snapshot()
    assert any("anonymised" in note for note in snapshot.layout.notes)
    (area,) = snapshot.areas
    assert area.start != 0xBF000000
    (line,) = [
        text for text in member(tmp_path / "a.tar", "a/trace.txt").splitlines() if "alloc" in text
    ]
    assert line.split()[0] == "task-1"
    assert area.window is Window.PREFERRED


def test_without_its_edges_a_hidden_layout_still_shows_who_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proc = tree(tmp_path, "arm64-7.2.13-nokaslr")
    plain, hidden = tmp_path / "plain.tar", tmp_path / "hidden.tar"
    capture(plain, proc=proc)
    assert main(["capture", "--anonymise", "--proc", str(proc), "-o", str(hidden)]) == 0
    err = capsys.readouterr().err
    assert "hidden from a glance only: the vmalloc and module areas of arm64" in err
    assert "without layout: left out" in err
    with on_disk(hidden) as folder:
        manifest = read_manifest(locate(folder))
    assert manifest is not None
    assert manifest.ranges == {}
    assert manifest.layout is not None
    assert (manifest.layout.vmalloc_start, manifest.layout.vmalloc_end) == (0, 0)
    assert (manifest.layout.modules_vaddr, manifest.layout.reach) == (None, {})
    true, shifted = (open_path(str(path)).history.snapshot() for path in (plain, hidden))
    assert [(one.size, one.owner) for one in true.areas] == [
        (other.size, other.owner) for other in shifted.areas
    ]
    assert not any(entry.end for entry in shifted.layout.types.values())
    assert main(["map", str(hidden)]) == 0
    assert "range unknown" in capsys.readouterr().out
    assert (
        main(["capture", "--keep-layout", "--proc", str(proc), "-o", str(tmp_path / "x.tar")]) == 2
    )


@pytest.mark.parametrize(
    "line",
    [
        "0x0000000000001000-0x0000000000003000    8192 somebody+0x1/0x2 vmalloc",
        "0x00007fff00000000-0x00007fff00002000    8192 somebody+0x1/0x2 vmalloc",
    ],
)
def test_one_foreign_line_is_left_out_and_counted(tmp_path: Path, line: str) -> None:
    proc = tree(tmp_path, "arm64-7.2.13-nokaslr")
    with (proc / "vmallocinfo").open("a") as file:
        file.write(line + "\n")
    manifest = capture(tmp_path / "hidden.tar", proc=proc, hide=True)
    assert [each.why for each in manifest.missing if each.name == "1 line"] == [
        "left out: an address where no other lies"
    ]
    shown = areas(tmp_path / "hidden.tar")
    assert len(shown) == len(areas(proc / "vmallocinfo")) - 1
    assert not any((area.caller or "").startswith("somebody") for area in shown)


def test_a_reach_that_is_shifted_out_of_all_address_space_is_left_out(tmp_path: Path) -> None:
    """Of a machine whose lines all lie in the lower half, while its architecture's are high."""
    proc = tree(tmp_path, "amd64-7.2.13-kaslr")
    lines = "".join(
        f"0x{at:016x}-0x{at + 0x2000:016x} 8192 load_module+0x1/0x2 pages=1\n"
        for at in range(1 << 40, (1 << 40) + 0x40000, 0x4000)
    )
    (proc / "vmallocinfo").write_text(lines)
    for name in ("kallsyms", "modules", "sections"):
        (proc / name).unlink(missing_ok=True)
    shutil.rmtree(proc.parent / "sys" / "module", ignore_errors=True)
    hidden = tmp_path / "hidden.tar"
    for _ in range(4):  # the constant is drawn
        capture(hidden, proc=proc, hide=True, keep_layout=True)
        assert len(areas(hidden)) == 16
        hidden.unlink()


def test_hosts_go_out_of_words_and_tasks_of_ones_own_are_forgotten() -> None:
    words = Words(("buildhost", "ab"))
    assert (
        words.scrub("Linux 7.1-mybuildhost2 on BUILDHOST ab cab")
        == "Linux 7.1-myhost2 on host host cab"
    )
    assert words.scrub("(me@somewhere) (gcc)") == "(user@host) (gcc)"
    known = ("kworker/u8:3", "modprobe", "rcuop/0", "rcu_preempt", "(udev-worker)", "swapper/0")
    assert [words.task(each) for each in known] == list(known)
    assert words.task("kworker/0:1-wg-crypt-home") == "kworker/0:1"
    own = ("payroll", "rcu_payroll", "perf/home", "kworker/R-wg-cr", "swapper/home", "modprobe2")
    assert [words.task(each) for each in own] == ["task"] * len(own)


def test_a_host_of_four_letters_goes_out_of_words_a_shorter_one_where_it_stands_alone() -> None:
    assert Words(("web1",)).scrub("6.1-myweb1x web1") == "6.1-myhostx host"
    assert Words(("web",)).scrub("6.1-mywebx web cobweb web_1") == "6.1-mywebx host cobweb web_1"


def test_only_the_events_that_are_known_are_kept_and_only_in_their_form(tmp_path: Path) -> None:
    """Of an event the name says what its text may be; a marker's is anybody's."""
    head = "  modprobe-7 [000] ..... 5.000001: "
    free = "va_start=0xffffc90000000000 nr_lazy=1 nr_lazy_max=2"
    purge = "start=0xffffc90000000000 end=0xffffc90000001000 num_purged=1"
    got = (
        "va_start: 18446683600570023936 size=4096 align=1 vstart=0xffffc90000000000"
        " vend=0xffffe8ffffffffff failed=0"
    )
    kept = [
        f"alloc_vmap_area: {got}", f"free_vmap_area_noflush: {free}",
        f"purge_vmap_area_lazy: {purge}", "tracing_mark_write: snapshot 0-begin end",
    ]  # fmt: skip
    dropped = [
        f"other: {got}", f"other: {free}", f"other: {purge}", f"alloc_vmap_area: {free}",
        f"free_vmap_area_noflush: {free} of me", f"purge_vmap_area_lazy: {free}",
        "tracing_mark_write: secret", "module_put: a b c", "other: snapshot 0-begin end",
    ]  # fmt: skip
    (tmp_path / "trace.txt").write_text("".join(f"{head}{each}\n" for each in (*kept, *dropped)))
    anonymise(tmp_path, None, "7.1", cpus=1, hosts=())
    lines = (tmp_path / "trace.txt").read_text().splitlines()
    names = [line.partition("0001: ")[2].partition(":")[0] for line in lines]
    assert names == [each.partition(":")[0] for each in kept]
    assert "c900" not in "".join(lines)
    assert str(0xFFFF_C900_0000_0000) not in "".join(lines)


@pytest.mark.parametrize(("letters", "kept"), [(4096, 1), (4097, 0)])
def test_a_line_that_no_kernel_prints_is_left_out(tmp_path: Path, letters: int, kept: int) -> None:
    line = "MemTotal: 5 kB"
    (tmp_path / "meminfo").write_text("M" * (letters - len(line)) + line + "\n")
    anonymise(tmp_path, None, "7.1", cpus=1, hosts=())
    assert len((tmp_path / "meminfo").read_text().splitlines()) == kept


def test_a_list_is_hashed_where_most_of_it_is(tmp_path: Path) -> None:
    """Half of it may be lines that another tool cut. A hash has 32 bits: what has more is true."""

    def starts(*lines: str) -> list[bool]:
        """Return of each line whether its start was left as it was."""
        (tmp_path / "vmallocinfo").write_text("".join(f"{each}\n" for each in lines))
        anonymise(tmp_path, None, "7.1", cpus=1, hosts=())
        told = (tmp_path / "vmallocinfo").read_text().splitlines()
        return [one[:20] == other[:20] for one, other in zip(lines, told, strict=True)]

    true = "0x00000000c8000000-0x00000000c8005000   20480 f+0x1/0x2 vmap"
    odd = "0x00000000c8010000-0x00000000c8020000    8192 f+0x1/0x2 vmap"
    assert starts(true, odd) == [False, False]
    assert starts(true, odd, odd.replace("20000 ", "30000 ")) == [False, True, True]
    long = "0xffffc90000010000-0xffffc90000020000    8192 f+0x1/0x2 vmap"
    hashed = "0x0000000012345678-0x0000000087654321    8192 f+0x1/0x2 vmap"
    assert starts(hashed, long, hashed) == [True, False, True]
    cut = long.replace("0xffffc90000010000", "(____ptrval____)")
    (tmp_path / "vmallocinfo").write_text(f"{cut}\n")
    anonymise(tmp_path, None, "7.1", cpus=1, hosts=())
    text = (tmp_path / "vmallocinfo").read_text()
    assert text.startswith("(____ptrval____)-0x")
    assert "ffffc90000020000" not in text
    other = "0x00000000c8010000-(____ptrval____)    8192 f+0x1/0x2 vmap"
    assert starts(other) == [True]


@pytest.mark.parametrize(
    ("name", "kept", "dropped"),
    [
        ("trace.txt", "# tracer: nop", "secret of mine"),
        ("trace.txt", "CPU:3 [LOST 5 EVENTS]", "# secret@host's"),
        ("config.txt", "CONFIG_MODULES=y", 'CONFIG_MODULE_SIG_KEY="/home/me/key.pem"'),
        ("config.txt", "# CONFIG_KASAN is not set", "# of me"),
        ("meminfo", "Hugepagesize:       2048 kB", "Owner: me and my 2 dogs!"),
        ("sysctl", "/proc/sys/net/core/bpf_jit_limit: 528482304", "/proc/sys/kernel/x: a@b"),
        ("cmdline", "nokaslr", "user=me"),
        ("modules", "ext4 1 2 - Live 0x0", "ext4 1 2 - Live of me"),
        ("sections", "ext4 .text 0x0", "ext4 .text of me"),
        ("dmesg", "[    0.000000] Modules: 2 pages in range for PLT usage", "[    5.0] me at home"),
    ],
)
def test_a_line_of_no_known_form_is_left_out(
    tmp_path: Path, name: str, kept: str, dropped: str
) -> None:
    (tmp_path / name).write_text(f"{kept}\n{dropped}\n")
    anonymise(tmp_path, None, "7.1", cpus=1, hosts=())
    assert [line for line in (tmp_path / name).read_text().splitlines() if line] == [kept]


def test_what_was_asked_for_as_a_module_may_be_an_interface_or_a_host(tmp_path: Path) -> None:
    head = "  modprobe-7 [000] ..... 5.000001: "
    (tmp_path / "trace.txt").write_text(
        f"{head}module_request: netdev-wg-home wait=1 call_site=dev_load\n"
        f"{head}module_request: fs-{HOST}fs wait=1 call_site=get_fs_type\n"
        f"{head}module_load: ext4 E\n"
        f"{head}sched_switch: {HOST}\n"
    )
    anonymise(tmp_path, None, "7.1", cpus=1, hosts=[HOST])
    told = [
        line.partition("0001: ")[2] for line in (tmp_path / "trace.txt").read_text().splitlines()
    ]
    assert told == [
        "module_request: netdev-name wait=1 call_site=dev_load",
        "module_request: fs-hostfs wait=1 call_site=get_fs_type",
        "module_load: ext4 E",
    ]


@pytest.mark.parametrize("name", ["iomem", "kprobe_events", "notes.txt", "event_formats"])
def test_a_file_that_nothing_makes_harmless_is_left_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "0-boot").mkdir()
    (tmp_path / "0-boot" / name).write_text("ffffffff81000000\n")
    (tmp_path / "0-boot" / "meminfo").write_text("MemTotal: 5 kB\n")
    anonymise(tmp_path, None, "7.1", cpus=1, hosts=())
    assert [each.name for each in (tmp_path / "0-boot").iterdir()] == ["meminfo"]


def test_a_true_address_among_hashed_ones_is_shifted(tmp_path: Path) -> None:
    """Of hashes the end does not belong to the start."""
    (tmp_path / "vmallocinfo").write_text(
        "0x00000000d85f4a5c-0x0000000058d53eb3   20480 f+0x1/0x2 vmap\n"
        "0x00000000aaaaaaaa-0x0000000055555555    8192 f+0x1/0x2 vmap\n"
        "0xffffc90000000000-0xffffc90000005000   20480 f+0x1/0x2 vmap\n"
        "(____ptrval____)-(____ptrval____)    8192 f+0x1/0x2 vmap\n"
    )
    anonymise(tmp_path, None, "7.1", cpus=1, hosts=())
    first, second, true, hidden = (tmp_path / "vmallocinfo").read_text().splitlines()
    assert first.startswith("0x00000000d85f4a5c-0x0000000058d53eb3   20480")
    assert second.startswith("0x00000000aaaaaaaa-")
    assert hidden.startswith("(____ptrval____)-(____ptrval____)    8192")
    start, end = (int(each, 16) for each in true.split()[0].split("-"))
    assert end - start == 20480
    assert (start - 0xFFFFC900_00000000) % UNIT[64] == 0 != start - 0xFFFFC900_00000000


@pytest.mark.parametrize(
    ("run", "fixed"),
    [
        ("amd64-7.2.13-kaslr", 0xFFFF_FFFF_C000_0000),
        ("arm64-7.2.13-nokaslr", 0xFFFF_8000_7B00_0000),
        ("armhf-6.12.107", 0xBF00_0000),
    ],
)
def test_an_expert_computes_the_constant_where_it_is_said_to_be_possible(
    tmp_path: Path, run: str, fixed: int
) -> None:
    """The page that warns is true: what is fixed, less where it lies now, is the constant."""
    proc = tree(tmp_path, run)
    plain, hidden = tmp_path / "plain.tar", tmp_path / "hidden.tar"
    capture(plain, proc=proc)
    manifest = capture(hidden, proc=proc, hide=True)
    assert manifest.layout is not None
    assert fixed_address(
        {"amd64": "x86", "arm64": "arm64", "armhf": "arm"}[run.split("-", maxsplit=1)[0]], "off"
    )
    true, shifted = areas(plain), areas(hidden)
    delta = shifted[0].start - true[0].start
    unit = UNIT[manifest.layout.word_bits]
    modules = min(area.start for area in shifted if area.type is ExecmemType.MODULE_TEXT)
    assert modules // unit * unit - fixed // unit * unit == delta


def test_what_tells_the_constant() -> None:
    assert "module area of x86" in fixed_address("x86", "random")
    assert "PAGE_OFFSET" in fixed_address("arm", "n/a")
    assert "riscv lies at a fixed address" in fixed_address("riscv", "off")
    assert fixed_address("s390", "seed-1") == ""
    assert fixed_address("s390", "off") != ""
    assert fixed_address("s390", "unknown") != "", "it may be off"

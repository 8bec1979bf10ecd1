"""`capture` on trees made of real captures: what is collected, shifted, refused.

Nothing of the machine gets out.
"""

import errno
import gzip
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.bundles.anonymise import anonymise
from execmem_tui.bundles.collector import Collector, kernel_log, needed_symbols
from execmem_tui.bundles.harmless import Words
from execmem_tui.bundles.manifest import read_manifest
from execmem_tui.bundles.reader import locate, on_disk
from execmem_tui.bundles.record import capture, record
from execmem_tui.bundles.shifting import UNIT, fixed_address
from execmem_tui.cli.main import main
from execmem_tui.cli.whatis_document import whatis_document
from execmem_tui.files.archive import members
from execmem_tui.files.packed import find_file
from execmem_tui.help import page
from execmem_tui.kernel.proc_tree import find_config
from execmem_tui.model import documents
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import Window
from execmem_tui.sources.opening import open_path

DATA = Path(__file__).parents[1] / "data"
CAPTURES = DATA / "captures"
HOST = "secrethost7"
MACHINES = {
    "amd64-7.2.13-kaslr": ("x86_64", "0"),
    "arm64-7.2.13-nokaslr": ("aarch64", "0-1"),
    "armhf-6.12.107": ("armv7l", "0"),
}
LOG = f"""\
6,1,0,-;Linux version 7.2.13 (builder@{HOST}) (gcc 16) #1 SMP
6,2,0,-;Command line: root=UUID=12345678-aaaa nokaslr ip=10.0.0.1::::{HOST} loglevel=4
 SUBSYSTEM=pci
4,3,999123456,-;execmem: unable to allocate memory
4,4,999123457,-;modprobe: vmalloc error: size 835584, vm_struct allocation failed, mode:0xcc0
6,5,1000000000,-;{HOST} secret at ffff888012345678
"""


def text_of(folder: Path, name: str) -> str:
    path = find_file(folder, name)
    if path is None:
        return ""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return (lzma.decompress(data) if path.suffix == ".xz" else data).decode()


def tree(tmp_path: Path, run: str) -> Path:
    """Lay a phase of a real capture out as /proc and /sys, and return its proc."""
    machine, cpus = MACHINES[run]
    root = tmp_path / "root"
    phase = CAPTURES / run / "1-modules"
    boot = CAPTURES / run / "0-boot"
    version = (
        text_of(boot, "version")
        or f"Linux version 6.12.107+deb13-armmp (b@{HOST}) (arm-linux-gnueabihf-gcc) #1\n"
    )
    listed = ("vmallocinfo", "kallsyms", "modules", "meminfo")
    key = f'CONFIG_MODULE_SIG_KEY="/home/{HOST}.pem"\nCONFIG_OTHER=y\n'
    told = (
        "nokaslr root=/dev/{} init=/home/me quiet\n" if "no" in run else "root=/dev/{} loglevel=4\n"
    )
    contents = {
        **{f"proc/{name}": text_of(phase, name) for name in listed},
        "proc/version": version,
        "proc/cmdline": told.format(HOST),
        "proc/iomem": "00001000-0009fbff : System RAM\n",
        "proc/sys/kernel/arch": machine + "\n",
        "proc/sys/kernel/hostname": HOST + "\n",
        "proc/sys/kernel/kptr_restrict": "1\n",
        "sys/devices/system/cpu/possible": cpus + "\n",
        "sys/kernel/debug/kprobes/list": "ffffffff8b600000  k  f+0x0\n",
        f"boot/config-{version.split()[2]}": (CAPTURES / run / "config.txt").read_text() + key,
        "dev/kmsg": LOG,
    }
    for line in text_of(phase, "sections").splitlines():
        module, section, address = line.split()
        contents[f"sys/module/{module}/sections/{section}"] = address + "\n"
    for name, content in contents.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root / "proc"


def areas(path: Path) -> tuple[Area, ...]:
    return tuple(open_path(str(path)).history.snapshot().areas)


@pytest.mark.parametrize("run", MACHINES)
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.xz", ".tar.zst"])
def test_a_bundle_shows_what_the_tree_shows(tmp_path: Path, run: str, suffix: str) -> None:
    if suffix != ".tar.zst" and run != "armhf-6.12.107":
        pytest.skip("packing does not depend on the machine")
    bundle = tmp_path / f"a{suffix}"
    manifest = capture(bundle, proc=tree(tmp_path, run))
    assert (manifest.phases, manifest.anonymised) == (("0-capture",), False)
    assert {each.name for each in manifest.missing} == {
        "kprobe_events",
        "enabled_functions",
        "ranges",
    }
    whole = open_path(str(CAPTURES / run), phase="1-modules").history.snapshot()
    found = open_path(str(bundle)).history.snapshot()
    assert [(area.start, area.owner, area.region) for area in found.areas] == [
        (area.start, area.owner, area.region) for area in whole.areas
    ]
    assert any("execmem: unable to allocate memory, 1 time" in note for note in found.layout.notes)
    assert bundle.stat().st_mode & 0o077 == 0


def test_the_same_machine_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda *_: "2026-01-01T00:00:00Z")
    proc = tree(tmp_path, "armhf-6.12.107")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        capture(tmp_path / folder / "x.tar.zst", proc=proc)
    assert (tmp_path / "a" / "x.tar.zst").read_bytes() == (
        tmp_path / "b" / "x.tar.zst"
    ).read_bytes()
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["x.tar.zst"]


def test_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proc = tree(tmp_path, "armhf-6.12.107")
    bundle = tmp_path / "a.tar.gz"
    assert main(["capture", "-o", str(bundle), "--proc", str(proc), "--json"]) == 0
    streams = capsys.readouterr()
    document = json.loads(streams.out)
    schema = json.loads((files("execmem_tui") / "cli" / "schemas" / "capture.json").read_text())
    jsonschema.validate(document, schema)
    assert document["arch"] == "armhf"
    assert "execmem-tui: without enabled_functions: No such file" in streams.err
    assert main(["capture", "-o", str(bundle), "--proc", str(proc)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["capture", "-o", str(tmp_path / "a.rar"), "--proc", str(proc)]) == 2
    (proc / "vmallocinfo").unlink()
    assert main(["capture", "-o", str(tmp_path / "b.tar"), "--proc", str(proc), "--anonymise"]) == 1
    assert main(["capture", "-o", str(tmp_path / "no" / "b.tar"), "--proc", str(proc)]) == 2


def test_hidden_addresses_are_said(tmp_path: Path) -> None:
    proc = tree(tmp_path, "armhf-6.12.107")
    (proc / "vmallocinfo").write_text(text_of(CAPTURES / "hashed", "vmallocinfo"))
    (proc / "kallsyms").write_text("00000000 T _text\n00000000 t f\t[xfs]\n")
    said = {
        each.name: each.why for each in capture(tmp_path / "a.tar", proc=proc, hide=True).missing
    }
    assert "kptr_restrict" in said["addresses in vmallocinfo"]
    assert "CAP_SYSLOG" in said["addresses in kallsyms"]
    assert any("hashed" in note for note in open_path(str(tmp_path / "a.tar")).history.layout.notes)


def test_a_changed_bundle_is_noticed(tmp_path: Path) -> None:
    capture(tmp_path / "a.tar", proc=tree(tmp_path, "armhf-6.12.107"))
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(data.replace(b"load_module", b"moad_lodule", 1))
    with pytest.raises(
        InputError,
        match=r"b\.tar/a/0-capture/vmallocinfo: not the file that the manifest speaks of",
    ):
        open_path(str(tmp_path / "b.tar"))
    (tmp_path / "c.tar").write_bytes(
        data.replace(b"execmem-tui-capture/1", b"execmem-tui-capture/9", 1)
    )
    with pytest.raises(
        InputError, match=r"format execmem-tui-capture/9, not execmem-tui-capture/1"
    ):
        open_path(str(tmp_path / "c.tar"))


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


def test_of_a_module_with_many_symbols_the_lowest_and_the_highest_are_kept(tmp_path: Path) -> None:
    """The lowest symbols lie in the text that stays, the highest says how far it reaches."""
    kallsyms = tmp_path / "kallsyms"
    addresses = [0xFFFFFFFFC0000000 + 16 * number for number in range(300)]
    shuffled = addresses[150:] + addresses[:150]
    kallsyms.write_text("".join(f"{each:016x} t f{each:x}\t[m]\n" for each in shuffled))
    kept = [int(line.split()[0], 16) for line in needed_symbols(kallsyms)]
    assert kept == [*addresses[:199], addresses[-1]]


def test_addresses_that_fill_everything_cannot_be_shifted(tmp_path: Path) -> None:
    (tmp_path / "kallsyms").write_text("01000000 t a\nffff0000 t b\n")
    with pytest.raises(UsageError, match="cannot be shifted"):
        anonymise(tmp_path, None, "6.1", cpus=1, hosts=[])


def member(bundle: Path, name: str) -> str:
    with tarfile.open(bundle) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read().decode()


class Recorded:
    """A tracefs instance that says what it was told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = [alloc(9, 0x1000)]
        (path / "per_cpu" / "cpu0").mkdir(parents=True)
        (path / "per_cpu" / "cpu0" / "stats").write_text("entries: 5\ndropped events: 3\n")
        self.closed = False

    def mark(self, text: str) -> None:
        self.lines.append(
            f"  execmem-tui-7 [000] ..... {10 + len(self.lines)}.0: tracing_mark_write: {text}"
        )

    def read(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def close(self) -> None:
        self.closed = True


def alloc(time: int, start: int) -> str:
    return (
        f"  sh-1 [000] ..... {time}.0: alloc_vmap_area: va_start: {start} size=8192 align=1 "
        "vstart=0xbf000000 vend=0xbfe00000 failed=0"
    )


def test_a_trace_lies_between_two_snapshots(tmp_path: Path) -> None:
    proc = tree(tmp_path, "armhf-6.12.107")
    instance: Any = Recorded(tmp_path / "instance")
    bundle = tmp_path / "a.tar"
    manifest = capture(bundle, proc=proc, seconds=0, start_trace=lambda: instance)
    assert instance.closed
    assert manifest.phases == ("0-begin", "1-end")
    text = member(bundle, "a/trace.txt")
    assert re.findall(r"snapshot (\S+ \w+)", text) == [
        "0-begin begin",
        "0-begin end",
        "1-end begin",
        "1-end end",
    ]
    assert "va_start" not in text, (
        "what came before the first snapshot would look like a trace from boot"
    )
    assert "trace_clock" in {each.name for each in instance.path.iterdir()}


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


def test_events_of_a_capture_replay_from_its_first_snapshot(tmp_path: Path) -> None:
    proc = tree(tmp_path, "armhf-6.12.107")
    run = tmp_path / "run"
    run.mkdir()
    instance = Recorded(tmp_path / "instance")
    busy = sorted(
        area.start for area in areas(proc / "vmallocinfo") if 0xBF000000 <= area.start < 0xBFE00000
    )
    ends = {area.start: area.end for area in areas(proc / "vmallocinfo")}
    hole = next(
        (ends[low] for low, high in pairwise(busy) if high - ends[low] >= 8192), ends[busy[-1]]
    )
    collector = Collector(proc, run)
    collector.once()
    record(
        collector,
        instance,
        0.25,
        wait=lambda _: instance.lines.append(alloc(50, hole)) if not instance.lines else None,
    )
    lines = (run / "trace.txt").read_text().splitlines()
    (run / "trace.txt").write_text("\n".join(dict.fromkeys(lines)) + "\n")
    (run / "meta.toml").write_text(
        'arch = "armhf"\nkernel = "6.12.107"\npage_size = 4096\nsmp = 1\n'
    )
    verdict = verify_trace(run)
    assert verdict.run.begins.name == "0-begin"
    assert verdict.run.lost == 3
    assert verdict.document()["checked"] == verdict.document()["exact"] == 1


def test_the_kernel_log_is_read_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "kmsg").write_text(LOG)
    lines = kernel_log(tmp_path / "kmsg")
    assert lines[2] == "[  999.123456] execmem: unable to allocate memory"
    assert len(lines) == 5
    (tmp_path / "kmsg").write_text(LOG + f"6,1,{'9' * 4400},-;no time of any machine\n")
    assert kernel_log(tmp_path / "kmsg") == lines


@pytest.mark.skipif(not os.access("/proc/vmallocinfo", os.R_OK), reason="takes root")
def test_this_machine_can_be_captured(tmp_path: Path) -> None:
    manifest = capture(tmp_path / "a.tar.zst", hide=True)
    assert any(each.name == "0-capture/vmallocinfo" for each in manifest.files)
    with on_disk(tmp_path / "a.tar.zst") as found:
        assert (locate(found) / "meta.toml").is_file()


def in_namespace(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script where tracefs is mounted and nobody else sees it."""
    mounted = "mount -t tracefs nodev /sys/kernel/tracing && "
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", mounted + script], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_a_real_trace_leaves_no_instance(tmp_path: Path) -> None:
    if (
        shutil.which("unshare") is None
        or in_namespace("ls -d /sys/kernel/tracing/events/vmalloc").returncode
    ):
        pytest.skip("no tracefs with vmalloc events here")
    command = (
        f"{sys.executable} -m execmem_tui capture --anonymise --trace 0.05 -o {tmp_path}/a.tar"
    )
    instances = "ls /sys/kernel/tracing/instances"
    before = in_namespace(instances).stdout.split()  # somebody may look at this kernel meanwhile
    done = in_namespace(f"{command} && {instances}")
    assert done.returncode == 0, done.stderr
    left = [word for word in done.stdout.split() if word.startswith("execmem-tui-")]
    assert set(left) <= set(before)
    text = member(tmp_path / "a.tar", "a/trace.txt")
    assert re.findall(r"snapshot (\S+ \w+)", text) == [
        "0-begin begin",
        "0-begin end",
        "1-end begin",
        "1-end end",
    ]
    assert "dropped events: 0" in member(tmp_path / "a.tar", "a/trace_stats_final")


def recipe() -> str:
    found = re.search(r"^    #!/bin/sh\n(?:    .*\n)+", page("capture"), re.MULTILINE)
    assert found is not None
    return textwrap.dedent(found[0])


def test_the_recipe_of_the_manual_collects_the_same(tmp_path: Path) -> None:
    script = tmp_path / "capture.sh"
    script.write_text(recipe())
    assert len(recipe().splitlines()) <= 25
    proc = tree(tmp_path, "armhf-6.12.107")
    (proc / "config.gz").write_bytes(gzip.compress(b"CONFIG_MODULES=y\n", mtime=0))
    done = subprocess.run(
        ["sh", str(script), "a.tar.gz", str(proc)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    capture(tmp_path / "b.tar", proc=proc)
    by_hand, by_tool = (
        open_path(str(tmp_path / name)).history.snapshot() for name in ("a.tar.gz", "b.tar")
    )
    assert by_hand.areas == by_tool.areas
    assert by_hand.layout.types == by_tool.layout.types
    assert by_hand.layout.kernel == by_tool.layout.kernel


@pytest.mark.skipif(not os.access("/proc/vmallocinfo", os.R_OK), reason="takes root")
def test_the_recipe_of_the_readme_runs_here(tmp_path: Path) -> None:
    subprocess.run(
        ["sh", "-c", recipe(), "capture.sh", "a.tar.gz"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert open_path(str(tmp_path / "a.tar.gz")).history.layout.kernel == os.uname().release


def test_an_idle_trace_is_a_good_capture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between two snapshots nothing was allocated: 0 checked, nothing wrong."""
    run = tmp_path / "run"
    for phase in ("0-begin", "1-end"):
        folder = run / phase
        folder.mkdir(parents=True)
        (folder / "vmallocinfo").write_text(
            "0xffff800080000000-0xffff800080002000    8192 a+0x1/0x2 vmalloc\n"
        )
    (run / "meta.toml").write_text(
        'arch = "arm64"\nkernel = "7.1.8"\npage_size = 4096\nsmp = 1\n'
        'phases = ["0-begin", "1-end"]\n'
    )
    (run / "trace.txt").write_text(
        "# tracer: nop\n  sh-1 [000] ..... 1.000000: tracing_mark_write: snapshot 0-begin end\n"
    )
    assert main(["verify", str(run)]) == 0
    assert "0 checked, 0 differ, 0 unexplained" in capsys.readouterr().out
    assert main(["verify", str(run / "trace.txt"), "--json"]) == 0
    for phase in ("0-begin", "1-end"):  # hidden addresses change nothing
        (run / phase / "vmallocinfo").write_text(
            "0x00000000c77e1984-0x00000000a4e96e2b   20480 a+0x1/0x2 vmap\n"
        )
    assert main(["verify", str(run)]) == 0
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "trace.txt"
    alone.write_bytes((run / "trace.txt").read_bytes())
    assert main(["verify", str(alone)]) == 2


def test_the_configuration_beside_the_modules_is_taken(tmp_path: Path) -> None:
    proc = tree(tmp_path, next(iter(MACHINES)))
    (config,) = (proc.parent / "boot").iterdir()
    release = config.name.removeprefix("config-")
    place = proc.parent / "lib" / "modules" / release
    place.mkdir(parents=True)
    config.rename(place / "config")
    bundle = tmp_path / "out.tar"
    capture(bundle, proc=proc)
    with tarfile.open(bundle) as tar:
        assert "out/config.txt" in tar.getnames()
    assert find_config(proc, release) == place / "config"
    assert find_config(proc, "../" + release) is None
    (place / "config").unlink()
    assert find_config(proc, release) is None


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


def test_hosts_go_out_of_words_and_tasks_of_ones_own_are_forgotten() -> None:
    words = Words(("buildhost", "ab"))
    assert (
        words.scrub("Linux 7.1-mybuildhost2 on BUILDHOST ab cab")
        == "Linux 7.1-myhost2 on host host cab"
    )
    assert words.scrub("(me@somewhere) (gcc)") == "(user@host) (gcc)"
    assert [words.task(each) for each in ("kworker/0:1-events", "modprobe", "payroll")] == [
        "kworker/0:1-events",
        "modprobe",
        "task",
    ]


def test_what_tells_the_constant() -> None:
    assert "module area of x86" in fixed_address("x86", "random")
    assert "PAGE_OFFSET" in fixed_address("arm", "n/a")
    assert "riscv lies at a fixed address" in fixed_address("riscv", "off")
    assert fixed_address("s390", "seed-1") == ""
    assert fixed_address("s390", "off") != ""


def test_what_is_no_file_is_missing_and_nothing_waits_for_it(tmp_path: Path) -> None:
    proc = tree(tmp_path, "arm64-7.2.13-nokaslr")
    for name in ("modules", "cmdline", "sys/kernel/kptr_restrict", "sys/kernel/hostname"):
        (proc / name).unlink()
        os.mkfifo(proc / name)
    manifest = capture(tmp_path / "a.tar", proc=proc)
    missing = {each.name: each.why for each in manifest.missing}
    assert missing["modules"] == missing["cmdline"] == "a FIFO, where a file is wanted"


def test_a_file_that_breaks_off_is_missing_and_a_full_disk_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc = tree(tmp_path, "arm64-7.2.13-nokaslr")

    def broken(source: Path) -> Iterator[bytes]:
        yield b"half of it"
        raise OSError(errno.EIO, "Input/output error", str(source))

    monkeypatch.setattr("execmem_tui.bundles.collector._bounded", broken)
    run = tmp_path / "run"
    run.mkdir()
    collector = Collector(proc, run)
    collector.once()
    assert ("version", "Input/output error") in {
        (each.name, each.why) for each in collector.missing
    }
    assert not (run / "version").exists()
    monkeypatch.undo()

    real = Path.open

    def full(path: Path, mode: str = "r", **more: Any) -> Any:
        if "w" in mode:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, mode, **more)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        Collector(proc, run).once()

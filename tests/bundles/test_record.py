"""`capture` on trees made of real captures: what is collected, shifted, refused.

Nothing of the machine gets out.
"""

import errno
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.bundles.collector import Collector, kernel_log, needed_symbols
from execmem_tui.bundles.reader import locate, on_disk
from execmem_tui.bundles.record import capture, record
from execmem_tui.cli.main import main
from execmem_tui.help import page
from execmem_tui.kernel.proc_tree import find_config
from execmem_tui.model.errors import InputError
from execmem_tui.sources.opening import open_path
from tests.bundles.machines import (
    CAPTURES,
    LOG,
    MACHINES,
    Recorded,
    alloc,
    areas,
    member,
    text_of,
    tree,
)


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


@pytest.mark.parametrize("more", [[], ["--anonymise"]])
def test_a_list_that_is_none_counts_as_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    proc = tree(tmp_path, "arm64-7.2.13-nokaslr")
    (proc / "vmallocinfo").write_bytes((proc / "vmallocinfo").read_text().encode("utf-16"))
    assert main(["capture", "-o", str(tmp_path / "a.tar"), "--proc", str(proc), *more]) == 1
    assert "without vmallocinfo: " in capsys.readouterr().err


def test_a_file_that_cannot_be_anonymised_is_named_as_in_the_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The private folder that it was read in is gone by then."""
    proc = tree(tmp_path, "armhf-6.12.107")
    (proc / "meminfo").write_text("x" * 70_000)
    bundle = tmp_path / "a.tar"
    assert main(["capture", "-o", str(bundle), "--proc", str(proc), "--anonymise"]) == 2
    error = capsys.readouterr().err
    assert f"execmem-tui: {bundle}/0-capture/meminfo:1: line too long" in error


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


def test_of_a_module_with_many_symbols_the_lowest_and_the_highest_are_kept(tmp_path: Path) -> None:
    """The lowest symbols lie in the text that stays, the highest says how far it reaches."""
    kallsyms = tmp_path / "kallsyms"
    addresses = [0xFFFFFFFFC0000000 + 16 * number for number in range(300)]
    shuffled = addresses[150:] + addresses[:150]
    kallsyms.write_text("".join(f"{each:016x} t f{each:x}\t[m]\n" for each in shuffled))
    kept = [int(line.split()[0], 16) for line in needed_symbols(kallsyms)]
    assert kept == [*addresses[:199], addresses[-1]]


def test_labels_of_a_module_do_not_stand_for_its_functions(tmp_path: Path) -> None:
    """riscv: hundreds of labels lie before the second function."""
    kallsyms = tmp_path / "kallsyms"
    start = 0xFFFFFFFF055E8000
    names = ["$xrv64i2p1", *(f".L{at}" for at in range(4000)), "second", *[".LFE1"] * 1000]
    kallsyms.write_text(
        "".join(f"{start + 4 * at:x} t {name}\t[m]\n" for at, name in enumerate(names))
    )
    kept = [line.split()[2] for line in needed_symbols(kallsyms)]
    assert kept == ["$xrv64i2p1", "second", ".LFE1"]


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

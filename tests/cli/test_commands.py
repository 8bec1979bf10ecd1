"""The commands.

Documents under their schemas, plain text without escape codes, exit codes, errors that name their
place.
"""

import gc
import gzip
import json
import os
import pty
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from execmem_tui import __version__
from execmem_tui.arch import resolve
from execmem_tui.cli.commands import APPLICATION, COMMANDS, parser_of
from execmem_tui.cli.main import main
from execmem_tui.cli.map_document import map_document
from execmem_tui.cli.whatis_document import whatis_document
from execmem_tui.help import pages
from execmem_tui.model.documents import plain
from execmem_tui.sources.simulation import Simulation
from tests.arch.oracle import oracle

DATA = Path(__file__).parents[1] / "data"
VECTOR = str(DATA / "vectors" / "dev-00-vmap-7.1.jsonl.gz")
CAPTURE = str(DATA / "captures" / "arm64-7.2.13-nokaslr")
HEX = {"MODULE_TEXT": "DEFAULT"}


def document(capsys: pytest.CaptureFixture[str], command: str, *arguments: str) -> dict[str, Any]:
    assert main([command, *arguments, "--json"]) in (0, 1)
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    schema = json.loads((files("execmem_tui") / "cli" / "schemas" / f"{command}.json").read_text())
    jsonschema.validate(loaded, schema)
    return loaded


def test_ranges_of_every_layout_equal_the_oracle(capsys: pytest.CaptureFixture[str]) -> None:
    found = {layout["id"]: layout for layout in document(capsys, "ranges", "--all")["layouts"]}
    rows = [row for row in oracle()["layout"] if row["id"] in found]
    assert len(rows) == len(found)
    for row in rows:
        layout = found[row["id"]]
        for name, mine in layout["types"].items():
            theirs = row["execmem"][HEX.get(name, name)]
            for key in (
                "start",
                "end",
                "fallback_start",
                "fallback_end",
                "pgprot",
                "flags",
                "inherited",
                "used",
                "used_by",
            ):
                assert mine[key] == theirs[key], (row["id"], name, key)
            assert mine["alignment"] == theirs["alignment_bytes"]
        assert layout["symbols"] == row["symbols"]
        assert layout["macros"].items() >= row.get("macros", {}).items()


def test_set_moves_symbols_and_windows(capsys: pytest.CaptureFixture[str]) -> None:
    layout = document(capsys, "ranges", "--set", "_end=0xffff800082000000")["layouts"][0]
    assert layout["types"]["MODULE_TEXT"]["start"] == "0xffff80007a000000"
    drawn = document(
        capsys, "ranges", "--arch", "x86_64", "--kaslr", "5", "--set", "offset_pages=17"
    )["layouts"][0]
    assert drawn["types"]["BPF"]["start"] == "0xffffffffc0011000"
    assert drawn["kaslr"] == "seed-5"


@pytest.mark.parametrize("seed", ["1", "77", "123456789"])
def test_a_seed_draws_the_same_again(capsys: pytest.CaptureFixture[str], seed: str) -> None:
    for arch in ("arm64", "x86"):
        first = document(capsys, "ranges", "--arch", arch, "--kaslr", seed)
        assert document(capsys, "ranges", "--arch", arch, "--kaslr", seed) == first


def test_ranges_text_marks_what_is_inherited(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ranges", "--arch", "arm"]) == 0
    text = capsys.readouterr().out
    assert "KPROBES=" in text
    assert "= inherited from MODULE_TEXT" in text


def test_diff_and_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ranges", "--diff", "x86:6.12", "x86:7.1"]) == 0
    assert "MODULE_TEXT.flags" in capsys.readouterr().out
    assert main(["ranges", "--diff", "arm64:6.12", "arm64:7.1"]) == 0
    assert "are equal" in capsys.readouterr().out
    assert main(["ranges", "--explain", "MODULE_TEXT"]) == 0
    text = capsys.readouterr().out
    assert "module_init_limits" in text
    assert "KPROBES.start" not in text


def test_verify_of_a_vector(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "verify", VECTOR)
    assert found["checked"] == found["exact"] == 1889
    assert main(["verify", VECTOR]) == 0
    assert "0 differ" in capsys.readouterr().out


def test_verify_exits_with_1_where_a_row_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = gzip.decompress(Path(VECTOR).read_bytes()).decode().splitlines()
    row = next(json.loads(line) for line in text[1:] if line.startswith('["area"'))
    row[-1] = "ffff000000000000"
    path = tmp_path / "wrong.jsonl"
    path.write_text("\n".join([text[0], json.dumps(row)]))
    assert main(["verify", str(path)]) == 1
    assert "first difference at line 2" in capsys.readouterr().out


def test_map_of_a_capture(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "map", CAPTURE)
    assert found["steps"] == 2
    owners = {(area["owner"], area["region"]) for area in found["areas"]}
    assert ("amdgpu", "MOD_TEXT") in owners
    assert found["meters"]["MODULE_TEXT"]["used"] > 1 << 20


def test_map_of_a_simulator_at_rest(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "map", "--arch", "arm64")
    assert {area["owner"] for area in found["areas"]} == {"kernel image"}
    assert found["counters"] == dict.fromkeys(
        ("allocations", "frees", "failures", "fallbacks", "purges"), 0
    )


def test_keys_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert any(entry["id"] == "next_fallback" for entry in document(capsys, "keys")["keys"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ranges", "--arch", "z80"], "no architecture"),
        (["ranges", "--variant", "nothing"], "no variant"),
        (["ranges", "--kernel", "banana"], "not a kernel version"),
        (["ranges", "--kaslr", "maybe"], "no draw"),
        (["ranges", "--set", "nonsense"], "not NAME=VALUE"),
        (["ranges", "--set", "nothing_here=1"], "no input"),
        (
            ["ranges", "--arch", "x86", "--kaslr", "1", "--set", "offset_pages=5000"],
            "cannot be drawn",
        ),
        (["ranges", "--type", "HEAP"], "no type"),
        (["ranges", "--layout", "x/y"], "not a layout"),
        (["map", "/nonexistent\x1b[31m"], "\\x1b[31m"),
        (["map", "--cpus", "0"], "cannot simulate"),
        (["verify", "/nonexistent"], "No such file"),
        (["verify", __file__], "not a line of a trace"),
    ],
)
def test_errors_are_one_clear_message_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert words in streams.err
    assert "\x1b" not in streams.err


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
        assert f"execmem-tui {command}" in capsys.readouterr().out
        assert main(["help", command]) == 0
        assert capsys.readouterr().out.endswith(
            "".join(f"{line.rstrip()}\n" for line in parser_of(command).format_help().splitlines())
        )
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "exit codes" in text
    assert all(f"  execmem-tui {command}" in text for command in COMMANDS)


def test_every_module_of_a_command_is_a_command() -> None:
    folder = Path(str(files("execmem_tui.cli")))
    commands = {
        path.stem
        for path in folder.glob("*.py")
        if "\nHELP = " in path.read_text(encoding="utf-8") and path.stem != APPLICATION
    }
    assert commands == set(COMMANDS)


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_costs_no_import(option: str) -> None:
    code = (
        "import sys; before = set(sys.modules); from execmem_tui.cli.main import main;"
        f" assert main([{option!r}]) == 0; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = done.stdout.splitlines()
    assert version == f"execmem-tui {__version__}"
    assert set(modules.split()) == {"execmem_tui", "execmem_tui.cli", "execmem_tui.cli.main"}


@pytest.mark.parametrize(
    ("command", "spared"),
    [
        (["ranges", "--arch", "arm64", "--json"], {"random"}),
        (["map"], {"json", "pathlib", "random", "typing_extensions"}),
        (["whatis", "ffff800080000000"], {"json", "pathlib", "random"}),
        (["run", "laptop-arm64"], set()),
    ],
)
def test_a_command_imports_nothing_that_costs_as_much_as_itself(
    command: list[str], spared: set[str]
) -> None:
    """Each of these takes 2 to 20 ms, and the interpreter's own start 10."""
    code = (
        "import sys; from execmem_tui.cli.main import main;"
        f" assert main({command!r}) == 0; print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    costly = {"dataclasses", "locale", "shutil", "textual", "rich"} | spared
    assert set(done.stderr.split()) & costly == set()


def test_the_version_is_an_option_of_the_application(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--arch", "x86", "-V"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"execmem-tui {__version__}\n"


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "execmem_tui", "help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(pages())


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rangs"], "did you mean ranges?"),
        (["verfy"], "did you mean verify?"),
        (["help", "formts"], "did you mean formats?"),
        (["help", "zzz"], "there are: "),
    ],
)
def test_typos_get_a_suggestion(
    capsys: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    assert main(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert hint in streams.err


def test_a_path_is_no_typo(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rangs").write_text("not a trace\n")
    assert main(["rangs"]) == 2
    assert main(["./rang"]) == 2
    assert main(["something-else"]) == 2
    assert "did you mean" not in capsys.readouterr().err


def test_pages_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for name, title in pages().items():
        assert main(["help", name]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"# {title}\n")
        assert main(["help", name, "--json"]) == 0
        row = json.loads(capsys.readouterr().out)["pages"][0]
        assert (row["name"], row["title"]) == (name, title)
        assert text.startswith(row["text"].rstrip())


def _in_a_pty(arguments: list[str], **environment: str) -> bytes:
    pid, master = pty.fork()
    if pid == 0:
        os.execve(  # noqa: S606 - the child of the pty becomes the command under test
            sys.executable,
            [sys.executable, "-m", "execmem_tui.cli.main", *arguments],
            {**os.environ, **environment},
        )
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(master)
    os.waitpid(pid, 0)
    return seen


def test_a_dumb_terminal_gets_the_plain_map() -> None:
    seen = _in_a_pty([], TERM="dumb")
    assert b"MODULE" in seen
    assert b"\x1b" not in seen


def test_a_pipe_gets_no_escape_codes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "execmem_tui.cli.main", "--arch", "x86"],
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert b"MODULE" in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"no terminal" in done.stderr


def test_reach_of_a_pair(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ranges", "--arch", "arm", "--reach", "bf0000bc", "c101c154"]) == 0
    text = capsys.readouterr().out
    assert "plt" in text
    assert "+33,669,272 B" in text
    assert main(["ranges", "--arch", "nios2", "--reach", "be000000", "c0000000", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reach"][0]["verdict"] == "unreachable"


def test_proposed_classes_are_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ranges", "--proposed"]) == 0
    assert "never kernel API" in capsys.readouterr().out
    assert main(["ranges", "--proposed", "--json"]) == 0
    assert "proposed" in json.loads(capsys.readouterr().out)["label"]


def test_boot_lines_of_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "dmesg"
    log.write_text(
        "[    0.1] Modules: 22816 pages in range for non-PLT usage\n[    0.1] Modules: 514336 pages"
        " in range for PLT usage\n"
    )
    assert main(["ranges", "--dmesg", str(log)]) == 0
    assert "40,763,392 B" in capsys.readouterr().out
    log.write_text("nothing of the kind\n")
    assert main(["ranges", "--dmesg", str(log)]) == 2


def test_whatis_names_owner_region_and_reach(capsys: pytest.CaptureFixture[str]) -> None:
    area = next(
        area
        for area in document(capsys, "map", CAPTURE)["areas"]
        if area["owner"] == "amdgpu" and area["region"] == "MOD_TEXT"
    )
    inside = hex(int(area["start"], 16) + 0x1234)
    found = document(capsys, "whatis", inside, CAPTURE)
    assert (found["owner"], found["region"], found["type"], found["window"]) == (
        "amdgpu",
        "MOD_TEXT",
        "MODULE_TEXT",
        "preferred",
    )
    assert found["distance"] < 0
    assert {"name": "±128M branch", "verdict": "direct"} in found["reach"]
    assert main(["whatis", inside, CAPTURE]) == 0
    assert "amdgpu.text+0x1234" in capsys.readouterr().out
    assert main(["whatis", "1234", CAPTURE]) == 1


@pytest.mark.parametrize(
    ("arch", "address", "start", "end"),
    [
        ("arm64", "ffff80007b0a1234", "0xffff80007b000000", "0xffff800080000000"),  # near: 80M
        ("arm64", "ffff800040000000", "0xffff800003000000", "0xffff800080000000"),  # far
        ("x86", "ffffc90000001000", "0xffffc90000000000", "0xffffe8ffffffffff"),  # vmalloc
    ],
)
def test_whatis_clips_a_hole_to_its_window(
    capsys: pytest.CaptureFixture[str], arch: str, address: str, start: str, end: str
) -> None:
    assert document(capsys, "whatis", address, "--arch", arch)["hole"] == {
        "start": start,
        "end": end,
        "size": int(end, 16) - int(start, 16),
    }


def test_whatis_names_only_neighbours_that_touch_the_hole(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    far = "0xffff800003000000-0xffff800003005000   20480 load_module+0x1/0x2 pages=4 vmalloc"
    near = "0xffff80007b200000-0xffff80007b205000   20480 load_module+0x1/0x2 pages=4 vmalloc"
    path = tmp_path / "vmallocinfo"
    path.write_text(f"{far}\n{near}\n")
    options = ("--arch", "arm64", "--kaslr", "off")
    main(["whatis", "ffff80007b100000", str(path), *options])
    said = capsys.readouterr().out
    assert "free: a hole of 2M, before " in said
    assert "behind" not in said, "what is in the far window ends elsewhere"
    main(["whatis", "ffff80007b300000", str(path), *options])
    assert "behind " in capsys.readouterr().out


def test_whatis_tells_who_ever_lay_there(capsys: pytest.CaptureFixture[str]) -> None:
    area = next(
        area for area in document(capsys, "map", CAPTURE)["areas"] if area["owner"] == "amdgpu"
    )
    assert "tenants" not in document(capsys, "whatis", area["start"], CAPTURE)
    found = document(capsys, "whatis", area["start"], CAPTURE, "--history")["tenants"]
    assert found[-1]["owner"] == "amdgpu"
    assert found[-1]["begins"] >= 1
    assert main(["whatis", area["start"], CAPTURE, "--history"]) == 0
    assert f"tenant {len(found)} of {len(found)}: amdgpu" in capsys.readouterr().out
    assert main(["whatis", "1234", CAPTURE, "--history"]) == 1
    assert "nobody ever lay here" in capsys.readouterr().out


def test_all_layouts_can_be_filtered(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "ranges", "--all", "--arch", "amd64", "--kernel", "6.12")["layouts"]
    assert len(found) == 9
    assert {(layout["arch"], layout["kernel"]) for layout in found} == {("x86", "6.12.107")}


def test_parts_of_a_simulated_pack_are_in_the_documents() -> None:
    simulation = Simulation(resolve("x86", "7.1"))
    simulation.do(lambda kernel: kernel.bpf.load("firewall", 1000))
    simulation.do(lambda kernel: kernel.kprobes.register("vfs_read+4", count=40))
    simulation.do(lambda kernel: kernel.kprobes.unregister("vfs_read+4"))
    snapshot = simulation.history.snapshot()
    documents = {
        "map": {"schema": 1, **plain(map_document(snapshot))},
        "whatis": {"schema": 1, **plain(whatis_document(snapshot, snapshot.areas[0].start + 70))},
    }
    for command, document in documents.items():
        schema = json.loads(
            (files("execmem_tui") / "cli" / "schemas" / f"{command}.json").read_text()
        )
        jsonschema.validate(document, schema)
    part = documents["whatis"]["part"]
    assert (part["name"], part["size"], part["state"]) == ("bpf_prog_firewall", 1024, "used")
    areas = documents["map"]["areas"]
    assert areas[0]["parts"] == [part]
    assert {entry["state"] for area in areas for entry in area.get("parts", ())} == {
        "used",
        "dirty",
    }
    assert "parts" not in areas[-1]


def test_the_map_tells_of_permissions_and_ages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", "--lens", "permission", "--scenario", "laptop-arm64"]) == 0
    assert "X runs, read-only  R read-only  W writable  " in capsys.readouterr().out
    assert main(["map", "--lens", "age", "--phase", "0-boot", CAPTURE]) == 0
    told = capsys.readouterr().out
    assert "? age unknown: no events" in told
    assert "note: no events here: ages are not known" in told
    assert main(["map", "--lens", "reach", "--scenario", "laptop-arm64"]) == 0
    assert "= direct  K kernel  R ROX cache" in capsys.readouterr().out
    assert main(["map", "--lens", "owner", "--json"]) == 2
    assert "--lens is for the plain map" in capsys.readouterr().err


def test_the_application_does_first_what_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--do", "fill", "--do", "alloc BPF 2M 1 mine"]) == 0
    out = capsys.readouterr().out
    assert "fallback" in out
    assert "mine" in out
    assert main(["--do", "fly"]) == 2
    assert "no act begins with 'fly'" in capsys.readouterr().err
    assert main(["--do", "fill", "--scenario", "laptop-arm64"]) == 2
    assert "--do is for the simulator" in capsys.readouterr().err


def test_diagnose_finds_a_failure_behind_areas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Areas have words of frames, and are passed over where a log is looked for."""
    file = tmp_path / "text"
    area = "0xffffffffc0000000-0xffffffffc0005000   20480 execmem_vmalloc+0x1/0x2 pages=4 vmalloc\n"
    file.write_text(area)
    assert main(["diagnose", str(file)]) == 0
    file.write_text(area + "vmap allocation for size 8192 failed: use vmalloc=<size>\n")
    assert main(["diagnose", str(file)]) == 1
    assert "8192" in capsys.readouterr().out


def test_diagnose_finds_nothing_in_a_log_without_failures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was refused as no capture, with the advice to use `diagnose`."""
    file = tmp_path / "dmesg"
    file.write_text("[    0.000000] Linux version 6.12.0\n[    2.500000] usb 1-1: new device\n")
    assert main(["diagnose", str(file)]) == 0
    assert "no message about executable memory" in capsys.readouterr().out
    assert main(["map", str(file)]) == 2
    assert "`execmem-tui diagnose` reads logs" in capsys.readouterr().err
    file.write_text("no capture either\n")
    assert main(["diagnose", str(file)]) == 2


@pytest.mark.parametrize("arguments", [["keys"], ["map", "/nowhere"]])
def test_the_collector_is_left_as_it_was(arguments: list[str]) -> None:
    """Many commands in one process would else keep what all of them left in circles."""
    before = gc.get_threshold()
    main(arguments)
    assert gc.get_threshold() == before

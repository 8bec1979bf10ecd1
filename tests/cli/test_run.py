"""run and scenarios.

Documents under their schemas, exit codes, comparisons, sweeps that do not depend on who computes
them.
"""

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from execmem_tui.cli.main import main
from execmem_tui.cli.run import _progress
from execmem_tui.help import page
from execmem_tui.scenarios.reader import library, open_scenario
from execmem_tui.scenarios.sweep import Sweep, parse_seeds, sweep

DATA = Path(__file__).parents[1] / "data"
SMALL = """\
title = "Two CPUs and a draw"
arch = "x86"
kernel = "7.1"
[[steps]]
concurrently = 4
steps = [{ alloc = "MODULE_DATA", size = "40K", owner = "a" }, { free = "a", count = 1 }]
[[steps]]
alloc = "MODULE_TEXT"
size = "900K"
count = 7
[[steps]]
expect = ["failures == 0", "areas.MODULE_TEXT == 7"]
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return str(path)


def document(
    capsys: pytest.CaptureFixture[str], command: str, *arguments: str, code: int = 0
) -> dict[str, Any]:
    assert main([command, *arguments, "--json"]) == code
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    schema = json.loads((files("execmem_tui") / "cli" / "schemas" / f"{command}.json").read_text())
    jsonschema.validate(loaded, schema)
    return loaded


def test_the_library_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    rows = document(capsys, "scenarios")["scenarios"]
    assert [row["name"] for row in rows] == list(library())
    assert len(rows) >= 24
    assert all(row["source"] for row in rows)
    assert main(["scenarios"]) == 0
    assert "x86-many-cpu-dup" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--names", "--steps"])
def test_the_words_are_listed(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    words = document(capsys, "scenarios", flag)["vocabulary"]
    assert all(words.values())
    assert ("meters.BPF.largest_hole" in words) == (flag == "--names")


def test_a_run_is_a_document(capsys: pytest.CaptureFixture[str], small: str) -> None:
    found = document(capsys, "run", small)
    assert found["passed"]
    assert [entry["got"] for entry in found["expectations"]] == [0, 7]
    assert found["counters"]["frees"] == 4
    assert found["values"]["rox.blocks"] == 4


def test_a_failing_expectation_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(SMALL.replace("== 7", "== 8"))
    assert not document(capsys, "run", str(path), code=1)["passed"]
    assert main(["run", str(path)]) == 1
    assert f"FAILS  areas.MODULE_TEXT == 8; it is 7  ({path}:12)" in capsys.readouterr().out


def test_a_broken_file_is_exit_code_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(SMALL.replace("owner", "ownr"))
    assert main(["run", str(path)]) == 2
    assert f"{path}:6: unknown key 'ownr'" in capsys.readouterr().err
    assert main(["run", str(tmp_path / "missing.toml")]) == 2
    assert main(["run", "nothing"]) == 2


def test_the_text_of_a_run_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "arm64-4.4-zfs"])
    main(["run", "x86-many-cpu-dup", "--against", "variant=x86_64-4level-kasan-novmalloc"])
    main(["run", "bpf-pack-density", "--seeds", "1..5", "--jobs", "1"])
    golden = DATA / "golden" / "run.txt"
    assert capsys.readouterr().out == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "name", "change"),
    [
        (["rox_cache=off"], "ROX blocks", -4),
        (["kernel=6.12"], "ROX blocks", -4),
        (["kaslr=7"], "failures", 0),
        (["huge_pages=no", "cpus=8"], "allocations", 0),
    ],
)
def test_two_settings_side_by_side(
    capsys: pytest.CaptureFixture[str], small: str, changes: list[str], name: str, change: int
) -> None:
    found = document(capsys, "run", small, "--against", *changes)
    rows = {row["name"]: row for row in found["differences"]}
    assert rows[name]["change"] == change
    assert all(row["after"] - row["before"] == row["change"] for row in rows.values())
    assert found["against"]["counters"]["allocations"] == rows["allocations"]["after"]


def test_what_no_kernel_does_is_labelled(capsys: pytest.CaptureFixture[str], small: str) -> None:
    found = document(capsys, "run", small, "--with", "arch=arm64", "--against", "rox_cache=on")
    assert found["labels"] == ["hypothetical: arm64 7.1.8 has no ROX cache"]
    assert {row["name"]: row["after"] for row in found["differences"]}["ROX blocks"] > 0
    assert main(["run", small, "--with", "arch=arm64", "--against", "rox_cache=on", "--map"]) == 0
    text = capsys.readouterr().out
    assert "hypothetical: arm64" in text
    assert text.count("MODULE ") >= 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--against", "rox_cache"],
        ["--against", "rox_cache=maybe"],
        ["--against", "nonsense=3"],
        ["--against", "module_growth=0"],
        ["--with", "arch=arm64,kernel=6.12", "--against", "rox_cache=on"],
        ["--seeds", "5..1"],
        ["--seeds", "x"],
        ["--seeds", "1..9999999999"],
        ["--seeds", "1..3", "--jobs", "0"],
        ["--seeds", "1..3", "--against", "cpus=2"],
        ["--cluster", "tcp://127.0.0.1:1"],
    ],
)
def test_what_means_nothing_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], small: str, arguments: list[str]
) -> None:
    assert main(["run", small, *arguments]) == 2
    assert capsys.readouterr().err.startswith("execmem-tui: ")


def swept(small: str, jobs: int) -> Sweep:
    scenario = open_scenario(small)
    done: list[int] = []
    settings = scenario.settings.changed({"arch": "arm64"})
    found = sweep(
        scenario, settings, range(1, 31), jobs=jobs, progress=lambda some, _: done.append(some)
    )
    assert done[-1] == 30
    assert done == sorted(done)
    return found


def test_a_sweep_is_the_same_for_any_number_of_jobs(small: str) -> None:
    alone = swept(small, 1)
    assert [draw.seed for draw in alone.draws] == list(range(1, 31))
    assert len({draw.largest_hole for draw in alone.draws}) > 10
    assert swept(small, 2) == alone


def test_a_sweep_is_a_document(capsys: pytest.CaptureFixture[str], small: str) -> None:
    found = document(capsys, "run", small, "--seeds", "1..12", "--jobs", "1")
    assert found["seeds"] == {"first": 1, "last": 12}
    for measure in found["measures"].values():
        assert sum(count for _, count in measure["counts"]) == 12
        assert measure["least"] <= measure["median"] <= measure["most"]
    assert main(["run", small, "--seeds", "1..12", "--jobs", "1"]) == 0
    assert "#" in capsys.readouterr().out


def test_seeds() -> None:
    assert parse_seeds("1..3") == range(1, 4)
    assert parse_seeds("7") == range(7, 8)


def test_joblib_is_loaded_for_sweeps_only() -> None:
    import subprocess

    code = (
        "import sys; from execmem_tui.cli.main import main; main(['run', 'arm64-thinlto']);"
        " print('joblib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


def test_a_scenario_is_a_source(capsys: pytest.CaptureFixture[str], small: str) -> None:
    assert main(["map", "--scenario", small, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counters"]["allocations"] == 11
    assert sum(area["type"] == "MODULE_TEXT" for area in found["areas"]) == 7
    assert main(["map", str(DATA), "--scenario", small]) == 2


def test_the_example_of_the_manual_holds(tmp_path: Path) -> None:
    manual = page("scenarios")
    start = manual.index('    title = "')
    lines = manual[start : manual.index("\n\n", start)].splitlines()
    path = tmp_path / "manual.toml"
    path.write_text("\n".join(line.removeprefix("    ") for line in lines), encoding="utf-8")
    assert main(["run", str(path)]) == 0


def test_progress_is_one_line_that_ends(capsys: pytest.CaptureFixture[str]) -> None:
    for done in (10, 20):
        _progress(done, 20)
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert text.endswith("20/20 draws\n")
    assert "\x1b" not in text

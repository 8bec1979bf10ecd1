"""``kernels``: the record as a table, one kernel's rules, the difference of two;
documents under their schema."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from execmem_tui.cli.main import main
from execmem_tui.model.rules import MODELS, READ, rules


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["kernels", *arguments, "--json"]) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    schema = json.loads((files("execmem_tui") / "cli" / "schemas" / "kernels.json").read_text())
    jsonschema.validate(loaded, schema)
    return loaded


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["kernels", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_record_names_rule_version_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines(capsys)
    assert table[0].split() == ["RULE", "SINCE", "VALUE", "WHAT", "SOURCE"]
    row = next(line for line in table if line.startswith("vmap_nodes"))
    assert "6.9" in row
    assert row.endswith("mm/vmalloc.c: vmap_init_nodes")
    assert {line.split()[0] for line in table[1:]} == {rule.name for rule in rules()}
    gap = next(line for line in table if line.startswith("failed_start"))
    assert "after 6.12, by 6.16" in gap


def test_the_record_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys)
    assert found["models"] == list(MODELS)
    assert found["read"] == list(READ)
    cached = next(rule for rule in found["rules"] if rule["name"] == "rox_types")
    assert cached["architectures"] == ["x86"]
    assert [step["since"] for step in cached["steps"]] == [None, "6.15", "6.17", "7.3"]
    assert cached["steps"][-1]["value"] == "MODULE_TEXT KPROBES FTRACE BPF"


def test_two_kernels_differ(capsys: pytest.CaptureFixture[str]) -> None:
    rows = lines(capsys, "--diff", "6.12", "7.3")
    assert rows[0].split()[1:3] == ["6.12.107", "7.3.4"]
    found = {row["name"]: row for row in document(capsys, "--diff", "6.12", "7.3")["differences"]}
    assert (found["rox_types"]["before"], found["rox_types"]["known"]) == ("none", True)
    assert "execmem" not in found
    assert not {
        row["name"]: row for row in document(capsys, "--diff", "6.12", "6.14")["differences"]
    }["decay_empties_short"]["known"]


def test_equal_kernels_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, "--diff", "7.1", "7.1.13") == ["7.1.8 and 7.1.13 follow the same rules"]


def test_only_what_concerns_an_architecture(capsys: pytest.CaptureFixture[str]) -> None:
    names = {
        row["name"]
        for row in document(capsys, "--diff", "6.12", "7.3", "--arch", "aarch64")["differences"]
    }
    assert "rox_types" not in names
    assert "arm64_simulates_nop" in names


def test_one_kernel_marks_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines(capsys, "6.14", "--arch", "x86")
    assert next(line for line in table if line.startswith("failed_start")).split()[1] == "errno?"
    assert next(line for line in table if line.startswith("vmap_nodes")).split()[1] == "yes"
    assert table[-1].startswith("rules of 7.1.8; 6.14 differs in ")
    found = document(capsys, "6.14")
    assert {row["name"] for row in found["values"] if not row["known"]} >= {"failed_start"}
    assert not any("?" in line for line in lines(capsys, "7.1", "--arch", "arm64")[1:])


def test_a_version_that_is_none_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernels", "next"]) == 2
    assert "not a kernel version" in capsys.readouterr().err


def test_map_whatis_ranges_and_verify_say_which_rules(capsys: pytest.CaptureFixture[str]) -> None:
    simulated = ["--arch", "x86", "--kernel", "7.3.4"]
    for command in (["map"], ["whatis", "ffffffff81000000"], ["ranges"]):
        assert main([*command, *simulated, "--json"]) == 0
        loaded = json.loads(capsys.readouterr().out)
        told = (loaded["layouts"][0] if "layouts" in loaded else loaded)["rules"]
        assert told["model"] == "7.1.8"
        assert {"rule": "rox_types"}.items() <= told["differs"][0].items()
        assert main([*command, *simulated]) == 0
        streams = capsys.readouterr()
        text = " ".join((streams.out + streams.err).split())
        assert (
            "rules of 7.1.8; 7.3.4 differs in types in the ROX cache (MODULE_TEXT KPROBES FTRACE"
            " BPF); " in text
        )
        assert main([*command, *simulated[:3], "7.1", "--json"]) == 0
        loaded = json.loads(capsys.readouterr().out)
        assert "rules" not in loaded
        assert "rules" not in loaded.get("layouts", [{}])[0]


def test_verify_names_its_rules(capsys: pytest.CaptureFixture[str]) -> None:
    vector = str(Path(__file__).parents[1] / "data" / "vectors" / "dev-00-vmap-7.1.jsonl.gz")
    assert main(["verify", vector, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["rules"]
    assert (told["model"], told["read"]) == ("7.1.8", True)
    assert main(["verify", vector]) == 0
    assert "\nrules of 7.1.8" in capsys.readouterr().out


def test_all_layouts_of_a_kernel_follow_its_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ranges", "--all", "--kernel", "7.3.4", "--arch", "x86", "--json"]) == 0
    layouts = json.loads(capsys.readouterr().out)["layouts"]
    assert {layout["kernel"] for layout in layouts} == {"7.3.4"}
    cached = [
        layout for layout in layouts if "norox" not in layout["id"] and "x86_64" in layout["id"]
    ]
    assert cached
    assert all("EXECMEM_ROX_CACHE" in layout["types"]["BPF"]["flags"] for layout in cached)
    assert main(["ranges", "--all", "--kernel", "6.12", "--json"]) == 0
    layouts = json.loads(capsys.readouterr().out)["layouts"]
    assert {layout["kernel"] for layout in layouts} == {"6.12.107"}
    assert not any("norox" in layout["id"] for layout in layouts)


def test_a_terminal_gets_lines_that_it_has_room_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    for command in (
        ["kernels"],
        ["kernels", "6.10"],
        ["kernels", "--diff", "6.12", "7.1"],
        ["ranges"],
        ["ranges", "--explain", "MODULE_TEXT"],
        ["ranges", "--diff", "arm64:6.12", "arm64:7.1"],
        ["scenarios"],
        ["scenarios", "--names"],
    ):
        assert main(command) == 0
        piped = capsys.readouterr().out.splitlines()
        assert max(map(len, piped)) > 90, "a pipe gets each row in one line"
        with monkeypatch.context() as terminal:
            terminal.setattr("sys.stdout.isatty", lambda: True, raising=False)
            assert main(command) == 0
        told = capsys.readouterr().out.splitlines()
        assert max(map(len, told)) <= 90
        assert len(told) > len(piped)

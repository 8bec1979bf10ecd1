"""``diff`` and ``whatis`` on captures.

Documents under their schemas, text as golden, phases named three ways.
"""

from pathlib import Path

import pytest

from execmem_tui.cli.main import main
from tests.cli.test_commands import document

DATA = Path(__file__).parents[1] / "data"
RUN = str(DATA / "captures" / "amd64-7.2.13-kaslr")


def test_two_phases_of_a_run_named_three_ways(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "diff", RUN, "--phases", "1-modules", "4a-bpf-200")
    assert document(capsys, "diff", f"{RUN}:1-modules", f"{RUN}:4a-bpf-200") == found
    folders = document(capsys, "diff", f"{RUN}/1-modules", f"{RUN}/4a-bpf-200")
    assert folders["owners"] == found["owners"]
    assert found["basis"] == "address"
    assert len(found["programs"]["loaded"]) == 281
    assert {area["owner"] for area in found["allocated"] if area["type"] == "FTRACE"} == {
        "ftrace_trampoline"
    }
    (packed,) = found["changed"]
    assert (packed["owner"], packed["growth"], packed["before"]["start"]) == (
        "bpf_prog_pack",
        0,
        packed["start"],
    )


def test_the_text_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", RUN, "--phases", "1-modules", "4a-bpf-200"]) == 0
    assert capsys.readouterr().out == (DATA / "golden" / "diff-phases.txt").read_text(
        encoding="utf-8"
    )


def test_other_draws_and_other_kernels_are_compared_by_owner(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = str(DATA / "captures" / "arm64-7.2.13-nokaslr")
    found = document(capsys, "diff", f"{RUN}:1-modules", f"{other}:1-modules")
    assert found["basis"] == "offset"
    assert found["moved"]
    assert all(area["before"]["owner"] == area["owner"] for area in found["moved"])


@pytest.mark.parametrize(
    "arguments", [[RUN], [RUN, RUN, "--phases", "0-boot", "1-modules"], [RUN, "nowhere"]]
)
def test_what_cannot_be_compared_is_said(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", *arguments]) == 2
    assert capsys.readouterr().err.startswith("execmem-tui: ")


def test_whatis_names_programs_guards_the_image_and_holes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def at(address: str, phase: str = "4a-bpf-200") -> dict[str, object]:
        return document(capsys, "whatis", address, RUN, "--phase", phase)

    program = at("ffffffffc0249700")
    assert program["owner"] == "bpf_prog_pack"
    assert program["inside"] == {
        "name": "bpf_prog_6dc56054b3cd9e65_a0",
        "start": "0xffffffffc024965c",
    }
    guard = at("ffffffffc0449010")
    assert (guard["place"], guard["inside"]) == ("guard", None)
    image = at("ffffffff8b94aa88")
    assert (image["place"], image["area"], image["distance"]) == ("image", None, 0)
    assert image["inside"] == {"name": "ftrace_regs_caller", "start": "0xffffffff8b94aa80"}
    hole = at("ffffffffc7000000")
    assert (hole["place"], hole["area"]) == ("hole", None)
    assert main(["whatis", "ffffffffc7000000", RUN]) == 1
    text = capsys.readouterr().out
    assert "free: a hole of 976M" in text
    assert "in the range of MODULE_TEXT" in text
    assert main(["whatis", "ffffffff8b94aa88", RUN]) == 0
    assert "kernel image, ftrace_regs_caller+0x8" in capsys.readouterr().out


def test_whatis_of_old_kernels_tells_the_region_inside_one_area(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = document(capsys, "whatis", "f7aef078", str(DATA / "captures" / "i386-6.1"))
    assert (found["owner"], found["region"], found["type"]) == ("ath", "MOD_RODATA", "MODULE_DATA")


def test_one_table_wherever_kaslr_put_the_windows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "--table", RUN, "--phases", "0-boot", "1-modules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("A  amd64-7.2.13-kaslr 0-boot")
    assert lines[1].startswith("B  amd64-7.2.13-kaslr 1-modules")
    assert "only B" in lines[2]
    assert lines[4].split()[:5] == ["owner", "region", "A", "B", "delta"]
    assert lines[5].split()[:5] == ["xfs", "data", "–", "1.8M", "+1.8M"]


def test_against_without_a_terminal_is_the_map_and_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--empty", "--arch", "arm64", "--against", "step=0"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing to compare"
    assert main(["--empty", "--against", "step=9"]) == 2
    assert "no step 9" in capsys.readouterr().err

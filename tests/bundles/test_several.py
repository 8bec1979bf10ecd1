"""Captures of several machines in one folder are not phases of one run."""

from pathlib import Path

import pytest

from execmem_tui.bundles.run_folder import phase_folders
from execmem_tui.bundles.several import SeveralCapturesError, check_single
from execmem_tui.model.errors import InputError

LONG = "0xffff80007b000000-0xffff80007b003000   12288 load_module+0x1/0x2 pages=2 vmalloc\n"
SHORT = "0xf19fa000-0xf19fd000   12288 load_module+0x1/0x2 pages=2 vmalloc\n"


def phase(folder: Path, line: str = LONG, version: str = "") -> None:
    folder.mkdir(parents=True)
    (folder / "vmallocinfo").write_text(line)
    if version:
        (folder / "version").write_text(version)


def test_phases_of_one_machine_are_a_run(tmp_path: Path) -> None:
    phase(tmp_path / "0-boot", version="Linux version 6.12\n")
    phase(tmp_path / "1-modules")
    (tmp_path / "logs").mkdir()
    check_single(tmp_path)
    check_single(tmp_path / "0-boot")


@pytest.mark.parametrize("other", ["another kernel", "another word size", "a run"])
def test_other_machines_are_told(tmp_path: Path, other: str) -> None:
    phase(tmp_path / "a", version="Linux version 6.12\n")
    if other == "a run":
        phase(tmp_path / "b" / "0-boot")
    else:
        kernel = other == "another kernel"
        phase(tmp_path / "b", LONG if kernel else SHORT, "Linux version 7.1\n" if kernel else "")
    with pytest.raises(
        SeveralCapturesError, match="2 captures of different machines: a, b"
    ) as told:
        check_single(tmp_path)
    assert told.value.names == ("a", "b")
    (tmp_path / "meta.toml").write_text("")
    check_single(tmp_path)  # somebody says that it is one run


def test_many_are_counted(tmp_path: Path) -> None:
    for number in range(13):
        phase(tmp_path / f"m{number:02}", version=f"Linux version {number}\n")
    with pytest.raises(SeveralCapturesError, match=r"13 captures .* m09 and 3 more") as told:
        check_single(tmp_path)
    assert len(told.value.names) == 13


def test_phases_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "vmallocinfo").touch()
    assert len(phase_folders(tmp_path)) == 4
    monkeypatch.setattr("execmem_tui.bundles.run_folder._MOST_PHASES", 3)
    with pytest.raises(InputError, match="more than 3 phases"):
        phase_folders(tmp_path)

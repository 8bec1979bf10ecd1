"""A bundle gets its name at once or not at all, and never anybody else's."""

import errno
import os
from pathlib import Path

import pytest

from execmem_tui.bundles.writer import check_target, write_bundle
from execmem_tui.formats.manifest import Manifest
from execmem_tui.model.errors import UsageError

MANIFEST = Manifest(
    tool="t",
    time="2026-01-01T00:00:00Z",
    machine="aarch64",
    arch="arm64",
    kernel="7.1",
    page_size=4096,
    cpus=1,
    anonymised=False,
    phases=(),
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "version").write_text("Linux version 7.1\n")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_link_to_nowhere_is_not_followed(tmp_path: Path, run: Path) -> None:
    target = tmp_path / "out.tar"
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is there already"):
        check_target(target)
    with pytest.raises(UsageError, match="is there already"):  # it came after the check
        write_bundle(run, target, MANIFEST)
    assert names(tmp_path) == ["out.tar", "run"]
    assert target.is_symlink()


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path, run: Path) -> None:
    target = tmp_path / "out.tar"
    check_target(target)
    target.write_bytes(b"somebody's")
    with pytest.raises(UsageError, match="is there already"):
        write_bundle(run, target, MANIFEST)
    assert target.read_bytes() == b"somebody's"
    assert names(tmp_path) == ["out.tar", "run"]


def test_without_hard_links_it_is_copied(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, target = tmp_path / "usual.tar", tmp_path / "out.tar"
    write_bundle(run, usual, MANIFEST)

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_bundle(run, target, MANIFEST)
    assert target.stat().st_size == usual.stat().st_size
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="is there already"):
        write_bundle(run, target, MANIFEST)

    monkeypatch.setattr("shutil.copyfileobj", refuse)
    with pytest.raises(OSError, match="not permitted"):
        write_bundle(run, tmp_path / "half.tar", MANIFEST)
    assert names(tmp_path) == ["out.tar", "run", "usual.tar"]


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(run, tmp_path / "out.tar", MANIFEST)
    assert names(tmp_path) == ["run"]

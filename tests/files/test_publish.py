"""A new file is written whole or not at all, and nothing is overwritten."""

import errno
import os
from pathlib import Path

import pytest

from execmem_tui.files.publish import publish, write_new
from execmem_tui.model.errors import UsageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_is_its_owners_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_new(tmp_path / "map.txt", "√ one\ntwo\n")
    assert (tmp_path / "map.txt").read_bytes() == "√ one\ntwo\n".encode()
    assert (tmp_path / "map.txt").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["map.txt"]


@pytest.mark.parametrize("dangling", [False, True])
def test_what_is_there_stays(tmp_path: Path, dangling: bool) -> None:
    target = tmp_path / "map.txt"
    if dangling:
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already"):
        write_new(target, "other")
    made = tmp_path / "made"
    made.write_text("other", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already"):
        publish(made, target)  # it came while the file was made
    assert names(tmp_path) == ["made", "map.txt"]
    assert dangling or target.read_text(encoding="utf-8") == "mine"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*map.txt'"):
        write_new(tmp_path / "map.txt", "text")
    assert names(tmp_path) == []

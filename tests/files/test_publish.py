"""A new file is written whole or not at all, and nothing is overwritten."""

import errno
import os
from pathlib import Path

import pytest

from execmem_tui.files.publish import publish, refuse_existing, write_new, written_as
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


def test_a_name_that_something_has_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    refuse_existing(tmp_path / "free")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (tmp_path, tmp_path / "link"):
        with pytest.raises(UsageError, match="is there already"):
            refuse_existing(taken)


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_without_hard_links_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_link(*_: object) -> None:
        raise OSError(number, "no links here")

    monkeypatch.setattr(os, "link", no_link)
    target = tmp_path / "map.png"
    write_new(target, b"\x89PNG")
    assert target.read_bytes() == b"\x89PNG"
    assert target.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["map.png"]
    made = tmp_path / "made"
    made.write_bytes(b"other")
    with pytest.raises(UsageError, match="is there already"):
        publish(made, target)
    assert target.read_bytes() == b"\x89PNG"


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    made = tmp_path / "made"
    made.write_bytes(b"data")
    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        publish(made, tmp_path / "map")
    assert names(tmp_path) == ["made"]


def test_what_else_hinders_a_link_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy would fail too, or go where it should not."""

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", broken)
    with pytest.raises(OSError, match="Input/output error"):
        write_new(tmp_path / "map", "text")
    assert names(tmp_path) == []


def test_an_error_with_a_name_or_without_a_number_stays_as_it_is(tmp_path: Path) -> None:
    for error in (OSError(errno.EIO, "bad", "elsewhere"), OSError("no number")):
        with pytest.raises(OSError) as caught, written_as(tmp_path):  # noqa: PT011 - the very one
            raise error
        assert caught.value is error
    with pytest.raises(OSError, match="bad") as caught, written_as(tmp_path):
        raise OSError(errno.EIO, "bad")
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(tmp_path))

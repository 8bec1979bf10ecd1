"""Private folders, and those that killed runs left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from execmem_tui.files.private import private_folder, remove_left


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_ones_own_and_goes(place: Path) -> None:
    with private_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0 or folder.parent.stat().st_mode & 0o077 == 0
        (folder / "f").write_bytes(b"x")
        assert remove_left() == []  # it is in use
        with private_folder() as second:
            assert second != folder
    assert list(place.iterdir()) == []


def test_what_a_killed_run_left_is_removed(place: Path) -> None:
    code = (
        "import os, signal\n"
        "from execmem_tui.files.private import private_folder\n"
        "with private_folder() as folder:\n"
        "    (folder / 'vmallocinfo').write_bytes(b'addresses')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, env={**os.environ, "TMPDIR": str(place)}
    )
    assert done.returncode == -signal.SIGKILL
    (left,) = place.iterdir()
    assert (left / "content" / "vmallocinfo").exists()
    with private_folder() as folder:
        assert not left.exists()
        assert list(place.iterdir()) == [folder.parent]


def test_what_is_not_surely_left_stays(place: Path, tmp_path: Path) -> None:
    (place / "execmem-tui-new").mkdir()  # made, its lock not held yet
    (place / "execmem-tui-file").write_bytes(b"")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".lock").write_bytes(b"")
    (place / "execmem-tui-link").symlink_to(elsewhere)
    assert remove_left() == []
    assert (elsewhere / ".lock").exists()
    assert remove_left(place / "nowhere") == []


def test_a_folder_of_another_user_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = place / "execmem-tui-left"
    left.mkdir()
    (left / ".lock").write_bytes(b"")
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    assert remove_left() == []
    monkeypatch.undo()
    assert remove_left(place) == [left]

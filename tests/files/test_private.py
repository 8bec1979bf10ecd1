"""Private folders, and those that killed runs left."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from execmem_tui.files.private import named_as, private_folder, remove_left
from execmem_tui.model.errors import InputError


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


def test_a_run_that_is_killed_while_it_removes_leaves_nothing_for_good(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock went before what it stands for: six hundred megabytes stayed for ever."""
    gone: list[str] = []

    def note(path: Path, **_: object) -> None:
        gone.append(Path(path).name)

    monkeypatch.setattr("execmem_tui.files.private.shutil.rmtree", note)
    with private_folder() as folder:
        (folder / "f").write_bytes(b"x")
    assert gone == ["content", folder.parent.name]
    monkeypatch.undo()
    (folder.parent / ".lock").unlink()  # as such runs left it before
    assert remove_left(place) == [folder.parent]
    assert list(place.iterdir()) == []


def test_where_there_is_no_room_is_said(place: Path) -> None:
    with pytest.raises(OSError, match=f"No space left on device: '{place}'"), private_folder():
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left on device: 'mine'"), private_folder():
        raise OSError(errno.ENOSPC, "No space left on device", "mine")
    with pytest.raises(OSError, match=r"error$"), private_folder():
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("when", ["made", "removed", "before"])
def test_a_signal_while_one_is_made_or_removed_leaves_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def ended(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    real_make, real_remove, real_mask = tempfile.mkdtemp, shutil.rmtree, signal.pthread_sigmask
    raised: list[str] = []

    def once() -> None:
        if not raised:
            raised.append(when)
            signal.raise_signal(signal.SIGTERM)

    def make(**options: str) -> str:
        made = real_make(**options)
        if when == "made":
            once()
        return made

    def remove(path: Path, **_: object) -> None:
        if when == "removed":
            once()
        real_remove(path, ignore_errors=True)

    def mask(how: int, signals: Iterable[int]) -> object:
        if when == "before" and list(place.glob("*/content/f")):
            once()
        return real_mask(how, signals)

    monkeypatch.setattr("execmem_tui.files.private.mkdtemp", make)
    monkeypatch.setattr("shutil.rmtree", remove)
    monkeypatch.setattr("signal.pthread_sigmask", mask)
    before = signal.signal(signal.SIGTERM, ended)
    try:
        with pytest.raises(SystemExit), private_folder() as folder:
            (folder / "f").write_bytes(b"x")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert raised == [when]
    assert list(place.iterdir()) == []
    assert signal.SIGTERM not in real_mask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/private/x", "bundle"),
        ("/private/x/run/trace", "bundle/run/trace"),
        ("/private/xy", "/private/xy"),
        ("/elsewhere", "/elsewhere"),
    ],
)
def test_nobody_is_told_a_private_path(path: str, shown: str) -> None:
    with pytest.raises(InputError) as caught, named_as(Path("/private/x"), "bundle"):
        raise InputError(path, 7, "wrong", column=3, hint="do this")
    error = caught.value
    assert (error.path, error.line, error.message, error.column, error.hint) == (
        shown,
        7,
        "wrong",
        3,
        "do this",
    )

"""Whose instance may be removed, and why none can be made."""

import errno
import os
from pathlib import Path

import pytest

from execmem_tui.kernel.reasons import lockdown, why_refused
from execmem_tui.kernel.tracefs import TraceInstance, find_tracing, remove_stale
from execmem_tui.model.errors import UsageError


@pytest.fixture
def tracing(tmp_path: Path) -> Path:
    found = tmp_path / "tracing"
    (found / "instances").mkdir(parents=True)
    (found / "events" / "vmalloc").mkdir(parents=True)
    return found


def test_what_somebody_holds_open_is_left_as_it_is(
    tracing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tracing / "instances" / "execmem-tui-4243"
    enable = held / "events" / "vmalloc" / "enable"
    enable.parent.mkdir(parents=True)
    enable.write_text("1")

    def busy(path: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy", str(path))

    monkeypatch.setattr(Path, "rmdir", busy)
    assert remove_stale(tracing, tmp_path / "proc") == []
    assert enable.read_text() == "1"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EPERM])
def test_why_no_instance_can_be_made(
    tracing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = Path.mkdir

    def refuse(path: Path) -> None:
        if path.parent.name == "instances":
            raise OSError(number, os.strerror(number))
        real(path)

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UsageError, match="no instance can be made") as caught:
        TraceInstance(tracing, tmp_path)
    assert ("mounted read-only" in caught.value.hint) == (number == errno.EROFS)


def test_tracefs_may_lie_in_debugfs(tracing: Path, tmp_path: Path) -> None:
    assert find_tracing((tmp_path / "nowhere", tracing)) == tracing
    assert find_tracing((tmp_path / "a", tmp_path / "b")) == tmp_path / "a"


@pytest.mark.parametrize(
    ("state", "cmdline", "level"),
    [
        ("none [integrity] confidentiality\n", "", "integrity"),
        ("none integrity [confidentiality]\n", "", "confidentiality"),
        ("[none] integrity confidentiality\n", "quiet", ""),
        (None, "quiet lockdown=confidentiality", "confidentiality"),
        (None, "xlockdown=integrity", ""),
        (None, None, ""),
    ],
)
def test_lockdown(tmp_path: Path, state: str | None, cmdline: str | None, level: str) -> None:
    for name, text in (("sys/kernel/security/lockdown", state), ("proc/cmdline", cmdline)):
        if text is not None:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
    assert lockdown(tmp_path) == level


def test_reasons_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    senseless = OSError(errno.EINVAL, "Invalid argument")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert why_refused(denied, tmp_path) == "Permission denied: it takes root"
    assert why_refused(senseless, tmp_path) == "Invalid argument"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert why_refused(senseless, tmp_path) == "Invalid argument"
    assert why_refused(denied, tmp_path) == "Permission denied, though this is root"
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cmdline").write_text("lockdown=integrity\n")
    assert why_refused(denied, tmp_path) == "the kernel is locked down (integrity)"
    assert why_refused(senseless, tmp_path) == "the kernel is locked down (integrity)"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert why_refused(denied, tmp_path) == "Permission denied: it takes root"
    assert why_refused(OSError(errno.ENOENT, "No such file"), tmp_path) == "it is not there"
    assert why_refused(OSError(errno.EIO, "Input/output error"), tmp_path) == "Input/output error"

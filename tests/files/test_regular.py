"""What should be a file is one, or is refused without waiting."""

import errno
import io
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from execmem_tui.bundles.text_folder import spooled
from execmem_tui.files.archive import is_archive
from execmem_tui.files.opscript import OpScript
from execmem_tui.files.packed import read_lines
from execmem_tui.files.regular import is_descriptor, named, open_file, read_bounded, user_path
from execmem_tui.model.errors import InputError, UsageError


def test_a_file_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"text")
    with open_file(file) as opened:
        assert opened.read() == b"text"
        assert opened.name == str(file) or opened.name == file


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo, sock = tmp_path / "fifo", tmp_path / "sock"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sock))
    with pytest.raises(InputError, match="fifo: a FIFO, where a file is wanted"):
        open_file(fifo)
    with pytest.raises(InputError, match="/dev/zero: a device"):
        open_file(Path("/dev/zero"))
    with pytest.raises(OSError, match="Is a directory"):
        open_file(tmp_path)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number says it
        open_file(sock)
    assert caught.value.errno == errno.ENXIO


def test_a_descriptor_of_a_pipe_is_meant() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"through a pipe")
    os.close(writer)
    with open_file(Path(f"/dev/fd/{reader}")) as opened:
        assert os.get_blocking(opened.fileno())
        assert opened.read() == b"through a pipe"
    os.close(reader)
    assert is_descriptor(Path("/dev/stdin"))
    assert is_descriptor(Path("/proc/self/fd/3"))
    assert not is_descriptor(Path("/dev/fd/x"))
    assert not is_descriptor(Path("/tmp/fd/3"))  # noqa: S108 - nothing is there


def test_a_pipe_that_is_only_written_to_is_not_waited_for() -> None:
    read_end, write_end = os.pipe()
    try:
        with pytest.raises(InputError, match="a pipe that is only written to"):
            open_file(Path(f"/proc/self/fd/{write_end}"))
        with pytest.raises(InputError, match="only written to"), spooled(f"/dev/fd/{write_end}"):
            raise AssertionError
    finally:
        os.close(read_end)
        os.close(write_end)


def test_small_files_are_bounded(tmp_path: Path) -> None:
    file = tmp_path / "meta.toml"
    file.write_bytes(b"x" * 10)
    assert read_bounded(file, 10) == b"x" * 10
    with pytest.raises(InputError, match="more than 9 bytes"):
        read_bounded(file, 9)


def read_whole(path: Path) -> bytes:
    with open_file(path) as file:
        return file.read()


@pytest.mark.parametrize(
    "read",
    [
        lambda path: read_bounded(path, 10),
        lambda path: list(read_lines(path)),
        read_whole,
        is_archive,
        lambda path: OpScript(str(path)),
    ],
    ids=["bounded", "lines", "whole", "archive", "op script"],
)
def test_errors_while_reading_name_the_file(read: Callable[[Path], object]) -> None:
    """The system says no name; that of a text's first bytes was missing."""
    with pytest.raises(OSError, match="Input/output error: '/proc/self/mem'") as caught:
        read(Path("/proc/self/mem"))
    assert caught.value.filename == "/proc/self/mem"
    assert isinstance(named(PermissionError(13, "no"), Path("x")), PermissionError)


def test_paths_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert user_path("~/x") == Path("/home/me/x")
    assert user_path("~nosuchuser/x") == Path("~nosuchuser/x")
    with pytest.raises(UsageError, match="no path"):
        user_path("a\0b")


@pytest.mark.parametrize("size", [-1, 10])
def test_what_would_wait_for_more_is_refused(tmp_path: Path, size: int) -> None:
    """/proc/kmsg and trace_pipe are regular files by their kind. A pipe that waits stands for
    them."""
    (tmp_path / "f").touch()
    with open_file(tmp_path / "f") as opened:
        raw = type(opened.raw)  # type: ignore[attr-defined]
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with io.BufferedReader(raw(reader, "rb")) as waiting:
        with pytest.raises(InputError, match="it waits for more to come"):
            waiting.read(size)
        os.write(writer, b"text")
        os.close(writer)
        assert waiting.read(4) == b"text"


def test_a_descriptor_is_no_excuse_for_a_device() -> None:
    handle = os.open(os.devnull, os.O_RDONLY)
    try:
        with pytest.raises(InputError, match="a device, where a file is wanted"):
            open_file(Path(f"/dev/fd/{handle}"))
    finally:
        os.close(handle)


def test_standard_input_is_a_descriptor_too() -> None:
    reader, writer = os.pipe()
    before = os.dup(0)
    try:
        os.write(writer, b"text")
        os.close(writer)
        os.dup2(reader, 0)
        with open_file(Path("/dev/stdin")) as file:
            assert file.read() == b"text"
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reader)

"""The door: text of any kind, from any place, opens."""

import io
from pathlib import Path

import pytest

from execmem_tui.cli.main import main
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.sources.opening import open_path

AREAS = """\
0xffffc90000000000-0xffffc90000005000   20480 map_irq_stack+0x93/0xe0 vmap
0xffffc90000005000-0xffffc90000007000    8192 bpf_prog_alloc+0x3e/0xb0 pages=1 vmalloc
0xffffffffc0c88000-0xffffffffc0cb6000  188416 load_module+0x1401/0x2c20 pages=45 vmalloc
"""
VERSION = "Linux version 5.8.0-63-generic (b@h) (x86_64-linux-gnu-gcc 10) #71 SMP\n"


def starts(*names: object) -> list[int]:
    source = open_path([str(name) for name in names])
    return [area.start for area in source.history.snapshot().areas if area.caller]


WANTED = [0xFFFFC90000000000, 0xFFFFC90000005000, 0xFFFFFFFFC0C88000]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "pasted"
    path.write_bytes(AREAS.encode(encoding))
    assert starts(path) == WANTED


def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("-", "/dev/stdin"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(AREAS.encode())))
        assert main(["map", name, "--json"]) == 0
        assert "0xffffffffc0c88000" in capsys.readouterr().out


def test_files_of_one_machine_in_any_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text(VERSION)
    second.write_text(AREAS)
    for names in ([first, second], [second, first]):
        source = open_path([str(name) for name in names])
        assert source.history.layout.kernel == "5.8.0-63-generic"
        assert starts(*names) == WANTED
    with pytest.raises(UsageError, match="is a folder"):
        open_path([str(first), str(tmp_path)])


def test_a_folder_whose_names_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text(VERSION)
    (tmp_path / "y.log").write_text(AREAS)
    assert starts(tmp_path) == WANTED


def test_what_had_to_be_mended_is_in_the_notes(tmp_path: Path) -> None:
    path = tmp_path / "pasted"
    path.write_text(AREAS + AREAS)
    notes = open_path(str(path)).history.layout.notes
    assert any("repeats itself" in note for note in notes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x7fELF\x02\x01\x01", "an ELF file"),
        (b"", "empty"),
        (b"ffffffff81000000 T _text\n", "/proc/kallsyms alone"),
        (b"[    1.000000] usb 1-1: new device\n", "a kernel log"),
        (b"hello\n", "holds no line of /proc/vmallocinfo"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "what"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        open_path(str(path))
    assert caught.value.path == str(path)
    assert caught.value.hint


@pytest.mark.parametrize("command", ["map", "diagnose", "meters"])
@pytest.mark.parametrize(
    ("content", "line"),
    [(b"\n" * 1_100_000, ":"), (b"x" * 70_000, ":1: line too long"), (b"\x1f\x8b\x08x", ":1: ")],
)
def test_what_is_wrong_with_standard_input_names_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    content: bytes,
    line: str,
) -> None:
    """Not the private place where it was put."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert main([command, "-"]) == 2
    assert f"execmem-tui: stdin{line}" in capsys.readouterr().err

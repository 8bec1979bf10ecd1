"""Files of many megabytes that cost nothing to make: refused at a line."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from execmem_tui.cli.main import main
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.trace import parse_trace
from execmem_tui.model.errors import InputError

HEAD = "# tracer: nop\n#\n"
FREED = (
    "  a-7 [000] .....     1.000002: free_vmap_area_noflush: va_start=0xffffffffc0000000 nr_lazy=5"
    " nr_lazy_max=32768"
)


_LINES = ("", "\r", " ", "#", "x", "\0", "[", "0x", "\ufeff")
_OTHERS = ("", "x", "[")
"""For the commands that read with what `map` reads with: a million lines take a second or two."""


@pytest.mark.parametrize(
    ("command", "line"),
    [
        *(([word], line) for word in ("map", "verify", "diagnose") for line in _LINES),
        *((words, line) for words in (["meters"], ["ranges", "--dmesg"], []) for line in _OTHERS),
    ],
    ids=lambda words: " ".join(words) or "application" if isinstance(words, list) else repr(words),
)
def test_more_lines_than_text_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, command: list[str]
) -> None:
    file = tmp_path / "file"
    file.write_text(HEAD * (command == ["verify"]) + f"{line}\n" * 1_100_000, "utf-8")
    assert main([*command, str(file)]) == 2
    assert f"execmem-tui: {file}:" in capsys.readouterr().err


def test_an_empty_megabyte_is_read_and_more_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\n" * (1 << 20))
    assert len(list(read_lines(file))) == 1 << 20
    file.write_bytes(b"1234567\n" * (1 << 18))  # eight bytes each: as much text as is asked for
    assert len(list(read_lines(file))) == 1 << 18
    file.write_bytes(b"1234567\n" * (1 << 18) + b"\n" * 10)
    with pytest.raises(InputError, match="far more lines than text") as caught:
        list(read_lines(file))
    assert (caught.value.line or 0) > 1 << 17


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_fault_behind_many_lines_names_its_line(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """Nobody counts the lines of a plain file as long as it is sound."""
    file = tmp_path / "file"
    lines = b"".join(b"%0*d\n" % (20 + number % 90, number) for number in range(5_000))
    file.write_bytes(pack(lines + b"x" * 70_000 + b"\n"))
    with pytest.raises(InputError, match=":5001: line too long"):
        list(read_lines(file))


def _trace(comments: int, events: int) -> Iterator[tuple[int, str]]:
    for number in range(1, comments + events + 1):
        yield number, "# a comment" if number <= comments else FREED


def test_a_trace_of_nothing_but_comments_is_refused() -> None:
    with pytest.raises(InputError, match="are no events") as caught:
        list(parse_trace("trace", _trace(210_000, 0)))
    assert caught.value.line == 200_001
    assert len(list(parse_trace("trace", _trace(200_000, 5)))) == 5

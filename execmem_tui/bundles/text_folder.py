"""Text of any kind, from any place, as a folder of /proc files for as long as it is read.

A file's content decides what it is; several files, in any order, make one capture of one machine.
"""

import codecs
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from execmem_tui.files.packed import MAX_LINE, MAX_UNPACKED, read_blocks
from execmem_tui.files.private import named_as, private_folder
from execmem_tui.files.regular import open_file
from execmem_tui.model.errors import InputError, KernelLogError
from execmem_tui.model.records import frozen

if TYPE_CHECKING:
    from execmem_tui.formats.pasted import Pasted

STDIN: Final = "-"
_STDIN_NAMES: Final = (STDIN, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_PIPES: Final = ("/dev/fd/", "/proc/self/fd/")
_BLOCK: Final = 1 << 16
_MAGIC: Final = (
    (b"\x7fELF", "an ELF file: a kernel image, a module or a core dump"),
    (b"KDUMP", "a crash dump"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF"),
    (b"tracing", "a trace.dat: `trace-cmd report` makes text of it"),
    (b"\x17\x08\x44tracing", "a trace.dat: `trace-cmd report` makes text of it"),
    (b"PERFILE2", "a perf.data: `perf script` makes text of it"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)
_HINT: Final = (
    "a /proc/vmallocinfo is what a map is made of; modules, kallsyms, meminfo and version beside it"
    " name owners and ranges"
)


@frozen(kw_only=True)
class TextFolder:
    """What came in."""

    path: Path
    """A file to be opened by its content, or a folder with the files of /proc that were found."""
    notes: tuple[str, ...] = ()
    """What had to be mended or passed over."""


def is_stream(name: str) -> bool:
    """Whether `name` is standard input, or a pipe that the shell made: ``<(…)``."""
    if name in _STDIN_NAMES:
        return True
    if not name.startswith(_PIPES):
        return False
    try:
        return not stat.S_ISREG(os.stat(name).st_mode)  # noqa: PTH116 - a descriptor, not a path
    except OSError:
        return False


@contextmanager
def spooled(name: str) -> Iterator[Path]:
    """Yield a stream's bytes as a file in a private place.

    Raises:
        InputError: it is far too long, no pipe, or one that is only written to.
        OSError: it cannot be read.
    """
    title = "stdin" if name in _STDIN_NAMES else "pipe"
    with private_folder() as private:
        target = private / title
        if name in _STDIN_NAMES:
            _spool(sys.stdin.buffer, target, title)
        else:
            with open_file(Path(name)) as stream:
                _spool(stream, target, title)
        with named_as(target, title):
            yield target


def _spool(stream: IO[bytes], target: Path, title: str) -> None:
    total = 0
    with target.open("wb") as file:
        while block := stream.read(_BLOCK):
            total += len(block)
            if total > MAX_UNPACKED:
                raise InputError(title, None, "longer than 1 GiB")
            file.write(block)


def _decoder(head: bytes) -> codecs.IncrementalDecoder:
    """Return the decoder that a file's first bytes ask for: editors on Windows write UTF-16."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return codecs.getincrementaldecoder("utf-16")("replace")
    if len(head) > 3 and head[1] == 0 == head[3]:
        return codecs.getincrementaldecoder("utf-16-le")("replace")
    return codecs.getincrementaldecoder("utf-8")("replace")


def decoded_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line) of a text in whatever encoding it has.

    Raises:
        InputError: it cannot be unpacked, is far too big, or has a line that no kernel prints.
        OSError: it cannot be read.
    """
    decoder: codecs.IncrementalDecoder | None = None
    number, rest = 0, ""
    try:
        for block in read_blocks(path):
            if decoder is None:
                decoder = _decoder(block)
            lines = (rest + decoder.decode(block)).split("\n")
            rest = lines.pop()
            yield from enumerate(lines, number + 1)
            number += len(lines)
            _check_rest(path, number + 1, rest)
    except InputError as error:
        if error.line is not None:
            raise
        raise InputError(error.path, number + 1, error.message, hint=error.hint) from error
    if decoder is not None:
        rest += decoder.decode(b"", final=True)
    if rest:
        yield number + 1, rest


def _check_rest(path: Path, number: int, rest: str) -> None:
    """Refuse a line whose end does not come: in UTF-16 half of a letter may look like one."""
    if len(rest) > MAX_LINE:
        raise InputError(str(path), number, "line too long")


def _kind_of(path: Path) -> str | None:
    """Return what a file seems to be that is no text of a kernel, or None."""
    with open_file(path) as file:
        head = file.read(512)
    found = next((what for magic, what in _MAGIC if head.startswith(magic)), None)
    if found is not None:
        return found
    return "empty" if not head else None


def _refuse(path: Path, name: str, pasted: "Pasted") -> InputError:
    """Return the error that says what a text without areas seems to be, and what would help."""
    from execmem_tui.formats.pasted import Kind

    seems = _kind_of(path)
    found = [kind.value for kind in pasted.files]
    if seems is None and Kind.LOG in pasted.files:
        return KernelLogError(
            name,
            pasted.first,
            "holds no line of /proc/vmallocinfo: it is a kernel log",
            hint="`execmem-tui diagnose` reads logs",
        )
    if seems is None and found:
        seems = f"/proc/{', /proc/'.join(found)} alone"
    told = "" if seems is None else f": it is {seems}"
    return InputError(name, pasted.first, f"holds no line of /proc/vmallocinfo{told}", hint=_HINT)


@contextmanager
def text_folder(files: Sequence[Path], names: Sequence[str] | None = None) -> Iterator[TextFolder]:
    """Yield texts as one folder of the /proc files that they hold.

    Args:
        files: what to read, each plain or packed.
        names: what errors call them; their paths if left out.

    Raises:
        InputError: no area is in any of them. Errors inside name the first file.
        OSError: one cannot be read.
    """
    from execmem_tui.formats.pasted import Kind, sort_pasted  # most captures are folders

    called = [str(file) for file in files] if names is None else list(names)
    together: dict[Kind, list[str]] = {}
    notes: list[str] = []
    sorted_texts = [
        sort_pasted(name, decoded_lines(file)) for name, file in zip(called, files, strict=True)
    ]
    for pasted in sorted_texts:
        for kind, lines in pasted.files.items():
            together.setdefault(kind, []).extend(lines)
        notes.extend(pasted.notes)
    if Kind.VMALLOCINFO not in together:
        raise _refuse(files[0], called[0], sorted_texts[0])
    del sorted_texts, pasted  # a large text is not held twice while what it holds is read
    with private_folder() as private:
        folder = private / files[0].name
        folder.mkdir()
        while together:
            kind, found = together.popitem()
            (folder / kind.value).write_text("\n".join(found) + "\n", encoding="utf-8")
            del found
        try:
            yield TextFolder(path=folder, notes=tuple(dict.fromkeys(notes)))
        except InputError as error:
            if not error.path.startswith(str(folder)):
                raise
            raise InputError(called[0], error.line, error.message, hint=error.hint) from error

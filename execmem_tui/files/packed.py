"""Lines of a file that may be packed: plain, gzip, bzip2, xz, zstd, by its first bytes.

It is unpacked as it is read; nothing is ever written to disk.
"""

import codecs
import io
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Final, cast

from execmem_tui.files.regular import open_file
from execmem_tui.files.unpack import HEAD, Unpacker, UnpackError, is_packed
from execmem_tui.model.errors import InputError

MAX_UNPACKED: Final = 1 << 30
"""Bytes that one packed file may unpack to."""
MAX_LINE: Final = 1 << 16
"""Bytes of a line: no kernel prints as long a one."""
_SPARSE: Final = 1 << 20
"""Bytes of a file that may be nothing but empty lines."""
_SHORTEST: Final = 8
"""Bytes that a line of a bigger file has on average: each costs, whatever is in it."""
_ENDS: Final = re.compile(r"\r+\n")


def unpacked(raw: IO[bytes]) -> IO[bytes]:
    """Return a reader over what the file `raw` holds, by its first bytes.

    On broken bytes reading raises `UnpackError`.
    """
    head = cast("io.BufferedReader", raw).peek(HEAD)[:HEAD]
    if is_packed(head):
        return cast("IO[bytes]", io.BufferedReader(Unpacker(raw, head)))
    return raw


def read_blocks(path: Path) -> Iterator[bytes]:
    """Yield some whole lines at a time with their ends; only the last line of all may have none.

    The mark that editors put before the first line is left out.

    Raises:
        InputError: it is no file, cannot be unpacked, is far too big, is far more lines than text,
            or has a line that no kernel prints: the next one. It says the line where bytes were
            read.
        OSError: it cannot be read.
    """
    blocks = _blocks(path)
    first = next(blocks, b"").removeprefix(codecs.BOM_UTF8)
    if first:
        yield first
    yield from blocks


def _blocks(path: Path) -> Iterator[bytes]:
    name = str(path)
    total, lines, cut = 0, 0, b""
    with open_file(path) as raw, unpacked(raw) as file:
        limit = None if file is raw else MAX_UNPACKED
        while True:
            try:
                # one read each, so that what was unpacked before an error is not lost
                data = cast("io.BufferedReader", file).read1(MAX_LINE)
            except UnpackError as error:
                raise InputError(name, lines + 1, error.title) from error
            total += len(data)
            if limit is not None and total > limit:
                raise InputError(name, lines + 1, "unpacks to more than 1 GiB")
            ends = data.count(b"\n")
            if total > _SPARSE and (lines + ends) * _SHORTEST > total:
                said = "far more lines than text, which no kernel prints"
                raise InputError(name, lines + 1, said)
            end = data.rfind(b"\n") + 1
            if len(cut) + data.find(b"\n") + 1 > MAX_LINE:
                raise InputError(name, lines + 1, "line too long")
            lines += ends
            if end:
                yield cut + data[:end]
                cut = data[end:]
            elif data:
                cut += data
            else:
                break
        if cut:
            yield cut


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end).

    Bytes that are no UTF-8 become replacement characters.

    Raises:
        InputError: as `read_blocks`, with the line.
        OSError: it cannot be read.
    """
    texts = (text[:-1].split("\n") for text in read_texts(path))
    return enumerate(chain.from_iterable(texts), 1)


def read_texts(path: Path) -> Iterator[str]:
    """Yield what `read_lines` yields, some whole lines at a time, each with a newline at its end.

    Raises:
        InputError: as `read_lines`; so OSError.
    """
    try:
        for block in read_blocks(path):
            text = block.decode("utf-8", "replace")
            if not text.endswith("\n"):
                text += "\n"
            yield _ENDS.sub("\n", text) if "\r" in text else text
    except InputError as error:
        raise InputError(error.path, error.line or 1, error.message) from error


def find_file(folder: Path, name: str) -> Path | None:
    """Return `name` in `folder`, plain or packed, or None."""
    for suffix in ("", ".gz", ".xz", ".zst", ".bz2"):
        path = folder / (name + suffix)
        if path.is_file():
            return path
    return None

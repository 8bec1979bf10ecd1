"""Archives that strangers made.

The regular files of a tar (plain or packed) or a zip, one after the other, within limits.

Nothing is taken from a member but its name and its bytes: no mode, owner, link or device. Only ever
onwards through the stream, so a big archive is never in memory.
"""

import errno
import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from execmem_tui.files.packed import MAX_UNPACKED, unpacked
from execmem_tui.files.regular import open_file
from execmem_tui.files.tar import BLOCK, TarError, TarReader, looks_like_tar
from execmem_tui.files.unpack import FREE, RATIO, UnpackError
from execmem_tui.model.errors import InputError
from execmem_tui.model.text import printable

MAX_MEMBERS: Final = 100_000
MAX_WANTED: Final = 20_000
"""Of those, how many may be wanted: each becomes a file."""
MAX_KEPT: Final = 2 << 30
"""Bytes that all wanted members together may have."""
MAX_STREAM: Final = 4 << 30
"""Bytes that a whole packed tar may unpack to."""
_MAX_PIECE: Final = 8 << 20
"""Bytes that may be read at once: no directory of a zip is bigger."""
_MAX_DEPTH: Final = 16
_MAX_NAME: Final = 200
_MAX_BYTES: Final = 255
_CHUNK: Final = 1 << 16
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_READABLE: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How members of a zip may be packed: Python unpacks the others without any bound."""
_BROKEN: Final = (
    TarError, UnpackError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError,
    ValueError, OverflowError, NotImplementedError, RuntimeError,
)  # fmt: skip
"""What the readers of archives raise on bytes that are none."""
_SENSELESS: Final = (None, errno.EINVAL, errno.EOVERFLOW)
"""What the system says to a place that no file has, which only a damaged directory names."""

Parts = tuple[str, ...]
"""The path of a member, each part safe as a file's name."""
Wanted = Callable[[Parts, bool], bool]
"""(path, whether it is a regular file): whether to read it. A wanted one that is no regular file is
an error."""


class _Counted:
    """A stream that is read onwards only, and not without end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        data = self._file.read(size)
        self._at += len(data)
        if self._at > MAX_STREAM:
            raise ValueError(f"unpacks to more than {MAX_STREAM >> 30} GiB")
        return data


class _Bounded(io.BufferedReader):
    """A file of which no piece is read that is bigger than any directory of a zip."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes; all that is left, if that is little."""
        data = super().read(
            _MAX_PIECE + 1 if size is None or size < 0 else min(size, _MAX_PIECE + 1)
        )
        if len(data) > _MAX_PIECE:
            raise ValueError("a directory of impossible size")
        return data


def is_archive(path: Path) -> bool:
    """Whether the file `path` is a tar, also packed, or a zip, by its content.

    Raises:
        InputError: it is no file.
        OSError: it cannot be read.
    """
    try:
        with open_file(path) as raw, unpacked(raw) as file:
            head = file.read(BLOCK)
    except UnpackError:
        return False
    return head.startswith(_ZIP) or looks_like_tar(head)


def members(path: Path, wanted: Wanted) -> Iterator[tuple[Parts, Iterator[bytes]]]:
    """Yield the path and the bytes of each wanted regular file.

    The bytes are to be taken before the next one.

    Raises:
        InputError: it is damaged, cut, too big, names a file outside itself or one file twice, or a
            wanted file is a link or a device. The message names archive and member.
        OSError: it cannot be read.
    """
    place = _Place(path, path.stat().st_size)
    with place.watched(), open_file(path) as raw:
        is_zip = raw.read(4) in _ZIP
        raw.seek(0)
        if is_zip:
            yield from _zip_members(place, raw, wanted)
        else:
            with unpacked(raw) as file:
                yield from _tar_members(place, file, wanted)


def _safe(part: str) -> str:
    """Return a part of a name so that every file system takes it: 255 bytes are NAME_MAX."""
    shown = printable(part, _MAX_NAME)
    data = shown.encode()
    return shown if len(data) <= _MAX_BYTES else f"{data[:_MAX_NAME].decode(errors='ignore')}…"


class _Place:
    """Where in an archive reading is, and what was taken of it."""

    def __init__(self, archive: Path, size: int) -> None:
        self._archive = str(archive)
        self._packed = size
        self._name = ""
        self._seen: set[Parts] = set()
        self._count = 0
        self._kept = 0

    def error(self, message: str) -> InputError:
        """Return an error that names archive and member."""
        member = f"member {printable(self._name)}: " if self._name else ""
        return InputError(self._archive, None, member + message)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Turn what the readers of archives raise into an error that names the place."""
        try:
            yield
        except _BROKEN as error:
            raise self.error(f"damaged: {printable(str(error))}") from error
        except OSError as error:
            if error.errno not in _SENSELESS:
                raise
            raise self.error(f"damaged: {printable(str(error))}") from error

    def enter(self, name: str) -> Parts:
        """Return the safe parts of the next member's name."""
        self._name = name
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise self.error(f"more than {MAX_MEMBERS} members")
        if name.startswith("/"):
            raise self.error("an absolute name")
        parts = tuple(_safe(part) for part in name.split("/") if part not in ("", "."))
        if ".." in parts:
            raise self.error("a name that leads outside")
        if len(parts) > _MAX_DEPTH:
            raise self.error(f"deeper than {_MAX_DEPTH} folders")
        return parts

    def keep(self, parts: Parts, chunks: Iterator[bytes], *, regular: bool) -> Iterator[bytes]:
        """Return the bytes of a wanted member, counted."""
        if not regular:
            raise self.error("a link, a device or a sparse file where a file is wanted")
        if parts in self._seen:
            raise self.error("is there twice")
        self._seen.add(parts)
        if len(self._seen) > MAX_WANTED:
            raise self.error(f"more than {MAX_WANTED} files")
        return self._counted(chunks)

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        size = 0
        with self.watched():
            for chunk in chunks:
                size += len(chunk)
                self._kept += len(chunk)
                if self._kept > FREE and self._kept > RATIO * self._packed:
                    raise self.error(f"the archive unpacks to more than {RATIO} times its size")
                if size > MAX_UNPACKED:
                    raise self.error(f"unpacks to more than {MAX_UNPACKED >> 30} GiB")
                if self._kept > MAX_KEPT:
                    raise self.error(f"the archive unpacks to more than {MAX_KEPT >> 30} GiB")
                yield chunk


def _tar_members(
    place: _Place, file: IO[bytes], wanted: Wanted
) -> Iterator[tuple[Parts, Iterator[bytes]]]:
    counted: Any = _Counted(file)
    tar = TarReader(counted)
    for member in tar:
        parts = place.enter(member.name)
        if member.is_folder or not parts or not wanted(parts, member.is_file):
            continue
        yield parts, place.keep(parts, tar.chunks(), regular=member.is_file)


def _zip_members(
    place: _Place, raw: IO[bytes], wanted: Wanted
) -> Iterator[tuple[Parts, Iterator[bytes]]]:
    unbuffered: Any = raw
    with _Bounded(unbuffered) as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            parts = place.enter(info.filename)
            regular = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
            # is_dir() of 3.11 takes for granted that there is a name
            if info.filename.endswith("/") or not parts or not wanted(parts, regular):
                continue
            if info.compress_type not in _READABLE:
                raise place.error("packed in a way that is not read here: only deflate is")
            yield parts, place.keep(parts, _zip_chunks(archive, info), regular=regular)


def _zip_chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as file:
        while chunk := file.read(_CHUNK):
            yield chunk

"""Archives that strangers made.

The regular files of a tar (plain or packed) or a zip, one after the other, within limits.

Nothing is taken from a member but its name and its bytes: no mode, owner, link or device. Only ever
onwards through the stream, so a big archive is never in memory.
"""

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from execmem_tui.files.packed import MAX_UNPACKED, unpacked
from execmem_tui.model.errors import InputError
from execmem_tui.model.text import printable

MAX_MEMBERS: Final = 100_000
MAX_KEPT: Final = 2 << 30
"""Bytes that all wanted members together may have."""
MAX_STREAM: Final = 4 << 30
"""Bytes that a whole packed tar may unpack to."""
_MAX_PIECE: Final = 8 << 20
"""Bytes that may be read at once: no header and no directory of an archive is bigger."""
_MAX_DEPTH: Final = 16
_MAX_NAME: Final = 200
_CHUNK: Final = 1 << 16
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_BROKEN: Final = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError,
    ValueError, OverflowError, RecursionError, NotImplementedError, RuntimeError,
)  # fmt: skip
"""What the readers of archives raise on bytes that are none."""

Parts = tuple[str, ...]
"""The path of a member, each part safe as a file's name."""
Wanted = Callable[[Parts, bool], bool]
"""(path, whether it is a regular file): whether to read it. A wanted one that is no regular file is
an error."""


class _Onwards:
    """A stream that is read onwards only, in pieces of bounded size.

    What `tarfile` needs of a file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0
        self.last = b""
        """What was read last."""

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes."""
        if not 0 <= size <= _MAX_PIECE:
            raise ValueError("a header of impossible size")
        self.last = self._file.read(size)
        self._at += len(self.last)
        if self._at > MAX_STREAM:
            raise ValueError(f"unpacks to more than {MAX_STREAM >> 30} GiB")
        return self.last

    def seek(self, position: int, whence: int = 0) -> int:
        """Skip to `position`."""
        if whence != 0 or position < self._at:
            raise ValueError("a header that leads backwards")
        while self._at < position and self.read(min(position - self._at, _CHUNK)):
            pass
        return self._at


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
    """Whether the file `path` is a tar, also packed, or a zip, by its content."""
    try:
        with path.open("rb") as raw, unpacked(raw) as file:
            head = file.read(tarfile.BLOCKSIZE)
        if head.startswith(_ZIP):
            return True
        tarfile.TarInfo.frombuf(head, "utf-8", "replace")
    except _BROKEN:
        return False
    except OSError as error:
        if error.errno is None:  # bzip2's word for bytes that are none
            return False
        raise
    return True


def members(path: Path, wanted: Wanted) -> Iterator[tuple[Parts, Iterator[bytes]]]:
    """Yield the path and the bytes of each wanted regular file.

    The bytes are to be taken before the next one.

    Raises:
        InputError: it is damaged, cut, too big, names a file outside itself or one file twice, or a
            wanted file is a link or a device. The message names archive and member.
        OSError: it cannot be read.
    """
    place = _Place(path)
    with place.watched(), path.open("rb") as raw:
        is_zip = raw.read(4) in _ZIP
        raw.seek(0)
        if is_zip:
            yield from _zip_members(place, raw, wanted)
        else:
            with unpacked(raw) as file:
                yield from _tar_members(place, file, wanted)


class _Place:
    """Where in an archive reading is, and what was taken of it."""

    def __init__(self, archive: Path) -> None:
        self._archive = str(archive)
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
            if error.errno is not None:
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
        parts = tuple(
            printable(part, _MAX_NAME) for part in name.split("/") if part not in ("", ".")
        )
        if ".." in parts:
            raise self.error("a name that leads outside")
        if len(parts) > _MAX_DEPTH:
            raise self.error(f"deeper than {_MAX_DEPTH} folders")
        return parts

    def keep(
        self, parts: Parts, chunks: Callable[[], IO[bytes] | None], *, regular: bool
    ) -> Iterator[bytes]:
        """Return the bytes of a wanted member, counted."""
        if not regular:
            raise self.error("a link, a device or a sparse file where a file is wanted")
        if parts in self._seen:
            raise self.error("is there twice")
        self._seen.add(parts)
        return self._chunks(chunks)

    def _chunks(self, opened: Callable[[], IO[bytes] | None]) -> Iterator[bytes]:
        size = 0
        with self.watched(), _file(opened) as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                self._kept += len(chunk)
                if size > MAX_UNPACKED:
                    raise self.error(f"unpacks to more than {MAX_UNPACKED >> 30} GiB")
                if self._kept > MAX_KEPT:
                    raise self.error(f"the archive unpacks to more than {MAX_KEPT >> 30} GiB")
                yield chunk


def _file(opened: Callable[[], IO[bytes] | None]) -> IO[bytes]:
    file = opened()
    assert file is not None
    return file


def _tar_members(
    place: _Place, file: IO[bytes], wanted: Wanted
) -> Iterator[tuple[Parts, Iterator[bytes]]]:
    stream = _Onwards(file)
    onwards: Any = stream
    tar: Any  # the stubs do not know `members`
    with tarfile.TarFile(fileobj=onwards, mode="r", errorlevel=2) as tar:
        while (info := tar.next()) is not None:
            tar.members = []  # it would remember all of them
            parts = place.enter(info.name)
            regular = info.isreg() and not info.issparse()
            if info.isdir() or not parts or not wanted(parts, regular):
                continue
            opened = lambda info=info: tar.extractfile(info)  # noqa: E731
            yield parts, place.keep(parts, opened, regular=regular)
        if stream.last.strip(b"\0") or not stream.last:
            raise tarfile.ReadError("a header that makes no sense, or no end of the archive")


def _zip_members(
    place: _Place, raw: IO[bytes], wanted: Wanted
) -> Iterator[tuple[Parts, Iterator[bytes]]]:
    unbuffered: Any = raw
    with _Bounded(unbuffered) as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            parts = place.enter(info.filename)
            regular = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
            if info.is_dir() or not parts or not wanted(parts, regular):
                continue
            opened = lambda info=info: archive.open(info)  # noqa: E731
            yield parts, place.keep(parts, opened, regular=regular)

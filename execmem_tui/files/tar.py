"""Reads a tar onwards: names, kinds and bytes of its members, headers of bounded size.

ustar, GNU long names and pax records, as POSIX.1-2017 (pax, "ustar Interchange Format") and GNU
tar's manual ("Basic Tar Format") have them. Python's tarfile is not used for what strangers send:
it searches pax records in quadratic time (3.11) and believes any size that a header names.
"""

from collections.abc import Iterator
from typing import IO, Final

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.records import define, frozen

BLOCK: Final = 512
MAX_HEADER: Final = 8 << 10
"""Bytes of a long name or of pax records: a name has 4,096 at most (PATH_MAX)."""
_MAX_SIZE: Final = 1 << 62
_CHUNK: Final = 1 << 16
_FILES: Final = (b"0", b"\0", b"7")
_LONG_NAME: Final = b"L"
_LONG_LINK: Final = b"K"
_PAX: Final = b"x"
_PAX_GLOBAL: Final = b"g"
_FOLDER: Final = b"5"
_SPARSE: Final = b"S"
_EMPTY: Final = (b"1", b"2", b"3", b"4", b"5", b"6")
"""Links, devices, folders and FIFOs: whatever size they tell, no bytes follow."""


class TarError(ExecmemTuiError):
    """The bytes are no tar, or a damaged one. `title` says why."""


@frozen(kw_only=True)
class TarMember:
    """What a header says."""

    name: str
    size: int
    is_file: bool
    """A plain regular file: neither link, device, folder nor sparse."""
    is_folder: bool


def looks_like_tar(head: bytes) -> bool:
    """Whether the first block of a file is a header."""
    return len(head) == BLOCK and _checksum_fits(head)


@define
class _Renamed:
    """What long names and pax records say of the next member."""

    name: str | None = None
    size: int | None = None
    sparse: bool = False


class TarReader:
    """A tar from its beginning to its end.

    Args:
        file: its unpacked bytes; read onwards only.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = 0
        """Bytes of the current member that were not taken."""
        self._padding = 0

    def __iter__(self) -> Iterator[TarMember]:
        """Yield the members; the bytes of each are to be taken before the next one.

        Raises:
            TarError: it is damaged, or has no end.
        """
        renamed = _Renamed()
        while (head := self._block()).strip(b"\0"):
            if not _checksum_fits(head):
                raise TarError("a header that makes no sense")
            kind, size = head[156:157], _number(head[124:136])
            if kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL):
                said = self._said(size)
                if kind == _LONG_NAME:
                    renamed.name = _text(said)
                elif kind == _PAX:
                    _apply(renamed, said)
                continue
            size = size if renamed.size is None else renamed.size
            if kind == _SPARSE:
                self._skip_map(head)
            size = 0 if kind in _EMPTY else size
            self._left, self._padding = size, -size % BLOCK
            name = _name(head) if renamed.name is None else renamed.name
            yield TarMember(
                name=name,
                size=size,
                is_file=kind in _FILES and not renamed.sparse and not name.endswith("/"),
                is_folder=kind == _FOLDER or name.endswith("/"),
            )
            self._skip()
            renamed = _Renamed()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the current member.

        Raises:
            TarError: the archive ends before they do.
        """
        while self._left:
            data = self._file.read(min(self._left, _CHUNK))
            if not data:
                raise TarError("it ends too early")
            self._left -= len(data)
            yield data

    def _skip(self) -> None:
        for _ in self.chunks():
            pass
        self._left, self._padding = self._padding, 0
        for _ in self.chunks():
            pass

    def _block(self) -> bytes:
        data = self._file.read(BLOCK)
        if len(data) < BLOCK:
            raise TarError("it ends too early")
        return data

    def _skip_map(self, head: bytes) -> None:
        """Pass over the rest of an old GNU sparse file's map.

        Blocks as long as each says that one follows.
        """
        more = head[482]
        while more:
            more = self._block()[504]

    def _said(self, size: int) -> bytes:
        if size > MAX_HEADER:
            raise TarError("a header of impossible size")
        self._left, self._padding = size, -size % BLOCK
        said = b"".join(self.chunks())
        self._skip()
        return said


def _checksum_fits(head: bytes) -> bool:
    """Whether a block is a header.

    The sum of its bytes, its own field counted as blanks, stands in it.
    """
    try:
        said = _octal(head[148:156])
    except TarError:
        return False
    plain = head[:148] + b" " * 8 + head[156:]
    return said == sum(plain) or said == sum(each - 256 if each > 127 else each for each in plain)


def _octal(field: bytes) -> int:
    text = field.partition(b"\0")[0].strip()
    if not text:
        return 0
    try:
        return int(text.decode("ascii"), 8)
    except ValueError:
        raise TarError("a number that is none") from None


def _number(field: bytes) -> int:
    """Return a size: octal digits, or GNU's base 256 where the first bit is set."""
    value = int.from_bytes(field[1:], "big") if field[0] == 0x80 else _octal(field)
    if not 0 <= value < _MAX_SIZE:
        raise TarError("a size that no file has")
    return value


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def _name(head: bytes) -> str:
    name = _text(head[:100])
    prefix = _text(head[345:500]) if head[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _apply(renamed: _Renamed, records: bytes) -> None:
    r"""Take name, size and sparseness out of pax records.

    ``LENGTH KEY=VALUE\\n``, LENGTH of it all.
    """
    at = 0
    while at < len(records):
        digits, blank, _ = records[at : at + 8].partition(b" ")
        length = int(digits) if blank and digits.isdigit() else 0
        record = records[at : at + length]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if length < 5 or len(record) < length or not equals or record[-1:] != b"\n":
            raise TarError("pax records that make no sense")
        if key == b"path":
            renamed.name = value.decode("utf-8", "replace")
        elif key == b"size":
            renamed.size = _pax_size(value)
        elif key.startswith(b"GNU.sparse."):
            renamed.sparse = True
        at += length


def _pax_size(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise TarError("a size that no file has")
    return int(value)

"""Unpacks gzip, bzip2, xz and zstd in pieces of bounded size, and notices bombs.

Whatever is packed into few bytes may unpack to many, but text that a kernel printed shrinks to a
thirtieth at best: beyond `FREE` bytes a stream that is `RATIO` times as long as what was read of it
is refused. So is one that is longer than what it unpacks to: frames to skip and zeros behind the
last one may be a sparse file of any size. Nothing is unpacked further than one piece ahead of what
is taken.
"""

import bz2
import io
import lzma
import zlib
from typing import IO, TYPE_CHECKING, Final, Protocol

from execmem_tui.model.errors import ExecmemTuiError

if TYPE_CHECKING:  # 3.12 has it as collections.abc.Buffer
    from typing_extensions import Buffer

FREE: Final = 4 << 20
"""Bytes that any stream may unpack to."""
RATIO: Final = 100
"""How many times longer than its packed form a stream may be beyond that."""
_MOST_FRAMES: Final = 50_000
"""Frames of a stream, one behind the other: a GiB in the 64 KiB blocks of bgzip has 16,384."""
_PIECE: Final = 1 << 16
"""Bytes that are unpacked at once."""
_CHUNK: Final = 1 << 14
"""Bytes that are read of the packed form at once."""
_MEMORY: Final = 128 << 20
"""Bytes that a decoder may ask for: xz -9 needs 65 MiB, zstd --long 128."""


class UnpackError(ExecmemTuiError):
    """The packed form is damaged, cut, or a bomb. `title` says which."""


class _Decoder(Protocol):
    """Unpacks one frame; what `bz2.BZ2Decompressor` is."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the interface of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Zstd:
    """zstandard's decompressor, which knows no limit.

    It is given so little that it cannot make much. A block of four bytes stands for up to 128 KiB
    (RFC 8878, 3.1.1.2: RLE_Block).
    """

    _GIVEN: Final = 64

    def __init__(self) -> None:
        import zstandard  # 15 ms, only for .zst

        self._inner = zstandard.ZstdDecompressor(max_window_size=_MEMORY).decompressobj()
        self._broken = zstandard.ZstdError
        self._left = b""
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._left

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        del max_length
        self._left += data
        given, self._left = self._left[: self._GIVEN], self._left[self._GIVEN :]
        try:
            made = self._inner.decompress(given)
        except self._broken as error:
            raise ValueError(str(error)) from error
        if self._inner.eof:
            self.unused_data, self._left = self._inner.unused_data + self._left, b""
        return made


_KINDS: Final = (
    (b"\x1f\x8b", _Gzip),
    (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(memlimit=_MEMORY)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\x28\xb5\x2f\xfd", _Zstd),
)
HEAD: Final = 6
"""Bytes that tell how a file is packed."""


def is_packed(head: bytes) -> bool:
    """Whether a file that begins with `head` is packed."""
    return any(head.startswith(magic) for magic, _ in _KINDS)


class Unpacker(io.RawIOBase):
    """The unpacked bytes of `raw`, frame after frame.

    Args:
        raw: a packed file, at its beginning.
        head: its first `HEAD` bytes.
    """

    def __init__(self, raw: IO[bytes], head: bytes) -> None:
        super().__init__()
        self._raw = raw
        self._new = next(make for magic, make in _KINDS if head.startswith(magic))
        self._frame: _Decoder = self._new()
        self._inside = False
        self._packed = b""
        self._ready = memoryview(b"")
        self._taken = self._made = self._frames = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "Buffer") -> int:
        """Fill `buffer` with unpacked bytes; 0 at the end.

        Raises:
            UnpackError: the stream is damaged, ends inside a frame, or is a bomb.
            OSError: it cannot be read.
        """
        view = memoryview(buffer)
        while not self._ready:
            try:
                if not self._more():
                    return 0
            except (lzma.LZMAError, zlib.error, ValueError, EOFError, MemoryError) as error:
                raise UnpackError(f"cannot be unpacked: {error}") from error
            except OSError as error:
                if error.errno is not None:
                    raise
                raise UnpackError(f"cannot be unpacked: {error}") from error  # bzip2's own word
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _more(self) -> bool:
        """Unpack another piece; False at the end."""
        if self._frame.eof:
            self._packed = self._frame.unused_data
            self._frame, self._inside = self._new(), False
            self._frames += 1
            if self._frames > _MOST_FRAMES:
                raise UnpackError(f"cannot be unpacked: more than {_MOST_FRAMES:,} frames")
        if not self._packed and self._frame.needs_input:
            self._packed = self._raw.read(_CHUNK)
            self._taken += len(self._packed)
            if self._taken > FREE + 2 * self._made:
                raise UnpackError("cannot be unpacked: far longer than what is in it")
            if not self._packed:
                if self._inside:
                    raise EOFError("it ends too early")
                return False
        if not self._inside and not self._packed.strip(b"\0"):
            self._packed = b""  # padding behind the last frame, as tapes have it
            return True
        given, self._packed, self._inside = self._packed, b"", True
        self._ready = memoryview(self._frame.decompress(given, _PIECE))
        self._made += len(self._ready)
        if self._made > FREE and self._made > RATIO * self._taken:
            raise UnpackError(
                f"unpacks to more than {RATIO} times its size, which no kernel's text does"
            )
        return True

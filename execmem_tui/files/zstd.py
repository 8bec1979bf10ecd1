"""A zstd stream as a raw reader that notices when the stream ends too early."""

import io
from typing import IO, Final

import zstandard
from typing_extensions import Buffer

_CHUNK: Final = 1 << 16


class ZstdReader(io.RawIOBase):
    """Unpack frames one after the other; a stream that stops inside a frame is an `EOFError`."""

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__()
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        self._inside = False
        self._ready = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` with unpacked bytes; 0 at the end.

        Raises:
            EOFError: the stream ends inside a frame.
            ValueError: it is no zstd.
        """
        view = memoryview(buffer)
        while not self._ready and self._more():
            pass
        taken = self._ready[: len(view)]
        self._ready = self._ready[len(view) :]
        view[: len(taken)] = taken
        return len(taken)

    def _more(self) -> bool:
        """Unpack another chunk; False at the end."""
        packed = self._raw.read(_CHUNK)
        if not packed:
            if self._inside:
                raise EOFError("the zstd stream ends too early")
            return False
        while packed:
            try:
                self._ready += self._frame.decompress(packed)
            except zstandard.ZstdError as error:
                raise ValueError(str(error)) from error
            packed = self._frame.unused_data
            self._inside = not self._frame.eof
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        return True

"""Archives for tests, packed as people pack them."""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import zstandard


def packed(data: bytes, suffix: str) -> bytes:
    """Return `data` packed as the suffix says."""
    match suffix:
        case ".gz":
            return gzip.compress(data, mtime=0)
        case ".xz":
            return lzma.compress(data)
        case ".zst":
            return zstandard.ZstdCompressor().compress(data)
        case ".bz2":
            return bz2.compress(data)
    return data


def tar_of(path: Path, name: str | None = None) -> bytes:
    """Return a tar of a file or folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        made.add(path, name or path.name)
    return buffer.getvalue()

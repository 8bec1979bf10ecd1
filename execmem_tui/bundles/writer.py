"""Writes a run folder as one bundle, whole or not at all.

It is a tar with its manifest first. The same content gives the same bytes.
"""

import contextlib
import gzip
import hashlib
import io
import lzma
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkstemp
from typing import IO, Final, cast

from attrs import evolve

from execmem_tui.bundles.manifest import MANIFEST
from execmem_tui.files.publish import publish, refuse_existing, written_as
from execmem_tui.formats.manifest import FileEntry, Manifest, toml_text
from execmem_tui.model.errors import UsageError
from execmem_tui.model.text import printable

SUFFIXES: Final = (".tar.zst", ".tar.gz", ".tar.xz", ".tar")
_LEVEL: Final = 9


def check_target(target: Path) -> None:
    """Refuse a name that cannot be written.

    Raises:
        UsageError: no known suffix, or something is there already, be it a link to nowhere.
    """
    if not target.name.endswith(SUFFIXES):
        raise UsageError(
            f"what packing is {printable(target.name)!r}?",
            hint=f"a name that ends in {', '.join(SUFFIXES)}",
        )
    refuse_existing(target)


def write_bundle(run: Path, target: Path, manifest: Manifest) -> Manifest:
    """Write `run` as the bundle `target`, only readable for its owner; return the full manifest.

    Raises:
        OSError: it cannot be written; then nothing is left of it.
    """
    names = sorted(str(file.relative_to(run)) for file in run.rglob("*") if file.is_file())
    manifest = evolve(manifest, files=tuple(_entry(run, name) for name in names))
    top = next(
        target.name.removesuffix(suffix) for suffix in SUFFIXES if target.name.endswith(suffix)
    )
    handle, temporary = mkstemp(dir=target.parent, prefix=f".{top}-")
    try:
        with written_as(target), os.fdopen(handle, "wb") as raw:
            with (
                _packing(raw, target.name) as packed,
                tarfile.open(fileobj=packed, mode="w|") as tar,
            ):
                data = toml_text(manifest.document()).encode()
                tar.addfile(_info(f"{top}/{MANIFEST}", len(data)), io.BytesIO(data))
                for entry in manifest.files:
                    with (run / entry.name).open("rb") as file:
                        tar.addfile(_info(f"{top}/{entry.name}", entry.size), file)
            raw.flush()
            os.fsync(raw.fileno())
        publish(Path(temporary), target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return manifest


def _entry(run: Path, name: str) -> FileEntry:
    data = (run / name).read_bytes()
    return FileEntry(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


@contextlib.contextmanager
def _packing(raw: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """Yield a file whose bytes are packed into `raw` as the name says."""
    if name.endswith(".zst"):
        import zstandard

        with zstandard.ZstdCompressor(level=_LEVEL).stream_writer(raw, closefd=False) as packed:
            yield cast("IO[bytes]", packed)
    elif name.endswith(".gz"):
        with gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed_gz:
            yield cast("IO[bytes]", packed_gz)
    elif name.endswith(".xz"):
        with lzma.LZMAFile(raw, "wb", preset=6) as packed_xz:
            yield cast("IO[bytes]", packed_xz)
    else:
        yield raw

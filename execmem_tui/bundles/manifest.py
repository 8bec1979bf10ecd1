"""The manifest in an unpacked bundle, and whether the files beside it are those it names."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from execmem_tui.files.regular import open_file, read_bounded
from execmem_tui.model.errors import InputError

if TYPE_CHECKING:  # most folders have none
    from execmem_tui.formats.manifest import Manifest

MANIFEST: Final = "manifest.toml"
_CHUNK: Final = 1 << 20


def read_manifest(folder: Path) -> "Manifest | None":
    """Return the manifest of an unpacked bundle, None where there is none.

    Raises:
        InputError: it is broken, or of a format that this version does not know.
        OSError: it cannot be read.
    """
    file = folder / MANIFEST
    if not file.is_file():
        return None
    from execmem_tui.formats.manifest import MAX_MANIFEST, parse_manifest

    return parse_manifest(str(file), read_bounded(file, MAX_MANIFEST))


def check_manifest(folder: Path) -> None:
    """Compare those files of a bundle that were unpacked with its manifest, if it has one.

    Raises:
        InputError: a file is not what the manifest says.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return
    from hashlib import sha256

    checked: set[Path] = set()
    for entry in manifest.files:
        file = folder / entry.name
        if file in checked:
            raise InputError(str(folder / MANIFEST), None, f"names a file twice: {entry.name}")
        checked.add(file)
        if ".." in file.parts or not file.is_relative_to(folder):
            raise InputError(
                str(folder / MANIFEST), None, f"names a file outside itself: {entry.name}"
            )
        if not file.is_file():
            continue
        digest = sha256()
        with open_file(file) as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
        if file.stat().st_size != entry.size or digest.hexdigest() != entry.sha256:
            raise InputError(
                str(file), None, "not the file that the manifest speaks of: cut or changed"
            )

"""``manifest.toml`` of a bundle (``execmem-tui-capture/1``).

What was collected, what not and why.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from execmem_tui.formats.toml import parse_toml
from execmem_tui.model.documents import (
    ABSENT,
    Absent,
    Count,
    Hex,
    Keywords,
    SignedHex,
    document,
    hexes,
    plain,
)
from execmem_tui.model.errors import InputError
from execmem_tui.model.ranges import ExecmemType, Provenance
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes

MAX_MANIFEST: Final = 4 << 20
"""Bytes; it has two hundred for each file of a bundle, which has some dozens."""
FORMAT: Final = "execmem-tui-capture/1"
_HEX: Final = re.compile(r"0x[0-9a-f]{1,16}")


@frozen(kw_only=True)
class FileEntry:
    """One file of the bundle."""

    closed: ClassVar = True
    name: str
    """Path inside the bundle."""
    size: Count
    sha256: Annotated[str, Keywords(pattern="^[0-9a-f]{64}$")]


@frozen(kw_only=True)
class Missing:
    """Something that could not be read."""

    closed: ClassVar = True
    name: str
    why: str


@frozen(kw_only=True)
class StatedRange:
    """One type's range as the capturing machine states it; see `ExecmemRange`."""

    start: Address
    end: Address
    fallback_start: Address
    fallback_end: Address
    provenance: Provenance


@frozen(kw_only=True)
class StatedLayout:
    """The layout of an anonymised bundle, which its addresses no longer tell.

    Shifted as they are.
    """

    variant: str
    kaslr: str
    word_bits: int
    page_size: Bytes
    vmalloc_start: Address
    vmalloc_end: Address
    modules_vaddr: Address | None
    modules_end: Address | None
    symbols: Mapping[str, Address]
    reach: Mapping[str, int]
    """Lower end of each reach that counts from a fixed address, by its name; may be negative."""


@frozen(kw_only=True)
class Manifest:
    """A whole manifest."""

    tool: str
    time: str
    """UTC, ISO 8601."""
    machine: str
    """uname -m."""
    arch: str
    kernel: str
    page_size: Bytes
    cpus: int
    anonymised: bool
    phases: tuple[str, ...]
    files: tuple[FileEntry, ...] = ()
    missing: tuple[Missing, ...] = ()
    ranges: Mapping[ExecmemType, StatedRange] = {}
    """As read from the kernel's memory; in an anonymised bundle all of them, shifted."""
    layout: StatedLayout | None = None
    """Only in an anonymised bundle."""

    def document(self) -> dict[str, Any]:
        """Return the manifest as JSON and TOML can hold it; what is None is left out."""
        found: dict[str, Any] = plain(ManifestDocument(**self.keys()))
        return found

    def keys(self) -> dict[str, Any]:
        """Return the keys of the document, for it and for documents that are more."""
        return {
            "format": FORMAT,
            "tool": self.tool,
            "time": self.time,
            "machine": self.machine,
            "arch": self.arch,
            "kernel": self.kernel,
            "page_size": self.page_size,
            "cpus": self.cpus,
            "anonymised": self.anonymised,
            "phases": self.phases,
            "files": self.files,
            "missing": self.missing,
            "ranges": {kind.name: _range_document(each) for kind, each in self.ranges.items()},
            "layout": ABSENT if self.layout is None else _layout_document(self.layout),
        }


@document
class StatedRangeDocument:
    """One type's range, as stated."""

    closed: ClassVar = True
    start: Hex
    end: Hex
    fallback_start: Hex
    fallback_end: Hex
    provenance: Provenance


@document
class StatedReachDocument:
    """The lower end of a reach that counts from a fixed address."""

    closed: ClassVar = True
    name: str
    low: SignedHex


@document
class StatedLayoutDocument:
    """The layout that an anonymised bundle states."""

    closed: ClassVar = True
    variant: str
    kaslr: str
    word_bits: Literal[32, 64]
    page_size: int
    vmalloc_start: Hex
    vmalloc_end: Hex
    modules_vaddr: Hex | Absent
    modules_end: Hex | Absent
    symbols: Mapping[str, Hex]
    reach: Sequence[StatedReachDocument]


@document
class ManifestDocument:
    """A manifest."""

    closed: ClassVar = True
    format: Literal["execmem-tui-capture/1"]
    tool: str
    time: str
    machine: str
    arch: str
    kernel: str
    page_size: Annotated[int, Keywords(minimum=4096)]
    cpus: Annotated[int, Keywords(minimum=1)]
    anonymised: bool
    phases: Sequence[str]
    files: Sequence[FileEntry]
    missing: Sequence[Missing]
    ranges: Annotated[
        Mapping[str, StatedRangeDocument],
        Keywords(propertyNames={"enum": list(ExecmemType.__members__)}),
    ]
    layout: StatedLayoutDocument | Absent


def _range_document(stated: StatedRange) -> StatedRangeDocument:
    return StatedRangeDocument(
        start=hex(stated.start),
        end=hex(stated.end),
        fallback_start=hex(stated.fallback_start),
        fallback_end=hex(stated.fallback_end),
        provenance=stated.provenance,
    )


def _layout_document(stated: StatedLayout) -> StatedLayoutDocument:
    vaddr, end = stated.modules_vaddr, stated.modules_end
    known = vaddr is not None and end is not None
    return StatedLayoutDocument(
        variant=stated.variant,
        kaslr=stated.kaslr,
        word_bits=32 if stated.word_bits == 32 else 64,
        page_size=stated.page_size,
        vmalloc_start=hex(stated.vmalloc_start),
        vmalloc_end=hex(stated.vmalloc_end),
        modules_vaddr=hex(vaddr) if vaddr is not None and known else ABSENT,
        modules_end=hex(end) if end is not None and known else ABSENT,
        symbols=hexes(stated.symbols),
        reach=[StatedReachDocument(name=name, low=hex(low)) for name, low in stated.reach.items()],
    )


def toml_text(document: Mapping[str, Any]) -> str:
    """Return `document` as TOML: plain values first, then tables, then arrays of tables."""
    return "\n".join(_toml(document, ())) + "\n"


def _toml(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    def is_tables(value: object) -> bool:
        return isinstance(value, list) and bool(value) and isinstance(value[0], dict)

    for key, value in table.items():
        if not isinstance(value, dict) and not is_tables(value):
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
    for key, value in table.items():
        name = ".".join((*path, key))
        if isinstance(value, dict):
            yield from ("", f"[{name}]", *_toml(value, (*path, key)))
        elif is_tables(value):
            for each in value:
                yield from ("", f"[[{name}]]", *_toml(each, (*path, key)))


def parse_manifest(path: str, data: bytes) -> Manifest | None:
    """Return what a manifest says, None where it is somebody else's file of that name.

    Raises:
        InputError: it is broken, or of a format that this version does not know; it names `path`.
    """
    table = parse_toml(path, data, MAX_MANIFEST)
    if not str(table.get("format")).startswith(FORMAT.partition("/")[0]):
        return None
    if table["format"] != FORMAT:
        raise InputError(
            path, None, f"format {printable(str(table.get('format')), 60)}, not {FORMAT}"
        )
    try:
        return _manifest(table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(path, None, f"not a manifest: {printable(str(error), 100)}") from error


def _manifest(table: Mapping[str, Any]) -> Manifest:
    layout = table.get("layout")
    return Manifest(
        tool=_text(table["tool"]),
        time=_text(table["time"]),
        machine=_text(table["machine"]),
        arch=_text(table["arch"]),
        kernel=_text(table["kernel"]),
        page_size=_number(table["page_size"]),
        cpus=_number(table["cpus"]),
        anonymised=table["anonymised"] is True,
        phases=tuple(_text(each) for each in table["phases"]),
        files=tuple(
            FileEntry(
                name=_text(each["name"]), size=_number(each["size"]), sha256=_text(each["sha256"])
            )
            for each in table.get("files", ())
        ),
        missing=tuple(
            Missing(name=_text(each["name"]), why=_text(each["why"]))
            for each in table.get("missing", ())
        ),
        ranges={ExecmemType[name]: _range(each) for name, each in table.get("ranges", {}).items()},
        layout=None if layout is None else _layout(layout),
    )


def _range(table: Mapping[str, Any]) -> StatedRange:
    return StatedRange(
        start=_address(table["start"]),
        end=_address(table["end"]),
        fallback_start=_address(table["fallback_start"]),
        fallback_end=_address(table["fallback_end"]),
        provenance=Provenance(table["provenance"]),
    )


def _layout(table: Mapping[str, Any]) -> StatedLayout:
    word_bits, page_size = table["word_bits"], table["page_size"]
    if word_bits not in (32, 64) or page_size not in (4096, 8192, 16384, 65536):
        raise ValueError("a word or page size that no machine has")
    has_modules = "modules_vaddr" in table
    return StatedLayout(
        variant=_text(table["variant"]),
        kaslr=_text(table["kaslr"]),
        word_bits=word_bits,
        page_size=page_size,
        vmalloc_start=_address(table["vmalloc_start"]),
        vmalloc_end=_address(table["vmalloc_end"]),
        modules_vaddr=_address(table["modules_vaddr"]) if has_modules else None,
        modules_end=_address(table["modules_end"]) if has_modules else None,
        symbols={_text(name): _address(value) for name, value in table["symbols"].items()},
        reach={_text(each["name"]): _signed(each["low"]) for each in table.get("reach", ())},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return printable(value, 200)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise TypeError(f"{value!r} is not a number")
    return value


def _address(value: object) -> Address:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise ValueError(f"{value!r} is not an address")
    return int(value, 16)


def _signed(value: object) -> int:
    text = _text(value)
    return -_address(text[1:]) if text.startswith("-") else _address(text)

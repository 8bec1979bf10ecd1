"""The reader of tars against the writers of Python and GNU tar."""

import io
import tarfile
from random import Random

import pytest

from execmem_tui.files.tar import BLOCK, MAX_HEADER, TarError, TarReader, looks_like_tar

Members = list[tuple[str, bytes | None]]


def read(data: bytes) -> Members:
    """Return every member: its name, and its bytes if it is a file."""
    tar = TarReader(io.BytesIO(data))
    return [
        (member.name.rstrip("/"), b"".join(tar.chunks()) if member.is_file else None)
        for member in tar
    ]


def made(members: Members, kind: int, **pax: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.pax_headers = pax
            if data is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(data)
            tar.addfile(info, None if data is None else io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format(kind: int) -> None:
    random = Random(kind)
    long_ = "/".join(["folder" * 3] * 12)
    if kind == tarfile.USTAR_FORMAT:
        long_ = long_[:180]
    members: Members = [
        ("a/empty", b""),
        ("a/block", random.randbytes(BLOCK)),
        (f"{long_}/f", random.randbytes(70_000)),
        ("a", None),
        ("umlaut-ä" if kind != tarfile.USTAR_FORMAT else "plain", b"x"),
    ]
    assert read(made(members, kind)) == members


def test_pax_records_that_mean_nothing_here_are_passed_over() -> None:
    assert read(made([("f", b"abc")], tarfile.PAX_FORMAT, mtime="1.5", comment="x" * 300)) == [
        ("f", b"abc")
    ]


def test_links_have_no_bytes_whatever_size_they_tell() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname, link.size = tarfile.LNKTYPE, "f", 4096
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("after"), io.BytesIO())
    assert read(buffer.getvalue()) == [("link", None), ("after", b"")]


def test_a_member_that_is_not_taken_is_passed_over() -> None:
    data = made([("a", b"1" * 5000), ("b", b"2")], tarfile.USTAR_FORMAT)
    assert [member.name for member in TarReader(io.BytesIO(data))] == ["a", "b"]


@pytest.mark.parametrize("size", [MAX_HEADER + 1, 1 << 40])
def test_headers_are_bounded(size: int) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, size
    with pytest.raises(TarError, match="a header of impossible size"):
        read(info.tobuf(tarfile.GNU_FORMAT) + bytes(BLOCK * 40))


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (b"9 path=x\n", None),
        (b"99 path=x\n", "make no sense"),
        (b"0 path=x\n", "make no sense"),
        (b"x path=x\n", "make no sense"),
        (b"9 path=xx", "make no sense"),
        (b"\xc2\xb2 path=x\n", "make no sense"),
        (b"11 size=-1\n", "a size that no file has"),
        (b"28 size=9999999999999999999\n", "a size that no file has"),
    ],
)
def test_pax_records(records: bytes, why: str | None) -> None:
    head = tarfile.TarInfo("head")
    head.type, head.size = tarfile.XHDTYPE, len(records)
    data = head.tobuf() + records.ljust(BLOCK, b"\0") + made([("f", b"abc")], tarfile.USTAR_FORMAT)
    if why is None:
        assert read(data) == [("x", b"abc")]
    else:
        with pytest.raises(TarError, match=why):
            read(data)


def test_sparse_files_are_no_plain_files() -> None:
    info = tarfile.TarInfo("sparse")
    info.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[482] = 1  # a block with more of the map follows
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data = bytes(block) + bytes(BLOCK) + made([("f", b"abc")], tarfile.USTAR_FORMAT)
    assert read(data) == [("sparse", None), ("f", b"abc")]


@pytest.mark.parametrize("cut", [1, BLOCK - 1, BLOCK, BLOCK + 3, 3 * BLOCK])
def test_a_cut_tar_is_refused(cut: int) -> None:
    data = made([("a", b"1" * 900), ("b", b"2")], tarfile.USTAR_FORMAT)
    with pytest.raises(TarError, match="too early"):
        read(data[:cut])


def test_noise_is_no_tar() -> None:
    random = Random(1)
    assert not looks_like_tar(b"")
    assert not looks_like_tar(bytes(BLOCK))
    for _ in range(200):
        noise = random.randbytes(BLOCK)
        assert not looks_like_tar(noise)
        with pytest.raises(TarError):
            read(noise)

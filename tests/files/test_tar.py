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


def header(
    name: bytes,
    size: bytes = b"00000000000\0",
    kind: bytes = b"0",
    magic: bytes = b"ustar\x0000",
    *,
    prefix: bytes = b"",
    signed: bool = False,
) -> bytes:
    """Return a header as it is written; `signed` as old tars on some machines added its bytes."""
    block = bytearray(BLOCK)
    for at, field in ((0, name), (124, size), (156, kind), (257, magic), (345, prefix)):
        block[at : at + len(field)] = field
    block[148:156] = b" " * 8
    total = sum(each - 256 if signed and each > 127 else each for each in block)
    block[148:156] = b"%06o\0 " % total
    return bytes(block)


def members_of(data: bytes) -> list[tuple[str, int, bool, bool]]:
    return [
        (each.name, each.size, each.is_file, each.is_folder)
        for each in TarReader(io.BytesIO(data + bytes(BLOCK)))
    ]


@pytest.mark.parametrize("name", [b"plain", "ä".encode(), b"\x80\xff"])
@pytest.mark.parametrize("signed", [False, True])
def test_the_sum_of_a_header_may_be_signed(name: bytes, signed: bool) -> None:
    head = header(name, signed=signed)
    assert looks_like_tar(head)
    assert not looks_like_tar(head + b"\0")
    assert not looks_like_tar(head[:-1])
    assert members_of(head) == [(name.decode("utf-8", "replace"), 0, True, False)]
    for at in (0, 130, 511):  # a letter, a digit of the size, the padding
        broken = bytearray(head)
        broken[at] += 1
        assert not looks_like_tar(bytes(broken))
        with pytest.raises(TarError, match="a header that makes no sense"):
            members_of(header(b"before") + bytes(broken))


@pytest.mark.parametrize(
    ("field", "size"),
    [
        (b"00000000003\0", 3),
        (b"         3 \0", 3),
        (b"\0" * 12, 0),
        (b" " * 12, 0),
        (b"\x80" + bytes(10) + b"\x03", 3),
        (b"\x80" + bytes(9) + b"\x01\x03", 259),
    ],
)
def test_how_a_size_may_be_written(field: bytes, size: int) -> None:
    data = header(b"f", field) + (b"x" * size).ljust(-(-size // BLOCK) * BLOCK, b"\0")
    assert members_of(data + header(b"after")) == [
        ("f", size, True, False),
        ("after", 0, True, False),
    ]


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (b"-0000000003\0", "a size that no file has"),
        (b"\x80" + bytes(3) + (1 << 62).to_bytes(8, "big"), "a size that no file has"),
        (b"\x80" + bytes(3) + ((1 << 62) - 1).to_bytes(8, "big"), "ends too early"),
        (b"00000000009\0", "a number that is none"),
        (b"\xff" * 12, "a number that is none"),
    ],
)
def test_sizes_that_no_file_has(field: bytes, why: str) -> None:
    with pytest.raises(TarError, match=why):
        members_of(header(b"f", field))


def test_what_is_a_file_and_what_a_folder() -> None:
    for kind in (b"0", b"\0", b"7"):
        assert members_of(header(b"f", kind=kind)) == [("f", 0, True, False)]
        assert members_of(header(b"f/", kind=kind)) == [("f/", 0, False, True)], "as old tars do"
    assert members_of(header(b"f", kind=b"5")) == [("f", 0, False, True)]
    for other in "123468SMV":
        assert members_of(header(b"f", kind=other.encode())) == [("f", 0, False, False)]


def test_only_ustar_has_a_prefix() -> None:
    """GNU tar keeps times there."""
    full = header(b"n" * 100, prefix=b"p" * 155)
    assert members_of(full)[0][0] == "p" * 155 + "/" + "n" * 100
    for magic in (b"ustar  \0", b"\0" * 8):
        assert members_of(header(b"name", magic=magic, prefix=b"p"))[0][0] == "name"


def pax(*records: bytes) -> bytes:
    data = b""
    for record in records:
        length = len(record) + 3
        length += len(str(length + 1)) - 1
        data += b"%d %b\n" % (length, record)
    return header(b"x", b"%011o\0" % len(data), b"x") + data.ljust(
        -(-len(data) // 512) * 512, b"\0"
    )


def test_pax_records_hold_for_the_next_member_alone() -> None:
    data = pax(b"size=3", b"path=new") + header(b"f") + b"abc".ljust(BLOCK, b"\0") + header(b"g")
    assert members_of(data) == [("new", 3, True, False), ("g", 0, True, False)]
    sparse = pax(b"GNU.sparse.major=1") + header(b"f") + header(b"g")
    assert members_of(sparse) == [("f", 0, False, False), ("g", 0, True, False)]
    with pytest.raises(TarError, match="too early"):
        members_of(pax(b"size=" + b"9" * 18) + header(b"f"))
    for broken in (b"8 pathx\n", b"4 =\n", b" =xxx\n", b"123456789 a=b\n"):
        head = header(b"x", b"%011o\0" % len(broken), b"x")
        with pytest.raises(TarError, match="pax records that make no sense"):
            members_of(head + broken.ljust(BLOCK, b"\0") + header(b"f"))


def test_a_name_may_be_as_long_as_a_header() -> None:
    said = b"n" * MAX_HEADER
    data = header(b"L", b"%011o\0" % MAX_HEADER, b"L") + said + header(b"f")
    assert members_of(data) == [(said.decode(), 0, True, False)]
    link = header(b"K", b"00000000003\0", b"K") + b"abc".ljust(BLOCK, b"\0") + header(b"f")
    assert members_of(link) == [("f", 0, True, False)], "where a link leads is not asked"

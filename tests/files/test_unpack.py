"""Packed files: the same bytes as Python's own readers, in bounded pieces; bombs are refused."""

import bz2
import errno
import gzip
import io
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import zstandard

from execmem_tui.files.packed import read_lines
from execmem_tui.files.unpack import FREE, HEAD, RATIO, Unpacker, UnpackError, is_packed
from execmem_tui.model.errors import InputError

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(level=3).compress,
}
TEXT = b"".join(b"line %d %x\n" % (number, number * 7919) for number in range(30_000))


def unpacked(data: bytes) -> bytes:
    return io.BufferedReader(Unpacker(io.BytesIO(data), data[:HEAD])).read()


@pytest.mark.parametrize("kind", PACKERS)
def test_every_kind_unpacks(kind: str) -> None:
    pack = PACKERS[kind]
    assert is_packed(pack(TEXT)[:HEAD])
    assert unpacked(pack(TEXT)) == TEXT
    assert unpacked(pack(TEXT[:100]) + pack(TEXT[100:])) == TEXT  # frame after frame
    assert unpacked(pack(b"")) == b""
    noise = Random(0).randbytes(200_000)
    assert unpacked(pack(noise)) == noise


@pytest.mark.parametrize("kind", PACKERS)
def test_a_cut_or_damaged_stream_is_refused(kind: str) -> None:
    data = PACKERS[kind](TEXT)
    with pytest.raises(UnpackError, match="ends too early"):
        unpacked(data[:-5])
    with pytest.raises(UnpackError, match="cannot be unpacked"):
        unpacked(data + b"junk behind it")
    if kind == "zst":  # without a checksum, a changed byte may be another text
        return
    broken = bytearray(data)
    broken[len(data) // 2] ^= 0xFF
    with pytest.raises(UnpackError):
        unpacked(bytes(broken))


def test_padding_behind_the_last_frame_is_none() -> None:
    assert unpacked(gzip.compress(TEXT, mtime=0) + bytes(1024)) == TEXT


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_refused_in_bounded_memory(kind: str) -> None:
    data = PACKERS[kind](b"0" * (FREE + (8 << 20)))
    assert len(data) * RATIO < FREE
    reader = io.BufferedReader(Unpacker(io.BytesIO(data), data[:HEAD]))
    tracemalloc.start()
    taken, refusal = 0, ""
    try:
        while piece := reader.read1(1 << 16):
            taken += len(piece)
    except UnpackError as error:
        refusal = error.title
    assert refusal == "unpacks to more than 100 times its size, which no kernel's text does"
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken <= FREE
    assert most < 12 << 20  # zstd's own window apart, which is not Python's


def test_what_is_free_may_be_one_character(tmp_path: Path) -> None:
    line = b"x" * 1000 + b"\n"
    packed = tmp_path / "f.gz"
    packed.write_bytes(gzip.compress(line * 1000, mtime=0))
    assert sum(1 for _ in read_lines(packed)) == 1000
    packed.write_bytes(gzip.compress(line * 20_000, mtime=0))
    with pytest.raises(InputError, match=r"f.gz:\d+: unpacks to more than 100 times"):
        list(read_lines(packed))


def xz_of(dictionary: int) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": dictionary}]
    return lzma.compress(b"text", filters=filters)


def zstd_of(window_log: int) -> bytes:
    """A frame that does not say how long it is, so that its window has to be kept."""
    parameters = zstandard.ZstdCompressionParameters(
        window_log=window_log, hash_log=6, chain_log=6, write_content_size=False
    )
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(b"text") + packer.flush()


@pytest.mark.parametrize(
    ("make", "size"),
    [
        pytest.param(xz_of, 64 << 20, id="xz -9"),
        pytest.param(xz_of, 96 << 20, id="xz, 96M"),
        pytest.param(zstd_of, 27, id="zstd --long"),
    ],
)
def test_what_the_tools_pack_at_best_is_unpacked(make: Callable[[int], bytes], size: int) -> None:
    assert unpacked(make(size)) == b"text"


@pytest.mark.parametrize(
    ("make", "size"),
    [
        pytest.param(xz_of, 1 << 30, id="xz, 1G"),
        pytest.param(xz_of, 128 << 20, id="xz, 128M and what else it needs"),
        pytest.param(zstd_of, 28, id="zstd --long=28"),
    ],
)
def test_a_decoder_may_not_ask_for_all_memory(make: Callable[[int], bytes], size: int) -> None:
    with pytest.raises(UnpackError, match="emory"):
        unpacked(make(size))


@pytest.mark.parametrize("kind", PACKERS)
def test_four_mebibytes_may_be_one_character(kind: str) -> None:
    pack = PACKERS[kind]
    assert len(unpacked(pack(bytes(4 << 20)))) == 4 << 20
    with pytest.raises(UnpackError, match="more than 100 times its size"):
        unpacked(pack(bytes((4 << 20) + 1)))


def test_a_gibibyte_in_the_blocks_of_bgzip_has_not_too_many_frames() -> None:
    blocks = (1 << 30) // (64 << 10)
    assert unpacked(PACKERS["gz"](b"x") * blocks) == b"x" * blocks


def test_the_mark_of_an_editor_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    """It took an area off the map: the first line of a vmallocinfo was none any more."""
    file = tmp_path / "x"
    for data, lines in (
        (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n", ["one", "\ufefftwo"]),
        (b"\xef\xbb\xbf", []),
        (b"\xef\xbb\xbf\n", [""]),
        (gzip.compress(b"\xef\xbb\xbfone"), ["one"]),
    ):
        file.write_bytes(data)
        assert [text for _, text in read_lines(file)] == lines


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("text", [b"", b"x\n"])
def test_frames_without_end_are_refused(
    monkeypatch: pytest.MonkeyPatch, kind: str, text: bytes
) -> None:
    """A million empty ones are twenty megabytes, and took seconds at each look."""
    monkeypatch.setattr("execmem_tui.files.unpack._MOST_FRAMES", 10)
    frame = PACKERS[kind](text)
    assert unpacked(frame * 10) == text * 10
    with pytest.raises(UnpackError, match="more than 10 frames"):
        unpacked(frame * 12)


@pytest.mark.parametrize("kind", PACKERS)
def test_what_is_longer_than_its_text_is_refused(tmp_path: Path, kind: str) -> None:
    """Eight sparse gigabytes of zeros behind a frame were read to their end."""
    skipped = b"\x50\x2a\x4d\x18" + (FREE).to_bytes(4, "little") + bytes(FREE)  # zstd's alone
    frame = PACKERS[kind](b"line\n")
    assert unpacked(frame + bytes(FREE // 2)) == b"line\n"
    file = tmp_path / "file"
    file.write_bytes(frame + skipped if kind == "zst" else frame)
    with file.open("ab") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(InputError, match=r":2: cannot be unpacked: far longer than what is in it"):
        list(read_lines(file))


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_of_64_kibibytes_is_the_longest(tmp_path: Path, end: bytes) -> None:
    file = tmp_path / "x"
    longest = b"x" * ((64 << 10) - len(end)) + end
    for before in (b"", b"short\n", b"x" * 100 + b"\n"):  # wherever the pieces that are read end
        file.write_bytes(before + longest)
        assert [len(text) for _, text in read_lines(file)][-1] == (64 << 10) - len(end)
        file.write_bytes(before + b"x" + longest)
        with pytest.raises(InputError, match="line too long"):
            list(read_lines(file))


def test_only_what_is_packed_is_bounded_by_what_it_unpacks_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain file takes as much of the disk as it says; a packed one may be of a stranger."""
    monkeypatch.setattr("execmem_tui.files.packed.MAX_UNPACKED", len(TEXT))
    file = tmp_path / "x"
    file.write_bytes(gzip.compress(TEXT))
    assert sum(1 for _ in read_lines(file)) == 30_000
    file.write_bytes(gzip.compress(TEXT + b"\n"))
    with pytest.raises(InputError, match=r"x:\d+: unpacks to more than 1 GiB") as caught:
        list(read_lines(file))
    assert (caught.value.line or 0) > 20_000
    file.write_bytes(TEXT + b"\n")
    assert sum(1 for _ in read_lines(file)) == 30_001


def test_much_may_be_unpacked_from_much() -> None:
    noise = Random(1).randbytes(5 << 20)
    assert unpacked(gzip.compress(noise, 1)) == noise


def test_what_cannot_be_read_is_not_called_damaged() -> None:
    class Disk(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    reader = io.BufferedReader(Unpacker(Disk(), PACKERS["gz"](TEXT)[:HEAD]))
    with pytest.raises(OSError, match="Input/output error"):
        reader.read()

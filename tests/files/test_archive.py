"""Archives of strangers: what is taken of one, and each bound of it at the last thing it allows."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from execmem_tui.files.archive import Parts, is_archive, members
from execmem_tui.model.errors import InputError
from tests.packing import packed

MODULE = "execmem_tui.files.archive"
Make = Callable[[Path, Sequence[tuple[str, bytes]]], Path]


def tar(folder: Path, files: Sequence[tuple[str, bytes]], suffix: str = "") -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            made.addfile(info, io.BytesIO(data))
    path = folder / f"a.tar{suffix}"
    path.write_bytes(packed(buffer.getvalue(), suffix))
    return path


def tar_gz(folder: Path, files: Sequence[tuple[str, bytes]]) -> Path:
    return tar(folder, files, ".gz")


def zipped(folder: Path, files: Sequence[tuple[str, bytes]]) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, data)
    return path


both = pytest.mark.parametrize("make", [tar, zipped])


def taken(path: Path, *, but: str = "") -> dict[str, bytes]:
    """All that is taken; what is called `but` is not wanted."""

    def wanted(parts: Parts, _: bool) -> bool:
        return parts[-1] != but

    return {"/".join(parts): b"".join(chunks) for parts, chunks in members(path, wanted)}


def refusal(path: Path, *, but: str = "") -> str:
    with pytest.raises(InputError) as caught:
        taken(path, but=but)
    assert caught.value.path == str(path)
    return caught.value.message


@both
def test_files_are_taken_and_folders_are_not(tmp_path: Path, make: Make) -> None:
    path = make(tmp_path, [("./", b""), ("a/", b""), ("./a//one", b"1"), ("b/two", b"22")])
    assert is_archive(path)
    assert taken(path) == {"a/one": b"1", "b/two": b"22"}
    assert taken(path, but="one") == {"b/two": b"22"}


@both
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/x", "an absolute name"),
        ("a/../x", "a name that leads outside"),
        ("../x", "a name that leads outside"),
        ("a/" * 16 + "x", "deeper than 16 folders"),
    ],
)
def test_no_name_leads_elsewhere(tmp_path: Path, make: Make, name: str, why: str) -> None:
    assert refusal(make(tmp_path, [("good", b"1"), (name, b"2")])) == f"member {name}: {why}"


@both
def test_what_is_deep_and_what_is_only_called_so(tmp_path: Path, make: Make) -> None:
    names = ["a/" * 15 + "x", "..x", "a..", "..."]
    assert list(taken(make(tmp_path, [(name, b"") for name in names]))) == names


@both
@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("x" * 200, "x" * 200),
        ("é" * 127, "é" * 127),  # 254 bytes
        ("é" * 127 + "x", "é" * 127 + "x"),  # 255
        ("é" * 128, "é" * 100 + "…"),
        ("one\x1b[2Jtwo", "one\\x1b[2Jtwo"),
    ],
    ids=["200", "254 bytes", "255 bytes", "256 bytes", "escape"],
)
def test_a_name_is_one_that_every_file_system_takes(
    tmp_path: Path, make: Make, name: str, safe: str
) -> None:
    assert taken(make(tmp_path, [(f"a/{name}", b"1")])) == {f"a/{safe}": b"1"}


@both
def test_a_file_that_is_there_twice_is_refused_where_it_is_wanted(
    tmp_path: Path, make: Make
) -> None:
    path = make(tmp_path, [("a", b"1"), ("b", b"1"), ("./a", b"2")])
    assert refusal(path) == "member ./a: is there twice"
    assert taken(path, but="a") == {"b": b"1"}


def linked(folder: Path, kind: bytes) -> Path:
    path = folder / "a.tar"
    with tarfile.open(path, "w") as made:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/shadow"
        made.addfile(info)
        made.addfile(tarfile.TarInfo("file"))
    return path


def zip_linked(folder: Path, mode: int) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w") as made:
        info = zipfile.ZipInfo("link")
        info.external_attr = mode << 16
        made.writestr(info, b"/etc/shadow")
        made.writestr("file", b"")
    return path


LINKS = "a link, a device or a sparse file where a file is wanted"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_no_link_nor_device_of_a_tar_is_taken_for_a_file(tmp_path: Path, kind: bytes) -> None:
    path = linked(tmp_path, kind)
    assert refusal(path) == f"member link: {LINKS}"
    assert taken(path, but="link") == {"file": b""}


@pytest.mark.parametrize(
    ("mode", "regular"),
    [(0, True), (0o100644, True), (0o120777, False), (0o20644, False), (0o140644, False)],
)
def test_no_link_nor_device_of_a_zip_is_taken_for_a_file(
    tmp_path: Path, mode: int, regular: bool
) -> None:
    path = zip_linked(tmp_path, mode)
    if regular:
        assert taken(path) == {"link": b"/etc/shadow", "file": b""}
    else:
        assert refusal(path) == f"member link: {LINKS}"
        assert taken(path, but="link") == {"file": b""}


BOUNDS = [
    pytest.param("MAX_MEMBERS", 3, "member d: more than 3 members", id="members"),
    pytest.param("MAX_WANTED", 3, "member d: more than 3 files", id="files"),
    pytest.param("MAX_KEPT", 2 + 5 + 2, "the archive unpacks to more than", id="all bytes"),
    pytest.param("MAX_UNPACKED", 5, "member d: unpacks to more than", id="bytes of one"),
]
THREE = [("a", b"12"), ("b", b"12345"), ("c", b"12")]


@both
@pytest.mark.parametrize(("bound", "most", "why"), BOUNDS)
def test_each_bound_allows_what_it_says_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make, bound: str, most: int, why: str
) -> None:
    monkeypatch.setattr(f"{MODULE}.{bound}", most)
    assert taken(make(tmp_path, THREE)) == dict(THREE)
    assert why in refusal(make(tmp_path, [*THREE, ("d", b"123456")]))


def test_what_is_not_wanted_counts_as_a_member_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.MAX_WANTED", 2)
    monkeypatch.setattr(f"{MODULE}.MAX_KEPT", 4)
    assert taken(tar(tmp_path, THREE), but="b") == {"a": b"12", "c": b"12"}
    monkeypatch.setattr(f"{MODULE}.MAX_MEMBERS", 2)
    assert refusal(tar(tmp_path, THREE), but="b") == "member c: more than 2 members"


@pytest.mark.parametrize("make", [tar, tar_gz])
def test_a_stream_is_read_no_further_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    """A tar of 10 KiB, as Python fills its last record: whoever wants nothing reads it all."""
    path = make(tmp_path, [("a", b"x" * 3000)])
    monkeypatch.setattr(f"{MODULE}.MAX_STREAM", 5120)  # two blocks of headers' end behind the file
    assert taken(path) == {"a": b"x" * 3000}
    monkeypatch.setattr(f"{MODULE}.MAX_STREAM", 2048)
    assert "damaged: unpacks to more than 0 GiB" in refusal(path)


@pytest.mark.parametrize(("size", "good"), [(4 << 20, True), ((4 << 20) + 1, False)])
def test_a_zip_is_no_bomb(tmp_path: Path, size: int, good: bool) -> None:
    """Four mebibytes are free, whatever they are packed into."""
    path = zipped(tmp_path, [("a", bytes(size))])
    assert path.stat().st_size * 100 < size
    if good:
        assert len(taken(path)["a"]) == size
    else:
        assert refusal(path) == "member a: the archive unpacks to more than 100 times its size"


def test_a_big_zip_may_be_a_hundred_times_as_big(tmp_path: Path) -> None:
    path = zipped(tmp_path, [("a", bytes(5 << 20))])
    with path.open("ab") as file:  # what stands before and behind the members counts, too
        file.write(bytes(60_000))
    assert len(taken(path)["a"]) == 5 << 20


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_python_unpacks_without_bound_is_not_unpacked(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr("a", b"1")
        made.writestr("b", b"1", zipfile.ZIP_STORED)
    assert "only deflate is" in refusal(path)
    assert taken(path, but="a") == {"b": b"1"}


@pytest.mark.parametrize(("size", "why"), [(9 << 20, "impossible size"), (100, "damaged")])
def test_a_directory_of_a_zip_is_no_bigger_than_any_is(tmp_path: Path, size: int, why: str) -> None:
    """The end of a zip says how long its directory is: so much would be read at once."""
    path = zipped(tmp_path, [("a", b"1")])
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    wide = bytearray(data[:end] + bytes(size) + data[end:])
    struct.pack_into("<I", wide, len(wide) - 22 + 12, size + end)
    struct.pack_into("<I", wide, len(wide) - 22 + 16, 0)
    path.write_bytes(wide)
    assert refusal(path).startswith("damaged: "), "of no member"
    assert why in refusal(path)


def test_a_zip_may_have_a_comment(tmp_path: Path) -> None:
    path = zipped(tmp_path, [("a", b"1")])
    with zipfile.ZipFile(path, "a") as made:
        made.comment = b"made on a Tuesday"
    assert taken(path) == {"a": b"1"}


def test_a_place_that_no_file_has_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a", b"1")
        made.filelist[0].header_offset = (1 << 63) - 1
    assert refusal(path).startswith("member a: damaged: ")


def test_what_cannot_be_read_is_no_damage() -> None:
    with pytest.raises(OSError, match="Input/output error: '/proc/self/mem'"):
        taken(Path("/proc/self/mem"))


@both
def test_a_file_without_a_name_is_left_out(tmp_path: Path, make: Make) -> None:
    assert taken(make(tmp_path, [(".", b"1"), ("a", b"2")])) == {"a": b"2"}

"""Bundles: every packing opens, reports of whole machines too.

What is hostile is refused by name.
"""

import io
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.bundles.manifest import check_manifest
from execmem_tui.bundles.reader import locate, on_disk
from execmem_tui.cli.main import main
from execmem_tui.files import archive
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import InputError
from execmem_tui.sources.base import SourceKind
from execmem_tui.sources.opening import open_path
from tests.packing import packed, tar_of
from tests.test_hostile import MANIFEST

DATA = Path(__file__).parents[1] / "data"
ARMHF = DATA / "captures" / "armhf-6.12.107"
TRACE = DATA / "traces" / "armhf-6.12.107"


@pytest.fixture(autouse=True)
def temporary(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Whatever happens, nothing that was unpacked stays."""
    place = tmp_path_factory.mktemp("unpacked")
    monkeypatch.setattr("tempfile.tempdir", str(place))
    yield
    assert list(place.iterdir()) == []


def areas(path: Path) -> tuple[Area, ...]:
    return tuple(open_path(str(path)).history.snapshot().areas)


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zst", ".bz2"])
def test_a_packed_run_opens_like_its_folder(tmp_path: Path, suffix: str) -> None:
    bundle = tmp_path / f"run.tar{suffix}"
    bundle.write_bytes(packed(tar_of(ARMHF), suffix))
    assert areas(bundle) == areas(ARMHF)
    assert open_path(str(bundle)).title == "armhf-6.12.107"
    assert areas(bundle / "armhf-6.12.107" / "1-modules") == areas(ARMHF / "1-modules")


def test_a_zip_opens_like_its_folder(tmp_path: Path) -> None:
    bundle = shutil.make_archive(str(tmp_path / "run"), "zip", ARMHF.parent, ARMHF.name)
    assert areas(Path(bundle)) == areas(ARMHF)


def test_a_bundle_with_a_trace_verifies_and_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "run.tar.gz"
    bundle.write_bytes(packed(tar_of(TRACE), ".gz"))
    with on_disk(bundle) as found:
        assert verify_trace(locate(found)).found.exact == verify_trace(TRACE).found.exact
    assert main(["verify", str(bundle)]) == 0
    assert capsys.readouterr().out.startswith(f"{bundle}: ")
    source = open_path(str(bundle / "armhf-6.12.107" / "trace.txt"))
    assert source.kind is SourceKind.REPLAY
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "picture").write_bytes(b"\x89PNG" + b"x" * 100_000)
    shutil.copy(TRACE / "trace.txt.xz", tmp_path / "deep" / "my-trace.xz")
    alone = tmp_path / "alone.tar"
    alone.write_bytes(tar_of(tmp_path / "deep"))
    assert open_path(str(alone)).kind is SourceKind.REPLAY


def test_a_folder_is_gone_into_only_where_there_is_one_way(tmp_path: Path) -> None:
    """Which of two folders was meant nobody can say; of many files not each is looked into."""
    (tmp_path / "one" / "deep").mkdir(parents=True)
    text = "# tracer: nop\n"
    (tmp_path / "one" / "deep" / "some-trace").write_text(text)
    assert locate(tmp_path).name == "some-trace"
    (tmp_path / "two").mkdir()
    with pytest.raises(InputError, match="not a capture"):
        locate(tmp_path)
    for number in range(39):
        (tmp_path / "one" / "deep" / f"file{number}").write_text("x")
    assert locate(tmp_path / "one").name == "some-trace"
    (tmp_path / "one" / "deep" / "file39").write_text("x")
    with pytest.raises(InputError, match="not a capture"):
        locate(tmp_path / "one")


def test_a_hidden_file_alone_is_not_what_was_meant(tmp_path: Path) -> None:
    """File managers leave them everywhere."""
    (tmp_path / ".DS_Store").write_text("# tracer: nop\n")
    with pytest.raises(InputError, match="not a capture"):
        locate(tmp_path)


@pytest.mark.parametrize("name", ["..", "../..", "armhf-6.12.107/../..", "armhf-6.12.107/.."])
def test_a_member_s_name_cannot_lead_out_of_its_archive(tmp_path: Path, name: str) -> None:
    """``ARCHIVE/..`` is a folder that exists: the private place that the archive is unpacked in."""
    bundle = tmp_path / "run.tar"
    bundle.write_bytes(tar_of(ARMHF))
    with pytest.raises(InputError, match="there is no such member"), on_disk(bundle / name):
        pass


def report(tmp_path: Path, *, with_version: bool) -> Path:
    """A tree as sosreport leaves it.

    Partial copies of /proc, /sys, /boot, and outputs of commands.
    """
    phase = ARMHF / "1-modules"
    root = tmp_path / "sosreport-host-2026"
    (root / "proc").mkdir(parents=True)
    for name in ("vmallocinfo", "kallsyms", "modules", "meminfo"):
        shutil.copy(phase / f"{name}.gz", root / "proc")
    for module, section, address in (("xfs", ".text", "0xbf123000"), ("xfs", ".data", "hidden")):
        file = root / "sys" / "module" / module / "sections" / section
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(address + "\n")
    commands = root / "sos_commands" / "kernel"
    commands.mkdir(parents=True)
    (commands / "uname_-a").write_text(
        "Linux host 6.12.107+deb13-armmp #1 SMP Debian armv7l GNU/Linux\n"
    )
    (root / "uname").symlink_to("sos_commands/kernel/uname_-a")
    log = ["[    1.0] hello", "[  999.123456] execmem: unable to allocate memory"] * 3
    if with_version:
        log.insert(
            0,
            "[    0.000000] Linux version 6.12.107+deb13-armmp (x) (arm-linux-gnueabihf-gcc-14) #1",
        )
        (commands / "uname_-a").unlink()
    (commands / "dmesg").write_text("\n".join(log))
    (root / "boot").mkdir()
    shutil.copy(ARMHF / "config.txt", root / "boot" / "config-6.12.107+deb13-armmp")
    for number in range(30):
        (root / "etc" / "deep" / "er").mkdir(parents=True, exist_ok=True)
        (root / "etc" / "deep" / "er" / f"conf{number}").write_text("x")
    return root


@pytest.mark.parametrize("with_version", [True, False])
def test_the_report_of_a_machine_opens(tmp_path: Path, *, with_version: bool) -> None:
    root = report(tmp_path, with_version=with_version)
    bundle = tmp_path / "sosreport.tar.xz"
    bundle.write_bytes(packed(tar_of(root), ".xz"))
    shutil.rmtree(tmp_path / "other", ignore_errors=True)
    for path in (root, bundle):
        snapshot = open_path(str(path)).history.snapshot()
        assert (snapshot.layout.arch, snapshot.layout.kernel) == ("arm", "6.12.107+deb13-armmp")
        assert (
            "dmesg says: execmem: unable to allocate memory, 3 times (rate limited: a lower bound)"
            in snapshot.layout.notes
        )
        assert sum(area.owner is not None for area in snapshot.areas) > 10


def tar(*members: tuple[str, bytes | str | None]) -> bytes:
    """A tar of (name, bytes), (name, target of a link) or (name, None: a device)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                made.addfile(info, io.BytesIO(content))
                continue
            info.type = tarfile.CHRTYPE if content is None else tarfile.SYMTYPE
            info.linkname = content or ""
            made.addfile(info)
    return buffer.getvalue()


HOSTILE = {
    "up": (tar(("a/../../evil", b"x")), "member a/../../evil: a name that leads outside"),
    "absolute": (tar(("/etc/evil", b"x")), "member /etc/evil: an absolute name"),
    "link": (tar(("vmallocinfo", "/etc/passwd")), "member vmallocinfo: a link, a device"),
    "device": (tar(("run/vmallocinfo", None)), "member run/vmallocinfo: a link, a device"),
    "twice": (
        tar(("vmallocinfo", b"x"), ("./vmallocinfo", b"y")),
        "member ./vmallocinfo: is there twice",
    ),
    "both": (tar(("vmallocinfo", b"x"), ("vmallocinfo/x", b"y")), "a file and a folder at once"),
    "deep": (tar(("a/" * 60 + "vmallocinfo", b"x")), "deeper than 16 folders"),
    "escape": (tar(("\x1b[31m/../x", b"x")), r"member \x1b[31m/../x: a name that leads outside"),
    "cut": (tar(("vmallocinfo", b"x" * 9000))[:4000], "member vmallocinfo: damaged"),
    "no end": (tar(("vmallocinfo", b"x" * 512))[:1024], "damaged"),
    "nonsense after": (tar(("vmallocinfo", b"x" * 512))[:1024] + b"\x01" * 1024, "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_hostile_archive_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, suffix: str
) -> None:
    data, words = HOSTILE[name]
    bundle = tmp_path / f"bad.tar{suffix}"
    bundle.write_bytes(packed(data, suffix))
    assert main(["map", str(bundle)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"execmem-tui: {bundle}")
    assert words in error
    assert error.count("\n") == 1
    assert "\x1b" not in error


def test_a_link_that_is_not_wanted_does_no_harm(tmp_path: Path) -> None:
    line = b"0xffffc90000000000-0xffffc90000002000    8192 f+0x1/0x2 pages=1 vmalloc\n"
    bundle = tmp_path / "a.tar"
    bundle.write_bytes(
        tar(("x/y/z", "/etc/passwd"), ("x/a/dev/null", None), ("x/vmallocinfo", line))
    )
    assert len(areas(bundle)) == 1


@pytest.mark.parametrize("limit", ["MAX_MEMBERS", "MAX_KEPT", "MAX_STREAM", "MAX_UNPACKED"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_bombs_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, kind: str
) -> None:
    if (limit, kind) == ("MAX_STREAM", "zip"):
        pytest.skip("what is not wanted of a zip is never unpacked")
    monkeypatch.setattr(archive, limit, 2 if limit == "MAX_MEMBERS" else 5_000)
    files = [(f"f{number}", b"\0" * 9_000) for number in range(3)]
    bundle = tmp_path / "bomb"
    if kind == "tar":
        bundle.write_bytes(packed(tar(*files), ".zst"))
    else:
        with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as made:
            for name, data in files:
                made.writestr(name, data)
    with pytest.raises(InputError, match="more than"):
        open_path(str(bundle))


def test_a_header_cannot_ask_for_memory(tmp_path: Path) -> None:
    """A pax header of 64 MiB packs to nothing; it is refused before it is read."""
    info = tarfile.TarInfo("h")
    info.type, info.size = tarfile.XHDTYPE, 64 << 20
    bundle = tmp_path / "bomb.tar.zst"
    bundle.write_bytes(packed(info.tobuf() + b"0" * (1 << 20), ".zst"))
    with pytest.raises(InputError, match="impossible size"):
        open_path(str(bundle))


def test_pax_headers_without_end_are_refused(tmp_path: Path) -> None:
    record = b"11 path=abc\n"
    info = tarfile.TarInfo("h")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    bundle = tmp_path / "deep.tar"
    bundle.write_bytes((info.tobuf() + record.ljust(512, b"\0")) * 5_000)
    with pytest.raises(InputError, match="damaged"):
        open_path(str(bundle))


def test_zip_names_and_links_are_watched(tmp_path: Path) -> None:
    for name, mode, words in (("../x", 0, "leads outside"), ("vmallocinfo", 0o120777, "a link")):
        bundle = tmp_path / "z.zip"
        with zipfile.ZipFile(bundle, "w") as made:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            made.writestr(info, b"x")
        with pytest.raises(InputError, match=words):
            open_path(str(bundle))


def test_a_damaged_member_is_named_through_the_archive(tmp_path: Path) -> None:
    bundle = tmp_path / "a.tar"
    bundle.write_bytes(tar(("run/vmallocinfo", b"hello\n" * 40)))
    with pytest.raises(
        InputError, match=r"a\.tar/run/vmallocinfo:1: not a line of /proc/vmallocinfo"
    ):
        open_path(str(bundle))


def test_two_captures_in_one_folder_are_not_guessed_between(tmp_path: Path) -> None:
    bundle = tmp_path / "two.tar"
    shutil.copytree(ARMHF, tmp_path / "x" / "a")
    shutil.copytree(ARMHF, tmp_path / "x" / "b")
    bundle.write_bytes(tar_of(tmp_path / "x"))
    with pytest.raises(InputError, match="holds 2 captures: a, b"):
        open_path(str(bundle))
    assert areas(bundle / "x" / "b") == areas(ARMHF)


def test_nothing_is_inside_a_file_that_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    with pytest.raises(InputError, match="not an archive"):
        open_path(str(tmp_path / "x" / "y"))
    (tmp_path / "e.tar").write_bytes(tar(("README", b"hello\n"), ("b", b"x\n")))
    with pytest.raises(InputError, match=r"e\.tar: not a capture"):
        open_path(str(tmp_path / "e.tar"))
    with pytest.raises(InputError, match="no such member"):
        open_path(str(tmp_path / "e.tar" / "y"))


def test_folders_without_end_are_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three folders each for a file of a few bytes: to make and remove them took a minute."""
    for number in range(8):
        sections = tmp_path / "run" / "sys" / "module" / f"m{number}" / "sections"
        sections.mkdir(parents=True)
        (sections / ".text").write_text("0xffffffffc0000000\n")
    bundle = tmp_path / "a.tar"
    bundle.write_bytes(tar_of(tmp_path / "run"))
    monkeypatch.setattr("execmem_tui.bundles.reader._MAX_UNPACKED", 7)
    assert main(["map", str(bundle)]) == 2
    assert f"execmem-tui: {bundle}: more than 7 folders" in capsys.readouterr().err


def test_a_folder_of_very_many_is_not_gone_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        (tmp_path / f"m{number}").mkdir()
    shutil.copytree(ARMHF / "1-modules", tmp_path / "m9" / "1-modules")
    assert locate(tmp_path) == tmp_path / "m9"
    monkeypatch.setattr("execmem_tui.bundles.reader._MAX_FOLDERS", 4)
    with pytest.raises(InputError, match="not a capture"):
        locate(tmp_path)


def test_a_name_of_more_bytes_than_a_file_may_have_is_cut(tmp_path: Path) -> None:
    """Two hundred letters that take two bytes each."""
    line = b"0xffffc90000000000-0xffffc90000002000    8192 f+0x1/0x2 pages=1 vmalloc\n"
    bundle = tmp_path / "a.tar"
    bundle.write_bytes(tar(("é" * 190, b"x"), ("x/vmallocinfo", line)))
    assert len(areas(bundle)) == 1


def test_a_path_longer_than_any_is_refused_without_a_private_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "a.tar"
    bundle.write_bytes(tar((("é" * 127 + "/") * 15 + "trace.txt", b"x")))
    place = tmp_path / ("t" * 200) / ("t" * 200) / ("t" * 200)
    place.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with pytest.raises(InputError, match="longer than any") as refused:
        areas(bundle)
    assert refused.value.path == str(bundle)


def test_a_manifest_that_names_a_file_twice_is_refused(tmp_path: Path) -> None:
    """Each time it would be read from end to end again."""
    data = b"x" * 100
    entry = f'[[files]]\nname = "p/{{}}"\nsize = 100\nsha256 = "{sha256(data).hexdigest()}"\n'
    head = MANIFEST.partition(b"[ranges")[0].decode()
    bundle = tmp_path / "b.tar"

    def entered(*names: str) -> Iterator[Path]:
        text = head + "".join(entry.format(name) for name in names)
        bundle.write_bytes(tar(("b/manifest.toml", text.encode()), ("b/p/vmallocinfo", data)))
        with on_disk(bundle) as folder:
            yield folder

    assert next(entered("vmallocinfo", "other")).is_dir()
    with pytest.raises(InputError, match=r"names a file twice: p/\./vmallocinfo"):
        next(entered("vmallocinfo", "./vmallocinfo"))


@pytest.mark.parametrize("name", ["../x", "p/../../x", "/etc/passwd"])
def test_a_manifest_cannot_name_a_file_outside(tmp_path: Path, name: str) -> None:
    entry = f'[[files]]\nname = "{name}"\nsize = 1\nsha256 = "x"\n'
    head = MANIFEST.partition(b"[ranges")[0].decode()
    (tmp_path / "manifest.toml").write_text(head + entry)
    with pytest.raises(InputError, match="names a file outside itself"):
        check_manifest(tmp_path)


@pytest.mark.parametrize(("size", "data"), [(3, b"abd"), (4, b"abc"), (3, b"abc")])
def test_a_file_is_what_the_manifest_says_or_refused(
    tmp_path: Path, size: int, data: bytes
) -> None:
    """Its bytes, and as many: either tells."""
    entry = f'[[files]]\nname = "p"\nsize = {size}\nsha256 = "{sha256(data).hexdigest()}"\n'
    head = MANIFEST.partition(b"[ranges")[0].decode()
    (tmp_path / "manifest.toml").write_text(head + entry)
    (tmp_path / "p").write_bytes(b"abc")
    if (size, data) == (3, b"abc"):
        check_manifest(tmp_path)
        return
    with pytest.raises(InputError, match="not the file that the manifest speaks of") as refused:
        check_manifest(tmp_path)
    assert refused.value.path == str(tmp_path / "p")

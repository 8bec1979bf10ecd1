"""/proc/vmallocinfo: every kind of line, and lines from strangers."""

import gzip
import lzma
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.files.packed import read_lines
from execmem_tui.formats.vmallocinfo import Pointers, parse_vmallocinfo
from execmem_tui.model.errors import InputError


def parse(text: str) -> object:
    return parse_vmallocinfo("test", enumerate(text.splitlines(), 1))


def test_all_words_of_a_line_are_read() -> None:
    info = parse_vmallocinfo(
        "test",
        [
            (
                1,
                (
                    "0xffffc90000000000-0xffffc90000005000   20480 kernel_clone+0xe9/0x510 pages=4"
                    " vmalloc vpages N0=3 N1=1"
                ),
            ),
            (
                2,
                (
                    "0xffffc90000005000-0xffffc90000007000    8192 acpi_os_map_iomem+0x1cc/0x210"
                    " phys=0x000000007ffe2000 ioremap"
                ),
            ),
            (3, "0xffffc90000008000-0xffffc9000000a000    8192 unpurged vm_area"),
            (
                4,
                (
                    "0xffffc9000000a000-0xffffc9000000c000    8192 load_module+0x1/0x2"
                    " [some_module] pages=1 vmalloc"
                ),
            ),
        ],
    )
    first, second, third, fourth = info.entries
    assert (first.caller, first.pages, first.flags) == (
        "kernel_clone+0xe9/0x510",
        4,
        ("vmalloc", "vpages"),
    )
    assert (second.phys, second.flags) == (0x7FFE2000, ("ioremap",))
    assert (third.lazy, third.caller) == (True, None)
    assert fourth.caller == "load_module+0x1/0x2"
    assert info.pointers is Pointers.REAL


def test_32_bit_addresses_are_read() -> None:
    info = parse_vmallocinfo(
        "test", [(1, "0xbf000000-0xbf004000   16384 load_module+0x78c/0x1f7c pages=3 vmalloc")]
    )
    assert info.entries[0].start == 0xBF000000


@pytest.mark.parametrize(
    ("line", "worth"),
    [
        (
            (
                "0x000000001b2c3d4e-0x00000000aa11bb22    8192 n_tty_open+0x1e/0xa0 pages=1 vmalloc"
                " N0=1"
            ),
            Pointers.HASHED,
        ),
        (
            (
                "0x0000000000000000-0x0000000000000000    8192 n_tty_open+0x1e/0xa0 pages=1 vmalloc"
                " N0=1"
            ),
            Pointers.ZEROED,
        ),
        (
            "(____ptrval____)-(____ptrval____)    8192 n_tty_open+0x1e/0xa0 pages=1 vmalloc N0=1",
            Pointers.NOT_READY,
        ),
        ("(ptrval)-(ptrval)    8192 n_tty_open+0x1e/0xa0 pages=1 vmalloc", Pointers.NOT_READY),
    ],
)
def test_hidden_addresses_are_recognised(line: str, worth: Pointers) -> None:
    assert parse_vmallocinfo("test", [(1, line), (2, line)]).pointers is worth


def test_a_hash_that_fits_by_chance_does_not_make_a_file_real() -> None:
    """Most lines decide: with hashes a few may differ by their
    size, with addresses a few may be torn."""
    hashed = "0x00000000a1b2c3d4-0x0000000012345678    8192 f+0x1/0x2 pages=1 vmalloc"
    fits = "0x0000000011110000-0x0000000011112000    8192 f+0x1/0x2 pages=1 vmalloc"
    torn = fits.replace("2000 ", "5000 ")
    for texts, worth in (
        ((hashed, hashed, fits), Pointers.HASHED),
        ((hashed, fits), Pointers.HASHED),
        ((fits, torn, fits), Pointers.REAL),
    ):
        assert parse_vmallocinfo("test", enumerate(texts, 1)).pointers is worth


def test_a_few_broken_lines_are_counted_and_left_out() -> None:
    good = (
        "0xffffc90000000000-0xffffc90000005000   20480 kernel_clone+0xe9/0x510 pages=4 vmalloc N0=4"
    )
    info = parse_vmallocinfo("test", [(1, good), (2, "0xffffc900000"), (3, good)])
    assert info.skipped == (2,)
    assert len(info.entries) == 2


def test_a_line_whose_numbers_do_not_fit_is_left_out() -> None:
    good = (
        "0xffffc90000000000-0xffffc90000005000   20480 kernel_clone+0xe9/0x510 pages=4 vmalloc N0=4"
    )
    info = parse_vmallocinfo(
        "test", [(1, good), (2, good), (3, good.replace("5000 ", "500000 ")), (4, good)]
    )
    assert info.skipped == (3,)
    assert [entry.line for entry in info.entries] == [1, 2, 4]


def test_digits_of_other_scripts_do_no_harm() -> None:
    info = parse_vmallocinfo(
        "test", [(1, "0xffffc90000000000-0xffffc90000005000   20480 f pages=² vmalloc N0=² N²=1")]
    )
    assert info.entries[0].pages is None


@pytest.mark.parametrize("text", ["", "hello\n", "\x1b[31m\n" * 50, "0-0 0\n" * 50])
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


@given(st.text(max_size=200))
def test_no_control_character_survives(text: str) -> None:
    line = f"0xffffc90000000000-0xffffc90000005000   20480 {text}"
    info = parse_vmallocinfo("test", [(1, line.replace("\n", " ").replace("\r", " "))] * 2)
    for entry in info.entries:
        assert entry.caller is None or entry.caller.isprintable()


@pytest.mark.parametrize(
    "pack", [lambda data: data, gzip.compress, lzma.compress, zstandard.compress]
)
def test_packed_files_open_by_their_first_bytes(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    path = tmp_path / "vmallocinfo"
    path.write_bytes(pack(b"one\ntwo\n"))
    assert list(read_lines(path)) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress])
def test_truncated_files_name_themselves(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    path = tmp_path / "vmallocinfo.gz"
    path.write_bytes(pack(bytes(range(256)) * 4000)[:-40])
    with pytest.raises(InputError) as caught:
        list(read_lines(path))
    assert str(path) in str(caught.value)


def test_endless_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vmallocinfo"
    path.write_bytes(b"x" * 200_000)
    with pytest.raises(InputError):
        list(read_lines(path))

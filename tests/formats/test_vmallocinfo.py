"""/proc/vmallocinfo: every kind of line, and lines from strangers."""

import gzip
import lzma
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.files.packed import read_lines
from execmem_tui.formats.vmallocinfo import Pointers, Vmallocinfo, parse_vmallocinfo
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


GOOD = "0xffffc90000000000-0xffffc90000002000    8192 f+0x1/0x2 pages=1 vmalloc"
HASHED = "0x00000000a1b2c3d4-0x0000000012345678    8192 f+0x1/0x2 pages=1 vmalloc"
UNREADY = "(ptrval)-(ptrval)    8192 f+0x1/0x2 pages=1 vmalloc"


def info_of(*lines: str) -> Vmallocinfo:
    return parse_vmallocinfo("test", enumerate(lines, 1))


def test_bad_lines_may_be_as_many_as_good_ones_and_a_few_without() -> None:
    assert info_of(*["x"] * 20, GOOD).skipped == tuple(range(1, 21))
    assert len(info_of(*[GOOD] * 21, *["x"] * 21).skipped) == 21
    for lines, first in (
        (["", *["x"] * 21, GOOD], 2),
        ([*[GOOD] * 21, *["x"] * 22], 22),
    ):
        with pytest.raises(InputError, match=f"test:{first}: not a line"):
            info_of(*lines)
    with pytest.raises(InputError, match="test:3: holds no line"):
        info_of("", " ", "x", "y")
    with pytest.raises(InputError, match="test:1: holds no line"):
        info_of("", " ")


def test_empty_lines_are_no_bad_ones() -> None:
    assert info_of("", GOOD, " ", "\t").skipped == ()


@pytest.mark.parametrize("size", [0, 1 << 64, 10**19])
def test_sizes_that_no_area_has(size: int) -> None:
    odd = GOOD.replace("8192", str(size))
    info = info_of(odd, GOOD, GOOD)
    assert info.skipped == (1,)
    hashed = info_of(HASHED, odd.replace("ffffc9", "000000"))
    assert len(hashed.entries) == (2 if size == 10**19 else 1)


def test_one_line_that_is_not_ready_spoils_them_all() -> None:
    for lines in ((UNREADY, GOOD, GOOD), (GOOD, GOOD, UNREADY)):
        info = info_of(*lines)
        assert (info.pointers, len(info.entries), info.skipped) == (Pointers.NOT_READY, 3, ())
    half = GOOD.replace("0xffffc90000002000", "(____ptrval____)")
    assert [(each.start, each.end) for each in info_of(UNREADY, half).entries] == [
        (0, 0),
        (0xFFFFC90000000000, 0),
    ]


def test_zeros_are_both_addresses_of_all_lines() -> None:
    zeros = "0x0-0x0    8192 f"
    assert info_of(zeros, zeros).pointers is Pointers.ZEROED
    for other in ("0x0-0x1    8192 f", "0x1-0x0    8192 f"):
        assert info_of(zeros, other).pointers is Pointers.HASHED


def test_hashed_lines_all_stay() -> None:
    info = info_of(HASHED, GOOD)
    assert (info.pointers, len(info.entries), info.skipped) == (Pointers.HASHED, 2, ())


@pytest.mark.parametrize(
    ("word", "caller"),
    [
        ("f+0x1/0x2", "f+0x1/0x2"),
        ("N0=4", None),
        ("N12=4", None),
        ("M0=4", "M0=4"),
        ("Nx=4", "Nx=4"),
        ("N=4", "N=4"),
        ("N0=x", "N0=x"),
        ("phys=0x10", None),
        ("phys=10", None),
        ("phys=zz", "phys=zz"),
        ("size=10", "size=10"),
        ("pages=7", None),
        ("pages=x", "pages=x"),
        ("vmalloc", None),
        ("f" * 200, "f" * 119 + "…"),
    ],
)
def test_the_first_word_is_the_caller_unless_it_is_something_else(
    word: str, caller: str | None
) -> None:
    for rest in ("", " pages=1", " pages=1 N0=1" + " " * 300):  # an end of any length
        entry = info_of(f"0x1000-0x3000 8192 {word}{rest}").entries[0]
        assert entry.caller == caller
        assert entry.phys == (0x10 if word.startswith("phys=") and caller is None else None)
        assert entry.pages == (1 if rest else 7 if word == "pages=7" else None)
    entry = info_of("0x1000-0x3000 8192").entries[0]
    assert (entry.caller, entry.flags, entry.pages, entry.phys, entry.lazy) == (
        None,
        (),
        None,
        None,
        False,
    )


def test_a_count_of_pages_has_a_bound() -> None:
    """Numbers beyond 4,300 digits are errors to Python."""
    assert info_of(f"{GOOD} pages={'9' * 5000}").entries[0].pages == 10**18 - 1

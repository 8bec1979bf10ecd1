"""All architectures on one page: distances, logarithmic columns, what is not known."""

import json
from importlib.resources import files

import jsonschema
import pytest

from execmem_tui.arch import architectures
from execmem_tui.cli.main import main
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.view.picture import FARTHEST, NEAREST, PictureRow, column, picture, picture_lines

MIB, GIB = 1 << 20, 1 << 30
TEXT, KPROBES, FTRACE, BPF, DATA = ExecmemType


def row(name: str, kernel: str = "7.1") -> PictureRow:
    return next(each for each in picture(kernel) if each.arch == name)


def test_every_architecture_has_a_row() -> None:
    assert [each.arch for each in picture("7.1")] == list(architectures())
    assert all(each.bars for each in picture("7.1"))


def test_arm64_has_two_windows_around_the_image_and_one_far_away() -> None:
    direct, fallback, vmalloc = row("arm64").bars
    assert (direct.low, direct.high, direct.letters) == (-80 * MIB, 48 * MIB, "MD")
    assert (fallback.low, fallback.high, fallback.letters) == (-2000 * MIB, 48 * MIB, "md")
    assert vmalloc.types == (KPROBES, BPF)
    assert vmalloc.low == 0
    assert row("arm64").reach == (-0x8000000, 0x7FFFFFC)


def test_x86_keeps_all_five_types_in_one_window_above() -> None:
    (window,) = row("x86").bars
    assert set(window.types) == set(ExecmemType)
    assert window.low == 0xFFFFFFFFC0000000 - 0xFFFFFFFF81000000


def test_a_segment_is_no_reach() -> None:
    assert row("mips").reach is None


@pytest.mark.parametrize("half", [20, 30, 46])
def test_columns_grow_with_the_logarithm_and_are_symmetric(half: int) -> None:
    places = [column(1 << power, half) for power in range(20, 51)]
    assert places[0] == 0
    assert places[1] >= 1
    assert places[-1] == half
    assert places == sorted(places)
    assert [column(-(1 << power), half) for power in range(20, 51)] == [-at for at in places]
    assert column(NEAREST - 1, half) == column(0, half) == 0
    assert column(FARTHEST * 4, half) == half
    assert column(3 << 30, half) >= column(2 << 30, half)


def test_the_page_fits_its_width_and_has_the_kernel_in_the_middle() -> None:
    for width in (60, 80, 110, 200):
        lines = picture_lines(picture("7.1"), width)
        assert max(map(len, lines)) <= width
        drawn = [line for line in lines if "." in line[16:] and "K" in line[16:]]
        assert len({line.index("K", 16) for line in drawn}) == 1
        assert len(drawn) >= len(architectures())
    assert picture_lines(picture("7.1"), 10) == picture_lines(picture("7.1"), 60)


def test_the_bar_of_arm64_s_direct_window_spans_the_image() -> None:
    lines = picture_lines(picture("7.1"), 110)
    bar = next(line for line in lines if line.startswith("arm64"))
    middle = bar.index("K", 16)
    assert bar[middle - 1] == bar[middle + 1] == "M"
    assert bar[middle - 11] == "<"
    assert bar[middle - 12] == "."


def test_what_is_not_known_or_not_there_says_so() -> None:
    assert row("sparc", "6.1").bars == ()
    text = picture_lines(picture("6.1"), 110)
    assert any(line.startswith("sparc") and line.endswith("unknown") for line in text)
    assert any(line.startswith("nios2") and "kmalloc()" in line for line in text)


def test_the_command_prints_page_and_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ranges", "--picture", "--kernel", "6.12", "--width", "90"]) == 0
    assert capsys.readouterr().out.splitlines() == picture_lines(picture("6.12"), 90)
    assert main(["ranges", "--picture", "--json"]) == 0
    loaded = json.loads(capsys.readouterr().out)
    schema = json.loads((files("execmem_tui") / "cli" / "schemas" / "ranges.json").read_text())
    jsonschema.validate(loaded, schema)
    arm64 = next(each for each in loaded["rows"] if each["arch"] == "arm64")
    assert arm64["windows"][0] == {
        "types": ["MODULE_TEXT", "MODULE_DATA"],
        "fallback": False,
        "low": -80 * MIB,
        "high": 48 * MIB,
    }

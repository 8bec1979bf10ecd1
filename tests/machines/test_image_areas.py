"""The ends of arm64's image from the areas that it registers, against its own symbols."""

import gzip
from pathlib import Path

import pytest
from attrs import evolve

from execmem_tui.files.packed import read_lines
from execmem_tui.formats.procfiles import parse_kallsyms
from execmem_tui.formats.vmallocinfo import VmallocEntry, parse_vmallocinfo
from execmem_tui.machines.image_areas import image_symbols_from_areas
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.capture import open_capture

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
BOOT = CAPTURES / "arm64-7.2.13-nokaslr" / "0-boot"
PAGE = 4096


@pytest.fixture(scope="module")
def entries() -> list[VmallocEntry]:
    file = BOOT / "vmallocinfo.gz"
    return list(parse_vmallocinfo(str(file), read_lines(file)).entries)


@pytest.fixture(scope="module")
def symbols() -> dict[str, int]:
    file = BOOT / "kallsyms.gz"
    every = parse_kallsyms(str(file), read_lines(file))
    return {each.name: each.address for each in every if each.name in ("_text", "_etext", "_end")}


def test_the_areas_say_what_the_symbols_say(
    entries: list[VmallocEntry], symbols: dict[str, int]
) -> None:
    assert len(symbols) == 3
    assert image_symbols_from_areas(entries, {}, PAGE) == symbols
    assert image_symbols_from_areas(entries, symbols, PAGE) == {}
    assert image_symbols_from_areas(entries, {"_text": 1}, PAGE).keys() == {"_etext", "_end"}


def test_an_image_moved_by_kaslr_or_begun_behind_its_head_is_found(
    entries: list[VmallocEntry], symbols: dict[str, int]
) -> None:
    moved = [
        evolve(each, start=each.start + 0x20E00000, end=each.end + 0x20E00000) for each in entries
    ]
    first = min(each.start for each in moved if (each.caller or "").startswith("paging_init"))
    moved = [evolve(each, start=first + 0x10000) if each.start == first else each for each in moved]
    found = image_symbols_from_areas(moved, {}, PAGE)
    assert found == {name: address + 0x20E00000 for name, address in symbols.items()}


def test_areas_that_are_no_whole_image_tell_nothing(entries: list[VmallocEntry]) -> None:
    image = [each for each in entries if (each.caller or "").startswith("paging_init")]
    assert len(image) == 5
    assert image_symbols_from_areas(image[1:], {}, PAGE) == {}
    extra = evolve(image[0], start=image[0].start - PAGE, end=image[0].start)
    assert image_symbols_from_areas([*image, extra], {}, PAGE) == {}
    last = max(image, key=lambda each: each.start)
    apart = [
        evolve(each, start=each.start + PAGE, end=each.end + PAGE) if each is last else each
        for each in image
    ]
    assert image_symbols_from_areas(apart, {}, PAGE) == {}
    others = [evolve(each, flags=("ioremap",)) for each in image]
    assert image_symbols_from_areas(others, {}, PAGE) == {}
    foreign = [evolve(each, caller="dma_common_remap+0x1/0x2") for each in image]
    assert image_symbols_from_areas(foreign, {}, PAGE) == {}
    assert image_symbols_from_areas([], {}, PAGE) == {}


def test_a_vmallocinfo_alone_tells_the_windows_of_arm64(tmp_path: Path) -> None:
    file = tmp_path / "vmallocinfo"
    file.write_bytes(gzip.decompress((BOOT / "vmallocinfo.gz").read_bytes()))
    alone = open_capture(file).history.snapshot().layout
    whole = open_capture(BOOT).history.snapshot().layout
    one, other = (each.range_of(ExecmemType.MODULE_TEXT) for each in (alone, whole))
    assert (one.start, one.end, one.fallback_start, one.fallback_end) == (
        other.start, other.end, other.fallback_start, other.fallback_end,
    )  # fmt: skip
    assert alone.image == whole.image

"""Where modules lie outside of every module range, the range is taken from them."""

from collections.abc import Mapping

import pytest
from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.machines.recognise import _holding, machine_name, recognise
from execmem_tui.model.facts import Facts
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.units import Address

MIB = 1 << 20
GIB = 1 << 30
BASE = 0xFFFF_8000_0000_0000


def window(start: Address, size: int) -> ExecmemRange:
    entry = resolve("arm64").range_of(ExecmemType.MODULE_TEXT)
    return evolve(entry, start=start, end=start + size)


@pytest.mark.parametrize(
    ("size", "starts", "wanted"),
    [
        # the window of its size, aligned to it
        (128 * MIB, (0x0812_3000, 0x0F00_0000), (0x0800_0000, 0x1000_0000)),
        (128 * MIB, (0x0800_0000, 0x0FFF_F000), (0x0800_0000, 0x1000_0000)),
        # they do not fit into one, so that the computed one is widened to whole 2 MiB
        (128 * MIB, (0x0812_3000, 0x1000_0000), (0x0800_0000, 0x4800_0000)),
        # no power of two: as far as 2 GiB below and above
        (80 * MIB, (0x3812_3000, 0x3900_0000), (0x3800_0000, 0x4500_0000)),
        (80 * MIB, (0x4812_3000, 0x4900_1000), (0x4000_0000, 0x4920_0000)),
        (80 * MIB, (-0x4000_0000, 0x0010_0000), (-0x4000_0000, 0x4500_0000)),
        (80 * MIB, (-0x4020_0000, 0x0010_0000), (-0x4020_0000, 0x0020_0000)),
        (80 * MIB, (0x4100_0000, 0xC4FF_F000), (0x4000_0000, 0xC500_0000)),
        (80 * MIB, (0x4100_0000, 0xC500_0000), (0x4100_0000, 0xC520_0000)),
        # too far away for the same kernel, or no range at all: the modules alone
        (80 * MIB, (0x1_0000_0000, 0x1_0010_0000), (0x1_0000_0000, 0x1_0020_0000)),
        (0, (0x0812_3000, 0x0812_3000), (0x0800_0000, 0x0820_0000)),
    ],
)
def test_the_window_that_holds_the_modules(
    size: int, starts: tuple[Address, Address], wanted: tuple[Address, Address]
) -> None:
    entry = window(BASE + 0x4000_0000, size)
    low, high = _holding(entry, [BASE + each for each in starts])
    assert (low - BASE, high - BASE) == wanted


def looked(executable: Mapping[Address, str]) -> tuple[ExecmemRange, str]:
    """Return the module range that areas make of arm64, and the notes on it."""
    layout = recognise(Facts(arch="arm64", release="7.1.8", executable=executable))
    return layout.range_of(ExecmemType.MODULE_TEXT), " ".join(layout.notes)


def test_one_caller_inside_is_enough_and_one_module_outside_too_much() -> None:
    """Callers alone are those of page arrays of big areas, too."""
    entry = resolve("arm64").range_of(ExecmemType.MODULE_TEXT)
    inside, outside = entry.start + 16 * MIB, BASE - 64 * GIB
    assert "lie outside" not in looked({inside: "", outside: ""})[1]
    moved, why = looked({outside: ""})
    assert "1 of 1 areas of modules lie outside" in why
    assert moved.start <= outside < moved.end
    assert moved.provenance is Provenance.ASSUMED
    moved, why = looked({inside: "module", outside: "module", outside + MIB: ""})
    assert "1 of 2 areas of modules lie outside" in why
    assert "lie outside" not in looked({inside: "module", outside: ""})[1]


def test_a_configuration_names_its_architecture_where_it_names_one() -> None:
    assert machine_name(Facts(config={"CONFIG_ARM64": "y"})) == "arm64"
    assert machine_name(Facts(config={"CONFIG_ARM64": "m"})) is None
    assert machine_name(Facts(config={"CONFIG_ARM64": "y", "CONFIG_X86": "y"})) is None
    assert machine_name(Facts()) is None

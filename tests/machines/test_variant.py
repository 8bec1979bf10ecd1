"""Which variant of an architecture a machine is: by its pages, configuration, width and space."""

from typing import Any

import pytest

from execmem_tui.arch import resolve
from execmem_tui.machines.recognise import recognise
from execmem_tui.model.facts import Facts
from execmem_tui.model.ranges import ExecmemType, Provenance

KIB = 1 << 10


def space(variant: str) -> int:
    layout = resolve("arm64", "7.1", variant, "off")
    return layout.vmalloc_end - layout.vmalloc_start


@pytest.mark.parametrize(
    ("facts", "variant"),
    [
        ({"arch": "arm64"}, "va48-4k"),
        ({"arch": "arm64", "page_size": 16 * KIB, "vmalloc_total": space("va48-16k")}, "va48-16k"),
        ({"arch": "arm64", "vmalloc_total": space("va39-4k")}, "va39-4k"),
        ({"arch": "arm64", "vmalloc_total": space("va39-4k") + 1023}, "va39-4k"),  # whole KiB
        ({"arch": "arm64", "vmalloc_total": space("va39-4k") + 1024}, "va48-4k"),
        ({"arch": "arm64", "config": {"CONFIG_ARM64_VA_BITS": "39"}}, "va39-4k"),
        ({"arch": "arm64", "config": {"CONFIG_ARM64_VA_BITS": "0x27"}}, "va39-4k"),
        ({"arch": "arm64", "config": {"CONFIG_ARM64_VA_BITS": "many"}}, "va48-4k"),
        (  # the configuration goes before what areas tell of the page
            {
                "arch": "arm64",
                "page_size": 4 * KIB,
                "config": {"CONFIG_ARM64_64K_PAGES": "y", "CONFIG_ARM64_4K_PAGES": "n"},
                "vmalloc_total": space("va48-64k"),
            },
            "va48-64k",
        ),
        ({"arch": "arm", "config": {"CONFIG_ARM_MODULE_PLTS": "n"}}, "v7-3g-highmem-noplts"),
        ({"arch": "arm", "config": {"CONFIG_ARM_MODULE_PLTS": "y"}}, "v7-3g-highmem"),
        # only the image tells of a big one
        ({"arch": "arm64", "config": {"CONFIG_ARM64_VA_BITS": "48"}}, "va48-4k"),
        # a name may say more than the architecture's own
        ({"arch": "i386"}, "x86_32-pae"),
        ({"arch": "x86"}, "x86_64-4level"),
        ({"arch": "x86", "addresses": ((1 << 32) - 4096,)}, "x86_32-pae"),
        ({"arch": "x86", "addresses": ((1 << 32) - 4096, 1 << 32)}, "x86_64-4level"),
        ({"arch": "mips", "addresses": (0xC000_1000,)}, "mips32-4k"),
        # areas lie in the space of one
        ({"arch": "riscv", "addresses": (0xFFFF_FFC6_0000_1000,)}, "rv64-sv39"),
        ({"arch": "riscv", "addresses": (0xFFFF_8F80_0000_1000,)}, "rv64-sv48"),
        ({"arch": "riscv", "addresses": (0xFF20_0000_0000_1000,)}, "rv64-sv57"),
    ],
)
def test_what_is_known_of_a_machine_tells_its_variant(facts: dict[str, Any], variant: str) -> None:
    assert recognise(Facts(**facts)).variant == variant


@pytest.mark.parametrize("page", [4 * KIB, 16 * KIB, 64 * KIB])
def test_the_pages_of_the_areas_are_the_machines(page: int) -> None:
    assert recognise(Facts(arch="arm64", page_size=page)).page_size == page


@pytest.mark.parametrize(
    ("facts", "bits", "page"),
    [
        ({}, 64, 4096),
        ({"addresses": (0xC000_0000,)}, 32, 4096),
        ({"addresses": (0xC000_0000, 1 << 32)}, 64, 4096),
        ({"addresses": ((1 << 32) - 4096,), "page_size": 8192}, 32, 8192),
    ],
)
def test_of_no_known_machine_what_the_areas_tell_is_kept(
    facts: dict[str, Any], bits: int, page: int
) -> None:
    layout = recognise(Facts(arch="vax-11/780", symbols={"_text": 4096}, **facts))
    assert (layout.word_bits, layout.page_size) == (bits, page)
    assert (layout.arch, layout.variant, layout.kernel) == ("vax-11_780", "unknown", "unknown")
    assert not layout.known
    assert layout.text == 4096
    assert (layout.vmalloc_start, layout.vmalloc_end) == (0, 0)
    assert {entry.provenance for entry in layout.types.values()} == {Provenance.UNKNOWN}
    assert all(entry.windows == () for entry in layout.types.values())
    assert len(layout.notes) == 1


def test_ranges_are_derived_only_where_all_that_they_follow_from_is_told() -> None:
    symbols = {"_text": 0xFFFF_8000_8000_0000, "_end": 0xFFFF_8000_8300_0000}
    config = {"CONFIG_ARM64_VA_BITS": "48", "CONFIG_ARM64_4K_PAGES": "y"}
    config["CONFIG_RANDOMIZE_BASE"] = "n"
    facts = {"arch": "arm64", "release": "7.1.8", "symbols": symbols, "config": config}

    def provenance(**changes: Any) -> Provenance:
        layout = recognise(Facts(**{**facts, "cmdline": "nokaslr", **changes}))
        return layout.range_of(ExecmemType.MODULE_TEXT).provenance

    assert provenance() is Provenance.DERIVED
    assert provenance(release=None) is Provenance.ASSUMED
    assert provenance(symbols={}) is Provenance.ASSUMED
    assert provenance(symbols={"_text": symbols["_text"]}) is Provenance.ASSUMED

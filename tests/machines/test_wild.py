"""Machines as they come: banners of all distributions, old layouts, and what the areas witness."""

import pytest

from execmem_tui.formats.procfiles import parse_config
from execmem_tui.machines.recognise import machine_name, recognise
from execmem_tui.model.facts import Facts
from execmem_tui.model.ranges import ExecmemType, Provenance

MIB = 1 << 20
TEXT = ExecmemType.MODULE_TEXT

BANNERS = [
    ("5.10.0-9-686-pae", "(b@h) (gcc-10 (Debian 10.2.1-6) 10.2.1 20210110) #1 SMP", "i386"),
    ("6.6.30-0.riscv64.fc40.riscv64", "(b@h) (gcc (GCC) 14.1.1) #1 SMP", "riscv64"),
    ("5.10.176", "(b@h) (arm-openwrt-linux-muslgnueabi-gcc (OpenWrt GCC 11.2.0) 11.2.0)", "armhf"),
    ("5.10.176", "(b@h) (mips-openwrt-linux-musl-gcc (OpenWrt GCC 11.2.0) 11.2.0)", "mips32"),
    ("5.10.176", "(b@h) (mipsel-openwrt-linux-musl-gcc (OpenWrt GCC 11.2.0) 11.2.0)", "mips32"),
    ("5.10.176", "(b@h) (mips64-openwrt-linux-musl-gcc (OpenWrt GCC 11.2.0) 11.2.0)", "mips64el"),
    ("5.14.0-362.8.1.el9_3.aarch64", "(b@h) (gcc (GCC) 11.4.1)", "arm64"),
    ("5.14.0-362.8.1.el9_3.ppc64le", "(b@h) (gcc (GCC) 11.4.1)", "ppc64el"),
    ("5.14.0-362.8.1.el9_3.s390x", "(b@h) (gcc (GCC) 11.4.1)", "s390x"),
    ("4.18.0-80.el8.x86_64", "(b@h) (gcc version 8.2.1)", "amd64"),
    ("6.1.21-v7l+", "(b@h) (arm-linux-gnueabihf-gcc-8 (Ubuntu/Linaro 8.4.0) 8.4.0)", "armhf"),
    ("6.6.20-v8+", "(b@h) (gcc-12 (Debian 12.2.0) 12.2.0)", "arm64"),
    ("6.12.107+deb13-armmp", "(b@h) (gcc-14 (Debian 14) 14)", "armhf"),
    ("6.1.0-9-4kc-malta", "(b@h) (gcc-12 (Debian) 12)", "mips32"),
    ("6.9.0-loong64", "(b@h) (gcc-13 (Debian) 13)", "loong64"),
    ("5.15.0-1-powerpc-smp", "(b@h) (gcc-11 (Debian) 11)", "ppc32"),
    ("4.19.113-android", "(b@h) (aarch64-linux-android-clang 9.0.3)", "arm64"),
    ("5.10.134-16.an8.x86_64", "(b@h) (gcc (GCC) 8.5.0)", "amd64"),
    ("5.4.0", "(b@h) (arm-poky-linux-gnueabi-gcc (GCC) 9.3.0)", "armhf"),
    ("5.8.0-63-generic", "(buildd@aarch64-builder-1) (gcc (Ubuntu 10.3.0) 10.3.0)", None),
    ("5.14.21-default", "(geeko@buildhost) (gcc (SUSE Linux) 7.5.0)", None),
]


@pytest.mark.parametrize(("release", "compiler", "name"), BANNERS, ids=[row[0] for row in BANNERS])
def test_banners(release: str, compiler: str, name: str | None) -> None:
    """The host that built it says nothing: the last but one was built on another architecture."""
    assert machine_name(Facts(release=release, compiler=compiler)) == name


def test_configuration_tells_where_the_banner_does_not() -> None:
    assert machine_name(Facts(release="4.1.25", config={"CONFIG_ARM": "y"})) == "arm"
    assert machine_name(Facts(release="4.1.25", config={"CONFIG_MMU": "y"})) is None


def arm(*starts: int, **facts: object) -> Facts:
    code = {start: "" for start in starts if start < 0xC0000000}
    return Facts(addresses=starts, executable=code, **facts)  # type: ignore[arg-type]


def test_a_kernel_without_modules_has_no_rox_cache() -> None:
    """STRICT_MODULE_RWX depends on MODULES, so such a configuration has no line of it."""
    version = {"release": "6.18.44", "arch": "x86_64", "addresses": (0xFFFFC90000000000,)}
    lines = [(1, "CONFIG_X86_64=y"), (2, "# CONFIG_MODULES is not set")]
    without = recognise(Facts(config=parse_config(lines), **version))  # type: ignore[arg-type]
    assert without.variant == "x86_64-4level-norox"
    assert not without.range_of(TEXT).rox_cached
    config = parse_config(lines[:1])
    with_them = recognise(Facts(config=config, **version))  # type: ignore[arg-type]
    assert with_them.range_of(TEXT).rox_cached


def test_arm_is_told_by_modules_below_the_kernel() -> None:
    layout = recognise(
        arm(0xBF000000, 0xDE004000, release="3.4.5", highmem=True, vmalloc_total=528 * MIB)
    )
    entry = layout.range_of(TEXT)
    assert (layout.arch, entry.start, entry.end) == ("arm", 0xBF000000, 0xBFE00000)
    assert not entry.has_fallback, "PLTs for modules came in 4.1"
    assert (layout.vmalloc_start, layout.vmalloc_end) == (0xDE000000, 0xFF000000)


def test_the_lowest_area_begins_vmalloc_where_the_constant_cannot_be_right() -> None:
    layout = recognise(
        arm(
            0xBF000000,
            0xC8804000,
            0xF0800000,
            release="4.1.25",
            highmem=False,
            config={"CONFIG_ARM": "y"},
            vmalloc_total=632 * MIB,
        )
    )
    assert (layout.vmalloc_start, layout.vmalloc_end) == (0xC8800000, 0xF0000000)
    entry = layout.range_of(TEXT)
    assert (entry.start, entry.end) == (0xBF000000, 0xC0000000)
    assert not entry.has_fallback


def test_the_split_of_the_address_space_follows_from_the_modules() -> None:
    for below, offset in ((0x7F, 0x80000000), (0x3F, 0x40000000)):
        layout = recognise(arm(below << 24, 0xF0800000, release="4.19.1"))
        assert layout.range_of(TEXT).start == offset - 16 * MIB


@pytest.mark.parametrize("told", ["0x" + "f" * 400, "-0x1", "0x100000000", "no number"])
def test_a_page_offset_that_no_machine_has_is_as_none(told: str) -> None:
    config = {"CONFIG_ARM": "y", "CONFIG_MMU": "y"}
    with_it = recognise(Facts(arch="arm", config={**config, "CONFIG_PAGE_OFFSET": told}))
    assert with_it == recognise(Facts(arch="arm", config=config))


def test_modules_above_and_below_the_16_mib_are_no_arm() -> None:
    assert recognise(arm(0xBEA20000, 0xBF000000)).arch == "unknown"


def test_areas_win_over_a_range_that_holds_none_of_them() -> None:
    """arm64 before 5.4: 128 MiB behind the KASAN shadow, aligned to their size."""
    start = 0xFFFF000008080000
    facts = Facts(arch="arm64", release="4.19.0", addresses=(start,), executable={start: ""})
    layout = recognise(facts)
    entry = layout.range_of(TEXT)
    assert (entry.start, entry.end) == (0xFFFF000008000000, 0xFFFF000010000000)
    assert entry.provenance is Provenance.ASSUMED
    assert "is assumed from the areas" in layout.notes[-1]


def test_one_area_inside_is_enough_for_callers_alone() -> None:
    """The page array of a big area has the caller of the area, and lies elsewhere."""
    inside, outside = 0xFFFFFFFFC0200000, 0xFFFFC90000100000
    facts = Facts(
        arch="amd64",
        release="6.1.0",
        addresses=(inside, outside),
        executable={inside: "", outside: ""},
    )
    assert not any("assumed from the areas" in note for note in recognise(facts).notes)


def test_a_range_near_by_is_widened() -> None:
    start = 0xFFFFFFFF01640000
    facts = Facts(arch="riscv64", release="6.6.30", addresses=(start,), executable={start: ""})
    entry = recognise(facts).range_of(TEXT)
    assert entry.start <= start < entry.end
    assert entry.end > 0xFFFFFFFF80000000 - 64 * MIB


def test_the_kernels_own_memory_layout_wins() -> None:
    stated = {"vmalloc": (0xF0800000, 0xFF800000), "modules": (0xBF000000, 0xBFE00000)}
    layout = recognise(Facts(arch="armhf", release="4.19.1", stated=stated))
    entry = layout.range_of(TEXT)
    assert (entry.start, entry.end) == stated["modules"]
    assert entry.provenance is Provenance.READ
    assert (layout.vmalloc_start, layout.vmalloc_end) == stated["vmalloc"]
    assert (entry.fallback_start, entry.fallback_end) == stated["vmalloc"]

"""The shipped module catalogues: sums that were taken elsewhere, load order, names."""

import pytest

from execmem_tui.consumers.catalogue import REGIONS, Catalogue, open_catalogue
from execmem_tui.model.errors import UnknownLayoutError, UsageError
from execmem_tui.model.units import align_up

COUNTS = [
    ("amd64", "6.12.107", 4229),
    ("x86", "7.1", 4216),
    ("amd64cloud", "7.2.13", 1018),
    ("arm64", "6.12", 4350),
    ("aarch64", "7.2.13", 4403),
    ("armhf", "6.12.107", 3641),
    ("arm", "7.1.8", 3622),
    ("loong64", "6.12", 2898),
    ("ppc64el", "6.12", 3154),
    ("powerpc", "7.2", 3127),
    ("riscv64", "6.12", 3103),
    ("riscv", "7.2", 3146),
    ("s390x", "6.12", 2244),
    ("s390", "7.2", 2224),
]


def catalogue(arch: str, kernel: str) -> Catalogue:
    found = open_catalogue(arch, kernel)
    assert found is not None
    return found


@pytest.mark.parametrize(("arch", "kernel", "count"), COUNTS)
def test_every_kernel_has_its_modules(arch: str, kernel: str, count: int) -> None:
    found = catalogue(arch, kernel)
    assert len(found) == len(found.names) == count
    assert list(found.names) == sorted(found.names)
    for module in (found[found.names[0]], found[found.names[-1]]):
        assert all(region in REGIONS and size > 0 for region, size in module.sizes.items())


@pytest.mark.parametrize(
    ("arch", "kernel", "name", "count", "core", "allocations", "plt"),
    [
        ("amd64", "7.2.13", "laptop", 250, 34410496, 927, 0),
        ("amd64", "6.12.107", "laptop", 251, 29941760, 897, 0),
        ("arm64", "7.2.13", "server-virt", 182, 26206208, 651, 16676),
        ("amd64cloud", "7.2.13", "cloud-vm", 61, 8540160, 223, 0),
    ],
)
def test_sums_over_a_list(
    arch: str, kernel: str, name: str, count: int, core: int, allocations: int, plt: int
) -> None:
    found = catalogue(arch, kernel)
    modules = [found[each] for each in found.list_of(name)]
    assert len(modules) == count
    sizes = [
        (region, align_up(size, 4096)) for each in modules for region, size in each.sizes.items()
    ]
    assert sum(size for region, size in sizes if not region.startswith("MOD_INIT")) == core
    # counted there were the types kept after init
    assert sum(not region.startswith("MOD_INIT") for region, _ in sizes) == allocations
    assert sum(each.plt_core for each in modules) == plt


def test_dependencies_come_from_right_to_left() -> None:
    found = catalogue("amd64", "7.2.13")
    assert found["ext4"].deps == ("crc16", "mbcache", "jbd2")
    assert found.closure("ext4") == ("jbd2", "mbcache", "crc16", "ext4")


@pytest.mark.parametrize("arch", ["amd64", "arm64", "s390x"])
def test_dependencies_are_modules_themselves(arch: str) -> None:
    found = catalogue(arch, "7.2.13")
    assert all(found.closure(name)[-1] == name for name in found)


def test_dashes_are_underscores() -> None:
    found = catalogue("amd64", "7.2.13")
    assert found["aesni-intel"] == found["aesni_intel"]
    assert catalogue("amd64", "7.1")["aesni-intel"].sizes == {
        "MOD_TEXT": 62939,
        "MOD_DATA": 22412,
        "MOD_RODATA": 9488,
        "MOD_INIT_TEXT": 530,
        "MOD_INIT_DATA": 10737,
    }


def test_the_erratum_changes_text_only() -> None:
    plain, erratum = (
        catalogue("arm64", "6.12"),
        open_catalogue("arm64", "6.12", erratum_843419=True),
    )
    assert erratum is not None
    one, other = plain["aes_ce_blk"], erratum["aes_ce_blk"]
    assert (one.plt_core, one.plt_init, one.plt_reserved) == (17, 4, 21)
    assert (other.plt_core, other.plt_init) == (18, 5)
    assert (one.sizes["MOD_TEXT"], other.sizes["MOD_TEXT"]) == (15524, 15536)
    assert other.sizes["MOD_DATA"] == one.sizes["MOD_DATA"]


def test_only_s390_has_hotpatch_areas() -> None:
    assert catalogue("s390x", "7.2.13")["appldata_mem"].ftrace_tramp == 4096
    assert catalogue("amd64", "7.2.13")["ext4"].ftrace_tramp == 0


@pytest.mark.parametrize(
    ("arch", "variant"), [("mips", ""), ("i386", ""), ("riscv32", ""), ("x86", "x86_32-pae")]
)
def test_where_there_is_no_catalogue(arch: str, variant: str) -> None:
    assert open_catalogue(arch, "7.1", variant) is None


def test_wrong_names_are_told() -> None:
    found = catalogue("amd64", "7.2.13")
    with pytest.raises(UsageError, match="no module 'nonesuch'"):
        found.closure("nonesuch")
    with pytest.raises(UsageError, match="no module list 'desk'"):
        found.list_of("desk")
    with pytest.raises(UsageError, match="no module list laptop for s390x"):
        catalogue("s390x", "7.2.13").list_of("laptop")
    with pytest.raises(UnknownLayoutError):
        open_catalogue("amd64", "new")


@pytest.mark.parametrize("arch", ["arm64", "x86", "arm", "riscv"])
def test_what_a_boot_loads_is_read_without_the_rest(arch: str) -> None:
    found = catalogue(arch, "7.1")
    fresh = Catalogue(found.id)
    names = catalogue("x86", "7.1").list_of("laptop")
    assert sum(name in fresh.closure(name) for name in names if name in found) > 90
    assert "_rest" not in vars(fresh)
    others = set(fresh.names) - set(fresh._listed.index)
    assert len(others) > 1000
    assert all(fresh[name].name == name for name in sorted(others)[:3])

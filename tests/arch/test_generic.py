"""Architectures without a hook: the weak default, whole vmalloc, W+X."""

import pytest

from execmem_tui import arch
from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.ranges import ExecmemType


@pytest.mark.parametrize("name", ["alpha", "csky", "openrisc", "mipsel"])
def test_everything_shares_the_vmalloc_window(name: str) -> None:
    layout = arch.resolve(name)
    for kind in ExecmemType:
        entry = layout.range_of(kind)
        assert (entry.start, entry.end) == (layout.vmalloc_start, layout.vmalloc_end)
        assert not entry.has_fallback
    assert layout.range_of(ExecmemType.MODULE_DATA).pgprot == "PAGE_KERNEL"
    assert layout.range_of(ExecmemType.BPF).pgprot == "PAGE_KERNEL_EXEC"


def test_pools_serve_only_64_bit() -> None:
    assert arch.resolve("alpha").range_of(ExecmemType.MODULE_TEXT).pool_eligible
    assert not arch.resolve("csky").range_of(ExecmemType.MODULE_TEXT).pool_eligible


def test_32_bit_loongarch_came_with_7_1() -> None:
    assert arch.resolve("loongarch32", "7.1").word_bits == 32
    with pytest.raises(UnknownLayoutError):
        arch.resolve("loongarch32", "6.12")


@pytest.mark.parametrize(
    ("uname", "name"),
    [("aarch64", "arm64"), ("i586", "i386"), ("ppc64le", "ppc64el"), ("mips", "mipsel")],
)
def test_a_machine_is_known_by_what_uname_prints(uname: str, name: str) -> None:
    assert arch.machine_named(uname) == name
    assert arch.find(name)


def test_every_machine_s_name_is_one_that_layouts_are_found_by() -> None:
    for known in arch.architectures():
        for name in arch.architecture(known).machines.values():
            assert arch.find(name)[0].name in (known, "generic")
    assert arch.machine_named("pdp11") is None
    for uname, bits in (("ppc", 32), ("ppc64le", 64), ("parisc", 32), ("parisc64", 64)):
        assert arch.resolve(str(arch.machine_named(uname))).word_bits == bits

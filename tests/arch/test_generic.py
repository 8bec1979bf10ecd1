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

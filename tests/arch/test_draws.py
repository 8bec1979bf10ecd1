"""Draws and overrides: whatever is drawn or set, the kernel's own rules hold."""

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui import arch
from execmem_tui.model.errors import UnknownLayoutError, UsageError
from execmem_tui.model.ranges import ExecmemType
from tests.arch.oracle import oracle

MIB = 1 << 20
GIB = 1 << 30
TEXT = ExecmemType.MODULE_TEXT


def test_all_134_layouts_are_computed() -> None:
    assert len(arch.layout_ids()) == 134
    assert set(arch.layout_ids()) == {entry["id"] for entry in oracle()["layout"]}


@settings(deadline=None)
@given(
    st.integers(0, 2**64 - 1), st.sampled_from(["va48-4k", "va48-16k", "va39-4k", "va52-64k-lva"])
)
def test_arm64_windows_contain_the_image_and_each_other(seed: int, variant: str) -> None:
    layout = arch.resolve("arm64", "7.1", variant, str(seed))
    entry = layout.range_of(TEXT)
    assert layout.image is not None
    start, end = layout.image
    assert layout.vmalloc_start <= start < end < layout.vmalloc_end
    assert entry.start <= start
    assert end <= entry.end == entry.start + 128 * MIB
    assert entry.fallback_start <= entry.start
    assert entry.end <= entry.fallback_end == entry.fallback_start + 2 * GIB
    assert entry.start % layout.page_size == entry.fallback_start % layout.page_size == 0


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_x86_moves_the_start_only(seed: int) -> None:
    layout = arch.resolve("x86", "7.1", None, str(seed))
    entry = layout.range_of(TEXT)
    assert 1 <= (entry.start - 0xFFFFFFFFC0000000) // 4096 <= 1024
    assert entry.end == 0xFFFFFFFFFF000000
    assert len({layout.range_of(kind).start for kind in ExecmemType}) == 1
    assert layout.image is not None
    assert layout.image[1] <= 0xFFFFFFFFC0000000


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_riscv_and_s390_follow_the_image(seed: int) -> None:
    riscv = arch.resolve("riscv64", "7.1", None, str(seed))
    assert riscv.range_of(TEXT).end == riscv.symbols["_start"]
    assert riscv.range_of(TEXT).start == riscv.symbols["_end"] - 2 * GIB
    assert riscv.range_of(ExecmemType.BPF).end - riscv.range_of(ExecmemType.BPF).start == 128 * MIB
    s390 = arch.resolve("s390x", "7.1", None, str(seed))
    assert s390.range_of(TEXT).end == s390.symbols["kernel_start"] & -MIB
    assert s390.vmalloc_end == s390.modules_vaddr
    assert 0 < s390.vmalloc_start < s390.vmalloc_end


@pytest.mark.parametrize(
    ("size", "start", "fallback"),
    [
        (127 * MIB, 0xFFFF80007FF00000, True),
        (128 * MIB, 0xFFFF800080000000 + 128 * MIB - 2 * GIB, False),
        (2 * GIB, 0, False),
    ],
)
def test_arm64_drops_windows_that_the_image_fills(size: int, start: int, fallback: bool) -> None:
    layout = arch.resolve("arm64", overrides={"_end": 0xFFFF800080000000 + size})
    entry = layout.range_of(TEXT)
    assert entry.start == start
    assert entry.has_fallback is fallback
    assert any("execmem_validate" in note for note in layout.notes) is (start == 0)


def test_arm_follows_ram_and_vmalloc() -> None:
    small = arch.resolve("arm", overrides={"ram": 256 * MIB})
    assert small.vmalloc_start == 0xD0800000
    big = arch.resolve("arm", overrides={"vmalloc": 480 * MIB})
    assert big.vmalloc_start == 0xE1800000


def test_powerpc_32m_rule_is_not_clamped() -> None:
    layout = arch.resolve(
        "powerpc", variant="ppc32-book3s", overrides={"CONFIG_MODULES_SIZE": 8 * MIB}
    )
    entry = layout.range_of(TEXT)
    assert entry.start == layout.symbols["_etext"] - 32 * MIB < entry.fallback_start


def test_loongarch_has_two_windows_since_7_2() -> None:
    """Read from the requests of a running 7.2.13 with 16 KiB pages."""
    layout = arch.resolve("loong64", "7.2.13")
    text, data = layout.range_of(TEXT), layout.range_of(ExecmemType.MODULE_DATA)
    assert (text.start, text.end) == (0xFFFF800002008000, 0xFFFF800012008000)
    assert (data.start, data.end) == (0xFFFF800012008000, 0xFFFF800082008000)


@pytest.mark.parametrize(
    ("alias", "name"),
    [("amd64", "x86"), ("aarch64", "arm64"), ("armhf", "arm"), ("ppc64el", "powerpc"),
     ("s390x", "s390"), ("loong64", "loongarch"), ("riscv64", "riscv"), ("mips64el", "mips"),
     ("hppa", "parisc"), ("sparc64", "sparc"), ("i386", "x86")],
)  # fmt: skip
def test_distributions_names_are_known(alias: str, name: str) -> None:
    assert arch.resolve(alias).arch == name


_SIZES = {"SZ_128M": 128 * MIB, "SZ_2G": 2 * GIB}


def _worth(formula: str, named: dict[str, int]) -> int:
    """What a sum of products of names is: all that the ends of ranges are made of."""
    return sum(
        prod(named[each.strip()] for each in term.split("*")) for term in formula.split(" + ")
    )


@pytest.mark.parametrize("ident", arch.layout_ids())
def test_every_layout_explains_its_ranges(ident: str) -> None:
    kernel, name, variant, kaslr = ident.split("/", 3)
    steps = arch.explain(name, kernel, variant, kaslr)
    layout = arch.resolve(name, kernel, variant, kaslr)
    named = {step.name: step.value for step in steps}
    named |= {**_SIZES, "PAGE_SIZE": layout.page_size, "none": 0}
    formulas = {step.name: step.formula for step in steps}
    for kind in ExecmemType:
        entry = layout.range_of(kind)
        ends = {"start": entry.start, "end": entry.end}
        if entry.has_fallback:
            ends |= {"fallback_start": entry.fallback_start, "fallback_end": entry.fallback_end}
        for end, value in ends.items():
            assert named[f"{kind.name}.{end}"] == value
            how = formulas[f"{kind.name}.{end}"]
            if kind is TEXT or how != "copied from MODULE_TEXT":
                assert _worth(how, named) == value, (kind, end)
    assert all(step.source and step.formula for step in steps)


def test_ranges_that_nobody_read_are_not_explained() -> None:
    steps = {step.name: step.formula for step in arch.explain("parisc", "5.10")}
    assert steps["MODULE_TEXT.start"] == "not read: unknown"


def test_senseless_choices_are_refused() -> None:
    with pytest.raises(UnknownLayoutError):
        arch.resolve("arm64", kaslr="perhaps")
    with pytest.raises(UsageError):
        arch.resolve("x86", kaslr="1", overrides={"offset_pages": 0})
    with pytest.raises(UsageError):
        arch.resolve("arm64", overrides={"_middle": 1})


@pytest.mark.parametrize("kaslr", ["0x" + "f" * 4000, "9" * 4400, "-1", "1_0", "seed-", "0b1"])
def test_a_seed_is_a_number_of_64_bits(kaslr: str) -> None:
    with pytest.raises(UnknownLayoutError, match="no draw") as caught:
        arch.resolve("arm64", "7.1", None, kaslr)
    assert len(str(caught.value)) < 200

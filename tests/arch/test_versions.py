"""Ranges that depend on the kernel's version: before execmem, between the models, and after
them."""

import pytest

from execmem_tui import arch
from execmem_tui.consumers.bpf_sizes import jit_limit
from execmem_tui.model.capability import FtraceMemory
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Provenance
from execmem_tui.model.rules import JitMemory

MIB, GIB = 1 << 20, 1 << 30
TEXT, KPROBES, FTRACE, BPF, DATA = ExecmemType


def windows(layout: Layout, kind: ExecmemType = TEXT) -> tuple[int, int, int, int]:
    entry = layout.range_of(kind)
    return entry.start, entry.end, entry.fallback_start, entry.fallback_end


def test_arm64_6_1_takes_128_mib_up_to_etext_then_2_gib_from_there() -> None:
    layout = arch.resolve("arm64", "6.1")
    base = layout.symbols["_etext"] - 128 * MIB
    assert windows(layout) == (base, base + 128 * MIB, base, base + 2 * GIB)
    assert layout.range_of(TEXT).alignment == layout.page_size
    assert layout.modules_vaddr == 0xFFFF800000000000
    assert layout.vmalloc_start == layout.modules_end == 0xFFFF800008000000
    assert windows(layout, BPF)[:2] == (layout.vmalloc_start, 0xFFFFFBFFF0000000)
    assert layout.range_of(KPROBES).pgprot == "PAGE_KERNEL_ROX"
    assert not layout.range_of(KPROBES).pool_eligible
    without = arch.resolve("arm64", "6.1", overrides={"CONFIG_ARM64_MODULE_PLTS": 0})
    assert windows(without) == (base, base + 128 * MIB, 0, 0)


@pytest.mark.parametrize(("page", "end"), [("4k", 0xFFFFFBFFF0000000), ("64k", 0xFFFFFFBFF0000000)])
def test_vmalloc_of_arm64_6_1_ends_under_a_quarter_gib_below_vmemmap(page: str, end: int) -> None:
    assert arch.resolve("arm64", "6.1", f"va48-{page}").vmalloc_end == end


@pytest.mark.parametrize("seed", [0, 1, 0x12345, (1 << 21) - 1])
def test_arm64_6_1_moves_both_windows_by_the_seed(seed: int) -> None:
    """arch/arm64/kernel/kaslr.c: module_alloc_base += (r * (seed & MASK(21))) >> 21, a page
    down."""
    text = 0xFFFFB00000000000
    fixed = {"_text": text, "module_seed": seed}
    near = arch.resolve("arm64", "6.1", "va48-4k", "1", fixed)
    symbols = near.symbols
    room = 128 * MIB - (symbols["_etext"] - symbols["_stext"])
    base = symbols["_etext"] - 128 * MIB + (room * seed >> 21) & -4096
    assert windows(near) == (base, base + 128 * MIB, base, base + 2 * GIB)
    full = arch.resolve("arm64", "6.1", "va48-4k-modfull", "1", fixed)
    room = 2 * GIB - (symbols["_end"] - symbols["_stext"])
    base = symbols["_end"] - 2 * GIB + (room * seed >> 21) & -4096
    assert windows(full) == (base, base + 128 * MIB, base, base + 2 * GIB)


def test_the_full_region_of_arm64_6_1_begins_at_modules_vaddr_at_least() -> None:
    text = 0xFFFF800008000000
    fixed = {"_text": text, "module_seed": 0}
    layout = arch.resolve("arm64", "6.1", "va48-4k-modfull", "1", fixed)
    assert windows(layout)[0] == layout.modules_vaddr


def test_arm64_has_its_two_bases_since_6_5() -> None:
    assert "module_alloc_base" in arch.resolve("arm64", "6.4").macros
    assert "module_plt_base" in arch.resolve("arm64", "6.5").macros
    assert windows(arch.resolve("arm64", "6.12")) == windows(arch.resolve("arm64", "7.3"))


def test_x86_6_1_has_one_window_with_the_same_draw() -> None:
    old, new = (arch.resolve("x86", kernel, None, "7") for kernel in ("6.1", "6.12"))
    assert windows(old) == windows(new)
    assert {entry.pgprot for entry in old.types.values()} == {"PAGE_KERNEL"}
    assert not any(entry.rox_cached for entry in old.types.values())


@pytest.mark.parametrize(
    ("kernel", "kprobes", "bpf"),
    [
        ("6.14", "PAGE_KERNEL", "PAGE_KERNEL"),
        ("6.16", "PAGE_KERNEL", "PAGE_KERNEL"),
        ("6.17", "PAGE_KERNEL_ROX", "PAGE_KERNEL"),
        ("7.3", "PAGE_KERNEL_ROX", "PAGE_KERNEL_ROX"),
    ],
)
def test_protections_of_x86_follow_the_cache(kernel: str, kprobes: str, bpf: str) -> None:
    layout = arch.resolve("x86", kernel)
    assert layout.range_of(KPROBES).pgprot == kprobes
    assert layout.range_of(BPF).pgprot == bpf
    assert layout.range_of(DATA).pgprot == "PAGE_KERNEL"
    assert layout.capability.insn_page_override is (kprobes == "PAGE_KERNEL")


def test_without_strict_module_rwx_nothing_is_cached_but_kprobes_are_rox() -> None:
    layout = arch.resolve("x86", "7.3", "x86_64-4level-norox")
    assert not any(entry.rox_cached for entry in layout.types.values())
    assert layout.range_of(KPROBES).pgprot == "PAGE_KERNEL_ROX"
    assert layout.range_of(BPF).pgprot == "PAGE_KERNEL"


def test_32_bit_x86_never_caches() -> None:
    layout = arch.resolve("x86", "7.3", "x86_32-pae")
    assert not any(entry.rox_cached for entry in layout.types.values())
    assert not layout.capability.execmem_rox


def test_s390_6_1_draws_nothing_and_runs_what_it_writes() -> None:
    old = arch.resolve("s390", "6.1", None, "7")
    assert windows(old)[0] == old.modules_vaddr
    assert old.range_of(TEXT).pgprot == "PAGE_KERNEL_EXEC"
    new = arch.resolve("s390", "6.12", None, "7")
    assert new.modules_vaddr is not None
    assert windows(new)[0] > new.modules_vaddr
    assert any("the window begins is that of 6.12" in note for note in old.notes)


@pytest.mark.parametrize(
    ("kernel", "strict", "pgprot"),
    [
        ("7.2", 0, "PAGE_KERNEL_READ_EXEC"),
        ("7.3", 0, "PAGE_KERNEL_EXEC"),
        ("7.3", 1, "PAGE_KERNEL_READ_EXEC"),
    ],
)
def test_riscv_s_kprobe_pages_are_writable_without_strict_rwx(
    kernel: str, strict: int, pgprot: str
) -> None:
    layout = arch.resolve("riscv", kernel, overrides={"CONFIG_STRICT_MODULE_RWX": strict})
    assert layout.range_of(KPROBES).pgprot == pgprot


@pytest.mark.parametrize(("kernel", "limit"), [("7.1", 134_217_728), ("7.2", 1_073_741_824)])
def test_the_limit_of_loongarch_counts_the_data_window(kernel: str, limit: int) -> None:
    assert jit_limit(arch.resolve("loongarch", kernel)) == limit


def test_loongarch_has_a_data_window_since_7_2() -> None:
    before, after = (arch.resolve("loongarch", kernel) for kernel in ("7.1", "7.2"))
    assert windows(before, DATA) == windows(before)
    assert windows(after) == windows(before)
    assert windows(after, DATA)[:2] == (0xFFFF800012008000, 0xFFFF800082008000)
    assert windows(after, BPF) == windows(after)


def test_nios2_had_no_window_before_execmem() -> None:
    entry = arch.resolve("nios2", "6.1").range_of(TEXT)
    assert (entry.start, entry.end) == (0, 0)
    assert entry.provenance is not Provenance.UNKNOWN


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("sparc", None),
        ("parisc", None),
        ("generic", None),
        ("riscv", "rv32"),
        ("powerpc", "ppc32-8xx"),
    ],
)
def test_what_was_not_read_before_execmem_is_unknown(name: str, variant: str | None) -> None:
    for kernel, told in (("6.9", False), ("6.10", True)):
        layout = arch.resolve(name, kernel, variant)
        for entry in layout.types.values():
            assert (entry.provenance is Provenance.UNKNOWN) is not told
            assert (entry.end > 0) is told
        assert any("before execmem were not read" in note for note in layout.notes) is not told


@pytest.mark.parametrize(
    ("name", "variant"),
    [("powerpc", "ppc32-book3s"), ("arm", None), ("mips", None), ("riscv", None)],
)
def test_what_v6_1_has_as_6_12(name: str, variant: str | None) -> None:
    old, new = (arch.resolve(name, kernel, variant) for kernel in ("6.1", "6.12"))
    assert windows(old) == windows(new)


def test_packs_came_to_x86_first() -> None:
    packs = {
        (name, kernel): arch.resolve(name, kernel).capability.bpf_alloc
        for name in ("x86", "arm64", "loongarch")
        for kernel in ("5.10", "6.1", "6.12", "7.0")
    }
    assert [kernel for kernel in ("5.10", "6.1") if packs["x86", kernel] is JitMemory.PACK] == [
        "6.1"
    ]
    assert packs["arm64", "6.1"] is JitMemory.BINARY
    assert packs["arm64", "6.12"] is JitMemory.PACK
    assert packs["loongarch", "6.12"] is JitMemory.BINARY
    assert packs["loongarch", "7.0"] is JitMemory.PACK


def test_call_ops_came_to_riscv_and_powerpc_after_6_12() -> None:
    for name in ("riscv", "powerpc"):
        assert arch.resolve(name, "6.12").capability.ftrace is FtraceMemory.SHARED_CALLER
        assert arch.resolve(name, "6.16").capability.ftrace is FtraceMemory.CALL_OPS


def test_vmalloc_of_arm_ended_8_mib_lower_before_4_4() -> None:
    assert arch.resolve("arm", "4.3").vmalloc_end == 0xFF000000
    assert arch.resolve("arm", "4.4").vmalloc_end == 0xFF800000

"""Who calls whom: three functions spread over the tree before execmem, one hook after."""

import pytest

from execmem_tui.arch import architecture, architectures, resolve
from execmem_tui.cli.main import main
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.view.callers_table import callers_lines, compared_callers_lines, deciders

TEXT, KPROBES, FTRACE, BPF, DATA = ExecmemType


def rows(arch: str, kernel: str, variant: str | None = None) -> dict[ExecmemType, tuple[str, str]]:
    layout = resolve(arch, kernel, variant)
    return {
        kind: (entry.function, entry.decided_by)
        for kind, entry in layout.types.items()
        if entry.function
    }


def test_arm64_decides_in_three_places_before_execmem() -> None:
    before = rows("arm64", "6.1")
    assert before[TEXT][0] == "module_alloc()"
    assert before[KPROBES] == (
        "alloc_insn_page()",
        "arch/arm64/kernel/probes/kprobes.c: the vmalloc area, PAGE_KERNEL_ROX",
    )
    assert before[BPF] == ("bpf_jit_alloc_exec()", "arch/arm64/net/bpf_jit_comp.c: vmalloc()")
    assert before[DATA] == before[TEXT]
    assert FTRACE not in before


@pytest.mark.parametrize("name", architectures())
def test_one_place_decides_with_execmem(name: str) -> None:
    for kernel in ("6.12", "7.1", "7.3"):
        layout = resolve(name, kernel)
        assert deciders(layout) == 1
        own = architecture(name).overrides.setup
        told = layout.range_of(TEXT).decided_by
        assert told == (f"{own}: execmem_arch_setup" if own else told)
        assert layout.range_of(TEXT).function.endswith("(EXECMEM_MODULE_TEXT)")


@pytest.mark.parametrize("name", architectures())
def test_nobody_allocates_what_is_used_by_nobody(name: str) -> None:
    for variant in architecture(name).variants:
        layout = resolve(name, "7.1", variant.name)
        for kind, entry in layout.types.items():
            if not entry.used:
                assert not entry.function, kind


def test_weak_functions_end_in_module_alloc() -> None:
    before = rows("loongarch", "6.1")
    assert before[KPROBES][0] == "alloc_insn_page() -> module_alloc()"
    assert before[BPF] == ("bpf_jit_alloc_exec() -> module_alloc()", before[TEXT][1])


def test_an_override_of_the_insn_page_is_named_as_long_as_there_is_one() -> None:
    own = "alloc_insn_page() [arch/x86/kernel/kprobes/core.c] -> "
    assert rows("x86", "6.1")[KPROBES][0] == f"{own}module_alloc()"
    assert rows("x86", "6.16")[KPROBES][0] == f"{own}execmem_alloc(EXECMEM_KPROBES)"
    assert rows("x86", "6.17")[KPROBES][0] == "alloc_insn_page() -> execmem_alloc(EXECMEM_KPROBES)"


def test_writable_allocations_have_their_own_function() -> None:
    assert rows("x86", "6.14")[TEXT][0] == "execmem_alloc(EXECMEM_MODULE_TEXT)"
    modern = rows("x86", "6.15")
    assert modern[TEXT][0] == "execmem_alloc_rw(EXECMEM_MODULE_TEXT)"
    assert modern[FTRACE][0] == "execmem_alloc_rw(EXECMEM_FTRACE)"
    assert rows("s390", "7.1")[FTRACE][0] == "execmem_alloc(EXECMEM_FTRACE)"


def test_data_of_book3s32_modules_does_not_go_with_their_text() -> None:
    assert rows("powerpc", "6.1", "ppc32-book3s")[DATA][0] == "vzalloc()"
    assert rows("powerpc", "6.1", "ppc64-radix-4k")[DATA][0] == "module_alloc()"


def test_two_kernels_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ranges", "--diff", "arm64:6.1", "arm64:6.12"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("WHO CALLS WHOM")
    last = next(line for line in lines if line.startswith("decided in"))
    assert last.split() == ["decided", "in", "3", "places", "1", "place"]
    assert not any(".function" in line for line in lines)
    same = resolve("arm64", "6.12")
    assert compared_callers_lines(same, same) == []
    assert main(["ranges", "--arch", "arm64", "--kernel", "6.1"]) == 0
    assert "bpf_jit_alloc_exec()" in capsys.readouterr().out
    assert len(callers_lines(same)) == 6

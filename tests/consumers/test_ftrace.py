"""Ftrace: a page per ops on x86-64, kept for static ops; nothing elsewhere."""

import pytest

from execmem_tui.arch import resolve
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, PermissionsChanged
from execmem_tui.model.ranges import ExecmemType


def trampolines(kernel: Kernel) -> list[Area]:
    return sorted(
        (
            area
            for area in kernel.machine.areas()
            if area.type is ExecmemType.FTRACE and area.state == "live"
        ),
        key=lambda area: area.start,
    )


@pytest.mark.parametrize(("version", "size", "regs"), [("6.12", 229, 362), ("7.1", 225, 358)])
def test_five_instances_the_graph_tracer_and_entry_probes(
    version: str, size: int, regs: int
) -> None:
    """Captures, phases 3a to 3c: seven pages, then six, two when all is off."""
    kernel = Kernel(resolve("x86", version))
    for number in range(1, 6):
        kernel.ftrace.register(f"instance f{number}")
    kernel.kprobes.register("labe", count=40, entry=True)
    kernel.ftrace.register("graph_ops")
    events = kernel.take_events()
    assert [event.requested for event in events if isinstance(event, Allocated)] == [size] * 5 + [
        regs,
        size,
    ]
    assert sum(isinstance(event, PermissionsChanged) for event in events) == 7
    assert len(trampolines(kernel)) == 7
    assert [part.size for area in trampolines(kernel) for part in area.parts or ()] == [
        size
    ] * 5 + [regs, size]
    kernel.ftrace.unregister("instance f1")
    assert len(trampolines(kernel)) == 6
    for number in range(2, 6):
        kernel.ftrace.unregister(f"instance f{number}")
    kernel.ftrace.unregister("graph_ops")
    kernel.kprobes.unregister("labe")
    assert set(kernel.ftrace.pages) == {"kprobe_ftrace_ops", "graph_ops"}
    kept = kernel.ftrace.pages["graph_ops"]
    assert kernel.ftrace.register("graph_ops") == kept
    assert len(trampolines(kernel)) == 2


def test_the_page_comes_from_the_rox_cache_in_7_1() -> None:
    kernel = Kernel(resolve("x86", "7.1"))
    assert kernel.ftrace.register("instance f1") == kernel.layout.range_of(ExecmemType.FTRACE).start
    assert trampolines(kernel)[0].guard == 0


def test_fprobes_share_in_7_1_only() -> None:
    pages = {}
    for version in ("6.12", "7.1"):
        kernel = Kernel(resolve("x86", version))
        for number in range(10):
            kernel.ftrace.fprobe(f"multi {number}")
        kernel.ftrace.fprobe("returns", returns=True)
        pages[version] = len(trampolines(kernel))
        for number in range(10):
            kernel.ftrace.remove_fprobe(f"multi {number}")
        kernel.ftrace.remove_fprobe("returns", returns=True)
        assert len(trampolines(kernel)) == (0 if version == "6.12" else 2)
    assert pages == {"6.12": 11, "7.1": 2}


@pytest.mark.parametrize(
    "arch", ["arm64", "riscv", "s390", "loongarch", "armhf", "i386", "ppc64el"]
)
def test_nothing_elsewhere_and_the_reason(arch: str) -> None:
    kernel = Kernel(resolve(arch, "7.1"))
    assert kernel.ftrace.register("instance f1") is None
    kernel.ftrace.unregister("instance f1")
    assert "no trampolines" in kernel.ftrace.why_none
    assert not trampolines(kernel)
    assert len(kernel.take_events()) == 2


def test_refusals() -> None:
    kernel = Kernel(resolve("x86", "7.1"))
    kernel.ftrace.register("instance f1")
    with pytest.raises(UsageError):
        kernel.ftrace.register("instance f1")
    with pytest.raises(UsageError):
        kernel.ftrace.unregister("instance f2")


def test_without_memory_the_ops_uses_the_list_caller() -> None:
    kernel = Kernel(resolve("x86", "6.12"))
    kernel.machine.execmem.areas.page_alloc_fails = True
    assert kernel.ftrace.register("instance f1") is None
    kernel.ftrace.unregister("instance f1")
    assert not kernel.ftrace.pages

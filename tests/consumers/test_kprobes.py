"""Kprobes.

Slots and pages by architecture, garbage, sharing, and the page counts of real kernels.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.arch import resolve
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.slots import SlotCache
from execmem_tui.model.areas import PartState
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType

DATA = Path(__file__).parents[1] / "data" / "consumers"
CAPTURED: dict[str, dict[str, Any]] = json.loads((DATA / "kprobe-pages.json").read_text())


def booted(arch: str, kernel: str = "7.1", variant: str | None = None) -> Kernel:
    return Kernel(resolve(arch, kernel, variant))


def pages(kernel: Kernel) -> tuple[int, int]:
    """Instruction and optimised pages; every one is an area on the map."""
    optinsn = [] if kernel.kprobes.optinsn is None else kernel.kprobes.optinsn.pages
    insn = kernel.kprobes.insn.pages
    live = {
        area.start
        for area in kernel.machine.areas()
        if area.type is ExecmemType.KPROBES and area.state == "live"
    }
    assert live == {*insn, *optinsn}
    return len(insn), len(optinsn)


@pytest.mark.parametrize(
    ("arch", "variant", "insn", "optinsn"),
    [
        ("x86", None, 273, 33),
        ("arm64", None, 512, None),
        ("arm64", "va48-64k", 8192, None),
        ("s390", None, 682, None),
        ("riscv", None, 512, None),
        ("loongarch", None, 2048, None),
        ("armhf", None, 512, 10),
        ("arm", "v7-3g-highmem-thumb2", 512, None),
        ("generic", "csky", 1024, None),
        ("ppc64el", None, 8192, None),
    ],
)
def test_slots_in_a_page(arch: str, variant: str | None, insn: int, optinsn: int | None) -> None:
    kprobes = booted(arch, variant=variant).kprobes
    assert kprobes.insn.slots_per_page == insn
    assert (None if kprobes.optinsn is None else kprobes.optinsn.slots_per_page) == optinsn


@pytest.mark.parametrize("version", ["6.12", "7.1"])
def test_a_thousand_probes_and_none_again(version: str) -> None:
    kernel = booted("x86", version)
    assert kernel.kprobes.register("probe", count=1000) == 1000
    assert pages(kernel) == (4, 31)
    kernel.kprobes.unregister("probe")
    insn, optinsn = pages(kernel)
    assert insn == 1
    assert optinsn >= 1
    assert kernel.kprobes.optinsn is not None
    assert kernel.kprobes.optinsn.nr_garbage == 1000 % 34


def test_three_hundred_probes_of_which_267_are_optimised() -> None:
    kernel = booted("x86")
    kernel.kprobes.register("a", count=267)
    kernel.kprobes.register("b", count=33, optimised=False)
    assert pages(kernel) == (2, 9)


def test_a_thousand_probes_on_arm64_are_two_pages() -> None:
    kernel = booted("arm64")
    kernel.kprobes.register("probe", count=1000)
    kernel.kprobes.register("simulated", count=1000, steppable=False)
    assert pages(kernel) == (2, 0)
    kernel.kprobes.unregister("probe")
    assert pages(kernel) == (1, 0)


@pytest.mark.parametrize("run", CAPTURED)
def test_pages_are_those_of_the_capture(run: str) -> None:
    """Phases 2a (defined), 2c (every second removed), 2d (refilled) and 2e
    (all removed, the newest group first)."""
    captured = CAPTURED[run]
    kernel = booted(*captured["layout"])
    kprobes = kernel.kprobes

    def register(group: str, flags: str) -> list[str]:
        names = [f"{group}{number}" for number in range(len(flags))]
        for name, flag in zip(names, flags, strict=True):
            kprobes.register(name, entry=flag == "f", optimised=flag == "o")
        return names

    first = register("off", captured["defined"])
    found = {"2a": list(pages(kernel))}
    for name in first[::2]:
        kprobes.unregister(name)
    found["2c"] = list(pages(kernel))
    more = register("more", captured["more"])
    found["2d"] = list(pages(kernel))
    for name in more + first[1::2]:
        kprobes.unregister(name)
    found["2e"] = list(pages(kernel))
    assert found == captured["pages"]


def test_entry_probes_on_x86_take_one_trampoline_and_no_slot() -> None:
    kernel = booted("x86")
    kernel.kprobes.register("vfs_read", count=500, entry=True)
    assert pages(kernel) == (0, 0)
    assert set(kernel.ftrace.pages) == {"kprobe_ftrace_ops"}
    kernel.kprobes.register("vfs_write", entry=True, post_handler=True)
    assert set(kernel.ftrace.pages) == {"kprobe_ftrace_ops", "kprobe_ipmodify_ops"}
    kernel.kprobes.unregister("vfs_read")
    kernel.kprobes.unregister("vfs_write")
    assert len(kernel.ftrace.pages) == 2


def test_entry_probes_take_slots_where_kprobes_know_no_ftrace() -> None:
    kernel = booted("armhf")
    kernel.kprobes.register("vfs_read", count=40, entry=True)
    assert pages(kernel) == (1, 4)


def test_a_second_probe_at_an_address_shares_its_slot() -> None:
    kernel = booted("x86")
    kernel.kprobes.register("vfs_read+4", count=3)
    kernel.kprobes.register("vfs_read+4", count=5)
    assert kernel.kprobes.insn.used == 5
    kernel.kprobes.unregister("vfs_read+4")
    assert kernel.kprobes.registered("vfs_read+4") == 3
    assert kernel.kprobes.insn.used == 3
    kernel.kprobes.unregister("vfs_read+4")
    assert kernel.kprobes.insn.used == 0


def test_riscv_never_gives_slots_back() -> None:
    kernel = booted("riscv")
    for number in range(2):
        kernel.kprobes.register(f"probe{number}", count=512)
        kernel.kprobes.unregister(f"probe{number}")
    assert kernel.kprobes.insn.used == 1024
    assert pages(kernel) == (2, 0)


def test_boosted_slots_come_back_dirty() -> None:
    kernel = booted("x86")
    kernel.kprobes.register("boosted", count=10, boosted=True, optimised=False)
    kernel.kprobes.unregister("boosted")
    kernel.take_events()
    (area,) = [area for area in kernel.machine.areas() if area.type is ExecmemType.KPROBES]
    assert [part.state for part in area.parts or ()] == [PartState.DIRTY] * 10
    assert area.detail == "0 of 273 slots used, 10 dirty"


def count_set_memory(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that grows by one with every set_memory_*() call."""
    calls: list[None] = []
    original = kernel.machine.execmem.set_memory

    def counted() -> bool:
        calls.append(None)
        return original()

    monkeypatch.setattr(kernel.machine.execmem, "set_memory", counted)
    return calls


@pytest.mark.parametrize(
    ("arch", "version", "calls"),
    [
        ("x86", "6.12", 1),
        ("x86", "7.1", 0),
        ("arm64", "7.1", 2),
        ("s390", "7.1", 1),
        ("riscv", "7.1", 0),
    ],
)
def test_a_new_page_changes_permissions_as_the_architecture_does(
    arch: str, version: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Captures: two purges on arm64.

    None on x86 7.2, where the page comes from a ROX block that is there already.
    """
    kernel = booted(arch, version)
    kernel.ftrace.register("f1")
    counted = count_set_memory(kernel, monkeypatch)
    kernel.kprobes.register("probe", optimised=False)
    assert len(counted) == calls


@pytest.mark.parametrize(("version", "calls"), [("6.12", 1), ("7.1", 3)])
def test_a_trampoline_purges_as_captured(
    version: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = booted("x86", version)
    kernel.ftrace.register("f1")
    counted = count_set_memory(kernel, monkeypatch)
    kernel.ftrace.register("f2")
    assert len(counted) == calls


def test_sparc_keeps_slots_inside_struct_kprobe() -> None:
    kernel = booted("sparc")
    kernel.kprobes.register("probe", count=10)
    assert pages(kernel) == (0, 0)
    assert "inside struct kprobe" in kernel.kprobes.why_none


def test_refusals() -> None:
    with pytest.raises(UsageError):
        booted("nios2").kprobes.register("probe")
    kernel = booted("x86")
    for count in (0, -1, 1 << 40):
        with pytest.raises(UsageError):
            kernel.kprobes.register("probe", count=count)
    with pytest.raises(UsageError):
        kernel.kprobes.unregister("probe\x1b[31m")


def test_a_full_range_ends_the_registration() -> None:
    kernel = booted("armhf", "6.12")
    entry = kernel.layout.range_of(ExecmemType.KPROBES)
    for start, end in ((entry.fallback_start, entry.fallback_end), (entry.start, entry.end)):
        size = end - start
        while size >= kernel.layout.page_size:
            if kernel.machine.exec_alloc(ExecmemType.KPROBES, size, owner="filler") is None:
                size //= 2
    assert kernel.kprobes.register("probe", count=3) == 0
    assert kernel.kprobes.registered("probe") == 0


class SlowCache:
    """The same cache as lists of (page, slot) states, nothing remembered but what is there."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.pages: list[tuple[int, list[int]]] = []
        self.made = 0

    def get(self) -> tuple[int, int]:
        for _ in range(2):
            for number, states in self.pages:
                if 0 in states:
                    slot = states.index(0)
                    states[slot] = 2
                    return number, slot
            if not any(1 in states for _, states in self.pages):
                break
            self.collect()
        self.made += 1
        self.pages.insert(0, (self.made, [2] + [0] * (self.slots - 1)))
        return self.made, 0

    def free(self, number: int, slot: int, dirty: bool) -> None:
        states = dict(self.pages)[number]
        states[slot] = int(dirty)
        if not dirty:
            self.drop(number)
        elif sum(states.count(1) for _, states in self.pages) > self.slots:
            self.collect()

    def collect(self) -> None:
        for number, states in list(self.pages):
            if 1 in states:
                states[:] = [0 if state == 1 else state for state in states]
                self.drop(number)

    def drop(self, number: int) -> None:
        if len(self.pages) > 1 and not any(dict(self.pages)[number]):
            self.pages = [page for page in self.pages if page[0] != number]


@given(
    st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 99), st.booleans())), max_size=120),
    st.integers(1, 5),
)
def test_the_cache_agrees_with_the_obvious_one(
    steps: list[tuple[int, bool] | None], slots: int
) -> None:
    slow, made = SlowCache(slots), 0
    gone: list[int] = []

    def allocate() -> int:
        nonlocal made
        made += 1
        return made * 4096

    cache = SlotCache(4096 // slots, 4096, allocate, gone.append)
    held: list[tuple[int, tuple[int, int]]] = []
    for step in steps:
        if step is None:
            address, place = cache.get("x"), slow.get()
            assert address is not None
            assert (address // 4096, address % 4096 // cache.slot_size) == place
            held.append((address, place))
        elif held:
            address, place = held.pop(step[0] % len(held))
            cache.free(address, dirty=step[1])
            slow.free(*place, step[1])
        assert [page // 4096 for page in cache.pages] == [number for number, _ in slow.pages]
    assert len(gone) == made - len(slow.pages)

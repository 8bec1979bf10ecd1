"""What changes with the kernel's version, simulated:
first packs, ROX blocks, what shares them, what a free costs."""

import pytest

from execmem_tui.arch import resolve
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.mm.journal import PurgeVmapAreaLazy, Record
from execmem_tui.model.areas import Area
from execmem_tui.model.ranges import ExecmemType

MIB = 1 << 20
BASE = 0xFFFFFFFFC0000000


def kernel(version: str, *, pages: int = 0, nodes: int = 1, cpus: int = 1) -> Kernel:
    """x86-64 with a draw of so many pages; none without."""
    drawn = {"offset_pages": pages} if pages else None
    layout = resolve("x86", version, kaslr="1" if pages else "off", overrides=drawn)
    return Kernel(layout, nodes=nodes, cpus=cpus)


def at(started: Kernel, kind: ExecmemType) -> list[int]:
    return sorted(area.start for area in started.machine.areas() if area.type is kind)


def blocks(started: Kernel) -> list[tuple[int, int]]:
    """Start and footprint of the vmalloc areas in the module window."""
    return sorted(
        (area.start - BASE, area.end - area.start)
        for area in started.machine.execmem.vmalloc.busy.values()
        if area.start >= BASE
    )


@pytest.mark.parametrize(
    ("version", "pages", "nodes", "pack", "size", "block"),
    [
        ("7.2.13", 466, 1, 0x1D2000, 2_101_248, 0x400000),
        ("7.3-rc7", 300, 1, 0x200000, 2_101_248, 0x600000),
        ("7.3-rc7", 0, 1, 0x000000, 2_101_248, 0x400000),
        ("7.3-rc7", 700, 2, 0x400000, 4_198_400, 0xA00000),
    ],
)
def test_the_first_pack_and_the_next_block_are_where_real_kernels_had_them(
    version: str, pages: int, nodes: int, pack: int, size: int, block: int
) -> None:
    started = kernel(version, pages=pages, nodes=nodes)
    started.bpf.load("first", 200)
    started.ftrace.register("ops")
    assert at(started, ExecmemType.BPF) == [BASE + pack]
    assert at(started, ExecmemType.FTRACE) == [BASE + block]
    assert blocks(started)[0] == (pack, size)
    assert blocks(started)[1][0] == block


@pytest.mark.parametrize("pages", [1, 511, 512, 513, 1024])
def test_the_first_block_tells_one_bit_of_the_draw(pages: int) -> None:
    started = kernel("7.3", pages=pages)
    started.bpf.load("first", 200)
    assert at(started, ExecmemType.BPF) == [BASE + (0x200000 if pages <= 512 else 0x400000)]


def test_insn_and_optinsn_pages_share_a_block() -> None:
    started = kernel("7.3", nodes=2, pages=700)
    started.bpf.load("first", 200)
    started.kprobes.register("probes", count=3)
    pages = at(started, ExecmemType.KPROBES)
    assert len(pages) == 2
    assert pages == [BASE + 0xA00000, BASE + 0xA01000]


def counted(started: Kernel) -> list[PurgeVmapAreaLazy]:
    """A list that takes every purge from now on."""
    purges: list[PurgeVmapAreaLazy] = []
    vmalloc = started.machine.execmem.vmalloc
    journal = vmalloc.journal
    assert journal is not None

    class _Both(list[Record]):
        def append(self, record: Record, /) -> None:
            if isinstance(record, PurgeVmapAreaLazy):
                purges.append(record)
            assert journal is not None
            journal.append(record)

    vmalloc.journal = _Both()
    vmalloc.skip_idle_purges = False  # a ledger alone does not want to hear of those
    return purges


@pytest.mark.parametrize(("version", "hit"), [("7.2", 1), ("7.3", 0)])
def test_a_pack_costs_a_purge_but_from_7_3_on_none_where_the_cache_has_room(
    version: str, hit: int
) -> None:
    started = kernel(version)
    purges = counted(started)
    started.bpf.load("first", 2 * MIB - 64)
    assert len(purges) == 1
    freed = started.machine.exec_alloc(ExecmemType.MODULE_TEXT, 6 * MIB, owner="big")
    assert freed is not None
    started.machine.exec_free(freed)
    purges.clear()
    pack = started.bpf.load("second", 2 * MIB - 64).start
    assert len(purges) == hit
    assert (pack == freed) is (hit == 0)


@pytest.mark.parametrize(("version", "count"), [("6.16", 0), ("6.17", 3), ("7.3", 3)])
def test_a_cached_free_purges_three_times_or_pokes(version: str, count: int) -> None:
    started = kernel(version)
    text = ExecmemType.MODULE_TEXT
    start = started.machine.exec_alloc(text, 64 << 10, owner="one")
    kept = started.machine.exec_alloc(text, 64 << 10, owner="other")
    assert start is not None
    assert kept is not None
    purges = counted(started)
    started.machine.exec_free(start)
    assert len(purges) == count


@pytest.mark.parametrize(
    ("version", "text", "data"), [("6.12", 0, 0), ("6.15", 2, 0), ("6.16", 2, 0), ("6.17", 2, 2)]
)
def test_what_alloc_rw_makes_writable(version: str, text: int, data: int) -> None:
    started = kernel(version)
    machine = started.machine
    assert machine.exec_alloc(ExecmemType.MODULE_TEXT, 4096, owner="first") is not None
    purges = counted(started)
    machine.exec_alloc(ExecmemType.MODULE_TEXT, 4096, owner="text", rw=True)
    assert len(purges) == text
    machine.exec_alloc(ExecmemType.MODULE_DATA, 4096, owner="data", rw=True)
    assert len(purges) == text + data


def test_a_kernel_before_6_17_fails_where_no_block_fits() -> None:
    for version, found in (("6.16", False), ("6.17", True)):
        layout = resolve("x86", version, overrides={"MODULES_END": BASE + 2 * MIB}, kaslr="off")
        started = Kernel(layout)
        got = started.machine.exec_alloc(ExecmemType.MODULE_TEXT, 64 << 10, owner="text")
        assert (got is not None) is found


@pytest.mark.parametrize(("version", "start"), [("6.17", 2 * MIB), ("6.18", 0x1000)])
def test_a_small_block_is_aligned_on_every_try_up_to_6_17(version: str, start: int) -> None:
    layout = resolve(
        "x86",
        version,
        kaslr="1",
        overrides={"offset_pages": 1, "MODULES_END": BASE + 3 * MIB},
    )
    got = Kernel(layout).machine.exec_alloc(ExecmemType.MODULE_TEXT, 64 << 10, owner="text")
    assert got == BASE + start


def test_the_cleaner_leaves_parts_of_bigger_blocks_alone_from_7_3_4_on() -> None:
    for version, hazards in (("7.3.3", 1), ("7.3.4", 0)):
        started = kernel(version)
        machine = started.machine
        big = machine.exec_alloc(ExecmemType.MODULE_TEXT, 3 * MIB, owner="big")
        assert big is not None
        machine.exec_free(big)
        assert machine.exec_alloc(ExecmemType.MODULE_TEXT, 2 * MIB, owner="part") == big
        machine.run_deferred()
        told = [event for event in started.take_events() if "hazard" in str(event).lower()]
        assert len(told) == hazards


def test_trampolines_are_sized_in_module_data_from_7_3_on() -> None:
    for version, kind in (("7.2", ExecmemType.BPF), ("7.3", ExecmemType.MODULE_DATA)):
        started = kernel(version)
        started.bpf.attach("do_sys_open")
        scratch = {
            area.type
            for event in started.take_events()
            for area in getattr(event, "added", ())
            if isinstance(area, Area) and area.owner == "trampoline scratch"
        }
        assert scratch == {kind}


def test_the_dispatcher_s_rw_image_leaves_the_module_window_with_7_3() -> None:
    for version, inside in (("7.2", True), ("7.3", False)):
        started = kernel(version)
        assert started.bpf.xdp()
        image = next(
            area for area in started.machine.areas() if area.owner == "bpf_dispatcher_xdp rw_image"
        )
        assert (image.start >= BASE) is inside


def test_kernels_before_6_9_have_one_node_and_no_pools() -> None:
    for version, nodes in (("6.8", 1), ("6.9", 4)):
        started = Kernel(resolve("arm64", version), cpus=4)
        assert len(started.machine.execmem.vmalloc.nodes) == nodes
        one = started.bpf.load("one", 200)
        assert one.jited


def test_bpf_without_packs_gives_each_program_pages() -> None:
    started = Kernel(resolve("arm64", "6.1"))
    first, second = (started.bpf.load(name, 200).start for name in ("one", "two"))
    assert first is not None
    assert second is not None
    assert second - first == 2 * 4096


def test_before_6_4_a_module_is_two_areas() -> None:
    """Core and init, in which every region is padded to a page."""
    for version, areas in (("6.3", {"core", "init"}), ("6.4", None)):
        started = Kernel(resolve("x86", version))
        module = started.modules.catalogue
        assert module is not None
        sizes = {name: -(-size // 4096) * 4096 for name, size in module["kvm"].sizes.items()}
        list(started.modules.load_steps("kvm"))
        regions = {
            area.region: area.size for area in started.machine.areas() if area.owner == "kvm"
        }
        if areas is None:
            assert regions == sizes
            continue
        assert set(regions) == areas
        init = sum(size for name, size in sizes.items() if name.startswith("MOD_INIT"))
        assert regions == {"core": sum(sizes.values()) - init, "init": init}
        started.modules.run_init_frees()
        assert {area.region for area in started.machine.areas() if area.owner == "kvm"} == {"core"}

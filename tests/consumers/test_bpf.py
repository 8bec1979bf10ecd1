"""BPF.

Packs chunk by chunk as a real kernel filled them, sizes, the limit and its errors, trampolines.
"""

import lzma
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.arch import resolve
from execmem_tui.consumers.bpf import E2BIG, ENOTSUPP, Bpf
from execmem_tui.consumers.bpf_memory import EPERM
from execmem_tui.consumers.bpf_sizes import binary_request, jit_limit, pack_request, program_length
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.packs import CHUNK, Packs
from execmem_tui.model.areas import Area
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Freed
from execmem_tui.model.ranges import ExecmemType

DATA = Path(__file__).parents[1] / "data" / "consumers"
MIB = 1 << 20
PACK = 2 * MIB


def areas(machine: Machine) -> list[Area]:
    return sorted(
        (area for area in machine.areas() if area.type is ExecmemType.BPF and area.state == "live"),
        key=lambda area: area.start,
    )


def test_a_captured_pack_chunk_by_chunk() -> None:
    """550 allocations, their frees, and the kernel's own bitmap in eight phases (6.12.107)."""
    packs = Packs(PACK, lambda: 0, lambda _: None)
    packs.alloc(25 * CHUNK, "boot")
    placed = phases = 0
    for line in (
        lzma.decompress((DATA / "bpf-pack-6.12.107.txt.xz").read_bytes()).decode().splitlines()
    ):
        what, *words = line.split()
        if what == "a":
            assert packs.alloc(int(words[0]), "program") == int(words[1]) * CHUNK
            placed += 1
        elif what == "f":
            packs.free(int(words[0]) * CHUNK)
        elif what == "=":
            ranges = [word.split("-") for word in words[1:]]
            assert packs.used_chunks() == {0: [(int(found[0]), int(found[-1])) for found in ranges]}
            phases += 1
    assert (placed, phases) == (550, 8)


@given(st.lists(st.one_of(st.integers(1, 9 * CHUNK), st.integers(-50, -1)), max_size=80))
def test_packs_agree_with_the_obvious_bitmap(steps: list[int]) -> None:
    """First fit over packs in creation order; an empty pack goes at once."""
    chunks, made = 10, 0
    gone: list[int] = []
    slow: dict[int, list[bool]] = {}

    def allocate() -> int:
        nonlocal made
        made += 1
        return made << 20

    packs = Packs(chunks * CHUNK, allocate, gone.append)
    held: list[tuple[int, int]] = []
    for step in steps:
        if step > 0:
            need = -(-step // CHUNK)
            fits = [
                (pack, at)
                for pack, bits in slow.items()
                for at in range(chunks - need + 1)
                if not any(bits[at : at + need])
            ]
            got = packs.alloc(step, "x")
            pack, at = fits[0] if fits else (made, 0)
            bits = slow.setdefault(pack, [False] * chunks)
            bits[at : at + need] = [True] * need
            assert got == (pack << 20) + at * CHUNK
            held.append((got, need))
        elif held:
            start, need = held.pop(step % len(held))
            packs.free(start)
            bits = slow[start >> 20]
            bits[(start & 0xFFFFF) // CHUNK : (start & 0xFFFFF) // CHUNK + need] = [False] * need
            if not any(bits):
                del slow[start >> 20]
        assert [pack >> 20 for pack in packs.packs] == list(slow)
    assert len(gone) == made - len(slow)


@pytest.mark.parametrize(
    ("arch", "version", "variant", "limit"),
    [
        ("x86", "7.1", None, 528482304),
        ("x86", "7.1", "x86_64-4level-norandbase", 1520 * MIB // 2),
        ("s390", "7.1", None, 1 << 30),
        ("riscv", "7.1", None, 67108864),
        ("loongarch", "7.1", None, 128 * MIB),
        ("arm", "6.12", "v7-3g-highmem", 7 * MIB),
        ("arm", "6.12", "v6-3g-lowmem512", 8 * MIB),
        ("arm64", "7.2.13", None, 69267617742848),
    ],
)
def test_default_limits(arch: str, version: str, variant: str | None, limit: int) -> None:
    assert jit_limit(resolve(arch, version, variant)) == limit


def test_request_sizes() -> None:
    assert [pack_request(proglen) for proglen in (1, 40, 41, 1000)] == [64, 64, 128, 1024]
    arm, s390, arm64, x86 = (resolve(arch, "6.12") for arch in ("armhf", "s390", "arm64", "x86"))
    assert [binary_request(arm, proglen) for proglen in (1, 3960, 3961)] == [4096, 4096, 8192]
    assert binary_request(s390, 100_000) == 102_400
    assert program_length(x86, 101, extable=2) == 104 + 24
    assert program_length(arm64, 100, extable=1) == 100 + 8 + 12


def test_two_hundred_programs_of_a_mean_of_34_8_chunks_fit_one_pack() -> None:
    kernel = Kernel(resolve("x86", "7.1"))
    for number in range(200):
        kernel.bpf.load(f"a{number}", (34 + (number % 5 > 0)) * CHUNK - 24)
    assert len(kernel.bpf.packs.packs) == 1
    (ranges,) = kernel.bpf.packs.used_chunks().values()
    assert ranges == [(0, 200 * 34 + 160 - 1)]
    kernel.take_events()
    (area,) = areas(kernel.machine)
    assert len(area.parts or ()) == 200
    assert area.detail == "200 programs, 6,960 of 32,768 chunks used"
    for number in range(200):
        kernel.bpf.unload(f"a{number}")
    assert not areas(kernel.machine)
    assert kernel.bpf.charged == 0


def test_a_pack_is_two_mib_for_each_node_and_bigger_programs_have_pages() -> None:
    kernel = Kernel(resolve("x86", "7.1"), nodes=4)
    kernel.bpf.load("small", 100)
    assert [area.size for area in areas(kernel.machine)] == [8 * MIB]
    kernel.bpf.load("huge", 8 * MIB)
    assert [area.size for area in areas(kernel.machine)] == [8 * MIB, 8 * MIB + 4096]
    kernel.bpf.unload("huge")
    assert len(areas(kernel.machine)) == 1


@pytest.mark.parametrize(("guard", "programs"), [(True, 1024), (False, 2048)])
def test_64_kib_pages_and_128_mib_without_packs(guard: bool, programs: int) -> None:
    """Case arm64-64k-bpf: before b89ddf4cca43 arm64 had 128 MiB for BPF, and no packs.

    The guard doubles each.
    """
    layout = resolve("arm64", "6.12", "va48-64k")
    entry = layout.range_of(ExecmemType.BPF)
    size = 128 * MIB // layout.page_size
    narrow = evolve(entry, end=entry.start + 128 * MIB)
    kernel = Kernel(
        evolve(layout, types={**layout.types, ExecmemType.BPF: narrow}, early_areas=()), packs=False
    )
    if not guard:
        assert size == programs
        return
    loaded = 0
    while kernel.bpf.load(f"p{loaded}", 1000).jited:
        loaded += 1
    assert loaded == programs
    assert kernel.bpf.charged == programs * layout.page_size


@pytest.mark.parametrize(
    ("arch", "version", "packed"),
    [
        ("x86", "6.12", True),
        ("arm64", "6.12", True),
        ("riscv", "6.12", True),
        ("ppc64el", "6.12", True),
        ("loongarch", "6.12", False),
        ("loongarch", "7.1", True),
        ("s390", "7.1", False),
        ("armhf", "7.1", False),
        ("i386", "7.1", False),
    ],
)
def test_who_has_packs(arch: str, version: str, packed: bool) -> None:
    kernel = Kernel(resolve(arch, version))
    assert kernel.bpf.load("program", 1000).jited
    (area,) = areas(kernel.machine)
    assert area.size == (PACK if packed else kernel.layout.page_size)


def test_the_limit_stops_who_has_no_cap_bpf() -> None:
    """Case bpf-jit-limit: interpreted where there is an interpreter, else errno 524.

    Root goes on.
    """
    machine = Machine(resolve("x86", "7.1"))
    bpf = Bpf(machine, limit=1024)
    assert bpf.load("first", 900, capable=False).jited
    loaded = bpf.load("second", 900, capable=False)
    assert (loaded.jited, loaded.errno) == (False, 0)
    assert bpf.load("third", 900, capable=False, needs_jit=True).errno == ENOTSUPP
    bpf.always_on = True
    assert bpf.load("fourth", 900, capable=False).errno == ENOTSUPP == 524
    assert bpf.load("root", 900).jited
    assert bpf.charged == 2 * 960
    assert bpf.attach("vfs_read", capable=False).errno == EPERM
    bpf.unload("first")
    bpf.unload("root")
    assert bpf.load("second", 900, capable=False).jited


def test_without_the_jit_nothing_is_allocated() -> None:
    kernel = Kernel(resolve("x86", "7.1"))
    kernel.bpf.jit_enabled = False
    assert not kernel.bpf.load("program", 1000).jited
    assert not areas(kernel.machine)
    assert not Kernel(resolve("nios2", "7.1")).bpf.load("program", 1000).jited


@pytest.mark.parametrize(("version", "size"), [("6.12", 229), ("7.1", 225)])
def test_attaching_replaces_the_image(version: str, size: int) -> None:
    """bpf_fentry_test1 of the captures: 164 bytes with fentry, 280 with fexit too.

    The change takes a trampoline page.
    """
    kernel = Kernel(resolve("x86", version))
    kernel.bpf.load("program", 40)
    kernel.take_events()
    assert kernel.bpf.attach("bpf_fentry_test1").size == 164
    events = kernel.take_events()
    assert [event.requested for event in events if isinstance(event, Allocated)] == [4096]
    assert [event.area.owner for event in events if isinstance(event, Freed)] == [
        "trampoline scratch"
    ]
    second = kernel.bpf.attach("bpf_fentry_test1")
    assert second.size == 280
    events = kernel.take_events()
    requests = [
        (event.area.type, event.requested) for event in events if isinstance(event, Allocated)
    ]
    assert requests == [(ExecmemType.BPF, 4096), (ExecmemType.FTRACE, size)]
    assert kernel.bpf.charged == 64 + 280
    assert list(kernel.bpf.packs.used_chunks().values()) == [[(0, 0), (4, 8)]]
    kernel.bpf.attach("bpf_fentry_test2")
    kernel.bpf.attach("bpf_fentry_test2")
    assert list(kernel.ftrace.pages) == ["tmp_ops"]
    kernel.bpf.detach("bpf_fentry_test1")
    assert kernel.bpf.targets == {"bpf_fentry_test1": 1, "bpf_fentry_test2": 2}
    for target in ("bpf_fentry_test1", "bpf_fentry_test2", "bpf_fentry_test2"):
        kernel.bpf.detach(target)
    kernel.bpf.unload("program")
    assert kernel.bpf.charged == 0
    assert not areas(kernel.machine)


def test_trampolines_elsewhere() -> None:
    s390 = Kernel(resolve("s390", "7.1"))
    assert s390.bpf.attach("vfs_read").size == 164
    assert [area.size for area in areas(s390.machine)] == [4096]
    arm64 = Kernel(resolve("arm64", "7.1"))
    arm64.bpf.attach("vfs_read")
    assert [area.size for area in areas(arm64.machine)] == [PACK]
    assert Kernel(resolve("armhf", "7.1")).bpf.attach("vfs_read").errno == ENOTSUPP
    assert Kernel(resolve("x86", "7.1")).bpf.attach("vfs_read", size=4097).errno == E2BIG


def test_struct_ops_images_are_pages() -> None:
    kernel = Kernel(resolve("x86", "7.1"))
    loaded = kernel.bpf.struct_ops("tcp", [1500] * 5)
    assert loaded.size == 3 * 4096
    assert kernel.bpf.charged == 3 * 4096
    assert list(kernel.bpf.packs.used_chunks().values()) == [[(0, 3 * 64 - 1)]]
    assert kernel.bpf.struct_ops("big", [4096] * 9).errno == E2BIG
    assert kernel.bpf.charged == 3 * 4096
    kernel.bpf.unload("tcp")
    assert not areas(kernel.machine)


def test_the_xdp_dispatcher_stays() -> None:
    kernel = Kernel(resolve("x86", "7.1"))
    assert kernel.bpf.xdp()
    assert kernel.bpf.xdp()
    assert [area.size for area in areas(kernel.machine)] == [PACK, 4096]
    assert kernel.bpf.charged == 0
    assert not Kernel(resolve("arm64", "7.1")).bpf.xdp()


def test_refusals() -> None:
    bpf = Kernel(resolve("x86", "7.1")).bpf
    bpf.load("program", 100)
    for name, proglen in (("program", 100), ("zero", 0), ("huge", 1 << 40)):
        with pytest.raises(UsageError):
            bpf.load(name, proglen)
    with pytest.raises(UsageError):
        bpf.unload("absent\x1b")
    with pytest.raises(UsageError):
        bpf.detach("absent")
    with pytest.raises(UsageError):
        Kernel(resolve("x86", "7.1"), nodes=0)


def test_a_clone_owes_what_its_twin_owes() -> None:
    """A program of its own whose part was not told yet is told by both."""
    kernel = Kernel(resolve("arm64", "7.1"), packs=False)
    kernel.bpf.load("program", 4096)
    before = kernel.bpf.charged
    assert before > 0
    twin = kernel.clone()
    assert twin.bpf.charged == before
    for each in (kernel, twin):
        each.take_events()
        (area,) = (one for one in each.machine.areas() if one.type is ExecmemType.BPF)
        assert area.parts
    twin.bpf.unload("program")
    assert (kernel.bpf.charged, twin.bpf.charged) == (before, 0)

"""The rules on room, at their thresholds: one page, one load, one byte more is another verdict."""

from collections.abc import Sequence

import pytest

from execmem_tui.analysis.diagnosis.asker import AskerKind
from execmem_tui.analysis.diagnosis.finding import Finding, Verdict
from execmem_tui.analysis.diagnosis.space import holder_of, space_of
from execmem_tui.arch import resolve
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Counters, Snapshot
from tests.analysis.test_diagnosis import LOADER, finding, findings

PAGE = 4096
MIB = 1 << 20
START = 0x1000_0000


def searched(padded: int, width: int, *more: str) -> str:
    """The message of a search in a range of `width` bytes, and what follows it."""
    head = f"vmalloc_node_range for size {padded} failed: Address range restricted to"
    return "\n".join((f"{head} {START:#x} - {START + width:#x}", *more))


def trace(*frames: str) -> list[str]:
    return [f" {frame}+0x1/0x2" for frame in frames]


def verdict(text: str, snapshot: Snapshot | None = None) -> Verdict:
    return finding(text, snapshot).judgement.verdict


@pytest.mark.parametrize(
    ("pages", "wanted"),
    [(65, Verdict.LARGER_THAN_RANGE), (64, Verdict.RANGE_FITS_ONE), (63, Verdict.EXHAUSTED)],
)
def test_a_size_against_its_range(pages: int, wanted: Verdict) -> None:
    found = finding(searched(pages * PAGE, 64 * PAGE)).judgement
    assert found.verdict is wanted
    if wanted is Verdict.LARGER_THAN_RANGE:
        assert found.evidence[0].startswith("the range is 262,144 bytes (256K) wide, the request")


def test_a_range_for_one_is_the_drivers_own_where_a_driver_asked() -> None:
    """Else it is a machine's, and a snapshot tells who is there."""
    init = (" probe+0x1/0x2 [drv]", " do_one_initcall+0x1/0x2")
    told = finding(searched(64 * PAGE, 64 * PAGE, *init)).judgement
    assert told.collect == ("the source of that driver",)
    assert told.remedy == "a wider range in the driver drv, which asks for its own"
    other = finding(searched(64 * PAGE, 64 * PAGE, *trace("xfs_buf_alloc"))).judgement
    assert "/proc/vmallocinfo" in other.collect


@pytest.mark.parametrize(
    ("size", "wanted"),
    [(1 << 46, Verdict.IMPLAUSIBLE_SIZE), ((1 << 46) - PAGE, Verdict.CANNOT_TELL)],
)
def test_no_machine_has_64_tebibytes_to_give(size: int, wanted: Verdict) -> None:
    assert verdict(f"vmap allocation for size {size} failed: use vmalloc=") is wanted


@pytest.mark.parametrize(
    ("padded", "align", "width", "impossible"),
    [
        (2 * PAGE, 2 * MIB, MIB, True),
        (2 * PAGE, 2 * MIB, 2 * MIB + PAGE, True),
        (2 * PAGE, 2 * MIB, 2 * MIB + 2 * PAGE, False),
        (MIB, MIB, 3 * MIB // 2, False),
        (2 * PAGE, PAGE, 2 * PAGE + PAGE // 2, False),
        (2 * PAGE, None, 1 << 33, False),
        (2 * PAGE, None, 1 << 34, True),
    ],
)
def test_an_alignment_that_a_range_has_no_place_for(
    padded: int, align: int | None, width: int, impossible: bool
) -> None:
    """An alignment costs a place only where it is larger than what is aligned; and a range of more
    than a million requests is never full."""
    word = "" if align is None else f" align {align:#x},"
    text = searched(
        padded, width, f"modprobe: vmalloc error: size {padded - PAGE},{word} vm_struct"
        " allocation failed, mode:0",
    )  # fmt: skip
    assert (verdict(text) is Verdict.IMPOSSIBLE_ALIGNMENT) is impossible
    full = of_areas([Area(start=START, size=width - PAGE, guard=PAGE, caller="f")])
    assert verdict(text, full) is not Verdict.IMPOSSIBLE_ALIGNMENT, "a snapshot shows what is there"


def loads(times: int, tasks: int | None, *, frames: Sequence[str] = LOADER, width: int = 0) -> str:
    """So many equal requests of the loader; `tasks` None: no process is named."""
    head = searched(2 * PAGE, width) if width else "vmap allocation for size 8192 failed: use"
    named = "" if tasks is None else "CPU: 1 PID: {} Comm: udevd Not tainted 6.0.0 #1\n"
    return "\n".join(
        f"{head}\n{named.format(n % (tasks or 1))}" + "\n".join(trace(*frames))
        for n in range(times)
    )


@pytest.mark.parametrize(
    ("times", "tasks", "wanted"),
    [
        (8, 8, Verdict.DUPLICATE_LOADS),
        (7, 7, Verdict.CANNOT_TELL),
        (20, 7, Verdict.CANNOT_TELL),
        (8, None, Verdict.DUPLICATE_LOADS),
        (7, None, Verdict.CANNOT_TELL),
    ],
)
def test_eight_loads_of_eight_tasks_are_one_module_per_cpu(
    times: int, tasks: int | None, wanted: Verdict
) -> None:
    found = finding(loads(times, tasks))
    assert found.judgement.verdict is wanted
    if wanted is Verdict.DUPLICATE_LOADS:
        by = ", by 8 tasks" if tasks else ""
        assert found.judgement.evidence[0] == (f"8 loads asked for the same 8,192 bytes (8K){by}")


def test_equal_requests_of_others_are_no_duplicate_loads() -> None:
    """Programs are loaded by many, and a range of two requests is full with one of them."""
    programs = finding(loads(8, 8, frames=("bpf_jit_alloc_exec",)))
    assert programs.asker.kind is AskerKind.BPF
    assert programs.judgement.verdict is not Verdict.DUPLICATE_LOADS
    buffers = finding(loads(8, 8, frames=("xfs_buf_alloc",)))
    assert buffers.judgement.verdict is not Verdict.DUPLICATE_LOADS
    assert verdict(loads(8, 8, width=4 * PAGE)) is Verdict.DUPLICATE_LOADS
    assert verdict(loads(8, 8, width=4 * PAGE - 2048)) is not Verdict.DUPLICATE_LOADS


def of_areas(areas: Sequence[Area], arch: str = "arm") -> Snapshot:
    return Snapshot(layout=resolve(arch), step=0, steps=0, areas=tuple(areas), counters=Counters())


def holding(*shares: tuple[str, int, int], gap: int = PAGE) -> tuple[Snapshot, int]:
    """Areas by (caller, how many, pages with guard), a gap behind each; and the width of all."""
    at = START
    areas = []
    for name, count, pages in shares:
        for _ in range(count):
            areas.append(
                Area(start=at, size=(pages - 1) * PAGE, guard=PAGE, caller=f"{name}+0x1/0x2")
            )
            at += pages * PAGE + gap
    return of_areas(areas), at - START


def told(padded: int, *shares: tuple[str, int, int]) -> Finding:
    snapshot, width = holding(*shares)
    return finding(searched(padded, width, *trace("foo")), snapshot)


def test_a_leak_is_a_thousand_areas_and_half_of_what_is_used() -> None:
    leak = told(2 * PAGE, ("leak", 1000, 2), ("big", 1, 1500), ("more", 1, 500))
    assert leak.judgement.verdict is Verdict.LEAKING_OWNER
    assert leak.judgement.evidence[0] == "leak holds 1,000 areas, 8,192,000 bytes (7.8M)"
    assert leak.judgement.remedy == "find out why leak does not give back"
    less = told(2 * PAGE, ("leak", 1000, 2), ("big", 1, 1500), ("more", 1, 501))
    assert less.judgement.verdict is Verdict.FRAGMENTED, "less than half"
    assert told(PAGE, ("leak", 1000, 2)).judgement.verdict is Verdict.CANNOT_TELL, "it would fit"


def test_the_three_largest_holders_are_named_and_what_is_short() -> None:
    found = told(3 * PAGE, ("a", 1, 9), ("b", 2, 4), ("c", 1, 3), ("d", 1, 2))
    room, *owners = found.judgement.evidence
    assert room == (
        "20,480 bytes (20K) are free in 5 holes; the largest has 4,096, 8,192 bytes short"
    )
    assert owners == [
        "a: 36,864 bytes (36K) in 1 area",
        "b: 32,768 bytes (32K) in 2 areas",
        "c: 12,288 bytes (12K) in 1 area",
    ]
    assert found.judgement.verdict is Verdict.FRAGMENTED


@pytest.mark.parametrize(
    ("pages", "wanted"),
    [
        (1, Verdict.CANNOT_TELL),
        (2, Verdict.FRAGMENTED),
        (3, Verdict.FRAGMENTED),
        (4, Verdict.EXHAUSTED),
    ],
)
def test_what_is_free_in_pieces_is_cut_up_and_less_is_used_up(pages: int, wanted: Verdict) -> None:
    """Three holes of a page each: three pages are free."""
    found = told(pages * PAGE, ("a", 3, 9))
    assert found.judgement.verdict is wanted
    assert any("bytes short" in line for line in found.judgement.evidence) is (pages > 1)
    assert not any("purge" in line for line in found.judgement.evidence)


@pytest.mark.parametrize(
    ("padded", "wanted"),
    [
        (7 * MIB, None),
        (7 * MIB + PAGE, "all others together may hold 1,044,480 bytes"),
        (32 << 10, "not even 32,768 bytes (32K) fit into 8,388,608 bytes (8M)"),
        (36 << 10, None),
    ],
)
def test_without_a_snapshot_only_what_arithmetic_proves_is_said(
    padded: int, wanted: str | None
) -> None:
    """Seven eighths of a range, and a 256th of it."""
    found = finding(searched(padded, 8 * MIB, *trace("foo"))).judgement
    assert found.verdict is (Verdict.CANNOT_TELL if wanted is None else Verdict.EXHAUSTED)
    if wanted is not None:
        assert wanted in found.evidence[0]


def test_who_wants_no_module_area_is_not_measured_by_it() -> None:
    """Arm's module area has 16M at most, 14M with highmem: a vmalloc of 15M says nothing."""
    arm = "Linux version 5.18.18 (arm-linux-gnueabihf-gcc 12) #1\n"
    size = 15 * MIB - PAGE
    head = f"{arm}vmap allocation for size {15 * MIB} failed: use vmalloc=\n"
    asked = f"modprobe: vmalloc: allocation failure: {size} bytes, mode:0xcc0\n"
    loader = finding(head + asked + "\n".join(trace(*LOADER))).judgement
    assert loader.verdict is Verdict.EXHAUSTED
    assert loader.evidence[0].startswith("this asks for 15,728,640 bytes (15M) of an area of")
    assert loader.evidence[1] == (
        "where the configuration leaves 14,680,064 bytes (14M) it is 1,048,576 bytes short even if"
        " nothing else is there"
    )
    buffer = finding(head + asked + "\n".join(trace("xfs_buf_alloc"))).judgement
    assert buffer.verdict is Verdict.CANNOT_TELL


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("allocation failed: out of vmalloc space - use vmalloc=<size>", "neither size nor range"),
        ("execmem: unable to allocate memory", "every window was tried"),
        ("modprobe: ERROR: could not insert 'x': Cannot allocate memory", "neither size nor range"),
        (searched(MIB, 8 * MIB), "only a snapshot tells"),
    ],
)
def test_what_is_said_where_nothing_can_be_told(text: str, evidence: str) -> None:
    found = finding(text).judgement
    assert found.verdict is Verdict.CANNOT_TELL
    assert evidence in found.evidence[0]


def test_of_a_request_without_a_size_nothing_is_short() -> None:
    """Neither of arm's module area, which its log tells, nor of what a snapshot shows."""
    arm = "Linux version 5.18.18 (arm-linux-gnueabihf-gcc 12) #1\n"
    tried = "\n".join(("execmem: unable to allocate memory", *trace(*LOADER)))
    assert verdict(arm + tried) is Verdict.CANNOT_TELL
    snapshot, _ = holding(("a", 3, 9))
    assert verdict(tried, snapshot) is Verdict.CANNOT_TELL


@pytest.mark.parametrize("why", ["failed to allocate pages", "page order 0 allocation failed"])
def test_pages_that_are_missing_are_no_lack_of_room(why: str) -> None:
    text = f"modprobe: vmalloc error: size 8192, {why}, mode:0xcc0"
    found = finding(text).judgement
    assert found.verdict is Verdict.NOT_SPACE
    assert found.remedy == "memory, not address space"


def test_holes_beside_the_image_and_between_areas() -> None:
    """The image lies in the range that is searched, and is not free."""
    layout = resolve("arm64", kaslr="off")
    low, high = layout.image or (0, 0)
    assert high > low
    start, end = low - 4 * PAGE, high + 2 * PAGE
    state = Snapshot(
        layout=layout,
        step=0,
        steps=0,
        areas=(Area(start=start + PAGE, size=PAGE, guard=0, caller="f"),),
        counters=Counters(),
    )
    found = space_of(state, start, end, 2 * PAGE)
    assert (found.now.holes, found.now.free) == (3, 5 * PAGE)
    assert (found.now.largest_hole, found.now.largest_at) == (2 * PAGE, start + 2 * PAGE)
    assert found.now.holes_that_fit == 2
    assert space_of(state, start, end, None).now.holes_that_fit == 0
    assert found.used == end - start - 5 * PAGE
    assert found.now == found.purged


def test_holders_are_called_by_owner_caller_or_kind() -> None:
    area = Area(start=START, size=PAGE, caller="load_module+0x1/0x2")
    assert holder_of(area) == "load_module"
    named = Area(start=START, size=PAGE, type=ExecmemType.MODULE_TEXT, owner="ext4", caller="f+0x1")
    assert holder_of(named) == "ext4"
    untyped = Area(start=START, size=PAGE, owner="stack", caller="dup_task_struct+0x1")
    assert holder_of(untyped) == "dup_task_struct"
    assert holder_of(Area(start=START, size=PAGE, owner="stack")) == "stack"
    assert holder_of(Area(start=START, size=PAGE)) == Area(start=START, size=PAGE).kind.value
    lazy = Area(start=START, size=PAGE, caller="f", state=AreaState.LAZY)
    assert holder_of(lazy) == "freed, not yet purged"


def test_several_failures_are_told_apart() -> None:
    """By the range, by what was asked, by why."""
    texts = [searched(MIB, 8 * MIB), searched(MIB, 9 * MIB), searched(2 * MIB, 8 * MIB)]
    assert len(findings("\n".join(text for text in texts for _ in range(2)))) == 3

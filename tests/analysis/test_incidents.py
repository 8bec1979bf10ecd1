"""Which lines of a log are one failure, and what the machine around it tells of it."""

import pytest

from execmem_tui.analysis.diagnosis.asker import AskerKind, who_asked
from execmem_tui.analysis.diagnosis.diagnose import read_log
from execmem_tui.analysis.diagnosis.incidents import Incident
from execmem_tui.arch import resolve
from execmem_tui.formats.failure_log import FRAMES, parse_failures
from execmem_tui.formats.failures import Form
from execmem_tui.model.areas import Area
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Counters, Snapshot
from tests.analysis.test_diagnosis import finding, findings, lines

HOLE = "vmap allocation for size 8192 failed: use vmalloc=<size> to increase size"
ASKED = "modprobe: vmalloc error: size 4096, vm_struct allocation failed, mode:0xcc0"
TRIED = "execmem: unable to allocate memory"


def told(*texts: str) -> tuple[Incident, ...]:
    return read_log("log", lines("\n".join(texts))).incidents


@pytest.mark.parametrize(("between", "joined"), [(11, True), (12, False)])
def test_lines_of_another_cpu_may_come_between(between: int, joined: bool) -> None:
    first = told(HOLE, *["x"] * between, ASKED)
    assert len(first) == (1 if joined else 2)
    assert (first[0].requested == 4096) is joined
    assert first[0].task == ("modprobe" if joined else None)


def test_a_call_trace_between_makes_no_distance() -> None:
    frames = [" f+0x1/0x2"] * 20
    (one,) = told(HOLE, *frames, *["x"] * 11, ASKED)
    assert (one.requested, len(one.frames)) == (4096, 20)
    assert len(told(HOLE, *frames, *["x"] * 12, ASKED)) == 2


def test_a_second_request_after_a_hole_is_its_own() -> None:
    first, second = told(HOLE, ASKED, ASKED.replace("4096", "2048"))
    assert (first.form, first.requested) == (Form.NO_HOLE, 4096)
    assert (second.form, second.requested) == (Form.NO_MEMORY, 2048)
    one, other = told(ASKED.replace("4096", "2048"), ASKED)
    assert (one.requested, other.requested) == (2048, 4096), "no hole was told of"


def test_a_request_as_large_as_its_hole_is_the_same() -> None:
    (one,) = told(HOLE, ASKED.replace("4096", "8192"))
    assert one.requested == 8192


@pytest.mark.parametrize("before", [HOLE, ASKED])
def test_the_line_of_execmem_alloc_says_that_every_window_was_tried(before: str) -> None:
    (one,) = told(before, TRIED)
    assert one.execmem
    assert not told(before)[0].execmem
    other = "foo: section 9 reloc 0 sym '': relocation 42 out of range (0xcbb54078 -> 0x0)"
    apart = told(other, TRIED)
    assert [each.execmem for each in apart] == [False, True]


def test_a_head_of_older_kernels_is_no_failure_of_its_own() -> None:
    head = "modprobe: page allocation failure: order:0, mode:0xcc0"
    (one,) = told(HOLE, head)
    assert one.form is Form.NO_HOLE
    (alone,) = told(head)
    assert alone.form is Form.NOT_SPACE
    assert len(told(TRIED, head)) == 2


def test_a_frame_far_behind_is_of_something_else() -> None:
    near = told(HOLE, *["x"] * (FRAMES - 1), " load_module+0x1/0x2")
    assert len(near[0].frames) == 1
    far = told(HOLE, *["x"] * FRAMES, " load_module+0x1/0x2")
    assert far[0].frames == ()


def test_what_equal_failures_tell_is_put_together() -> None:
    comm = "CPU: 1 PID: {} Comm: {} Not tainted 6.1.0 #1"
    (one,) = told(HOLE, HOLE, comm.format(7, "udevd"), " load_module+0x1/0x2", HOLE,
                  comm.format(8, "other"), " kernel_read_file+0x1/0x2")  # fmt: skip
    assert (one.times, one.tasks) == (3, ("udevd[7]", "other[8]"))
    assert (one.release, one.task) == ("6.1.0", "udevd")
    assert [each.symbol for each in one.frames] == ["load_module"], "the first that has one"


def test_the_task_of_a_request_goes_before_that_of_the_trace() -> None:
    (one,) = told(HOLE, ASKED, "CPU: 1 PID: 7 Comm: kworker Not tainted 6.1.0 #1")
    assert (one.task, one.release) == ("modprobe", "6.1.0")
    (two,) = told(HOLE, "CPU: 1 PID: 7 Comm: kworker Not tainted 6.1.0 #1", ASKED)
    assert two.task == "modprobe"


def test_notes_before_the_first_failure_count_and_frames_do_not() -> None:
    (one,) = told("alloc_vmap_area: 5 callbacks suppressed", " load_module+0x1/0x2", HOLE)
    assert (one.suppressed, one.frames) == (5, ())


def test_relocations_of_two_modules_are_two() -> None:
    text = "{}: section 9 reloc 0 sym '': relocation 42 out of range (0xcbb54078 -> 0x0)"
    assert len(told(text.format("a"), text.format("a"), text.format("b"))) == 2


def test_a_width_is_there_where_both_ends_are() -> None:
    empty = Incident(line=1, text="", form=Form.NO_HOLE)
    assert empty.width is None
    assert Incident(line=1, text="", form=Form.NO_HOLE, start=4096).width is None
    assert Incident(line=1, text="", form=Form.NO_HOLE, start=4096, end=12288).width == 8192


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (" execmem_alloc+0x1/0x2\n move_module+0x1/0x2", (AskerKind.MODULE_LOADER, None)),
        (" foo+0x1/0x2 [drv]\n do_one_initcall+0x1/0x2", (AskerKind.MODULE_INIT, "drv")),
        (" ioremap_prot+0x1/0x2 [drv]", (AskerKind.IOREMAP, "drv")),
        (" ioremap_prot+0x1/0x2\n probe+0x1/0x2 [drv]", (AskerKind.IOREMAP, "drv")),
        (" do_init_module+0x1/0x2\n load_module+0x1/0x2", (AskerKind.MODULE_LOADER, None)),
        (" vmalloc+0x1/0x2\n __do_sys_init_module+0x1/0x2", (AskerKind.MODULE_FILE, None)),
        (" vmalloc+0x1/0x2\n do_one_initcall+0x1/0x2\n f+0x1/0x2", (AskerKind.VMALLOC, "f")),
    ],
)
def test_who_asked_from_the_innermost_frame(
    text: str, wanted: tuple[AskerKind, str | None]
) -> None:
    found = who_asked(list(parse_failures(lines(text))))
    assert (found.kind, found.name) == wanted


def test_windows_that_were_tried_are_told_once_with_what_was_suppressed() -> None:
    """The rate limit swallows the line with the size more often than the last line."""
    text = (
        f"{HOLE.replace('8192', '12288')}\n{HOLE}\n{ASKED}\n{TRIED}\n"
        + "x\n" * 20
        + f"{TRIED}\nexecmem_alloc: 1110 callbacks suppressed"
    )
    first, second = findings(text)
    assert (first.padded, first.suppressed) == (12288, 0)
    assert (second.padded, second.suppressed) == (8192, 1110)
    apart = findings(f"{HOLE}\n" + "x\n" * 20 + f"{TRIED}\nexecmem_alloc: 5 callbacks suppressed")
    assert [(each.padded, each.suppressed) for each in apart] == [(8192, 0), (None, 5)]


def machine(arch: str = "arm64", kernel: str = "7.1") -> Snapshot:
    layout = resolve(arch, kernel)
    area = Area(start=layout.vmalloc_start, size=4096, guard=4096, caller="f+0x1/0x2")
    return Snapshot(layout=layout, step=0, steps=0, areas=(area,), counters=Counters())


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ("bpf_jit_alloc_exec", ExecmemType.BPF),
        ("alloc_insn_page", ExecmemType.KPROBES),
        ("arch_ftrace_update_trampoline", ExecmemType.FTRACE),
        ("load_module", ExecmemType.MODULE_TEXT),
    ],
)
def test_the_range_that_was_searched_is_the_askers(frame: str, kind: ExecmemType) -> None:
    """On arm64 programs and probes have all of vmalloc space, modules their own 2 GiB."""
    state = machine()
    found = finding(f"{ASKED}\n {frame}+0x1/0x2", state)
    entry = state.layout.range_of(kind)
    assert (found.start, found.end) == (entry.start, entry.end)
    assert found.arch == "arm64"
    assert found.page_size == state.layout.page_size


def test_other_askers_have_vmalloc_space_and_unknown_ones_none() -> None:
    state = machine()
    plain = finding(f"{ASKED}\n xfs_buf_alloc+0x1/0x2", state)
    assert (plain.start, plain.end) == (state.layout.vmalloc_start, state.layout.vmalloc_end)
    assert (plain.range_name, plain.fallback_exists) == ("vmalloc area", False)
    unknown = finding(ASKED, state)
    assert (unknown.start, unknown.range_name, unknown.fallback_exists) == (None, None, None)
    moved = "foo: section 9 reloc 0 sym '': relocation 42 out of range (0xcbb54078 -> 0x0)"
    assert finding(moved, state).start is None, "no range was searched"


def test_a_second_window_is_there_and_was_tried() -> None:
    state = machine()
    assert state.layout.range_of(ExecmemType.MODULE_TEXT).has_fallback
    loader = f"{ASKED}\n load_module+0x1/0x2"
    first = finding(loader, state)
    assert (first.fallback_exists, first.fallback_tried) == (True, None)
    both = finding(f"{ASKED}\n{TRIED}\n load_module+0x1/0x2", state)
    assert (both.fallback_exists, both.fallback_tried) == (True, True)
    old = "Linux version 5.10.0 (gcc) #1\n"
    assert finding(old + loader, state).fallback_exists is None, "not by execmem's rules"
    assert finding(loader).fallback_exists is None, "of no known machine"
    x86 = machine("x86")
    assert not x86.layout.range_of(ExecmemType.MODULE_TEXT).has_fallback
    assert finding(loader, x86).fallback_exists is False


@pytest.mark.parametrize("which", ["preferred", "fallback"])
def test_a_printed_range_is_called_by_its_window(which: str) -> None:
    entry = machine().layout.range_of(ExecmemType.MODULE_TEXT)
    low, high = (
        (entry.start, entry.end)
        if which == "preferred"
        else (entry.fallback_start, entry.fallback_end)
    )
    text = (
        f"vmalloc_node_range for size 8192 failed: Address range restricted to {low:#x} - {high:#x}"
    )
    found = finding(text, machine())
    assert found.range_name is not None
    assert ("fallback" in found.range_name) is (which == "fallback")
    assert (found.start, found.end) == (low, high)


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (" load_module+0x1/0x2", "module area"),
        (" probe+0x1/0x2 [drv]", "driver's own range"),
        (" xfs_buf_alloc+0x1/0x2", "vmalloc area"),
    ],
)
def test_a_range_of_no_known_machine_is_called_by_who_asked(frame: str, name: str) -> None:
    assert finding(f"{RANGE}\n{frame}").range_name == name


RANGE = "vmalloc_node_range for size 8192 failed: Address range restricted to 0x5000 - 0x905000"


@pytest.mark.parametrize(
    ("text", "era"),
    [
        (HOLE, "before 6.11"),
        (RANGE, "6.11 to 7.2"),
        (f"Linux version 6.14.0 (gcc) #1\n{RANGE}", "6.11 and later"),
        (TRIED, "6.10 and later"),
        (ASKED, None),
        ("percpu: allocation failed, size=64 align=8 atomic=0, from reserved chunk failed", None),
    ],
)
def test_which_kernels_print_it_so(text: str, era: str | None) -> None:
    assert finding(text).era == era


def test_the_kernel_is_the_logs_the_traces_or_the_snapshots() -> None:
    comm = "CPU: 1 PID: 7 Comm: x Not tainted 6.2.0 #1"
    banner = "Linux version 6.1.0 (gcc) #1\n"
    assert finding(f"{banner}{HOLE}\n{comm}", machine()).kernel == "6.1.0"
    assert finding(f"{HOLE}\n{comm}", machine()).kernel == "6.2.0"
    assert finding(HOLE, machine()).kernel == machine().layout.kernel
    assert finding(HOLE).kernel is None


def test_messages_that_count_bytes_say_how_many() -> None:
    wasted = finding("         Total virtual memory wasted bytes    14588526272").judgement
    assert wasted.evidence[0].startswith("loads that came to nothing took 14,588,526,272 bytes")
    text = "percpu: allocation failed, size=64 align=8 atomic=0, from reserved chunk failed"
    percpu = finding(text).judgement
    assert percpu.evidence[0].startswith("the percpu allocator had no 64 bytes left in its chunk")
    assert told(text)[0].align == 8


def test_a_hint_may_stand_before_the_first_message() -> None:
    hint = "module: `hello' likely not compiled with -mcmodel=kernel"
    text = "module: overflow in relocation type 10 val ffffffffc04da000"
    assert finding(f"{hint}\n{text}").asker.name == "hello"
    first, second = told(hint, text, f"other{text[6:]}")
    assert (first.hint is None, second.hint is None) == (False, True)


def test_the_first_release_and_the_last_byte_of_a_range_count() -> None:
    comm = "CPU: 1 PID: 7 Comm: x Not tainted {} #1"
    (one,) = told(HOLE, comm.format("6.1.0"), comm.format("6.2.0"))
    assert one.release == "6.1.0"
    text = "vmalloc_node_range for size 8192 failed: Address range restricted to 0x5000 - {:#x}"
    ends = [told(text.format(each))[0].end for each in (0x8FFF, 0x9000, 0x8FFE, 0x8FF)]
    assert ends == [0x9000, 0x9000, 0x8FFE, 0x8FF]

"""Failures of the wild, in the words of their reports: who asked, how much, and the verdict."""

from collections.abc import Sequence
from typing import Any

import pytest

from execmem_tui.analysis.diagnosis.asker import AskerKind, who_asked
from execmem_tui.analysis.diagnosis.diagnose import Diagnosis, padding_page, read_log
from execmem_tui.analysis.diagnosis.documents import finding_document
from execmem_tui.analysis.diagnosis.finding import Finding, Verdict
from execmem_tui.analysis.diagnosis.space import space_of
from execmem_tui.arch import resolve
from execmem_tui.formats.failure_log import FRAMES, parse_failures
from execmem_tui.formats.failures import Form
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.documents import plain
from execmem_tui.model.errors import InputError
from execmem_tui.model.snapshots import Counters, Snapshot

PAGE = 4096
MIB = 1 << 20


def lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.strip("\n").split("\n"), 1))


def findings(text: str, snapshot: Snapshot | None = None) -> list[Finding]:
    return Diagnosis(snapshot).findings(read_log("log", lines(text)))


def finding(text: str, snapshot: Snapshot | None = None) -> Finding:
    return findings(text, snapshot)[0]


def padded(size: int) -> int:
    return -(-size // PAGE) * PAGE + PAGE


def old_space(size: int, *frames: str, task: str = "modprobe", release: str = "5.4.0") -> str:
    """The messages up to 6.10, with a call trace."""
    return "\n".join(
        (
            (
                f"[   10.1] vmap allocation for size {padded(size)} failed: use vmalloc=<size> to"
                " increase size"
            ),
            f"[   10.2] {task}: vmalloc: allocation failure: {size} bytes, mode:0xcc0(GFP_KERNEL)",
            f"[   10.3] CPU: 0 PID: 77 Comm: {task} Not tainted {release} #1",
            "[   10.4] Call Trace:",
            *(f"[   10.5]  {frame}+0x10/0x20" for frame in frames),
        )
    )


def new_space(size: int, start: int, end: int, *frames: str, task: str = "modprobe") -> str:
    """The messages since 6.11."""
    return "\n".join(
        (
            (
                f"vmalloc_node_range for size {padded(size)} failed: Address range restricted to"
                f" {start:#x} - {end:#x}"
            ),
            (
                f"{task}: vmalloc error: size {size}, vm_struct allocation failed,"
                " mode:0xdc0(GFP_KERNEL)"
            ),
            f"CPU: 1 UID: 0 PID: 78 Comm: {task} Tainted: G        W          6.14.0-rc4 #1",
            *(f" {frame}+0x10/0x20" for frame in frames),
        )
    )


LOADER = ("dump_stack_lvl", "warn_alloc", "__vmalloc_node_range", "module_alloc", "load_module")
ARM = "Linux version 5.18.18 (arm-linux-gnueabihf-gcc 12) #1\n"

CASES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "x86-many-cpu-dup",
        "\n".join(
            f"vmap allocation for size 2498560 failed: use vmalloc=<size> to increase size\n"
            f"systemd-udevd: vmalloc error: size 2490368, vm_struct allocation failed, mode:0xcc0\n"
            f"CPU: {cpu} PID: {900 + cpu} Comm: systemd-udevd Not tainted 6.0.0 #1\n"
            " warn_alloc+0x1/0x2\n module_alloc+0x1/0x2\n layout_and_allocate+0x1/0x2"
            for cpu in range(40)
        ),
        {"verdict": Verdict.DUPLICATE_LOADS, "asker": AskerKind.MODULE_LOADER, "times": 40},
    ),
    (
        "ppc32-g4-fragmented, log alone",
        new_space(832096, 0xF1000000, 0xF5110000, "warn_alloc", "kernel_read_file"),
        {
            "verdict": Verdict.CANNOT_TELL,
            "asker": AskerKind.MODULE_FILE,
            "requested": 832096,
            "padded": 839680,
            "page_size": 4096,
        },
    ),
    (
        "ppc64-zero-size",
        (
            "WARNING: CPU: 1 PID: 9 at mm/vmalloc.c:3769 __vmalloc_node_range_noprof+0x1/0x2\n"
            "modprobe: vmalloc error: size 0, vm_struct allocation failed, mode:0xcc0"
        ),
        {"verdict": Verdict.ZERO_SIZE},
    ),
    (
        "ppc64-stub-overflow",
        "kernel BUG at arch/powerpc/kernel/module_64.c:500!",
        {"verdict": Verdict.NOT_SPACE},
    ),
    (
        "leak-move-module",
        "execmem: unable to allocate memory\nexecmem_alloc: 1110 callbacks suppressed",
        {"verdict": Verdict.CANNOT_TELL, "suppressed": 1110},
    ),
    (
        "arm32-far-branch",
        (
            "foo: section 2 reloc 0 sym 'memset': relocation 28 out of range (0xbf0000bc ->"
            " 0xc101c154)"
        ),
        {"verdict": Verdict.OUT_OF_REACH, "past": 114836, "distance": 33669272, "arch": "arm"},
    ),
    (
        "arm32-unwind-31bit",
        "foo: section 9 reloc 0 sym '': relocation 42 out of range (0xcbb54078 -> 0x7f800000)",
        {"verdict": Verdict.OUT_OF_REACH, "past": 204816504},
    ),
    (
        "arm32-big-wifi",
        ARM + old_space(13463552, *LOADER, release="5.18.18"),
        {
            "verdict": Verdict.CANNOT_TELL,
            "padded": 13467648,
            "requested": 13463552,
            "asker": AskerKind.MODULE_LOADER,
            "fallback": None,
        },
    ),
    (
        "arm32-router",
        ARM + old_space(425984, *LOADER),
        {"verdict": Verdict.CANNOT_TELL, "padded": 430080, "page_size": 4096},
    ),
    (
        "rpi4-bpf-eats-modules",
        ARM + old_space(32768, "warn_alloc", "module_alloc", "bpf_jit_alloc_exec", task="tcpdump"),
        {"verdict": Verdict.EXHAUSTED, "asker": AskerKind.MODULE_LOADER, "padded": 36864},
    ),
    (
        "giant-module on arm",
        ARM + old_space(37798136, *LOADER),
        {"verdict": Verdict.LARGER_THAN_RANGE, "padded": 37806080},
    ),
    (
        "arm64-thinlto",
        (
            "ld.lld: error: a.o:(.text): relocation R_AARCH64_CALL26 out of range: -134240376 is"
            " not in [-134217728, 134217727]; references foo"
        ),
        {"verdict": Verdict.OUT_OF_REACH, "past": 22648, "arch": "arm64"},
    ),
    (
        "loongarch-b26",
        (
            "ld.lld: error: x.o: relocation R_LARCH_B26 out of range: 167866808 is not in"
            " [-134217728, 134217727]"
        ),
        {"verdict": Verdict.OUT_OF_REACH, "past": 33649081, "arch": "loongarch"},
    ),
    (
        "riscv-2g",
        (
            "openvswitch: target ffffffe000033720 can not be addressed by the 32-bit offset from"
            " PC = 00000000b4d2c1f3(____ptrval____)"
        ),
        {"verdict": Verdict.OUT_OF_REACH, "past": None, "arch": "riscv"},
    ),
    (
        "arm64-64k-bpf",
        (
            "vmap allocation for size 131072 failed: use vmalloc=<size> to increase size\n"
            "systemd: vmalloc: allocation failure: 65536 bytes\n bpf_jit_alloc_exec+0x1/0x2"
        ),
        {"page_size": 65536, "asker": AskerKind.BPF},
    ),
    (
        "bpf-jit-limit",
        "unable to init seccomp: error loading seccomp filter into kernel: errno 524: unknown",
        {"verdict": Verdict.JIT_LIMIT, "asker": AskerKind.BPF},
    ),
    (
        "phone-vmalloc-leak",
        new_space(8192, 0xF0800000, 0xFF800000, "__vmalloc_node", "copy_process", task="sh"),
        {"verdict": Verdict.EXHAUSTED, "padded": 12288, "asker": AskerKind.STACK},
    ),
    (
        "s390-256tib-bar",
        (
            "vmalloc_node_range for size 281474976714752 failed: Address range restricted to "
            "0x4000000000 - 0x7e000000000"
        ),
        {"verdict": Verdict.LARGER_THAN_RANGE, "padded": (1 << 48) + 4096},
    ),
    (
        "a size that no machine has",
        "vmap allocation for size 18446744073709547520 failed: use vmalloc=<size>",
        {"verdict": Verdict.IMPLAUSIBLE_SIZE},
    ),
    (
        "rox-nx-fault",
        (
            "kernel tried to execute NX-protected page - exploit attempt? (uid: 0)\n"
            "BUG: unable to handle page fault for address: ffffffffc0641010"
        ),
        {"verdict": Verdict.NOT_SPACE},
    ),
    (
        "live patch",
        "livepatch: Skipping invalid relocation target, existing value is nonzero for type 1",
        {"verdict": Verdict.NOT_SPACE},
    ),
    ("other toolchain", "foo: unsupported RELA relocation: 311", {"verdict": Verdict.NOT_SPACE}),
    (
        "percpu",
        "percpu: allocation failed, size=8192 align=8 atomic=0, alloc from reserved chunk failed",
        {"verdict": Verdict.NOT_SPACE, "asker": AskerKind.PERCPU},
    ),
    (
        "pages of an area",
        "vmalloc: allocation failure, allocated 12288 of 20480 bytes",
        {"verdict": Verdict.NOT_SPACE},
    ),
    (
        "a driver's own range",
        (
            "vmalloc_node_range for size 33619968 failed: Address range restricted to"
            " 0xffff800082640000 - 0xffff800084650000\n"
            "insmod: vmalloc error: size 33554432, vm_struct allocation failed, mode:0xcc0\n"
            " __vmalloc_node_range_noprof+0x1/0x2\n custom_init+0xb4/0xfff8 [test_driver]\n"
            " do_one_initcall+0x60/0x290\n do_init_module+0x68/0x250\n load_module+0x236c/0x2428"
        ),
        {
            "verdict": Verdict.RANGE_FITS_ONE,
            "asker": AskerKind.MODULE_INIT,
            "page_size": 65536,
            "name": "test_driver",
        },
    ),
    (
        "vmalloc_test",
        new_space(4096, 0xFFFFC90000000000, 0xFFFFE8FFFFFFFFFF, task="vmalloc_test/0"),
        {
            "verdict": Verdict.IMPOSSIBLE_ALIGNMENT,
            "arch": "x86",
            "range": "vmalloc area",
            "end": 0xFFFFE90000000000,
        },
    ),
    (
        "7.3 prints the alignment",
        (
            "modprobe: vmalloc error: size 2097152, align 0x200000, vm_struct allocation failed,"
            " mode:0"
        ),
        {"era": "7.3 and later", "requested": 2 * MIB, "verdict": Verdict.CANNOT_TELL},
    ),
    (
        "arm, Thumb",
        (
            "optee: section 2 reloc 398 sym 'tee': relocation 10 out of range (0x7f808efa ->"
            " 0x7f809334)"
        ),
        {"verdict": Verdict.THUMB_BIT, "past": 0},
    ),
    (
        "arm64, an address and no distance",
        "module mali: overflow in relocation type 261 val ffffffbffc05b000",
        {"verdict": Verdict.CANNOT_TELL, "past": None, "arch": "arm64", "distance": None},
    ),
    (
        "arm64, a symbol at 0",
        "module mod00: overflow in relocation type 275 val 0",
        {"verdict": Verdict.SYMBOL_ZERO},
    ),
    (
        "x86, another code model",
        (
            "module: overflow in relocation type 10 val ffffffffc04da000\n"
            "module: `hello' likely not compiled with -mcmodel=kernel"
        ),
        {"verdict": Verdict.CODE_MODEL, "name": "hello", "arch": "x86"},
    ),
    (
        "x86, a distance of more than 2G",
        "foo: overflow in relocation type 4 val ffffffff7fffff00",
        {"verdict": Verdict.OUT_OF_REACH, "past": 256, "arch": "x86"},
    ),
    (
        "vfree of what vmalloc never gave",
        (
            "WARNING: CPU: 0 PID: 8 at mm/vmalloc.c:3361 vfree+0x1ac/0x2c4\n"
            "Trying to vfree() nonexistent vm area (74cc6c73)"
        ),
        {"verdict": Verdict.NOT_SPACE},
    ),
    (
        "ppc64-zero-size, the warning alone",
        (
            "WARNING: CPU: 1 PID: 9 Comm: modprobe at mm/vmalloc.c:3769"
            " __vmalloc_node_range_noprof+0x1/0x2\nexecmem: unable to allocate memory"
        ),
        {"verdict": Verdict.ZERO_SIZE},
    ),
    (
        "mips-defaults-missing",
        "modprobe: ERROR: could not insert 'mt7621_nand': Cannot allocate memory",
        {"verdict": Verdict.CANNOT_TELL, "name": "mt7621_nand"},
    ),
    (
        "vm-255-vcpu-waste",
        "         Total virtual memory wasted bytes    14588526272",
        {"verdict": Verdict.DUPLICATE_LOADS, "asker": AskerKind.MODULE_LOADER},
    ),
    ("524 as a return value", "bpf(BPF_PROG_LOAD) = -524", {"verdict": Verdict.JIT_LIMIT}),
    (
        "2.6",
        "allocation failed: out of vmalloc space - use vmalloc=<size> to increase size.",
        {"verdict": Verdict.CANNOT_TELL, "era": "2.6"},
    ),
]


def value(found: Finding, key: str) -> object:
    if key in ("past", "distance"):
        return None if found.relocation is None else getattr(found.relocation, key)
    of = {
        "verdict": found.judgement.verdict,
        "asker": found.asker.kind,
        "name": found.asker.name,
        "range": found.range_name,
        "fallback": found.fallback_exists,
    }
    return of[key] if key in of else getattr(found, key)


@pytest.mark.parametrize(
    ("text", "wanted"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_cases_of_the_wild(text: str, wanted: dict[str, Any]) -> None:
    found = finding(text)
    assert {key: value(found, key) for key in wanted} == wanted


def test_the_padding_rule_tells_the_page_size() -> None:
    pairs = [(832096, 839680), (1189956, 1196032), (13463552, 13467648), (425984, 430080)]
    assert [padding_page(*pair) for pair in pairs] == [4096] * 4
    assert padding_page(33554432, 33619968) == 65536
    assert padding_page(33554432, 33554432) is None


def test_equal_failures_are_one_with_a_count_and_what_was_suppressed() -> None:
    text = "vmap allocation for size 266240 failed: use vmalloc=\n" * 3
    found = findings(text + "alloc_vmap_area: 180504 callbacks suppressed")
    assert [(each.times, each.suppressed) for each in found] == [(3, 180504)]
    assert found[0].requested is None


def test_a_size_of_another_request_is_not_joined() -> None:
    """A VmallocError that asks for more than the hole message was
    padded to speaks of another request."""
    found = findings(
        "vmap allocation for size 8192 failed: use\n"
        "modprobe: vmalloc error: size 65536, vm_struct allocation failed, mode:0"
    )
    assert [(each.requested, each.padded) for each in found] == [(None, 8192), (65536, None)]


def test_frames_that_the_unwinder_doubts_do_not_tell_who_asked() -> None:
    text = (
        "vmap allocation for size 8192 failed: use\n ? module_alloc+0x1/0x2\n"
        " ioremap_prot+0x1/0x2\n load_module+0x1/0x2"
    )
    assert finding(text).asker.kind is AskerKind.IOREMAP


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        (("warn_alloc", "execmem_alloc", "module_memory_alloc", "load_module"), "module-loader"),
        (("__vmalloc_node", "kernel_read_file", "init_module_from_file"), "module-file"),
        (("vmalloc", "__se_sys_init_module"), "module-file"),
        (("execmem_alloc", "alloc_insn_page", "register_kprobe"), "kprobes"),
        (("execmem_alloc", "arch_ftrace_update_trampoline"), "ftrace"),
        (("bpf_jit_binary_pack_alloc", "bpf_int_jit_compile"), "bpf"),
        (("alloc_thread_stack_node", "copy_process"), "stack"),
        (("pcpu_create_chunk",), "percpu"),
        (("__ioremap_caller", "ioremap_wc"), "ioremap"),
        (("xfs_buf_alloc",), "vmalloc"),
        ((), "unknown"),
    ],
)
def test_who_asked(frames: Sequence[str], kind: str) -> None:
    text = "\n".join(f" {frame}+0x1/0x2" for frame in frames)
    assert who_asked(list(parse_failures(lines(text)))).kind == kind


def snapshot(*, lazy: bool = False) -> Snapshot:
    """Four areas of 1 MiB with holes of 1 MiB between them, in a window of 8 MiB; one freed
    lazily."""
    start = 0x1000_0000
    areas = tuple(
        Area(
            start=start + number * 2 * MIB,
            size=MIB - PAGE,
            guard=PAGE,
            caller=f"caller{number % 2}+0x10/0x20",
            state=AreaState.LAZY if lazy and number == 1 else AreaState.LIVE,
        )
        for number in range(4)
    )
    return of_areas(areas)


def of_areas(areas: tuple[Area, ...]) -> Snapshot:
    return Snapshot(layout=resolve("arm"), step=0, steps=0, areas=areas, counters=Counters())


def test_fragmented_and_exhausted_are_told_by_what_is_free() -> None:
    start = 0x1000_0000
    cut = finding(new_space(2 * MIB - PAGE, start, start + 8 * MIB, "foo"), snapshot())
    assert cut.judgement.verdict is Verdict.FRAGMENTED
    assert cut.short_by == MIB
    full = finding(new_space(5 * MIB, start, start + 8 * MIB, "foo"), snapshot())
    assert full.judgement.verdict is Verdict.EXHAUSTED
    fits = finding(new_space(MIB - PAGE, start, start + 8 * MIB, "foo"), snapshot())
    assert fits.judgement.verdict is Verdict.CANNOT_TELL
    assert fits.short_by is None


def test_what_a_purge_would_give_back() -> None:
    start = 0x1000_0000
    found = finding(new_space(3 * MIB - PAGE, start, start + 8 * MIB, "f"), snapshot(lazy=True))
    document = plain(finding_document(found))
    assert document["largest_hole"] == MIB
    assert document["after_purge"] == {
        "largest_hole": 3 * MIB,
        "short_by": None,
        "holes_that_fit": 1,
    }
    assert any("a purge would make it fit" in line for line in found.judgement.evidence)


def test_alignment_takes_its_share_of_a_hole() -> None:
    start = 0x1000_0000
    whole = space_of(snapshot(), start, start + 8 * MIB, MIB)
    assert whole.now.holes_that_fit == 4
    aligned = space_of(snapshot(), start, start + 8 * MIB, MIB, 2 * MIB)
    assert aligned.now.holes_that_fit == 0


def test_an_owner_of_a_thousand_areas_leaks() -> None:
    start = 0x1000_0000
    areas = tuple(
        Area(start=start + number * 2 * PAGE, size=PAGE, guard=PAGE, caller="leak+0x1/0x2")
        for number in range(1000)
    )
    full = of_areas(areas)
    end = start + 2000 * PAGE
    found = finding(new_space(8192, start, end, "foo"), full)
    assert found.judgement.verdict is Verdict.LEAKING_OWNER
    fewer = of_areas(areas[1:])
    found = finding(new_space(8192, start, end, "foo"), fewer)
    assert found.judgement.verdict is Verdict.EXHAUSTED


def test_no_control_character_of_a_log_is_kept() -> None:
    text = "ev\x1b[31mil: vmalloc error: size 4096, vm_struct\x1b]0;x\x07 failed, mode:0"
    document = plain(finding_document(finding(text)))
    assert "\x1b" not in str(document)
    assert "\x07" not in str(document)


def test_a_log_without_failures_has_no_findings() -> None:
    text = "usb 1-1: new device\nCPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1\n foo+0x1/0x2"
    assert findings(text) == []
    assert all(each.form is Form.NOTE for each in parse_failures(lines(text)))


@pytest.mark.parametrize("head", ["", "> ", "[  500.000001] ", "Nov 28 14:19:01 box kernel: "])
def test_a_message_that_a_mail_program_wrapped(head: str) -> None:
    text = (
        f"{head}vmalloc_node_range for size 33619968 failed: Address range restricted to\n"
        f"{head}0xffff800082640000 - 0xffff800084650000\n"
        f"{head}insmod: vmalloc error: size 33554432, vm_struct allocation failed, mode:0xcc0"
    )
    found = findings(text)
    assert [(each.padded, each.requested, each.line) for each in found] == [(33619968, 33554432, 1)]
    cut = (
        f"{head}drv: section 29 reloc 0 sym '': relocation 42 out of range\n{head}(0xc2ab9be8 ->"
        " 0x7fad5998)"
    )
    assert value(finding(cut), "past") == 50217552


FRAME = " f+0x1/0x2"


def test_frames_count_near_a_failure_only() -> None:
    near = [*["x"] * 300, "execmem: unable to allocate memory", *[FRAME] * 300]
    found = list(parse_failures(enumerate(near, 1)))
    assert [each.line for each in found] == [301, *range(302, 301 + FRAMES + 1)]
    far = [FRAME] * 5000
    assert len(list(parse_failures(enumerate(far, 1)))) == FRAMES


def test_equal_failures_are_one_whatever_their_number() -> None:
    text = "vmap allocation for size 20480 failed: use vmalloc=<size> to increase size"
    task = "CPU: 1 PID: {} Comm: modprobe Tainted: G W 6.1.0-18-arm64 #1"
    log = [line for number in range(400) for line in (text, task.format(number % 50))]
    (incident,) = read_log("log", enumerate(log, 1)).incidents
    assert (incident.times, len(incident.tasks), incident.line) == (400, 50, 1)
    assert incident.release == "6.1.0-18-arm64"


@pytest.mark.parametrize(
    ("name", "size", "said"), [("_MOST", 0, "more than 40"), ("_MOST_KINDS", 4096, "more than 40")]
)
def test_a_log_of_failures_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, size: int, said: str
) -> None:
    monkeypatch.setattr(f"execmem_tui.analysis.diagnosis.incidents.{name}", 40)
    log = [
        f"vmap allocation for size {20480 + number * size} failed: use vmalloc=<size>"
        for number in range(50)
    ]
    with pytest.raises(InputError, match=said) as caught:
        read_log("log", enumerate(log, 1))
    assert (caught.value.path, caught.value.line) == ("log", 41 if name == "_MOST" else 42)


@pytest.mark.parametrize(
    ("text", "verdict", "evidence", "remedy", "collect"),
    [
        (
            "foo: section 9 reloc 0 sym '': relocation 42 out of range (0xcbb54078 -> 0x0)",
            Verdict.OUT_OF_REACH,
            "2,343,911,544 bytes past the last that can be reached",
            "keep the section beside the text",
            "/sys/module/foo/sections/*",
        ),
        (
            "foo: section 9 reloc 0 sym '': relocation 42 out of range (0xbf000000 -> 0xbf001000)",
            Verdict.CANNOT_TELL,
            "4,096 bytes lie between them, well in reach",
            "",
            "/sys/module/foo/sections/*",
        ),
        (
            (
                "foo: section 2 reloc 0 sym 'memset': relocation 28 out of range (0xbf0000bc ->"
                " 0xc101c154)"
            ),
            Verdict.OUT_OF_REACH,
            (
                "114,836 bytes past the last that can be reached, counted from 8 bytes ahead as"
                " the PC is"
            ),
            "CONFIG_ARM_MODULE_PLTS, or a smaller kernel image",
            "/sys/module/foo/sections/*",
        ),
        (
            (
                "ld.lld: error: a.o:(.text): relocation R_AARCH64_CALL26 out of range: -134240376"
                " is not in [-134217728, 134217727]"
            ),
            Verdict.OUT_OF_REACH,
            "22,648 bytes past the last that can be reached",
            "a smaller kernel image",
            "/sys/module/NAME/sections/*",
        ),
        (
            "module: overflow in relocation type 10 val ffffffffc04da000",
            Verdict.CODE_MODEL,
            (
                "R_X86_64_32 holds an address in 32 bits, ffffffffc04da000 has more: code of the"
                " kernel never has it"
            ),
            "build the module with the kernel's own flags",
            "",
        ),
        (
            "module: overflow in relocation type 10 val 0",
            Verdict.SYMBOL_ZERO,
            (
                "the symbol of this R_X86_64_32 resolved to address 0: it is undefined or weak and"
                " absent"
            ),
            "the module and the kernel it is loaded into are of different builds",
            "",
        ),
    ],
)
def test_what_is_said_of_a_relocation(
    text: str, verdict: Verdict, evidence: str, remedy: str, collect: str
) -> None:
    """Data has no PLT, so that no smaller image helps it; only arm counts from a PC ahead."""
    found = finding(text).judgement
    assert found.verdict is verdict
    assert found.evidence[-1] == evidence
    assert found.remedy.startswith(remedy)
    assert bool(found.remedy) is bool(remedy)
    assert "".join(found.collect[:1]).startswith(collect)
    assert bool(found.collect) is bool(collect)

"""Module loads in real traces.

Every one as the catalogue says, and each kind of difference is found.
"""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from shutil import copytree

import pytest

from execmem_tui.analysis.init_frees import InitBatches
from execmem_tui.analysis.loader import NEAR, LoaderCheck
from execmem_tui.analysis.loads import Load, LoaderRules, Step, spelled, straight
from execmem_tui.analysis.rox_text import RoxText, Truth
from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.analysis.wrong_loader import wrong_loads
from execmem_tui.arch import resolve
from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.cli.main import main
from execmem_tui.consumers.catalogue import open_catalogue
from execmem_tui.consumers.ledger import Ledger
from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.modules import Modules, Steps
from execmem_tui.consumers.observers import Observer
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import Alloc, Free, Other, Purge, TraceLine
from execmem_tui.mm.journal import AllocVmapArea, FreeVmapAreaNoflush, PurgeVmapAreaLazy, Record
from execmem_tui.model.areas import AreaState
from execmem_tui.model.documents import plain
from execmem_tui.model.ranges import ExecmemType

TRACES = Path(__file__).parent.parent / "data" / "traces"
COUNTS = {
    "amd64-7.2.13-kaslr": {
        "ROX block": 10,
        "ROX text base": 272,
        "loader init frees": 351,
        "loader purge after init": 275,
        "loader purges": 351,
        "loader sequence": 351,
        "loader unload": 351,
    },
    "arm64-7.2.13-nokaslr": {
        "loader init frees": 464,
        "loader purge after init": 268,
        "loader purges": 476,
        "loader sequence": 476,
        "loader unload": 473,
    },
    "armhf-6.12.107": {
        "loader failed load": 22,
        "loader init batches": 3,
        "loader init frees": 167,
        "loader purges": 171,
        "loader sequence": 171,
        "loader unload": 171,
    },
}


def check_of(path: Path) -> LoaderCheck:
    check = verify_trace(path).loader
    assert check is not None
    return check


@pytest.mark.parametrize("name", COUNTS)
def test_every_load_is_exact(name: str) -> None:
    check = check_of(TRACES / name)
    assert dict(check.checked) == dict(check.exact) == COUNTS[name]
    assert check.misses == []
    assert check.unclaimed == {}
    document = plain(check.document())
    assert document["loads"] == document["exact"] == COUNTS[name]["loader sequence"]


def test_without_a_catalogue_nothing_is_said() -> None:
    verdict = verify_trace(TRACES / "i386-6.1")
    assert verdict.loader is None
    assert verdict.document()["loader"] is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "amd64-7.2.13-kaslr",
            {
                "loader: regions from last to first": "loader sequence",
                "loader: no guard pages": "loader sequence",
                "loader: one permission change less": "loader purges",
                "loader: no permission change after init": "loader purge after init",
                "loader: init data is freed first": "loader init frees",
                "loader: data is freed in its turn": "loader unload",
                "ROX cache: the highest piece": "ROX text base",
                "ROX cache: guard pages": "ROX block",
                "ROX cache: pieces never join": "ROX text base",
            },
        ),
        ("armhf-6.12.107", {"loader: data is freed in its turn": "loader failed load"}),
    ],
)
def test_wrong_rules_are_told(name: str, told: dict[str, str]) -> None:
    run = read_trace_run(TRACES / name)
    rows = {
        rule: wrong
        for rule, wrong, _ in wrong_loads(run, parse_trace(str(run.path), read_lines(run.path)))
    }
    assert all(rows[rule][kind] for rule, kind in told.items())


Change = Callable[[list[str]], None]


def _swap(lines: list[str], first: int, second: int) -> None:
    lines[first], lines[second] = lines[second], lines[first]


def _bigger(lines: list[str]) -> None:
    at = next(n for n, text in enumerate(lines) if "vstart=0xbf000000" in text)
    lines[at] = re.sub(r" size=(\d+)", lambda match: f" size={int(match[1]) + 4096}", lines[at])


def _unload_reversed(lines: list[str]) -> None:
    begin = next(n for n, text in enumerate(lines) if "module_free:" in text and "rmmod" in text)
    frees = [n for n in range(begin, begin + 40) if "rmmod" in lines[n] and "free_vmap" in lines[n]]
    _swap(lines, frees[0], frees[1])


def _init_reversed(lines: list[str]) -> None:
    begin = next(n for n, text in enumerate(lines) if "module_load:" in text)
    frees = [
        n for n in range(begin, begin + 40) if "kworker" in lines[n] and "va_start=0xbf" in lines[n]
    ]
    _swap(lines, frees[0], frees[1])


def _init_by_two(lines: list[str]) -> None:
    """One work item frees all of a module's init memory."""
    begin = next(n for n, text in enumerate(lines) if "module_load:" in text)
    frees = [
        n for n in range(begin, begin + 40) if "kworker" in lines[n] and "va_start=0xbf" in lines[n]
    ]
    lines[frees[1]] = re.sub(r"kworker/\S+?-(\d+)", "kworker/7:7-77", lines[frees[1]])


def _purge_added(lines: list[str]) -> None:
    at = next(n for n, text in enumerate(lines) if "module_load:" in text)
    head = lines[at].partition("module_load:")[0]
    lines.insert(at, f"{head}purge_vmap_area_lazy: start=0xffffffffffffffff end=0x0 num_purged=0")


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        (_bigger, "loader sequence", 1),
        (_unload_reversed, "loader unload", 1),
        (_init_reversed, "loader init frees", 1),
        (_init_by_two, "loader init frees", 1),
        (_purge_added, "loader purges", 0),
    ],
)
def test_a_change_is_found(
    change: Change, kind: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _edited(tmp_path, change)
    check = check_of(tmp_path / "run")
    wrong = {miss.kind for miss in check.misses}
    assert (kind in wrong) == bool(code)
    assert main(["verify", str(tmp_path / "run")]) == code
    out = capsys.readouterr().out
    assert f"unexplained: {kind}" in out or not code
    assert ("first difference at trace.txt:" in out) == bool(code)


def test_lost_events_explain_a_difference(tmp_path: Path) -> None:
    def lose(lines: list[str]) -> None:
        lines.insert(100, "CPU:0 [LOST 3 EVENTS]")
        _bigger(lines)

    _edited(tmp_path, lose)
    check = check_of(tmp_path / "run")
    assert {miss.cause for miss in check.misses} == {"events were lost before it"}


def _edited(tmp_path: Path, change: Change) -> Path:
    """Return a copy of the armhf run with its trace changed."""
    copytree(TRACES / "armhf-6.12.107", tmp_path / "run")
    packed = tmp_path / "run" / "trace.txt.xz"
    lines = [text for _, text in read_lines(packed)]
    packed.unlink()
    change(lines)
    (tmp_path / "run" / "trace.txt").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "run"


def test_another_flavour_is_compared_but_proves_nothing(tmp_path: Path) -> None:
    run = _edited(tmp_path, _bigger)
    meta = run / "meta.toml"
    meta.write_text(
        meta.read_text(encoding="utf-8").replace("-armmp", "-armmp-lpae"), encoding="utf-8"
    )
    check = check_of(run)
    assert check.near
    assert check.checked[NEAR] == 171
    assert check.exact[NEAR] == 170
    assert {miss.cause for miss in check.misses} == {
        "sizes are those of another build: armhf-6.12.107"
    }
    assert check.checked["loader unload"] == check.exact["loader unload"] == 171


def test_a_load_cut_by_the_beginning_is_not_claimed(tmp_path: Path) -> None:
    def cut(lines: list[str]) -> None:
        at = [n for n, text in enumerate(lines) if "vstart=0xbf000000" in text]
        del lines[12 : at[1]]
        head = next(n for n, text in enumerate(lines) if text.startswith("# entries-in-buffer"))
        lines[head] = "# entries-in-buffer/entries-written: 9000/9999   #P:1"

    check = check_of(_edited(tmp_path, cut))
    assert check.misses == []
    assert check.unclaimed == {"load that began before the trace": 1}
    assert check.checked["loader sequence"] == 170


class Tracer(Observer):
    """Writes down what a simulated machine does as a trace would."""

    def __init__(self) -> None:
        self.lines: list[TraceLine] = []
        self.task = "insmod-1"

    def say(self, name: str, text: str) -> None:
        self.lines.append(Other(len(self.lines), 0.0, self.task, 0, name, text))

    def append(self, record: Record, /) -> None:
        at = len(self.lines), 0.0, self.task, 0
        match record:
            case AllocVmapArea():
                found = record
                self.lines.append(
                    Alloc(
                        *at,
                        found.start or 0,
                        found.size,
                        found.align,
                        found.vstart,
                        found.vend,
                        found.failed,
                    )
                )
            case FreeVmapAreaNoflush():
                self.lines.append(Free(*at, record.start, record.nr_lazy))
            case PurgeVmapAreaLazy():
                self.lines.append(Purge(*at, 0, 0, len(record.given_back)))


@pytest.mark.parametrize(
    ("arch", "kernel", "variant"),
    [
        ("powerpc", "7.1", "ppc64-radix-4k"),
        ("s390", "6.12", None),
        ("riscv", "7.1", None),
        ("arm64", "6.12", "va48-16k"),
        ("x86", "7.1", None),
    ],
)
def test_simulated_loads_are_exact(arch: str, kernel: str, variant: str | None) -> None:
    layout = resolve(arch, kernel, variant)
    catalogue = open_catalogue(arch, kernel)
    assert catalogue is not None
    tracer = Tracer()
    machine = Machine(layout, observers=(Ledger(layout), tracer))
    modules = Modules(machine, catalogue)
    names = [*catalogue.closure("ext4"), *catalogue.closure("xfs")]
    names += catalogue.closure("amdgpu") if "amdgpu" in catalogue else ()
    names = list(dict.fromkeys(names))
    window = layout.vmalloc_start, layout.vmalloc_end
    text = layout.range_of(ExecmemType.MODULE_TEXT)
    rules = LoaderRules(
        page_size=layout.page_size,
        word_bits=layout.word_bits,
        window=window,
        separate=(text.start, text.end) != window,
        purges=layout.set_memory_purges,
        cached=text.rox_cached,
        text_calls=layout.capability.rox_calls,
    )
    for number, name in enumerate(names):
        tracer.task = f"kworker-{number}"
        modules.run_init_frees()
        tracer.task = f"insmod-{number}"
        image = machine.vmalloc(100_000, owner="image")
        modules.load(name, with_deps=False)
        assert image is not None
        # the event comes before init, the last purge when it is over
        after = [tracer.lines.pop()] if rules.after_init(catalogue[name]) else []
        tracer.say("module_load", f"{name} ")
        tracer.lines += after
        machine.vfree(image)
    tracer.task = "kworker-9"
    modules.run_init_frees()
    tracer.task = "rmmod-1"
    for name in reversed(names):
        tracer.say("module_free", name)
        modules.unload(name)
    check = LoaderCheck(rules, (catalogue,))
    assert list(check.watch(tracer.lines)) == tracer.lines
    check.finish()
    after_init = sum("MOD_RO_AFTER_INIT" in catalogue[name].sizes for name in names)
    assert check.checked["loader sequence"] == check.exact["loader sequence"] == len(names)
    assert check.checked["loader unload"] == check.exact["loader unload"] == len(names)
    assert check.checked["loader init frees"] == check.exact["loader init frees"] > 0
    assert check.checked["loader purges"] == (len(names) if rules.separate else 0)
    assert check.checked["loader purge after init"] == (after_init if rules.purges else 0)
    assert check.misses == []


def _storm(tracer: Tracer, modules: Modules, names: list[str], tasks: int, random: Random) -> None:
    """Load on several tasks at once, a step of one at a time, and let
    the deferred work run now and then."""
    waiting = names[::-1]
    running: dict[str, tuple[str, Steps]] = {}
    for number in itertools.count():
        while waiting and len(running) < tasks:
            name = waiting.pop()
            running[f"insmod-{len(waiting)}"] = name, modules.load_steps(name)
        if not running:
            return
        task = random.choice(sorted(running))
        tracer.task = task
        name, steps = running[task]
        try:
            next(steps)
        except StopIteration:
            tracer.say("module_load", name)
            del running[task]
        if number % 17 == 0:
            tracer.task = "kworker-1"
            modules.run_init_frees()


def _delay_purges(lines: list[TraceLine], random: Random) -> None:
    """Let events of different tasks pass each other, as a purge's
    does that waited for another CPU's."""
    for at in [*range(len(lines) - 1)] * 8:
        one, other = lines[at], lines[at + 1]
        if (
            isinstance(one, Purge)
            and isinstance(other, Purge | Alloc)
            and one.task != other.task
            and random.random() < 0.5
        ):
            lines[at], lines[at + 1] = other._replace(line=one.line), one._replace(line=other.line)


@pytest.mark.parametrize("late", [False, True])
def test_texts_of_racing_loads_are_found(late: bool) -> None:
    layout = resolve("x86", "7.1")
    catalogue = open_catalogue("x86", "7.1")
    assert catalogue is not None
    tracer = Tracer()
    machine = Machine(layout, observers=(Ledger(layout), tracer))
    modules = Modules(machine, catalogue, batch=1000)
    truths = {}
    marks = []

    def snapshot(name: str) -> None:
        marks.append((len(tracer.lines), name))
        bases = {
            str(area.owner): area.start
            for area in machine.areas()
            if area.region == "MOD_TEXT" and area.state is AreaState.LIVE
        }
        truths[name] = Truth(bases=bases, pages=frozenset(), blocks=())
        tracer.say("print", f"snapshot {name} begin")

    names = [name for name in catalogue.list_of("laptop") if "MOD_TEXT" in catalogue[name].sizes][
        :160
    ]
    _storm(tracer, modules, names, 8, Random(1))
    snapshot("loaded")
    tracer.task = "rmmod-1"
    gone = [
        name
        for name in names[::-3]
        if not any(name in modules.loaded[other].module.deps for other in names)
    ]
    for name in gone:
        tracer.say("module_free", name)
        modules.unload(name)
    _storm(tracer, modules, gone, 8, Random(2))
    snapshot("again")
    text = layout.range_of(ExecmemType.MODULE_TEXT)
    rules = LoaderRules(
        page_size=layout.page_size,
        word_bits=64,
        window=(layout.vmalloc_start, layout.vmalloc_end),
        separate=True,
        purges=True,
        cached=True,
        text_calls=1,
    )
    rox = RoxText(
        page_size=layout.page_size,
        window=(text.start, text.end),
        marks=marks,
        truth=truths.get,
        size_of=dict[str, int]().get,
        from_boot=True,
    )
    if late:
        _delay_purges(tracer.lines, Random(3))
    check = LoaderCheck(rules, (catalogue,), rox)
    assert len(list(check.watch(tracer.lines))) == len(tracer.lines)
    check.finish()
    assert check.checked["ROX block"] == check.exact["ROX block"] > 2
    assert check.checked["ROX text base"] == check.exact["ROX text base"] > 150
    unclaimed = sum(
        count for why, count in check.unclaimed.items() if why.startswith("ROX text base")
    )
    assert check.checked["ROX text base"] + unclaimed == len(names) + len(gone)
    assert bool(check.unclaimed) == late


def _load_at(name: str, begun: int, line: int) -> Load:
    catalogue = open_catalogue("arm", "6.12")
    assert catalogue is not None
    module = catalogue[next(iter(catalogue))]
    return Load(name, line, module, {"MOD_INIT_TEXT": line}, task=name, begun=begun)


def test_within_a_batch_the_newest_load_is_freed_first() -> None:
    batches = InitBatches()
    a, b, c, d, e = (_load_at(name, 10 * at, 10 * at + 5) for at, name in enumerate("abcde", 1))
    for load in (a, b, c):
        batches.loaded(load)
    # c before a and b: one batch, so b is due, then a
    assert batches.freed(c) is None
    assert batches.freed(b) == ("b", "b")
    batches.loaded(d)  # while the batch is freed
    assert batches.freed(a) == ("a", "a")
    assert batches.freed(d) is None
    batches.loaded(e)
    assert batches.freed(e) is None
    assert not batches.raced


def test_the_oldest_first_in_a_batch_is_wrong() -> None:
    batches = InitBatches()
    a, b, c = (_load_at(name, 10 * at, 10 * at + 5) for at, name in enumerate("abc", 1))
    for load in (a, b, c):
        batches.loaded(load)
    assert batches.freed(c) is None
    assert batches.freed(a) == ("b", "a")


def test_an_unloaded_module_is_not_waited_for() -> None:
    batches = InitBatches()
    a, b, c = (_load_at(name, 10 * at, 10 * at + 5) for at, name in enumerate("abc", 1))
    for load in (a, b, c):
        batches.loaded(load)
    assert batches.freed(c) is None
    batches.forget(b)
    assert batches.freed(a) is None


def test_loads_that_overlap_say_nothing_of_the_order() -> None:
    batches = InitBatches()
    batches.loaded(_load_at("a", 10, 30))
    batches.loaded(_load_at("b", 29, 40))
    assert batches.raced
    batches = InitBatches()
    batches.loaded(_load_at("a", 10, 30))
    batches.loaded(_load_at("b", 30, 40))
    assert not batches.raced


A, P, F, B = Step.AREA, Step.PURGE, Step.FAILED, Step.BLOCK


@pytest.mark.parametrize(
    ("steps", "cached", "plain"),
    [
        ([A, P, A, P], False, [A, P, A, P]),
        ([F, P, F, A, A], False, [A, A]),  # the fallback window after purge and retry
        ([F, P, A], False, [A]),  # the purge was enough
        ([B, P, P, P], True, [P, P]),  # a block for a text, made read-only executable
        ([F, P, F, B, P, A], True, [A]),
        ([F, P, B, P, A], True, [A]),
        ([B, P], False, [B, P]),  # without a cache nothing takes blocks
        ([F, P], False, [F, P]),  # it ended in failure
        ([F, F, P, A], False, [F, A]),
    ],
)
def test_detours_are_taken_out(steps: list[Step], cached: bool, plain: list[Step]) -> None:
    assert straight(spelled(steps), cached=cached) == spelled(plain)


def test_a_load_that_fails_before_its_hotpatch_area_gives_back_the_others() -> None:
    """s390, in a guest: five areas of a page, none of them the hotpatch area of a smaller
    module."""
    catalogue = open_catalogue("s390x", "7.2.13")
    assert catalogue is not None
    windows = (0x37FFE300000, 0x3FF7E300000), (0x3FF7E300000, 0x3FFFE300000)
    rules = LoaderRules(
        page_size=4096,
        word_bits=64,
        window=windows[0],
        separate=True,
        purges=True,
        cached=False,
        text_calls=1,
    )
    check = LoaderCheck(rules, (catalogue,))
    starts = [windows[1][0] + 0x2000 * at for at in range(5)]
    lines: list[TraceLine] = [
        Alloc(at, 1.0, "insmod-1", 0, start, 8192, 4096, *windows[1], False)
        for at, start in enumerate(starts)
    ]
    lines += [Free(10 + at, 2.0, "insmod-1", 0, starts[at], 0) for at in (0, 2, 3, 4, 1)]
    lines.append(Alloc(20, 3.0, "insmod-1", 0, starts[0], 8192, 4096, *windows[1], False))
    assert list(check.watch(lines)) == lines
    assert check.checked["loader failed load"] == 1
    assert not check.misses


# ppc64le with pages of 64K: the catalogue is of the 4K build, whose usbcore has a page less of
# text; the first area of each task is the image of the module's file
_ANOTHER_BUILD = """\
init-183 [000] .....    20.834545: alloc_vmap_area: va_start: 13837309855120031744 size=851968 WIDE
init-183 [000] .....    20.880627: alloc_vmap_area: va_start: 13837309855120883712 size=393216 WIDE
init-183 [000] .....    20.880877: alloc_vmap_area: va_start: 13837309855121276928 size=196608 WIDE
init-183 [000] .....    20.880957: alloc_vmap_area: va_start: 13837309855119900672 size=131072 WIDE
init-183 [000] .....    20.880990: alloc_vmap_area: va_start: 13837309855119507456 size=131072 WIDE
init-183 [000] .....    20.881021: alloc_vmap_area: va_start: 13837309855121473536 size=196608 WIDE
init-183 [000] .....    21.198421: free_vmap_area_noflush: va_start=0xc008000001710000 LAZY
init-183 [000] .....    21.198521: module_load: usbcore
kworker/0:1-11 [000] ..... 21.201899: free_vmap_area_noflush: va_start=0xc008000001870000 LAZY
init-186 [000] .....    21.226871: alloc_vmap_area: va_start: 13837309855109939200 size=327680 WIDE
init-186 [000] .....    21.254556: alloc_vmap_area: va_start: 13837309855121670144 size=131072 WIDE
init-186 [000] .....    21.254742: alloc_vmap_area: va_start: 13837309855121801216 size=131072 WIDE
init-186 [000] .....    21.254816: alloc_vmap_area: va_start: 13837309855121932288 size=131072 WIDE
init-186 [000] .....    21.254862: alloc_vmap_area: va_start: 13837309855122063360 size=131072 WIDE
init-186 [000] .....    21.254910: alloc_vmap_area: va_start: 13837309855122194432 size=131072 WIDE
init-186 [000] .....    21.333468: free_vmap_area_noflush: va_start=0xc008000000d70000 LAZY
init-186 [000] .....    21.333550: module_load: usb_storage
kworker/0:1-11 [000] ..... 21.334770: free_vmap_area_noflush: va_start=0xc008000001920000 LAZY
"""


def test_a_load_of_another_size_is_still_found_among_other_areas() -> None:
    catalogue = open_catalogue("ppc64el", "7.2.13")
    assert catalogue is not None
    window = 0xC008000000000000, 0xC00A000000000000
    rules = LoaderRules(
        page_size=65536,
        word_bits=64,
        window=window,
        separate=False,
        purges=False,
        cached=False,
        text_calls=1,
    )
    text = _ANOTHER_BUILD.replace(
        "WIDE", f"align=1 vstart={window[0]:#x} vend={window[1]:#x} failed=0"
    ).replace("LAZY", "nr_lazy=2 nr_lazy_max=512")
    check = LoaderCheck(rules, (catalogue,), near=True)
    for _ in check.watch(parse_trace("trace.txt", enumerate(text.splitlines(), 1))):
        pass
    check.finish()
    (miss,) = check.misses
    assert (miss.name, miss.kind) == ("usbcore", NEAR)
    # its init memory is its own last area, not a page of its data: none waits for it
    assert check.checked == {NEAR: 2, "loader init frees": 2}
    assert check.exact == {NEAR: 1, "loader init frees": 2}

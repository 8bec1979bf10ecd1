"""A run.

The same with and without a map, the same again, and faults that strike where they are told to.
"""

import pytest
from attrs import asdict

from execmem_tui.analysis.holes import meters
from execmem_tui.history import History
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.events import Failed, Noted
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.scenarios.reader import open_scenario, read_scenario
from execmem_tui.scenarios.runner import Outcome, Runner
from execmem_tui.scenarios.scenario import Scenario

HEAD = 'title = "t"\narch = "{arch}"\nkernel = "{kernel}"\n'
MIXED = """
[[steps]]
alloc = "MODULE_TEXT"
count = 40
owner = "a"
[[steps]]
alloc = "MODULE_DATA"
count = 40
owner = "b"
[[steps]]
free = "a"
every = 3
[[steps]]
probe = "p"
count = 600
[[steps]]
bpf = "prog"
count = 50
[[steps]]
vmalloc = "256K"
count = 20
owner = "v"
[[steps]]
free = "v"
every = 2
[[steps]]
unprobe = "p"
[[steps]]
purge = "drain"
[[steps]]
concurrently = 5
steps = [{ alloc = "MODULE_TEXT", size = "300K", owner = "c" }, { free = "c", count = 1 }]
[[steps]]
fill = "MODULE_TEXT"
to = 50
size = "1M"
[[steps]]
fail = 2
[[steps]]
alloc = "BPF"
size = "8K"
count = 3
[[steps]]
free = "b"
"""


def scenario(text: str, arch: str = "arm64", kernel: str = "7.1") -> Scenario:
    return read_scenario(
        (HEAD.format(arch=arch, kernel=kernel) + text).encode(), "case.toml", "case"
    )


def run(text: str, arch: str = "arm64", kernel: str = "7.1") -> Outcome:
    return Runner(scenario(text, arch, kernel), with_map=False).run()


def played(found: Scenario) -> tuple[Outcome, Snapshot]:
    runner = Runner(found)
    history = History(runner.layout, runner.kernel.machine.areas())
    for step in runner.play():
        history.append(step.events)
    return runner.outcome(), history.snapshot()


def check_counts(found: Scenario) -> None:
    """What is counted without a map equals what a map says."""
    outcome, snapshot = played(found)
    assert outcome == Runner(found, with_map=False).run()
    assert outcome.counters == snapshot.counters
    assert outcome.meters == {
        kind.name: asdict(meter, recurse=False) for kind, meter in meters(snapshot).items()
    }


@pytest.mark.parametrize("kernel", ["6.12", "7.1"])
@pytest.mark.parametrize("arch", ["arm64", "x86", "arm", "s390", "riscv", "mips"])
def test_counts_equal_those_of_the_map(arch: str, kernel: str) -> None:
    check_counts(scenario(MIXED, arch, kernel))


@pytest.mark.parametrize(
    "name", ["arm64-4.4-zfs", "ppc32-g4-fragmented", "giant-module", "mips-defaults-missing"]
)
def test_shipped_counts_equal_those_of_the_map(name: str) -> None:
    check_counts(open_scenario(name))


def test_captions_and_expectations_are_marks_and_notes() -> None:
    found = scenario('[[steps]]\nsay = "look here"\n[[steps]]\nexpect = "failures == 1"\n')
    steps = list(Runner(found).play())
    said = steps[0].events[0]
    assert isinstance(said, Noted)
    assert said.mark
    assert said.message == "look here"
    assert "FAILS: failures == 1; it is 0" in [event.text for event in steps[1].events]
    assert not steps[1].expectations[0].passed


def test_the_injected_fault_strikes_the_second_request() -> None:
    text = """
[[steps]]
fail = 2
[[steps]]
alloc = "MODULE_TEXT"
owner = "a"
count = 5
[[steps]]
expect = ["last.count == 1", "failures == 1", "areas.MODULE_TEXT == 1"]
[[steps]]
alloc = "MODULE_TEXT"
owner = "a"
count = 5
[[steps]]
expect = ["last.count == 5"]
"""
    for arch, kernel in (("arm64", "7.1"), ("x86", "6.12"), ("arm", "6.12")):
        assert run(text, arch, kernel).passed
    events = [event for step in Runner(scenario(text)).play() for event in step.events]
    assert any(isinstance(event, Failed) and not event.attempt for event in events)


def test_a_piece_of_the_rox_cache_needs_no_pages() -> None:
    text = """
[[steps]]
alloc = "MODULE_TEXT"
[[steps]]
fail = 1
[[steps]]
alloc = "MODULE_TEXT"
[[steps]]
expect = "last.failed == false"
[[steps]]
alloc = "MODULE_DATA"
[[steps]]
expect = "last.failed == true"
"""
    assert run(text, "x86").passed


def test_force_fallback() -> None:
    text = """
[[steps]]
force_fallback = true
[[steps]]
alloc = "MODULE_TEXT"
[[steps]]
expect = ["last.window == 'fallback'", "fallback.MODULE_TEXT == 1", "fallbacks == 1"]
[[steps]]
force_fallback = false
[[steps]]
alloc = "MODULE_TEXT"
[[steps]]
expect = ["last.window == 'preferred'", "fallbacks == 1"]
"""
    for arch in ("arm64", "arm"):
        assert run(text, arch).passed
    with pytest.raises(UsageError, match=r"case.toml:6: x86 .* has no fallback range"):
        run(text, "x86")


def test_fill_stops_at_the_percentage() -> None:
    text = """
[[steps]]
fill = "MODULE_TEXT"
to = 75
[[steps]]
expect = ["failures == 0", "meters.MODULE_TEXT.used * 4 >= range.MODULE_TEXT.size * 3"]
[[steps]]
expect = "meters.MODULE_TEXT.used * 4 < range.MODULE_TEXT.size * 3 + 1M"
"""
    assert run(text, "loongarch", "6.12").passed


def test_repeats_of_repeats_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execmem_tui.scenarios.runner.RUN_LIMIT", 1000)
    inner = '{ repeat = 1000000, steps = [{ say = "x" }] }'
    with pytest.raises(UsageError, match="more than 1,000 steps"):
        run(f"[[steps]]\nrepeat = 1000000\nsteps = [{inner}]\n")


def test_programs_that_share_a_pack_count_as_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by fuzzing: 400,000 programs are 200 allocations, and took ten seconds within
    30,000."""
    monkeypatch.setattr("execmem_tui.scenarios.runner.RUN_LIMIT", 1000)
    with pytest.raises(UsageError, match=r"case.toml:5: more than 1,000 steps"):
        run('[[steps]]\nbpf = "p"\nsize = 64\ncount = 1100\n')


@pytest.mark.parametrize(
    "step", ['alloc = "BPF"\ncount = 60', 'load = "@all"', 'bpf = "p"\ncount = 60']
)
def test_requests_without_end_end(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setattr("execmem_tui.scenarios.state.MAX_REQUESTS", 50)
    with pytest.raises(UsageError, match=r"case.toml:5: more than 50 requests"):
        run(f"[[steps]]\n{step}\n")


def test_faults_as_knobs() -> None:
    found = scenario(
        '[[steps]]\nalloc = "MODULE_TEXT"\ncount = 5\n[[steps]]\nexpect = "failures == 0"\n'
    )

    def turned(**changes: str) -> Outcome:
        return Runner(found, found.settings.changed(changes), with_map=False).run()

    assert turned().counters.fallbacks == 0
    assert turned(force_fallback="on").counters.fallbacks == 5
    assert turned(fail_nth="3").counters.failures == 1
    full = turned(fill="90")
    assert full.counters.failures == 0
    assert full.meters["MODULE_TEXT"]["used"] > 85 * (2 << 30) // 100
    assert full.counters.fallbacks > 5


def test_no_fill_is_endless() -> None:
    with pytest.raises(UsageError, match="would take more than"):
        run('[[steps]]\nfill = "BPF"\nto = 50\n')


def test_interleaving_is_the_seeds() -> None:
    text = """
[[steps]]
concurrently = 6
steps = [
    { vmalloc = "16K", owner = "x" }, { free = "x", count = 1 }, { vmalloc = "64K", owner = "y" },
]
"""

    def order(seed: int) -> list[str]:
        found = read_scenario(
            f'title = "t"\narch = "arm64"\nseed = {seed}\n{text}'.encode(), "case.toml", "case"
        )
        return [event.text for step in Runner(found).play() for event in step.events]

    assert order(1) == order(1)
    assert order(1) != order(2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[steps]]\nfree = "nobody"\n', "nothing was allocated for"),
        ('[[steps]]\nunbpf = "nothing"\n', "nothing is called"),
        ('[[steps]]\nalloc = "FTRACE"\n', "no trampolines on arm64"),
        ('[[steps]]\nreach = "R_X86_64_PC32"\ndistance = 1\n', "has no relocation"),
        ('[[steps]]\nreach = "R_AARCH64_CALL26"\n', "needs origin and target"),
        ('[[steps]]\nexpect = "last.window < 3"\n', "have no order"),
    ],
)
def test_what_cannot_be_done_names_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"case.toml:5: .*{message}"):
        run(text)


def test_stated_ranges_reach_the_types_that_inherit() -> None:
    text = """
[ranges]
MODULE_TEXT = { start = 0xbf000000, end = 0xc0000000, fallback_start = 0, fallback_end = 0 }
[[steps]]
expect = ["range.MODULE_DATA.size == 16M", "range.BPF.fallback_start == 0"]
"""
    assert run(text, "arm").passed
    with pytest.raises(InputError, match="a range cannot be"):
        run("[ranges]\nBPF = { start = 2, end = 1 }\n[[steps]]\nsay = 'x'\n")
    with pytest.raises(InputError, match="power of two"):
        run("[ranges]\nBPF = { alignment = 3 }\n[[steps]]\nsay = 'x'\n")


def test_the_dispatcher_is_made_once_and_struct_ops_come_and_go() -> None:
    text = (
        'title = "x"\narch = "x86"\n[[steps]]\nxdp = 3\n[[steps]]\nstruct_ops = "dctcp"\nmethods ='
        ' 12\nsize = "512"\n[[steps]]\nexpect = ["packs == 1", "last.count == 1", "failures =='
        ' 0"]\n[[steps]]\nunbpf = "dctcp"\n[[steps]]\nstruct_ops = "big"\nsize ='
        ' "8K"\n[[steps]]\nexpect = ["last.count == 0"]\n'
    )
    outcome = Runner(read_scenario(text.encode(), "x.toml", "x")).run()
    assert outcome.passed, outcome.expectations


def test_a_step_that_only_checks_is_no_mark() -> None:
    """Seen in the time strip: ``expect loaded == 148, fallbacks == 0, …`` as the name of a
    moment."""
    found = scenario(
        """
[[steps]]
alloc = "MODULE_TEXT"
[[steps]]
expect = ["areas.MODULE_TEXT == 1"]
"""
    )
    events = [event for step in Runner(found).play() for event in step.events]
    notes = [event for event in events if isinstance(event, Noted)]
    assert [note.mark for note in notes] == [True, False, False]
    assert "expect" in notes[1].message

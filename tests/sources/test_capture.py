"""Real captures.

Owners against the kernel's own records, ranges, honesty where nothing can be known.
"""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from execmem_tui.bundles.phase import Phase, read_phase
from execmem_tui.model.areas import AreaState
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.ranges import ExecmemType, Provenance
from execmem_tui.owners.sections import region_of
from execmem_tui.sources.capture import open_capture, read_capture
from execmem_tui.sources.opening import begins_at_once, open_path, read_path

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
REGIONS = (
    "MOD_TEXT",
    "MOD_DATA",
    "MOD_RODATA",
    "MOD_RO_AFTER_INIT",
    "MOD_INIT_TEXT",
    "MOD_INIT_DATA",
    "MOD_INIT_RODATA",
)
_MODMEM = re.compile(
    r"modmem (\S+) state=\S+ type=(\d)\S* base=(?:0x)?([0-9a-f]+) size=([0-9a-f]+)"
)
_RANGE = re.compile(r"execmem_range (\d) \S+ start=(?:0x)?([0-9a-f]+) end=(?:0x)?([0-9a-f]+)")


@pytest.mark.parametrize("run", ["amd64-7.2.13-kaslr", "arm64-7.2.13-nokaslr"])
def test_every_module_region_has_its_owner(run: str) -> None:
    """modmem is read from the kernel's memory: the ground truth that a user does not have."""
    checked = 0
    for phase in ("0-boot", "1-modules"):
        truth = CAPTURES / run / phase / "truth.gz"
        snapshot = open_capture(CAPTURES / run, phase).history.snapshot()
        for line in gzip.decompress(truth.read_bytes()).decode().splitlines():
            match = _MODMEM.match(line)
            if match is None or int(match[4], 16) == 0:
                continue
            base, size = int(match[3], 16), int(match[4], 16)
            for address in (base, base + size // 2, base + size - 1):
                area = snapshot.area_at(address)
                assert area is not None, line
                assert (area.owner, area.region) == (match[1], REGIONS[int(match[2])]), line
                checked += 1
    assert checked > 900


def test_arm64_ranges_are_those_the_kernel_held() -> None:
    run = CAPTURES / "arm64-7.2.13-nokaslr"
    layout = open_capture(run).history.layout
    truth = gzip.decompress((run / "1-modules" / "truth.gz").read_bytes()).decode()
    for match in _RANGE.finditer(truth):
        entry = layout.range_of(ExecmemType(int(match[1])))
        assert (entry.start, entry.end) == (int(match[2], 16), int(match[3], 16))
        assert entry.provenance is Provenance.DERIVED


def test_a_run_is_one_recording_with_its_phases_as_marks() -> None:
    capture = open_capture(CAPTURES / "amd64-7.2.13-kaslr")
    history = capture.history
    assert history.steps == 4
    phases = [event.text.partition(":")[0] for event in history.events()]
    assert phases == ["0-boot", "1-modules", "4a-bpf-200", "6b-final"]
    alone = open_capture(CAPTURES / "amd64-7.2.13-kaslr" / "1-modules").history.snapshot()
    assert {(area.start, area.owner) for area in history.seek(2).areas} == {
        (area.start, area.owner) for area in alone.areas
    }
    assert history.seek(0).areas == ()


def test_consumers_are_told_apart() -> None:
    snapshot = open_capture(CAPTURES / "amd64-7.2.13-kaslr", "6b-final").history.snapshot()
    types = {area.type for area in snapshot.areas}
    assert {ExecmemType.KPROBES, ExecmemType.FTRACE, ExecmemType.BPF} <= types
    assert all(
        area.type is None
        for area in snapshot.areas
        if (area.caller or "").startswith("kernel_clone")
    )
    assert any(area.state is AreaState.LAZY for area in snapshot.areas)


def test_a_drawn_range_is_bounded_and_says_so() -> None:
    layout = open_capture(CAPTURES / "amd64-7.2.13-kaslr").history.layout
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    truth = gzip.decompress(
        (CAPTURES / "amd64-7.2.13-kaslr" / "1-modules" / "truth.gz").read_bytes()
    ).decode()
    real = {int(match[2], 16) for match in _RANGE.finditer(truth)}
    assert all(0xFFFFFFFFC0000000 < start <= entry.start for start in real)
    assert layout.kaslr == "unknown"
    assert any("KASLR" in note for note in layout.notes)


def test_a_file_without_symbols_claims_nothing() -> None:
    source = open_path(str(CAPTURES / "ppc32-g4" / "vmallocinfo.gz"))
    snapshot = source.history.snapshot()
    assert len(snapshot.areas) > 400
    assert snapshot.layout.arch == "unknown"
    assert all(entry.provenance is Provenance.UNKNOWN for entry in snapshot.layout.types.values())
    assert any("unknown" in note for note in snapshot.layout.notes)
    assert not [area for area in snapshot.areas if area.region is not None]


def test_a_file_that_does_not_tell_may_be_told_its_architecture() -> None:
    path = str(CAPTURES / "ppc32-g4" / "vmallocinfo.gz")
    layout = open_path(path, arch="ppc32").history.layout
    assert (layout.arch, layout.kaslr) == ("powerpc", "n/a")
    assert all(entry.provenance is Provenance.ASSUMED for entry in layout.types.values())


@pytest.mark.parametrize(("name", "word"), [("hashed", "hashed"), ("zeroed", "zeroed")])
def test_hidden_addresses_give_no_map_but_a_reason(name: str, word: str) -> None:
    source = open_path(str(CAPTURES / name / "vmallocinfo.gz"))
    snapshot = source.history.snapshot()
    assert snapshot.areas == ()
    assert any(word in note and "kptr_restrict" in note for note in snapshot.layout.notes)


def test_unknown_phases_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        open_capture(CAPTURES / "amd64-7.2.13-kaslr", "9-nothing")
    with pytest.raises(InputError):
        open_path(str(tmp_path))
    with pytest.raises(InputError):
        open_path(str(tmp_path / "missing"))


@pytest.mark.parametrize(
    ("section", "region"),
    [
        (".text.unlikely", "MOD_TEXT"),
        (".init.text", "MOD_INIT_TEXT"),
        (".data..ro_after_init", "MOD_RO_AFTER_INIT"),
        (".data..read_mostly", "MOD_DATA"),
        (".symtab", "MOD_INIT_DATA"),
        (".rodata.str1.8", "MOD_RODATA"),
        ("__something_new", None),
    ],
)
def test_section_names_tell_regions(section: str, region: str | None) -> None:
    assert region_of(section) == region


def test_an_area_named_twice_comes_and_goes_as_often(tmp_path: Path) -> None:
    """Found by fuzzing: what a phase names twice went twice, though it had come once."""
    line = "0xc0000000-0xc0011000   69632 load_module+0x14/0x64 pages=16 vmalloc\n"
    other = "0xc0100000-0xc0102000    8192 ioremap+0x14/0x64 phys=0x10000000 ioremap\n"
    for phase, text in (("0", line), ("1", line * 2 + other), ("2", other), ("3", line + other)):
        (tmp_path / phase).mkdir()
        (tmp_path / phase / "vmallocinfo").write_text(text)
    history = open_path(str(tmp_path), arch="armhf").history
    counts = [len(history.seek(step).areas) for step in range(1, 5)]
    assert counts == [1, 3, 1, 2]


def folders_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of each phase folder as it is read."""
    found: list[str] = []

    def reading(folder: Path) -> Phase:
        found.append(folder.name)
        return read_phase(folder)

    monkeypatch.setattr("execmem_tui.sources.capture.read_phase", reading)
    return found


def test_of_a_run_the_phase_that_is_shown_is_read_alone_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = CAPTURES / "amd64-7.2.13-kaslr"
    read = folders_read(monkeypatch)
    reading = read_path(str(run))
    first = next(reading)
    assert read == ["6b-final"]
    assert first.part
    assert first.source is not None
    assert first.source.title == "amd64-7.2.13-kaslr 6b-final"
    later = list(reading)
    assert read == ["6b-final", "0-boot", "1-modules", "4a-bpf-200"]
    assert [each.source for each in later[:-1]] == [None] * 3
    assert [each.fraction for each in later] == [0.4, 0.6, 0.8, 1.0]
    whole = later[-1].source
    assert whole is not None
    assert not later[-1].part
    assert whole.title == "amd64-7.2.13-kaslr"
    end = whole.history.snapshot().areas
    assert [area.start for area in end] == [
        area.start for area in first.source.history.snapshot().areas
    ]


def test_each_step_of_a_run_read_in_parts_is_that_of_the_run_read_at_once() -> None:
    for name in ("amd64-7.2.13-kaslr", "arm64-7.2.13-nokaslr"):
        run = str(CAPTURES / name)
        *_, last = read_path(run)
        assert last.source is not None
        parts, once = last.source.history, open_path(run).history
        assert parts.layout == once.layout
        assert parts.events() == once.events()
        for step in range(once.steps + 1):
            assert parts.seek(step).areas == once.seek(step).areas


def test_a_run_that_is_read_at_once_makes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    read = folders_read(monkeypatch)
    run = CAPTURES / "amd64-7.2.13-kaslr"
    assert [each.part for each in read_capture(run)] == [False] * 4
    assert read == ["6b-final", "0-boot", "1-modules", "4a-bpf-200"]
    assert open_path(str(run), phase="1-modules").history.steps == 1
    assert read[4:] == ["1-modules"]


def test_what_is_small_is_begun_before_the_first_paint(tmp_path: Path) -> None:
    run = CAPTURES / "amd64-7.2.13-kaslr"
    assert begins_at_once([str(run)])
    assert begins_at_once([str(run)], "1-modules")
    assert begins_at_once([str(run / "1-modules")])
    assert not begins_at_once([str(run)], "no such phase")
    assert not begins_at_once([str(run), str(run)])
    assert not begins_at_once(["-"])
    assert not begins_at_once([str(tmp_path)])
    assert not begins_at_once([str(CAPTURES / "ppc32-g4" / "vmallocinfo.gz")])
    phase = tmp_path / "phase"
    phase.mkdir()
    (phase / "vmallocinfo").write_bytes(b"")
    assert begins_at_once([str(phase)])
    (phase / "kallsyms").write_bytes(bytes(1 << 18))
    assert begins_at_once([str(phase)])
    (phase / "kallsyms").write_bytes(bytes((1 << 18) + 1))
    assert not begins_at_once([str(phase)])


def test_a_folder_is_read_without_what_archives_and_traces_need() -> None:
    """Half of the time to the first frame of a capture is imports."""
    program = (
        "import sys; from execmem_tui.sources.opening import read_path;"
        f" next(read_path({str(CAPTURES / 'amd64-7.2.13-kaslr' / '1-modules')!r}));"
        " print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    spared = {"zipfile", "hashlib", "json", "execmem_tui.formats.pasted"}
    spared |= {"execmem_tui.formats.manifest", "execmem_tui.bundles.trace_run"}
    assert not spared & set(done.stdout.split())

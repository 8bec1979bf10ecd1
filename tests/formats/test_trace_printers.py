"""The same real events as tracefs, trace-cmd report and perf script print them: all read alike."""

import lzma
import re
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from execmem_tui.formats.trace import (
    TraceReader,
    looks_like_trace,
    parse_trace,
)
from execmem_tui.formats.trace_event import (
    Alloc,
    Event,
    Free,
    Lost,
    Other,
    Purge,
    TraceLine,
    full,
)
from execmem_tui.formats.trace_parser import (
    LineParser,
)
from execmem_tui.model.errors import InputError

TRACES = Path(__file__).parents[1] / "data" / "traces"
_TRACEFS = re.compile(r"\s*(.+)-(\d+)\s+\[(\d+)\] (\S+)\s+(\d+)\.(\d+): (\w+): (.*)")
_CUT = re.compile(r"(?:alloc_vmap_area|free_vmap_area_noflush|purge_vmap_area_lazy)\S*\Z")
_COMMS = {"lab": "Web Content", "insmod": "kworker/0:1-ev", "init": "<...>", "rmmod": ":4711"}
"""Names as they are met: with a blank, with a dash, forgotten by the tracer, unknown to perf."""


def events() -> list[tuple[str, ...]]:
    lines = (
        lzma.decompress((TRACES / "armhf-6.12.107" / "trace.txt.xz").read_bytes())
        .decode()
        .splitlines()
    )
    found = [match.groups() for line in lines if (match := _TRACEFS.fullmatch(line))]
    return [(_COMMS.get(task, task), *rest) for task, *rest in islice(found, 0, 4000, 3)]


def tracefs(event: tuple[str, ...]) -> str:
    task, pid, cpu, flags, seconds, micro, name, rest = event
    return f"{task:>16}-{pid:<7} [{cpu}] {flags} {int(seconds):5}.{micro}: {name}: {rest}"


def tracefs_tgid(event: tuple[str, ...]) -> str:
    task, pid, cpu, flags, seconds, micro, name, rest = event
    tgid = "-----" if int(pid) < 100 else pid
    return (
        f"{task:>16}-{pid:<7} ({tgid:>7}) [{cpu}] {flags} {int(seconds):5}.{micro}: {name}: {rest}"
    )


def trace_cmd(event: tuple[str, ...]) -> str:
    task, pid, cpu, _, seconds, micro, name, rest = event
    return f"{task:>16}-{pid:<5} [{cpu}] {int(seconds):5}.{micro}: {name + ':':<20} {rest}"


def trace_cmd_flags(event: tuple[str, ...]) -> str:
    task, pid, cpu, flags, seconds, micro, name, rest = event
    return f"{task:>16}-{pid:<5} [{cpu}] {flags} {int(seconds):5}.{micro}: {name + ':':<20} {rest}"


def trace_cmd_nanoseconds(event: tuple[str, ...]) -> str:
    task, pid, cpu, flags, seconds, micro, name, rest = event
    return (
        f"{task:>16}-{pid:<5} [{cpu}] {flags} {int(seconds):5}.{micro}000: {name + ':':<20} {rest}"
    )


def perf(event: tuple[str, ...]) -> str:
    task, pid, cpu, _, seconds, micro, name, rest = event
    return (
        f"{task:>16} {pid:>6} [{cpu}] {int(seconds):5}.{micro}: {'vmalloc:' + name + ':':>24}"
        f" {rest}"
    )


def perf_tid(event: tuple[str, ...]) -> str:
    task, pid, cpu, _, seconds, micro, name, rest = event
    return (
        f"{task:>16} {pid:>6}/{pid:<6} [{cpu}] {int(seconds):5}.{micro}:"
        f" {'vmalloc:' + name + ':':>24} {rest}"
    )


PRINTERS = (
    tracefs,
    tracefs_tgid,
    trace_cmd,
    trace_cmd_flags,
    trace_cmd_nanoseconds,
    perf,
    perf_tid,
)


def read(lines: list[str]) -> list[TraceLine]:
    return list(parse_trace("t", enumerate(lines, 1)))


@pytest.mark.parametrize("printer", PRINTERS)
def test_a_printer_changes_nothing(printer: object) -> None:
    assert callable(printer)
    told = events()
    found = read([printer(event) for event in told])
    assert len(found) == len(told) > 1000
    for line, (task, pid, cpu, _, seconds, micro, name, rest) in zip(found, told, strict=True):
        assert isinstance(line, Alloc | Free | Purge | Other)
        assert (line.task, line.cpu) == (f"{task}-{pid}", int(cpu))
        assert line.time == float(f"{seconds}.{micro}")
        if name == "alloc_vmap_area":
            assert isinstance(line, Alloc)
            assert (
                f"va_start: {line.start} size={line.size} align={line.align}"
                f" vstart=0x{line.vstart:x}" in rest
            )
        elif name == "free_vmap_area_noflush":
            assert isinstance(line, Free)
            assert f"va_start=0x{line.start:x} nr_lazy={line.nr_lazy} " in rest
        elif name == "purge_vmap_area_lazy":
            assert isinstance(line, Purge)
            assert f"end=0x{line.end:x} num_purged={line.purged}" in rest
        else:
            assert isinstance(line, Other)
            assert line.name == name


def one_by_one(lines: list[str]) -> list[TraceLine]:
    """What lines say to a parser that never saw any other."""
    return [
        each
        for number, line in enumerate(lines, 1)
        for each in LineParser("t", native=True).take(number, line)
    ]


@pytest.mark.parametrize("printer", [*PRINTERS, None])
def test_blocks_of_lines_say_what_each_says_alone(printer: object) -> None:
    """Columns are learned from some lines; of others they say nothing."""
    random, told = Random(1), events()
    lines = []
    for event in told:
        each = printer or random.choice(PRINTERS)  # all mixed, where it is none
        assert callable(each)
        text = each(event)
        if random.random() < 0.05:  # a name that is too long for its column, a clock of 10^6 s
            text = random.choice(
                (f"{'x' * 12}{text}", re.sub(r" (\d+\.)", r" 1000\1", text, count=1))
            )
        lines.append(random.choice((text, text, text, "", "#", "x: 1", f"{text} ", text[:40])))
    lines = [line for line in lines if not _CUT.search(line)]
    reader, number = TraceReader("t", native=True), 1
    found: list[Event] = []
    while number <= len(lines):
        block = lines[number - 1 : number + random.randint(1, 200)]
        assert reader.read(number, "".join(f"{line}\n" for line in block), found) == len(block)
        number += len(block)
    assert [full(event) for event in found] == one_by_one(lines)
    assert len(found) > 500


@pytest.mark.parametrize("printer", PRINTERS)
def test_what_printers_put_around_events_is_passed_over(printer: object) -> None:
    assert callable(printer)
    head = [
        "cpus=2",
        "trace.dat: version = 7",
        "CPU 1 is empty",
        "# ========",
        "# captured on    : Mon",
        "#",
        "",
    ]
    lines = [*head, *(printer(event) for event in events()[:200])]
    assert looks_like_trace(enumerate(lines, 1))
    assert len(read(lines)) == 200


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("CPU:1 [LOST 17 EVENTS]", 17),
        ("CPU:1 [LOST EVENTS]", 1),
        ("CPU:3 [17 EVENTS DROPPED]", 17),
        ("CPU:3 [EVENTS DROPPED]", 1),
        ("         swapper      0 [000]   123.456789: PERF_RECORD_LOST id:7: lost:17", 17),
        ("PERF_RECORD_LOST_SAMPLES lost 4", 4),
    ],
)
def test_every_way_to_say_that_events_were_lost(line: str, count: int) -> None:
    assert read([line]) == [Lost(1, count)]


@pytest.mark.parametrize("printer", PRINTERS)
def test_an_event_that_is_cut_or_run_into_another_names_its_line(printer: object) -> None:
    assert callable(printer)
    allocs = [event for event in events() if event[6] == "alloc_vmap_area"]
    one, other = printer(allocs[0]), printer(allocs[1])
    for broken in (one[:-30], one[: len(one) // 2 + 20] + other):
        if "alloc_vmap_area: " not in re.sub(r"\s+", " ", broken):
            continue
        with pytest.raises(InputError, match="t:2: "):
            read([other, broken])

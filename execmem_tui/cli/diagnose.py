"""``execmem-tui diagnose``: why an allocation failed.

Logs tell what was asked and refused, a capture of the same machine who had the space.
"""

import argparse
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from execmem_tui.analysis.diagnosis.asker import AskerKind
from execmem_tui.analysis.diagnosis.diagnose import Diagnosis, Log, read_log
from execmem_tui.analysis.diagnosis.documents import FindingsDocument, finding_document
from execmem_tui.analysis.diagnosis.finding import Finding
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.failure_log import parse_failures
from execmem_tui.formats.failures import Form
from execmem_tui.model.errors import InputError, KernelLogError
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.text import printable
from execmem_tui.model.units import format_size
from execmem_tui.sources.base import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENTS = (FindingsDocument,)
HELP = "why an allocation failed: who asked, how much, where, and what would have fitted"
_STDIN = "-"
_LIVE = "live"
_WIDTH = 100
_ASKERS = {
    AskerKind.MODULE_LOADER: "the module loader",
    AskerKind.MODULE_FILE: "the buffer for a module's file",
    AskerKind.MODULE_INIT: "a module's own code",
    AskerKind.BPF: "BPF",
    AskerKind.KPROBES: "kprobes",
    AskerKind.FTRACE: "ftrace",
    AskerKind.IOREMAP: "ioremap",
    AskerKind.PERCPU: "the percpu allocator",
    AskerKind.STACK: "a kernel stack",
    AskerKind.VMALLOC: "a caller of vmalloc",
    AskerKind.UNKNOWN: "unknown: no call trace",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add FILE… and --json."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help=(
            "kernel logs and captures of one machine in any order (a vmallocinfo, a folder, a"
            " bundle, a sosreport); - for standard input; live: the running kernel"
        ),
    )
    parser.add_argument("--arch", help="architecture, where the files do not tell it")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.epilog = "Exit code 1: a failure was found, 0: none, 2: nothing that can be read."


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 if there are any."""
    logs, snapshot = _read(args.files, args.arch)
    diagnosis = Diagnosis(snapshot)
    found = [each for log in logs for each in diagnosis.findings(log)]
    if args.json:
        write_json(FindingsDocument(findings=[finding_document(each) for each in found]))
    else:
        write_lines(_text(found))
    return 1 if found else 0


def _read(names: list[str], arch: str | None) -> tuple[list[Log], Snapshot | None]:
    """Return the logs among the files and the snapshot of the last capture."""
    logs: list[Log] = []
    snapshot: Snapshot | None = None
    for name in names:
        if name == _STDIN:
            from execmem_tui.bundles.text_folder import decoded_lines, spooled

            with spooled(name) as file:
                logs.append(read_log("stdin", decoded_lines(file)))
            continue
        path = Path(name)
        if name != _LIVE and path.is_file() and _is_log(path):
            logs.append(read_log(name, read_lines(path)))
            continue
        try:
            source = _opened(name, arch)
        except KernelLogError:  # one that tells of no failure
            logs.append(read_log(name, read_lines(path)))
            continue
        snapshot = source.history.snapshot()
        logs.extend(_logs_of(name, path))
    return logs, snapshot


def _is_log(path: Path) -> bool:
    """Whether a file holds a failure message; frames and notes alone are in any text."""
    # areas have words of frames in every line
    lines = (line for line in read_lines(path) if not line[1].startswith("0x"))
    try:
        return any(each.form is not Form.NOTE for each in parse_failures(lines))
    except InputError:
        return False  # an archive or another file that is no text: the opener says what it is


def _opened(name: str, arch: str | None) -> Source:
    from execmem_tui.sources.opening import open_path  # 40 ms that a log alone does not need

    return open_path(name, arch=arch)


def _logs_of(name: str, path: Path) -> Iterator[Log]:
    """Yield the logs that lie with a capture, and the running kernel's own."""
    from execmem_tui.kernel.proc_tree import find_near

    if name == _LIVE:
        from execmem_tui.bundles.collector import kernel_log

        yield read_log("/dev/kmsg", enumerate(kernel_log(Path("/dev/kmsg")), 1))
        return
    if not path.is_dir():
        return
    found = find_near(path, "dmesg") or find_near(path / "proc", "dmesg")
    if found is not None:
        yield read_log(str(found), read_lines(found))


def _text(found: list[Finding]) -> Iterator[str]:
    if not found:
        yield "no message about executable memory or vmalloc space in these files"
    for number, each in enumerate(found):
        if number:
            yield ""
        yield from _finding_text(each)


def _finding_text(finding: Finding) -> "Iterable[str]":
    judged = finding.judgement
    times = "" if finding.times == 1 else f", {finding.times} times"
    if finding.suppressed:
        times += f" and {finding.suppressed:,} more that the rate limit swallowed"
    yield f"{printable(finding.file, 200)}:{finding.line}: {finding.message}{times}"
    yield from _row("verdict", judged.verdict.value)
    asker = _ASKERS[finding.asker.kind]
    if finding.asker.name is not None:
        asker += f" ({finding.asker.name})"
    yield from _row("asked by", asker)
    yield from _row("size", _size(finding))
    if finding.start is not None and finding.end is not None:
        width = format_size(finding.end - finding.start)
        name = "" if finding.range_name is None else f", the {finding.range_name}"
        yield from _row("range", f"{finding.start:x}-{finding.end:x}, {width}{name}")
    if finding.relocation is not None and finding.relocation.place is not None:
        told = finding.relocation
        yield from _row("from, to", f"{told.place:x} -> {told.target or 0:x} ({told.type})")
    machine = [finding.arch or "", finding.kernel or "", finding.era or ""]
    yield from _row("kernel", " · ".join(each for each in machine if each))
    for sentence in judged.evidence:
        yield from _row("because", sentence)
    yield from _row("remedy", judged.remedy)
    yield from _row("collect", "; ".join(judged.collect))


def _size(finding: Finding) -> str:
    told = []
    if finding.requested is not None:
        told.append(f"{finding.requested:,} bytes asked")
    if finding.padded is not None:
        told.append(f"{finding.padded:,} with padding and guard page")
    if finding.page_size is not None and told:
        told.append(f"pages of {format_size(finding.page_size)}")
    return ", ".join(told)


def _row(head: str, text: str) -> list[str]:
    if not text:
        return []
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"  {head:<9} ",
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )

"""Replay of op scripts.

The allocator against the addresses that the kernels' own routines returned.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from execmem_tui.analysis.layout_documents import rules_document
from execmem_tui.analysis.op_machine import DivergedError, OpReplay
from execmem_tui.analysis.verify_documents import (
    FirstDifferenceDocument,
    VerifyDocument,
    counts,
)
from execmem_tui.files.opscript import OpScript
from execmem_tui.model.documents import plain
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import Rules

_UNCHECKED = ("cpu", "knobs", "range")


@frozen(kw_only=True)
class Mismatch:
    """One row whose result differs."""

    line: int
    row: str
    expected: Any
    predicted: Any


@frozen(kw_only=True)
class OpScriptResult:
    """What a replay found. Every row that states a result counts, and is certain."""

    source: str
    rows: int
    checked: int
    exact: int
    classes: dict[str, tuple[int, int]]
    """Row kind -> (checked, exact)."""
    windows: dict[str, tuple[int, int]]
    """``start-end`` of the requested window -> (checked, exact)."""
    first_difference: Mismatch | None
    rules: Rules

    def document(self) -> dict[str, Any]:
        """Return the JSON document of ``verify`` without its ``schema`` key."""
        missed = {
            name: checked - exact
            for name, (checked, exact) in self.classes.items()
            if checked != exact
        }
        first = self.first_difference
        document: dict[str, Any] = plain(
            VerifyDocument(
                source=self.source,
                checked=self.checked,
                exact=self.exact,
                certain=self.checked,
                certain_exact=self.exact,
                unexplained=self.checked - self.exact,
                classes=counts(self.classes),
                causes={f"unexplained: {name}": count for name, count in missed.items()},
                windows=counts(self.windows),
                rules=rules_document(self.rules, None),
                first_difference=None
                if first is None
                else FirstDifferenceDocument(
                    where=f"line {first.line}: {first.row}",
                    expected=_shown(first.expected),
                    predicted=_shown(first.predicted),
                ),
            )
        )
        return document


def is_opscript(path: Path) -> bool:
    """Whether a path is named like an op script."""
    return not path.is_dir() and path.name.removesuffix(".gz").endswith(".jsonl")


def _shown(value: Any) -> Any:
    if isinstance(value, int) and value > 0xFFFFFF:
        return hex(value)
    if isinstance(value, tuple | list):
        return [_shown(item) for item in value]
    return value


def _window_name(replay: OpReplay, row: list[Any]) -> str | None:
    kind = row[0]
    if kind in ("exec_alloc", "exec_alloc_rw"):
        entry = replay.execmem.ranges.get(row[2])
        return None if entry is None else f"{entry.start:x}-{entry.end:x}"
    index = {"area": 4, "vmalloc": 4, "vmarea": 5}.get(kind)
    if index is None or row[index] >= len(replay.header.windows):
        return None
    start, end = replay.header.windows[row[index]]
    return f"{start:x}-{end:x}"


_RESULTS = {"release": 2, "vfree": 2, "purge": 2, "works": 2, "free_list": 2, "cache": 2}


def replay_opscript(path: str) -> OpScriptResult:
    """Perform every row of the script at `path` and compare.

    Raises:
        InputError: it is not a sound op script.
    """
    with OpScript(path) as script:
        score = _Score(OpReplay(path, script.header))
        for line, row in script.rows():
            score.perform(line, row)
    return score.result(path)


class _Score:
    """Counts while a script is performed."""

    def __init__(self, replay: OpReplay) -> None:
        self._replay = replay
        self._checked: Counter[str] = Counter()
        self._exact: Counter[str] = Counter()
        self._windows: dict[str, tuple[int, int]] = {}
        self._first: Mismatch | None = None
        self._rows = 0

    def perform(self, line: int, row: list[Any]) -> None:
        """Perform one row and compare what it states."""
        replay, kind = self._replay, row[0]
        replay.line = line
        self._rows += 1
        if kind in _UNCHECKED:
            replay.perform[kind](*row[1:])
            return
        replay.count_passed()
        results = _RESULTS.get(kind, 1)
        name = _window_name(replay, row)
        try:
            predicted = replay.perform[kind](*row[1:-results])
        except DivergedError:
            predicted = None
        expected = row[-1] if results == 1 else tuple(row[-results:])
        good = predicted == expected
        self._checked[kind] += 1
        self._exact[kind] += good
        if name is not None:
            before = self._windows.get(name, (0, 0))
            self._windows[name] = (before[0] + 1, before[1] + good)
        if not good and self._first is None:
            self._first = Mismatch(
                line=line, row=str(row)[:200], expected=expected, predicted=predicted
            )

    def result(self, path: str) -> OpScriptResult:
        """Return what was found."""
        return OpScriptResult(
            source=path,
            rows=self._rows,
            checked=self._checked.total(),
            exact=self._exact.total(),
            classes={kind: (self._checked[kind], self._exact[kind]) for kind in self._checked},
            windows=self._windows,
            first_difference=self._first,
            rules=self._replay.rules,
        )

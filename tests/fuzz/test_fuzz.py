"""A bounded run of the fuzzer, and that it would find what it looks for."""

import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import __main__ as fuzzer
from tests.fuzz.cases import CASES, Ended, FoundError, check
from tests.fuzz.mutate import change

SEED = 1
CASES_IN_CI = 400
"""About twenty seconds."""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count memory from here: hundreds of other tests have run in this process."""
    monkeypatch.setattr(fuzzer, "_BEFORE", fuzzer._peak())


def test_nothing_is_found() -> None:
    assert list(fuzzer.fuzz(SEED, cases=CASES_IN_CI)) == []


def test_a_case_is_drawn_from_its_number_alone() -> None:
    assert change(b"some text 123\n", Random("1/2")) == change(b"some text 123\n", Random("1/2"))
    assert fuzzer.run_case(3, 5) == fuzzer.run_case(3, 5)


@pytest.mark.parametrize(
    ("arguments", "ended", "what"),
    [
        ([], Ended(70, "", "a fault"), "exit code 70: a fault"),
        ([], Ended(0, "\x1b[2J", ""), "on stdout"),
        ([], Ended(0, "", "a\u202eb"), "on stderr"),
        ([], Ended(2, "", ""), "without a word"),
        (["--json"], Ended(0, '{"a": NaN}', ""), "NaN is no JSON"),
    ],
)
def test_it_sees(arguments: list[str], ended: Ended, what: str) -> None:
    with pytest.raises(FoundError, match=what):
        check(arguments, ended)


def test_it_sees_errors_hangs_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Random, __: Path) -> None:
        raise ZeroDivisionError

    def endless(_: Random, __: Path) -> None:
        while True:
            pass

    monkeypatch.setitem(CASES, "lines", (1, broken))
    assert "ZeroDivisionError" in fuzzer.run_case(0, 0, "lines")[1]
    monkeypatch.setattr(fuzzer, "CPU", 0.05)
    monkeypatch.setitem(CASES, "lines", (1, endless))
    assert "of CPU" in fuzzer.run_case(0, 0, "lines")[1]
    monkeypatch.setitem(CASES, "lines", (1, lambda _, __: None))
    assert fuzzer.run_case(0, 0, "lines")[1] == ""
    monkeypatch.setattr(fuzzer, "memory", lambda: sys.maxsize)
    assert "MiB of memory" in fuzzer.run_case(0, 0, "lines")[1]

"""``python -m tests.fuzz --seconds N --seed S``: inputs without end, and what must not be.

Checked of each: no uncaught error, no other exit code than 0, 1 and 2, under 10 s of CPU, no
control character on stdout or stderr, valid JSON, and of all together under 1 GiB of memory. A case
is drawn from the seed and its number alone: ``--case K`` makes it again.
"""

import argparse
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from types import FrameType
from typing import Final

from tests.fuzz.cases import CASES, FoundError

CPU: Final = 10
"""Seconds of CPU that one input may take."""
MEMORY: Final = 1 << 30
_TOLD: Final = 50_000
"""After so many cases a long run says how many there were."""


class HangError(BaseException):
    """A case used up its CPU time; no handler of the product may catch it."""


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise HangError


@contextmanager
def limited() -> Iterator[None]:
    """Let what is inside take `CPU` seconds of this process and no more.

    Raises:
        HangError: it took more.
    """
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, CPU)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


_BEFORE = _peak()
"""Other tests of the same process may have taken much before the first case."""


def memory() -> int:
    """Return the most bytes that the process took, beyond what it had when the fuzzer was
    imported."""
    return _peak() - _BEFORE


@cache
def _root() -> tempfile.TemporaryDirectory[str]:
    """Return the folder of all cases, in memory where there is such a place."""
    memory_place = Path("/dev/shm")  # noqa: S108 - a folder of its own name is made in it
    return tempfile.TemporaryDirectory(dir=memory_place if memory_place.is_dir() else None)


@contextmanager
def _place() -> Iterator[Path]:
    """Yield an empty folder. It is made anew only after a case that used it."""
    place = Path(_root().name) / "case"
    place.mkdir(exist_ok=True)
    yield place
    if any(place.iterdir()):
        shutil.rmtree(place)


def run_case(seed: int, number: int, only: str | None = None) -> tuple[str, str]:
    """Run one case; return its kind, and what is wrong or ""."""
    random = Random(f"{seed}/{number}")
    names = [only] if only else list(CASES)
    kind = random.choices(names, [CASES[name][0] for name in names])[0]
    with _place() as place:
        try:
            with limited():
                CASES[kind][1](random, place)
        except HangError:
            return kind, "more than 10 s of CPU\n" + traceback.format_exc()
        except FoundError as error:
            return kind, str(error)
        except Exception:  # noqa: BLE001 - whatever it is, it is what this looks for
            return kind, traceback.format_exc()
    if memory() > MEMORY:
        return kind, f"{memory() >> 20} MiB of memory"
    return kind, ""


def fuzz(seed: int, *, cases: int | None = None, seconds: float | None = None) -> Iterator[str]:
    """Yield what was found, one text for each case that something is wrong with."""
    start = time.monotonic()
    counts: Counter[str] = Counter()
    number = 0
    try:
        while (cases is None or number < cases) and (
            seconds is None or time.monotonic() - start < seconds
        ):
            kind, wrong = run_case(seed, number)
            counts[kind] += 1
            number += 1
            if wrong:
                yield f"--seed {seed} --case {number - 1} ({kind})\n{wrong}"
            if number % _TOLD == 0:
                _tell(counts)
    finally:  # a long run that is interrupted says how far it came
        _tell(counts)


def _tell(counts: Counter[str]) -> None:
    said = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    sys.stderr.write(f"{counts.total()} cases ({said}), {memory() >> 20} MiB at most\n")


def main() -> int:
    """Fuzz; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, help="so many, however long they take")
    parser.add_argument("--case", type=int, help="this one again")
    args = parser.parse_args()
    if args.case is not None:
        kind, wrong = run_case(args.seed, args.case)
        sys.stdout.write(f"{kind}: {wrong or 'good'}\n")
        return bool(wrong)
    seconds = None if args.cases is not None else args.seconds
    found = 0
    for text in fuzz(args.seed, cases=args.cases, seconds=seconds):
        found += 1
        sys.stdout.write(text.rstrip() + "\n\n")
        sys.stdout.flush()
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

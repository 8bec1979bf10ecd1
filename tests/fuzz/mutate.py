"""Changes to bytes, drawn from a seed:
small ones that parsers half believe, and large ones that cost."""

import bz2
import gzip
import lzma
import re
from collections.abc import Callable
from random import Random
from typing import Any, Final

import zstandard

from tests.test_hostile import mutated

TOKENS: Final = (
    b"0", b"-1", b"9" * 19, b"9" * 25, b"9" * 4400, b"0x" + b"f" * 16, b"0x" + b"f" * 300,
    b"18446744073709551615", b"18446744073709551616", b"4096", b"4095", b"1", b"1e999", b"nan",
    b"inf", b"true", b'""', b"[]", b"{}", b"null", b"''", b"_", b".", b"=", b"\t", b"\x00",
    b"\x1b]0;x\x07", b"\x1b[2J", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xc2\x85", b"\xff\xfe",
    b"\xf0\x9f\x92\xa9", b"%s%n", b"../..", b"~", b"-" * 300, b"[" * 3000, b"{" * 3000,
    b"(" * 3000, b"a." * 3000, b"x = " * 50, b"\n[[steps]]\n", b"\n# tracer: nop\n", b"\r\n",
    b"\xe2\x80\xa8", b"\xe2\x81\xa6", b"\xc2\x9b31m", b"\xed\xa0\x80", b"\xe1\xa0\x8e",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"0" * 30 + b"1",
    b"1_0", b"+1", b"0b1", b"0o7", b"1.5.5", b"\xd9\xa3", b"\xc2\xb2", b"1" + b"0" * 310 + b".5",
)  # fmt: skip
_WORD: Final = re.compile(rb"([\s,=:<>+/-]+)")
_SECTION: Final = re.compile(rb"(?m)(?=^\[|^$|^# tracer|^\[ *0\.0{6}\])")
_NUMBER: Final = re.compile(rb"0x[0-9a-f]+|[0-9a-f]{8,16}|[0-9]+")
_PACKERS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: gzip.compress(data, 1, mtime=0),
    lambda data: lzma.compress(data, preset=0),
    bz2.compress,
    lambda data: zstandard.ZstdCompressor(level=1).compress(data),
)
_MOST: Final = 1 << 20
"""Bytes of an input before it is packed; tests of the bounds have larger ones."""
_LONGEST: Final = (1 << 16) - 100
"""Bytes of a line that is still read."""


def _numbers(data: bytes, random: Random) -> bytes:
    """Put other numbers in the place of some."""
    places = list(_NUMBER.finditer(data[: 1 << 16]))
    for place in sorted(
        random.sample(places, min(len(places), random.randint(1, 4))),
        key=lambda each: -each.start(),
    ):
        new = random.choice(TOKENS[:14])
        if random.random() < 0.5:
            digits = place[0].removeprefix(b"0x")
            near = int(digits, 16) + random.choice((-1, 1, 4095, 4096, -4096, 1 << 32, 1 << 60))
            new = b"%x" % (near % (1 << 64))
        data = data[: place.start()] + new + data[place.end() :]
    return data


def _lines(data: bytes, random: Random) -> bytes:
    """Swap, repeat, drop or shuffle whole lines."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            lines[at:at] = [lines[at]] * _times(lines[at], random.choice((2, 50, 3000)))
        case 1:
            random.shuffle(lines)
        case 2:
            del lines[at : at + random.randint(1, 20)]
        case 3:
            lines.insert(random.randrange(len(lines)), lines[at])
        case _:
            lines[at] *= _times(lines[at], random.choice((2, 10, 2000)))
    return b"\n".join(lines)


def _times(line: bytes, wanted: int) -> int:
    """Return how often a line may be repeated: the fuzzer's own memory is not to be measured."""
    return max(1, min(wanted, _MOST // (len(line) + 1)))


def _token(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    to = at + random.choice((0, 0, 1, 8, 40))
    return data[:at] + random.choice(TOKENS) + data[to:]


def _words(data: bytes, random: Random) -> bytes:
    """Swap two words of a line with words of another, or repeat one."""
    words = _WORD.split(data[: 1 << 16])
    at, other = random.randrange(len(words)), random.randrange(len(words))
    words[at] = random.choice((words[other], words[at] * 2, b"", random.choice(TOKENS)))
    return b"".join(words) + data[1 << 16 :]


def _sections(data: bytes, random: Random) -> bytes:
    """Repeat or move whole sections: tables of TOML, blank-line blocks, sections of a log."""
    parts = _SECTION.split(data)
    at = random.randrange(len(parts))
    match random.randrange(3):
        case 0:
            parts[at:at] = [parts[at]] * _times(parts[at], random.choice((1, 3, 200)))
        case 1:
            parts.insert(random.randrange(len(parts) + 1), parts.pop(at))
        case _:
            del parts[at]
    return b"".join(parts)


def _nested(data: bytes, random: Random) -> bytes:
    """Put a word into many brackets."""
    at = random.randrange(len(data) + 1)
    to = min(len(data), at + random.randint(0, 12))
    opening, closing = random.choice(((b"[", b"]"), (b"{a=", b"}"), (b"(", b")"), (b"-", b"")))
    depth = random.choice((2, 40, 2000))
    return data[:at] + opening * depth + data[at:to] + closing * depth + data[to:]


def _encoded(data: bytes, random: Random) -> bytes:
    text = data[:4000].decode("utf-8", "replace")
    return text.encode(
        random.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1")), "replace"
    )


def pumped(data: bytes, random: Random) -> bytes:
    """Make one character of a line, or a blank in it, as long as a line may be."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    line = lines[at][:2000]
    place = random.randrange(len(line) + 1)
    char = random.choice((line[place : place + 1] or b"0", b" ", b"0", b"f", b"("))
    lines[at] = line[:place] + char * (_LONGEST - len(line)) + random.choice((line[place:], b"!"))
    return b"\n".join(lines)


def amplified(data: bytes, random: Random) -> bytes:
    """Make very many lines of one or two, whose numbers step in time."""
    lines = [line for line in data.split(b"\n") if line] or [b"0"]
    chosen = [random.choice(lines)[:300] for _ in range(random.randint(1, 2))]
    steps = [random.choice((0, 0, 1, 4096, 8192, 1 << 21)) for _ in range(8)]
    if random.random() < 0.5:
        steps = [random.choice((0, 4096, 8192))] * 8
    made = []
    for number in range(random.choice((300, 3000, 12_000))):
        line, round_ = chosen[number % len(chosen)], number // len(chosen)
        numbers = iter(range(1 << 30))

        def stepped(found: re.Match[bytes], times: int = round_, each: Any = numbers) -> bytes:
            digits = found[0].removeprefix(b"0x")
            base = 16 if digits != found[0] or len(digits) >= 8 else 10
            head = found[0][: len(found[0]) - len(digits)]
            value = (int(digits, base) + steps[next(each) % 8] * times) % (1 << 64)
            return head + (b"%0*x" % (len(digits), value) if base == 16 else b"%d" % value)

        made.append(_NUMBER.sub(stepped, line))
    if random.random() < 0.2:
        random.shuffle(made)
    return b"\n".join(made)[:_MOST] + b"\n"


_WAYS: Final = (
    *(mutated,) * 3,
    *(_numbers, _token, _words) * 2,
    *(_lines, _sections, _nested),
)


def change(data: bytes, random: Random, *, packed: bool = False) -> bytes:
    """Return `data` changed in one to four ways; `packed`: at times packed, then changed again."""
    for _ in range(random.randint(1, 4)):
        data = random.choice(_WAYS)(data or b"\n", random)[:_MOST]
    if random.random() < 0.02:
        data = _encoded(data, random)
    if packed and random.random() < 0.1:
        data = random.choice(_PACKERS)(data)
        if random.random() < 0.3:
            data = mutated(data, random)
    return data

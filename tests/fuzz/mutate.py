"""Changes to bytes, drawn from a seed: small ones that parsers half believe, and large ones that cost."""

import bz2
import gzip
import lzma
import re
from collections.abc import Callable
from random import Random
from typing import Final

import zstandard

from tests.test_hostile import mutated

TOKENS: Final = (
    b"0", b"-1", b"9" * 19, b"9" * 25, b"9" * 4400, b"0x" + b"f" * 16, b"0x" + b"f" * 300,
    b"18446744073709551615", b"18446744073709551616", b"4096", b"4095", b"1", b"1e999", b"nan",
    b"inf", b"true", b'""', b"[]", b"{}", b"null", b"''", b"_", b".", b"=", b"\t", b"\x00",
    b"\x1b]0;x\x07", b"\x1b[2J", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xc2\x85", b"\xff\xfe",
    b"\xf0\x9f\x92\xa9", b"%s%n", b"../..", b"~", b"-" * 300, b"[" * 3000, b"{" * 3000,
    b"(" * 3000, b"a." * 3000, b"x = " * 50, b"\n[[steps]]\n", b"\n# tracer: nop\n", b"\r\n",
    b"\xe2\x80\xa8",
)  # fmt: skip
_NUMBER: Final = re.compile(rb"0x[0-9a-f]+|[0-9a-f]{8,16}|[0-9]+")
_PACKERS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: gzip.compress(data, 1, mtime=0),
    lambda data: lzma.compress(data, preset=0),
    bz2.compress,
    lambda data: zstandard.ZstdCompressor(level=1).compress(data),
)
_MOST: Final = 1 << 20
"""Bytes of an input before it is packed; tests of the bounds have larger ones."""


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


def _encoded(data: bytes, random: Random) -> bytes:
    text = data[:4000].decode("utf-8", "replace")
    return text.encode(
        random.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1")), "replace"
    )


def change(data: bytes, random: Random) -> bytes:
    """Return `data` changed in one to four ways; sometimes packed, and then perhaps changed again."""
    ways = (mutated, mutated, mutated, _numbers, _numbers, _lines, _token, _token)
    for _ in range(random.randint(1, 4)):
        data = random.choice(ways)(data or b"\n", random)[:_MOST]
    if random.random() < 0.02:
        data = _encoded(data, random)
    if random.random() < 0.1:
        data = random.choice(_PACKERS)(data)
        if random.random() < 0.3:
            data = mutated(data, random)
    return data

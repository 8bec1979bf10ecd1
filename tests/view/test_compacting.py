"""A picture that was made small shows the same: every cell's ground, look and letter."""

import io
import re
from html import unescape

from compacting import compact
from rich.console import Console
from rich.text import Text

WIDTH, HEIGHT = 12.2, 24.4
RECT = re.compile(
    r'<rect fill="(#\w+)"(?: x="([\d.]+)")? y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"'
)
PATH = re.compile(r'<path stroke="(#\w+)" d="([^"]+)"')
TEXT = re.compile(r'<text (?:class="[\w-]+" )?x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')


def exported() -> str:
    """A picture of the exporter: grounds, blanks, an underline, letters that XML escapes."""
    console = Console(width=24, record=True, file=io.StringIO(), force_terminal=True)
    line = Text.assemble(
        ("  a & b  ", "white on blue"),
        ("▀▀", "red on yellow"),
        ("'<x>'", "red"),
        (" u ", "underline green"),
        ("  ", "on blue"),
    )
    for _ in range(3):
        console.print(line)
    return console.export_svg(title="t", unique_id="terminal-12345")


def body(svg: str) -> str:
    return svg[svg.index("clip-path", svg.index("</defs>")) :]


def cells(x: float, y: float, width: float) -> list[tuple[int, int]]:
    first = round(x / WIDTH)
    return [(round(y / HEIGHT), first + at) for at in range(round(width / WIDTH))]


def grounds(svg: str) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    for colour, x, y, width, height in RECT.findall(body(svg)):
        for row in range(max(1, round(float(height) / HEIGHT))):
            at = cells(float(x or 0), float(y) + row * HEIGHT, float(width))
            found |= dict.fromkeys(at, colour)
    for colour, strokes in PATH.findall(svg):
        for x, y, width in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", strokes):
            at = cells(float(x), float(y) - HEIGHT / 2, float(width))
            found |= dict.fromkeys(at, colour)
    return found


def letters(svg: str) -> dict[tuple[int, int], tuple[str, str]]:
    """Return the class and the letter of each cell that shows one."""
    looks = [
        (each.start(), each[1])
        for each in re.finditer(r'<(?:text|g) class="\w+(?:-\d+)?-(r\d+)"', svg)
    ]
    underlined = set(re.findall(r"-(r\d+) \{[^}]*underline", svg))
    found = {}
    for each in TEXT.finditer(svg):
        look = [name for at, name in looks if at <= each.start()][-1]
        text = unescape(each[3])
        for cell, letter in zip(
            cells(float(each[1]), float(each[2]), len(text) * WIDTH), text, strict=True
        ):
            if letter != "\n" and (letter not in " \xa0" or look in underlined):
                found[cell] = look, letter
    return found


def test_a_small_picture_shows_the_same() -> None:
    whole = exported()
    small = compact(whole)
    assert len(small) < len(whole)
    assert letters(small) == letters(whole)
    assert {letter for _, letter in letters(whole).values()} >= set("a&b▀'<x>u\xa0")
    before, after = grounds(whole), grounds(small)
    assert len(set(before.values())) == 2
    assert {cell: after[cell] for cell in before} == before


def test_a_small_picture_is_as_small_as_it_gets() -> None:
    """A kept picture is read through the same, so that it may be one that was kept whole."""
    small = compact(exported(), prefix="terminal")
    assert compact(small, prefix="terminal") == small
    assert "12345" not in small

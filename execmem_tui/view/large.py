"""Words in letters of three rows, for an audience's back row: a terminal has one size of type."""

from typing import Final

_ROWS: Final = 3
"""Of a letter: five half blocks and a gap."""
_BLANK: Final = "   "
_GLYPHS: Final = {
    "A": ".#./#.#/###/#.#/#.#", "B": "##./#.#/##./#.#/##.", "C": ".##/#../#../#../.##",
    "D": "##./#.#/#.#/#.#/##.", "E": "###/#../##./#../###", "F": "###/#../##./#../#..",
    "G": ".##/#../#.#/#.#/.##", "H": "#.#/#.#/###/#.#/#.#", "I": "###/.#./.#./.#./###",
    "J": "..#/..#/..#/#.#/.#.", "K": "#.#/#.#/##./#.#/#.#", "L": "#../#../#../#../###",
    "M": "#...#/##.##/#.#.#/#...#/#...#", "N": "#..#/##.#/#.##/#..#/#..#",
    "O": "###/#.#/#.#/#.#/###", "P": "##./#.#/##./#../#..", "Q": "###/#.#/#.#/###/..#",
    "R": "##./#.#/##./#.#/#.#", "S": ".##/#../.#./..#/##.", "T": "###/.#./.#./.#./.#.",
    "U": "#.#/#.#/#.#/#.#/###", "V": "#.#/#.#/#.#/#.#/.#.", "W": "#...#/#...#/#.#.#/##.##/#...#",
    "X": "#.#/#.#/.#./#.#/#.#", "Y": "#.#/#.#/.#./.#./.#.", "Z": "###/..#/.#./#../###",
    "0": ".#./#.#/#.#/#.#/.#.", "1": ".#./##./.#./.#./###", "2": "##./..#/.#./#../###",
    "3": "##./..#/.#./..#/##.", "4": "#.#/#.#/###/..#/..#", "5": "###/#../##./..#/##.",
    "6": ".##/#../##./#.#/.#.", "7": "###/..#/.#./.#./.#.", "8": "###/#.#/###/#.#/###",
    "9": ".#./#.#/.##/..#/##.", ".": "././././#", ",": "../../../.#/#.", ":": "./#/./#/.",
    ";": "../.#/../.#/#.", "-": ".../.../###/.../...", "–": ".../.../###/.../...",
    "_": ".../.../.../.../###", "+": ".../.#./###/.#./...", "/": "..#/..#/.#./#../#..",
    "'": "#/#/././.", "(": ".#/#./#./#./.#", ")": "#./.#/.#/.#/#.", "%": "#.#/..#/.#./#../#.#",
    "×": ".../#.#/.#./#.#/...", "=": ".../###/.../###/...", "<": "..#/.#./#../.#./..#",
    ">": "#../.#./..#/.#./#..", "±": ".#./###/.#./.../###", "·": "././#/./.", "!": "#/#/#/./#",
    "?": "##./..#/.#./.../.#.", "*": "#.#/.#./#.#/.../...", "▲": ".../.#./###/###/...",
    "…": "...../...../...../...../#.#.#", "→": "..../..#./####/..#./....",
    "√": "...#/...#/..#./#.#./.#..",
}  # fmt: skip
_HALVES: Final = {
    (False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█",
}  # fmt: skip


def large(text: str, columns: int) -> list[str] | None:
    """Return a text in large capitals, as lines of at most `columns` characters.

    None where it cannot be told that way: a word is too wide, or a character has no large form.
    """
    lines: list[list[str]] = []
    for word in text.upper().split():
        drawn = _word(word)
        if drawn is None or len(drawn[0]) > columns:
            return None
        if lines and len(lines[-1][0]) + len(_BLANK) + len(drawn[0]) <= columns:
            lines[-1] = [f"{a}{_BLANK}{b}" for a, b in zip(lines[-1], drawn, strict=True)]
        else:
            lines.append(drawn)
    return [row.rstrip() for line in lines for row in line]


def _word(word: str) -> list[str] | None:
    """Return the rows of one word, all equally long."""
    rows = [""] * _ROWS
    for char in word:
        glyph = _GLYPHS.get(char)
        if glyph is None:
            return None
        pixels = glyph.split("/")
        pixels.append("." * len(pixels[0]))
        for at in range(_ROWS):
            pairs = zip(pixels[2 * at], pixels[2 * at + 1], strict=True)
            rows[at] += "".join(_HALVES[up == "#", down == "#"] for up, down in pairs) + " "
    return [row[:-1] for row in rows]

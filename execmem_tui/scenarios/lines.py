"""Where the keys of a TOML text stand. tomllib gives a line for syntax errors only.

What a key means goes wrong later.
"""

import re
from typing import Final

Path = tuple[str | int, ...]
"""Keys, and indexes of arrays: ``("steps", 3, "size")``."""

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([^\]\s](?:[^\]]*[^\]\s])?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*[=.]""")
_BRACE: Final = re.compile("[{}]")
_NEAR: Final = 200
"""Lines behind the beginning of an inline value in which a key of it is looked for."""
_TRIPLE: Final = re.compile(r'"""|\'\'\'')


def _bare(key: str) -> str:
    return key.strip().strip("\"'")


class Lines:
    """The lines of one text.

    Tables and their keys are found exactly, what stands inside inline values by its name.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._known: dict[Path, int] = {(): 1}
        self._elements: dict[int, list[int]] = {}
        self._keys: dict[tuple[str, int], int] = {}
        counts: dict[Path, int] = {}
        table: Path = ()
        quoted = False
        for number, line in enumerate(self._lines, 1):
            inside = quoted
            if len(_TRIPLE.findall(line)) % 2:
                quoted = not quoted
            if inside:
                continue
            header = _HEADER.match(line)
            if header is not None:
                table = self._enter(header[2], counts, array=header[1] == "[[")
                self._known.setdefault(table, number)
                self._known.setdefault(table[:-1] if header[1] == "[[" else table, number)
                continue
            key = _KEY.match(line)
            if key is not None:
                self._known.setdefault((*table, _bare(key[1])), number)

    @staticmethod
    def _enter(name: str, counts: dict[Path, int], *, array: bool) -> Path:
        path: Path = ()
        keys = [_bare(key) for key in name.split(".")]
        for key in keys[:-1]:
            path = (*path, key)
            if path in counts:
                path = (*path, counts[path] - 1)
        path = (*path, keys[-1])
        if array:
            counts[path] = counts.get(path, 0) + 1
            path = (*path, counts[path] - 1)
        return path

    def find(self, path: Path) -> int:
        """Return the line (from 1) of the key at `path`, or of the nearest thing around it."""
        length = len(path)
        while path[:length] not in self._known:
            length -= 1
        line = self._known[path[:length]]
        for part in path[length:]:
            line = self._within(part, line)
        return line

    def _within(self, part: str | int, line: int) -> int:
        """Look for a part of an inline value from `line` on, once for each.

        A key by its name, an element by the braces before it.
        """
        if isinstance(part, int):
            if line not in self._elements:
                self._elements[line] = self._braces(line)
            found = self._elements[line]
            return found[part] if part < len(found) else line
        if (part, line) not in self._keys:
            self._keys[part, line] = self._key(part, line)
        return self._keys[part, line]

    def _key(self, name: str, line: int) -> int:
        wanted = re.compile(rf"(?<![\w-])[\"']?{re.escape(name)}[\"']?\s*=")
        for number in range(line, min(line + _NEAR, len(self._lines) + 1)):
            if wanted.search(self._lines[number - 1]):
                return number
            if number > line and _HEADER.match(self._lines[number - 1]):
                break
        return line

    def _braces(self, line: int) -> list[int]:
        """Return the line of each opening brace that is in no other, from `line` on."""
        found: list[int] = []
        depth = 0
        for number in range(line, len(self._lines) + 1):
            for brace in _BRACE.findall(self._lines[number - 1]):
                if brace == "{":
                    if depth == 0:
                        found.append(number)
                    depth += 1
                else:
                    depth -= 1
        return found

"""Op scripts (``vmalloc-vectors/1``).

Allocator operations and the addresses a kernel returned for them.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

from execmem_tui.files.packed import unpacked
from execmem_tui.files.regular import open_file
from execmem_tui.files.unpack import UnpackError
from execmem_tui.model.errors import InputError, UnknownLayoutError
from execmem_tui.model.numbers import hexadecimal
from execmem_tui.model.records import frozen
from execmem_tui.model.versions import parse_version

FORMAT: Final = "vmalloc-vectors/1"
_MAX_LINE: Final = 1 << 20
_MAX_SHIFT: Final = 48
"""Bits: nothing is aligned to more than a terabyte's hundredfold."""
_MAX_GROUPS: Final = 256
"""Groups of a percpu chunk (mm/percpu.c: pcpu_nr_groups, one for each node of NUMA)."""
_MAX_SPAN: Final = 1 << 48
_MAX_KNOB: Final = 1 << 16
_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    # letters: i id, n number, k shift, h hex or null, s text, d object of numbers, w list of bytes,
    # l list of hex or null, b boolean, * anything
    "cpu": ("n",),
    "knobs": ("d",),
    "area": ("i", "n", "n", "n", "h"),
    "vmalloc": ("i", "n", "n", "n", "n", "h"),
    "vmarea": ("i", "n", "n", "k", "n", "n", "h"),
    "release": ("i", "n", "n"),
    "vfree": ("i", "n", "n"),
    "purge": ("s", "n", "n"),
    "works": ("n", "n"),
    "map_ram": ("i", "n", "h"),
    "unmap_ram": ("i", "n", "n"),
    "percpu": ("i", "n", "w", "w", "l"),
    "percpu_free": ("i", "n"),
    "range": ("n", "h", "h", "h", "h", "n", "b"),
    "exec_alloc": ("i", "n", "n", "h"),
    "exec_alloc_rw": ("i", "n", "n", "h"),
    "exec_vmap": ("i", "n", "h"),
    "exec_free": ("i", "n"),
    "free_list": ("n", "s"),
    "cache": ("*", "*"),
}


def _is_number(value: Any, end: int) -> bool:
    return type(value) is int and 0 <= value < end


_GOOD: Final[dict[str, Callable[[Any], bool]]] = {
    "i": lambda value: _is_number(value, 1 << 64),
    "n": lambda value: _is_number(value, 1 << 64),
    "k": lambda value: _is_number(value, _MAX_SHIFT + 1),
    "s": lambda value: isinstance(value, str),
    "d": lambda value: (
        isinstance(value, dict) and all(_is_number(each, _MAX_KNOB) for each in value.values())
    ),
    "w": lambda value: (
        isinstance(value, list)
        and 0 < len(value) <= _MAX_GROUPS
        and all(_is_number(each, _MAX_SPAN) for each in value)
    ),
    "l": lambda value: value is None,
    "b": lambda value: isinstance(value, bool),
    "*": lambda _: True,
}
"""Whether a value is what a letter of `_FIELDS` says, where that is not read into something
else."""


@frozen(kw_only=True)
class OpHeader:
    """Line 1 of a script. Bytes; windows are (start, end)."""

    kernel: str
    page_size: int
    nr_cpus_config: int
    possible_cpus: int
    online_cpus: int
    vmalloc_start: int
    vmalloc_end: int
    early_areas: tuple[tuple[int, int], ...]
    """(start, size)."""
    windows: tuple[tuple[int, int], ...]


class OpScript:
    """A script being read: `header`, then `rows()` once; a context manager."""

    def __init__(self, path: str) -> None:
        """Open `path` (plain or gzip) and read its header.

        Raises:
            InputError: it is not an op script.
            OSError: it cannot be read.
        """
        self.path = path
        self._raw = self._file = open_file(Path(path))
        self.line = 0
        try:
            self._file = unpacked(self._raw)
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._file.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield (line number, row); every row has the fields its kind asks for.

        Raises:
            InputError: a line is not such a row.
        """
        while (data := self._next()) is not None:
            row = data
            if (
                not isinstance(row, list)
                or not row
                or not isinstance(row[0], str)
                or row[0] not in _FIELDS
            ):
                raise InputError(self.path, self.line, "not a row of an op script")
            fields = _FIELDS[row[0]]
            if len(row) != len(fields) + 1:
                raise InputError(
                    self.path, self.line, f"{row[0]} takes {len(fields)} fields, not {len(row) - 1}"
                )
            for index, letter in enumerate(fields, 1):
                row[index] = self._field(row[0], index, letter, row[index])
            yield self.line, row

    def _next(self) -> Any:
        try:
            raw = self._file.readline(_MAX_LINE + 1)
        except UnpackError as error:
            raise InputError(self.path, self.line + 1, error.title) from error
        if not raw:
            return None
        self.line += 1
        if len(raw) > _MAX_LINE:
            raise InputError(self.path, self.line, "line too long")
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise InputError(self.path, self.line, "not JSON") from error

    def _field(self, kind: str, index: int, letter: str, value: Any) -> Any:
        if letter == "h":
            return None if value is None else self._hex(value)
        if letter == "l" and isinstance(value, list):
            return [self._hex(each) for each in value]
        if not _GOOD[letter](value):
            raise InputError(
                self.path, self.line, f"field {index} of {kind} is not what it should be"
            )
        return value

    def _hex(self, value: Any) -> int:
        found = hexadecimal(value) if isinstance(value, str) else None
        if found is None:
            raise InputError(self.path, self.line, "not a hexadecimal address")
        return found

    def _read_header(self) -> OpHeader:
        data = self._next()
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InputError(
                self.path, self.line or 1, f"not an op script: line 1 must name the format {FORMAT}"
            )
        kernel = str(data.get("kernel"))
        try:
            parse_version(kernel)
        except UnknownLayoutError:
            raise InputError(self.path, 1, "kernel: a version such as 6.12.107 or 7.1.8") from None
        page_size = self._number(data, "page_size")
        if page_size & (page_size - 1) or not 4096 <= page_size <= 1 << 18:
            raise InputError(self.path, 1, "page_size: a power of two from 4096 to 262144")
        pairs = {}
        for name in ("early_areas", "windows"):
            value = data.get(name)
            if not isinstance(value, list) or not all(
                isinstance(item, list) and len(item) == 2 for item in value
            ):
                raise InputError(self.path, 1, f"{name}: a list of pairs")
            pairs[name] = tuple((self._hex(first), self._hex(second)) for first, second in value)
        return OpHeader(
            kernel=kernel,
            page_size=page_size,
            nr_cpus_config=self._number(data, "nr_cpus_config"),
            possible_cpus=self._number(data, "possible_cpus"),
            online_cpus=self._number(data, "online_cpus"),
            vmalloc_start=self._hex(data.get("vmalloc_start")),
            vmalloc_end=self._hex(data.get("vmalloc_end")),
            early_areas=pairs["early_areas"],
            windows=pairs["windows"],
        )

    def _number(self, data: dict[str, Any], name: str) -> int:
        value = data.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1 << 20:
            raise InputError(self.path, 1, f"{name}: a number from 1")
        return value

"""Reads a log for its failures: of each line, the first form that fits, or none.

Whatever a line carries in front (time, journal, quotes) is passed over.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from execmem_tui.formats.batches import batched, places
from execmem_tui.formats.failures import FORMS, Form, Record
from execmem_tui.model.text import printable

_HEAD: Final = re.compile(
    r"^(?:>+ ?|\s+|<\d+>|\d+,\d+,\d+,[^;]*;|\[[\s\d.]+\](?:\[\s*\S+\])?\s*"
    r"|[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ kernel: )+"
)
FRAMES: Final = 120
"""Lines behind a message within which its call trace stands."""
_NOTED: Final = ("comm:", "(", "+0x")
"""Words of frames and tasks: half of the lines of some logs, and nothing without a failure."""


def _record(number: int, text: str) -> Record | None:
    lowered = text.lower()
    for word, pattern, make in FORMS:
        if word not in lowered:
            continue
        found = pattern.search(text)
        if found is not None:
            message = printable(_HEAD.sub("", text).strip(), 300)
            blank = partial(Record, line=number, text=message)
            if make is None:
                return blank(form=Form.NO_HOLE, size=int(found[1]))
            return make(found, blank)
    return None


_BEGINS: Final = (
    "vmalloc_node_range for size",
    "vmap allocation for size",
    "vmalloc error: size",
    "vmalloc: allocation failure",
    "out of range",
    "overflow in relocation",
    "section ",
    "relocation ",
    "can not be addressed",
    "likely not compiled",
    "allocation failed: out of",
)
"""Of a message that a mail program may have cut in two."""
_BEGUN: Final = re.compile("|".join(map(re.escape, _BEGINS)))
_TELLING: Final = tuple(
    {*(word for word, _, _ in FORMS), *(begin.lower() for begin in _BEGINS)} - {*_NOTED}
)
"""Of most lines none: they are passed over without a second look."""


def parse_failures(lines: Iterable[tuple[int, str]]) -> Iterator[Record]:
    """Yield the records of a log in its order, cheaply passing over all other lines.

    A message that was wrapped is read with the line after it. Frames and tasks are yielded where
    they can belong to a failure: within `FRAMES` lines of one, or of the log's beginning, which may
    be cut.
    """
    cut: tuple[int, str] | None = None
    near = FRAMES
    for batch in batched(lines):
        telling = places(_TELLING, [text.lower() for _, text in batch])
        for at, (number, text) in enumerate(batch):
            if number > near and cut is None and at not in telling:
                continue
            found = _record(number, text)
            if cut is not None and (found is None or found.form is Form.NOTE):
                whole = _record(cut[0], f"{cut[1].rstrip()} {_HEAD.sub('', text)}")
                if whole is not None and whole.form is not Form.NOTE:
                    near = number + FRAMES
                    yield whole
                    cut = None
                    continue
            cut = None
            if found is not None:
                if found.form is not Form.NOTE:
                    near = number + FRAMES
                yield found
            elif _BEGUN.search(text) is not None:
                cut = number, text

"""A source of very many areas, for frames inside one process."""

from random import Random

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.sources.base import SourceKind

PAGE = 4096


class Crowd:
    """A source of very many areas in arm64's 2 GiB window."""

    kind = SourceKind.CAPTURE
    title = "a crowd"

    def __init__(self, count: int) -> None:
        layout = resolve("arm64")
        entry = layout.range_of(ExecmemType.MODULE_TEXT)
        random = Random(7)
        areas, at = [], entry.fallback_start
        step = (entry.start - at) // count // PAGE
        for number in range(count):
            pages = random.randint(1, max(1, step - 2))
            kind = random.choice(list(ExecmemType))
            areas.append(
                Area(
                    start=at,
                    size=pages * PAGE,
                    guard=PAGE,
                    type=kind,
                    owner=f"m{number}",
                    window=Window.FALLBACK,
                )
            )
            at += (pages + 1 + random.randint(0, max(0, step - pages - 1))) * PAGE
        self.history = History(layout, areas)

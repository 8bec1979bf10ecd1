"""Small layouts and areas for tests that need no real architecture."""

from execmem_tui.model.areas import Area
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Window

PAGE = 4096


def make_layout(start: int = 0x1000_0000, pages: int = 256) -> Layout:
    """A 32-bit layout with one range for all types."""
    whole = ExecmemRange(start=start, end=start + pages * PAGE)
    return Layout(
        id="7.1.8/test/test/off",
        kernel="7.1.8",
        arch="test",
        variant="test",
        kaslr="off",
        word_bits=32,
        page_size=PAGE,
        pmd_size=512 * PAGE,
        vmalloc_start=start,
        vmalloc_end=start + pages * PAGE,
        modules_vaddr=None,
        modules_end=None,
        symbols={},
        macros={},
        types=dict.fromkeys(ExecmemType, whole),
    )


def make_area(
    page: int,
    pages: int = 1,
    *,
    kind: ExecmemType | None = ExecmemType.BPF,
    guard: bool = True,
    fallback: bool = False,
) -> Area:
    """An area of `pages` usable pages at page `page` of the layout above."""
    return Area(
        start=0x1000_0000 + page * PAGE,
        size=pages * PAGE,
        guard=PAGE if guard else 0,
        type=kind,
        owner=f"area{page}",
        window=Window.FALLBACK if fallback else Window.PREFERRED,
    )

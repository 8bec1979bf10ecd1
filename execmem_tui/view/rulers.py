"""The reach panel: windows around an origin drawn to scale, counts, and the room that is left."""

from attrs import frozen

from execmem_tui.analysis.reach import (
    ReachCounts,
    boot_pages,
    call_reach,
    count_module_text,
    room_left,
)
from execmem_tui.model.layouts import Layout
from execmem_tui.model.reach import ReachKind
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes, format_size
from execmem_tui.view.cells import ReachWindow


@frozen(kw_only=True)
class Ruler:
    """One reach window and what lies in it."""

    name: str
    relocations: str
    start: Address
    end: Address
    origin: Address
    note: str
    segment: bool
    """A 256 MiB segment, which has edges of its own, and not a distance around the origin."""

    def draw(self, width: int, image: tuple[Address, Address] | None) -> str:
        """Return the window as text.

        ``|---K+K---|``, the origin ``+``, the kernel image ``K``, to scale; a segment ``[=+K==]``.
        """
        width = max(width, 5)
        inner = width - 2
        span = max(self.end - self.start, 1)
        cells = ["=" if self.segment else "-"] * inner
        if image is not None:
            first = (image[0] - self.start) * inner // span
            last = (image[1] - 1 - self.start) * inner // span
            for column in range(max(first, 0), min(last, inner - 1) + 1):
                cells[column] = "K"
        at = (self.origin - self.start) * inner // span
        if 0 <= at < inner:
            cells[at] = "+"
        return "".join(("[", *cells, "]") if self.segment else ("|", *cells, "|"))


@frozen(kw_only=True)
class ReachModel:
    """All that the reach panel shows."""

    origin: Address
    origin_name: str
    rulers: tuple[Ruler, ...]
    counts: ReachCounts
    room: tuple[tuple[str, Address, Address, Bytes], ...]
    pages: tuple[int, int] | None
    plt: str


def default_origin(layout: Layout) -> Address | None:
    """Return where reach counts from at first: the start of kernel text."""
    return layout.text


def reach_window(layout: Layout, origin: Address | None) -> ReachWindow | None:
    """Return the shades of free space.

    Where calls from `origin` reach directly, and through a PLT entry.

    The kernel is an image, not a point: from kernel text, the direct window is what reaches all of
    it.
    """
    reach = call_reach(layout)
    if reach is None or origin is None:
        return None
    direct = reach.window(origin)
    image = layout.image
    if image is not None and origin == image[0]:
        far = reach.window(image[1] - 4)
        direct = max(direct[0], far[0]), min(direct[1], far[1])
    plt: tuple[Address, Address] | None = None
    if layout.plt is not None:
        entry = layout.plt
        plt = (0, 1 << layout.word_bits)
        if entry.low is not None and entry.high is not None:
            plt = max(0, origin + entry.low), origin + entry.high + 1
        for other in layout.reach:
            if other.binding:
                low, high = other.window(origin)
                plt = max(plt[0], low), min(plt[1], high)
    return ReachWindow(direct, plt)


def reach_model(
    snapshot: Snapshot, origin: Address | None, origin_name: str = "kernel text"
) -> ReachModel | None:
    """Return the panel's content, or None where no origin is known."""
    layout = snapshot.layout
    at = default_origin(layout) if origin is None else origin
    if at is None:
        return None
    rulers = []
    for reach in layout.reach:
        start, end = reach.window(at)
        rulers.append(
            Ruler(
                name=reach.name,
                relocations=", ".join(reach.relocations),
                start=start,
                end=min(end, 1 << layout.word_bits),
                origin=at,
                note=reach.note,
                segment=reach.kind is ReachKind.SEGMENT,
            )
        )
    plt = (
        "no PLT"
        if layout.plt is None
        else f"a far call costs a {layout.plt.word}: {layout.plt.entry_bytes} B"
    )
    return ReachModel(
        origin=at,
        origin_name=origin_name,
        rulers=tuple(rulers),
        counts=count_module_text(snapshot),
        room=tuple(room_left(snapshot)),
        pages=boot_pages(layout),
        plt=plt,
    )


def reach_lines(
    model: ReachModel, width: int, image: tuple[Address, Address] | None, *, most: int = 2
) -> list[str]:
    """Return the panel as lines of at most `width` columns; `most` rulers are drawn."""
    lines = [f"from {model.origin_name} {model.origin:x}"]
    lines += [f"{ruler.name:<13}{ruler.draw(width - 13, image)}" for ruler in model.rulers[:most]]
    counts = model.counts
    lines.append(f"direct {counts.direct}  PLT {counts.plt}  out {counts.unreachable}")
    lines += [
        f"room {name:<9}{format_size(free)} of {format_size(end - start)}"
        for name, start, end, free in model.room
    ]
    lines.append(model.plt)
    if model.pages is not None:
        lines.append(f"pages: {model.pages[0]} non-PLT, {model.pages[1]} PLT")
    return [line[:width] for line in lines]

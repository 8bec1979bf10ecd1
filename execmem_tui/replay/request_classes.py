"""How sure an answer can be: the classes into which a replay sorts the requests of a trace."""

from enum import StrEnum

from execmem_tui.mm.flat_space import FlatSpace
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.vmalloc import Answer, Vmalloc, VmapRequest
from execmem_tui.model.records import define
from execmem_tui.replay.results import ClassCount, ReplayResults

Asked = tuple[int, int, int, int, bool]
"""Size, align, vstart, vend and whether it failed, as in the event."""


MODULE_WINDOW = "module window"
OTHER_WINDOW = "other window"
"""Where modules are in the vmalloc window: I/O space of powerpc."""
DOUBTED = "in doubt: events lost"
"""Class of all that is asked behind them: what they told is not in the model."""


class Unknown(StrEnum):
    """What is not known where a replay begins."""

    NOTHING = ""
    POOLS = "pools unknown"
    """Several nodes, and no replay from boot: their pools are in no file."""
    STATE = "state before the trace unknown"


@define
class RequestClass:
    """What all requests that ask for the same, with the same end, have in common."""

    request: VmapRequest
    failed: bool
    unclaimed: Unknown
    """Why nothing can be said of it."""
    pool: ClassCount
    page: ClassCount
    """Of requests that any free area of the size serves."""
    certain: ClassCount
    uncertain: ClassCount
    either: ClassCount
    """Of answers that are one of two: before a purge that has begun is over, and then."""
    plain: bool
    """Every answer that is no head of a pool counts as `page`."""

    def count_of(self, vmalloc: Vmalloc, answer: Answer) -> ClassCount:
        """Return where an answer counts: what can be known of it without the tree's shape."""
        start, hole = answer
        if hole is None and start is not None:
            return self.pool
        if self.plain:
            return self.page
        request = self.request
        certain = vmalloc.space.is_certain(
            request.size, request.align, request.vstart, request.need, hole
        )
        return self.certain if certain else self.uncertain


def classify(
    asked: Asked,
    vmalloc: Vmalloc,
    results: ReplayResults,
    unknown: Unknown,
    elsewhere: str,
    *,
    doubted: bool,
) -> RequestClass:
    """Return what is common to all that ask the same.

    Args:
        asked: what.
        vmalloc: who answers.
        results: where it is counted.
        unknown: why nothing can be said of it.
        elsewhere: class of what is not in the vmalloc window.
        doubted: nothing is certain of it.
    """
    size, align, vstart, vend, failed = asked
    window = (vstart, vend)
    exact = window == (vmalloc.vmalloc_start, vmalloc.vmalloc_end)
    where = "aligned" if align > vmalloc.page_size else "page"

    def count(kind: str, *, certain: bool = True) -> ClassCount:
        if doubted:
            return results.count(DOUBTED, window, certain=False, failed=failed)
        return results.count(kind, window, certain=certain, failed=failed)

    return RequestClass(
        request=vmalloc.request(size, align, vstart, vend),
        failed=failed,
        # pools serve the vmalloc window alone; every other window can be told without them
        unclaimed=Unknown.NOTHING if unknown is Unknown.POOLS and not exact else unknown,
        pool=count(f"vmalloc {where} pool"),
        page=count("vmalloc page tree" if exact else elsewhere),
        certain=count("vmalloc aligned certain" if exact else elsewhere),
        uncertain=count("vmalloc aligned uncertain" if exact else elsewhere, certain=False),
        either=count(
            f"{f'vmalloc {where}' if exact else elsewhere}, one of two beside a purge",
            certain=False,
        ),
        plain=align <= vmalloc.page_size,
    )


def in_bounds(space: FlatSpace | FreeSpace, request: VmapRequest, start: int) -> bool:
    """Whether an address lies in [L, C]: all that can be said without the tree's shape.

    L is the lowest address that fits, C the lowest in an area of the padded size.
    """
    low = space.lowest_fit(request.size, request.align, request.vstart)
    high = space.lowest_fit(request.size, request.align, request.vstart, request.need)
    return low is not None and low <= start and (high is None or start <= high)

"""How many vmap nodes a kernel has, told by the order in which it lists its areas."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.units import Bytes

MAX_NODES: Final = 128
"""mm/vmalloc.c: vmap_init_nodes, 6.9 and later."""
_ZONE_PAGES: Final = 16
"""Pages that one node looks after before the next does (vmap_zone_size)."""


def vmap_nodes(files: Iterable[Iterable[VmallocEntry]], page_size: Bytes) -> int | None:
    """Return the number of nodes.

    None where the order of the files fits several numbers, or none. /proc/vmallocinfo lists node
    0's busy areas ascending, then node 1's, and so on; an area belongs to the node of its start
    (mm/vmalloc.c: vmalloc_info_show, addr_to_node_id). Possible CPUs decide the number, and no file
    of /proc tells those.

    Args:
        files: the entries of each file in its own order, with real addresses.
        page_size: bytes.
    """
    zone = _ZONE_PAGES * page_size
    possible = list(range(1, MAX_NODES + 1))
    for entries in files:
        steps: dict[tuple[int, int], None] = {}
        for before, after in pairwise(entry.start for entry in entries if not entry.lazy):
            if before // zone != after // zone:
                steps[before // zone, after // zone] = None
            elif after < before:  # of one node, however many there are
                return None
        possible = [nodes for nodes in possible if _fits(steps, nodes)]
    return possible[0] if len(possible) == 1 else None


def _fits(steps: Iterable[tuple[int, int]], nodes: int) -> bool:
    """Whether the areas of each node ascend, and the nodes, where zones follow one another so."""
    return all((low % nodes, low) <= (high % nodes, high) for low, high in steps)

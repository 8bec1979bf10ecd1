"""What must hold of any allocator state, checked the slow way."""

from itertools import pairwise

from execmem_tui.mm.free_space import HIGHEST, LOWEST
from execmem_tui.mm.rbtree import FreeArea, FreeTree, Link
from execmem_tui.mm.vmalloc import Vmalloc


def check_tree(tree: FreeTree) -> None:
    """Order, parents, colours, black height and subtree maxima."""

    def visit(node: Link, parent: Link) -> tuple[int, int, int]:
        """Return (black height, top, count)."""
        if node is None:
            return 1, 0, 0
        assert node.parent is parent
        assert node.start < node.end
        if node.red:
            assert parent is not None
            assert not parent.red
        left_height, left_top, left_count = visit(node.left, node)
        right_height, right_top, right_count = visit(node.right, node)
        assert left_height == right_height
        assert node.top == max(node.end - node.start, left_top, right_top)
        return left_height + (not node.red), node.top, left_count + right_count + 1

    _, _, count = visit(tree.root, None)
    areas = list(tree)
    assert count == len(areas) == tree.count
    for before, after in pairwise(areas):
        assert before.end < after.start, "free areas touch or overlap"


def shape(node: Link) -> object:
    """A comparable picture of a tree: bounds, colour, subtrees."""
    if node is None:
        return None
    area: FreeArea = node
    return (area.start, area.end, area.red, area.top, shape(area.left), shape(area.right))


def check_space(vmalloc: Vmalloc) -> None:
    """Free, busy, lazy and pooled tile all address space: nothing lost, nothing twice."""
    check_tree(vmalloc.space.tree)
    pieces = sorted(
        [
            *vmalloc.space,
            *((area.start, area.end) for area in vmalloc.busy.values()),
            *((area.start, area.end) for area in vmalloc.lazy()),
            *vmalloc.pooled(),
        ]
    )
    at = LOWEST
    for start, end in pieces:
        assert start == at, f"gap or overlap at {at:x}: next is {start:x}"
        at = end
    assert at == HIGHEST
    assert vmalloc.nr_lazy == sum(
        (area.end - area.start) // vmalloc.page_size for area in vmalloc.lazy()
    )

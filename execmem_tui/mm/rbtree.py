"""The free areas of vmalloc as an augmented red-black tree with the kernel's own shape.

The shape matters: an aligned search looks at areas in an order that depends on it (mm/vmalloc.c:
find_vmap_lowest_match). Insertion and deletion are the textbook algorithms that lib/rbtree.c
implements (CLRS, 3rd edition: bottom-up repair; a node with two children is replaced by its
in-order successor). `top` of a node is the size of the largest area in its subtree
(subtree_max_size) and is exact after every operation.
"""

from collections.abc import Iterator
from typing import Optional


class FreeArea:
    """One free area [start, end) and its place in the tree."""

    __slots__ = ("end", "left", "parent", "red", "right", "size", "start", "top")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.left: FreeArea | None = None
        self.right: FreeArea | None = None
        self.parent: FreeArea | None = None
        self.red = True
        self.size = self.top = end - start
        """`size` is always `end - start`: looked at far more often than changed."""


Link = Optional[FreeArea]  # noqa: UP045 - a name for the kernel's struct rb_node pointer


class FreeTree:
    """Disjoint, never-touching areas in address order."""

    __slots__ = ("count", "root")

    def __init__(self) -> None:
        self.root: Link = None
        self.count = 0

    def __iter__(self) -> Iterator[FreeArea]:
        """Yield the areas ascending by address."""
        node = self.first()
        while node is not None:
            yield node
            node = successor(node)

    def first(self) -> Link:
        """Return the lowest area, or None."""
        node = self.root
        while node is not None and node.left is not None:
            node = node.left
        return node

    def last(self) -> Link:
        """Return the highest area, or None."""
        node = self.root
        while node is not None and node.right is not None:
            node = node.right
        return node

    def insert(self, start: int, end: int, parent: Link) -> FreeArea:
        """Add [start, end) as a leaf below `parent`, the last node of the search, and repair."""
        node = FreeArea(start, end)
        node.parent = parent
        self.count += 1
        if parent is None:
            self.root = node
            node.red = False
            return node
        if start < parent.start:
            parent.left = node
        else:
            parent.right = node
        grow(parent, node.size)
        if parent.red:
            self._repair_insert(node)
        return node

    def erase(self, node: FreeArea) -> None:
        """Remove `node` and repair."""
        self.count -= 1
        left, right = node.left, node.right
        lowest: Link
        if left is None or right is None:
            child = right if left is None else left
            removed_red = node.red
            lowest = node.parent
            self._replace(node, child)
            refresh(lowest)
        else:
            heir = right
            while heir.left is not None:
                heir = heir.left
            removed_red = heir.red
            child = heir.right
            if heir is right:
                lowest = heir
            else:
                lowest = heir.parent
                self._replace(heir, child)
                heir.right = right
                right.parent = heir
            self._replace(node, heir)
            heir.left = left
            left.parent = heir
            heir.red = node.red
            heir.top = node.top  # what those above have counted, so that a refresh may end early
            if lowest is not heir:
                refresh(lowest, heir)
            refresh(heir)
        if not removed_red:
            self._repair_erase(child, lowest)

    def clone(self) -> "FreeTree":
        """Return an equal tree of the same shape and colours that shares nothing."""
        copy = FreeTree()
        copy.count = self.count
        if self.root is None:
            return copy
        copy.root = _copy_of(self.root, None)
        pending = [(self.root, copy.root)]
        while pending:
            old, new = pending.pop()
            if old.left is not None:
                new.left = _copy_of(old.left, new)
                pending.append((old.left, new.left))
            if old.right is not None:
                new.right = _copy_of(old.right, new)
                pending.append((old.right, new.right))
        return copy

    def _replace(self, node: FreeArea, heir: Link) -> None:
        parent = node.parent
        if heir is not None:
            heir.parent = parent
        if parent is None:
            self.root = heir
        elif parent.left is node:
            parent.left = heir
        else:
            parent.right = heir

    def _rotate_left(self, node: FreeArea) -> None:
        heir = node.right
        assert heir is not None
        middle = heir.left
        node.right = middle
        top = node.size
        if middle is not None:
            middle.parent = node
        if middle is not None and middle.top > top:
            top = middle.top
        parent = node.parent
        heir.parent = parent
        if parent is None:
            self.root = heir
        elif parent.left is node:
            parent.left = heir
        else:
            parent.right = heir
        heir.left = node
        node.parent = heir
        heir.top = node.top
        child = node.left
        if child is not None and child.top > top:
            top = child.top
        node.top = top

    def _rotate_right(self, node: FreeArea) -> None:
        heir = node.left
        assert heir is not None
        middle = heir.right
        node.left = middle
        top = node.size
        if middle is not None:
            middle.parent = node
        if middle is not None and middle.top > top:
            top = middle.top
        parent = node.parent
        heir.parent = parent
        if parent is None:
            self.root = heir
        elif parent.left is node:
            parent.left = heir
        else:
            parent.right = heir
        heir.right = node
        node.parent = heir
        heir.top = node.top
        child = node.right
        if child is not None and child.top > top:
            top = child.top
        node.top = top

    def _repair_insert(self, node: FreeArea) -> None:
        parent = node.parent
        while parent is not None and parent.red:
            grand = parent.parent
            assert grand is not None
            left_side = grand.left is parent
            uncle = grand.right if left_side else grand.left
            if uncle is not None and uncle.red:
                parent.red = uncle.red = False
                grand.red = True
                node = grand
                parent = node.parent
                continue
            if left_side:
                if parent.right is node:
                    self._rotate_left(parent)
                    parent = node
                self._rotate_right(grand)
            else:
                if parent.left is node:
                    self._rotate_right(parent)
                    parent = node
                self._rotate_left(grand)
            parent.red = False
            grand.red = True
            break
        assert self.root is not None
        self.root.red = False

    def _repair_erase(self, node: Link, parent: Link) -> None:
        while parent is not None and (node is None or not node.red):
            if parent.left is node:
                sibling = parent.right
                assert sibling is not None
                if sibling.red:
                    sibling.red = False
                    parent.red = True
                    self._rotate_left(parent)
                    sibling = parent.right
                    assert sibling is not None
                near, far = sibling.left, sibling.right
                if far is None or not far.red:
                    if near is None or not near.red:
                        sibling.red = True
                        node, parent = parent, parent.parent
                        continue
                    near.red = False
                    sibling.red = True
                    self._rotate_right(sibling)
                    far, sibling = sibling, near
                sibling.red = parent.red
                parent.red = far.red = False
                self._rotate_left(parent)
            else:
                sibling = parent.left
                assert sibling is not None
                if sibling.red:
                    sibling.red = False
                    parent.red = True
                    self._rotate_right(parent)
                    sibling = parent.left
                    assert sibling is not None
                near, far = sibling.right, sibling.left
                if far is None or not far.red:
                    if near is None or not near.red:
                        sibling.red = True
                        node, parent = parent, parent.parent
                        continue
                    near.red = False
                    sibling.red = True
                    self._rotate_left(sibling)
                    far, sibling = sibling, near
                sibling.red = parent.red
                parent.red = far.red = False
                self._rotate_right(parent)
            return
        if node is not None:
            node.red = False


def _copy_of(node: FreeArea, parent: Link) -> FreeArea:
    twin = FreeArea(node.start, node.end)
    twin.red = node.red
    twin.top = node.top
    twin.parent = parent
    return twin


def refresh(node: Link, above: Link = None) -> None:
    """Make `top` right from `node` on upwards, after `node` or something below it changed.

    As far as anything changes, and no further than to what lies below `above`.
    """
    while node is not above and node is not None:
        top = node.size
        left, right = node.left, node.right
        if left is not None and left.top > top:
            top = left.top
        if right is not None and right.top > top:
            top = right.top
        if node.top == top:
            return
        node.top = top
        node = node.parent


def grow(node: Link, size: int) -> None:
    """Make `top` right from `node` up to the root: an area of `size` bytes came to be there."""
    while node is not None and node.top < size:
        node.top = size
        node = node.parent


def successor(node: FreeArea) -> Link:
    """Return the next area in address order, or None."""
    if node.right is not None:
        node = node.right
        while node.left is not None:
            node = node.left
        return node
    parent = node.parent
    while parent is not None and parent.right is node:
        node, parent = parent, parent.parent
    return parent


def predecessor(node: FreeArea) -> Link:
    """Return the previous area in address order, or None."""
    if node.left is not None:
        node = node.left
        while node.right is not None:
            node = node.right
        return node
    parent = node.parent
    while parent is not None and parent.left is node:
        node, parent = parent, parent.parent
    return parent

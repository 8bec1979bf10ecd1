"""Who calls whom, as plain text.

The functions that ask for executable memory and who says where.
"""

from collections.abc import Sequence

from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.view.tables import columns, wrapped

FIELDS = ("function", "decided_by")
"""The fields of a range that these tables show."""


def _kinds(*layouts: Layout) -> list[ExecmemType]:
    return [
        kind for kind in ExecmemType if any(layout.range_of(kind).function for layout in layouts)
    ]


def callers_lines(layout: Layout, width: int | None = None) -> list[str]:
    """Return a row for each type that is allocated: the function, and who decides where.

    In `width` columns, if given.
    """
    rows = [
        (kind.name, layout.range_of(kind).function, layout.range_of(kind).decided_by)
        for kind in _kinds(layout)
    ]
    if not rows:
        return []
    return [
        *columns(rows, ("TYPE", "FUNCTION", "WHERE IS DECIDED IN"), width=width),
        *wrapped(f"who allocates how: {layout.capability.source}", width),
    ]


def deciders(layout: Layout) -> int:
    """Return how many places in the tree say where executable memory lies."""
    return len({layout.range_of(kind).decided_by for kind in _kinds(layout)})


def compared_callers_lines(before: Layout, after: Layout, width: int | None = None) -> list[str]:
    """Return both kernels' functions side by side, [] where nothing of it differs.

    The last line counts the places that decide, which is what execmem was made for.
    """
    kinds = _kinds(before, after)
    told = [
        (kind, *(getattr(layout.range_of(kind), name) for layout in (before, after)))
        for kind in kinds
        for name in FIELDS
    ]
    if all(old == new for _, old, new in told):
        return []
    rows: list[Sequence[str]] = [
        (kind.name if index % len(FIELDS) == 0 else "", old or "nobody", new or "nobody")
        for index, (kind, old, new) in enumerate(told)
    ]
    rows.append(("decided in", *(_places(deciders(layout)) for layout in (before, after))))
    return columns(rows, ("WHO CALLS WHOM", before.id, after.id), width=width)


def _places(count: int) -> str:
    return f"{count} place{'' if count == 1 else 's'}"

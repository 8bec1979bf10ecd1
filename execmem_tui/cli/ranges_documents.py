"""The documents of ``ranges``, but for the one that most calls write.

A class takes as long to make as a range.
"""

from collections.abc import Sequence

from execmem_tui.model.documents import Count, SignedHex, TypeName, document


@document
class DifferenceDocument:
    """One field that differs."""

    field: str
    before: str
    after: str


@document
class LayoutsDiffDocument:
    """``--diff``: two layouts by id, and what differs."""

    before: str
    after: str
    differences: Sequence[DifferenceDocument]


@document
class StepDocument:
    """One macro or symbol, with its formula and the file of the kernel that has it."""

    name: str
    value: SignedHex
    formula: str
    source: str


@document
class ExplanationDocument:
    """``--explain``: how the range of a type comes about."""

    type: TypeName
    steps: Sequence[StepDocument]


@document
class WindowDocument:
    """One window as distances from the kernel image, bytes; `high` is exclusive."""

    types: Sequence[TypeName]
    fallback: bool
    low: int
    high: int


@document
class PictureRowDocument:
    """One architecture; no window where they are not known, no reach where it is not relative."""

    arch: str
    variant: str
    image: Count
    reach: Sequence[int] | None
    windows: Sequence[WindowDocument]


@document
class PictureDocument:
    """``--picture``: every architecture by distance from the kernel."""

    rows: Sequence[PictureRowDocument]

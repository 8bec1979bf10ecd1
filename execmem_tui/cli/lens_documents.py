"""The documents of the other ways that ``ranges`` looks at a layout."""

from collections.abc import Sequence

from execmem_tui.model.documents import Added, Count, Hex, TypeName, document
from execmem_tui.model.reach import Verdict


@document
class RelocationReachDocument:
    """One kind of reference and what it can do for the pair."""

    name: str
    relocations: Sequence[str]
    verdict: Verdict


@document
class PairReachDocument:
    """``--reach``: how code at one address can name another; `distance` is signed, in bytes."""

    origin: Hex
    target: Hex
    distance: int
    reach: Sequence[RelocationReachDocument]


@document
class ClassDocument:
    """A proposed placement class under this layout."""

    name: str
    start: Hex
    end: Hex
    why: str


@document
class AskedDocument:
    """Which class a type would ask for, and which one else."""

    type: TypeName
    first: str
    second: str | None


@document
class PlacementDocument:
    """What one lens makes of the workload."""

    lens: str
    allocations: Count
    fallbacks: Count
    failures: Count
    purges: Count
    direct: Count
    plt: Count
    unreachable: Count
    largest_hole: Count


@document
class ProposedDocument:
    """``--proposed``: the classes proposed in April 2024, and one workload under both lenses."""

    label: str
    layout: str
    classes: Sequence[ClassDocument]
    asked: Sequence[AskedDocument]
    placements: Sequence[PlacementDocument]


@document
class BootLinesDocument:
    """``--dmesg``: what arm64's two boot lines tell; sizes in bytes."""

    direct_pages: Count | None
    plt_pages: Count
    page_size: Count
    image_size: Count
    full_randomisation: bool | None
    boots: Added[Count]

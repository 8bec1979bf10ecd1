"""Lenses and filters: a word for each area, and what is not asked for dimmed."""

from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model.blocks import as_areas
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.view.filter import parse_filter
from execmem_tui.view.lenses import OwnerLens
from execmem_tui.view.paint import DIMMED, Paint
from tests.layouts import PAGE, make_area


def matches(text: str, *, pages: int = 2, fallback: bool = False, **what: Any) -> bool:
    wanted = parse_filter(text)
    assert wanted is not None
    return wanted(evolve(make_area(0, pages, fallback=fallback), **what))


@pytest.mark.parametrize(
    ("text", "what", "found"),
    [
        ("sctp", {"owner": "SCTP_diag"}, True),
        ("sctp", {"owner": "xfs"}, False),
        ("sctp", {"owner": None}, False),
        ("bpf", {"type": ExecmemType.BPF}, True),
        ("bpf", {"type": ExecmemType.KPROBES}, False),
        ("module", {"type": ExecmemType.MODULE_DATA}, True),
        ("text", {"type": ExecmemType.MODULE_DATA}, False),
        (">8K", {"pages": 2}, False),
        (">4K", {"pages": 2}, True),
        ("<8K", {"pages": 2}, False),
        ("<12K", {"pages": 2}, True),
        ("fallback", {"fallback": True}, True),
        ("fallback", {}, False),
        ("owner:bpf", {"owner": "bpf_preload", "type": ExecmemType.MODULE_TEXT}, True),
        ("bpf >64K", {"type": ExecmemType.BPF, "pages": 2}, False),
        ("hole>2M", {}, False),
        ("rwx", {}, False),
    ],
)
def test_filters(text: str, what: dict[str, Any], found: bool) -> None:
    assert matches(text, **what) is found


def test_rwx_asks_for_the_areas_it_is_told() -> None:
    area = make_area(3)
    wanted = parse_filter("rwx", frozenset({area.start}))
    assert wanted is not None
    assert wanted(area)
    assert not wanted(make_area(5))


def test_no_text_is_no_filter_and_nonsense_is_said() -> None:
    assert parse_filter("  ") is None
    with pytest.raises(UsageError):
        parse_filter(">many")
    with pytest.raises(UsageError, match="no such type"):
        parse_filter("type:plugin")
    found = parse_filter("hole>2M")
    assert found is not None
    assert found.hole == 2 << 20


@given(st.lists(st.sampled_from([f"m{number}" for number in range(40)]), max_size=40))
def test_neighbouring_owners_never_look_equal(owners: list[str]) -> None:
    areas = [evolve(make_area(2 * at), owner=owner) for at, owner in enumerate(owners)]
    for block in as_areas(areas).blocks:
        pieces = block.find(Paint(lens=OwnerLens()))
        for one, other in pairwise(pieces):
            assert (one.look == other.look) == (one.area.owner == other.area.owner)


def test_a_filter_marks_what_it_leaves_out() -> None:
    block = as_areas([make_area(0), make_area(4, 3)]).blocks[0]
    looks = [piece.look for piece in block.find(Paint(filter=parse_filter(f">{PAGE}")))]
    assert looks == [f"{DIMMED}bpf", "bpf"]

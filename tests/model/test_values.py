"""Areas and events are values: equal, hashed and copied by content, small."""

from attrs import evolve, fields

from execmem_tui.model.areas import Area, AreaState, Part
from execmem_tui.model.events import Noted
from execmem_tui.model.ranges import ExecmemType, Window

AREA = Area(
    start=0x1000,
    size=0x2000,
    guard=0x1000,
    type=ExecmemType.BPF,
    owner="pack",
    region="MOD_TEXT",
    window=Window.FALLBACK,
    caller="bpf_prog_pack_alloc+0x1/0x2",
    detail="more",
    parts=(Part(0x1000, 64, "prog"),),
    inside=((0x1000, "prog"),),
)


def test_every_field_says_something_of_its_own() -> None:
    assert all(
        getattr(AREA, each.name) != each.default for each in fields(Area) if each.name != "state"
    )


def test_a_changed_area_keeps_all_that_is_not_named() -> None:
    assert AREA.changed() == AREA
    assert AREA.changed(state=AreaState.POOLED) == evolve(AREA, state=AreaState.POOLED)
    assert AREA.changed(owner="", detail="") == evolve(AREA, owner="", detail="")


def test_equal_content_is_one_value() -> None:
    assert len({AREA, AREA.changed(), AREA.changed(owner="other")}) == 2
    assert Noted(message="a", removed=(AREA,)) == Noted(message="a", removed=(AREA.changed(),))
    assert not hasattr(AREA, "__dict__")

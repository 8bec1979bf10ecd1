"""The table of checks: each finds what it is for, and is silent where that is not there."""

from collections.abc import Iterable

import pytest
from attrs import evolve

from execmem_tui.analysis.findings import Category, Found, findings
from execmem_tui.analysis.permissions import rights, writable_code
from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import ROX_OWNER, Area, AreaState
from execmem_tui.model.hidden import Hidden, HiddenArea
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Provenance, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import open_simulation
from tests.recorded import exhausted

KIB, MIB, PAGE = 1 << 10, 1 << 20, 4096
ARM64 = resolve("arm64")
NEAR = ARM64.range_of(ExecmemType.MODULE_TEXT)
TEXT = ExecmemType.MODULE_TEXT


def snap(*areas: Area, layout: Layout = ARM64, hidden: Hidden | None = None) -> Snapshot:
    snapshot = Snapshot(
        layout=layout,
        step=0,
        steps=0,
        areas=tuple(sorted(areas, key=lambda area: area.start)),
        counters=Counters(),
    )
    return snapshot if hidden is None else evolve(snapshot, hidden=hidden)


def text(at: int, size: int = MIB, owner: str = "m") -> Area:
    return Area(
        start=NEAR.start + at, size=size, type=TEXT, owner=owner, region="MOD_TEXT",
        window=Window.PREFERRED,
    )  # fmt: skip


def of(found: Iterable[Found], category: Category) -> list[Found]:
    return [each for each in found if each.category is category]


def test_a_booted_laptop_is_unremarkable() -> None:
    for arch in ("arm64", "x86", "riscv", "s390"):
        booted = open_booted(arch)
        assert findings(booted.history.snapshot(), booted.history) == []


def test_a_fallback_in_use_and_a_window_that_is_full() -> None:
    booted = open_booted("arm64")
    booted.fill()
    found = findings(booted.history.snapshot(), booted.history)
    assert [each.category for each in found] == [Category.FALLBACK, Category.EXHAUSTED]
    assert found[0].text == "1 area, 348K, in the fallback window: ath12k"
    assert found[0].at == NEAR.fallback_start
    assert "64K fit nowhere near: 48K are left" in found[1].text


def test_a_window_may_be_fragmented_without_being_full() -> None:
    areas = [text(at * MIB, owner=f"m{at}") for at in range(0, 80, 2)]
    [found] = of(findings(snap(*areas)), Category.FRAGMENTED)
    assert found.text == "2M fit nowhere near: 40M are left, the largest hole is 1M"
    assert not of(findings(snap(*areas)), Category.EXHAUSTED)
    assert not of(findings(snap(areas[0])), Category.FRAGMENTED)


def test_little_that_keeps_much_from_being_one_hole() -> None:
    history = exhausted()
    [found] = of(findings(history.peek(35_500), history), Category.PINNED)
    assert found.count == 11
    assert found.text.startswith("200K of configfs, drm_gpusvm_helper, drm_gpuvm keep 20.9M")
    much = [text(20 * MIB, 30 * MIB)]
    assert not of(findings(snap(*much)), Category.PINNED)
    little = [text(40 * MIB, 64 * KIB)]
    assert of(findings(snap(*little)), Category.PINNED)[0].at == little[0].start


def test_code_that_may_be_written_where_nobody_takes_that_away() -> None:
    booted = open_booted("nios2")
    [found] = of(findings(booted.history.snapshot(), booted.history), Category.WRITABLE_CODE)
    assert found.count == 112
    assert "nios2 has no STRICT_MODULE_RWX" in found.text
    arm = open_booted("arm")
    [found] = of(findings(arm.history.snapshot(), arm.history), Category.WRITABLE_CODE)
    assert found.text.endswith("at once: kprobe_insn_page, kprobe_optinsn_page")
    assert not of(findings(arm.history.snapshot()), Category.WRITABLE_CODE)


def test_what_only_events_tell_is_not_guessed_from_a_trace() -> None:
    layout = resolve("arm")
    area = Area(start=layout.range_of(TEXT).start, size=PAGE, type=TEXT, owner="m")
    history = History(layout, [area])
    assert not of(findings(history.snapshot(), history), Category.WRITABLE_CODE)


def test_rights_follow_the_life_of_a_module() -> None:
    simulation = open_simulation("arm64", "7.1", None, "off")
    simulation.load("drm")
    history = simulation.history
    area = next(each for each in history.snapshot().areas if each.name == "drm.text")
    held = [rights(history, step).get(area.start) for step in range(history.steps + 1)]
    life = list(dict.fromkeys(held))
    assert life == [None, frozenset("w"), frozenset(), frozenset("x")]
    assert writable_code(history, history.steps) == ()
    simulation.free(area.start)
    assert area.start not in rights(history, history.steps)


def test_a_rox_block_held_by_one_area() -> None:
    layout = resolve("x86")
    start = -(-layout.range_of(TEXT).start // (2 * MIB)) * 2 * MIB
    piece = Area(start=start, size=64 * KIB, type=TEXT, owner="held")
    rest = Area(
        start=piece.end, size=2 * MIB - 64 * KIB, guard=PAGE, owner=ROX_OWNER,
        state=AreaState.CACHE_FREE,
    )  # fmt: skip
    [found] = of(findings(snap(piece, rest, layout=layout)), Category.HELD_BLOCK)
    assert found.text == "1 ROX block cannot be given back for one area each: held"
    other = evolve(rest, start=rest.start + MIB, size=rest.size - MIB)
    second = Area(start=rest.start, size=MIB, type=TEXT, owner="second")
    assert not of(findings(snap(piece, second, other, layout=layout)), Category.HELD_BLOCK)


def test_modules_that_are_there_twice() -> None:
    areas = [text(0, owner="dup"), text(4 * MIB, owner="dup"), text(8 * MIB, owner="once")]
    [found] = of(findings(snap(*areas)), Category.DUPLICATE)
    assert found.count == 1
    assert found.text.startswith("more than one text of dup: ")
    assert not of(findings(snap(*areas[1:])), Category.DUPLICATE)


def test_hidden_addresses_assumed_ranges_and_notes() -> None:
    hidden = Hidden(areas=(HiddenArea(8192, "load_module"),), why="addresses are hashed")
    types = {
        kind: evolve(entry, provenance=Provenance.ASSUMED) for kind, entry in ARM64.types.items()
    }
    layout = evolve(ARM64, types=types, notes=("nothing is known of this",))
    found = findings(snap(layout=layout, hidden=hidden))
    assert [(each.category, each.count) for each in found] == [
        (Category.HIDDEN, 1),
        (Category.ASSUMED, 5),
        (Category.NOTE, 1),
    ]
    assert found[0].text == "1 area, 8K, have no place here: addresses are hashed"


@pytest.mark.parametrize(("kaslr", "many"), [("off", 0), ("5", 1)])
def test_a_draw_without_direct_calls(kaslr: str, many: int) -> None:
    assert ARM64.image is not None
    start = ARM64.image[0] - (1 << 30)
    types = {
        kind: evolve(entry, start=start, end=start + 64 * MIB)
        for kind, entry in ARM64.types.items()
    }
    far = evolve(ARM64, types=types, kaslr=kaslr)
    assert len(of(findings(snap(layout=far)), Category.FAR_WINDOW)) == many
    near = evolve(ARM64, kaslr=kaslr)
    assert not of(findings(snap(layout=near)), Category.FAR_WINDOW)

"""What is not there yet: dashed on the map, and nothing of the map is lost."""

from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.booted import open_booted
from execmem_tui.view.kinds import PREVIEWED, PREVIEWED_FAR
from execmem_tui.view.preview_lens import PAINT, with_preview

MIB = 1 << 20
ARM64 = resolve("arm64")
NEAR = ARM64.range_of(ExecmemType.MODULE_TEXT)


def looks(snapshot: Snapshot) -> list[str]:
    return [piece.look for block in snapshot.areas.blocks for piece in PAINT(block)]


def test_foretold_areas_are_dashed_and_those_that_spill_differently() -> None:
    near = Area(start=NEAR.start, size=MIB, type=ExecmemType.MODULE_TEXT, window=Window.PREFERRED)
    far = evolve(near, start=NEAR.fallback_start, window=Window.FALLBACK)
    empty = Snapshot(layout=ARM64, step=0, steps=0, areas=(), counters=Counters())
    shown = with_preview(empty, (near, far))
    assert looks(shown) == [PREVIEWED_FAR, PREVIEWED]
    assert not any(area.window for area in shown.areas)


def test_everything_else_stays_as_it_is() -> None:
    booted = open_booted("arm64")
    before = booted.history.snapshot()
    found = booted.preview_load("btrfs")
    shown = with_preview(before, found.areas)
    assert len(shown.areas) == len(before.areas) + len(found.areas)
    assert set(before.areas) < set(shown.areas)
    assert looks(shown).count(PREVIEWED) == len(found.areas)


def test_what_is_lazy_gives_way_and_a_free_piece_of_a_block_is_cut() -> None:
    lazy = Area(start=NEAR.start, size=MIB, state=AreaState.LAZY)
    free = Area(start=NEAR.start + 4 * MIB, size=2 * MIB, guard=4096, state=AreaState.CACHE_FREE)
    snapshot = Snapshot(layout=ARM64, step=0, steps=0, areas=(lazy, free), counters=Counters())
    first = Area(start=NEAR.start, size=2 * MIB, type=ExecmemType.MODULE_TEXT)
    piece = Area(start=free.start + 4096, size=4096, type=ExecmemType.MODULE_TEXT)
    shown = with_preview(snapshot, (first, piece))
    assert [(area.start - NEAR.start, area.end - NEAR.start) for area in shown.areas] == [
        (0, 2 * MIB),
        (4 * MIB, 4 * MIB + 4096),
        (4 * MIB + 4096, 4 * MIB + 8192),
        (4 * MIB + 8192, 6 * MIB + 4096),
    ]


def test_a_preview_on_every_map_that_boots() -> None:
    for arch in ("x86", "s390", "arm"):
        booted = open_booted(arch)
        before = booted.history.snapshot()
        name = next(each for each in ("btrfs", "xfs", "ext4") if each in booted.loadable())
        found = booted.preview_load(name)
        shown = with_preview(before, found.areas)
        covered = {area.start for area in shown.areas}
        assert {area.start for area in found.areas} <= covered
        ends = [area.end for area in shown.areas]
        assert all(one <= two.start for one, two in zip(ends, list(shown.areas)[1:], strict=False))

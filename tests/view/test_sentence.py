"""One sentence for every kind of event, in every architecture's own words."""

import pytest
from attrs import evolve

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.room import Room, Shortage, room_in
from execmem_tui.arch import architectures, resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import (
    Allocated,
    CacheChanged,
    Event,
    Failed,
    Freed,
    HazardFound,
    Noted,
    PermissionsChanged,
    Purged,
)
from execmem_tui.model.hidden import Hidden, HiddenArea
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.view.sentence import Sentence, said, sentence, story, telling
from tests.layouts import make_layout

KIB, MIB = 1 << 10, 1 << 20
ARM64 = resolve("arm64")
NEAR = ARM64.range_of(ExecmemType.MODULE_TEXT)
PAGE = 4096


def snap(*areas: Area, layout: Layout = ARM64) -> Snapshot:
    ascending = tuple(sorted(areas, key=lambda area: area.start))
    return Snapshot(layout=layout, step=1, steps=1, areas=ascending, counters=Counters())


def filler(start: int, size: int) -> Area:
    return Area(start=start, size=size, type=ExecmemType.MODULE_TEXT, owner="filler")


def spilled(size: int, kind: ExecmemType = ExecmemType.MODULE_TEXT) -> Allocated:
    area = Area(
        start=NEAR.fallback_start,
        size=size,
        guard=PAGE,
        type=kind,
        owner="sctp",
        region="MOD_TEXT" if kind is ExecmemType.MODULE_TEXT else "MOD_DATA",
        window=Window.FALLBACK,
    )
    return Allocated(area=area, requested=size, added=(area,))


def nearly_full(left: int) -> Area:
    """One area that leaves `left` bytes of the 80M below the kernel."""
    return filler(NEAR.start, 80 * MIB - left)


def test_how_things_stand_near_the_kernel() -> None:
    found = sentence(snap(filler(NEAR.start, 20 * MIB)))
    assert found.text == (
        "Module code must lie near the kernel: 20M of 80M are taken, 60M are left in one piece."
    )
    assert found.short == "20M of 80M near the kernel are taken, 60M are left in one piece."
    assert not found.alarm


def test_the_booted_first_screen() -> None:
    assert sentence(open_booted("arm64").history.snapshot()).text == (
        "Module code must lie near the kernel: 18.6M of 80M are taken, 61.4M are left in one piece."
    )


@pytest.mark.parametrize(
    ("arch", "variant", "lead"),
    [
        ("arm", None, "Module code must lie near the kernel: 0B of 14M"),
        ("x86", None, "Module code must lie within 2G of the kernel: 0B of 1008M"),
        ("riscv", None, "Module code must lie within 2G of the kernel: 0B of 2G"),
        ("s390", None, "Module code must lie within 4G of the kernel"),
        ("x86", "x86_32-pae", "Modules have a window of their own"),
        ("loongarch", None, "Modules lie far from the kernel and call it through a PLT"),
        ("parisc", None, "Modules lie far from the kernel and call it through a stub"),
        ("powerpc", None, "Module code may lie anywhere in 512T"),
        ("powerpc", "ppc32-book3s", "Module code must lie near the kernel: 0B of 20M"),
        ("mips", None, "Modules have a window of their own"),
        ("nios2", None, "Modules have a window of their own: 0B of 32M"),
    ],
)
def test_each_architecture_in_its_own_words(arch: str, variant: str | None, lead: str) -> None:
    assert sentence(snap(layout=resolve(arch, "7.1", variant))).text.startswith(lead)


@pytest.mark.parametrize("arch", architectures())
def test_the_short_form_fits_80_columns_everywhere(arch: str) -> None:
    assert len(sentence(open_booted(arch).history.snapshot()).fit(80)) <= 80


def test_how_things_stand_ends_with_a_full_stop_on_a_small_terminal() -> None:
    told = sentence(snap(filler(NEAR.start + 40 * MIB, 10 * MIB)))
    assert told.fit(70) == "10M of 80M near the kernel are taken; 40M are free in one piece."


def test_how_the_pieces_are_told() -> None:
    middle = filler(NEAR.start + 40 * MIB, 10 * MIB)
    assert "70M are left in 2 pieces, the largest 40M" in sentence(snap(middle)).text
    low = filler(NEAR.start + PAGE, 10 * MIB)
    assert "70M are left, almost all in one piece" in sentence(snap(low)).text
    assert "80M of 80M are taken, nothing is left" in sentence(snap(nearly_full(0))).text
    assert "nearly all of 80M are taken, 8K are left" in sentence(snap(nearly_full(8 * KIB))).text
    assert sentence(snap(nearly_full(8 * KIB))).short.startswith("Nearly all of 80M near the")


def test_an_unknown_window_is_said_to_be_unknown() -> None:
    layout = make_layout()
    types = {**layout.types, ExecmemType.MODULE_TEXT: ExecmemRange(start=0, end=0)}
    area = Area(start=PAGE, size=2 * PAGE, type=ExecmemType.BPF)
    found = sentence(snap(area, layout=evolve(layout, types=types)))
    assert found.text == "1 area of executable memory, 8K; where modules may lie is not known."


def test_a_spill_of_text_says_what_lacked_and_what_it_costs() -> None:
    event = spilled(276 * KIB)
    found = sentence(snap(nearly_full(180 * KIB), *event.added), event)
    assert found.text == (
        "sctp.text 276K: the near window has 180K left in one hole, 100K short: placed far away,"
        " every call through a PLT"
    )
    assert found.alarm


def test_data_that_spills_makes_no_calls() -> None:
    event = spilled(276 * KIB, ExecmemType.MODULE_DATA)
    text = sentence(snap(nearly_full(180 * KIB), *event.added), event).text
    assert text.endswith("100K short: placed far away")


def test_a_scattered_window_is_called_fragmented_a_full_one_is_not() -> None:
    event = spilled(2 * MIB)
    holes = [filler(NEAR.start + at * MIB, MIB) for at in range(0, 80, 2)]
    text = sentence(snap(*holes, *event.added), event).text
    assert "40M left, but in 40 holes, the largest 1M, 1M short: fragmented" in text
    full = sentence(snap(nearly_full(0), *event.added), event).text
    assert "the near window has nothing left" in full
    few = [filler(NEAR.start, 40 * MIB), filler(NEAR.start + 41 * MIB, 39 * MIB - 512 * KIB)]
    text = sentence(snap(*few, *event.added), event).text
    assert "1.5M left in 2 holes, the largest 1M, 1M short: placed" in text


def test_a_spill_although_there_is_room_is_not_explained_by_room() -> None:
    event = spilled(276 * KIB)
    assert "was not asked, or took it back" in sentence(snap(*event.added), event).text


def test_a_failure_names_both_windows() -> None:
    event = Failed(type=ExecmemType.MODULE_TEXT, requested=3 << 30, owner="big", reason="no")
    found = sentence(snap(nearly_full(180 * KIB)), event)
    assert found.text.startswith(
        "big 3G FAILED: the near window has 180K left in one hole, 3G short"
    )
    assert "; the far window has" in found.text
    assert found.alarm
    x86 = resolve("x86")
    found = sentence(snap(layout=x86), event)
    assert found.text.endswith(", and there is no second window")


def test_an_attempt_that_failed_is_not_a_failure() -> None:
    event = Failed(
        type=ExecmemType.MODULE_TEXT, requested=276 * KIB, owner="sctp", reason="no", attempt=True
    )
    found = sentence(snap(nearly_full(180 * KIB)), event)
    assert found.text.endswith("100K short: purge, then the far window")
    assert not found.alarm
    other = Failed(type=None, requested=PAGE, owner=None, reason="no room for 8K", attempt=True)
    assert sentence(snap(), other).text == "a request 4K: no room yet: no room for 8K"


def test_a_placement_near_the_kernel_says_what_is_left() -> None:
    area = filler(NEAR.start, 20 * MIB)
    event = Allocated(area=evolve(area, window=Window.PREFERRED), requested=20 * MIB, added=(area,))
    text = sentence(snap(area), event).text
    assert text == "filler 20M: placed near the kernel; 60M are left in one piece"


def test_a_piece_of_a_rox_block_is_called_that() -> None:
    simulation = open_simulation("x86", "7.1", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT)
    history = simulation.history
    steps = [history.peek(step) for step in range(1, history.steps + 1)]
    texts = [sentence(each, each.event).text for each in steps]
    assert any("a piece of a ROX block" in text for text in texts)
    assert any(text.startswith("The ROX cache took a block of 2M") for text in texts)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Noted(message="suspend entry"), "suspend entry"),
        (Noted(message="phase 2", reset=True), "phase 2: nothing changed"),
        (
            Noted(message="phase 2", reset=True, added=(filler(0, PAGE),) * 3),
            "phase 2: 3 areas came, 0 went",
        ),
        (
            HazardFound(rule="last-interval", message="it would strike"),
            "Hazard last-interval: it would strike",
        ),
        (
            CacheChanged(populated=False, start=0, size=2 * MIB),
            "The ROX cache gave back a block of 2M",
        ),
        (
            PermissionsChanged(start=0, size=8 * KIB, permissions="rox"),
            "memory 8K: becomes code: read-only and executable (set_memory_rox)",
        ),
        (
            Freed(area=filler(0, PAGE), removed=(filler(0, PAGE),)),
            "filler 4K: freed, usable at once",
        ),
    ],
)
def test_the_other_events(event: Event, text: str) -> None:
    assert sentence(snap(), event).text == text


def test_what_is_freed_waits_for_a_purge_and_a_purge_says_what_it_gave_back() -> None:
    area = filler(NEAR.start, MIB)
    lazy = Area(start=area.start, size=MIB, owner="filler", state=AreaState.LAZY)
    freed = Freed(area=area, removed=(area,), added=(lazy,))
    assert sentence(snap(lazy), freed).text.endswith("not usable again before a purge")
    purged = Purged(kind="aliases", purged=1, removed=(lazy,))
    assert sentence(snap(), purged).text == (
        "vm_unmap_aliases purges 1 freed area: 1M usable again; 80M are left in one piece"
    )
    kept = Area(start=area.start, size=MIB, state=AreaState.POOLED)
    pooled = Purged(kind="drain", purged=1, removed=(lazy,), added=(kept,))
    assert "0B usable again, 1 kept for requests of their size" in sentence(snap(kept), pooled).text
    back = Area(start=area.start, size=MIB, state=AreaState.CACHE_FREE)
    cached = Freed(area=area, removed=(area,), added=(back,))
    assert sentence(snap(back), cached).text.endswith("back in its ROX block")


def freed_by_one_command(*more: Event) -> str:
    """What is said of a free of 1M that other events of its command followed."""
    area = filler(NEAR.start + 4 * MIB, MIB)
    lazy = evolve(area, state=AreaState.LAZY)
    history = History(ARM64)
    history.append([Allocated(area=area, requested=MIB, added=(area,))])
    history.append([Freed(area=area, removed=(area,), added=(lazy,)), *more])
    return said(history).text


@pytest.mark.parametrize(
    ("parked", "told"),
    [
        (0, "and purged at once: usable again"),
        (MIB, "purged at once and kept for requests of its size"),
        (MIB - PAGE, "and purged at once: usable again"),
    ],
)
def test_what_a_free_purges_itself_is_usable_again(parked: int, told: str) -> None:
    lazy = evolve(filler(NEAR.start + 4 * MIB, MIB), state=AreaState.LAZY)
    kept = (evolve(lazy, size=parked, state=AreaState.POOLED),) if parked else ()
    purged = Purged(kind="aliases", purged=1, removed=(lazy,), added=kept)
    assert freed_by_one_command(purged) == f"filler 1M: freed, {told}"


@pytest.mark.parametrize("away", [-MIB, MIB])
def test_a_purge_of_something_else_makes_nothing_usable(away: int) -> None:
    other = evolve(filler(NEAR.start + 4 * MIB + away, MIB), state=AreaState.LAZY)
    came = Noted(message="", added=(other,))
    purged = Purged(kind="aliases", purged=1, removed=(other,))
    assert freed_by_one_command().endswith("freed, not usable again before a purge")
    assert freed_by_one_command(came, purged).endswith("freed, not usable again before a purge")


def test_the_free_of_a_modules_data_is_usable_again_at_once_on_arm64() -> None:
    simulation = open_booted("arm64")
    simulation.allocate(ExecmemType.MODULE_DATA, 400 * KIB, owner="data")
    area = next(each for each in simulation.history.snapshot().areas if each.owner == "data")
    simulation.free(area.start)
    assert said(simulation.history).text == "data 400K: freed, and purged at once: usable again"


def test_only_what_a_module_needs_to_start_is_said_to_be_for_its_start() -> None:
    area, other = filler(NEAR.start, MIB), filler(NEAR.start + 2 * MIB, PAGE)
    came = [Allocated(area=each, requested=PAGE, added=(each,)) for each in (area, other)]
    told = story(snap(area), [*came, Freed(area=other, removed=(other,))]).text
    assert told.startswith("filler: 1 area, 1M, and 4K that came and went. ")
    start = evolve(other, region="MOD_INIT_TEXT")
    came[1] = evolve(came[1], area=start)
    told = story(snap(area), [*came, Freed(area=start, removed=(start,))]).text
    assert told.startswith("filler: 1 area, 1M, and 4K for its start that came and went. ")


def test_failures_tell_more_than_fallbacks_and_fallbacks_more_than_the_rest() -> None:
    area = filler(NEAR.start, PAGE)
    plain = Allocated(area=area, requested=PAGE, added=(area,))
    failure = Failed(type=None, requested=1, owner=None, reason="")
    attempt = Failed(type=None, requested=1, owner=None, reason="", attempt=True)
    hazard = HazardFound(rule="r", message="m")
    assert telling([plain, spilled(PAGE), failure]) == 2
    assert telling([plain, hazard, attempt, spilled(PAGE), spilled(PAGE)]) == 3
    assert telling([plain, hazard, plain]) == 1
    assert telling([Noted(message="x"), plain, Noted(message="y")]) == 1
    assert telling([plain, plain]) is None
    assert telling([Noted(message="x"), Noted(message="y")]) == 1
    assert telling([]) is None


def test_a_load_is_told_as_one() -> None:
    simulation = open_booted("arm64")
    simulation.load("btrfs")
    text = said(simulation.history).text
    assert text.startswith("btrfs and 3 others: 13 areas, 2.1M, and 408K for its start that came")
    assert text.endswith("near the kernel are taken, 59.2M are left in one piece.")
    simulation.history.undo()
    assert simulation.history.step < simulation.history.steps


def test_what_is_left_of_a_large_window_is_not_all_of_it() -> None:
    """2G are 2,034.7M, too: 13.3M of 2G were taken and 2G were left."""
    text = sentence(open_booted("s390").history.snapshot()).text
    assert text.endswith("of 2G are taken, the rest is left, almost all in one piece.")


def test_a_page_array_of_vmalloc_is_no_owner_and_no_area_of_a_load() -> None:
    """On riscv modules are so big that vmalloc keeps the pages of each in an array elsewhere."""
    booted = open_booted("riscv")
    booted.load("xfs")
    assert said(booted.history).text.startswith("xfs: 4 areas, 13.3M, and 8.5M for its start that")


def test_what_a_command_freed_is_told_as_one() -> None:
    simulation = open_booted("arm64")
    simulation.load("xfs")
    text = next(area for area in simulation.history.snapshot().areas if area.name == "xfs.text")
    simulation.free(text.start)
    assert said(simulation.history).text.startswith("xfs: 4 areas, 3.6M, freed. 18.6M of 80M")


def test_filling_up_is_told_by_its_first_spill_as_it_was_at_that_moment() -> None:
    simulation = open_booted("arm64")
    simulation.fill()
    step = simulation.history.step
    found = said(simulation.history)
    assert found.text == (
        "ath12k.text 344K: the near window had 308K left in one hole, 40K short: placed far away,"
        " every call through a PLT"
    )
    assert found.alarm
    assert simulation.history.step == step


def test_in_the_middle_of_a_group_one_event_is_told() -> None:
    simulation = open_booted("arm64")
    simulation.fill()
    history = simulation.history
    snapshot = history.seek(history.step - 1)
    assert said(history) == sentence(snapshot, snapshot.event)
    assert said(History(ARM64)) == sentence(snap(layout=ARM64))


def test_a_story_of_nothing_but_what_stayed() -> None:
    area = filler(NEAR.start, MIB)
    other = filler(NEAR.start + 2 * MIB, MIB)
    events = [Allocated(area=each, requested=MIB, added=(each,)) for each in (area, other)]
    text = story(snap(area, other), events).text
    assert text.startswith("filler: 2 areas, 2M. 2M of 80M near the kernel are taken, 78M are left")


def test_a_sentence_is_cut_at_a_word_only_where_its_short_form_does_not_fit() -> None:
    said_ = Sentence("twelve long words here", "two words")
    assert said_.fit(30) == "twelve long words here"
    assert said_.fit(10) == "two words"
    assert said_.fit(7) == "two…"
    assert said_.fit(1) == "…"
    assert said_.fit(0) == ""
    assert Sentence("twelve long words", "two words", "came").fit(8) == "came", "what came of it"


def test_a_spill_says_so_in_any_width_that_holds_it() -> None:
    """Seen at 100 columns: ``…, the largest 68K, 7.9M short:…``, and not what came of it."""
    scattered = [filler(NEAR.start + 2 * MIB * at, MIB) for at in range(39)]
    said_ = sentence(snap(*scattered), spilled(8 * MIB))
    assert len(said_.short) > 80
    for width in range(len(said_.brief), 200):
        assert "placed far away" in said_.fit(width)


def test_room_counts_the_image_as_no_room_at_all() -> None:
    room = room_in(ARM64, HoleIndex(snap()), NEAR.start, NEAR.end)
    assert (room.size, room.free, room.holes, room.taken) == (80 * MIB, 80 * MIB, 1, 0)
    assert Room(size=10, free=4, holes=2, largest=3).shortage(3) is Shortage.NONE
    assert Room(size=10, free=4, holes=2, largest=3).shortage(4) is Shortage.FRAGMENTED
    assert Room(size=10, free=4, holes=2, largest=3).shortage(5) is Shortage.EXHAUSTED
    assert Room(size=10, free=4, holes=2, largest=3).short_by(5) == 2


UNKNOWN = evolve(
    ARM64, types={kind: evolve(each, start=0, end=0) for kind, each in ARM64.types.items()}
)
"""A layout as a foreign kernel's: where its types may lie is not known."""


def test_areas_without_addresses_are_not_none() -> None:
    """A hashed list of an unknown kernel had 616 areas, and 0 areas of 0B were told."""
    layout = resolve("generic", "7.1")
    unknown = evolve(
        layout,
        types={
            kind: evolve(entry, start=0, end=0, fallback_start=0, fallback_end=0)
            for kind, entry in layout.types.items()
        },
    )
    blank = Snapshot(layout=unknown, step=1, steps=1, areas=(), counters=Counters())
    module = HiddenArea(size=MIB, caller="load_module", type=ExecmemType.MODULE_TEXT)
    other = HiddenArea(size=PAGE, caller="f")
    both = sentence(evolve(blank, hidden=Hidden(areas=[module, other]))).text
    where = "of executable memory, 1M, without their addresses: where they lie is not known."
    assert both == f"1 area {where}"
    assert sentence(evolve(blank, hidden=Hidden(areas=[other, other]))).text == (
        "2 areas, 8K, without their addresses: whether they are executable memory is not known."
    )
    least = evolve(blank, hidden=Hidden(areas=[module], complete=False))
    assert sentence(least).text == f"At least 1 area {where}"
    refused = sentence(evolve(blank, hidden=Hidden(complete=False))).text
    assert refused == "No area is shown: where executable memory lies is not known."
    assert sentence(blank).text.startswith("0 areas of executable memory, 0B;")


def test_hidden_areas_make_it_at_least() -> None:
    """Neither the rest is free then, nor is anything left in one piece."""
    state = evolve(
        snap(filler(NEAR.start, 20 * MIB)),
        hidden=Hidden(areas=[HiddenArea(size=PAGE, caller="f")]),
    )
    found = sentence(state)
    assert found.text.endswith("at least 20M of 80M are taken; what is left is not known.")
    assert found.short == "At least 20M of 80M are taken; what is left is not known."
    assert "not known" not in sentence(evolve(state, hidden=Hidden())).text
    refused = evolve(state, hidden=Hidden(complete=False))
    assert sentence(refused).text.endswith(
        "at least 20M of 80M are taken; what is left is not known."
    )
    nothing = sentence(evolve(refused, areas=()))
    assert nothing.text.endswith(": how much of 80M is taken is not known.")
    assert nothing.short == "How much of 80M is taken is not known."
    least = sentence(evolve(state, areas=(), hidden=Hidden((HiddenArea(size=PAGE, caller="f"),))))
    assert "at least 0B of 80M" in least.text


def test_an_area_of_no_type_has_no_window() -> None:
    area = Area(start=0x1000, size=PAGE, owner="ioremap")
    event = Allocated(area=area, requested=PAGE, added=(area,))
    assert sentence(snap(), event).text == "ioremap 4K: other memory of the kernel, at 1000"


@pytest.mark.parametrize("layout", [UNKNOWN, ARM64], ids=["range unknown", "window unknown"])
def test_where_a_window_is_not_known_only_the_place_is_told(layout: Layout) -> None:
    area = filler(NEAR.start, PAGE)
    area = area if layout is ARM64 else evolve(area, window=Window.PREFERRED)
    event = Allocated(area=area, requested=PAGE, added=(area,))
    text = sentence(snap(layout=layout), event).text
    assert text == f"filler 4K: placed at {NEAR.start:x}"


def test_a_failure_where_nothing_is_known_says_its_reason() -> None:
    event = Failed(type=ExecmemType.MODULE_TEXT, requested=PAGE, owner="m", reason="no room")
    assert sentence(snap(layout=UNKNOWN), event).text.startswith("m 4K FAILED: no room")


def test_an_attempt_without_a_second_window_looks_again() -> None:
    event = Failed(
        type=ExecmemType.MODULE_TEXT, requested=3 << 30, owner="m", reason="no", attempt=True
    )
    text = sentence(snap(layout=resolve("x86")), event).text
    assert text.endswith(": purge and look again")


def test_a_purge_that_finds_nothing_says_so_and_one_elsewhere_says_nothing_of_room() -> None:
    nothing = Purged(kind="drain", purged=0)
    assert sentence(snap(), nothing).text.endswith("finds nothing to purge: no freed area waited")
    at_start, at_end = (Area(start=each, size=PAGE) for each in (NEAR.start, NEAR.end))
    for lazy, told in ((at_start, True), (at_end, False)):
        text = sentence(snap(), Purged(kind="drain", purged=1, removed=(lazy,))).text
        assert text.endswith("usable again") is not told
        assert ("left in one piece" in text) is told
    inside = Purged(kind="drain", purged=1, removed=(at_start,))
    assert sentence(snap(layout=UNKNOWN), inside).text.endswith("usable again")


def test_windows_up_to_64_gib_say_what_is_left() -> None:
    for size, told in ((64 << 30, True), ((64 << 30) + PAGE, False)):
        entry = evolve(NEAR, start=0, end=size, fallback_start=0, fallback_end=0)
        layout = evolve(
            ARM64, types={**ARM64.types, ExecmemType.MODULE_TEXT: entry}, symbols={}, early_areas=()
        )
        assert ("may lie anywhere" in sentence(snap(layout=layout)).text) is not told
        area = evolve(filler(0, PAGE), window=Window.PREFERRED)
        event = Allocated(area=area, requested=PAGE, added=(area,))
        assert ("left" in sentence(snap(area, layout=layout), event).text) is told

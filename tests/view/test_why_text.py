"""*Why* in words: each line names its number, its window and its reason."""

import re

import pytest
from attrs import evolve

from execmem_tui.analysis.why import Look, Passed, Why, ask, why
from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Purged
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.view.why_text import (
    attempt_words,
    look_text,
    looks,
    request_span,
    scale_lines,
    why_lines,
    why_title,
)
from tests.layouts import make_area, make_layout
from tests.recorded import exhausted

MIB = 1 << 20
KIB = 1 << 10
TEXT = ExecmemType.MODULE_TEXT


@pytest.fixture(scope="module")
def trace() -> History:
    return exhausted()


def explained(history: History, step: int) -> Why:
    found = why(history, step)
    assert found is not None
    return found


def test_the_spill_of_sctp(trace: History) -> None:
    found = explained(trace, 4681)
    assert why_title(found) == "sctp.text, 276K + guard, 55.949 s"
    assert why_lines(trace.layout, found) == [
        "near       180K left, 1 hole, 100K short: EXHAUSTED, not fragmented",
        "purge      gave back 1 area, none of it here",
        "took       far ffff800002f00000: calls to the kernel through a PLT",
        "in the way bnxt_en.data 76K · rodata 52K · ro_after_init 4K → would leave 324K",
    ]


def test_few_modules_are_named_and_what_many_small_ones_would_save() -> None:
    """After `B` on x86 the line had ``snd_sof 180K · ... and 77 more, 8M in 144 areas``."""
    simulation = open_booted("x86")
    simulation.fill()
    history = simulation.history
    found = explained(history, history.step)
    lines = why_lines(history.layout, found)
    assert lines[-2] == "in the way module 1 8M → would leave 10.7M"
    assert re.fullmatch(r"or +81 smaller ones from snd_sof on, [0-9.]+K less in all", lines[-1])


def test_a_fragmented_window(trace: History) -> None:
    found = ask(trace.peek(35_500), TEXT, 20 * MIB)
    assert why_title(found) == "a request of MODULE_TEXT, 20M + guard"
    lines = why_lines(trace.layout, found)
    assert lines[0].endswith("27 holes, the largest 17.2M, 2.8M short: FRAGMENTED, not exhausted")
    assert lines[1] == "purge      gives back nothing that helps"
    assert lines[2] == "goes       far ffff800007793000"
    assert lines[3].startswith("in the way configfs ")
    assert lines[3].endswith("200K in 11 areas → would leave 20.9M")


def test_a_placement_that_is_no_surprise(trace: History) -> None:
    assert why_lines(trace.layout, explained(trace, 4682)) == [
        "near       the first hole takes it; 180K left",
        "took       near ffff80007ffd3000: the lowest hole that fits",
    ]
    passed = why_lines(trace.layout, ask(trace.peek(35_500), TEXT, MIB))
    assert passed[0] == "near       2 lower holes are passed over"


def test_what_disagrees_says_so(trace: History) -> None:
    found = explained(trace, 4682)
    assert found.actual is not None
    moved = evolve(found, actual=evolve(found.actual, start=found.actual.start + 4096))
    assert "but        the rules give ffff80007ffd3000" in "\n".join(why_lines(trace.layout, moved))


def test_the_purge_says_how_much_of_it_was_here(trace: History) -> None:
    found = explained(trace, 4681)
    here = Area(start=found.preferred.start, size=4096)
    for purged, text in (
        (Purged(kind="reclaim", purged=0), "gave back nothing: nothing was lazy"),
        (
            Purged(kind="reclaim", purged=2, removed=(here, here)),
            "gave back 2 areas, 2 of them here",
        ),
    ):
        assert text in why_lines(trace.layout, evolve(found, purged=purged))[1]


def test_a_failure_and_an_architecture_with_one_window() -> None:
    simulation = open_simulation("arm64", "7.1", None, "off")
    found = ask(simulation.history.snapshot(), TEXT, 3 << 30)
    lines = why_lines(simulation.history.layout, found)
    assert lines[2] == "goes       nowhere: it FAILS, the far window has no hole either"
    assert lines[3] == "in the way no module whose going would make room"
    layout = resolve("riscv")
    empty = Snapshot(layout=layout, step=0, steps=0, areas=(), counters=Counters())
    lines = why_lines(layout, ask(empty, TEXT, 4 << 30))
    assert lines[0].startswith("window     ")
    assert lines[2] == "goes       nowhere: it FAILS"


def test_alignment_is_named_where_room_is_not_the_reason() -> None:
    layout = make_layout(pages=15)
    entry = evolve(layout.range_of(TEXT), alignment=8 * 4096)
    layout = evolve(layout, types={**layout.types, TEXT: entry})
    areas = (make_area(0, guard=False), make_area(14, guard=False))
    snapshot = Snapshot(layout=layout, step=0, steps=0, areas=areas, counters=Counters())
    line = why_lines(layout, ask(snapshot, TEXT, 7 * 4096))[0]
    assert line.endswith("none aligned to 32K")


def test_what_was_looked_at_comes_in_order_with_words(trace: History) -> None:
    found = list(looks(ask(trace.peek(35_500), TEXT, MIB)))
    assert [text for _, text in found] == [
        "324K: too small by 704K",
        "24K: too small by 1004K",
        "17.2M: takes it, at its lower end",
    ]
    lazy = Look(start=0, end=8192, passed=Passed.LAZY)
    assert look_text(lazy) == "8K: freed, waits for a purge"
    aligned = Look(start=0, end=8192, passed=Passed.MISALIGNED, short_by=4096)
    assert look_text(aligned) == "8K: too small once aligned by 4K"


def test_a_piece_of_a_rox_block_is_no_hole() -> None:
    booted = open_booted("x86")
    lines = why_lines(booted.history.layout, ask(booted.history.snapshot(), TEXT, 4096))
    assert lines[0].startswith("window     a free piece of a ROX block takes it")


@pytest.mark.parametrize("width", [60, 76, 116])
def test_the_largest_hole_and_the_request_have_one_scale(trace: History, width: int) -> None:
    found = explained(trace, 4681)
    hole, asked = scale_lines(found, width)
    assert max(len(hole), len(asked)) <= width
    assert hole.endswith(" 180K, 100K short")
    assert asked.endswith(" 280K with its guard")
    full, whole = hole.count("█"), asked.count("█")
    assert full + hole.count("░") == whole
    assert abs(full - whole * 180 / 280) <= 1
    assert request_span(found) == (0xFFFF80007FFD3000, 0xFFFF80007FFD3000 + 280 * KIB)


def test_of_many_holes_the_largest_is_drawn(trace: History) -> None:
    found = ask(trace.peek(35_500), TEXT, 20 * MIB)
    hole, _ = scale_lines(found, 100)
    assert " 17.2M, 2.8M short" in hole


def test_where_it_fits_or_there_is_no_room_for_a_bar_nothing_is_drawn(trace: History) -> None:
    assert scale_lines(explained(trace, 4682), 100) == []
    assert request_span(explained(trace, 4682)) is None
    assert scale_lines(explained(trace, 4681), 38) == []


@pytest.mark.parametrize(
    ("owners", "users", "words"),
    [
        ((), (), "free it and try again"),
        (("nft_ct",), (), "unload nft_ct and try again"),
        (("sunrpc",), ("nfs", "lockd"), "unload sunrpc and what uses it, and try again"),
        (("a", "b"), ("b",), "unload a and 1 more and try again"),
        (("a", "b"), ("b", "c"), "unload a and 1 more and what uses them, and try again"),
    ],
)
def test_what_trying_again_unloads(
    owners: tuple[str, ...], users: tuple[str, ...], words: str
) -> None:
    assert attempt_words(owners, users) == words

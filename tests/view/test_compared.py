"""A comparison in words: names, sums, the table, a single place."""

import pytest
from attrs import evolve

from execmem_tui.analysis.superpose import Superposition
from execmem_tui.arch import resolve
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Noted
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.base import Side
from execmem_tui.view.compared import (
    DifferenceOrder,
    compared,
    compared_text,
    difference_lines,
    moment,
    names_of,
    place_lines,
    sums_text,
    table,
    table_head,
    table_line,
)

A, B = resolve("arm64", kaslr="off"), resolve("arm64", "6.12", kaslr="7")
TEXT = ExecmemType.MODULE_TEXT
PAGE = 4096
START = B.range_of(TEXT).start


def area(offset: int, owner: str, pages: int = 1, start: int = A.range_of(TEXT).start) -> Area:
    return Area(
        start=start + offset * PAGE,
        size=pages * PAGE,
        type=TEXT,
        owner=owner,
        region="MOD_TEXT",
        window=Window.PREFERRED,
    )


def snap(*areas: Area, layout: object = A, step: int = 5) -> Snapshot:
    chosen = A if layout is A else B
    return Snapshot(layout=chosen, step=step, steps=9, areas=areas, counters=Counters())


BEFORE = snap(area(0, "same"), area(2, "moves"), area(4, "grows"), area(6, "gone", 3))
AFTER = snap(
    area(0, "same", start=START),
    area(9, "moves", start=START),
    area(4, "grows", 3, start=START),
    area(20, "new", 2, start=START),
    layout=B,
)
FOUND = Superposition(BEFORE, AFTER)


def test_the_sums_say_every_difference() -> None:
    assert sums_text(FOUND) == (
        "1 only A 12K · 1 only B 8K · 1 moved · 1 grown 8K · 1 same: 4K more"
    )
    assert sums_text(Superposition(BEFORE, BEFORE)) == "4 same"
    assert sums_text(Superposition(snap(), snap())) == "nothing to compare"


def test_names_tell_one_from_the_other() -> None:
    one, two = Side(BEFORE, "a laptop"), Side(AFTER, "a laptop")
    assert names_of(one, two) == ("kernel 7.1.8 · KASLR off", "kernel 6.12.107 · KASLR seed-7")
    assert names_of(one, Side(AFTER, "a server")) == (
        "kernel 7.1.8 · KASLR off · a laptop",
        "kernel 6.12.107 · KASLR seed-7 · a server",
    )
    assert names_of(one, Side(snap(step=7), "a laptop")) == ("step 5", "step 7")


def test_a_moment_is_a_step_or_the_mark_there() -> None:
    assert moment(BEFORE) == "step 5"
    mark = Noted(message="2-full: 500 areas", mark=True)
    assert moment(evolve(BEFORE, event=mark)) == "2-full"
    assert moment(evolve(BEFORE, event=evolve(mark, mark=False))) == "step 5"


@pytest.mark.parametrize("width", [30, 80, 120, 200])
def test_one_line_has_the_sums_before_the_names(width: int) -> None:
    it = compared(Side(BEFORE, "a laptop"), Side(AFTER, "a laptop"), FOUND)
    text = compared_text(it, width)
    assert len(text) <= width
    assert "1 only A 12K" in text
    assert ("4K more" in text) is (width >= 80)
    assert ("kernel 7.1.8" in text) is (width >= 120)


def test_the_moment_itself_and_hidden_addresses_are_said() -> None:
    side = Side(BEFORE, "a laptop")
    it = compared(side, side, Superposition(BEFORE, BEFORE))
    assert "this moment is A" in compared_text(it, 120)
    hidden = evolve(BEFORE, hidden=Hidden(complete=False))
    it = compared(side, Side(hidden, "x"), Superposition(BEFORE, hidden))
    assert "cannot be laid over" in compared_text(it, 120)
    assert "cannot be laid over" in difference_lines(side, Side(hidden, "x"))[2]


def test_a_place_says_what_became_of_it() -> None:
    it = compared(Side(BEFORE, "a laptop"), Side(AFTER, "a laptop"), FOUND)

    def at(page: int) -> list[str]:
        return list(place_lines(it, START + page * PAGE))

    assert at(0) == ["the same in A"]
    assert at(9) == ["moved", "in A ffff80007b002000, 4K"]
    assert at(4) == ["+8K against A", "in A ffff80007b004000, 4K"]
    assert at(20) == ["only in B"]
    assert at(7) == ["only in A: gone text 12K", "in A ffff80007b006000"]
    assert at(30) == []


def test_the_table_in_three_orders() -> None:
    def owners(order: DifferenceOrder) -> list[str | None]:
        return [each.area.owner for each in table(FOUND, order)]

    assert owners(DifferenceOrder.DELTA) == ["gone", "grows", "new", "moves"]
    assert owners(DifferenceOrder.ADDRESS) == ["grows", "gone", "moves", "new"]
    assert owners(DifferenceOrder.OWNER) == ["gone", "grows", "moves", "new"]
    order = DifferenceOrder.DELTA
    assert [order := order.next() for _ in range(3)][-1] is DifferenceOrder.DELTA


def test_a_line_of_the_table_stands_under_its_heads() -> None:
    lines = [table_line(each, 64) for each in table(FOUND)]
    assert lines[0].split() == [
        "gone",
        "text",
        "12K",
        "–",
        "-12K",
        "only",
        "A",
        f"{START + 6 * PAGE:x}",
    ]
    assert lines[1].split() == [
        "grows",
        "text",
        "4K",
        "12K",
        "+8K",
        "grown",
        f"{START + 4 * PAGE:x}",
    ]
    assert lines[3].split() == ["moves", "text", "4K", "4K", "0", "moved", f"{START + 9 * PAGE:x}"]
    at = table_head().index("delta") + len("delta")
    assert {line[:at].split()[-1] for line in lines} == {"-12K", "+8K", "0"}
    assert all(line.index("ffff") == table_head().index("B · by") for line in lines)


def test_a_narrow_table_cuts_the_owners() -> None:
    one = table(FOUND)[1]
    long = evolve(one, after=evolve(one.area, owner="a_module_of_a_long_name"))
    for width in (75, 78, 90, 120):
        assert len(table_line(long, 64, width)) <= width
        assert len(table_head(width=width)) <= width
    assert table_line(long, 64, 78).startswith("a_module_o… text")


def test_all_of_it_as_lines() -> None:
    lines = difference_lines(Side(BEFORE, "a laptop"), Side(AFTER, "a laptop"))
    assert lines[:3] == [
        "A  kernel 7.1.8 · KASLR off",
        "B  kernel 6.12.107 · KASLR seed-7",
        sums_text(FOUND),
    ]
    assert len(lines) == 3 + 2 + 4
    same = difference_lines(Side(BEFORE, "x"), Side(BEFORE, "x"))
    assert same[2:] == ["4 same"]

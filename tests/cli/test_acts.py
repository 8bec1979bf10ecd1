"""What is done by hand, said in words that do it again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.cli.acts import FORMS, perform
from execmem_tui.commands.act_words import allocate_act
from execmem_tui.commands.by_hand import Again
from execmem_tui.model.errors import ExecmemTuiError, UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import Simulation, open_simulation

ACTS = st.sampled_from(
    [
        "alloc MODULE_TEXT 300K",
        "alloc MODULE_DATA 4097 3",
        "alloc BPF 2M 2 mine",
        "load xfs",
        "load amdgpu",
        "insert BPF",
        "insert KPROBES",
        "purge",
        "purge drain",
        "undo",
        "back",
    ]
)


def _machine() -> Simulation:
    return open_simulation("arm64", "7.1", "va48-4k", "off")


def _areas(simulation: Simulation) -> list[tuple[int, int, str]]:
    areas = simulation.history.snapshot().areas
    return [(area.start, area.size, area.name) for area in areas]


def _again(simulation: Simulation) -> Simulation:
    other = _machine()
    for act in simulation.acts(simulation.history.step):
        perform(other, act)
    return other


@settings(max_examples=30, deadline=None)
@given(st.lists(ACTS, max_size=8))
def test_what_was_done_is_done_again_to_the_last_address(acts: list[str]) -> None:
    simulation = _machine()
    for act in acts:
        if act == "undo":
            simulation.history.undo()
        elif act == "back":
            simulation.history.seek(simulation.history.step - 1)
        else:
            try:
                perform(simulation, act)
            except UsageError:
                continue  # loaded already
    if not simulation.is_whole(simulation.history.step):
        simulation.history.undo()
    assert _areas(_again(simulation)) == _areas(simulation)


def test_filling_freeing_and_making_room_are_done_again() -> None:
    simulation = open_booted("arm64")
    simulation.fill()
    first = next(area for area in simulation.history.snapshot().areas if area.owner == "xfs")
    simulation.free(first.start)
    second = next(area for area in simulation.history.snapshot().areas if area.owner == "ext4")
    again = Again(kind=ExecmemType.MODULE_TEXT, size=4096, owner="mine")
    simulation.make_room((second,), again)
    acts = simulation.acts(simulation.history.step)
    assert [act.split()[0] for act in acts] == ["fill", "free", "room"]
    other = open_booted("arm64")
    for act in acts:
        perform(other, act)
    assert _areas(other) == _areas(simulation)


def test_what_is_told_is_up_to_a_step_and_by_its_first_event() -> None:
    simulation = _machine()
    simulation.allocate(ExecmemType.MODULE_TEXT, 4096)
    middle = simulation.history.step
    simulation.purge()
    simulation.load("xfs")
    assert simulation.acts(middle) == ("alloc MODULE_TEXT 4K",)
    assert simulation.act_steps()[middle + 1] == "purge aliases"
    assert simulation.is_whole(middle)
    assert not simulation.is_whole(middle + 2)
    assert simulation.acts(simulation.history.step)[-1] == "load xfs"


def test_an_owner_that_is_no_word_has_none() -> None:
    assert allocate_act(ExecmemType.BPF, 4096, 1, "two words") == ""


@pytest.mark.parametrize(
    "act",
    ["", "fly", "alloc", "alloc NONE 4K", "alloc BPF x", "alloc BPF 4K many", "load nosuch",
     "free zzz", "free 1", "room 1 BPF 4K x", "purge all", "fill up", "insert MODULE_NONE"],
)  # fmt: skip
def test_what_cannot_be_done_is_said(act: str) -> None:
    with pytest.raises(ExecmemTuiError):
        perform(_machine(), act)


def test_each_form_has_its_verb() -> None:
    simulation = _machine()
    for form in FORMS:
        with pytest.raises(UsageError) as caught:
            perform(simulation, f"{form.split()[0]} 1 2 3 4 5 6 7")
        assert caught.value.hint == f"it is: {form}"

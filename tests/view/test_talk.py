"""The application in lines: every key does in words what it does on the screen."""

from pathlib import Path

import pytest

from execmem_tui.sources.opening import open_path
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.view.actions import rebound
from execmem_tui.view.talk import Talk

CAPTURE = str(Path(__file__).parents[1] / "data" / "captures" / "arm64-7.2.13-nokaslr")


def talk() -> Talk:
    return Talk(open_simulation("arm64", "7.1", "va48-4k", "off"))


def told(conversation: Talk, *lines: str) -> list[str]:
    """What is said to the last of some lines."""
    answers = [list(conversation.answer(line)) for line in lines]
    return answers[-1]


def test_it_begins_with_what_is_looked_at() -> None:
    assert list(talk().greeting()) == [
        "simulated arm64 7.1.8 va48-4k. ? lists the keys, an empty line says how things stand.",
        "Module code must lie near the kernel: 0B of 80M are taken, 80M are left in one piece.",
        "Pane 1, MODULE: nothing.",
        "Step 0 of 0.",
    ]


def test_a_module_comes_is_found_goes_and_comes_back() -> None:
    conversation = talk()
    found = told(conversation, "i xfs\n")
    assert found[0].startswith("xfs: 4 areas, 3.6M, and 980K for its start that came and went.")
    assert found[1:3] == ["Pane 1, MODULE: 4 areas 3.6M.", "Step 22 of 22."]
    assert found[3].startswith("ffff80007b394000; xfs.ro_after_init; "), "not where init was"
    assert "ffff80007b000000 to ffff80007b1d6000; 1.8M" in told(conversation, "g xfs")[0]
    assert told(conversation, "f")[1] == "Pane 1, MODULE: nothing."
    assert told(conversation, "u")[1] == "Pane 1, MODULE: 4 areas 3.6M."
    assert told(conversation, "u", "u") == ["nothing to take back."]
    assert told(conversation, "ctrl+r")[2] == "Step 22 of 31."
    assert told(conversation, "ctrl+r")[2] == "Step 31 of 31."
    assert told(conversation, "ctrl+r") == ["nothing to do again."]


def test_areas_are_walked_in_their_order() -> None:
    conversation = talk()
    told(conversation, "i xfs", "g xfs")
    first = conversation.cursor
    assert "; xfs." in told(conversation, "w")[0]
    assert conversation.cursor > first
    told(conversation, "b")
    assert conversation.cursor == first
    assert told(conversation, "b", "b", "b") == ["there is no further area that way."]


def test_panes_have_consumers_of_their_own() -> None:
    conversation = talk()
    assert told(conversation, "2")[1] == "Pane 2, KPROBES: nothing."
    assert told(conversation, "i")[1] == "Pane 2, KPROBES: 1 area 8K."
    assert told(conversation, "tab", "tab", "a")[1] == "Pane 4, BPF: 1 area 2M."
    assert told(conversation, "tab")[1].startswith("Pane 1, MODULE: ")
    assert told(conversation, "2", "g xfs")[0].startswith("no place is called xfs")
    told(conversation, "1", "a", "2", "g ffff80007b000000")
    assert conversation.pane == 1, "the pane of the area"


def test_filling_spills_and_says_so() -> None:
    conversation = talk()
    found = told(conversation, "3", "B")
    assert "placed far away, every call through a PLT" in found[0]
    assert found[1].startswith("Pane 1, MODULE: ")
    assert found[1].endswith(" spilled.")
    assert "fallback range" in found[3], "the cursor is on what spilled"


def test_a_purge_is_told() -> None:
    conversation = talk()
    found = told(conversation, "4", "a", "f")
    assert found[0] == "bpf 1 2M: freed, and purged at once: usable again"
    found = told(conversation, "p")
    assert found[0] == "vm_unmap_aliases finds nothing to purge: no freed area waited"


def test_events_are_gone_through() -> None:
    conversation = talk()
    told(conversation, "a", "a")
    steps = conversation.source.history.steps
    assert told(conversation, "[")[2] == f"Step {steps - 1} of {steps}."
    assert told(conversation, "]")[2] == f"Step {steps} of {steps}."
    assert told(conversation, "]") == ["there is no further event that way."]
    assert told(conversation, "ctrl+home")[2] == f"Step 0 of {steps}."
    assert told(conversation, "[") == ["there is no further event that way."]
    assert told(conversation, "ctrl+end")[2] == f"Step {steps} of {steps}."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("i", "which module? (its name behind the key)."),
        ("i xsf", "xsf"),
        ("f", "nothing to free at "),
        ("z", "Fit: that key works on the screen only."),
        ("nonsense\x1b", "No key is called nonsense\\x1b."),
        ("g @1", "a moment cannot be gone to here"),
        ("[", "Nothing has happened yet: there is no other moment."),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(line: str, words: str) -> None:
    conversation = talk()
    found = told(conversation, line)
    assert len(found) == 1
    assert words in found[0]
    assert not conversation.source.history.steps
    assert not conversation.over


def test_nobody_commands_a_capture() -> None:
    conversation = Talk(open_path(CAPTURE))
    assert told(conversation, "a") == ["Only a simulation takes commands, and this is none."]
    assert told(conversation, "")[1].startswith("Pane 1, MODULE: ")


def test_help_lists_what_works_here_and_a_users_keys_hold() -> None:
    conversation = Talk(talk().source, rebound({"quit": "Q", "insert": "I"}))
    found = told(conversation, "?")
    assert "I MODULE: load a module; in the other panes a probe, a tracer, a program." in found
    assert not any(line.startswith("z: ") for line in found)
    assert told(conversation, "q") == ["No key is called q."]
    assert not conversation.over
    assert told(conversation, "Q") == []
    assert conversation.over


def test_moments_and_machines_are_compared_in_lines() -> None:
    conversation = talk()
    assert told(conversation, "&") == ["nothing is compared (= pins this moment, C compares)."]
    assert told(conversation, ";") == ["nothing is compared (= pins this moment, C compares)."]
    assert told(conversation, "=") == ["step 0 is pinned as A."]
    lines = told(conversation, "i xfs", "&")
    assert lines[:3] == ["A  step 0", "B  step 22", "4 only B 3.6M: 3.6M more"]
    assert lines[5].split()[:5] == ["xfs", "text", "–", "1.8M", "+1.8M"]
    first = told(conversation, "g ffff80007b000000", ";")
    assert first[0].split()[:2] == ["xfs", "data"]
    assert told(conversation, ",")[0].split()[:2] == ["xfs", "text"]
    assert told(conversation, ",") == ["there is no further difference that way."]
    assert told(conversation, "=") == ["Nothing is compared any more."]
    assert "6.12.107" in told(conversation, "C kernel=6.12")[0]

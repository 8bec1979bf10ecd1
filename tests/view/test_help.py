"""The help: keys by group, words as a narrow panel can hold them."""

from execmem_tui.help import page
from execmem_tui.view.actions import ACTIONS
from execmem_tui.view.help import help_groups, word_lines


def test_words_are_told_in_lines_of_a_narrow_panel() -> None:
    lines = list(word_lines(page("words"), 42))
    assert all(len(line) <= 42 for line, _ in lines)
    words = [line for line, meaning in lines if not meaning]
    assert words[0] == "execmem"
    assert {"spill", "kprobe", "hole", "PLT entry", "tenant"} <= set(words)
    assert not {"word", "---"} & set(words)
    told = " ".join(line.strip() for line, meaning in lines if meaning)
    assert "purged: not reusable (unpurged vm_area)" in told
    assert "|" not in told
    assert "`" not in told


def test_keys_with_names_are_spelled_as_hints_spell_them() -> None:
    keys = {text.strip() for _, lines in help_groups(ACTIONS, 42) for text, _ in lines}
    assert {"Tab", "Enter", "Esc", "Space", "Backspace", "PgUp"} <= keys
    assert not {"tab", "enter", "escape", "space", "backspace"} & keys
